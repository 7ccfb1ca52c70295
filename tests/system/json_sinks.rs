// SPDX-License-Identifier: MPL-2.0
//! `resnet50json` before the sinks that carry its lines away: files, pipes, sockets, and an MQTT
//! broker. Each of them is a real one.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gst::prelude::*;
use serde_json::Value;
use support::element::{TIMEOUT, caps, rgb};
use support::lines::{self, classified, frame, seen};
use support::plugin;

/// How many frames are sent, of which every third has no classification.
const FRAMES: u64 = 30;
const LINES: usize = 20;

/// `appsrc ! resnet50json ! SINK`, playing.
struct Rig {
    pipeline: gst::Pipeline,
    src: gst_app::AppSrc,
    sink: gst::Element,
}

impl Rig {
    fn new(sink: gst::Element) -> Self {
        support::init();
        let src = gst_app::AppSrc::builder()
            .caps(&caps(&rgb(8, 8)))
            .format(gst::Format::Time)
            .build();
        let json = gst::ElementFactory::make("resnet50json")
            .build()
            .expect("the element");
        let pipeline = gst::Pipeline::new();
        let elements = [src.upcast_ref(), &json, &sink];
        pipeline.add_many(elements).expect("they go into it");
        gst::Element::link_many(elements).expect("links");
        pipeline.set_state(gst::State::Playing).expect("it plays");
        Self {
            pipeline,
            src,
            sink,
        }
    }

    /// Sends all frames.
    fn send(&self) {
        for i in 0..FRAMES {
            let class = seen(i as i32, "class");
            let buffer = match i % 3 {
                0 => frame(i * 40),
                _ => classified(i * 40, &class),
            };
            self.src.push_buffer(buffer).expect("appsrc takes it");
        }
    }

    /// Ends the stream and waits for it.
    fn end(&self) {
        self.src.end_of_stream().expect("it can end");
        let bus = self.pipeline.bus().expect("a bus");
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(TIMEOUT, &kinds);
        let message = message.expect("the stream ends");
        assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Asserts that these are the lines of [`Rig::send`], all of them and in order.
fn check(bytes: &[u8]) {
    let times: Vec<u64> = lines::parse(bytes)
        .iter()
        .map(|line| line["pts"].as_u64().expect("a time") / 40_000_000)
        .collect();
    let expected: Vec<u64> = (0..FRAMES).filter(|i| i % 3 != 0).collect();
    assert_eq!(times, expected);
}

fn sink(name: &str) -> gst::Element {
    support::init();
    gst::ElementFactory::make(name)
        .build()
        .unwrap_or_else(|_| panic!("no {name}; `cargo xtask setup` installs it"))
}

/// Reads the lines that a client gets.
fn read_lines(stream: impl Read) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut text = Vec::new();
    for _ in 0..LINES {
        reader.read_until(b'\n', &mut text).expect("a line in time");
    }
    text
}

/// Waits until the sink has as many clients.
fn wait_for_client(sink: &gst::Element) {
    let end = Instant::now() + Duration::from(TIMEOUT);
    while sink.property::<u32>("num-handles") < 1 {
        assert!(Instant::now() < end, "the client has not been accepted");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `filesink`: the file holds the lines and nothing else.
#[test]
fn file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seen.jsonl");
    let sink = sink("filesink");
    sink.set_property("location", path.to_str().expect("UTF-8"));
    let rig = Rig::new(sink);
    rig.send();
    rig.end();
    drop(rig);
    check(&std::fs::read(path).expect("the file"));
}

/// `filesink` without a buffer: the lines are in the file while the stream goes on.
#[test]
fn file_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seen.jsonl");
    let sink = sink("filesink");
    sink.set_property("location", path.to_str().expect("UTF-8"));
    sink.set_property_from_str("buffer-mode", "unbuffered");
    let rig = Rig::new(sink);
    rig.send();
    let end = Instant::now() + Duration::from(TIMEOUT);
    loop {
        let bytes = std::fs::read(&path).unwrap_or_default();
        if bytes.split(|b| *b == b'\n').count() > LINES {
            return check(&bytes);
        }
        assert!(Instant::now() < end, "the lines are not there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `fdsink` into the standard input of another process.
#[test]
fn pipe_of_a_process() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat runs");
    let stdin = child.stdin.take().expect("piped");
    let sink = sink("fdsink");
    sink.set_property("fd", stdin.as_raw_fd());
    let rig = Rig::new(sink);
    rig.send();
    rig.end();
    drop(rig);
    drop(stdin);
    let output = child.wait_with_output().expect("cat ends");
    assert!(output.status.success());
    check(&output.stdout);
}

/// `tcpserversink`: a client that connects reads lines.
#[test]
fn tcp_client() {
    let sink = sink("tcpserversink");
    sink.set_property("host", "127.0.0.1");
    sink.set_property("port", 0);
    let rig = Rig::new(sink);
    let port = rig.sink.property::<i32>("current-port");
    let port = u16::try_from(port).expect("a port");
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    client
        .set_read_timeout(Some(TIMEOUT.into()))
        .expect("a timeout");
    wait_for_client(&rig.sink);
    rig.send();
    check(&read_lines(client));
    rig.end();
}

/// `multisocketsink`: a socket that the program hands over gets the lines.
#[test]
fn socket_of_the_program() {
    let sink = sink("multisocketsink");
    let rig = Rig::new(sink);
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    let socket = gio::Socket::from_fd(theirs.into()).expect("a socket");
    rig.sink.emit_by_name::<()>("add", &[&socket]);
    ours.set_read_timeout(Some(TIMEOUT.into()))
        .expect("a timeout");
    wait_for_client(&rig.sink);
    rig.send();
    check(&read_lines(ours));
    rig.end();
}

/// `gst-resnet50 classify --json` writes the same kind of lines.
#[cfg(feature = "cli")]
#[test]
fn of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("seen.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_gst-resnet50"))
        .arg("classify")
        .arg(support::source("demo/clip.webm"))
        .args(["--model", "builtin:efficientnet-lite0"])
        .args(["--interval", "5", "--max-frames", "12", "--json"])
        .arg(&file)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let lines = lines::parse(&std::fs::read(file).expect("the file"));
    let fresh: Vec<bool> = lines.iter().map(|l| l["fresh"] == true).collect();
    let expected: Vec<bool> = (0..12).map(|i| i % 5 == 0).collect();
    assert_eq!(fresh, expected);
}

/// An MQTT broker on a port of its own.
struct Broker {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

const REMEDY: &str = "the test needs Debian's mosquitto and mosquitto-clients: `cargo xtask setup` \
                      installs them, or `apt-get install mosquitto mosquitto-clients`";

/// A program of Debian's package, which has the server where not every user's PATH leads.
fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    places
        .map(|place| place.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; {REMEDY}"))
}

impl Broker {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = installed("mosquitto");
        // Between our letting go of the port and the broker's taking it somebody else may be faster.
        for _ in 0..10 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let port = free.local_addr().expect("an address").port();
            drop(free);
            let configuration = folder.path().join("mosquitto.conf");
            let text =
                format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
            std::fs::write(&configuration, text).expect("written");
            let mut child = Command::new(&program)
                .arg("-c")
                .arg(&configuration)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|e| panic!("mosquitto does not run ({e}); {REMEDY}"));
            if listens(&mut child, port) {
                return Self {
                    child,
                    port,
                    _folder: folder,
                };
            }
        }
        panic!("mosquitto does not start, on none of ten free ports");
    }

    /// One of its clients, with the arguments that all of them have.
    fn client(&self, name: &str) -> Command {
        let mut client = Command::new(installed(name));
        client
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-t", "camera/1/seen", "-q", "1"]);
        client
    }

    /// The subscriber, whom the broker remembers while it is away.
    fn subscriber(&self) -> Command {
        let mut client = self.client("mosquitto_sub");
        client.args(["-i", "subscriber", "-c"]);
        client
    }
}

