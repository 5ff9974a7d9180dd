//! Mail by SMTP or into a folder of `.eml` files: one attempt per call, and what it came to.
//!
//! Owns the connections that are kept between mails and the memory of who has already accepted a notice. Must never
//! retry, and never send less protected than configured. Invariant: a notice has the same Message-ID and the same bytes
//! on every attempt, so an attempt with an unknown end may be repeated.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use tokio::sync::Semaphore;

use self::smtp::{Failure, Handover, Patience, Server, Step};
use crate::alerts::link;
use crate::alerts::notice::{Mail, NoticeId};
use crate::clock;
use crate::mask;
use crate::sinks::{self, Outcome, Problem};
use crate::tls;
use crate::units::{Secret, Timestamp, Uptime, printable};

mod folder;
mod message;
mod place;
mod smtp;

pub use self::place::{Place, Security};

/// The default of [`Settings::time_max`]: greylisting servers think for up to 30 s before they answer RCPT.
pub const TIME_MAX_DEFAULT: Duration = Duration::from_mins(1);
/// Addresses of one mail: every server must take 100 (RFC 5321 section 4.5.3.1.8).
pub const ADDRESSES_MAX: usize = 100;
/// Connections to one server at a time: hosted servers begin to refuse at 5 to 10 for one account.
const CONNECTIONS_MAX: usize = 3;
/// Mails over one connection: exim, as Debian sets it up, only queues what comes after the tenth, for up to half an hour.
const MAILS_OF_A_CONNECTION_MAX: usize = 10;
/// How long a connection is kept for the next mail: a burst uses it again, and servers hang up after some minutes.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Characters of a failure that are shown: a step and three SMTP lines, which is what servers need for a reason and a link.
const FAILURE_MAX: usize = 500;
/// Notices whose accepted addresses are remembered: those that wait for a slow address, of which there are few.
const REMEMBERED_MAX: usize = 1_000;

/// A mail address with or without a name: `manager@example.com`, `Manager <manager@example.com>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Mailbox);

impl FromStr for Address {
    type Err = String;

    /// Reads an address; it must be ASCII, because few servers take others (the name may hold any letters).
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("'{text}' is not a mail address; write one such as manager@example.com");
        let mailbox: Mailbox = text.trim().parse().map_err(|_| refuse())?;
        if AsRef::<str>::as_ref(&mailbox.email).is_ascii() { Ok(Self(mailbox)) } else { Err(refuse()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Who we are to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account, often the sender's address.
    pub username: String,
    /// Its password or application token.
    pub password: Secret,
}

/// One way for mail to leave: an entry under `smtp:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The entry's name, for texts.
    pub name: String,
    /// The server or the folder, from its `url`.
    pub place: Place,
    /// The account at the server; None sends without logging in, and is ignored for a folder.
    pub login: Option<Login>,
    /// The sender; its domain is also that of every Message-ID.
    pub from: Address,
    /// PEM certificates to trust instead of the system's, for a server with its own authority.
    pub ca_file: Option<PathBuf>,
    /// The time for one attempt, from waiting for a connection to the server's last answer.
    pub time_max: Duration,
}

/// Sends mail at one place; shared by all receivers that name it.
pub struct EmailSink {
    name: String,
    from: Mailbox,
    time_max: Duration,
    way: Way,
    /// Who has accepted a notice that other addresses still wait for; the oldest first. It is not stored: after a
    /// restart these get the mail again, under its old Message-ID.
    accepted: Mutex<VecDeque<(NoticeId, Vec<lettre::Address>)>>,
}

enum Way {
    Smtp(Box<Smtp>),
    Folder(PathBuf),
}

struct Smtp {
    server: Server,
    turns: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

/// A connection that is kept for the next mail.
struct Idle {
    open: Open,
    since: Uptime,
}

/// A connection that is logged in.
struct Open {
    connection: AsyncSmtpConnection,
    /// How many mails it has carried.
    mails: usize,
}

impl EmailSink {
    /// Prepares the way; connects nowhere yet.
    ///
    /// # Errors
    /// Every setting that cannot work, at once.
    pub fn new(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let way = match &settings.place {
            Place::Folder { path } => Way::Folder(path.clone()),
            Place::Server { host, port, security } => {
                let server = Server {
                    host: host.clone(),
                    port: *port,
                    security: *security,
                    login: settings.login.clone(),
                    tls: parameters(settings, host, *security)?,
                };
                Way::Smtp(Box::new(Smtp {
                    server,
                    turns: Semaphore::new(CONNECTIONS_MAX),
                    idle: Mutex::new(Vec::new()),
                }))
            }
        };
        Ok(Self {
            name: settings.name.clone(),
            from: settings.from.0.clone(),
            time_max: settings.time_max,
            way,
            accepted: Mutex::new(VecDeque::new()),
        })
    }

