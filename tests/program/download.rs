// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install` with weights from a web server, good and bad ones.
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use support::http::{Exchange, Reply, Server};
use support::program::{command, program, stderr, stdout, weights};
use tempfile::TempDir;

/// A wait for a byte that is over soon. Where a server is not silent on purpose, the tests leave
/// the limit as it is.
const IMPATIENT: &[&str] = &["--idle-limit", "1000"];

/// A wait that no test comes to the end of.
const PATIENT: &[&str] = &["--idle-limit", "3600000"];

fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The name of a file as PyTorch would give it.
fn named(file: &[u8]) -> String {
    let digest = Sha256::digest(file);
    let digits: String = digest[..4].iter().map(|b| format!("{b:02x}")).collect();
    format!("resnet50-{digits}.safetensors")
}

/// Installs from a URL, without long pauses between attempts.
fn install(home: &Path, url: &str, more: &[&str]) -> Output {
    let args = [&["model", "install", "--pause", "1", "--from", url], more].concat();
    program(home, &args)
}

fn installed(home: &Path) -> PathBuf {
    home.join("gst-resnet50/models/resnet50-v1.5.onnx")
}

/// What a download has left: the names of its files, without the lock.
fn left(home: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(home.join("gst-resnet50/downloads")).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").path());
    files.filter(|f| !f.ends_with("lock")).collect()
}

/// The one partial file that a download has left.
fn part(home: &Path) -> PathBuf {
    let mut parts = left(home);
    parts.retain(|file| file.extension().is_some_and(|e| e == "part"));
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts.remove(0)
}

/// The model is there, and nothing else is left.
#[track_caller]
fn assert_installed(home: &Path, output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(output).contains("wrote "), "{output:?}");
    let file = std::fs::read(installed(home)).expect("a model");
    assert!(file.len() > 100_000_000, "{}", file.len());
    assert_eq!(left(home), Vec::<PathBuf>::new());
}

/// It failed with this in its message, and nothing is installed.
#[track_caller]
fn assert_fails(home: &Path, output: &Output, expected: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for expected in expected {
        assert!(text.contains(expected), "no “{expected}” in: {text}");
    }
    assert!(!installed(home).exists());
}

fn ranges(exchanges: &[Exchange]) -> Vec<&str> {
    exchanges.iter().map(|e| e.range.as_str()).collect()
}

/// A download is installed and then removed; the second time nothing is downloaded, unless another
/// resize is asked for. Redirections are followed.
#[test]
fn install_from_a_url() {
    let (home, name) = (home(), named(weights()));
    let server = Server::start(|_, asked| match asked.line.contains("/there/") {
        true => Reply::file(asked, weights(), "v"),
        false => {
            let file = asked.line.split(' ').nth(1).expect("a path");
            Reply::new(302, "").header(format!("Location: /there{file}"))
        }
    });
    let url = server.url(&name);
    let output = install(home.path(), &url, &[]);
    assert_installed(home.path(), &output);
    let text = stderr(&output);
    assert!(text.contains(&format!("downloading {url} (102.")), "{text}");
    assert!(text.contains("downloaded 102."), "{text}");
    // Not at a terminal, there is no bar.
    assert!(!text.contains('\r') && !text.contains('\u{1b}'), "{text}");
    assert_eq!(server.exchanges().len(), 2);
    let before = std::fs::metadata(installed(home.path())).expect("there");

    let output = install(home.path(), &url, &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("already installed"), "{output:?}");
    assert_eq!(server.exchanges().len(), 2);
    let after = std::fs::metadata(installed(home.path())).expect("there");
    assert_eq!(before.modified().ok(), after.modified().ok());

    let output = install(home.path(), &url, &["--resize", "232"]);
    assert_installed(home.path(), &output);
    assert!(stdout(&output).contains("resize 232"), "{output:?}");
    assert_eq!(server.exchanges().len(), 4);
}

/// From a hub the files beside the weights are fetched too, and what they say counts.
#[test]
fn install_from_a_hub() {
    let home = home();
    let server = Server::start(|_, asked| {
        let config = r#"{"architecture":"resnet50","pretrained_cfg":{"crop_pct":0.95,"interpolation":"bicubic","mean":[0.5,0.5,0.5]}}"#;
        match asked.line.split(' ').nth(1) {
            Some("/config.json") => Reply::whole(&Bytes::from_static(config.as_bytes())),
            Some("/model.safetensors") => Reply::file(asked, weights(), "v"),
            _ => Reply::new(404, ""),
        }
    });
    let output = install(home.path(), &server.url("model.safetensors"), &[]);
    assert_installed(home.path(), &output);
    let text = stdout(&output);
    assert!(text.contains("resize 235, crop 224, bicubic"), "{text}");
    assert!(
        text.contains("as timm's config.json beside the weights"),
        "{text}"
    );
    assert_eq!(server.exchanges().len(), 3);
}

