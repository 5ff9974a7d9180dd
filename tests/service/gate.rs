//! A gate on the way to the simulated Clopos: lets everything through, or answers in its place as no server should.
//!
//! Threads and blocking sockets, since it does to bytes what the simulator, which speaks HTTP, cannot.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress, Status};

/// What the gate does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Has Clopos answer it.
    Pass,
    /// Nothing, and keeps the connection.
    Hang,
    /// Sends one byte of a long body every 50 ms.
    Drip,
    /// Sends half a body and resets the connection.
    ResetMidBody,
    /// Sends a body of a MB that unfolds to a GiB.
    Bomb,
    /// Sends a body without end.
    Endless,
    /// Speaks TLS to a client that speaks HTTP.
    Garbage,
    /// Sends the client elsewhere.
    Redirect,
}

/// A gate, open as long as it lives.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    clopos: SocketAddr,
    elsewhere: String,
    does: Mutex<Does>,
    open: Mutex<Vec<TcpStream>>,
    spoilt: AtomicUsize,
}

impl Gate {
    /// Opens the gate to `clopos`; a redirect leads `elsewhere`.
    pub(crate) fn open(clopos: SocketAddr, elsewhere: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            clopos,
            elsewhere: elsewhere.to_owned(),
            does: Mutex::new(Does::Pass),
            open: Mutex::new(Vec::new()),
            spoilt: AtomicUsize::new(0),
        });
        let door = Arc::clone(&shared);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&door);
                shared.keep(&client);
                // A client that goes away is its own affair.
                std::thread::spawn(move || shared.serve(client).ok());
            }
        });
        Self { address, shared }
    }

    /// Changes what happens to requests, and ends the connections of those before.
    pub(crate) fn set(&self, does: Does) {
        *self.shared.does.lock().expect("the gate") = does;
        for stream in self.shared.open.lock().expect("the gate").drain(..) {
            // It may be closed already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// How many requests did not get through.
    pub(crate) fn spoilt(&self) -> usize {
        self.shared.spoilt.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn keep(&self, stream: &TcpStream) {
        self.open.lock().expect("the gate").push(stream.try_clone().expect("a second handle"));
    }

    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let does = *self.does.lock().expect("the gate");
        if does == Does::Pass {
            let clopos = TcpStream::connect(self.clopos)?;
            self.keep(&clopos);
            let (mut from, mut to) = (client.try_clone()?, clopos.try_clone()?);
            let asking = std::thread::spawn(move || {
                io::copy(&mut from, &mut to).ok();
                to.shutdown(Shutdown::Write).ok();
            });
            io::copy(&mut &clopos, &mut client).ok();
            client.shutdown(Shutdown::Both).ok();
            asking.join().ok();
            return Ok(());
        }
        if does == Does::ResetMidBody {
            // Closing with the request unread sends a reset.
            client.peek(&mut [0; 64])?;
            // A handle that is kept would keep it open.
            self.open.lock().expect("the gate").clear();
        } else {
            read_head(&mut client)?;
        }
        self.spoilt.fetch_add(1, Ordering::SeqCst);
        self.spoil(does, &mut client)
    }

    fn spoil(&self, does: Does, client: &mut TcpStream) -> io::Result<()> {
        match does {
            Does::Pass | Does::Hang => io::copy(client, &mut io::sink()).map(drop),
            Does::Drip => {
                client.write_all(&head("Content-Length: 100000"))?;
                client.set_read_timeout(Some(Duration::from_millis(50)))?;
                for byte in b"{\"success\":true,\"data\":[".iter().chain(std::iter::repeat(&b' ')) {
                    client.write_all(&[*byte])?;
                    // Nothing comes, so this is the pause; an end is the client's.
                    if client.read(&mut [0; 64]).is_ok() {
                        break;
                    }
                }
                Ok(())
            }
            Does::ResetMidBody => {
                client.write_all(&head("Content-Length: 200"))?;
                client.write_all(b"{\"success\":true,\"data\":[{\"id\":101,\"limit\":0,")
            }
            Does::Bomb => {
                client.write_all(&head("Content-Encoding: gzip\r\nConnection: close"))?;
                client.write_all(&bomb())
            }
            Does::Endless => {
                client.write_all(&head("Connection: close"))?;
                client.write_all(b"{\"success\":true,\"data\":[")?;
                loop {
                    client.write_all(&[b' '; 16 * 1024])?;
                }
            }
            Does::Garbage => {
                client.write_all(b"\x15\x03\x01\x00\x02\x02\x28\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            }
            Does::Redirect => {
                let elsewhere = &self.elsewhere;
                write!(
                    client,
                    "HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
            }
        }
    }
}

fn head(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{line}\r\n\r\n").into_bytes()
}

fn read_head(client: &mut TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1_024];
        match client.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.extend_from_slice(&piece[..count]),
        }
    }
    Ok(())
}

/// A gzip stream of a GiB of spaces: one compressed MiB, which stands for itself, again and again.
fn bomb() -> Vec<u8> {
    let mut spaces = Vec::with_capacity(64 * 1024);
    let mut compress = Compress::new(Compression::best(), false);
    let status = compress.compress_vec(&vec![b' '; 1 << 20], &mut spaces, FlushCompress::Full).expect("compressed");
    assert!(status == Status::Ok && compress.total_in() == 1 << 20, "a MiB in one piece");
    let magic = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    [magic.to_vec(), spaces.repeat(1_024)].concat()
}
