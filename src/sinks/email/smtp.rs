//! One conversation with a mail server: connect, TLS, log in, hand over the mail; and which step of it failed.
//!
//! Uses lettre's connection, not its transport: that one ends the mail at the first refused address, has a time limit
//! for connecting only, and cannot say where it failed. Must never send a password or a mail over a connection that is
//! less protected than configured. Invariant: each answer is awaited no longer than the attempt's limit.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;

use super::{Login, Security};
use crate::clock;
use crate::sinks;
use crate::tls;
use crate::units::{Uptime, printable};

/// Addresses of a server that are tried: enough for both families of a cluster, without eating up the time limit.
const SERVER_ADDRESSES_MAX: usize = 6;
/// Characters of an answer that are looked at; more than are shown, so that no half of a password survives the cut.
const ANSWER_READ_MAX: usize = 2_000;
/// Asking an idle connection whether it still lives; a server that is slower than this is better greeted anew.
const ALIVE_TIME_MAX: Duration = Duration::from_secs(5);
/// Taking leave: nothing depends on the answer.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(1);

/// The server with everything needed to talk to it.
pub(super) struct Server {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub login: Option<Login>,
    /// None only for [`Security::Plain`].
    pub tls: Option<TlsParameters>,
}

/// What a conversation was doing when it failed; prints as the words between "could not" and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Turn,
    Resolve,
    Connect,
    Tls,
    Greeting,
    StartTls,
    Login(String),
    Sender(String),
    Recipient(String),
    Data,
    Content,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn => f.write_str("get a free connection"),
            Self::Resolve => f.write_str("resolve its name"),
            Self::Connect => f.write_str("connect"),
            Self::Tls => f.write_str("agree on TLS"),
            Self::Greeting => f.write_str("exchange greetings"),
            Self::StartTls => f.write_str("switch to TLS by STARTTLS"),
            Self::Login(username) => write!(f, "log in as {username}"),
            Self::Sender(address) => write!(f, "send as {address}"),
            Self::Recipient(address) => write!(f, "send to {address}"),
            Self::Data => f.write_str("begin the mail"),
            Self::Content => f.write_str("hand over the mail"),
        }
    }
}

/// Why a conversation ended before its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub step: Step,
    /// The three digits, when the server answered.
    pub code: Option<u16>,
    /// What it said, or what broke.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.step, self.why)
    }
}

impl Failure {
    /// Returns whether the server refused this mail for good, as opposed to being unable, or refusing us.
    pub(super) fn is_about_the_mail(&self) -> bool {
        let of_the_mail = match self.step {
            Step::Sender(_) | Step::Recipient(_) | Step::Data | Step::Content => true,
            Step::Turn
            | Step::Resolve
            | Step::Connect
            | Step::Tls
            | Step::Greeting
            | Step::StartTls
            | Step::Login(_) => false,
        };
        // 530, 534, 535 and 538 ask for a login or another one: the configuration is wrong, the mail is not.
        let of_the_login = matches!(self.code, Some(530 | 534 | 535 | 538));
        // RFC 5321 section 4.5.3.1.10: 552 for an address means "too many of them" or a full mailbox, and is to be
        // taken as 452.
        let mailbox_full = matches!((&self.step, self.code), (Step::Recipient(_), Some(552)));
        of_the_mail && self.code.is_some_and(|code| code >= 500) && !of_the_login && !mailbox_full
    }
}

/// What became of each address, once the server has taken the mail for the accepted ones.
#[derive(Debug, Default)]
pub(super) struct Handover {
    pub accepted: Vec<Address>,
    pub failed: Vec<Failure>,
}