/// A connection that breaks is made again, and only what is missing is asked for and sent.
#[test]
fn resume_in_one_call() {
    let home = home();
    let cut = 30_000_000;
    let server = Server::start(move |number, asked| {
        let reply = Reply::file(asked, weights(), "v");
        match number {
            0 => reply.cut_after(cut),
            1 => reply.cut_after(cut + 1),
            _ => reply,
        }
    });
    let output = install(home.path(), &server.url(&named(weights())), &[]);
    assert_installed(home.path(), &output);
    let all = server.exchanges();
    assert_eq!(
        ranges(&all),
        ["", "bytes=30000000-", "bytes=60000001-"],
        "{}",
        stderr(&output)
    );
    assert_eq!((all[1].status, all[1].if_range.as_str()), (206, "\"v\""));
    assert_eq!(
        all.iter().map(|e| e.sent).sum::<usize>(),
        weights().len(),
        "{all:?}"
    );
    assert!(stderr(&output).contains("was cut off after 30.00 MB"));
}

/// A program that is killed leaves what has arrived, and the next call goes on from there.
#[test]
fn resume_in_another_call() {
    let home = home();
    let server = Server::start(|number, asked| {
        let reply = Reply::file(asked, weights(), "v");
        match number {
            0 => reply.stall_after(30_000_000),
            _ => reply,
        }
    });
    let url = server.url(&named(weights()));
    let args = [&["model", "install", "--from", &url], PATIENT].concat();
    let mut child = command(home.path(), &args)
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let downloads = home.path().join("gst-resnet50/downloads");
    let length = || {
        let parts = std::fs::read_dir(&downloads).ok()?;
        let mut parts = parts.flatten().map(|entry| entry.path());
        let part = parts.find(|file| file.extension().is_some_and(|e| e == "part"))?;
        Some(part.metadata().ok()?.len())
    };
    while length() != Some(30_000_000) {
        assert!(child.try_wait().expect("a child").is_none(), "it ended");
        thread::yield_now();
    }
    child.kill().expect("killed");
    child.wait().expect("dead");
    assert!(!installed(home.path()).exists());

    let output = install(home.path(), &url, &[]);
    assert_installed(home.path(), &output);
    let all = server.exchanges();
    assert_eq!(ranges(&all), ["", "bytes=30000000-"]);
    assert_eq!(all[1].sent, weights().len() - 30_000_000);
    let text = stderr(&output);
    assert!(text.contains("from 30.00 MB on"), "{text}");
}

/// What there is of another version of the file is not mixed with this one, nor what is of a
/// version without a name, nor is anything broken by a server that gives no ranges.
#[test]
fn start_over() {
    let stale = Bytes::from(vec![b'x'; 1_000_000]);
    let name = named(weights());
    type Serve = fn(&Exchange) -> Reply;
    let second: [(&str, Serve, &[&str]); 4] = [
        (
            "another ETag",
            |asked| Reply::file(asked, weights(), "new"),
            &["bytes=400000-"],
        ),
        ("no ranges", |_| Reply::whole(weights()), &["bytes=400000-"]),
        (
            // It does not look at If-Range.
            "another range",
            |asked| match asked.range.is_empty() {
                true => Reply::whole(weights()),
                false => {
                    let mut asked = asked.clone();
                    asked.if_range = String::new();
                    Reply::file(&asked, weights(), "new")
                }
            },
            &["bytes=400000-", ""],
        ),
        (
            "no such range",
            |asked| match asked.range.is_empty() {
                true => Reply::whole(weights()),
                false => Reply::new(416, "").header("Content-Range: bytes */7"),
            },
            &["bytes=400000-", ""],
        ),
    ];
    for (what, second, expected) in second {
        let (home, stale) = (home(), stale.clone());
        let server = Server::start(move |number, asked| match number {
            0 => Reply::file(asked, &stale, "old").cut_after(400_000),
            // The retries of the first call.
            1..=4 => Reply::new(503, ""),
            _ => second(asked),
        });
        let url = server.url(&name);
        let output = install(home.path(), &url, &[]);
        assert_fails(home.path(), &output, &["503"]);
        assert_eq!(part(home.path()).metadata().expect("a part").len(), 400_000);
        let output = install(home.path(), &url, &[]);
        assert_installed(home.path(), &output);
        assert_eq!(ranges(&server.exchanges()[5..]), expected, "{what}");
    }
}