/// Waits until something listens there. False if the child has ended.
fn listens(child: &mut Child, port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let end = Instant::now() + Duration::from(TIMEOUT);
    while Instant::now() < end {
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            // It may still be somebody else's, and ours about to end.
            return child.try_wait().expect("a child").is_none();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of gst-launch, as a shell runs it: what the demo clip shows goes over a real broker to a
/// subscriber, line by line.
#[test]
fn mqtt() {
    plugin::output(Command::new("gst-launch-1.0").arg("--version"));
    let broker = Broker::start();
    // From here on the broker keeps for it what it misses.
    let subscribed = broker.subscriber().arg("-E").output().expect("it runs");
    assert!(subscribed.status.success(), "{subscribed:?}");

    let folder = tempfile::tempdir().expect("a folder");
    let (file, errors) = publish(&broker, folder.path());
    let sent = lines::parse(&file);
    for label in ["Egyptian cat", "espresso", "moped", "missile"] {
        let is_it = |line: &Value| line["results"][0]["label"] == label;
        assert!(sent.iter().any(is_it), "no {label}: {errors}");
    }

    let count = sent.len().to_string();
    let received = broker
        .subscriber()
        .args(["-C", &count, "-W", "60"])
        .output()
        .expect("it runs");
    assert!(received.status.success(), "{received:?}");
    assert_eq!(
        String::from_utf8_lossy(&received.stdout),
        String::from_utf8_lossy(&file)
    );
}

/// Runs the line. Returns what was published, and what there was on the standard error.
fn publish(broker: &Broker, folder: &Path) -> (Vec<u8>, String) {
    let clip = glib::filename_to_uri(support::source("demo/clip.webm"), None).expect("a URI");
    let file = folder.join("seen.jsonl");
    let publisher = broker.client("mosquitto_pub");
    let mut arguments = vec![publisher.get_program()];
    arguments.extend(publisher.get_args());
    let publisher: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).collect();
    let line = format!(
        "gst-launch-1.0 -q uridecodebin uri={clip} ! resnet50 model=builtin:efficientnet-lite0 \
         interval=5 ! resnet50json only-changes=true ! fdsink | tee '{}' | {} -l",
        file.display(),
        publisher.join(" "),
    );
    let mut command = Command::new("timeout");
    command.args(["300", "bash", "-o", "pipefail", "-c", &line]);
    let output = plugin::output(plugin::prepare(&mut command, folder));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{}: {errors}\n{line}",
        output.status
    );
    (std::fs::read(file).expect("what tee has written"), errors)
}
