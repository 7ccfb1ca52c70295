// SPDX-License-Identifier: MPL-2.0
//! Where the program writes: new files, old ones, links, FIFOs, descriptors and standard output.

use std::fs::{File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gstresnet50::onnx;
use prost::Message as _;

use super::{classify, command, fail, names, succeed, text};
use support::{lines, program, source};

fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("fifo");
    let status = Command::new("mkfifo").arg(&path).status();
    assert!(status.expect("mkfifo").success());
    path
}

/// All that comes through a FIFO until its writer has closed it.
fn read_in_background(fifo: &Path) -> std::thread::JoinHandle<Vec<u8>> {
    let fifo = fifo.to_owned();
    std::thread::spawn(move || std::fs::read(fifo).expect("readable"))
}

fn is_fifo(path: &Path) -> bool {
    let kind = path.symlink_metadata().expect("it is still there");
    kind.file_type().is_fifo()
}

/// The lines go through a FIFO to whoever reads it, and the FIFO stays one; also through a link to
/// it. Nothing is left beside it.
#[test]
fn json_goes_through_a_fifo() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = fifo(folder.path());
    let link = folder.path().join("link");
    symlink("fifo", &link).expect("a link");
    for named in [&fifo, &link] {
        let reader = read_in_background(&fifo);
        succeed(&mut classify(&["--json", text(named)]));
        assert_eq!(lines::parse(&reader.join().expect("it ends")).len(), 8);
        assert!(is_fifo(&fifo) && link.is_symlink());
        assert_eq!(names(folder.path()), ["fifo", "link"]);
    }
}

/// A link is followed: the file that it leads to, there or not, gets the new content, keeps its
/// mode, and the link stays one.
#[test]
fn links_are_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("far")).expect("a folder");
    std::fs::write(path("far/old"), "old").expect("written");
    std::fs::set_permissions(path("far/old"), Permissions::from_mode(0o604)).expect("a mode");
    symlink("far/old", path("to-old")).expect("a link");
    symlink(path("to-old"), path("to-link")).expect("a link");
    symlink("far/new", path("to-new")).expect("a link");
    for (named, file) in [
        ("to-old", "far/old"),
        ("to-link", "far/old"),
        ("to-new", "far/new"),
    ] {
        succeed(&mut classify(&["--json", text(&path(named))]));
        let seen = std::fs::read(path(file)).expect("the file");
        assert_eq!(lines::parse(&seen).len(), 8, "{named}");
        assert!(path(named).is_symlink(), "{named}");
    }
    let mode = path("far/old").metadata().expect("there").mode();
    assert_eq!(mode & 0o7777, 0o604);
    assert_eq!(names(&path("far")), ["new", "old"]);
    assert_eq!(names(folder.path()), ["far", "to-link", "to-new", "to-old"]);
}

/// `-` is standard output, where there is nothing but the lines then: what is for people goes to
/// standard error. The same with the names that a system has for it.
#[test]
fn standard_output_has_nothing_but_the_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let mut command = classify(&["--json", name]);
        let output = succeed(command.current_dir(folder.path()));
        assert_eq!(lines::parse(&output.stdout).len(), 8, "{name}");
        let words = program::stderr(&output);
        assert!(words.contains("8 frames"), "{name}: {words}");
        assert!(!words.contains("wrote -"), "{name}: {words}");
        assert!(names(folder.path()).is_empty());
    }
}

/// What was written before into a file that standard output is led to stays, wherever its end is,
/// and so does what another program has to say behind it.
#[test]
fn a_file_behind_standard_output_is_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    for append in [false, true] {
        let path = folder.path().join(format!("{append}"));
        let mut file = File::options();
        file.append(append).write(true).create(true);
        let mut file = file.open(&path).expect("a file");
        writeln!(file, "before").expect("written");
        let mut command = classify(&["--json", "-"]);
        command.stdout(file.try_clone().expect("a descriptor"));
        succeed(&mut command);
        writeln!(file, "behind").expect("written");
        let seen = std::fs::read_to_string(&path).expect("readable");
        let seen = seen.strip_prefix("before\n").expect("what was before");
        let seen = seen.strip_suffix("behind\n").expect("what is behind");
        assert_eq!(lines::parse(seen.as_bytes()).len(), 8);
    }
}