    /// Makes one attempt to hand the mail over to all of `to`; ends within [`Settings::time_max`].
    ///
    /// Later: the server cannot be reached, hangs up, answers 4xx to anything or refuses the login. Never: 5xx to the
    /// sender, to every address or to the mail. When only some addresses are put off, the others have the mail and are
    /// left out of the next attempt.
    pub async fn deliver(&self, mail: &Mail, id: &NoticeId, at: Timestamp, to: &[Address]) -> Outcome {
        if to.is_empty() || to.len() > ADDRESSES_MAX {
            return Outcome::Never { why: format!("a mail has 1 to {ADDRESSES_MAX} addresses, not {}", to.len()) };
        }
        let mailboxes: Vec<Mailbox> = to.iter().map(|address| address.0.clone()).collect();
        let bytes = match message::compose(&self.from, &mailboxes, mail, id, at) {
            Ok(bytes) => bytes,
            Err(why) => return Outcome::Never { why },
        };
        match &self.way {
            Way::Folder(path) => store(path.clone(), folder::file_name(id, at), bytes).await,
            Way::Smtp(smtp) => {
                let before = self.take_accepted(id);
                let waiting: Vec<lettre::Address> = mailboxes
                    .into_iter()
                    .map(|mailbox| mailbox.email)
                    .filter(|email| !before.contains(email))
                    .collect();
                let result = smtp.send(&self.from.email, &waiting, &bytes, &Patience::new(self.time_max)).await;
                self.conclude(id, before, result)
            }
        }
    }

    /// Tries everything but a mail: resolve, connect, TLS, log in, QUIT; for a folder, that a file can be stored in it.
    ///
    /// # Errors
    /// Which step failed and why, for people.
    pub async fn probe(&self) -> Result<(), String> {
        match &self.way {
            Way::Folder(path) => {
                let path = path.clone();
                let place = path.display().to_string();
                let result = tokio::task::spawn_blocking(move || folder::probe(&path)).await;
                let result = result.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                result.map_err(|error| format!("{}: could not store a file in {place}, which must be a folder where this user may write: {error}", self.name))
            }
            Way::Smtp(smtp) => {
                let patience = Patience::new(self.time_max);
                let mut connection =
                    smtp.server.open(&patience).await.map_err(|failure| self.say(&failure.to_string()))?;
                smtp::take_leave(&mut connection, &patience).await;
                Ok(())
            }
        }
    }

    fn conclude(&self, id: &NoticeId, mut before: Vec<lettre::Address>, result: Result<Handover, Failure>) -> Outcome {
        let handover = match result {
            Ok(handover) => handover,
            Err(failure) if failure.is_about_the_mail() && before.is_empty() => {
                return Outcome::Never { why: self.say(&failure.to_string()) };
            }
            Err(failure) if failure.is_about_the_mail() => {
                return Outcome::DeliveredInPart { why: self.say(&failure.to_string()) };
            }
            Err(failure) => {
                self.keep_accepted(id, before);
                return Outcome::later(self.say(&failure.to_string()));
            }
        };
        before.extend(handover.accepted);
        let Some(first) = handover.failed.first() else { return Outcome::Delivered };
        let why = match handover.failed.len() {
            1 => self.say(&first.to_string()),
            count => self.say(&format!("{first}; and {} other addresses failed", count - 1)),
        };
        if handover.failed.iter().any(|failure| !failure.is_about_the_mail()) {
            self.keep_accepted(id, before);
            Outcome::later(why)
        } else if before.is_empty() {
            Outcome::Never { why }
        } else {
            Outcome::DeliveredInPart { why }
        }
    }

