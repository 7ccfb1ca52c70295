// SPDX-License-Identifier: MPL-2.0
//! A program at a terminal.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::{Command, ExitStatus, Stdio};

/// Runs a program whose standard output and standard error are a terminal of so many columns.
/// Returns what it wrote there.
pub fn run(command: &mut Command, columns: u16) -> (ExitStatus, String) {
    let (mut ours, theirs) = open(columns);
    let also_theirs = theirs.try_clone().expect("another handle of it");
    command
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .stdout(theirs)
        .stderr(also_theirs);
    let mut child = command.spawn().expect("it starts");
    // What the command holds of the terminal would keep it open for ever.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut output = Vec::new();
    // When the last one has closed it, Linux says EIO instead of an end.
    let _ = ours.read_to_end(&mut output);
    let status = child.wait().expect("it ends");
    let text = String::from_utf8_lossy(&output).replace("\r\n", "\n");
    (status, text)
}

fn open(columns: u16) -> (File, OwnedFd) {
    let size = libc::winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let (mut ours, mut theirs) = (-1, -1);
    let (name, termios) = (std::ptr::null_mut(), std::ptr::null());
    // SAFETY: the two numbers and the size are ours, and the others may be null.
    let result = unsafe {
        libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            name,
            termios,
            &raw const size,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: both have just been opened, and nobody else knows them.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// The text without its colours, and whether it had any.
pub fn without_colors(text: &str) -> (String, bool) {
    let mut plain = String::new();
    let mut rest = text;
    let mut has_colors = false;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        let end = after
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(after.len(), |end| end + 1);
        has_colors |= after[..end].ends_with('m');
        rest = &after[end..];
    }
    plain.push_str(rest);
    (plain, has_colors)
}
