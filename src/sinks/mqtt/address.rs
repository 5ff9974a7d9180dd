//! Where a broker listens, read once from its URL.
//!
//! Credentials never travel in the URL: it is shown in logs, errors and `status`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A broker's address: `mqtt://host[:port]` or `mqtts://host[:port]`; prints with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    host: String,
    port: u16,
    tls: bool,
}

impl BrokerUrl {
    /// The port for plain MQTT, as registered with IANA.
    const PLAIN_PORT: u16 = 1883;
    /// The port for MQTT over TLS, as registered with IANA.
    const TLS_PORT: u16 = 8883;

    /// Returns the host name or address, without the brackets of IPv6.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the line is encrypted.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns whether the broker is on this machine, so that a plain line is safe.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for BrokerUrl {
    type Err = String;

    /// Returns the reason as a sentence for people when the text is no such URL; it does not repeat the text, which
    /// may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let (tls, rest) = if let Some(rest) = text.strip_prefix("mqtts://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("mqtt://") {
            (false, rest)
        } else {
            return Err("a broker's url begins with mqtt:// or mqtts://, such as mqtts://broker.local:8883".to_owned());
        };
        if rest.contains('@') {
            return Err("a broker's url holds no credentials; write them as username and password".to_owned());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']').ok_or("the ']' after the IPv6 address is missing")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| format!("'{host}' is not an IPv6 address"))?;
            (host, after.strip_prefix(':').or(if after.is_empty() { None } else { Some(after) }))
        } else {
            rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)))
        };
        let host_fits = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
        if !host_fits {
            return Err("a broker's url has a host name or address after ://, and no path".to_owned());
        }
        let port = match port {
            None => {
                if tls {
                    Self::TLS_PORT
                } else {
                    Self::PLAIN_PORT
                }
            }
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| "the port is a number from 1 to 65535, and nothing follows it".to_owned())?,
        };
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_printed_with_their_port() {
        for (text, shown, loopback) in [
            ("mqtt://localhost", "mqtt://localhost:1883", true),
            ("mqtts://broker.local", "mqtts://broker.local:8883", false),
            ("mqtts://broker.local:443/", "mqtts://broker.local:443", false),
            ("mqtt://127.0.0.2:9", "mqtt://127.0.0.2:9", true),
            ("mqtt://[::1]", "mqtt://[::1]:1883", true),
            ("mqtts://[fe80::1]:8884", "mqtts://[fe80::1]:8884", false),
            ("mqtt://localhost.example.com", "mqtt://localhost.example.com:1883", false),
        ] {
            let url: BrokerUrl = text.parse().expect(text);
            assert_eq!((url.to_string().as_str(), url.is_loopback()), (shown, loopback), "{text}");
            assert_eq!(shown.parse(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_no_broker_url_is_refused_without_repeating_a_password() {
        for text in [
            "",
            "localhost:1883",
            "http://x",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://a:0",
            "mqtt://a:70000",
            "mqtt://a:1/topic",
            "mqtt://a/topic",
            "mqtt://[::1",
            "mqtt://[::1]x",
            "mqtt://[zz]",
            "mqtt://a b",
            "mqtt://user:hunter2@host",
        ] {
            let refusal = text.parse::<BrokerUrl>().expect_err(text);
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }
}
