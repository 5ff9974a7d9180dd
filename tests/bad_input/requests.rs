//! What browsers and strangers send to the web side: bytes over a socket to the real listener.
//!
//! Whatever came, the next request is answered. A case gives the lines of a request; `raw` bytes as they are, `slowly`
//! one byte at a time, `then` what follows once the answer's head is there.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use eightysix::http;
use tokio_util::sync::CancellationToken;

use crate::table::{self, Case, Outcome};
use crate::wait::{self, PATIENCE};

/// Between two bytes of somebody slow.
const DRIP: Duration = Duration::from_millis(500);

/// The web side before a broker that takes everything and says nothing.
struct Web {
    address: SocketAddr,
    _broker: TcpListener,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Web {
    fn open() -> Self {
        let broker = TcpListener::bind("127.0.0.1:0").expect("a port");
        let behind = broker.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let (tell, told) = std::sync::mpsc::channel();
        let until = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let origins = vec!["https://screens.example.com".to_owned()];
                let settings = http::Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), origins };
                let bound = http::bind(&settings).await.expect("a port");
                tell.send(bound.address()).expect("somebody waits");
                http::serve(bound, Some(behind), until).await;
            });
        });
        let address = told.recv().expect("the address");
        Self { address, _broker: broker, stop, thread: Some(thread) }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the web side ends without a panic");
        }
    }
}

#[test]
fn bad_requests() {
    let web = Web::open();
    table::check("requests", |case| outcome(case, web.address));
}

fn outcome(case: &Case, address: SocketAddr) -> Outcome {
    let mut lost = Vec::new();
    let mut socket = connect(address);
    send(&mut socket, case);
    let mut answer = Vec::new();
    let stays_open = case.keeps("open");
    let mut is_over =
        read_until(&mut socket, &mut answer, |answer| is_head(answer) && (stays_open || !then(case).is_empty()));
    for bytes in then(case) {
        // Who was refused already need not be told more.
        let _ = socket.write_all(&bytes);
        is_over = read_until(&mut socket, &mut answer, |_| false);
    }
    for state in &case.kept {
        match state.as_str() {
            "closed" if !is_over => lost.push("the socket was left open".to_owned()),
            "open" if is_over => lost.push("the socket was closed".to_owned()),
            "closed" | "open" | "the next is answered" => {}
            unknown => panic!("{}: nobody knows how to look for '{unknown}'", case.name),
        }
    }
    let mut next = connect(address);
    next.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut said_next = Vec::new();
    read_until(&mut next, &mut said_next, |_| false);
    if !said_next.starts_with(b"HTTP/1.1 404 Not Found") {
        lost.push(format!("the next request was answered by {}", String::from_utf8_lossy(&said_next)));
    }
    Outcome { said: vec![shown(&answer)], lost, seen: String::from_utf8_lossy(&answer).into_owned() }
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
    socket.set_write_timeout(Some(PATIENCE)).expect("a bound");
    socket
}

fn then(case: &Case) -> Vec<Vec<u8>> {
    case.given.iter().filter_map(|line| line.strip_prefix("then ")).map(table::bytes).collect()
}

fn send(socket: &mut TcpStream, case: &Case) {
    let lines: Vec<&String> = case.given.iter().filter(|line| !line.starts_with("then ")).collect();
    let (how, lines) = match lines.split_first() {
        Some((first, rest)) if ["raw", "slowly"].contains(&first.as_str()) => (first.as_str(), rest),
        Some(_) | None => ("", lines.as_slice()),
    };
    let joined = |by: &str| lines.iter().map(|line| table::bytes(line)).collect::<Vec<_>>().join(by.as_bytes());
    match how {
        "raw" => drop(socket.write_all(&joined(""))),
        "slowly" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            for byte in joined("\r\n") {
                runtime.block_on(wait::while_a_fault_lasts(DRIP));
                if socket.write_all(&[byte]).is_err() {
                    return;
                }
            }
        }
        _ => {
            // A server that has heard enough may close before the end.
            let _ = socket.write_all(&[&joined("\r\n")[..], b"\r\n\r\n"].concat());
        }
    }
}

fn is_head(answer: &[u8]) -> bool {
    answer.windows(4).any(|four| four == b"\r\n\r\n")
}

/// Reads until the other side closes, which is true, or until enough is there.
fn read_until(socket: &mut TcpStream, answer: &mut Vec<u8>, is_enough: impl Fn(&[u8]) -> bool) -> bool {
    let mut chunk = [0; 4_096];
    loop {
        if is_enough(answer) {
            return false;
        }
        match socket.read(&mut chunk) {
            Ok(0) => return true,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Closed with bytes of ours unread, which the system tells as a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
            Err(_) => return false,
        }
    }
}

/// Shows an answer: the status, the text below it, and how a WebSocket was closed.
fn shown(answer: &[u8]) -> String {
    if answer.is_empty() {
        return "closed without a word".to_owned();
    }
    if !answer.starts_with(b"HTTP/1.") {
        return "no words that a person could read".to_owned();
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let (head, body) = answer.split_at(end);
    let head = String::from_utf8_lossy(head);
    let status =
        head.lines().next().unwrap_or_default().trim_start_matches("HTTP/1.1 ").trim_start_matches("HTTP/1.0 ");
    match body {
        [] => status.to_owned(),
        [0x88, _, code @ ..] if status.starts_with("101") && code.len() >= 2 => {
            let number = u16::from_be_bytes([code[0], code[1]]);
            format!("{status}, closed by {number}: {}", String::from_utf8_lossy(&code[2..]))
        }
        body => format!("{status}: {}", String::from_utf8_lossy(body).trim_end()),
    }
}
