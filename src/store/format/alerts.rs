//! The stored form of alerts and of the groups that wait to be told.
//!
//! An alert of an older version is read as if it had been opened by this one; a word that is not known is an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alerts::AlertKey;
use crate::alerts::group::{Entry, EntryKind, Group};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{Alert, EpisodeId, OpenAlert, Turns};
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::rate::Mailed;
use crate::alerts::set::{MemberFacts, SetFacts};
use crate::alerts::silence::SilenceId;
use crate::alerts::texts::Texts;
use crate::rules::set::SetKind;
use crate::rules::{RuleName, Severity, Subject};
use crate::store::StoreError;
use crate::store::format::picture::{gap_of, stored_gap};
use crate::store::format::{json, language_of, parse};
use crate::units::{CategoryId, ProductId, StationId, Timestamp, VenueId};

#[derive(Serialize, Deserialize)]
enum StoredAlert {
    Pending {
        since: i64,
        baseline: bool,
        #[serde(default)]
        turns: Vec<i64>,
    },
    Open(Box<StoredOpen>),
    Rested {
        turns: Vec<i64>,
    },
}

#[derive(Serialize, Deserialize)]
struct StoredOpen {
    episode: String,
    since: i64,
    opened_at: i64,
    clear_since: Option<i64>,
    baseline: bool,
    severity: String,
    told: Vec<String>,
    #[serde(default)]
    held: Vec<(String, StoredHold)>,
    #[serde(default)]
    reminded_at: Option<i64>,
    #[serde(default)]
    acknowledged: Option<StoredAcknowledgement>,
    label: String,
    message: String,
    /// The same by the codes of other languages.
    #[serde(default)]
    translations: BTreeMap<String, String>,
    station: Option<u64>,
    #[serde(default)]
    turns: Vec<i64>,
    #[serde(default)]
    unstable_since: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<StoredSet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found_after: Option<(i64, i64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredSet {
    kind: String,
    id: u64,
    name: String,
    count: usize,
    total: usize,
    members: Vec<(u64, String)>,
}

#[derive(Serialize, Deserialize)]
enum StoredHold {
    Cause { subject: String, rule: String },
    Silence { id: String },
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredAcknowledgement {
    by: String,
    at: i64,
    reason: Option<String>,
    note: String,
    back_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup {
    v: u32,
    opened_at: i64,
    entries: Vec<StoredEntry>,
}

#[derive(Serialize, Deserialize)]
struct StoredEntry {
    id: String,
    kind: StoredEntryKind,
    episode: Option<String>,
    rule: String,
    severity: String,
    label: String,
    message: String,
    at: i64,
    baseline: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found_after: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    station: Option<u64>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
enum StoredEntryKind {
    Opened,
    Escalated,
    Reminded,
    Closed,
    Acknowledged,
    Changed,
}

/// Writes an alert.
pub fn encode_alert(alert: &Alert) -> String {
    json(&match alert {
        Alert::Pending { since, baseline, turns } => {
            StoredAlert::Pending { since: since.unix_ms(), baseline: *baseline, turns: stored_turns(turns) }
        }
        Alert::Open(open) => StoredAlert::Open(Box::new(stored_open(open))),
        Alert::Rested(turns) => StoredAlert::Rested { turns: stored_turns(turns) },
    })
}

/// Reads an alert back.
pub fn decode_alert(body: &str) -> Result<Alert, StoreError> {
    Ok(match parse("alert", body)? {
        StoredAlert::Pending { since, baseline, turns } => {
            Alert::Pending { since: Timestamp::from_unix_ms(since), baseline, turns: turns_of(turns) }
        }
        StoredAlert::Open(stored) => Alert::Open(Box::new(open_of(*stored)?)),
        StoredAlert::Rested { turns } => Alert::Rested(turns_of(turns)),
    })
}

fn stored_turns(turns: &Turns) -> Vec<i64> {
    turns.times().iter().map(|at| at.unix_ms()).collect()
}

fn turns_of(stored: Vec<i64>) -> Turns {
    Turns::from_stored(stored.into_iter().map(Timestamp::from_unix_ms).collect())
}

fn stored_open(open: &OpenAlert) -> StoredOpen {
    let OpenAlert {
        episode,
        since,
        opened_at,
        clear_since,
        baseline,
        severity,
        told,
        held,
        reminded_at,
        acknowledged,
        label,
        message,
        station,
        turns,
        unstable_since,
        set,
        found_after,
    } = open;
    StoredOpen {
        episode: episode.as_str().to_owned(),
        since: since.unix_ms(),
        opened_at: opened_at.unix_ms(),
        clear_since: clear_since.map(Timestamp::unix_ms),
        baseline: *baseline,
        severity: severity.word().to_owned(),
        told: told.iter().map(|receiver| receiver.as_str().to_owned()).collect(),
        held: held.iter().map(|(receiver, hold)| (receiver.as_str().to_owned(), stored_hold(hold))).collect(),
        reminded_at: reminded_at.map(Timestamp::unix_ms),
        acknowledged: acknowledged.as_ref().map(stored_acknowledgement),
        label: label.clone(),
        message: message.common().to_owned(),
        translations: message.others().iter().map(|(it, text)| (it.code().to_owned(), text.clone())).collect(),
        station: station.map(|id| id.0),
        turns: stored_turns(turns),
        unstable_since: unstable_since.map(Timestamp::unix_ms),
        set: set.as_ref().map(stored_set),
        found_after: found_after.map(stored_gap),
    }
}

fn open_of(stored: StoredOpen) -> Result<OpenAlert, StoreError> {
    let StoredOpen {
        episode,
        since,
        opened_at,
        clear_since,
        baseline,
        severity,
        told,
        held,
        reminded_at,
        acknowledged,
        label,
        message,
        translations,
        station,
        turns,
        unstable_since,
        set,
        found_after,
    } = stored;
    let translations = translations.into_iter().map(|(code, text)| Ok((language_of(&code)?, text)));
    let held = held.into_iter().map(|(receiver, hold)| Ok((ReceiverName::new(&receiver), hold_of(hold)?)));
    Ok(OpenAlert {
        episode: EpisodeId::from_stored(&episode),
        since: Timestamp::from_unix_ms(since),
        opened_at: Timestamp::from_unix_ms(opened_at),
        clear_since: clear_since.map(Timestamp::from_unix_ms),
        baseline,
        severity: severity_of(&severity)?,
        told: told.iter().map(|name| ReceiverName::new(name)).collect(),
        held: held.collect::<Result<_, StoreError>>()?,
        reminded_at: reminded_at.map(Timestamp::from_unix_ms),
        acknowledged: acknowledged.map(acknowledgement_of).transpose()?,
        label,
        message: Texts::from_stored(message, translations.collect::<Result<_, StoreError>>()?),
        station: station.map(StationId),
        turns: turns_of(turns),
        unstable_since: unstable_since.map(Timestamp::from_unix_ms),
        set: set.map(set_of).transpose()?,
        found_after: found_after.map(gap_of),
    })
}

fn stored_set(set: &SetFacts) -> StoredSet {
    let SetFacts { kind, id, name, count, total, members } = set;
    let members = members.iter().map(|MemberFacts { id, name }| (*id, name.clone())).collect();
    StoredSet { kind: kind.word().to_owned(), id: *id, name: name.clone(), count: *count, total: *total, members }
}

fn set_of(stored: StoredSet) -> Result<SetFacts, StoreError> {
    let StoredSet { kind, id, name, count, total, members } = stored;
    let unknown = || StoreError::unreadable("set", &format!("'{kind}' is no kind of set"));
    let kind = SetKind::ALL.into_iter().find(|known| known.word() == kind).ok_or_else(unknown)?;
    let members = members.into_iter().map(|(id, name)| MemberFacts { id, name }).collect();
    Ok(SetFacts { kind, id, name, count, total, members })
}

fn stored_hold(hold: &Hold) -> StoredHold {
    match hold {
        Hold::Cause(AlertKey { subject, rule }) => {
            StoredHold::Cause { subject: encode_subject(subject), rule: rule.as_str().to_owned() }
        }
        Hold::Silence(id) => StoredHold::Silence { id: id.as_str().to_owned() },
    }
}

fn hold_of(stored: StoredHold) -> Result<Hold, StoreError> {
    Ok(match stored {
        StoredHold::Cause { subject, rule } => Hold::Cause(decode_alert_key(&subject, &rule)?),
        StoredHold::Silence { id } => Hold::Silence(SilenceId::from_stored(&id)),
    })
}

pub(super) fn rule_of(name: &str) -> Result<RuleName, StoreError> {
    RuleName::new(name).map_err(|why| StoreError::unreadable("rule name", &why))
}

pub(super) fn stored_acknowledgement(acknowledgement: &Acknowledgement) -> StoredAcknowledgement {
    let Acknowledgement { by, at, reason, note, back_at } = acknowledgement;
    StoredAcknowledgement {
        by: by.clone(),
        at: at.unix_ms(),
        reason: reason.map(|reason| reason.word().to_owned()),
        note: note.clone(),
        back_at: back_at.map(Timestamp::unix_ms),
    }
}

pub(super) fn acknowledgement_of(stored: StoredAcknowledgement) -> Result<Acknowledgement, StoreError> {
    let StoredAcknowledgement { by, at, reason, note, back_at } = stored;
    let known = |word: &str| {
        let unknown = || StoreError::unreadable("reason", &format!("'{word}' is not one"));
        Reason::ALL.into_iter().find(|reason| reason.word() == word).ok_or_else(unknown)
    };
    Ok(Acknowledgement {
        by,
        at: Timestamp::from_unix_ms(at),
        reason: reason.as_deref().map(known).transpose()?,
        note,
        back_at: back_at.map(Timestamp::from_unix_ms),
    })
}

fn severity_of(word: &str) -> Result<Severity, StoreError> {
    let unknown = || StoreError::unreadable("severity", &format!("'{word}' is not one"));
    Severity::ALL.into_iter().find(|severity| severity.word() == word).ok_or_else(unknown)
}

/// Writes a subject as a key: `brand`, `venue:7`, `station:7:3`, `item:7:54`, `of_category:7:12`, `of_station:7:3`,
/// `of_venues:54`.
pub fn encode_subject(subject: &Subject) -> String {
    match subject {
        Subject::Brand => "brand".to_owned(),
        Subject::Venue(venue) => format!("venue:{venue}"),
        Subject::Station(venue, station) => format!("station:{venue}:{station}"),
        Subject::Item(venue, product) => format!("item:{venue}:{product}"),
        Subject::OfCategory(venue, category) => format!("of_category:{venue}:{category}"),
        Subject::OfStation(venue, station) => format!("of_station:{venue}:{station}"),
        Subject::OfVenues(product) => format!("of_venues:{product}"),
    }
}

/// Reads a subject's key back.
pub fn decode_subject(key: &str) -> Result<Subject, StoreError> {
    let wrong = || StoreError::unreadable("subject", &format!("'{key}' is not one"));
    let mut parts = key.split(':');
    let word = parts.next().unwrap_or_default();
    let numbers: Vec<u64> = parts.map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    match (word, numbers.as_slice()) {
        ("brand", []) => Ok(Subject::Brand),
        ("venue", [venue]) => Ok(Subject::Venue(VenueId(*venue))),
        ("station", [venue, station]) => Ok(Subject::Station(VenueId(*venue), StationId(*station))),
        ("item", [venue, product]) => Ok(Subject::Item(VenueId(*venue), ProductId(*product))),
        ("of_category", [venue, category]) => Ok(Subject::OfCategory(VenueId(*venue), CategoryId(*category))),
        ("of_station", [venue, station]) => Ok(Subject::OfStation(VenueId(*venue), StationId(*station))),
        ("of_venues", [product]) => Ok(Subject::OfVenues(ProductId(*product))),
        _ => Err(wrong()),
    }
}

/// Reads the identity of an alert back.
pub fn decode_alert_key(subject: &str, rule: &str) -> Result<AlertKey, StoreError> {
    Ok(AlertKey { subject: decode_subject(subject)?, rule: rule_of(rule)? })
}

/// Writes a group of waiting entries.
pub fn encode_group(group: &Group) -> String {
    let Group { opened_at, entries } = group;
    json(&StoredGroup { v: 1, opened_at: opened_at.unix_ms(), entries: entries.iter().map(stored_entry).collect() })
}

/// Reads a group back.
pub fn decode_group(body: &str) -> Result<Group, StoreError> {
    let stored: StoredGroup = parse("group", body)?;
    let entries = stored.entries.into_iter().map(entry_of).collect::<Result<_, _>>()?;
    Ok(Group { opened_at: Timestamp::from_unix_ms(stored.opened_at), entries })
}

#[derive(Serialize, Deserialize)]
struct StoredMailed {
    v: u32,
    at: Vec<i64>,
}

/// Writes when mails went out.
pub fn encode_mailed(mailed: &Mailed) -> String {
    json(&StoredMailed { v: 1, at: mailed.times().iter().map(|at| at.unix_ms()).collect() })
}

/// Reads back when mails went out.
pub fn decode_mailed(body: &str) -> Result<Mailed, StoreError> {
    let stored: StoredMailed = parse("times of mails", body)?;
    Ok(Mailed::from_stored(stored.at.into_iter().map(Timestamp::from_unix_ms).collect()))
}

fn stored_entry(entry: &Entry) -> StoredEntry {
    let Entry { id, kind, episode, rule, severity, label, message, at, baseline, found_after, station } = entry;
    StoredEntry {
        id: id.clone(),
        kind: match kind {
            EntryKind::Opened => StoredEntryKind::Opened,
            EntryKind::Escalated => StoredEntryKind::Escalated,
            EntryKind::Reminded => StoredEntryKind::Reminded,
            EntryKind::Closed => StoredEntryKind::Closed,
            EntryKind::Acknowledged => StoredEntryKind::Acknowledged,
            EntryKind::Changed => StoredEntryKind::Changed,
        },
        episode: episode.as_ref().map(|episode| episode.as_str().to_owned()),
        rule: rule.clone(),
        severity: severity.word().to_owned(),
        label: label.clone(),
        message: message.clone(),
        at: at.unix_ms(),
        baseline: *baseline,
        found_after: found_after.map(stored_gap),
        station: station.map(|id| id.0),
    }
}

fn entry_of(stored: StoredEntry) -> Result<Entry, StoreError> {
    let StoredEntry { id, kind, episode, rule, severity, label, message, at, baseline, found_after, station } = stored;
    let kind = match kind {
        StoredEntryKind::Opened => EntryKind::Opened,
        StoredEntryKind::Escalated => EntryKind::Escalated,
        StoredEntryKind::Reminded => EntryKind::Reminded,
        StoredEntryKind::Closed => EntryKind::Closed,
        StoredEntryKind::Acknowledged => EntryKind::Acknowledged,
        StoredEntryKind::Changed => EntryKind::Changed,
    };
    let episode = episode.as_deref().map(EpisodeId::from_stored);
    let severity = severity_of(&severity)?;
    let (at, found_after) = (Timestamp::from_unix_ms(at), found_after.map(gap_of));
    let station = station.map(StationId);
    Ok(Entry { id, kind, episode, rule, severity, label, message, at, baseline, found_after, station })
}
