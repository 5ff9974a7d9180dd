//! The part of the `http` section that says who is let in.
//!
//! Never repeats a token. Invariant: what is returned names a token or a proxy for each that was written and could be read.

use std::net::IpAddr;

use axum::http::HeaderName;

use crate::config::{Surroundings, named, secret};
use crate::document::{Entry, Fields, Node, Problems};
use crate::http::access::{Proxy, Role, Settings, Token, Users};

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
    let may = fields.required("may", "read, act or admin", problems).and_then(|node| role(node, problems));
    let secret = fields.required("token", "{ file: secrets/wall }", problems);
    let secret = secret.and_then(|node| secret::read(node, around, problems));
    fields.finish(problems);
    Some(Token { may: may?, secret: secret? })
}

fn proxy(node: &Node, problems: &mut Problems) -> Option<Proxy> {
    let mut fields = node.fields("{ from: [127.0.0.1] }", problems)?;
    let from = fields.required("from", "[127.0.0.1]", problems);
    let from: Option<Vec<IpAddr>> = from.and_then(|node| {
        if node.one_or_more().is_empty() {
            return node.refuse("the addresses that the proxy comes from, such as [127.0.0.1]", problems);
        }
        node.one_or_more().iter().map(|node| address(node, problems)).collect()
    });
    // A proxy that asks nobody passes on whatever header a stranger sends: there is no name by default.
    let users = match (fields.optional("user_header"), fields.optional("may")) {
        (None, None) => Some(None),
        (Some(node), Some(may)) => {
            let (header, may) = (header(node, problems), role(may, problems));
            header.zip(may).map(|(header, may)| Some(Users { header, may }))
        }
        (Some(node), None) => {
            let message = "nobody knows what the users of this proxy may do";
            problems.tell_with_help(&node.place, message, "write may: read, act or admin");
            None
        }
        (None, Some(node)) => {
            let message = "'may' is for a proxy that asks its users who they are";
            problems.tell_with_help(&node.place, message, "write its user_header too, such as Remote-User");
            None
        }
    };
    fields.finish(problems);
    Some(Proxy { from: from?, users: users? })
}

fn role(node: &Node, problems: &mut Problems) -> Option<Role> {
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
