// SPDX-License-Identifier: MPL-2.0
//! `examples/rtsp_tagger.rs` with real cameras: those of `tests/system/rtsp/server.py` on the loopback
//! interface. One shows a cup of espresso in H.264, one a motorcycle in Motion JPEG.
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpListener;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::Value;
use support::example::{self, Running, TIMEOUT};
use support::{data, source};

const H264: &str = "h264";
const MJPEG: &str = "mjpeg";

/// What the camera of this codec shows.
fn picture(codec: &str) -> (&'static str, &'static str) {
    match codec {
        H264 => ("coffee.png", "espresso"),
        _ => ("motorcycle_left.png", "moped"),
    }
}

/// A server with one camera for each codec.
struct Server {
    child: Running,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Server {
    /// On a free port if `port` is 0.
    fn start(port: u16, codecs: &[&str]) -> Self {
        let mut command = example::python();
        command.arg(source("tests/system/rtsp/server.py"));
        command.arg(port.to_string());
        for codec in codecs {
            let picture = data("photos").join(picture(codec).0);
            command.arg(format!("{codec}={codec}:{}", picture.display()));
        }
        // The warnings of others' code are not what is tested.
        command.env_remove("G_DEBUG");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the server starts");
        let input = child.stdin.take().expect("its input");
        let output = child.stdout.take().expect("its output");
        let mut output = BufReader::new(output).lines();
        let child = Running(child);
        let line = output.next().expect("a first line").expect("UTF-8");
        let port = line.strip_prefix("port ").expect("the port comes first");
        Self {
            child,
            input,
            output,
            port: port.parse().expect("a port"),
        }
    }

    fn url(&self, codec: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{codec}", self.port)
    }

    /// Gives a command, which must be understood.
    fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").expect("the server reads");
        let answer = self.output.next().expect("an answer").expect("UTF-8");
        assert_eq!(answer, "ok", "{command}");
    }

    /// Kills it on the spot: no connection is closed in good order.
    fn kill(mut self) -> u16 {
        self.child.0.kill().expect("it runs");
        self.port
    }
}

/// A port that is free, and stays so while no server listens: it is below those that the system
/// gives to clients.
fn fixed_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 10_000).expect("at most 9999");
    loop {
        let offset = begin + TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + offset % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A line of the tagger.
enum Line {
    Json(String),
    Status(String),
}

/// The example at work.
struct Tagger {
    child: Running,
    lines: Receiver<Line>,
    /// What it has written to stderr.
    log: Vec<String>,
}

impl Tagger {
    fn start(protocols: &str, urls: &[String]) -> Self {
        let mut command = example::command("rtsp_tagger");
        command
            .args(["--model", "builtin:efficientnet-lite0", "--status", "1"])
            // Many times what comes between two frames, so that a busy machine is no stall.
            .args(["--stall", "6", "--retry", "2", "--protocols", protocols])
            .args(urls);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("the example starts");
        let (send, lines) = channel();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        std::thread::spawn({
            let send = send.clone();
            move || {
                for line in BufReader::new(stdout.expect("its output")).lines() {
                    let _ = send.send(Line::Json(line.expect("UTF-8")));
                }
            }
        });
        std::thread::spawn(move || {
            for line in BufReader::new(stderr.expect("its errors")).lines() {
                let _ = send.send(Line::Status(line.expect("UTF-8")));
            }
        });
        Self {
            child: Running(child),
            lines,
            log: Vec::new(),
        }
    }

    /// The next line.
    fn next(&mut self, deadline: Instant) -> Line {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left);
        let line = line.unwrap_or_else(|e| panic!("{e}\n{}", self.log.join("\n")));
        if let Line::Status(text) = &line {
            self.log.push(text.clone());
        }
        line
    }

    /// Waits for this many answers of a stream with pictures of this size. Each must have the
    /// right label.
    fn answers(&mut self, url: &str, count: usize, size: (u64, u64)) {
        let (_, label) = picture(url.rsplit('/').next().expect("a name"));
        let deadline = Instant::now() + TIMEOUT;
        let mut seen = 0;
        while seen < count {
            let Line::Json(text) = self.next(deadline) else {
                continue;
            };
            let line: Value = serde_json::from_str(&text).expect("a line of JSON");
            let is_it =
                line["stream"] == url && line["width"] == size.0 && line["height"] == size.1;
            if !is_it {
                continue;
            }
            // The first answer after a change may still be that of the frame before it, but the
            // picture is the same all the time.
            assert_eq!(line["results"][0]["label"], label, "{text}");
            assert!(line["time"].is_string() && line["pts"].is_u64(), "{text}");
            // What is not in the lines of resnet50json comes before what is.
            let (width, height) = size;
            let middle = format!("\",\"width\":{width},\"height\":{height},\"pts\":");
            let begins = text.starts_with(&format!("{{\"stream\":\"{url}\",\"time\":\""));
            assert!(begins && text.contains(&middle), "{text}");
            seen += 1;
        }
    }

    /// Waits until the tagger says this of a stream.
    fn state(&mut self, url: &str, state: &str) {
        let deadline = Instant::now() + TIMEOUT;
        let wanted = format!("{url}: {state}");
        loop {
            if let Line::Status(text) = self.next(deadline)
                && text.starts_with(&wanted)
            {
                return;
            }
        }
    }

    /// How often it said this of a stream.
    fn count(&self, url: &str, state: &str) -> usize {
        let wanted = format!("{url}: {state}");
        self.log.iter().filter(|l| l.starts_with(&wanted)).count()
    }

    /// Ctrl-C, after which it must end in good order. The streams in `unharmed` must have been
    /// there all the time.
    fn finish(mut self, unharmed: &[String]) {
        example::interrupt(&self.child.0);
        while let Ok(line) = self.lines.recv_timeout(TIMEOUT) {
            match line {
                Line::Json(text) => drop(serde_json::from_str::<Value>(&text).expect("JSON")),
                Line::Status(text) => self.log.push(text),
            }
        }
        example::finish(&mut self.child.0);
        for url in unharmed {
            let log = self.log.join("\n");
            assert_eq!(self.count(url, "connecting"), 1, "{log}");
            assert_eq!(self.count(url, "gone"), 0, "{log}");
        }
    }
}