/// The time limit of one attempt.
pub(super) struct Patience {
    began: Uptime,
    limit: Duration,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { began: clock::uptime(), limit }
    }

    pub(super) fn left(&self) -> Duration {
        self.limit.saturating_sub(clock::uptime().since(self.began))
    }

    /// Waits for the step's end or the attempt's.
    async fn step<T>(&self, step: &Step, work: impl Future<Output = Result<T, SmtpError>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.left(), work).await {
            Ok(result) => result.map_err(|error| failure(step.clone(), &error)),
            Err(_) => Err(self.expired(step.clone())),
        }
    }

    pub(super) fn expired(&self, step: Step) -> Failure {
        Failure { step, code: None, why: format!("nothing came within {} s", self.limit.as_secs_f64()) }
    }
}

impl Server {
    /// Connects, encrypts and logs in.
    pub(super) async fn open(&self, patience: &Patience) -> Result<AsyncSmtpConnection, Failure> {
        let addresses = self.resolve(patience).await?;
        let hello = ClientId::default();
        let mut connection = match (self.security, &self.tls) {
            (Security::Tls, Some(tls)) => self.connect_encrypted(&addresses, tls, &hello, patience).await?,
            (Security::StartTls, Some(tls)) => {
                let mut connection = connect(&addresses, &hello, patience).await?;
                patience.step(&Step::StartTls, connection.starttls(tls.clone(), &hello)).await?;
                connection
            }
            (Security::Plain, _) => connect(&addresses, &hello, patience).await?,
            (Security::Tls | Security::StartTls, None) => {
                return Err(Failure { step: Step::Tls, code: None, why: "no TLS settings were made".to_owned() });
            }
        };
        if let Some(login) = &self.login {
            self.log_in(&mut connection, login, patience).await?;
        }
        Ok(connection)
    }

    async fn resolve(&self, patience: &Patience) -> Result<Vec<SocketAddr>, Failure> {
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        let failed = |why| Failure { step: Step::Resolve, code: None, why };
        match tokio::time::timeout(patience.left(), lookup).await {
            Ok(Ok(found)) => Ok(found.take(SERVER_ADDRESSES_MAX).collect()),
            Ok(Err(error)) => Err(failed(sinks::root_cause(&error))),
            Err(_) => Err(patience.expired(Step::Resolve)),
        }
    }

    /// Connects to a server that speaks TLS from the first byte; lettre does all of it in one call.
    async fn connect_encrypted(
        &self,
        addresses: &[SocketAddr],
        tls: &TlsParameters,
        hello: &ClientId,
        patience: &Patience,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let share = share(patience, addresses);
        let work = AsyncSmtpConnection::connect_tokio1(addresses, Some(share), hello, Some(tls.clone()), None);
        match tokio::time::timeout(patience.left(), work).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(failure(encrypted_step(&error), &error)),
            // Connecting has its own, shorter limit, so it is over by now.
            Err(_) => Err(patience.expired(Step::Tls)),
        }
    }

    async fn log_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        login: &Login,
        patience: &Patience,
    ) -> Result<(), Failure> {
        let (username, password) = (login.username.as_str(), login.password.expose());
        let step = Step::Login(username.to_owned());
        let credentials = Credentials::new(username.to_owned(), password.to_owned());
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        let result = patience.step(&step, connection.auth(&mechanisms, &credentials)).await;
        result.map(|_| ())
    }
}

/// Returns whether a connection that was left idle still answers.
pub(super) async fn is_alive(connection: &mut AsyncSmtpConnection, patience: &Patience) -> bool {
    let limit = ALIVE_TIME_MAX.min(patience.left());
    matches!(tokio::time::timeout(limit, connection.command(Noop)).await, Ok(Ok(_)))
}

/// Ends a connection; the server's answer changes nothing.
pub(super) async fn take_leave(connection: &mut AsyncSmtpConnection, patience: &Patience) {
    let _ = tokio::time::timeout(LEAVE_TIME_MAX.min(patience.left()), connection.quit()).await;
}

