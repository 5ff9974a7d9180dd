//! Which addresses a webhook may be sent to: the public Internet, and of the rest only what the configuration lists.
//!
//! Owns the check against requests that are steered into the operator's own network (SSRF). The check is made on the
//! addresses that a name resolves to, on every attempt, because a name can point elsewhere a minute later. Invariant:
//! a connection is only ever made to an address that passed [`admit`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Addresses of a name that are looked at: more are a mistake or an attack.
const RESOLVED_MAX: usize = 16;

/// An entry of `allow_private`: a host name, an address or a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A name; it may resolve to private and loopback addresses, never to link-local, metadata or reserved ones.
    Host(String),
    /// A network, or one address with all its bits; whatever kind of address it is.
    Network {
        /// An address of the network.
        address: IpAddr,
        /// The leading bits that count: 0 to 32 for IPv4, 0 to 128 for IPv6.
        bits: u8,
    },
}

impl FromStr for Allowed {
    type Err = String;

    /// Reads `hooks.lan`, `192.168.1.20`, `fd12::7` or `10.1.0.0/16`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!("'{text}' is not a host, address or network; write one such as hooks.lan, 10.1.2.3 or 10.1.0.0/16")
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network { address, bits: bits_of(address) });
        }
        if let Some((network, bits)) = text.split_once('/') {
            let address: IpAddr = network.parse().map_err(|_| refuse())?;
            let bits: u8 = bits.parse().map_err(|_| refuse())?;
            return if bits <= bits_of(address) { Ok(Self::Network { address, bits }) } else { Err(refuse()) };
        }
        let name = comparable(text);
        // The last label of a name is never a number, which also refuses mistyped addresses.
        let last_is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        let fits = name.len() <= 253
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            && !last_is_number;
        if fits { Ok(Self::Host(name)) } else { Err(refuse()) }
    }
}

impl Allowed {
    /// Returns whether the entry names this host itself.
    pub(super) fn names(&self, host: &str) -> bool {
        match self {
            Self::Host(name) => *name == comparable(host),
            Self::Network { .. } => false,
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Network { address: IpAddr::V4(network), bits }, IpAddr::V4(v4)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0);
                (network.to_bits() ^ v4.to_bits()) & mask == 0
            }
            (Self::Network { address: IpAddr::V6(network), bits }, IpAddr::V6(v6)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
                (network.to_bits() ^ v6.to_bits()) & mask == 0
            }
            (Self::Network { .. } | Self::Host(_), _) => false,
        }
    }
}

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The Internet.
    Public,
    /// Loopback, or a site's own network: allowed by listing the host or the address.
    Private,
    /// Link-local, cloud metadata, multicast, reserved: allowed only by listing the address.
    Special,
}

/// Returns the kind of `address`; one inside another (mapped, NAT64, 6to4) counts as itself.
pub(super) fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

/// Decides whether a webhook for `host` may connect to `address`.
///
/// # Errors
/// Why not and what to list, for people.
pub(super) fn admit(address: IpAddr, host: &str, allowed: &[Allowed]) -> Result<(), String> {
    let listed = allowed.iter().any(|entry| entry.holds(address) || entry.holds(unwrapped(address)));
    let named = allowed.iter().any(|entry| entry.names(host));
    match kind(address) {
        Kind::Public => Ok(()),
        Kind::Private | Kind::Special if listed => Ok(()),
        Kind::Private if named => Ok(()),
        Kind::Private => Err(refusal(address, host, "private", comparable(host))),
        // A name could lead to the metadata of a cloud; only its address opens the way there.
        Kind::Special => Err(refusal(address, host, "link-local or reserved", address.to_string())),
    }
}

/// Says why `address` is refused, and what to list.
fn refusal(address: IpAddr, host: &str, kind: &str, listed: String) -> String {
    let is_literal = host.trim_matches(['[', ']']).parse() == Ok(address);
    let (what, listed) = if is_literal {
        (format!("{address} is a {kind} address"), address.to_string())
    } else {
        (format!("{host} is the {kind} address {address}"), listed)
    };
    format!("{what}; to send there, write allow_private: [{}]", quoted(listed))
}

/// Returns a text as YAML takes it within brackets: an IPv6 address may need quotes.
fn quoted(text: String) -> String {
    if text.contains(':') { format!("\"{text}\"") } else { text }
}

/// Resolves names by the system and drops the addresses that are not admitted.
pub(super) struct Guard {
    pub allowed: Arc<[Allowed]>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let admitted = resolve(name.as_str(), 0, &allowed).await?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// Returns the addresses of `host` that a webhook may connect to, at least one.
pub(super) async fn resolve(host: &str, port: u16, allowed: &[Allowed]) -> Result<Vec<SocketAddr>, NoWay> {
    let failed = |error: std::io::Error| NoWay::Unresolved { host: host.to_owned(), why: error.to_string() };
    let found = tokio::net::lookup_host((host, port)).await.map_err(failed)?;
    let mut admitted = Vec::new();
    let mut refusal = None;
    for address in found.take(RESOLVED_MAX) {
        match admit(address.ip(), host, allowed) {
            Ok(()) => admitted.push(address),
            Err(why) => refusal = Some(why),
        }
    }
    match refusal {
        _ if !admitted.is_empty() => Ok(admitted),
        Some(why) => Err(NoWay::Refused(why)),
        None => Err(NoWay::Unresolved { host: host.to_owned(), why: "the name has no address".to_owned() }),
    }
}

/// Why there is no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoWay {
    /// The name is unknown or the resolver failed.
    #[error("could not resolve {host}: {why}")]
    Unresolved { host: String, why: String },
    /// It resolves to addresses that are not admitted.
    #[error("{0}")]
    Refused(String),
}

