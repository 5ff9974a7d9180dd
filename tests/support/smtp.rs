//! Mail servers for tests: a real one (exim, started per connection as inetd would) and one that follows a script.
//!
//! Both listen on 127.0.0.1 at a port of the system's choice and need no async runtime. exim keeps what it accepts in a
//! maildir of its own temporary folder; nothing leaves the machine.
#![allow(dead_code, unreachable_pub, reason = "each test crate includes the harness and uses its part of it")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use mail_parser::{HeaderValue, MessageParser};

use super::tls::Authority;
use super::wait;

/// The account that a server with `login` accepts.
pub const USERNAME: &str = "alerts@example.com";
/// Its password.
pub const PASSWORD: &str = "correct horse battery";

/// What the real server offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// No encryption, no login.
    Plain,
    /// STARTTLS, and a login that is required.
    StartTls,
    /// TLS from the first byte, and a login that is required.
    Tls,
}

/// A running exim. It accepts every address `@example.com`, except `refused@` (550) and `later@` (451).
pub struct MailServer {
    folder: tempfile::TempDir,
    port: u16,
    offer: Offer,
    listener: Option<Listener>,
}

/// A mail as it lies in the maildir, read by an independent parser.
#[derive(Debug)]
pub struct ReceivedMail {
    /// The addresses it was delivered to (the envelope's, not the header's), sorted.
    pub delivered_to: Vec<String>,
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Without angle brackets.
    pub message_id: String,
    /// Without angle brackets.
    pub in_reply_to: Option<String>,
    /// RFC 3339.
    pub date: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// The bytes as they were sent, without the lines that the server put in front, with LF line ends.
    pub sent: String,
}

impl ReceivedMail {
    fn parse(file: &[u8]) -> Self {
        let text = String::from_utf8(file.to_vec()).expect("our mails are ASCII");
        let parsed = MessageParser::default().parse(file).expect("a mail");
        let addresses = |list: Option<&mail_parser::Address>| -> Vec<String> {
            let all = list.into_iter().flat_map(|list| list.iter());
            all.filter_map(|one| one.address().map(str::to_owned)).collect()
        };
        let mut delivered_to: Vec<String> = match parsed.header("Envelope-to") {
            Some(HeaderValue::Address(list)) => addresses(Some(list)),
            Some(HeaderValue::Text(text)) => text.split(',').map(|one| one.trim().to_owned()).collect(),
            other => panic!("no Envelope-to: {other:?}"),
        };
        delivered_to.sort();
        Self {
            delivered_to,
            from: addresses(parsed.from()).join(", "),
            to: addresses(parsed.to()),
            subject: parsed.subject().expect("a subject").to_owned(),
            text: parsed.body_text(0).expect("a text part").into_owned(),
            html: parsed.body_html(0).expect("an HTML part").into_owned(),
            message_id: parsed.message_id().expect("a message id").to_owned(),
            in_reply_to: parsed.in_reply_to().as_text().map(str::to_owned),
            date: parsed.date().expect("a date").to_rfc3339(),
            // exim's Received line says `with esmtpsa` and the like for mail over TLS.
            encrypted: text.contains("with esmtps"),
            sent: text[text.find("From: ").expect("our first header")..].to_owned(),
        }
    }
}

impl MailServer {
    /// Starts a server on a free port.
    pub fn start(offer: Offer) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["spool", "mail"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Authority::new(folder.path());
        let configuration = configuration(folder.path(), offer);
        fs::write(folder.path().join("exim.conf"), configuration).expect("write exim.conf");
        give_to_exim(folder.path());
        let mut server = Self { folder, port: 0, offer, listener: None };
        server.resume();
        server
    }

    /// Stops listening and hangs up; the port refuses connections until [`Self::resume`].
    pub fn stop(&mut self) {
        self.listener = None;
    }