const SIZE: (u64, u64) = (480, 320);

/// Both codecs are classified at the same time, with what the cameras really show, and the status
/// line tells of it.
fn both_codecs(protocols: &str) {
    let server = Server::start(0, &[H264, MJPEG]);
    let urls = [server.url(H264), server.url(MJPEG)];
    let mut tagger = Tagger::start(protocols, &urls);
    for url in &urls {
        tagger.answers(url, 15, SIZE);
    }
    tagger.state(&urls[0], "playing, ");
    let line = tagger.log.last().expect("it has just come");
    assert!(line.contains("frames/s, espresso"), "{line}");
    tagger.finish(&urls);
}

#[test]
fn both_codecs_over_tcp() {
    both_codecs("tcp");
}

#[test]
fn both_codecs_over_udp() {
    both_codecs("udp");
}

/// A camera that answers but sends nothing counts as gone; when it sends again, it is back.
/// Meanwhile the other one goes on.
fn stall(protocols: &str, codec: &str, other: &str) {
    let mut server = Server::start(0, &[codec, other]);
    let urls = [server.url(codec), server.url(other)];
    let mut tagger = Tagger::start(protocols, &urls);
    tagger.answers(&urls[0], 5, SIZE);
    server.tell(&format!("stall {codec}"));
    tagger.state(&urls[0], "gone");
    tagger.answers(&urls[1], 20, SIZE);
    server.tell(&format!("resume {codec}"));
    tagger.answers(&urls[0], 10, SIZE);
    tagger.finish(&urls[1..]);
}

#[test]
fn a_camera_stalls_over_tcp() {
    stall("tcp", H264, MJPEG);
}

/// (Here GStreamer may come first with a timeout of its own.)
#[test]
fn a_camera_stalls_over_udp() {
    stall("udp", MJPEG, H264);
}

