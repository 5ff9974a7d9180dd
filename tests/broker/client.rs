//! An MQTT client for the tests, over TCP or WebSocket, written out byte by byte so that it can be as rude as needed.
//!
//! It must never wait without a bound, and it judges nothing but the order of packets.

use std::net::SocketAddr;

use eightysix::broker::Running;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::{text, within};

/// A WebSocket as a browser holds it.
pub(crate) type Browser = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection and what was read of it so far.
pub(crate) struct Client {
    line: Line,
    read: Vec<u8>,
    version: u8,
    packet_id: u16,
}

enum Line {
    Tcp(TcpStream),
    Web(Box<Browser>),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) retain: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Hello<'a> {
    pub(crate) id: &'a str,
    pub(crate) login: Option<(&'a str, &'a str)>,
    /// Topic and payload.
    pub(crate) will: Option<(&'a str, &'a str)>,
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short string");
    [&length.to_be_bytes(), bytes].concat()
}

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let digit = u8::try_from(rest % 128).expect("below 128");
        rest /= 128;
        bytes.push(if rest > 0 { digit | 0x80 } else { digit });
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// Cuts the first packet off: its first byte and its body.
fn cut_packet(read: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let mut length = 0;
    for at in 1..read.len().min(5) {
        length |= usize::from(read[at] & 0x7f) << (7 * (at - 1));
        if read[at] & 0x80 == 0 {
            let end = at + 1 + length;
            if read.len() < end {
                return None;
            }
            let cut: Vec<u8> = read.drain(..end).collect();
            return Some((cut[0], cut[at + 1..].to_vec()));
        }
    }
    None
}

pub(crate) fn hello(version: u8, hello: &Hello<'_>) -> Vec<u8> {
    let mut flags = 0x02;
    let properties: &[u8] = if version == 5 { &[0] } else { &[] };
    let mut payload = string(hello.id.as_bytes());
    if let Some((topic, will)) = hello.will {
        flags |= 0x04 | 0x08 | 0x20;
        payload.extend([properties.to_vec(), string(topic.as_bytes()), string(will.as_bytes())].concat());
    }
    if let Some((username, password)) = hello.login {
        flags |= 0xc0;
        payload.extend([string(username.as_bytes()), string(password.as_bytes())].concat());
    }
    let keep_alive = 60;
    packet(0x10, &[&string(b"MQTT"), &[version, flags, 0, keep_alive][..], properties, &payload].concat())
}

impl Client {
    pub(crate) async fn tcp(address: SocketAddr, version: u8, greeting: &Hello<'_>) -> (Self, u8) {
        let tcp = within("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection");
        Self::greet(Line::Tcp(tcp), version, greeting).await
    }

    pub(crate) async fn web(address: SocketAddr, greeting: &Hello<'_>) -> (Self, u8) {
        Self::greet(Line::Web(Box::new(upgrade(address).await)), 5, greeting).await
    }

    /// Returns the client and the CONNACK's reason code.
    async fn greet(line: Line, version: u8, greeting: &Hello<'_>) -> (Self, u8) {
        let mut client = Self { line, read: Vec::new(), version, packet_id: 0 };
        client.send(&hello(version, greeting)).await;
        let (first, body) = client.next().await.expect("a CONNACK");
        assert_eq!(first, 0x20, "a CONNACK comes first");
        (client, body[1])
    }

    pub(crate) async fn display(broker: &Running, id: &str) -> Self {
        let (client, code) = Self::tcp(broker.address(), 5, &Hello { id, ..Hello::default() }).await;
        assert_eq!(code, 0, "a display comes in");
        client
    }

    pub(crate) async fn publisher(broker: &Running, id: &str) -> Self {
        let access = broker.publisher();
        let login = Some((access.username.as_str(), access.password.expose()));
        let (client, code) = Self::tcp(broker.address(), 5, &Hello { id, login, will: None }).await;
        assert_eq!(code, 0, "the publisher comes in");
        client
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let sent = match &mut self.line {
            Line::Tcp(tcp) => within("bytes are taken", tcp.write_all(bytes)).await.is_ok(),
            Line::Web(web) => within("a frame is taken", web.send(Message::binary(bytes.to_vec()))).await.is_ok(),
        };
        assert!(sent, "the connection is open");
    }

