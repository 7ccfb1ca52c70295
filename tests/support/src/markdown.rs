// SPDX-License-Identifier: MPL-2.0
//! The project's documents, and the commands that they tell people to type.
//!
//! The unit tests of `gst-resnet50` and of `xtask` include this file as well, because each of them
//! knows its own command line. So it needs nothing but the standard library.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders with documents, beside the root.
const FOLDERS: [&str; 6] = ["", "docs", "examples", "demo", "plugin-meta", "python"];

/// A Markdown file.
#[derive(Debug)]
pub struct Document {
    /// Its path from the root.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// A fenced block of code.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The word after the fence, empty if there is none.
    pub language: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// A command as a document has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// Its words, the program first.
    pub words: Vec<String>,
    /// Whether it is complete: it stands in a block of code, not in a sentence.
    pub is_complete: bool,
}

/// All documents of the source tree at `root`.
pub fn documents(root: &Path) -> Vec<Document> {
    let mut documents = Vec::new();
    for folder in FOLDERS {
        let entries = fs::read_dir(root.join(folder)).expect("a folder of the source tree");
        for entry in entries {
            let name = entry.expect("an entry").file_name();
            let path = Path::new(folder).join(name);
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(root.join(&path)).expect("UTF-8");
                documents.push(Document { path, text });
            }
        }
    }
    documents.sort_by(|a, b| a.path.cmp(&b.path));
    documents
}

impl Document {
    /// Its blocks of code.
    pub fn blocks(&self) -> Vec<Block> {
        self.split().1
    }

    /// All lines outside of blocks.
    pub fn prose(&self) -> Vec<String> {
        self.split().0
    }

    fn split(&self) -> (Vec<String>, Vec<Block>) {
        let (mut prose, mut blocks) = (Vec::new(), Vec::<Block>::new());
        let mut is_inside = false;
        for line in self.text.lines() {
            match line.trim_start().strip_prefix("```") {
                Some(_) if is_inside => is_inside = false,
                Some(language) => {
                    is_inside = true;
                    blocks.push(Block {
                        language: language.trim().into(),
                        lines: Vec::new(),
                    });
                }
                None if is_inside => {
                    let block = blocks.last_mut().expect("a block has begun");
                    block.lines.push(line.into());
                }
                None => prose.push(line.into()),
            }
        }
        assert!(!is_inside, "{}: a block does not end", self.path.display());
        (prose, blocks)
    }

    /// What can be linked to in it: its headings, as GitHub names them.
    pub fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.iter().filter(|line| line.starts_with('#'));
        headings
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }

    /// What its links and pictures lead to.
    pub fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        for line in self.prose() {
            let line = outside_code(&line);
            for part in line.split("](").skip(1) {
                let target = part.split(')').next().unwrap_or_default();
                links.push(target.to_owned());
            }
        }
        links
    }

    /// The commands of this program: in blocks, and in sentences.
    pub fn commands(&self, program: &str) -> Vec<Command> {
        let mut commands = Vec::new();
        for block in self.blocks() {
            for line in shell_lines(&block) {
                for words in calls(&line) {
                    commands.push(Command {
                        words,
                        is_complete: true,
                    });
                }
            }
        }
        for line in self.prose() {
            for code in line.split('`').skip(1).step_by(2) {
                for words in calls(code) {
                    commands.push(Command {
                        words,
                        is_complete: false,
                    });
                }
            }
        }
        let program: Vec<&str> = program.split(' ').collect();
        commands.retain(|command| {
            command.words.len() > program.len() && command.words.starts_with_words(&program)
        });
        commands
    }
}

trait StartsWith {
    fn starts_with_words(&self, words: &[&str]) -> bool;
}

impl StartsWith for Vec<String> {
    fn starts_with_words(&self, words: &[&str]) -> bool {
        self.iter().zip(words).all(|(a, b)| a == b)
    }
}

/// What a shell is given: the lines of a `bash` block, and those after a `$` of a `console` block.
fn shell_lines(block: &Block) -> Vec<String> {
    match &*block.language {
        "bash" => block.lines.clone(),
        "console" => {
            let typed = block.lines.iter().filter_map(|l| l.strip_prefix("$ "));
            typed.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The commands of one line of a shell, without their variables and redirections.
fn calls(line: &str) -> Vec<Vec<String>> {
    let (mut calls, mut words) = (vec![Vec::new()], String::new());
    let mut quote = None;
    let finish = |calls: &mut Vec<Vec<String>>, word: &mut String| {
        if !word.is_empty() {
            let call = calls.last_mut().expect("there is one");
            let is_variable = call.is_empty() && word.contains('=');
            let word = std::mem::take(word);
            if !is_variable {
                call.push(word);
            }
        }
    };
    for character in line.chars() {
        match (character, quote) {
            (c, Some(q)) if c == q => quote = None,
            (c, Some(_)) => words.push(c),
            ('"' | '\'', None) => quote = Some(character),
            (' ', None) => finish(&mut calls, &mut words),
            ('|' | ';' | '&' | '>' | '#', None) if words.is_empty() => calls.push(Vec::new()),
            (c, None) => words.push(c),
        }
    }
    finish(&mut calls, &mut words);
    calls.retain(|call| !call.is_empty());
    calls
}

/// A heading's name in a link: small letters, digits, `-` and `_`; spaces become `-`.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// A line without what stands in it as code, where a parenthesis is no link.
fn outside_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    let outside = parts.filter(|(nth, _)| nth % 2 == 0);
    outside.map(|(_, part)| part).collect()
}