    /// Listens again on the same port.
    pub fn resume(&mut self) {
        let socket = TcpListener::bind(("127.0.0.1", self.port)).expect("listen");
        self.port = socket.local_addr().expect("an address").port();
        let (configuration, offer) = (self.folder.path().join("exim.conf"), self.offer);
        let mut children = Children(Vec::new());
        self.listener = Some(Listener::start(socket, move |stream| {
            children.0.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            children.0.push(exim(&configuration, offer, stream));
        }));
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority of its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The mails accepted so far, in the order of their arrival.
    pub fn received(&self) -> Vec<ReceivedMail> {
        let mut paths: Vec<PathBuf> = match fs::read_dir(self.folder.path().join("mail/new")) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => Vec::new(),
        };
        paths.sort_by_key(|path| arrival(path));
        paths.iter().map(|path| ReceivedMail::parse(&fs::read(path).expect("a mail"))).collect()
    }

    /// How many mails were accepted so far.
    pub fn count(&self) -> usize {
        fs::read_dir(self.folder.path().join("mail/new")).map_or(0, Iterator::count)
    }

    /// Waits until at least `count` mails are there.
    pub fn wait_for(&self, count: usize) -> Vec<ReceivedMail> {
        let mut mails = Vec::new();
        wait_until(
            &format!("{count} mails"),
            || self.log(),
            || {
                mails = self.received();
                mails.len() >= count
            },
        );
        mails
    }

    /// What exim says of itself.
    pub fn log(&self) -> String {
        ["mainlog", "rejectlog", "paniclog"]
            .iter()
            .filter_map(|name| fs::read_to_string(self.folder.path().join(name)).ok())
            .collect()
    }
}

/// Reads seconds and microseconds out of a maildir name: `1795216913.M962863P16280.mx`; the latter are not padded.
fn arrival(path: &Path) -> Option<(u64, u64)> {
    let name = path.file_name()?.to_str()?;
    let (seconds, rest) = name.split_once(".M")?;
    Some((seconds.parse().ok()?, rest.split_once('P')?.0.parse().ok()?))
}

fn exim(configuration: &Path, offer: Offer, stream: TcpStream) -> Child {
    let mut command = Command::new("/usr/sbin/exim4");
    // -bs with a socket as input is how inetd starts it; -odi delivers before the next command is answered.
    command.arg("-bs").arg("-odi").arg("-C").arg(configuration);
    if offer == Offer::Tls {
        command.arg("-tls-on-connect");
    }
    let output = stream.try_clone().expect("a second handle");
    command.stdin(Stdio::from(OwnedFd::from(stream))).stdout(Stdio::from(OwnedFd::from(output))).stderr(Stdio::null());
    command.spawn().expect("exim4-daemon-light must be installed (tests/run does it)")
}

fn configuration(folder: &Path, offer: Offer) -> String {
    let folder = folder.display();
    let (tls, login) = match offer {
        Offer::Plain => ("tls_advertise_hosts =".to_owned(), ""),
        Offer::StartTls | Offer::Tls => (
            format!(
                "tls_advertise_hosts = *\ntls_certificate = {folder}/server.pem\ntls_privatekey = {folder}/server.key"
            ),
            "  require authenticated = *\n",
        ),
    };
    format!(
        "primary_hostname = mx.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
smtp_accept_max = 0
deliver_drop_privilege = true
{tls}
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
begin acl
rcpt:
{login}  deny local_parts = refused
       message = no such person here
  defer local_parts = later
       message = greylisted, come back later
  accept domains = example.com
  deny message = relaying denied
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  envelope_to_add
  batch_max = 100
begin retry
*  *  F,1h,1m
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{USERNAME}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"
    )
}

/// exim takes connections as from inetd from root only, and then works as the user Debian-exim.
fn give_to_exim(folder: &Path) {
    let id = Command::new("id").arg("-u").output().expect("id");
    assert_eq!(id.stdout, b"0\n", "tests that receive mail must run as root, as tests/run does: exim asks for it");
    let given = Command::new("chown").args(["-R", "Debian-exim:Debian-exim"]).arg(folder).status().expect("chown");
    assert!(given.success(), "the user Debian-exim comes with exim4-daemon-light (tests/run installs it)");
    // exim refuses a configuration that anyone but root could have written.
    let configuration = folder.join("exim.conf");
    std::os::unix::fs::chown(&configuration, Some(0), Some(0)).expect("chown");
    fs::set_permissions(&configuration, fs::Permissions::from_mode(0o644)).expect("chmod");
}

