//! The address under which people outside reach the web side, as they would type it.
//!
//! Invariant: a [`PublicUrl`] is encrypted on its way, or of this machine, and what is put behind it stays below it.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// Characters of the address: a link in a plain mail is one line that no mail program may cut.
const LENGTH_MAX: usize = 200;

/// What the first parts of our own paths are: a proxy that leaves the public path where it is would mean either.
const OWN_PATHS: [&str; 16] = [
    "ack",
    "api",
    "assets",
    "board",
    "deliveries",
    "freshness",
    "history",
    "livez",
    "login",
    "logout",
    "metrics",
    "mqtt",
    "now",
    "openapi.json",
    "readyz",
    "rules",
];

/// Such as `https://86.example.com`, or with a path: `https://example.com/kitchen`. Has no slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    path: String,
    authority: String,
    is_local: bool,
}

impl PublicUrl {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let Ok(url) = Url::parse(text) else { return Err("is not a web address") };
        let host = url.host_str().unwrap_or_default();
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let is_local = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if is_local => {}
            "http" => {
                return Err(
                    "is not encrypted, and would show the links to everyone on the way: write https, of a proxy such as deploy/README.md has",
                );
            }
            _ => return Err("is not a web address"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds an account, which would be in every mail");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("goes on after its path with ? or #");
        }
        let path = url.path().trim_end_matches('/');
        // What a router would take for a pattern, or a mail program for the end of the link.
        if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b)) || path.contains("//") {
            return Err("has a path with more in it than a-z, A-Z, 0-9, '-', '_', '.', '~' and '/'");
        }
        if path.ends_with("/ack") {
            return Err("ends in /ack, which every link has behind it anyway");
        }
        let first = path.split('/').nth(1).unwrap_or_default();
        if OWN_PATHS.contains(&first) {
            return Err(
                "has a path that begins as one of our own pages does, such as /board or /login: name it otherwise",
            );
        }
        let text = url.as_str().trim_end_matches('/');
        if text.len() > LENGTH_MAX {
            return Err("is longer than 200 characters");
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let authority = format!("{host}{port}");
        Ok(Self { text: text.to_owned(), path: path.to_owned(), authority, is_local })
    }

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns its host and, where that is not the usual one, its port: what browsers send as `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Says whether only this machine is reached by it.
    pub const fn is_local(&self) -> bool {
        self.is_local
    }

    /// Says whether browsers speak TLS to it.
    pub fn is_encrypted(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Returns its path, which is empty or begins with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_encrypted_or_of_this_machine_and_nothing_stands_behind_its_path() {
        let long = format!("https://86.example.com/{}", "a".repeat(200));
        for (text, expected) in [
            ("https://86.example.com", Ok(("https://86.example.com", ""))),
            ("https://86.example.com/", Ok(("https://86.example.com", ""))),
            ("HTTPS://86.Example.com:443/Kitchen/", Ok(("https://86.example.com/Kitchen", "/Kitchen"))),
            ("https://example.com:8443/a/b", Ok(("https://example.com:8443/a/b", "/a/b"))),
            ("http://127.0.0.1:8686", Ok(("http://127.0.0.1:8686", ""))),
            ("http://[::1]:8686", Ok(("http://[::1]:8686", ""))),
            ("http://localhost", Ok(("http://localhost", ""))),
            ("http://86.example.com", Err("is not encrypted")),
            ("http://127.0.0.1.example.com", Err("is not encrypted")),
            ("ftp://86.example.com", Err("is not a web address")),
            ("86.example.com", Err("is not a web address")),
            ("https://", Err("is not a web address")),
            ("", Err("is not a web address")),
            ("https://a:b@86.example.com", Err("holds an account")),
            ("https://a@86.example.com", Err("holds an account")),
            ("https://86.example.com?a=b", Err("goes on after its path")),
            ("https://86.example.com/#a", Err("goes on after its path")),
            ("https://86.example.com/{token}", Err("has a path with more in it")),
            ("https://86.example.com/a b", Err("has a path with more in it")),
            ("https://86.example.com/a//b", Err("has a path with more in it")),
            ("https://86.example.com/*", Err("has a path with more in it")),
            ("https://86.example.com/ack", Err("ends in /ack")),
            ("https://86.example.com/a/ack/", Err("ends in /ack")),
            ("https://86.example.com/back", Ok(("https://86.example.com/back", "/back"))),
            (&long, Err("is longer than")),
        ] {
            let read = PublicUrl::new(text);
            match (&read, expected) {
                (Ok(url), Ok(expected)) => assert_eq!((url.as_str(), url.path()), expected, "{text}"),
                (Err(why), Err(expected)) => assert!(why.starts_with(expected), "{text}: {why}"),
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("{text}: {read:?}"),
            }
        }
    }
}
