// SPDX-License-Identifier: MPL-2.0
//! Sections of a document that are written by different programs, between comments that name them.

/// The section of `cargo xtask race`.
pub const RACE: &str = "race";

/// The section `name` of a document, with its comments.
pub fn find<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (begin, end) = marks(name);
    let from = text.find(&begin)?;
    let length = text[from..].find(&end)? + end.len();
    Some(&text[from..from + length])
}

/// The document with this content as the section `name`: in place of the one that is there, else at
/// the end.
pub fn replace(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = marks(name);
    let section = format!("{begin}\n{}\n{end}", content.trim());
    match find(text, name) {
        Some(old) => text.replacen(old, &section, 1),
        None => format!("{}\n\n{section}\n", text.trim_end()),
    }
}

fn marks(name: &str) -> (String, String) {
    (
        format!("<!-- {name} -->"),
        format!("<!-- end of {name} -->"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section is appended, found and replaced, and the rest stays.
    #[test]
    fn a_section_is_replaced() {
        let first = replace("# Title\n\ntext\n", "race", "one\n");
        assert_eq!(
            first,
            "# Title\n\ntext\n\n<!-- race -->\none\n<!-- end of race -->\n"
        );
        let more = format!("{first}\nmore\n");
        let second = replace(&more, "race", "two");
        assert_eq!(
            second,
            "# Title\n\ntext\n\n<!-- race -->\ntwo\n<!-- end of race -->\n\nmore\n"
        );
        let section = find(&second, "race").expect("it is there");
        assert_eq!(section, "<!-- race -->\ntwo\n<!-- end of race -->");
        assert_eq!(find(&second, "other"), None);
    }
}
