// SPDX-License-Identifier: MPL-2.0
//! The user's presets for an element lie in one file, those that we bring and those that the user
//! has saved: ours are put in and taken out, and the others stay as they are.

/// A preset file, in the format of GLib's key files: `[name]`, then the lines of that preset.
#[derive(Debug)]
struct File<'a> {
    /// Of each group, the name and all its text, the header included.
    groups: Vec<(&'a str, &'a str)>,
}

/// The group that says which element the file is for.
const HEADER: &str = "_presets_";

impl<'a> File<'a> {
    fn parse(text: &'a str) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let header = line.trim().strip_prefix('[');
            if let Some(name) = header.and_then(|it| it.strip_suffix(']')) {
                starts.push((name, at));
            }
            at += line.len();
        }
        let ends = starts.iter().skip(1).map(|(_, start)| *start);
        let ends = ends.chain([text.len()]);
        let groups = starts.iter().zip(ends);
        Self {
            groups: groups
                .map(|((name, start), end)| (*name, text[*start..end].trim_end()))
                .collect(),
        }
    }

    /// The presets themselves.
    fn presets(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.groups
            .iter()
            .copied()
            .filter(|(name, _)| *name != HEADER)
    }
}

/// The user's file with our presets in it: those of the same names are replaced.
pub fn merge(users: &str, ours: &str) -> String {
    let ours = File::parse(ours);
    let header = ours.groups.iter().filter(|(name, _)| *name == HEADER);
    let kept = others(users, &ours);
    let groups = header.copied().chain(ours.presets()).chain(kept);
    let texts: Vec<&str> = groups.map(|(_, text)| text).collect();
    texts.join("\n\n") + "\n"
}

/// The user's file without our presets; none where nothing else is in it.
pub fn without(users: &str, ours: &str) -> Option<String> {
    let kept = others(users, &File::parse(ours));
    let file = File::parse(users);
    let header = file.groups.iter().filter(|(name, _)| *name == HEADER);
    let texts: Vec<&str> = header.chain(&kept).map(|(_, text)| *text).collect();
    (!kept.is_empty()).then(|| texts.join("\n\n") + "\n")
}

/// The presets that are not ours.
fn others<'a>(users: &'a str, ours: &File<'_>) -> Vec<(&'a str, &'a str)> {
    let is_ours = |name| ours.presets().any(|(of, _)| of == name);
    let users = File::parse(users);
    users
        .presets()
        .filter(|(name, _)| !is_ours(*name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "[_presets_]\nversion=0.1.0\n\n[fast]\nmode=live\n\n[slow]\nmode=exact\n";

    /// Into nothing ours are put as they are, and out of that nothing is left.
    #[test]
    fn ours_alone() {
        assert_eq!(merge("", OURS), OURS);
        assert_eq!(without(OURS, OURS), None);
        assert_eq!(merge(OURS, OURS), OURS);
    }

    /// What the user has saved stays, also where one of ours is replaced or taken out.
    #[test]
    fn the_users_presets_stay() {
        let users = "[_presets_]\nversion=0.0.9\n\n[mine]\ntop-k=3\n_meta/comment=a [b]\n\n[fast]\nmode=auto\n";
        let merged = merge(users, OURS);
        assert_eq!(
            merged,
            format!("{OURS}\n[mine]\ntop-k=3\n_meta/comment=a [b]\n")
        );
        assert_eq!(
            without(&merged, OURS).as_deref(),
            Some("[_presets_]\nversion=0.1.0\n\n[mine]\ntop-k=3\n_meta/comment=a [b]\n")
        );
    }
}