/// Sends the mail to those of `to` that the server accepts.
///
/// # Errors
/// The step that failed for all of them; what follows after it is unknown when it is [`Step::Content`].
pub(super) async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &[Address],
    mail: &[u8],
    patience: &Patience,
) -> Result<Handover, Failure> {
    let sender = Step::Sender(from.to_string());
    patience.step(&sender, connection.command(Mail::new(Some(from.clone()), vec![]))).await?;
    let mut handover = Handover::default();
    for address in to {
        let step = Step::Recipient(address.to_string());
        match patience.step(&step, connection.command(Rcpt::new(address.clone(), vec![]))).await {
            Ok(_) => handover.accepted.push(address.clone()),
            // 421: the server hangs up, so there is no one to ask about the others.
            Err(failure) if failure.code.is_none_or(|code| code == 421) => return Err(failure),
            Err(failure) => handover.failed.push(failure),
        }
    }
    if handover.accepted.is_empty() {
        // Leaves the connection fit for the next mail; whether that worked shows when it is wanted again.
        let _ = patience.step(&Step::Data, connection.command(Rset)).await;
        return Ok(handover);
    }
    patience.step(&Step::Data, connection.command(Data)).await?;
    patience.step(&Step::Content, connection.message(mail)).await?;
    Ok(handover)
}

async fn connect(
    addresses: &[SocketAddr],
    hello: &ClientId,
    patience: &Patience,
) -> Result<AsyncSmtpConnection, Failure> {
    let mut last = Failure { step: Step::Resolve, code: None, why: "the name has no address".to_owned() };
    for address in addresses {
        match tokio::time::timeout(share(patience, addresses), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello);
                return patience.step(&Step::Greeting, greeted).await;
            }
            Ok(Err(error)) => last = Failure { step: Step::Connect, code: None, why: format!("{address}: {error}") },
            Err(_) => last = patience.expired(Step::Connect),
        }
    }
    Err(last)
}

/// Returns the time for connecting to one address: half of what is left is kept for the conversation.
fn share(patience: &Patience, addresses: &[SocketAddr]) -> Duration {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    patience.left() / (2 * count)
}

/// Finds the step inside lettre's one call for connecting, TLS and greeting.
fn encrypted_step(error: &SmtpError) -> Step {
    // The TLS handshake is the only place where lettre wraps its own error once more.
    let in_handshake = std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<SmtpError>);
    if in_handshake || tls::reason(error).is_some() {
        return Step::Tls;
    }
    let lost_later = error.status().is_some() || error.is_response() || error.is_client() || dropped(error);
    if lost_later { Step::Greeting } else { Step::Connect }
}

fn dropped(error: &SmtpError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let io_error = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    io_error.is_some_and(|io| matches!(io.kind(), BrokenPipe | ConnectionReset | UnexpectedEof))
}

fn failure(step: Step, error: &SmtpError) -> Failure {
    let cause = printable(&tls::reason(error).unwrap_or_else(|| sinks::root_cause(error)), ANSWER_READ_MAX);
    let code = error.status().map(u16::from);
    let why = match code {
        Some(code) => format!("it answered {code} {cause}"),
        // lettre's words for a connection that ended between two lines.
        None if cause == "incomplete response" => "it hung up".to_owned(),
        None => cause,
    };
    Failure { step, code, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_the_mail_itself_is_final() {
        let to = || Step::Recipient("a@example.com".to_owned());
        let sender = || Step::Sender("b@example.com".to_owned());
        for (step, code, of_the_mail) in [
            (to(), Some(550), true),
            (to(), Some(451), false),
            (to(), Some(552), false),
            (to(), None, false),
            (Step::Content, Some(552), true),
            (Step::Content, Some(554), true),
            (Step::Content, None, false),
            (Step::Data, Some(503), true),
            (sender(), Some(553), true),
            (sender(), Some(530), false),
            (sender(), Some(535), false),
            (Step::Login("x".to_owned()), Some(535), false),
            (Step::Greeting, Some(554), false),
            (Step::StartTls, Some(502), false),
        ] {
            let failure = Failure { step, code, why: String::new() };
            assert_eq!(failure.is_about_the_mail(), of_the_mail, "{failure:?}");
        }
    }
}
