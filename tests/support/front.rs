//! What stands where a server is expected: with TLS of any quality before a real server, or something else altogether.
//!
//! Runs on a thread of its own at a free port of 127.0.0.1. Keeps every byte that clients sent, as it was on the wire
//! and as it came out of TLS, so that a test can show what was *not* said to a server that is not the right one.
#![allow(dead_code, reason = "each test crate includes the harness and uses its part of it")]

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// How a connection begins.
#[derive(Clone)]
pub(crate) enum Manner {
    /// TLS from the first byte.
    Tls(TlsAcceptor),
    /// TLS, and within it HTTP/2: a login succeeds with this token, everything else is refused with the token in the words.
    Http2(TlsAcceptor, &'static str),
    /// Speaks SMTP until `STARTTLS`, then TLS.
    StartTls(TlsAcceptor),
    /// Answers the first bytes with these, which are no TLS or a refusal of it.
    Answer(&'static [u8]),
    /// Speaks SMTP until `STARTTLS`, then says this.
    StartTlsAnswer(&'static [u8]),
}

/// A running front.
pub(crate) struct Front {
    pub(crate) port: u16,
    heard: Heard,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Default)]
struct Heard {
    wire: Arc<Mutex<Vec<u8>>>,
    within: Arc<Mutex<Vec<u8>>>,
}

impl Front {
    /// Starts it; what comes out of TLS goes to the server at `behind`, or nowhere.
    pub(crate) fn start(manner: Manner, behind: Option<SocketAddr>) -> Self {
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("listen");
        socket.set_nonblocking(true).expect("a non-blocking socket");
        let port = socket.local_addr().expect("an address").port();
        let heard = Heard::default();
        let (end, ended) = oneshot::channel();
        let shared = heard.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let socket = TcpListener::from_std(socket).expect("a socket for tokio");
                let mut open = tokio::task::JoinSet::new();
                let accept = async {
                    while let Ok((stream, _)) = socket.accept().await {
                        open.spawn(serve(stream, manner.clone(), behind, shared.clone()));
                    }
                };
                tokio::select! { () = accept => {}, _ = ended => {} }
            });
        });
        Self { port, heard, end: Some(end), thread: Some(thread) }
    }

    /// Everything that clients have sent, as it was on the wire.
    pub(crate) fn wire(&self) -> Vec<u8> {
        self.heard.wire.lock().expect("the bytes").clone()
    }

    /// Everything that clients have sent within TLS.
    pub(crate) fn within(&self) -> Vec<u8> {
        self.heard.within.lock().expect("the bytes").clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ = self.end.take().map(|end| end.send(()));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the front ends without a panic");
        }
    }
}

/// Makes the TLS of a server out of PEM files.
pub(crate) fn acceptor(certificate: &Path, key: &Path) -> TlsAcceptor {
    acceptor_for(certificate, key, &[])
}

/// As [`acceptor`], for these protocols within TLS.
pub(crate) fn acceptor_for(certificate: &Path, key: &Path, protocols: &[&str]) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).expect("the certificate");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_file(key).expect("the key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a server configuration");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// A client that hangs up has what it deserves; what it sent is kept anyway.
async fn serve(stream: TcpStream, manner: Manner, behind: Option<SocketAddr>, heard: Heard) {
    let mut wire = Kept { inner: stream, kept: heard.wire };
    match manner {
        Manner::Tls(acceptor) => encrypted(wire, acceptor, behind, heard.within).await,
        Manner::Http2(acceptor, token) => {
            if let Ok(stream) = acceptor.accept(wire).await {
                // A client that ends the connection has its answers.
                let _ = answer_http2(Kept { inner: stream, kept: heard.within }, token).await;
            }
        }
        Manner::StartTls(acceptor) => {
            if begin_smtp(&mut wire).await.is_ok() {
                encrypted(wire, acceptor, behind, heard.within).await;
            }
        }
        Manner::Answer(bytes) => answer(&mut wire, bytes).await,
        Manner::StartTlsAnswer(bytes) => {
            if begin_smtp(&mut wire).await.is_ok() {
                answer(&mut wire, bytes).await;
            }
        }
    }
}

async fn encrypted(
    wire: Kept<TcpStream>,
    acceptor: TlsAcceptor,
    behind: Option<SocketAddr>,
    within: Arc<Mutex<Vec<u8>>>,
) {
    let Ok(stream) = acceptor.accept(wire).await else { return };
    let mut stream = Kept { inner: stream, kept: within };
    match behind {
        Some(server) => {
            if let Ok(mut server) = TcpStream::connect(server).await {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        }
        None => read_on(&mut stream).await,
    }
}

async fn answer_http2(stream: impl AsyncRead + AsyncWrite + Unpin, token: &str) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request?;
        let is_login = request.uri().path().ends_with("/auth");
        let given = request.headers().get("x-token").and_then(|value| value.to_str().ok()).unwrap_or("nothing");
        let (status, body) = if is_login {
            (200, serde_json::json!({ "success": true, "token": token, "expires_in": 3600 }))
        } else {
            (
                401,
                serde_json::json!({ "success": false, "error": "UNAUTHORIZED", "message": format!("you sent {given}") }),
            )
        };
        let response = axum::http::Response::builder().status(status).header("x-echo", given).body(());
        let mut answer = respond.send_response(response.expect("an answer"), false)?;
        answer.send_data(body.to_string().into_bytes().into(), true)?;
    }
    Ok(())
}

async fn begin_smtp(wire: &mut Kept<TcpStream>) -> std::io::Result<()> {
    wire.write_all(b"220 front ESMTP\r\n").await?;
    line(wire).await?;
    wire.write_all(b"250-front\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n").await?;
    line(wire).await?;
    wire.write_all(b"220 go on\r\n").await
}

async fn line(wire: &mut Kept<TcpStream>) -> std::io::Result<()> {
    while wire.read_u8().await? != b'\n' {}
    Ok(())
}

async fn answer(wire: &mut Kept<TcpStream>, bytes: &[u8]) {
    let mut first = [0; 1];
    if matches!(wire.read(&mut first).await, Ok(1)) && wire.write_all(bytes).await.is_ok() {
        read_on(wire).await;
    }
}

async fn read_on(stream: &mut (impl AsyncRead + Unpin)) {
    let mut piece = [0; 1024];
    while matches!(stream.read(&mut piece).await, Ok(n) if n > 0) {}
}

/// A stream that keeps a copy of what is read from it.
struct Kept<S> {
    inner: S,
    kept: Arc<Mutex<Vec<u8>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Kept<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        self.kept.lock().expect("the bytes").extend_from_slice(&buf.filled()[before..]);
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Kept<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