/// A camera that dies without a word is called until it is back at its place. Meanwhile the other
/// one goes on.
fn killed(protocols: &str, codec: &str, other: &str) {
    let server = Server::start(fixed_port(), &[codec]);
    let others = Server::start(0, &[other]);
    let urls = [server.url(codec), others.url(other)];
    let mut tagger = Tagger::start(protocols, &urls);
    tagger.answers(&urls[0], 5, SIZE);
    let port = server.kill();
    tagger.state(&urls[0], "gone");
    tagger.answers(&urls[1], 20, SIZE);
    // A call that nobody answers.
    tagger.state(&urls[0], "gone");
    let _server = Server::start(port, &[codec]);
    tagger.answers(&urls[0], 10, SIZE);
    tagger.finish(&urls[1..]);
}

#[test]
fn a_camera_is_killed_and_returns_over_tcp() {
    killed("tcp", MJPEG, H264);
}

#[test]
fn a_camera_is_killed_and_returns_over_udp() {
    killed("udp", H264, MJPEG);
}

/// Pictures of another size come in the same connection, and are classified.
fn resize(protocols: &str) {
    let mut server = Server::start(0, &[H264, MJPEG]);
    let urls = [server.url(H264), server.url(MJPEG)];
    let mut tagger = Tagger::start(protocols, &urls);
    for (codec, url) in [H264, MJPEG].iter().zip(&urls) {
        tagger.answers(url, 5, SIZE);
        server.tell(&format!("size {codec} 720 480"));
        tagger.answers(url, 10, (720, 480));
        server.tell(&format!("size {codec} 240 160"));
        tagger.answers(url, 10, (240, 160));
    }
    tagger.finish(&urls);
}

#[test]
fn the_resolution_changes_over_tcp() {
    resize("tcp");
}

#[test]
fn the_resolution_changes_over_udp() {
    resize("udp");
}

/// A password is for the camera alone, wherever in the URL it is, and cameras whose URLs differ in
/// what is not shown have names of their own. A file, which may be given as a path, ends at its end, and with it the program; every one
/// of its frames is classified.
#[test]
fn files_and_passwords() {
    let clip = glib::filename_to_uri(source("demo/clip.webm"), None).expect("a URI");
    let mut command = example::command("rtsp_tagger");
    let output = command.arg(source("demo/clip.webm")).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text.lines().count(), 360);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(line["stream"] == *clip && line["fresh"] == true, "{line}");
    }

    // Nobody listens at that port.
    let mut command = example::command("rtsp_tagger");
    command.args(["--seconds", "2"]);
    let host = format!("127.0.0.1:{}", fixed_port());
    for rest in [
        "/camera",
        "/camera?user=me&password=hidden",
        "?password=veiled",
    ] {
        command.arg(format!("rtsp://me:secret@{host}{rest}"));
    }
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{output:?}");
    for name in ["/camera", "/camera#2", ""] {
        let line = format!("rtsp://{host}{name}: gone: ");
        let line = text.lines().find_map(|l| l.strip_prefix(&line));
        let line = line.unwrap_or_else(|| panic!("no {name} in:\n{text}"));
        // What failed, and why.
        let (why, next) = line.rsplit_once("; ").expect("two parts");
        assert!(why.contains("onnect") && !why.ends_with('.'), "{line}");
        assert!(next.starts_with("next call in "), "{line}");
    }
    for secret in ["secret", "hidden", "veiled"] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// What can never work is refused at once, before any camera is called.
#[test]
fn refused() {
    let camera = "rtsp://me:secret@127.0.0.1:9/";
    for (arguments, words) in [
        (&["--protocols", "foo", camera][..], "“foo” is none of tcp,"),
        (&["--protocols", "tcp+", camera], "“” is none of tcp,"),
        (&["/nowhere/clip.webm"], "nor a file"),
        (&[camera, "nowhere://me:secret@camera/"], "nowhere"),
    ] {
        let mut command = example::command("rtsp_tagger");
        let output = command.args(arguments).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr);
        // Not by a signal.
        assert!(output.status.code().is_some_and(|c| c > 0), "{output:?}");
        assert!(text.starts_with("error: "), "{text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

/// A model that is not there is told once, before any camera is called.
#[test]
fn a_missing_model() {
    let mut command = example::command("rtsp_tagger");
    command.args(["--model", "/nowhere/model.onnx", "rtsp://127.0.0.1:9/"]);
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.starts_with("error: ") && text.contains("/nowhere/model.onnx"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}
