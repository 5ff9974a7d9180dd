//! The part of the `http` section that says who is let in.
//!
//! Never repeats a token. Invariant: what is returned names a token or a proxy for each that was written and could be read.

use std::net::IpAddr;

use axum::http::HeaderName;

use crate::config::{Surroundings, named, secret};
use crate::document::{Entry, Fields, Node, Problems};
use crate::http::access::{Proxy, Role, Settings, Token};

/// The header in which proxies usually name their users.
const USER_HEADER: &str = "remote-user";

/// Reads `tokens` and `proxy`.
pub(super) fn read(fields: &mut Fields<'_>, around: &Surroundings<'_>, problems: &mut Problems) -> Settings {
    let tokens = fields.optional("tokens").map(|node| {
        let such_as = "wall: { may: read, token: { file: secrets/wall } }";
        named(node, such_as, problems, |entry, problems| token(entry, around, problems)).resolved
    });
    let proxy = fields.optional("proxy").and_then(|node| proxy(node, problems));
    Settings { tokens: tokens.unwrap_or_default(), proxy }
}

fn token(entry: &Entry, around: &Surroundings<'_>, problems: &mut Problems) -> Option<Token> {
    let mut fields = entry.node.fields("{ may: read, token: { file: secrets/wall } }", problems)?;
    let may = role(&mut fields, problems);
    let secret = fields.required("token", "{ file: secrets/wall }", problems);
    let secret = secret.and_then(|node| secret::read(node, around, problems));
    fields.finish(problems);
    Some(Token { may: may?, secret: secret? })
}

fn proxy(node: &Node, problems: &mut Problems) -> Option<Proxy> {
    let mut fields = node.fields("{ from: [127.0.0.1], may: act }", problems)?;
    let from = fields.required("from", "[127.0.0.1]", problems);
    let from: Option<Vec<IpAddr>> = from.and_then(|node| {
        if node.one_or_more().is_empty() {
            return node.refuse("the addresses that the proxy comes from, such as [127.0.0.1]", problems);
        }
        node.one_or_more().iter().map(|node| address(node, problems)).collect()
    });
    let user_header = match fields.optional("user_header") {
        None => Some(USER_HEADER.to_owned()),
        Some(node) => header(node, problems),
    };
    let may = role(&mut fields, problems);
    fields.finish(problems);
    Some(Proxy { from: from?, user_header: user_header?, may: may? })
}

fn role(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Role> {
    let node = fields.required("may", "read, act or admin", problems)?;
    let word = node.text(problems)?;
    let found = Role::WORDS.iter().find(|(of, _)| *of == word).map(|(_, role)| *role);
    if found.is_none() {
        return node.refuse("read, act or admin", problems);
    }
    found
}

fn address(node: &Node, problems: &mut Problems) -> Option<IpAddr> {
    let address: Option<IpAddr> = node.text(problems)?.parse().ok();
    match address {
        Some(address) => Some(address.to_canonical()),
        None => node.refuse("the address of the proxy, such as 127.0.0.1 or 10.0.0.2", problems),
    }
}

fn header(node: &Node, problems: &mut Problems) -> Option<String> {
    let name: Result<HeaderName, _> = node.text(problems)?.parse();
    match name {
        Ok(name) => Some(name.as_str().to_owned()),
        Err(_) => node.refuse("the name of a header, such as Remote-User", problems),
    }
}
