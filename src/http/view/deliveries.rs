//! What receivers are told: what waits, what was delivered, what was given up; and sending that again.
//!
//! Summaries and reasons come from rules and from other programs. Invariant: the tokens of links are cut out of both.

use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::group::Way;
use crate::alerts::link::without_tokens;
use crate::alerts::notice::{Channel, ReceiverName};
use crate::engine::Policy;
use crate::http::access::Visitor;
use crate::http::desk::{Desk, Outcome};
use crate::store::{OutboxDepth, OutboxState, Requeued, StoreError, Told, ToldState};
use crate::telemetry;
use crate::units::{Timestamp, printable};

/// Characters of a summary.
const SUMMARY_LENGTH_MAX: usize = 300;
/// Characters of a reason.
const WHY_LENGTH_MAX: usize = 400;

/// A notice on its way, or at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct Delivery {
    /// Its number, by which a dead letter is sent again.
    pub(in crate::http) id: i64,
    /// The id that its receiver sees: the same on every channel and in every attempt.
    pub(in crate::http) notice: String,
    /// Who is to be told.
    pub(in crate::http) receiver: String,
    /// `mqtt`, `email` or `webhook`.
    pub(in crate::http) channel: String,
    /// Whether that is in the configuration; what is not is sent by nobody.
    pub(in crate::http) configured: bool,
    /// What it says, in short.
    pub(in crate::http) summary: String,
    /// When it was decided.
    #[schema(format = DateTime)]
    pub(in crate::http) at: String,
    /// `waiting`, `delivered`, `dead` (given up) or `expired` (over before it could be told).
    pub(in crate::http) state: &'static str,
    /// Attempts made.
    pub(in crate::http) attempts: u32,
    /// When the next attempt is due; null unless it waits.
    #[schema(required, format = DateTime)]
    pub(in crate::http) next_attempt_at: Option<String>,
    /// When it ended; null while it waits.
    #[schema(required, format = DateTime)]
    pub(in crate::http) ended_at: Option<String>,
    /// What the last attempt said.
    #[schema(required)]
    pub(in crate::http) why: Option<String>,
    /// Which other receiver was told of it instead.
    #[schema(required)]
    pub(in crate::http) passed_to: Option<String>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct Depth {
    /// Waiting, or on their way.
    pub(in crate::http) waiting: u64,
    /// Given up, and kept to be sent again.
    pub(in crate::http) dead: u64,
    /// Delivered within the last week.
    pub(in crate::http) delivered: u64,
    /// Over before they could be told, within the last week.
    pub(in crate::http) expired: u64,
}

/// What there is for a receiver on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct WayOut {
    /// The receiver.
    pub(in crate::http) receiver: String,
    /// `mqtt`, `email` or `webhook`.
    pub(in crate::http) channel: String,
    /// Whether that is in the configuration.
    pub(in crate::http) configured: bool,
    /// How many wait.
    pub(in crate::http) waiting: u64,
    /// When the oldest of them was queued.
    #[schema(required, format = DateTime)]
    pub(in crate::http) waiting_since: Option<String>,
    /// How many were given up.
    pub(in crate::http) dead: u64,
}

/// What was sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct Resent {
    /// How many wait again.
    pub(in crate::http) resent: usize,
    /// How many of them wait for a receiver or channel that is not in the configuration.
    pub(in crate::http) not_configured: usize,
}

/// Returns the newest deliveries in a state, with one more than `limit` where there are more.
pub(in crate::http) async fn list(
    desk: &Desk,
    policy: &Policy,
    (state, receiver): (OutboxState, Option<&ReceiverName>),
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
    let rows = desk.past.outbox_rows(state, receiver, before, limit).await?;
    Ok(rows.iter().map(|(told, summary)| delivery(policy, told, summary)).collect())
}

