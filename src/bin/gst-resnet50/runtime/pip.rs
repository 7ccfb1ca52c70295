// SPDX-License-Identifier: MPL-2.0
//! The package index that the user has configured for pip.

use std::ffi::OsString;
use std::path::PathBuf;

/// The index that pip would use: `$PIP_INDEX_URL`, or what its configuration files say. Nothing where
/// neither names one.
pub fn index_url() -> Option<String> {
    find(
        |name| std::env::var_os(name).filter(|value| !value.is_empty()),
        |file| std::fs::read_to_string(file).ok(),
    )
}

fn find(
    variable: impl Fn(&str) -> Option<OsString>,
    read: impl Fn(PathBuf) -> Option<String>,
) -> Option<String> {
    if let Some(url) = variable("PIP_INDEX_URL") {
        return url.into_string().ok();
    }
    let folder = |name: &str, file: &str| Some(PathBuf::from(variable(name)?).join(file));
    // From the most to the least specific, as pip's documentation lists them.
    let files = [
        variable("PIP_CONFIG_FILE").map(PathBuf::from),
        folder("VIRTUAL_ENV", "pip.conf"),
        folder("XDG_CONFIG_HOME", "pip/pip.conf")
            .or_else(|| folder("HOME", ".config/pip/pip.conf")),
        folder("HOME", ".pip/pip.conf"),
        Some("/etc/pip.conf".into()),
        Some("/etc/xdg/pip/pip.conf".into()),
    ];
    let mut texts = files.into_iter().flatten().filter_map(read);
    texts.find_map(|text| in_file(&text))
}

/// The index that a configuration file names. What it says for a command of pip counts before what it
/// says for all.
fn in_file(text: &str) -> Option<String> {
    let mut section = String::new();
    let mut found = [None, None];
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').trim().to_ascii_lowercase();
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            continue;
        };
        let key = key.trim().replace('_', "-").to_ascii_lowercase();
        let place = match section.as_str() {
            "download" | "install" => 0,
            "global" => 1,
            _ => continue,
        };
        if key == "index-url" && !value.trim().is_empty() {
            found[place] = Some(value.trim().to_owned());
        }
    }
    found.into_iter().flatten().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variable first, then the files; in a file a command's section before the general one.
    #[test]
    fn precedence() {
        let conf = "[list]\nindex-url = https://no\n[global]\nindex_url = https://all\ntimeout=9\n";
        let with = |variables: &[(&str, &str)], files: &[(&str, &str)]| {
            find(
                |name| {
                    let found = variables.iter().find(|(known, _)| *known == name);
                    found.map(|(_, value)| value.into())
                },
                |file| {
                    let found = files.iter().find(|(known, _)| file == PathBuf::from(known));
                    found.map(|(_, text)| (*text).to_owned())
                },
            )
        };
        let home = ("HOME", "/home/me");
        let user = ("/home/me/.config/pip/pip.conf", conf);
        assert_eq!(with(&[home], &[user]).as_deref(), Some("https://all"));
        let system = ("/etc/pip.conf", "[install]\nindex-url: https://system\n");
        assert_eq!(
            with(&[home], &[user, system]).as_deref(),
            Some("https://all")
        );
        assert_eq!(with(&[home], &[system]).as_deref(), Some("https://system"));
        let variable = ("PIP_INDEX_URL", "https://mine");
        assert_eq!(
            with(&[home, variable], &[user]).as_deref(),
            Some("https://mine")
        );
        assert_eq!(with(&[home], &[]), None);
        let both = format!("{conf}[download]\nindex-url=https://download\n");
        assert_eq!(in_file(&both).as_deref(), Some("https://download"));
    }
}
