// SPDX-License-Identifier: MPL-2.0
//! Addresses that a download can have.

use std::fmt;
use std::str::FromStr;

use ureq::http::Uri;

/// An `http` or `https` URL.
#[derive(Debug, Clone)]
pub struct Url(Uri);

impl Url {
    /// The last part of its path, which names the file; the host where there is no path.
    pub fn file_name(&self) -> &str {
        let segment = self.0.path().rsplit('/').find(|part| !part.is_empty());
        segment.unwrap_or(self.0.host().unwrap_or_default())
    }

    /// Whether it asks for TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Another file of the same folder.
    pub fn beside(&self, name: &str) -> Option<Self> {
        let text = self.0.to_string();
        let path = text.split(['?', '#']).next()?;
        let (folder, _) = path.rsplit_once('/')?;
        format!("{folder}/{name}").parse().ok()
    }

    /// What a link on its page leads to.
    ///
    /// # Errors
    /// If that is no `http` or `https` URL.
    pub fn join(&self, link: &str) -> Result<Self, String> {
        let (scheme, host) = (self.0.scheme_str().unwrap_or("https"), self.0.authority());
        let host = host.map_or("", |host| host.as_str());
        if link.contains("://") {
            return link.parse();
        }
        if let Some(rest) = link.strip_prefix("//") {
            return format!("{scheme}://{rest}").parse();
        }
        let folder = match link.starts_with('/') {
            true => "",
            false => self
                .0
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder),
        };
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in link.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        format!("{scheme}://{host}/{}", parts.join("/")).parse()
    }

    pub(super) fn as_uri(&self) -> &Uri {
        &self.0
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|e| format!("“{text}” is not a URL: {e}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(format!(
                "“{text}” is not a URL that begins with http:// or https://"
            ));
        }
        match uri.authority() {
            // Not said with the text in it: passwords do not belong on a screen.
            Some(authority) if authority.as_str().contains('@') => Err(
                "names and passwords in a URL are not supported: fetch the file with another \
                 program, and give the file instead of the URL"
                    .into(),
            ),
            Some(authority) if !authority.host().is_empty() => Ok(Self(uri)),
            _ => Err(format!("“{text}” names no host")),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    /// The file is named after the last part of the path, whatever follows it.
    #[test]
    fn names() {
        let name = |text: &str| text.parse::<Url>().expect(text).file_name().to_owned();
        assert_eq!(name("https://a.org/models/b-01.pth?token=c/d"), "b-01.pth");
        assert_eq!(name("http://a.org:8080/models/"), "models");
        assert_eq!(name("http://a.org"), "a.org");
    }

    /// Links are absolute, of a host, of a folder, or relative.
    #[test]
    fn links() {
        let page: Url = "https://a.org:81/simple/b/".parse().expect("a URL");
        for (link, expected) in [
            ("https://f.org/c.whl", "https://f.org/c.whl"),
            ("//f.org/c.whl", "https://f.org/c.whl"),
            ("/files/c.whl?t=1", "https://a.org:81/files/c.whl?t=1"),
            (
                "../../packages/x/c.whl",
                "https://a.org:81/packages/x/c.whl",
            ),
            ("../../../../c.whl", "https://a.org:81/c.whl"),
            ("./c.whl", "https://a.org:81/simple/b/c.whl"),
        ] {
            assert_eq!(page.join(link).expect(link).to_string(), expected);
        }
        for link in ["ftp://f.org/c.whl", "https://me:secret@f.org/c.whl"] {
            page.join(link).expect_err(link);
        }
    }

    /// Other schemes, hosts that are missing and passwords are refused.
    #[test]
    fn refused() {
        for (text, expected) in [
            ("ftp://a.org/b.pth", "http:// or https://"),
            ("b.pth", "http:// or https://"),
            ("https://", "is not a URL"),
            ("https://a.org/b c", "is not a URL"),
            ("https://me:secret@a.org/b.pth", "not supported"),
        ] {
            let error = text.parse::<Url>().expect_err(text);
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