fn delivery(policy: &Policy, told: &Told, summary: &str) -> Delivery {
    let Told { row, notice, receiver, channel, at, attempts, state, why, passed_on } = told;
    let (state, due, ended) = match state {
        ToldState::Waiting { due } => ("waiting", Some(*due), None),
        ToldState::Delivered { at } => ("delivered", None, Some(*at)),
        ToldState::Dead { at } => ("dead", None, Some(*at)),
        ToldState::Expired { at } => ("expired", None, Some(*at)),
    };
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Delivery {
        id: *row,
        notice: notice.as_str().to_owned(),
        receiver: receiver.to_string(),
        channel: channel.clone(),
        configured: configured(policy, receiver, channel),
        summary: printable(&without_tokens(summary), SUMMARY_LENGTH_MAX),
        at: at.to_string(),
        state,
        attempts: *attempts,
        next_attempt_at: time(due),
        ended_at: time(ended),
        why: why.as_deref().map(|why| printable(&without_tokens(why), WHY_LENGTH_MAX)),
        passed_to: passed_on.as_ref().map(|(to, _)| to.to_string()),
    }
}

/// Says whether somebody sends to the receiver on the channel.
fn configured(policy: &Policy, receiver: &ReceiverName, channel: &str) -> bool {
    let word = |way: &Way| match way {
        Way::Mqtt(_) => Channel::Mqtt.word(),
        Way::Email => Channel::Email.word(),
        Way::Webhook => Channel::Webhook.word(),
    };
    let route = policy.routes.get(receiver).is_some_and(|route| route.ways.iter().any(|way| word(way) == channel));
    route || (channel == Channel::Mqtt.word() && policy.feeds.iter().any(|(feed, _)| feed == receiver))
}

/// Counts everything.
pub(in crate::http) async fn depth(desk: &Desk) -> Result<Depth, StoreError> {
    let OutboxDepth { waiting, dead, delivered, expired } = desk.past.outbox_depth().await?;
    Ok(Depth { waiting, dead, delivered, expired })
}

/// Counts what waits and what was given up, by receiver and channel.
pub(in crate::http) async fn ways(desk: &Desk, policy: &Policy) -> Result<Vec<WayOut>, StoreError> {
    let ways = desk.past.outbox_by_way().await?;
    let way = ways.iter().map(|((receiver, channel), depth)| WayOut {
        receiver: receiver.to_string(),
        channel: channel.clone(),
        configured: configured(policy, receiver, channel),
        waiting: depth.waiting,
        waiting_since: depth.since.map(|at| at.to_string()),
        dead: depth.dead,
    });
    Ok(way.collect())
}

/// Which dead letters are sent again.
pub(in crate::http) enum Chosen<'a> {
    /// All of them.
    All,
    /// Those of these numbers; none for none.
    Rows(&'a [i64]),
}

/// Puts dead letters back into the outbox and wakes those who send them, as one of the orders that a visitor has.
pub(in crate::http) async fn resend(
    desk: &Desk,
    visitor: &Visitor,
    policy: &Policy,
    chosen: Chosen<'_>,
    now: Timestamp,
) -> Result<Resent, Outcome> {
    if !desk.may_order(visitor) {
        return Err(Outcome::TooOften);
    }
    let rows = match chosen {
        // To the store no numbers at all mean all.
        Chosen::Rows([]) => return Ok(Resent { resent: 0, not_configured: 0 }),
        Chosen::Rows(rows) => rows,
        Chosen::All => &[],
    };
    let requeued = desk.store.resend(rows, now).await.map_err(|error| {
        tracing::error!("dead letters cannot be sent again: {}", telemetry::chain(&error));
        Outcome::NoAnswer
    })?;
    tracing::info!(by = visitor.name, "{} dead letters are sent again", requeued.len());
    let mut not_configured = 0;
    for Requeued { receiver, channel } in &requeued {
        let receiver = ReceiverName::new(receiver);
        if !configured(policy, &receiver, channel) {
            not_configured += 1;
        }
        if let Some(channel) = Channel::ALL.into_iter().find(|known| known.word() == channel) {
            (desk.wake)(&receiver, channel);
        }
    }
    Ok(Resent { resent: requeued.len(), not_configured })
}
