// SPDX-License-Identifier: MPL-2.0
//! Downloads that were interrupted go on where they ended.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use bytes::Bytes;

use super::{
    assert_fails, assert_installed, home, install, install_onto_a_full_disk, installed, left,
    named, part, ranges,
};
use support::http::{Exchange, Reply, Server};
use support::program::{command, stderr, stdout, weights};

/// A wait that no test comes to the end of.
const PATIENT: &[&str] = &["--idle-limit", "3600000"];

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