/// What the scripted server does next.
pub enum Act {
    /// Sends this line.
    Say(&'static str),
    /// Sends nothing more and keeps the connection.
    Hang,
    /// Closes the connection.
    HangUp,
}

/// A peer that answers as told. It hears, per connection: `CONNECT`, each command line, `.` after the content.
pub struct ScriptedServer {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    _listener: Listener,
}

/// One thing that the scripted server heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Counts from 0.
    pub connection: usize,
    /// The line, without its end.
    pub line: String,
    /// For `.`: the content, dots unstuffed, with CRLF.
    pub content: String,
}

impl ScriptedServer {
    /// Starts it; `script` gets the connection's number and the line. [`polite`] gives the usual answers.
    pub fn start(script: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("listen");
        let port = socket.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), Arc::clone(&heard));
        let mut connection = 0;
        let listener = Listener::start(socket, move |stream| {
            let (script, log, number) = (Arc::clone(&script), Arc::clone(&log), connection);
            connection += 1;
            // Ends when the client hangs up, which the end of the test makes sure of.
            std::thread::spawn(move || talk(&stream, number, &*script, &log));
        });
        Self { port, heard, _listener: listener }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("the log").clone()
    }

    /// The contents of the mails heard so far.
    pub fn contents(&self) -> Vec<String> {
        self.heard().into_iter().filter(|heard| heard.line == ".").map(|heard| heard.content).collect()
    }
}

/// The answers of a server that takes everything.
pub fn polite(line: &str) -> Act {
    Act::Say(match line.split([' ', ':']).next().unwrap_or_default() {
        "CONNECT" => "220 scripted.example.com ESMTP",
        "EHLO" => "250-scripted.example.com\r\n250 AUTH PLAIN",
        "AUTH" => "235 2.7.0 accepted",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        _ => "250 2.0.0 ok",
    })
}

fn talk(stream: &TcpStream, number: usize, script: &dyn Fn(usize, &str) -> Act, log: &Mutex<Vec<Heard>>) {
    let mut lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
    let mut next = Some(("CONNECT".to_owned(), String::new()));
    while let Some((line, content)) = next {
        log.lock().expect("the log").push(Heard { connection: number, line: line.clone(), content });
        match script(number, &line) {
            Act::Say(answer) => {
                if (&mut &*stream).write_all(format!("{answer}\r\n").as_bytes()).is_err() {
                    return;
                }
                next = if answer.starts_with("354") {
                    Some((".".to_owned(), content_of(&mut lines)))
                } else {
                    lines.next().map(|line| (text(&line), String::new()))
                };
            }
            Act::Hang => {
                lines.by_ref().for_each(drop);
                return;
            }
            Act::HangUp => return,
        }
    }
}

fn content_of(lines: &mut dyn Iterator<Item = Vec<u8>>) -> String {
    let mut content = String::new();
    for line in lines.map(|line| text(&line)).take_while(|line| line != ".") {
        content += line.strip_prefix('.').unwrap_or(&line);
        content += "\r\n";
    }
    content
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()
}

/// Accepts connections on a thread until dropped.
struct Listener {
    port: u16,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(socket: TcpListener, mut serve: impl FnMut(TcpStream) + Send + 'static) -> Self {
        let port = socket.local_addr().expect("an address").port();
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            for stream in socket.incoming().map_while(Result::ok) {
                if flag.load(Ordering::SeqCst) {
                    break;
                }
                serve(stream);
            }
        });
        Self { port, ended, thread: Some(thread) }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the accept; a failure means that it has ended already.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the listener ends without a panic");
        }
    }
}

/// The exims of one listener; they end with it.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // A failure means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until `done`, and says with `explain` what is there when it never is.
fn wait_until(what: &str, explain: impl Fn() -> String, mut done: impl FnMut() -> bool) {
    let before = explain();
    wait::until(&format!("{what}\n{before}"), || done().then_some(()));
}