/// A shell's `>(…)` is a descriptor, which is written to.
#[test]
fn process_substitution() {
    let folder = tempfile::tempdir().expect("a folder");
    let shell = r#""$0" "$@" --json >(cat > "$OUT.part-of-cat"; mv "$OUT.part-of-cat" "$OUT")"#;
    let program = classify(&[]);
    let out = folder.path().join("seen");
    let mut bash = Command::new("bash");
    bash.args(["-c", shell])
        .arg(program.get_program())
        .args(program.get_args())
        .env("OUT", &out);
    succeed(&mut bash);
    // The shell does not wait for it.
    let begun = Instant::now();
    while !out.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no lines come");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(
        lines::parse(&std::fs::read(&out).expect("the file")).len(),
        8
    );
}

/// A file that happens to be called as a temporary one might be is left alone.
#[test]
fn nobody_elses_file_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.jsonl");
    let mine = folder.path().join("out.jsonl.part");
    std::fs::write(&mine, "mine").expect("written");
    succeed(&mut classify(&["--json", text(&out)]));
    assert_eq!(std::fs::read(&mine).expect("there"), b"mine");
    assert_eq!(names(folder.path()), ["out.jsonl", "out.jsonl.part"]);
}

/// Models are written the same way, by each command that writes one.
#[test]
fn models_go_anywhere_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let build = [
        "model",
        "build",
        "--init",
        "synthetic",
        "--precision",
        "fp16",
        "-o",
    ];
    let is_model = |bytes: &[u8]| onnx::Model::decode(bytes).is_ok_and(|m| m.graph.is_some());

    let output = succeed(command(&build).arg("-").current_dir(folder.path()));
    assert!(is_model(&output.stdout));
    let words = program::stderr(&output);
    assert!(words.contains("synthetic weights"), "{words}");
    assert!(names(folder.path()).is_empty());

    let fifo = fifo(folder.path());
    let reader = read_in_background(&fifo);
    succeed(command(&build).arg(&fifo));
    assert!(is_model(&reader.join().expect("it ends")) && is_fifo(&fifo));

    let weights = folder.path().join("weights.safetensors");
    std::fs::write(&weights, program::weights()).expect("written");
    let reader = read_in_background(&fifo);
    let install = ["model", "install", "--precision", "fp16", "--from"];
    succeed(command(&install).arg(&weights).arg("-o").arg(&fifo));
    assert!(is_model(&reader.join().expect("it ends")) && is_fifo(&fifo));
    assert_eq!(names(folder.path()), ["fifo", "weights.safetensors"]);
}

