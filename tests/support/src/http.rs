// SPDX-License-Identifier: MPL-2.0
//! A web server on the loopback interface that misbehaves as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;

/// A request, and what was sent in reply to it.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// The first line: `GET /file HTTP/1.1`.
    pub line: String,
    /// `Range`, or nothing.
    pub range: String,
    /// `If-Range`, or nothing.
    pub if_range: String,
    /// Status of the reply.
    pub status: u16,
    /// Bytes of the body that were handed to the network.
    pub sent: usize,
}

/// What happens after the bytes of a [`Reply`].
#[derive(Debug, Clone, Copy)]
enum End {
    /// The connection is closed.
    Close,
    /// Nothing, until the client gives up.
    Stall,
    /// The bytes come again and again, until the client gives up.
    Repeat,
}

/// What the server answers.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<String>,
    body: Bytes,
    end: End,
}

impl Reply {
    /// A status and a body, of which no length is promised.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            end: End::Close,
        }
    }

    /// A file as a plain server gives it, which knows nothing of ranges.
    pub fn whole(file: &Bytes) -> Self {
        Self::new(200, file.clone()).header(format!("Content-Length: {}", file.len()))
    }

    /// A file as a server gives it that honours `Range` and `If-Range`.
    pub fn file(asked: &Exchange, file: &Bytes, etag: &str) -> Self {
        let etag = format!("\"{etag}\"");
        let start: Option<usize> = asked
            .range
            .strip_prefix("bytes=")
            .and_then(|range| range.strip_suffix('-')?.parse().ok())
            .filter(|_| asked.if_range.is_empty() || asked.if_range == etag);
        let reply = match start {
            None => Self::whole(file),
            Some(start) if start >= file.len() => {
                Self::new(416, "").header(format!("Content-Range: bytes */{}", file.len()))
            }
            Some(start) => Self::new(206, file.slice(start..))
                .header(format!("Content-Length: {}", file.len() - start))
                .header(format!(
                    "Content-Range: bytes {start}-{}/{}",
                    file.len() - 1,
                    file.len()
                )),
        };
        reply.header(format!("ETag: {etag}"))
    }

    pub fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    /// Closes the connection after this many bytes of the body, whatever was promised.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    /// Sends this many bytes of the body and then nothing more.
    pub fn stall_after(mut self, bytes: usize) -> Self {
        self.end = End::Stall;
        self.cut_after(bytes)
    }

    /// Sends the body for ever.
    pub fn endless(mut self) -> Self {
        self.end = End::Repeat;
        self
    }

    /// Gives it to the client. Returns the bytes of the body that went out.
    fn send(&self, stream: &mut TcpStream) -> usize {
        let mut head = format!("HTTP/1.1 {} Reply\r\nConnection: close\r\n", self.status);
        for line in &self.headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        if stream.write_all(head.as_bytes()).is_err() {
            return 0;
        }
        let mut sent = 0;
        loop {
            // The client may close whenever it likes.
            if stream.write_all(&self.body).is_err() {
                return sent;
            }
            sent += self.body.len();
            match self.end {
                End::Repeat => {}
                End::Stall => {
                    // Comes back when the client closes the connection.
                    let _ = stream.read(&mut [0]);
                    return sent;
                }
                End::Close => {
                    let _ = stream.shutdown(Shutdown::Write);
                    // Closing while something is unread would take back what was sent.
                    let _ = stream.read(&mut [0]);
                    return sent;
                }
            }
        }
    }
}

/// The server. It serves each connection in a thread, until the test program ends.
#[derive(Debug)]
pub struct Server {
    port: u16,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Server {
    /// Starts it. `answer` is given the number of requests before, and the request.
    pub fn start(answer: impl Fn(usize, &Exchange) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let exchanges: Arc<Mutex<Vec<Exchange>>> = Arc::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&exchanges));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                thread::spawn(move || serve(stream.expect("a connection"), &*answer, &log));
            }
        });
        Self { port, exchanges }
    }

    /// The URL of a file.
    pub fn url(&self, file: &str) -> String {
        format!("http://127.0.0.1:{}/{file}", self.port)
    }

    /// All that was asked and sent up to now.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let exchanges = self.exchanges.lock();
        exchanges.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(usize, &Exchange) -> Reply + ?Sized),
    log: &Mutex<Vec<Exchange>>,
) {
    let mut asked = Exchange::default();
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let Some(line) = lines.next() else {
        return;
    };
    asked.line = line;
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").expect("a header");
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = value.into(),
            "if-range" => asked.if_range = value.into(),
            _ => {}
        }
    }
    let lock = || log.lock().unwrap_or_else(PoisonError::into_inner);
    let number = {
        let mut log = lock();
        log.push(asked.clone());
        log.len() - 1
    };
    let reply = answer(number, &asked);
    lock()[number].status = reply.status;
    let sent = reply.send(&mut stream);
    lock()[number].sent = sent;
}