/// Without an ETag the date is the version's name; without either a file is begun anew.
#[test]
fn dates_and_no_names() {
    let date = "Wed, 01 Jan 2025 00:00:00 GMT";
    for (header, range, if_range) in [
        (format!("Last-Modified: {date}"), "bytes=1000-", date),
        (
            format!("ETag: W/\"weak\"\r\nLast-Modified: {date}"),
            "bytes=1000-",
            date,
        ),
        ("ETag: W/\"weak\"".into(), "", ""),
        ("X-Nothing: 1".into(), "", ""),
    ] {
        let home = home();
        let file = Bytes::from(vec![b'x'; 2000]);
        let server = Server::start(move |number, _| match number {
            0 => Reply::whole(&file).header(header.clone()).cut_after(1000),
            _ => Reply::new(404, ""),
        });
        let output = install(home.path(), &server.url("a.pth"), &[]);
        assert_fails(home.path(), &output, &["404"]);
        let second = &server.exchanges()[1];
        assert_eq!((&*second.range, &*second.if_range), (range, if_range));
    }
}

/// A download that is whole when the program is ended, or when the disk is full, is not made again.
#[test]
fn whole_part() {
    let home = home();
    let name = named(weights());
    let server = Server::start(|_, asked| Reply::file(asked, weights(), "v"));
    // An output that cannot be is refused before anything is fetched.
    let blocked = home.path().join("file");
    std::fs::write(&blocked, "").expect("written");
    let output = blocked.join("model.onnx");
    let to = ["--output", output.to_str().expect("UTF-8")];
    let output = install(home.path(), &server.url(&name), &to);
    assert_fails(home.path(), &output, &[blocked.to_str().expect("UTF-8")]);
    assert!(server.exchanges().is_empty());

    install_onto_a_full_disk(home.path(), &server.url(&name));
    let length = part(home.path()).metadata().expect("a part").len();
    assert_eq!(length, weights().len() as u64);

    let output = install(home.path(), &server.url(&name), &[]);
    assert_installed(home.path(), &output);
    let all = server.exchanges();
    assert_eq!(all.iter().map(|e| e.status).collect::<Vec<_>>(), [200, 416]);
}

/// What is not the file that was asked for is not installed, leaves the model that there is, and
/// is not gone on from. A web page is called one.
#[test]
fn wrong_hash() {
    let home = home();
    let page = Bytes::from_static(b"<!DOCTYPE html><title>Log in</title>");
    let sent = page.clone();
    let server = Server::start(move |_, asked| Reply::file(asked, &sent, "v"));
    let mirror = server.url("models/");
    let model = installed(home.path());
    std::fs::create_dir_all(model.parent().expect("a folder")).expect("made");
    std::fs::write(&model, "the model of before").expect("written");

    for (more, file, digits) in [
        (&[][..], "resnet50-11ad3fa6.pth", "11ad3fa6"),
        (
            &["--weights", "torchvision-v1"],
            "resnet50-0676ba61.pth",
            "0676ba61",
        ),
    ] {
        let output = command(home.path(), &[&["model", "install"], more].concat())
            .env("RESNET50_WEIGHTS_URL", &mirror)
            .output()
            .expect("it runs");
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        let url = server.url(&format!("models/{file}"));
        let found: String = Sha256::digest(&page)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        for expected in [
            &*format!("what came from {url} cannot be used"),
            &format!("should begin with {digits}, and it is {found}"),
            "It is a web page",
            "--from FILE",
        ] {
            assert!(text.contains(expected), "no “{expected}” in: {text}");
        }
        assert_eq!(left(home.path()), Vec::<PathBuf>::new());
        let kept = std::fs::read(&model).expect("still there");
        assert_eq!(kept, b"the model of before");
    }
    let asked = server.exchanges();
    let lines: Vec<_> = asked.iter().map(|e| e.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /models/resnet50-11ad3fa6.pth HTTP/1.1",
            "GET /models/resnet50-0676ba61.pth HTTP/1.1"
        ]
    );
}

/// A file without a digest in its name that is no file of weights is not kept either.
#[test]
fn no_weights() {
    let home = home();
    let server =
        Server::start(|_, asked| Reply::file(asked, &Bytes::from_static(b"something else"), "v"));
    let output = install(home.path(), &server.url("model.pth"), &[]);
    assert_fails(home.path(), &output, &["cannot be used", "something else"]);
    assert!(!stderr(&output).contains("web page"), "{output:?}");
    assert_eq!(left(home.path()), Vec::<PathBuf>::new());
}

