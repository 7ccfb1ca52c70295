// SPDX-License-Identifier: MPL-2.0
//! Reports at a terminal.

use std::process::Stdio;

use super::{command, run};
use support::data;
use support::onnx::Net;
use support::program::{stderr, stdout};

/// `check` takes a file of names, and says of each source what it was taken for.
#[test]
fn check_shows_each_source_by_its_label() {
    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let labels = home.path().join("names.txt");
    std::fs::write(&labels, "crimson\nemerald\nazure\n").expect("a file");
    let labels = labels.to_str().expect("a path of text");
    let photo = |name: &str| data("photos").join(name).to_string_lossy().into_owned();
    let (cat, coffee) = (photo("chelsea.png"), photo("coffee.png"));
    let args = ["model", "check", "MODEL", &cat, &coffee, "--labels", labels];
    let report = stdout(&run(home.path(), &args, &model));
    for name in [&cat, &coffee] {
        let line = report.lines().find(|l| l.starts_with(name.as_str()));
        let line = line.unwrap_or_else(|| panic!("{name}: {report}"));
        assert!(line.contains("crimson") && line.contains(" %"), "{line}");
    }
    let against = [&args[..], &["--against", "MODEL"]].concat();
    let report = stdout(&run(home.path(), &against, &model));
    assert_eq!(
        report.matches("1 of 1 ").count() + report.matches("1 of 1\n").count(),
        2,
        "{report}"
    );

    // The program's own photographs have names too.
    let report = stdout(&run(home.path(), &["model", "check", "MODEL"], &model));
    assert!(
        report.contains("astronaut (") && report.contains("rocket ("),
        "{report}"
    );

    std::fs::write(labels, "crimson\nemerald\n").expect("a file");
    let output = run(home.path(), &args, &model);
    assert!(
        stderr(&output).contains("has 2 names, and the model has 3 classes"),
        "{output:?}"
    );
}

/// At a terminal reports are as wide as it is and in colour, unless the user wants none; anywhere
/// else each fact is one line without any.
#[cfg(target_os = "linux")]
#[test]
fn reports_fit_the_terminal() {
    use support::pty;

    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let model = model.to_str().expect("a path of text");
    let photo = data("photos/chelsea.png");
    let photo = photo.to_str().expect("a path of text");
    for args in [
        &["doctor", "--model", model][..],
        &["model", "inspect", model],
        &["model", "check", model, photo, photo],
    ] {
        let (_, text) = pty::run(&mut command(home.path(), args), 50);
        let (plain, has_colors) = pty::without_colors(&text);
        assert_eq!(has_colors, args[1] != "inspect", "{text:?}");
        // (The progress is drawn over itself.)
        for line in plain.lines().filter(|line| !line.contains('░')) {
            assert!(line.chars().count() <= 50, "{line:?} in {plain}");
        }
        let mut command = command(home.path(), args);
        let (_, text) = pty::run(command.env("NO_COLOR", "1"), 50);
        assert!(!pty::without_colors(&text).1, "{text:?}");
        let piped = command
            .env_remove("NO_COLOR")
            .stdout(Stdio::piped())
            .output();
        assert!(!stdout(&piped.expect("it runs")).contains('\x1b'));
    }
}

/// `bench` says what it is measuring, and prints at a terminal no more than fits; a pipe gets all
/// of it.
#[cfg(target_os = "linux")]
#[test]
fn bench_is_short_at_a_terminal() {
    use support::pty;

    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let model = model.to_str().expect("a path of text");
    let args = ["bench", "--rounds", "1", "--compare", model];
    let (status, text) = pty::run(&mut command(home.path(), &args), 80);
    assert!(status.success(), "{text}");
    assert!(
        text.contains("measuring: variants and precisions"),
        "{text:?}"
    );
    let (plain, _) = pty::without_colors(&text);
    assert!(
        !plain.contains("Inferences of one picture") && !plain.contains("|---"),
        "{plain}"
    );
    assert!(plain.contains("images a second"), "{plain}");
    let output = command(home.path(), &args).output().expect("it runs");
    assert!(
        stdout(&output).contains("Inferences of one picture"),
        "{output:?}"
    );
    assert!(stdout(&output).contains("|---"), "{output:?}");
}
