//! Accepts sockets for the web server and watches over each: how many there are, how long they say nothing, when
//! they end.
//!
//! It must never wait for one socket before it accepts the next. Invariant: a [`Socket`] holds one permit of the
//! semaphore for as long as it exists, whoever owns it.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A browser sends its request whole and as soon as it is connected; whoever has not been answered by now, because nothing
/// came or the request comes drop by drop, holds a place for nothing.
pub(super) const FIRST_ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long nothing may be written. The feed's pings go out every 30 s; a socket that takes nothing for so long belongs to a
/// tablet that is gone, and one that only sends has no answer to wait for.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// The system is out of file descriptors: trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A listener that gives each socket a permit, or closes it at once when there is none left.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    cut: CancellationToken,
    full: bool,
}

impl Door {
    pub(super) fn new(listener: TcpListener, places: Arc<Semaphore>, cut: CancellationToken) -> Self {
        Self { listener, places, cut, full: false }
    }
}

impl Listener for Door {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        loop {
            let (tcp, address) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_client(&error) => continue,
                Err(error) => {
                    tracing::error!(%error, "accept a browser's socket");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                if !self.full {
                    tracing::warn!(%address, "too many sockets of browsers; new ones are closed at once");
                }
                self.full = true;
                continue;
            };
            self.full = false;
            // Without it small MQTT packets wait up to 40 ms for each other. A refusal costs only that.
            let _ = tcp.set_nodelay(true);
            let silence = Box::pin(tokio::time::sleep(FIRST_ANSWER_MAX));
            let cut = Box::pin(self.cut.clone().cancelled_owned());
            return (Socket { tcp, http_2: Some(0), silence, cut, _place: place }, address);
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn is_of_one_client(error: &Error) -> bool {
    [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::ConnectionRefused].contains(&error.kind())
}

/// How HTTP/2 begins without TLS. The client for webhooks brings it into the build, and the web server would then speak it
/// at this door as well, where the limits are made for one request at a time on a socket.
const HTTP_2: &[u8] = b"PRI ";

/// A TCP socket that fails when nothing has passed for too long, and when the server is cut off.
#[derive(Debug)]
pub(super) struct Socket {
    tcp: TcpStream,
    /// How many bytes of [`HTTP_2`] came, as long as nothing else came.
    http_2: Option<usize>,
    silence: Pin<Box<Sleep>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: OwnedSemaphorePermit,
}

impl Socket {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Error::new(ErrorKind::ConnectionAborted, "the server is stopping"));
        }
        self.silence.as_mut().poll(cx).map(|()| Error::new(ErrorKind::TimedOut, "nothing passed for too long"))
    }

    /// Takes the next bytes, and says whether all bytes so far are those with which HTTP/2 begins.
    fn begins_http_2(&mut self, bytes: &[u8]) -> bool {
        let Some(known) = self.http_2 else { return false };
        let rest = &HTTP_2[known..];
        let came = bytes.len().min(rest.len());
        self.http_2 = (bytes[..came] == rest[..came]).then_some(known + came);
        self.http_2 == Some(HTTP_2.len())
    }

    /// Takes what the socket answered; progress starts the silence anew, waiting may turn into the end.
    fn watch<T>(&mut self, cx: &mut Context<'_>, answer: Poll<Result<T>>, progress: bool) -> Poll<Result<T>> {
        if answer.is_pending() {
            return self.poll_end(cx).map(Err);
        }
        if progress {
            self.silence.set(tokio::time::sleep(SILENCE_MAX));
        }
        answer
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        let answer = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if answer.is_ready() && self.begins_http_2(&buf.filled()[before..]) {
            return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, "HTTP/2 is not spoken here")));
        }
        // What is read is no progress: a request may come in drops that never end.
        self.watch(cx, answer, false)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let answer = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.watch(cx, answer, true)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let answer = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        self.watch(cx, answer, true)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_full_house_closes_the_door_and_a_free_place_opens_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut door = Door::new(listener, Arc::new(Semaphore::new(1)), CancellationToken::new());
        let _first = TcpStream::connect(address).await.expect("a socket");
        let (inside, _) = door.accept().await;
        let mut second = TcpStream::connect(address).await.expect("a socket");
        let mut bytes = Vec::new();
        tokio::select! {
            _ = door.accept() => panic!("there is no place"),
            read = second.read_to_end(&mut bytes) => assert_eq!(read.expect("closed in peace"), 0),
        }
        drop(inside);
        let third = TcpStream::connect(address).await.expect("a socket");
        let (_inside, from) = door.accept().await;
        assert_eq!(from, third.local_addr().expect("an address"));
    }
}