/// An error of the server is told with its number and the URL, at once.
#[test]
fn status() {
    for status in [404, 403, 500, 204] {
        let home = home();
        let server = Server::start(move |_, _| Reply::new(status, "no"));
        let url = server.url("resnet50-11ad3fa6.pth");
        let output = install(home.path(), &url, &[]);
        assert_fails(
            home.path(),
            &output,
            &[&status.to_string(), &url, "--from FILE"],
        );
        assert_eq!(server.exchanges().len(), 1);
        assert_eq!(left(home.path()), Vec::<PathBuf>::new());
    }
}

/// A server that takes the connection and is silent, before its answer or in it, is given up.
#[test]
fn stall() {
    for bytes in [None, Some(0), Some(1000)] {
        let home = home();
        let file = Bytes::from(vec![b'x'; 2000]);
        let server = Server::start(move |_, asked| match bytes {
            // Until the client has gone: the test ends before this thread.
            None => loop {
                thread::park();
            },
            Some(bytes) => Reply::file(asked, &file, "v").stall_after(match asked.range.as_str() {
                "" => bytes,
                _ => 0,
            }),
        });
        let output = install(home.path(), &server.url("a.pth"), IMPATIENT);
        assert_fails(
            home.path(),
            &output,
            &["nothing came for 1s", "--from FILE"],
        );
        let attempts = server.exchanges().len();
        // Once something has arrived, it is tried again, as often as that is promising.
        assert_eq!(attempts, if bytes == Some(1000) { 5 } else { 1 });
        if bytes == Some(1000) {
            assert_eq!(ranges(&server.exchanges())[4], "bytes=1000-");
            assert_eq!(part(home.path()).metadata().expect("a part").len(), 1000);
        }
    }
}

/// A body that is shorter than announced is not taken for the whole, whoever counts.
#[test]
fn short_body() {
    let home = home();
    let file = Bytes::from(vec![b'x'; 2000]);
    let server = Server::start(move |_, _| Reply::whole(&file).cut_after(1990));
    let output = install(home.path(), &server.url("a.pth"), &[]);
    let expected = "was cut off after 1.99 kB: the server closed the connection";
    assert_fails(home.path(), &output, &[expected]);
    // The server gives no ranges: what comes again is no progress, and there is an end to it.
    assert_eq!(server.exchanges().len(), 5);
}

/// There is an end to what is taken from a server, whether it announces it or not.
#[test]
fn endless() {
    let limit = ["--size-limit", "5000000"];
    let announced =
        Server::start(|_, _| Reply::new(200, "").header("Content-Length: 5000001\r\nETag: \"v\""));
    let endless = Server::start(|_, _| {
        Reply::new(200, vec![b'x'; 100_000])
            .header("ETag: \"v\"")
            .endless()
    });
    for server in [announced, endless] {
        let home = home();
        let url = server.url("a.pth");
        let output = install(home.path(), &url, &limit);
        assert_fails(home.path(), &output, &[&url, "is larger than 5.00 MB"]);
        assert_eq!(left(home.path()), Vec::<PathBuf>::new());
        assert_eq!(server.exchanges().len(), 1);
    }
}

/// When the disk is full during a download the message says how much is needed and what to do, and
/// the part stays.
#[test]
fn disk_full_while_downloading() {
    let home = home();
    let file = Bytes::from(vec![b'x'; 2_000_000]);
    let server = Server::start(move |number, asked| match number {
        0 => Reply::file(asked, &file, "v").cut_after(10),
        1..=4 => Reply::new(503, ""),
        _ => Reply::file(asked, &file, "v"),
    });
    let url = server.url("a.pth");
    assert!(!install(home.path(), &url, &[]).status.success());
    let part = part(home.path());
    std::fs::remove_file(&part).expect("removed");
    // Each write to this device fails as on a full disk.
    std::os::unix::fs::symlink("/dev/full", &part).expect("a link");

    let output = install(home.path(), &url, &[]);
    let expected = [
        part.to_str().expect("UTF-8"),
        "no space is left",
        "2.00 MB of the download and 102.50 MB of the model are still to be written",
        "XDG_DATA_HOME",
    ];
    assert_fails(home.path(), &output, &expected);
    assert!(part.is_symlink());
    assert_eq!(server.exchanges().len(), 6);
}

