//! HTTP/1.1 as bytes: a request out of a buffer, an answer into one. Pure; `server` owns the sockets.
//!
//! Written by hand because the simulator must also break HTTP: cut bodies, bodies without end, resets. Invariant: a
//! request is either complete, or more bytes are needed, or the connection ends with the status that says why.

use std::net::IpAddr;

use super::route::{ApiAnswer, ApiRequest};

/// Bytes of request line and headers at most: a filter of 1,000 ids is below it.
const HEAD_MAX: usize = 64 * 1024;

/// Bytes of a request's body at most: a control script of 1,000 actions is below it.
const BODY_MAX: usize = 256 * 1024;

/// What a buffer holds.
#[derive(Debug)]
pub enum Parsed {
    /// A request, and how many bytes of the buffer it took.
    Request(Box<Incoming>, usize),
    /// The beginning of one.
    Partial,
    /// Something else; the status that tells so.
    Refused(u16),
}

/// A request and what its headers ask of the connection.
#[derive(Debug)]
pub struct Incoming {
    /// The request.
    pub request: ApiRequest,
    /// False when the connection ends after the answer.
    pub keep_alive: bool,
    /// True when the caller takes compressed bodies.
    pub accepts_gzip: bool,
}

/// Reads the first request of the buffer.
pub fn parse(buffer: &[u8], client: IpAddr) -> Parsed {
    let Some(head_len) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if buffer.len() > HEAD_MAX { Parsed::Refused(431) } else { Parsed::Partial };
    };
    if head_len > HEAD_MAX {
        return Parsed::Refused(431);
    }
    let Ok(head) = std::str::from_utf8(&buffer[..head_len]) else { return Parsed::Refused(400) };
    let mut lines = head.split("\r\n");
    let line: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let &[method, target, version @ ("HTTP/1.1" | "HTTP/1.0")] = line.as_slice() else { return Parsed::Refused(400) };
    let mut headers = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { return Parsed::Refused(400) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
    let (path, raw_query, method) = (path.to_owned(), raw_query.to_owned(), method.to_owned());
    let mut request = ApiRequest { method, path, raw_query, headers, body: Vec::new(), client };
    if request.header("transfer-encoding").is_some() {
        return Parsed::Refused(411);
    }
    let Ok(body_len) = request.header("content-length").unwrap_or("0").parse::<usize>() else {
        return Parsed::Refused(400);
    };
    if body_len > BODY_MAX {
        return Parsed::Refused(413);
    }
    let body = head_len + 4..head_len + 4 + body_len;
    let Some(bytes) = buffer.get(body.clone()) else { return Parsed::Partial };
    request.body = bytes.to_vec();
    let connection = request.header("connection").unwrap_or_default().to_ascii_lowercase();
    let keep_alive = version == "HTTP/1.1" && connection != "close";
    let accepts_gzip = request.header("accept-encoding").is_some_and(|value| value.contains("gzip"));
    Parsed::Request(Box::new(Incoming { request, keep_alive, accepts_gzip }), body.end)
}

/// How the length of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// `Content-Length`.
    Known,
    /// Chunked.
    Open,
}

/// Writes the head of an answer.
pub fn head(answer: &ApiAnswer, length: Length, keep_alive: bool) -> Vec<u8> {
    let mut lines = vec![format!("HTTP/1.1 {} {}", answer.status, reason(answer.status))];
    lines.extend(answer.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.push(match length {
        Length::Known => format!("Content-Length: {}", answer.body.len()),
        Length::Open => "Transfer-Encoding: chunked".to_owned(),
    });
    if !keep_alive {
        lines.push("Connection: close".to_owned());
    }
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

/// Writes one chunk of a chunked body.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::route::Transport;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn requests_are_read_when_they_are_whole() {
        let text = b"POST /open-api/v2/auth?a=1 HTTP/1.1\r\nHost: x\r\nX-Token:  t \r\nContent-Length: 2\r\n\r\n{}GET";
        for cut in 0..text.len() - 3 {
            assert!(matches!(parse(&text[..cut], CLIENT), Parsed::Partial), "{cut} bytes");
        }
        let Parsed::Request(incoming, taken) = parse(text, CLIENT) else { panic!("a whole request") };
        assert_eq!((&text[taken..], incoming.keep_alive, incoming.accepts_gzip), (b"GET".as_slice(), true, false));
        let request = incoming.request;
        assert_eq!((request.path.as_str(), request.raw_query.as_str()), ("/open-api/v2/auth", "a=1"));
        assert_eq!((request.header("x-token"), request.body.as_slice()), (Some("t"), b"{}".as_slice()));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (text, status) in [
            ("nonsense\r\n\r\n", 400),
            ("GET / HTTP/2\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\ncontent-length: 999999999\r\n\r\n", 413),
            ("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 411),
        ] {
            assert!(matches!(parse(text.as_bytes(), CLIENT), Parsed::Refused(found) if found == status), "{text}");
        }
        assert!(matches!(parse(&vec![b'a'; HEAD_MAX + 1], CLIENT), Parsed::Refused(431)));
    }

    #[test]
    fn answers_tell_their_length() {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        let answer = ApiAnswer { status: 200, headers, body: b"{}".to_vec(), transport: Transport::Whole };
        let shown = String::from_utf8(head(&answer, Length::Known, true)).expect("text");
        assert_eq!(shown, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n");
        assert!(
            head(&answer, Length::Open, false).ends_with(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        );
        assert_eq!(chunk(b"abc"), b"3\r\nabc\r\n");
    }
}