/// A command that fails, or is stopped or killed in the middle, leaves the old file as it was and no
/// other.
#[test]
fn what_fails_leaves_the_old_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (json, webm) = (path("out.jsonl"), path("out.webm"));
    for file in [&json, &webm] {
        std::fs::write(file, "old").expect("written");
    }
    let outputs = ["--json", text(&json), "--annotate", text(&webm)];
    let check = |what: &str| {
        assert_eq!(names(folder.path()), ["out.jsonl", "out.webm"], "{what}");
        for file in [&json, &webm] {
            assert_eq!(std::fs::read(file).expect("there"), b"old", "{what}");
        }
    };
    let missing = source("Cargo.toml");
    fail(
        classify(&outputs).args(["--labels", text(&missing)]),
        &["Cargo.toml"],
    );
    check("wrong labels");
    let mut no_video = command(&["classify", "--model", "builtin:efficientnet-lite0"]);
    fail(no_video.args(outputs).arg(&missing), &["cannot decode"]);
    check("no video");

    // It waits for a reader while it has begun to write the others.
    for signal in ["-TERM", "-KILL", "-HUP"] {
        let pipe = tempfile::tempdir().expect("a folder");
        let fifo = fifo(pipe.path());
        let mut child = command(&["classify", "--model", "builtin:efficientnet-lite0"]);
        child
            .args(["--json", text(&json), "--annotate", text(&fifo)])
            .arg(source("demo/clip.webm"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let by_default = || {
            // SAFETY: signal() is async-signal-safe, and it is given a signal and a disposition.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
            Ok(())
        };
        // Where the tests run under nohup, children ignore SIGHUP as well.
        // SAFETY: the closure allocates nothing and takes no lock.
        unsafe { child.pre_exec(by_default) };
        let mut child = child.spawn().expect("it runs");
        let open = format!("/proc/{}/fd", child.id());
        let begun = Instant::now();
        let has_begun = || {
            let fds = Path::new(&open).read_dir().expect("a process").flatten();
            let mut files = fds.filter_map(|fd| fd.path().read_link().ok());
            files.any(|file| file.starts_with(folder.path()))
        };
        while !has_begun() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "it does not begin"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(kill.expect("kill").success());
        assert!(!child.wait().expect("it ends").success());
        check(signal);
    }
}

/// What was seen until an error in the middle of a video is kept: as the file itself where there is
/// none yet, else beside the one of an earlier run.
#[test]
fn what_was_seen_until_an_error_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = tempfile::tempdir().expect("a folder");
    let fifo = fifo(pipe.path());
    let json = folder.path().join("seen.jsonl");
    let kept = folder.path().join("seen.incomplete.jsonl");
    for file in [&json, &kept] {
        // Whoever reads the video goes in the middle of it.
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || {
                let mut begin = vec![0; 100_000];
                File::open(fifo).and_then(|mut f| f.read_exact(&mut begin))
            }
        });
        let mut command = command(&["classify", "--model", "builtin:efficientnet-lite0"]);
        command.args(["--json", text(&json), "--annotate", text(&fifo)]);
        fail(
            command.arg(source("demo/clip.webm")),
            &["the annotated video cannot be written: Broken pipe"],
        );
        reader.join().expect("it ends").expect("it begins");
        let seen = lines::parse(&std::fs::read(file).expect("what was seen"));
        assert!((1..360).contains(&seen.len()), "{}", seen.len());
        if *file == json {
            std::fs::write(&json, "old").expect("written");
        }
    }
    assert_eq!(std::fs::read(&json).expect("there"), b"old");
    assert_eq!(
        names(folder.path()),
        ["seen.incomplete.jsonl", "seen.jsonl"]
    );
}

/// A file that may not be written is not replaced either, though its folder would allow it.
#[test]
fn protected_files_are_respected() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.jsonl");
    std::fs::write(&file, "old").expect("written");
    std::fs::set_permissions(&file, Permissions::from_mode(0o444)).expect("a mode");
    if File::options().write(true).open(&file).is_ok() {
        // Root may do all.
        return;
    }
    fail(
        &mut classify(&["--json", text(&file)]),
        &["out.jsonl", "Permission denied"],
    );
    assert_eq!(std::fs::read(&file).expect("there"), b"old");
}

/// Whoever reads may go: the program says so and ends, and so it does in the middle of a FIFO.
#[test]
fn a_reader_that_goes() {
    let mut child = command(&[
        "classify",
        "--model",
        "builtin:efficientnet-lite0",
        "--json",
        "-",
    ]);
    child
        .arg(source("demo/clip.webm"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = child.spawn().expect("it runs");
    let mut stdout = child.stdout.take().expect("its output");
    let mut first = [0; 1];
    stdout.read_exact(&mut first).expect("a line");
    drop(stdout);
    let output = child.wait_with_output().expect("it ends");
    let words = program::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("cannot be written: Broken pipe"), "{words}");
}
