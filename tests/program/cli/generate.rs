// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 generate`, which packages call.

use support::program::{program, stderr};

/// There is a page for each subcommand that people see, and a completion for each shell; what is only
/// for packages is in none.
#[test]
fn pages_and_completions() {
    let home = tempfile::tempdir().expect("a folder");
    let to = home.path().join("made/here");
    let output = program(home.path(), &["generate", to.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", stderr(&output));
    let read = |name: &str| {
        std::fs::read_to_string(to.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let page = read("man/gst-resnet50.1");
    assert!(
        page.starts_with(".") && page.contains(".TH gst-resnet50 1"),
        "{page}"
    );
    assert!(page.contains("classify"), "{page}");
    assert!(!page.contains("generate"), "{page}");
    assert!(read("man/gst-resnet50-classify.1").contains("annotate"));
    assert!(read("man/gst-resnet50-model-install.1").contains("precision"));
    assert!(!to.join("man/gst-resnet50-generate.1").exists());
    assert!(!to.join("man/gst-resnet50-help.1").exists());
    for name in ["gst-resnet50.bash", "gst-resnet50.fish", "_gst-resnet50"] {
        let completion = read(&format!("completions/{name}"));
        assert!(completion.contains("annotate"), "{completion}");
    }
}

/// A folder that cannot be made is named.
#[test]
fn names_the_folder() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("file");
    std::fs::write(&file, "").expect("written");
    let output = program(home.path(), &["generate", file.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("file/man") && text.contains("cannot be made"),
        "{text}"
    );
}
