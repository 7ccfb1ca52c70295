// SPDX-License-Identifier: MPL-2.0
//! Servers, networks and disks that fail.

use std::path::PathBuf;
use std::thread;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{
    assert_fails, home, install, install_onto_a_full_disk, installed, left, named, part, ranges,
};
use support::http::{Reply, Server};
use support::program::{command, stderr, weights};

/// A wait for a byte that is over soon. Where a server is not silent on purpose, the tests leave
/// the limit as it is.
const IMPATIENT: &[&str] = &["--idle-limit", "1000"];

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
