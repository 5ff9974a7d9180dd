//! Where mail goes, read from one line of configuration.
//!
//! Pure. The scheme says how the way is protected and there is no default for it: `smtp://` is never sent in the clear.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A mail server or a folder, as written in `url`.
///
/// | form | meaning |
/// | --- | --- |
/// | `smtps://mail.example.com` | TLS from the first byte, port 465 |
/// | `smtp://mail.example.com` | STARTTLS, which must succeed, port 587 |
/// | `smtp+plain://127.0.0.1:25` | no encryption, said by name, port 25; with a login only on the own machine |
/// | `folder:/var/mail/out` | `.eml` files |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A server.
    Server {
        /// Its name or address, an IPv6 address without brackets; the certificate must be for it.
        host: String,
        /// The port.
        port: u16,
        /// How the connection is protected.
        security: Security,
    },
    /// A folder, made when missing.
    Folder {
        /// Its path; `config` makes a relative one relative to its file.
        path: PathBuf,
    },
}

/// How the connection to a server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// Plain at first, then TLS; without it nothing is sent.
    StartTls,
    /// None at all.
    Plain,
}

impl FromStr for Place {
    type Err = String;

    /// Reads the forms in the table above; the error says what is wrong and what to write.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("folder:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err("'folder:' needs a path, such as folder:/var/mail/out".to_owned())
            } else {
                Ok(Self::Folder { path: path.into() })
            };
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| unknown(text))?;
        let (security, port_default) = match scheme {
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::StartTls, 587),
            "smtp+plain" => (Security::Plain, 25),
            _ => return Err(unknown(text)),
        };
        if rest.contains('@') {
            // The text is not repeated: it may hold the password.
            return Err("the url holds an account; write it as 'username' and 'password'".to_owned());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(format!("'{text}' goes on after the port; a mail server has a host and a port only"));
        }
        let (host, port) = host_and_port(rest).ok_or_else(|| {
            format!("'{text}' needs a host and may have a port, such as {scheme}://mail.example.com:{port_default}")
        })?;
        Ok(Self::Server { host, port: port.unwrap_or(port_default), security })
    }
}

/// Prints the form that parses back.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path } => {
                let path = path.display().to_string();
                // Two slashes would be read as those of an address.
                let slashes = if path.starts_with("//") { "//" } else { "" };
                write!(f, "folder:{slashes}{path}")
            }
            Self::Server { host, port, security } => {
                let scheme = match security {
                    Security::Tls => "smtps",
                    Security::StartTls => "smtp",
                    Security::Plain => "smtp+plain",
                };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
        }
    }
}

/// Returns whether what is sent to `host` stays on this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn unknown(text: &str) -> String {
    // An '@' may stand before a password.
    let shown = if text.contains('@') { "this" } else { text };
    format!(
        "'{shown}' is not a way for mail; write smtps://host (TLS), smtp://host (STARTTLS), smtp+plain://host \
         (no encryption) or folder:/path"
    )
}

fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let bracketed = text.starts_with('[');
    let named = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if !bracketed && !named {
        return None;
    }
    match port {
        None => Some((host.to_owned(), None)),
        Some(port) => port.parse().ok().filter(|port| *port != 0).map(|port| (host.to_owned(), Some(port))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_read_with_their_ports() {
        for (text, full) in [
            ("smtps://mail.example.com", "smtps://mail.example.com:465"),
            ("smtp://mail.example.com", "smtp://mail.example.com:587"),
            ("smtp://mail.example.com:2525/", "smtp://mail.example.com:2525"),
            ("smtp+plain://127.0.0.1", "smtp+plain://127.0.0.1:25"),
            ("smtps://[2001:db8::1]:4650", "smtps://[2001:db8::1]:4650"),
            ("smtps://[2001:db8::1]", "smtps://[2001:db8::1]:465"),
            ("folder:mails/out", "folder:mails/out"),
            ("folder:///var/mails", "folder:/var/mails"),
            ("folder:////var/mails", "folder:////var/mails"),
        ] {
            let place: Place = text.parse().expect(text);
            assert_eq!(place.to_string(), full);
            assert_eq!(full.parse(), Ok(place));
        }
    }

    #[test]
    fn other_forms_say_what_to_write() {
        for (text, says) in [
            ("mail.example.com", "is not a way for mail; write smtps://host"),
            ("https://mail.example.com", "is not a way for mail"),
            ("smtp://", "needs a host"),
            ("smtp://mail.example.com:0", "needs a host and may have a port"),
            ("smtp://mail.example.com:99999", "such as smtp://mail.example.com:587"),
            ("smtp://mail example", "needs a host"),
            ("smtps://[::1", "needs a host"),
            ("smtps://[::1]465", "needs a host"),
            ("smtps://mail.example.com/inbox", "goes on after the port"),
            ("smtps://me:hunter2@mail.example.com", "write it as 'username' and 'password'"),
            ("smtpx://me:hunter2@mail.example.com", "is not a way for mail"),
            ("folder:", "needs a path"),
        ] {
            let why = text.parse::<Place>().expect_err(text);
            assert!(why.contains(says) && !why.contains("hunter2"), "{text}: {why}");
        }
    }
}
