// SPDX-License-Identifier: MPL-2.0
//! Modules of the crate that import each other in a circle.
//!
//! An import is a `use` of `crate`, `super` or `self`, or a path that begins with `crate` or
//! `super`, outside of a file's own tests. A `mod.rs` declares other modules and hands their items
//! on, so an import of it does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A module's path from the crate's root.
type Module = Vec<String>;

/// Fails if there are circles among the modules under `root`, a crate's `src`, and names their
/// files. Programs in `src/bin` are other crates.
pub fn check(root: &Path) -> Result<()> {
    let circles = find(root)?;
    let lines: Vec<String> = circles
        .iter()
        .map(|files| {
            let files = files.iter().map(|file| file.display().to_string());
            files.collect::<Vec<_>>().join(" ")
        })
        .collect();
    if !lines.is_empty() {
        bail!(
            "modules import each other in {} circle(s):\n  {}",
            lines.len(),
            lines.join("\n  ")
        );
    }
    Ok(())
}

/// The files of each circle.
fn find(root: &Path) -> Result<Vec<Vec<PathBuf>>> {
    let mut modules = BTreeMap::new();
    collect(root, &[], &mut modules)?;
    let mut imports = BTreeMap::new();
    for (module, file) in &modules {
        let source = fs::read_to_string(file);
        let source = source.with_context(|| format!("cannot read {}", file.display()))?;
        let targets = paths(&source)
            .iter()
            .filter_map(|path| resolve(path, module, &modules))
            .filter(|target| target != module && !is_face(&modules[target]))
            .collect();
        imports.insert(module.clone(), targets);
    }
    let mut circles: Vec<Vec<PathBuf>> = Vec::new();
    let reached: BTreeMap<_, _> = imports
        .keys()
        .map(|module| (module, reach(module, &imports)))
        .collect();
    for (module, others) in &reached {
        let is_back = |other: &&&Module| reached[**other].contains(module);
        let circle: Vec<&&Module> = others.iter().filter(is_back).collect();
        // Each circle once, by its first module.
        if circle.first() == Some(&module) {
            circles.push(circle.iter().map(|it| modules[**it].clone()).collect());
        }
    }
    Ok(circles)
}

/// A file that only declares modules and hands their items on.
fn is_face(file: &Path) -> bool {
    file.ends_with("mod.rs")
}

/// The modules below a folder, with their files.
fn collect(
    folder: &Path,
    parent: &[String],
    modules: &mut BTreeMap<Module, PathBuf>,
) -> Result<()> {
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut module = parent.to_vec();
        if path.is_dir() {
            if !(parent.is_empty() && stem == "bin") {
                module.push(stem.into_owned());
                collect(&path, &module, modules)?;
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            if !matches!(&*stem, "mod" | "lib" | "main") {
                module.push(stem.into_owned());
            }
            modules.insert(module, path);
        }
    }
    Ok(())
}

/// All that can be reached from a module, which may be itself.
fn reach<'a>(
    module: &Module,
    imports: &'a BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = imports[module].iter().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(&imports[next]);
        }
    }
    reached
}

/// The module that a path leads to: the longest one that there is.
fn resolve(
    path: &[String],
    module: &Module,
    modules: &BTreeMap<Module, PathBuf>,
) -> Option<Module> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "super" | "self" => module.clone(),
        _ => return None,
    };
    let mut rest = path.iter().peekable();
    while let Some(step) = rest.next_if(|it| matches!(it.as_str(), "crate" | "super" | "self")) {
        if step == "super" {
            base.pop();
        }
    }
    base.extend(rest.cloned());
    while !base.is_empty() && !modules.contains_key(&base) {
        base.pop();
    }
    (!base.is_empty()).then_some(base)
}

/// All paths that a source imports or names.
fn paths(source: &str) -> Vec<Vec<String>> {
    let lines = source.lines().map(|line| match line.find("//") {
        Some(comment) => &line[..comment],
        None => line,
    });
    let code = lines.collect::<Vec<_>>().join("\n");
    let code = without_tests(&code);
    let mut paths = Vec::new();
    for (before, tree) in words(code, "use") {
        // In a text it stands elsewhere.
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let is_first = line.is_empty() || line.starts_with("pub");
        if let (true, Some(end)) = (is_first, tree.find(';')) {
            leaves(&[], &tree[..end], &mut paths);
        }
    }
    for start in ["crate", "super"] {
        for (_, rest) in words(code, start) {
            let mut path = vec![start.to_owned()];
            let mut rest = rest;
            while let Some(next) = rest.strip_prefix("::") {
                let end = next.find(|c: char| !is_word(c)).unwrap_or(next.len());
                if end == 0 {
                    break;
                }
                path.push(next[..end].to_owned());
                rest = &next[end..];
            }
            if path.len() > 1 {
                paths.push(path);
            }
        }
    }
    paths
}

