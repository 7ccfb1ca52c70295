// SPDX-License-Identifier: MPL-2.0
//! One request.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

use super::part::Held;
use super::{DownloadError, Limits, Url};

/// The longest wait for the host's address, and for a connection with it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A server's response to a request.
#[derive(Debug)]
pub enum Response {
    /// The whole file follows.
    Whole(Content),
    /// The bytes after those that are there already.
    Rest(Content),
    /// The file is there already, whole.
    Complete,
    /// The server's file has changed since the bytes that are there were fetched.
    Changed,
}

/// Bytes to come.
#[derive(Debug)]
pub struct Content {
    /// Length of the whole file, if the server says.
    pub total: Option<u64>,
    /// The server's name for this version of the file, fit for `If-Range`.
    pub validator: Option<String>,
    body: Body,
}

/// What sends the requests for `url`: with the proxies of the environment and the certificate
/// authorities of the system.
pub fn agent(url: &Url, limits: &Limits) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        // An https URL is not to become another one by redirection.
        .https_only(url.is_https())
        .user_agent(concat!("gst-resnet50/", env!("CARGO_PKG_VERSION")))
        // A range is one of the encoded bytes.
        .accept_encoding("identity")
        .tls_config(TlsConfig::builder().root_certs(authorities()).build())
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(limits.idle))
        .timeout_per_read(Some(limits.idle))
        .timeout_per_write(Some(limits.idle))
        .build()
        .new_agent()
}

/// The system's, which know a company's own; Mozilla's where it has none, as in small containers.
fn authorities() -> RootCerts {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return RootCerts::WebPki;
    }
    let certificates = found.iter().map(|c| Certificate::from_der(c).to_owned());
    RootCerts::from(certificates.collect::<Vec<_>>())
}

/// Asks for the file, or for what follows the part of it that is held.
pub fn get(
    agent: &Agent,
    url: &Url,
    held: Option<&Held>,
    limits: &Limits,
) -> Result<Response, DownloadError> {
    let mut request = agent.get(url.as_uri());
    if let Some(held) = held {
        request = request
            .header(header::RANGE, format!("bytes={}-", held.length))
            .header(header::IF_RANGE, &held.validator);
    }
    let (head, body) = request
        .call()
        .map_err(|e| DownloadError::Unreachable {
            url: url.to_string(),
            reason: reason(e, limits),
        })?
        .into_parts();

    let validator = validator(&head.headers);
    let range = head.headers.get(header::CONTENT_RANGE);
    let range = range.and_then(|r| ContentRange::read(r.to_str().ok()?));
    let same = |held: &Held| validator.as_ref().is_none_or(|v| *v == held.validator);
    match (head.status, held) {
        (StatusCode::OK, _) => Ok(Response::Whole(Content {
            total: body.content_length(),
            validator,
            body,
        })),
        (StatusCode::PARTIAL_CONTENT, Some(held)) => match range {
            Some(range) if range.start == Some(held.length) && same(held) => {
                Ok(Response::Rest(Content {
                    total: range.total,
                    validator,
                    body,
                }))
            }
            _ => Ok(Response::Changed),
        },
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(held)) => match range {
            Some(range) if range.total == Some(held.length) && same(held) => Ok(Response::Complete),
            _ => Ok(Response::Changed),
        },
        (status, _) => Err(DownloadError::Status {
            url: url.to_string(),
            status,
        }),
    }
}

impl Content {
    /// The bytes. Its errors are for [`reason`].
    pub fn into_reader(self) -> impl Read {
        self.body.into_reader()
    }
}

/// The ETag, or without one the date, as `If-Range` takes them: a weak ETag stands for files that
/// need not be the same to the byte.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    text(header::ETAG)
        .filter(|tag| tag.starts_with('"'))
        .or_else(|| text(header::LAST_MODIFIED))
}

/// `bytes 5-9/10`, `bytes 5-9/*` or `bytes */10`.
#[derive(Debug, PartialEq)]
struct ContentRange {
    start: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn read(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let start = range.split_once('-').map_or("*", |(start, _)| start);
        Some(Self {
            start: start.trim().parse().ok(),
            total: total.trim().parse().ok(),
        })
    }
}

/// What happened, for people.
pub fn reason(error: ureq::Error, limits: &Limits) -> String {
    let reason: String = match error {
        ureq::Error::HostNotFound => "its host is not known".into(),
        ureq::Error::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection".into()
        }
        // So it is when the server's certificate is refused.
        ureq::Error::Io(e) if e.kind() == io::ErrorKind::InvalidData => format!(
            "{e} (the certificate authorities are the system's, or those of $SSL_CERT_FILE)"
        ),
        ureq::Error::Io(e) => e.to_string(),
        ureq::Error::Timeout(Timeout::Resolve) => format!(
            "the address of its host was not found in {} s",
            CONNECT_TIMEOUT.as_secs()
        ),
        ureq::Error::Timeout(Timeout::Connect) => {
            format!("there was no connection in {} s", CONNECT_TIMEOUT.as_secs())
        }
        ureq::Error::Timeout(_) => format!("nothing came for {:?}", limits.idle),
        ureq::Error::ConnectProxyFailed(status) => format!("the proxy refuses: {status}"),
        ureq::Error::Rustls(e) => format!("no secure connection: {e}"),
        ureq::Error::RequireHttpsOnly(to) => {
            format!("it is redirected to {to}, which is not secure")
        }
        other => other.to_string(),
    };
    // Some of it the server has written.
    gstresnet50::text::one_line(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_range() {
        let read = |text| ContentRange::read(text).map(|r| (r.start, r.total));
        assert_eq!(read("bytes 5-9/10"), Some((Some(5), Some(10))));
        assert_eq!(read("bytes 5-9/*"), Some((Some(5), None)));
        assert_eq!(read("bytes */10"), Some((None, Some(10))));
        assert_eq!(read("items 5-9/10"), None);
        assert_eq!(read("bytes 5-9"), None);
    }

    /// Strong ETags before dates, and weak ones not at all.
    #[test]
    fn validators() {
        let of = |headers: &[(header::HeaderName, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.clone(), header::HeaderValue::from_static(value)));
            validator(&headers.collect())
        };
        let date = (header::LAST_MODIFIED, "Wed, 01 Jan 2025 00:00:00 GMT");
        assert_eq!(
            of(&[(header::ETAG, "\"a\""), date.clone()]).as_deref(),
            Some("\"a\"")
        );
        assert_eq!(
            of(&[(header::ETAG, "W/\"a\""), date.clone()]).as_deref(),
            Some(date.1)
        );
        assert_eq!(of(&[(header::ETAG, "W/\"a\"")]), None);
    }
}
