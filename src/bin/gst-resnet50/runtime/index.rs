// SPDX-License-Identifier: MPL-2.0
//! The Python package index: a page for each package, with a link to each of its files (PEP 503).

use crate::download::{self, DownloadError, Limits, Url};

/// The index that pip uses where nothing else is configured.
pub const PYPI: &str = "https://pypi.org/simple";

/// Maximum size of a package's page in bytes. That of onnxruntime has 0.4 MB.
const MAX_PAGE: u64 = 32 << 20;

/// Why an index has not told where a file is.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is no URL that can be fetched from.
    #[error("the package index {0}")]
    Url(String),
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The index has no such package, or the package no such file.
    #[error("the package index {index} has no {file}")]
    NoFile {
        /// The package's page.
        index: String,
        /// What is missing.
        file: String,
    },
}

/// Where an index has a package's file.
///
/// # Errors
/// [`IndexError`].
pub fn locate(index: &str, package: &str, file: &str, limits: &Limits) -> Result<Url, IndexError> {
    let page: Url = format!("{}/{package}/", index.trim_end_matches('/'))
        .parse()
        .map_err(IndexError::Url)?;
    let missing = || IndexError::NoFile {
        index: page.to_string(),
        file: file.to_owned(),
    };
    let text = download::small(&page, MAX_PAGE, limits)?.ok_or_else(missing)?;
    let text = String::from_utf8_lossy(&text);
    let link = links(&text).find(|link| file_name(link) == file);
    let link = link.ok_or_else(missing)?;
    // The checksum behind it is not needed: the file's own is known.
    let link = link.split('#').next().unwrap_or_default();
    page.join(link).map_err(IndexError::Url)
}

/// What the links of a page lead to.
fn links(page: &str) -> impl Iterator<Item = String> {
    page.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (link, _) = rest[1..].split_once(quote)?;
        Some(link.replace("&amp;", "&"))
    })
}

/// The name of the file at the end of a link.
fn file_name(link: &str) -> String {
    let path = link.split(['#', '?']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    // A “+” of a local version is the one character that is escaped in names of wheels.
    name.replace("%2B", "+").replace("%2b", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Links in either kind of quotes, whatever other attributes they have.
    #[test]
    fn finds_links() {
        let page = r#"<html><a href="https://f.org/a/b-1.whl#sha256=00" data-requires-python="&gt;=3.11">b</a>
            <a data-x='1' href='../../b-2%2Bcpu.whl?a=1&amp;b=2'>b</a><a href=none>"#;
        let links: Vec<_> = links(page).collect();
        assert_eq!(
            links,
            [
                "https://f.org/a/b-1.whl#sha256=00",
                "../../b-2%2Bcpu.whl?a=1&b=2"
            ]
        );
        let names: Vec<_> = links.iter().map(|link| file_name(link)).collect();
        assert_eq!(names, ["b-1.whl", "b-2+cpu.whl"]);
    }
}