/// The source up to its own tests.
fn without_tests(code: &str) -> &str {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let tests = code.match_indices(ATTRIBUTE).find(|(at, _)| {
        let next = code[at + ATTRIBUTE.len()..].trim_start();
        next.starts_with("mod ")
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What stands before and after each place where a word is.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    code.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let is_whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        is_whole.then_some((before, after))
    })
}

/// The paths of a tree such as `a::{b, c::{d as e, self}}`.
fn leaves(prefix: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    for item in split(tree) {
        let (before, group) = match (item.find('{'), item.rfind('}')) {
            (Some(open), Some(close)) if open < close => {
                (&item[..open], Some(&item[open + 1..close]))
            }
            _ => (item.split(" as ").next().unwrap_or_default(), None),
        };
        let steps = before
            .split("::")
            .map(str::trim)
            .filter(|it| !it.is_empty());
        let steps = steps.map(str::to_owned);
        let path: Vec<String> = prefix.iter().cloned().chain(steps).collect();
        match group {
            Some(group) => leaves(&path, group, paths),
            None => paths.push(path),
        }
    }
}

/// The parts between the commas that stand outside of braces.
fn split(tree: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles of a crate with these files, by their files' names.
    fn circles(files: &[(&str, &str)]) -> Result<Vec<Vec<String>>> {
        let root = tempfile::tempdir()?;
        for (name, source) in files {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().context("a folder")?)?;
            fs::write(file, source)?;
        }
        let name = |file: &PathBuf| {
            let file = file.strip_prefix(root.path()).unwrap_or(file);
            file.display().to_string()
        };
        let found = find(root.path())?;
        assert_eq!(check(root.path()).is_err(), !found.is_empty());
        Ok(found
            .iter()
            .map(|it| it.iter().map(name).collect())
            .collect())
    }

    /// A circle over two folders is found, with its files and no other, whatever form its imports
    /// have.
    #[test]
    fn finds_a_circle() -> Result<()> {
        let found = circles(&[
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a/mod.rs", "mod first;\nmod second;\n"),
            (
                "a/first.rs",
                "use std::fmt;\n\nuse super::{\n    second::{self as other, Thing as _},\n};\n",
            ),
            (
                "a/second.rs",
                "fn f() -> crate::b::B { super::super::b::f() }\n",
            ),
            ("b.rs", "use crate::{a::first::{A, C}, c};\n"),
            ("c.rs", "use std::io;\n"),
        ])?;
        assert_eq!(found, [["a/first.rs", "a/second.rs", "b.rs"]]);
        Ok(())
    }

    /// Two circles are two, and a module that imports one of them is in none.
    #[test]
    fn tells_circles_apart() -> Result<()> {
        let found = circles(&[
            ("lib.rs", ""),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::a::A;"),
            ("c.rs", "use crate::d;"),
            ("d.rs", "use crate::{a, c};"),
        ])?;
        assert_eq!(found, [["a.rs", "b.rs"], ["c.rs", "d.rs"]]);
        Ok(())
    }

    /// Tests, comments, the faces of folders, programs and names that merely look alike make none.
    #[test]
    fn counts_only_imports() -> Result<()> {
        let found = circles(&[
            ("lib.rs", "pub use a::A;"),
            ("a/mod.rs", "mod inner;\npub use inner::A;\nuse crate::b;\n"),
            ("a/inner.rs", "use crate::b::B;\n"),
            (
                "b.rs",
                "use crate::a::A;\n// use crate::a::inner;\nuse reuse::a;\nlet supercrate = \"use } crate::{a;\";\n#[cfg(test)]\nmod tests {\n    use crate::a::inner;\n}\n",
            ),
            ("bin/program/main.rs", "mod other;\nuse crate::other;"),
            ("bin/program/other.rs", "use crate::main;"),
        ])?;
        assert!(found.is_empty(), "{found:?}");
        Ok(())
    }
}
