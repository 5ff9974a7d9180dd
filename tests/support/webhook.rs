//! A webhook receiver for tests: a real HTTP server that records what it gets and answers by a script.
//!
//! Runs on a thread of its own at a free port of 127.0.0.1, so tests need no async runtime for it. Signatures are
//! checked with the openssl command, which shares no code with the sender.
#![allow(dead_code, unreachable_pub, reason = "each test crate includes the harness and uses its part of it")]

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use axum::serve::Listener;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls::Authority;
use super::wait;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Hit {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Hit {
    /// The value of a header; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }

    /// Whether one of the signatures is the one that Standard Webhooks prescribes for this key, by openssl.
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let expected = format!("v1,{}", STANDARD.encode(hmac_by_openssl(key, signed.as_bytes())));
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

/// How the receiver answers one request.
#[derive(Clone)]
pub enum Answer {
    /// A status, headers and a body.
    Full(u16, &'static [(&'static str, &'static str)], String),
    /// Nothing, until the client gives up.
    Hang,
    /// This status and the beginning of a body, then the connection ends.
    BreakOff(u16),
}

impl Answer {
    /// Answers with a status alone.
    pub fn status(status: u16) -> Self {
        Self::Full(status, &[], String::new())
    }
}

/// A running receiver.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    folder: Option<tempfile::TempDir>,
}

#[derive(Default)]
struct Shared {
    hits: Mutex<Vec<Hit>>,
    answers: Mutex<VecDeque<Answer>>,
}

impl Receiver {
    /// Starts a receiver for `http://`; it gives `answers` in order and 204 to everything after them.
    pub fn start(answers: Vec<Answer>) -> Self {
        Self::run(answers, None)
    }

    /// As [`Self::start`] for `https://localhost`, under the authority in [`Self::ca_file`].
    pub fn start_tls(answers: Vec<Answer>) -> Self {
        Self::run(answers, Some(tempfile::tempdir().expect("a temporary folder")))
    }

    fn run(answers: Vec<Answer>, folder: Option<tempfile::TempDir>) -> Self {
        let shared = Arc::new(Shared { answers: Mutex::new(answers.into()), ..Shared::default() });
        let acceptor = folder.as_ref().map(|folder| acceptor(folder.path()));
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("listen");
        socket.set_nonblocking(true).expect("a non-blocking socket");
        let address = socket.local_addr().expect("an address");
        let scheme = if folder.is_some() { "https" } else { "http" };
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let socket = TcpListener::from_std(socket).expect("a socket for tokio");
                let serve = async {
                    match acceptor {
                        Some(acceptor) => axum::serve(Encrypted { socket, acceptor }, router).await,
                        None => axum::serve(socket, router).await,
                    }
                };
                // Not graceful: a request that hangs on purpose would keep it alive.
                tokio::select! { _ = serve => {}, _ = ended => {} }
            });
        });
        Self { address, scheme, shared, end: Some(end), thread: Some(thread), folder }
    }

    /// The address to configure, `http://127.0.0.1:1234/hook` or `https://localhost:1234/hook`.
    pub fn url(&self) -> String {
        let host = if self.scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{}/hook", self.scheme, self.address.port())
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The authority of its certificate, after [`Self::start_tls`].
    pub fn ca_file(&self) -> PathBuf {
        self.folder.as_ref().expect("a receiver with TLS").path().join("ca.pem")
    }

    /// Gives this answer after those that are still to be given.
    pub fn answer(&self, answer: Answer) {
        self.shared.answers.lock().expect("the answers").push_back(answer);
    }

    /// The requests so far.
    pub fn hits(&self) -> Vec<Hit> {
        self.shared.hits.lock().expect("the hits").clone()
    }

    /// How many requests there were so far.
    pub fn count(&self) -> usize {
        self.shared.hits.lock().expect("the hits").len()
    }

    /// Waits until at least `count` requests are there.
    pub fn wait_for(&self, count: usize) -> Vec<Hit> {
        wait::until(&format!("{count} requests"), || Some(self.hits()).filter(|hits| hits.len() >= count))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ = self.end.take().map(|end| end.send(()));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the receiver ends without a panic");
        }
    }
}

async fn take(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body below a MiB");
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    shared.hits.lock().expect("the hits").push(Hit {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8(body.to_vec()).expect("UTF-8"),
    });
    let answer = shared.answers.lock().expect("the answers").pop_front();
    match answer.unwrap_or_else(|| Answer::status(204)) {
        Answer::Full(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(Body::from(body)).expect("an answer")
        }
        Answer::Hang => std::future::pending().await,
        Answer::BreakOff(status) => {
            let begun = futures_util::stream::once(async { Ok(Bytes::from_static(b"a beginning")) });
            let broken = futures_util::stream::once(async {
                // hyper sends what it has before it asks again for a body that is not ready.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("broken off on purpose"))
            });
            let parts = begun.chain(broken);
            Response::builder().status(status).body(Body::from_stream(parts)).expect("an answer")
        }
    }
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let authority = Authority::new(folder);
    let chain = CertificateDer::pem_file_iter(authority.certificate())
        .expect("the certificate")
        .collect::<Result<Vec<_>, _>>()
        .expect("PEM");
    let key = PrivateKeyDer::from_pem_file(authority.key()).expect("the key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a server configuration");
    TlsAcceptor::from(Arc::new(config))
}

struct Encrypted {
    socket: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.socket).await;
            // A client that does not trust us ends the handshake; the next one may.
            if let Ok(encrypted) = self.acceptor.accept(stream).await {
                return (encrypted, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.socket.local_addr()
    }
}

fn hmac_by_openssl(key: &[u8], message: &[u8]) -> Vec<u8> {
    let digits: Vec<String> = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-binary", "-mac", "HMAC", "-macopt", &format!("hexkey:{}", digits.concat())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl must be installed (tests/run does it)");
    openssl.stdin.take().expect("a pipe").write_all(message).expect("write to openssl");
    openssl.wait_with_output().expect("openssl").stdout
}