fn comparable(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Returns the IPv4 address that is carried inside an IPv6 one, or the address itself.
fn unwrapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => carried_v4(v6).map_or(address, IpAddr::V4),
    }
}

fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let low = |shift: u32| Ipv4Addr::from_bits(u32::try_from((bits >> shift) & 0xffff_ffff).unwrap_or(0));
    match address.segments() {
        // ::1 and :: are not IPv4 in disguise.
        [0, 0, 0, 0, 0, 0, 0, _] => None,
        // Compatible, mapped (::ffff:a.b.c.d), translated (::ffff:0:a.b.c.d) and NAT64 (64:ff9b::a.b.c.d).
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
            Some(low(0))
        }
        // 6to4 carries it in bits 16 to 48.
        [0x2002, ..] => Some(low(80)),
        _ => None,
    }
}

#[expect(clippy::match_same_arms, reason = "each range stands with its own reason, in the order of precedence")]
fn kind_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        // Alibaba's metadata service lives in the carrier range.
        [100, 100, 100, 200] => Kind::Special,
        [10 | 127, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Kind::Private,
        // "This" network, link-local with the metadata of AWS, Google and Azure, protocol assignments and examples,
        // the old 6to4 relays, benchmarks, multicast, reserved and broadcast.
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Kind::Special,
        _ => Kind::Public,
    }
}

#[expect(clippy::match_same_arms, reason = "each range stands with its own reason, in the order of precedence")]
fn kind_v6(address: Ipv6Addr) -> Kind {
    if let Some(v4) = carried_v4(address) {
        return kind_v4(v4);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Private,
        // AWS's metadata service inside the unique local range.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Kind::Special,
        [0xfc00..=0xfdff, ..] => Kind::Private,
        // Teredo, ORCHID and the other protocol assignments of 2001::/23, and the examples.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Kind::Special,
        // Global unicast; everything outside it is link-local, multicast, site-local, local NAT64 or unassigned.
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Special,
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("allowed", &self.allowed).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        for (addresses, expected) in [
            ("1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.1.1 11.0.0.1", Kind::Public),
            ("2606:4700::1111 2a00:1450:4001::8a ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1", Kind::Public),
            ("10.0.0.1 127.0.0.1 127.9.9.9 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1", Kind::Private),
            ("::1 fc00::1 fd12:3456::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::10.0.0.1", Kind::Private),
            ("64:ff9b::7f00:1 64:ff9b::10.0.0.1 2002:7f00:1::1 2002:a00:1:: ::ffff:0:10.0.0.1", Kind::Private),
            ("0.0.0.0 0.1.2.3 169.254.169.254 169.254.0.1 100.100.100.200 192.0.0.1 192.0.2.1", Kind::Special),
            ("198.18.0.1 198.19.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255", Kind::Special),
            (":: fe80::1 fec0::1 ff02::1 fd00:ec2::254 2001::1 2001:db8::1 3fff::1 100::1", Kind::Special),
            ("64:ff9b:1::1 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: 4000::1", Kind::Special),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(kind(address.parse().expect(address)), expected, "{address}");
            }
        }
    }

    #[test]
    fn the_list_opens_what_it_says_and_no_more() {
        let list = |texts: &str| -> Vec<Allowed> { texts.split(' ').map(|text| text.parse().expect(text)).collect() };
        for (allowed, host, address, admitted) in [
            ("other.lan", "hooks.lan", "10.0.0.7", false),
            ("hooks.lan", "hooks.lan", "10.0.0.7", true),
            ("Hooks.LAN.", "hooks.lan", "127.0.0.1", true),
            ("hooks.lan", "evil.hooks.lan", "10.0.0.7", false),
            ("hooks.lan", "hooks.lan", "169.254.169.254", false),
            ("hooks.lan", "hooks.lan", "::ffff:169.254.169.254", false),
            ("169.254.0.0/16", "hooks.lan", "169.254.169.254", true),
            ("10.0.0.7", "hooks.lan", "10.0.0.7", true),
            ("10.0.0.7", "hooks.lan", "::ffff:10.0.0.7", true),
            ("10.0.0.7", "hooks.lan", "10.0.0.8", false),
            ("10.1.0.0/16", "hooks.lan", "10.1.255.255", true),
            ("10.1.0.0/16", "hooks.lan", "10.2.0.0", false),
            ("fd12::/16", "hooks.lan", "fd12:9::1", true),
            ("fd12::/16", "hooks.lan", "fd13::1", false),
            ("0.0.0.0/0", "hooks.lan", "fd13::1", false),
            ("0.0.0.0/0 ::/0", "hooks.lan", "fd13::1", true),
        ] {
            let verdict = admit(address.parse().expect(address), host, &list(allowed));
            assert_eq!(verdict.is_ok(), admitted, "{allowed} {host} {address}: {verdict:?}");
        }
        for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/x", "http://hooks.lan", "a b", "::1/129", "hooks/8"] {
            assert!(text.parse::<Allowed>().is_err_and(|why| why.contains("write one such as")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_judged_alike_in_every_disguise(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let [a, b] = v4.to_ipv6_mapped().segments()[6..] else { unreachable!("eight segments") };
            for v6 in [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(kind(IpAddr::V6(v6)), kind(IpAddr::V4(v4)), "{}", v6);
            }
        }
    }
}
