//! The stored form of silences and orders.
//!
//! An order is written by one process and read by another of the same version. Invariant: a word that is not known is an
//! error.

use serde::{Deserialize, Serialize};

use crate::alerts::AlertKey;
use crate::alerts::lifecycle::EpisodeId;
use crate::alerts::order::Order;
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::store::StoreError;
use crate::store::format::alerts::{
    StoredAcknowledgement, acknowledgement_of, decode_alert_key, encode_subject, rule_of, stored_acknowledgement,
};
use crate::store::format::{json, parse};
use crate::units::{CategoryId, ProductId, StationId, Timestamp, VenueId};

#[derive(Serialize, Deserialize)]
struct StoredSilence {
    v: u32,
    id: String,
    venue: Option<u64>,
    product: Option<u64>,
    category: Option<u64>,
    station: Option<u64>,
    rule: Option<String>,
    from: i64,
    until: i64,
    until_back: bool,
    during: Option<String>,
    by: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
enum StoredOrder {
    Acknowledge { subject: String, rule: String, episode: String, acknowledgement: StoredAcknowledgement },
    Silence(StoredSilence),
    EndSilence { id: String },
}

/// Writes a silence.
pub fn encode_silence(silence: &Silence) -> String {
    json(&stored_silence(silence))
}

/// Reads a silence back.
pub fn decode_silence(body: &str) -> Result<Silence, StoreError> {
    silence_of(parse("silence", body)?)
}

/// Writes an order.
pub fn encode_order(order: &Order) -> String {
    json(&match order {
        Order::Acknowledge { key: AlertKey { subject, rule }, episode, acknowledgement } => StoredOrder::Acknowledge {
            subject: encode_subject(subject),
            rule: rule.as_str().to_owned(),
            episode: episode.as_str().to_owned(),
            acknowledgement: stored_acknowledgement(acknowledgement),
        },
        Order::Silence(silence) => StoredOrder::Silence(stored_silence(silence)),
        Order::EndSilence(id) => StoredOrder::EndSilence { id: id.as_str().to_owned() },
    })
}

/// Reads an order back.
pub fn decode_order(body: &str) -> Result<Order, StoreError> {
    Ok(match parse("order", body)? {
        StoredOrder::Acknowledge { subject, rule, episode, acknowledgement } => Order::Acknowledge {
            key: decode_alert_key(&subject, &rule)?,
            episode: EpisodeId::from_stored(&episode),
            acknowledgement: acknowledgement_of(acknowledgement)?,
        },
        StoredOrder::Silence(silence) => Order::Silence(silence_of(silence)?),
        StoredOrder::EndSilence { id } => Order::EndSilence(SilenceId::from_stored(&id)),
    })
}

fn stored_silence(silence: &Silence) -> StoredSilence {
    let Silence { id, covers, from, until, until_back, during, by, reason } = silence;
    let Criteria { venue, product, category, station, rule } = covers;
    StoredSilence {
        v: 1,
        id: id.as_str().to_owned(),
        venue: venue.map(|id| id.0),
        product: product.map(|id| id.0),
        category: category.map(|id| id.0),
        station: station.map(|id| id.0),
        rule: rule.as_ref().map(|rule| rule.as_str().to_owned()),
        from: from.unix_ms(),
        until: until.unix_ms(),
        until_back: *until_back,
        during: during.as_deref().map(str::to_owned),
        by: by.clone(),
        reason: reason.clone(),
    }
}

fn silence_of(stored: StoredSilence) -> Result<Silence, StoreError> {
    let StoredSilence {
        v: _,
        id,
        venue,
        product,
        category,
        station,
        rule,
        from,
        until,
        until_back,
        during,
        by,
        reason,
    } = stored;
    Ok(Silence {
        id: SilenceId::from_stored(&id),
        covers: Criteria {
            venue: venue.map(VenueId),
            product: product.map(ProductId),
            category: category.map(CategoryId),
            station: station.map(StationId),
            rule: rule.as_deref().map(rule_of).transpose()?,
        },
        from: Timestamp::from_unix_ms(from),
        until: Timestamp::from_unix_ms(until),
        until_back,
        during: during.map(Into::into),
        by,
        reason,
    })
}
