//! A Clopos that answers each brand well until it is told to answer one request badly, byte by byte as the case says.
//!
//! The brands are told apart by their tokens. Every connection takes one request, as after a proxy that keeps nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// What a brand's token begins with; nothing may show it.
pub(crate) const TOKEN: &str = "t0k3n-0f-a-brand-wh1ch-n0b0dy-may-see-";

/// One bad answer: to which request, and its bytes from the status line on.
#[derive(Clone, Debug)]
pub(crate) struct Bad {
    /// `GET /products/stop-list`; a query of which only a part need be there: `GET /products?page=2`.
    pub(crate) request: String,
    pub(crate) answer: Vec<u8>,
}

struct Brand {
    bad: Bad,
    given: AtomicUsize,
}

struct Shared {
    brands: Vec<Brand>,
    is_bad: AtomicBool,
    stop: AtomicBool,
}

/// A running point of sale with the brands `b0`, `b1` and so on.
pub(crate) struct Pos {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Pos {
    pub(crate) fn open(bad: Vec<Bad>) -> Self {
        let brands = bad.into_iter().map(|bad| Brand { bad, given: AtomicUsize::new(0) }).collect();
        let shared = Arc::new(Shared { brands, is_bad: AtomicBool::new(false), stop: AtomicBool::new(false) });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if serving.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(socket), shared) = (socket, Arc::clone(&serving)) else { continue };
                // A client that hangs up has no need of the answer.
                std::thread::spawn(move || drop(answer(&socket, &shared)));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// From now on every brand gets its bad answer.
    pub(crate) fn turn_bad(&self) {
        self.shared.is_bad.store(true, Ordering::SeqCst);
    }

    /// How often a brand got it.
    pub(crate) fn given(&self, brand: usize) -> usize {
        self.shared.brands[brand].given.load(Ordering::SeqCst)
    }
}

impl Drop for Pos {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the stop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the point of sale ends without a panic");
        }
    }
}

fn answer(mut socket: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "x-token" => value.clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let name = body["brand"].as_str().unwrap_or_else(|| token.strip_prefix(TOKEN).unwrap_or_default()).to_owned();
    let Some(index) = name.strip_prefix('b').and_then(|number| number.parse::<usize>().ok()) else {
        return socket.write_all(&json(404, "{\"success\":false,\"error\":\"no such brand in the catalogue\"}"));
    };
    let brand = &shared.brands[index];
    let target = target.strip_prefix("/open-api/v2").unwrap_or(&target);
    if shared.is_bad.load(Ordering::SeqCst) {
        let is_first = brand.given.load(Ordering::SeqCst) == 0;
        if is_meant(&brand.bad.request, &method, target) && !(is_first && is_amid_a_walk(&brand.bad.request, target)) {
            brand.given.fetch_add(1, Ordering::SeqCst);
            return socket.write_all(&brand.bad.answer.clone());
        }
        // A login comes only when a token ends; so that it does.
        if brand.bad.request == "POST /auth" {
            return socket.write_all(&json(401, "{\"success\":false,\"error\":\"unauthorized\"}"));
        }
    }
    let is_asked_for_99 = brand.bad.request == "GET /products/99" && shared.is_bad.load(Ordering::SeqCst);
    let good = good(&method, target, &name, is_asked_for_99);
    socket.write_all(&json(if good.is_empty() { 404 } else { 200 }, &good))
}

fn is_meant(wanted: &str, method: &str, target: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (wanted, part) = wanted.split_once('?').unwrap_or((wanted, ""));
    wanted == format!("{method} {path}") && (part.is_empty() || query.split('&').any(|it| it == part))
}

/// Says whether a page is asked for of a list whose first page was answered well: a bad list begins at its beginning.
fn is_amid_a_walk(wanted: &str, target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let is_later = |part: &str| part.strip_prefix("page=").is_some_and(|page| page != "1");
    !wanted.contains('?') && query.split('&').any(is_later)
}

/// A small shop: plov is out, tea runs low, and two pages of the menu.
fn good(method: &str, target: &str, brand: &str, with_99: bool) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = match (method, path) {
        ("POST", "/auth") => return format!(r#"{{"success":true,"token":"{TOKEN}{brand}","expires_in":3600}}"#),
        ("GET", "/venues") => r#"[{"id":1,"name":"Sahil","status":1}],"total":1"#,
        ("GET", "/products/stop-list") if with_99 => {
            r#"[{"id":54,"limit":0,"timestamp":1761202010781},{"id":57,"limit":3,"timestamp":1761202001368},
                {"id":99,"limit":7,"timestamp":1761202001368}]"#
        }
        ("GET", "/products/stop-list") => {
            r#"[{"id":54,"limit":0,"timestamp":1761202010781},{"id":57,"limit":3,"timestamp":1761202001368}]"#
        }
        ("GET", "/stations") => {
            r#"[{"id":1,"name":"Kitchen","status":1,"type":1,"printable":1},
                {"id":2,"name":"Bar","status":0,"type":0,"printable":0}],"total":2"#
        }
        ("GET", "/products") if query.contains("page=2") => {
            r#"[{"id":60,"name":"Piti","type":"DISH","station_id":1,"status":1,"price":9}],"total":3"#
        }
        ("GET", "/products") => {
            r#"[{"id":54,"name":"Plov","type":"DISH","station_id":1,"status":1,"price":12.5},
                {"id":57,"name":"Tea","type":"GOODS","station_id":1,"status":1,"price":"3.20"}],"total":3"#
        }
        ("GET", "/price-lists") => r#"[{"id":1,"name":"Delivery","status":true}],"pagination":{"total":1}"#,
        ("GET", "/price-lists/prices") => {
            r#"[{"id":8,"list_id":1,"product_id":54,"price":14}],"pagination":{"total":1}"#
        }
        _ => return String::new(),
    };
    format!(r#"{{"success":true,"data":{body}}}"#)
}

fn json(status: u16, body: &str) -> Vec<u8> {
    let head = "content-type: application/json\r\nconnection: close";
    format!("HTTP/1.1 {status} x\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