    fn say(&self, what: &str) -> String {
        match &self.way {
            Way::Folder(_) => format!("{}: {what}", self.name),
            Way::Smtp(smtp) => {
                // At any step, not only at the login: the server has the password from then on.
                let password: Vec<&str> = smtp.server.login.iter().map(|login| login.password.expose()).collect();
                let what = printable(&link::without_tokens(&mask::masked(what, &password)), FAILURE_MAX);
                format!("{} ({}:{}): {what}", self.name, smtp.server.host, smtp.server.port)
            }
        }
    }

    fn take_accepted(&self, id: &NoticeId) -> Vec<lettre::Address> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let place = accepted.iter().position(|(of, _)| of == id);
        place.and_then(|index| accepted.remove(index)).map(|(_, addresses)| addresses).unwrap_or_default()
    }

    fn keep_accepted(&self, id: &NoticeId, addresses: Vec<lettre::Address>) {
        if addresses.is_empty() {
            return;
        }
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if accepted.len() >= REMEMBERED_MAX {
            accepted.pop_front();
            tracing::warn!(smtp = %self.name, "more than {REMEMBERED_MAX} mails wait for slow addresses; some will repeat");
        }
        accepted.push_back((id.clone(), addresses));
    }
}

impl fmt::Debug for EmailSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailSink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Smtp {
    async fn send(
        &self,
        from: &lettre::Address,
        to: &[lettre::Address],
        mail: &[u8],
        patience: &Patience,
    ) -> Result<Handover, Failure> {
        let turn = tokio::time::timeout(patience.left(), self.turns.acquire()).await;
        // The semaphore is never closed, so the only reason to have no turn is the time.
        let Ok(Ok(_turn)) = turn else { return Err(patience.expired(Step::Turn)) };
        let mut open = match self.take_idle(patience).await {
            Some(open) => open,
            None => Open { connection: self.server.open(patience).await?, mails: 0 },
        };
        let handover = smtp::hand_over(&mut open.connection, from, to, mail, patience).await?;
        open.mails += 1;
        if open.mails < MAILS_OF_A_CONNECTION_MAX {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(Idle { open, since: clock::uptime() });
        } else {
            smtp::take_leave(&mut open.connection, patience).await;
        }
        Ok(handover)
    }

    async fn take_idle(&self, patience: &Patience) -> Option<Open> {
        loop {
            let mut open = self.newest_idle()?;
            if smtp::is_alive(&mut open.connection, patience).await {
                return Some(open);
            }
        }
    }

    fn newest_idle(&self) -> Option<Open> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::uptime();
        idle.retain(|one| now.since(one.since) < IDLE_MAX);
        idle.pop().map(|one| one.open)
    }
}

async fn store(path: PathBuf, name: String, bytes: Vec<u8>) -> Outcome {
    let shown = path.join(&name).display().to_string();
    let result = tokio::task::spawn_blocking(move || folder::store(&path, &name, &bytes)).await;
    match result.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(()) => Outcome::Delivered,
        Err(error) => Outcome::later(format!("could not store {shown}: {error}")),
    }
}

fn parameters(settings: &Settings, host: &str, security: Security) -> Result<Option<TlsParameters>, Vec<Problem>> {
    let problem = |field, text| vec![Problem::new(field, text)];
    if security == Security::Plain {
        return if settings.login.is_some() && !place::is_loopback(host) {
            Err(problem("url", format!("the password would travel to {host} readable; use smtps:// or smtp://")))
        } else {
            Ok(None)
        };
    }
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &settings.ca_file {
        let refuse =
            |why: String| problem("ca_file", format!("could not read certificates from {}: {why}", path.display()));
        builder = builder.certificate_store(CertificateStore::None);
        for der in tls::authorities(path).map_err(refuse)? {
            let certificate = Certificate::from_der(der.to_vec()).map_err(|error| refuse(sinks::root_cause(&error)))?;
            builder = builder.add_root_certificate(certificate);
        }
    }
    let built = builder
        .build()
        .map_err(|error| problem("url", format!("could not prepare TLS: {}", sinks::root_cause(&error))))?;
    Ok(Some(built))
}