/// Installs with the disk full when the model is written: the shell opens a device on which each
/// write fails so, and the program is given the descriptor.
fn install_onto_a_full_disk(home: &Path, url: &str) -> Output {
    let script = "exec \"$0\" model install --from \"$1\" -o /dev/fd/9 9>/dev/full";
    let plain = command(home, &[]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script]).arg(plain.get_program()).arg(url);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.output().expect("it runs")
}

/// When the disk is full while the model is written the message names it, and the download stays.
/// (That a file of before stays as well, whatever fails, is tested with the outputs themselves.)
#[test]
fn disk_full_while_writing() {
    let home = home();
    let server = Server::start(|_, asked| Reply::file(asked, weights(), "v"));
    let output = install_onto_a_full_disk(home.path(), &server.url(&named(weights())));
    let expected = [
        "/dev/fd/9",
        "cannot be written: No space left on device",
        "It takes 102.",
        "another disk",
    ];
    assert_fails(home.path(), &output, &expected);
    let length = part(home.path()).metadata().expect("a part").len();
    assert_eq!(length, weights().len() as u64);
}

/// Of two that are started together one downloads; the other waits, sees that there is nothing
/// left to do, and says so.
#[test]
fn two_at_once() {
    let home = home();
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let server = Server::start(move |_, asked| {
        let gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        // Both are there when the file begins to come, however long that takes.
        let _ = gate.recv();
        Reply::file(asked, weights(), "v")
    });
    let url = server.url(&named(weights()));
    let args = [&["model", "install", "--from", &url], PATIENT].concat();
    let spawn = || {
        command(home.path(), &args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs")
    };
    let mut children = [spawn(), spawn()];
    let watchers = children.each_mut().map(|child| {
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let open = open.clone();
        thread::spawn(move || {
            let mut waited = false;
            for line in lines.map_while(Result::ok) {
                if line == "another install is under way; waiting" {
                    waited = true;
                    let _ = open.send(());
                }
            }
            waited
        })
    });
    // If neither waits, both end without an answer, and the test fails below.
    drop(open);
    let waited = watchers.map(|watcher| watcher.join().expect("a watcher"));
    let outputs = children.map(|child| child.wait_with_output().expect("it ends"));
    assert_eq!(waited.iter().filter(|w| **w).count(), 1, "{outputs:?}");
    for (waited, output) in waited.into_iter().zip(&outputs) {
        assert!(output.status.success(), "{outputs:?}");
        let expected = if waited {
            "already installed"
        } else {
            "wrote "
        };
        assert!(stdout(output).contains(expected), "{outputs:?}");
    }
    let all = server.exchanges();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(left(home.path()), Vec::<PathBuf>::new());
}

/// Without a network, or with the wrong proxy, there is one message with the URL and the other way.
#[test]
fn no_network() {
    // Nobody listens on a port that was just free.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let refused = format!("http://127.0.0.1:{port}");
    let unknown = "http://no-such-host.invalid";
    for (folder, proxy) in [
        (&*refused, None),
        (unknown, None),
        // The proxy is asked, although the host exists.
        ("http://127.0.0.2:9", Some(&*refused)),
    ] {
        let home = home();
        let mut install = command(home.path(), &["model", "install"]);
        install.env("RESNET50_WEIGHTS_URL", folder);
        if let Some(proxy) = proxy {
            install.env("http_proxy", proxy).env("no_proxy", "");
        }
        let output = install.output().expect("it runs");
        let url = format!("{folder}/resnet50-11ad3fa6.pth cannot be fetched");
        let expected = [&*url, "gst-resnet50 model install --from FILE"];
        assert_fails(home.path(), &output, &expected);
        assert_eq!(stderr(&output).lines().count(), 1, "{output:?}");
    }
}

/// What cannot be fetched at all is said before anything is tried.
#[test]
fn not_a_source() {
    let home = home();
    for (from, expected) in [
        ("ftp://a.org/b.pth", "ftp:// is not supported"),
        ("s3://a/b.pth", "s3:// is not supported"),
        ("https://me:secret@a.org/b.pth", "are not supported"),
        ("http://", "is not a URL"),
        ("file:///nowhere/b.pth", "/nowhere/b.pth"),
    ] {
        let output = install(home.path(), from, &[]);
        assert_fails(home.path(), &output, &[expected]);
        assert!(!stderr(&output).contains("secret"), "{output:?}");
    }
    let both = ["--weights", "torchvision-v1"];
    let output = install(home.path(), "a.pth", &both);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