    /// Waits for a packet; nothing when the other side has closed.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(packet) = cut_packet(&mut self.read) {
                return Some(packet);
            }
            match &mut self.line {
                Line::Tcp(tcp) => match within("bytes arrive", tcp.read_buf(&mut self.read)).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                },
                Line::Web(web) => match within("a frame arrives", web.next()).await {
                    Some(Ok(Message::Binary(bytes))) => self.read.extend_from_slice(&bytes),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => {
                        assert!(!matches!(other, Some(Ok(Message::Text(_)))), "no text frames");
                        return None;
                    }
                },
            }
        }
    }

    fn next_packet_id(&mut self) -> [u8; 2] {
        self.packet_id += 1;
        self.packet_id.to_be_bytes()
    }

    fn properties(&self) -> &'static [u8] {
        if self.version == 5 { &[0] } else { &[] }
    }

    /// Asks for a topic and waits for the answer, which comes before or among what is retained there.
    pub(crate) async fn subscribe(&mut self, filter: &str, qos: u8) {
        let id = self.next_packet_id();
        let body = [&id, self.properties(), &string(filter.as_bytes()), &[qos]].concat();
        self.send(&packet(0x82, &body)).await;
        let mut before = Vec::new();
        loop {
            let (first, body) = self.next().await.expect("a SUBACK");
            if first == 0x90 {
                assert_eq!(body.last(), Some(&qos), "the subscription is granted");
                break;
            }
            before.extend(packet(first, &body));
        }
        self.read.splice(0..0, before);
    }

    pub(crate) fn publish_bytes(&mut self, topic: &str, payload: &str, qos: u8, retain: bool) -> Vec<u8> {
        let id = if qos > 0 { self.next_packet_id().to_vec() } else { Vec::new() };
        let body = [&string(topic.as_bytes()), &id[..], self.properties(), payload.as_bytes()].concat();
        packet(0x30 | qos << 1 | u8::from(retain), &body)
    }

    /// Publishes at QoS 1 and returns the PUBACK's reason code.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &str, retain: bool) -> u8 {
        let bytes = self.publish_bytes(topic, payload, 1, retain);
        self.send(&bytes).await;
        let (first, body) = self.next().await.expect("a PUBACK");
        assert_eq!(first, 0x40, "a PUBACK");
        body.get(2).copied().unwrap_or(0)
    }

    /// Returns once the broker has worked off everything sent so far.
    pub(crate) async fn ping(&mut self) {
        self.send(&[0xc0, 0]).await;
        assert_eq!(self.next().await.expect("a PINGRESP").0, 0xd0);
    }

    /// Waits for the next message and acknowledges it.
    pub(crate) async fn receive(&mut self) -> Received {
        let (first, body) = self.next().await.expect("a message");
        assert_eq!(first >> 4, 3, "a PUBLISH");
        let mut at = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = text(&body[2..at]);
        if first & 0x06 != 0 {
            self.send(&packet(0x40, &body[at..at + 2])).await;
            at += 2;
        }
        if self.version == 5 {
            assert!(body[at] < 0x80, "short properties");
            at += 1 + usize::from(body[at]);
        }
        Received { topic, payload: text(&body[at..]), retain: first & 1 == 1 }
    }
}

/// Opens a WebSocket as a browser's page of this server does.
pub(crate) async fn upgrade(address: SocketAddr) -> Browser {
    try_upgrade(address, Some("mqtt"), Some(&format!("http://{address}"))).await.expect("an upgrade")
}

pub(crate) async fn try_upgrade(
    address: SocketAddr,
    protocol: Option<&str>,
    origin: Option<&str>,
) -> Result<Browser, Error> {
    let mut request = format!("ws://{address}/mqtt").into_client_request().expect("a request");
    for (name, value) in [("Sec-WebSocket-Protocol", protocol), ("Origin", origin)] {
        if let Some(value) = value {
            request.headers_mut().insert(name, value.parse().expect("a header"));
        }
    }
    let (socket, response) = within("an upgrade", connect_async(request)).await?;
    assert_eq!(response.headers().get("Sec-WebSocket-Protocol").expect("a protocol"), "mqtt");
    Ok(socket)
}
