//! Stands before every page: lets a request in with its `Visitor`, or answers it.
//!
//! What is decided is decided by [`Gate`]. Invariant: no handler behind it runs for a request without a visitor.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use crate::clock;
use crate::http::Peer;
use crate::http::access::session::Sessions;
use crate::http::access::{Gate, Means, refusal};
use crate::http::page::Reader;

/// Lets a request through, or answers why not.
pub(in crate::http) async fn admit(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let wall = clock::now();
    match gate.visitor(&parts, peer.ip(), wall, clock::uptime()) {
        Ok(visitor) => {
            let renewed = match visitor.by {
                Means::Session(at) if Sessions::is_to_renew(at, wall) => {
                    let token = gate.settings.tokens.get(&visitor.name);
                    token.map(|token| gate.sessions.cookie(&visitor.name, token, gate.reach(&parts.headers), wall))
                }
                Means::Session(_) | Means::Here | Means::Bearer | Means::Proxy => None,
            };
            if let Some(reader) = parts.extensions.get_mut::<Reader>() {
                reader.is_signed_in = matches!(visitor.by, Means::Session(_));
                reader.name = (!visitor.name.is_empty()).then(|| visitor.name.as_str().into());
            }
            parts.extensions.insert(gate.holder(&visitor, &parts.headers, peer.ip()));
            parts.extensions.insert(visitor);
            let mut response = next.run(Request::from_parts(parts, body)).await;
            if let Some(cookie) = renewed {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(why) => {
            // Whoever may not do it needs a way to sign in as somebody else.
            let session = gate.sessions.read(&parts.headers, &gate.settings.tokens, wall);
            let name = session.map(|(name, ..)| Arc::from(name));
            if let Some(reader) = parts.extensions.get_mut::<Reader>() {
                reader.is_signed_in = name.is_some();
                reader.name = name;
            }
            refusal::answer(why, &parts, !gate.settings.tokens.is_empty())
        }
    }
}
