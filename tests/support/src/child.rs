// SPDX-License-Identifier: MPL-2.0
//! Tests that need a process of their own: the test program starts itself again for one of its
//! tests, and that one does in the child what it would otherwise only watch.

use std::process::{Command, Output};

/// Set in the child.
const VARIABLE: &str = "RESNET50_TEST_CHILD";

/// What the child prints when it has come to its end.
const DONE: &str = "the child has come to its end";

/// Runs `body` in a child process, which is this test program with only the test `name` (the
/// calling one) in it. `prepare` sets what the child is to find in its environment. The test fails
/// if the child panics, is killed, or has not run `body` to its end. Returns what it has written on
/// its standard error; nothing in the child.
pub fn run(name: &str, prepare: impl FnOnce(&mut Command), body: impl FnOnce()) -> Option<String> {
    if std::env::var_os(VARIABLE).is_some() {
        body();
        println!("{DONE}");
        return None;
    }
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child
        .args([name, "--exact", "--nocapture"])
        .env(VARIABLE, "1");
    prepare(&mut child);
    let Output {
        status,
        stdout,
        stderr,
    } = child.output().expect("the child runs");
    let stdout = String::from_utf8_lossy(&stdout);
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(
        status.success() && stdout.contains(DONE),
        "{status}\n{stdout}\n{stderr}"
    );
    Some(stderr.into_owned())
}
