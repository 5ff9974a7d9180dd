//! What a restart finds: the rows that commits wrote, as text, in the tables that the real store has.
//!
//! Everything goes through `store::format` in both directions, so a field that is forgotten there, or a change that
//! `Commit::stored` does not name, is lost here as it would be lost on the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use eightysix::alerts::group::GroupKey;
use eightysix::alerts::notice::{Content, ReceiverName};
use eightysix::alerts::order::{Order, OrderId};
use eightysix::alerts::report::ReportKey;
use eightysix::alerts::report::week::{History, Stretch, Turn};
use eightysix::alerts::silence::SilenceId;
use eightysix::alerts::{AlertBook, AlertKey};
use eightysix::engine::{Commit, HistoryWanted, Memory};
use eightysix::rules::RuleName;
use eightysix::snapshot::diff::Change;
use eightysix::snapshot::{Access, Gap, Snapshot};
use eightysix::store::format;
use eightysix::units::{Timestamp, VenueId};

/// A notice as it waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// When it was decided.
    pub(crate) at: Timestamp,
    /// The notice's id.
    pub(crate) id: String,
    /// Who is told.
    pub(crate) receiver: String,
    /// By which channel.
    pub(crate) channel: &'static str,
    /// The line for people.
    pub(crate) summary: String,
    /// What is sent, in its stored form.
    pub(crate) body: String,
}

/// The tables of one brand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    venues: BTreeMap<VenueId, String>,
    catalogs: BTreeMap<VenueId, String>,
    alerts: BTreeMap<(String, String), String>,
    groups: BTreeMap<(String, Option<u64>), String>,
    /// Every notice ever told, in the order in which they were told.
    pub(crate) outbox: Vec<Row>,
    silences: BTreeMap<String, String>,
    mailed: BTreeMap<String, String>,
    reported: BTreeMap<(String, VenueId, &'static str), String>,
    readings: Option<String>,
    /// Orders that nobody has answered, in the order of asking.
    pub(crate) orders: BTreeMap<OrderId, Order>,
    /// How many orders were ever asked.
    pub(crate) orders_asked: i64,
    /// Lines of the history: venue, when, subject, what was and what is.
    pub(crate) history: Vec<(VenueId, Timestamp, String, String)>,
}

impl Tables {
    /// Writes a commit as `Store::commit` does.
    pub(crate) fn commit(&mut self, commit: &Commit, now: Timestamp) {
        for snapshot in &commit.venues {
            let stored = commit.stored.get(&snapshot.id()).copied().unwrap_or_default();
            if stored.snapshot {
                self.venues.insert(snapshot.id(), format::encode_venue(snapshot));
            }
            if stored.catalog {
                self.catalogs.insert(snapshot.id(), format::encode_catalog(&snapshot.picture.catalog));
            }
        }
        for venue in &commit.venues_gone {
            self.venues.remove(venue);
            self.catalogs.remove(venue);
        }
        for (key, alert) in &commit.alerts {
            let row = (format::encode_subject(&key.subject), key.rule.as_str().to_owned());
            put(&mut self.alerts, row, alert.as_ref().map(format::encode_alert));
        }
        for (key, group) in &commit.groups {
            let row = (key.receiver.as_str().to_owned(), key.venue.map(|venue| venue.0));
            put(&mut self.groups, row, group.as_ref().map(format::encode_group));
        }
        for (venue, change) in &commit.changes {
            let (subject, body) = format::encode_change(change);
            self.history.push((*venue, now, subject, body));
        }
        for (venue, gap) in &commit.gaps {
            self.history.push((*venue, now, format::GAP_SUBJECT.to_owned(), format::encode_gap(*gap)));
        }
        if !commit.readings.is_empty() {
            self.readings = Some(format::encode_readings(&commit.readings));
        }
        for (receiver, mailed) in &commit.mailed {
            self.mailed.insert(receiver.as_str().to_owned(), format::encode_mailed(mailed));
        }
        for (ReportKey { receiver, venue, kind }, reported) in &commit.reported {
            let row = (receiver.as_str().to_owned(), *venue, kind.word());
            put(&mut self.reported, row, reported.as_ref().map(format::encode_reported));
        }
        for (id, silence) in &commit.silences {
            put(&mut self.silences, id.as_str().to_owned(), silence.as_ref().map(format::encode_silence));
        }
        for (id, _) in &commit.answers {
            self.orders.remove(id);
        }
        for notice in &commit.notices {
            let row = Row {
                at: notice.at,
                id: notice.id.as_str().to_owned(),
                receiver: notice.receiver.as_str().to_owned(),
                channel: notice.content.channel().word(),
                summary: notice.summary.clone(),
                body: format::encode_content(&notice.content),
            };
            let is_known =
                |known: &Row| (&known.id, &known.receiver, known.channel) == (&row.id, &row.receiver, row.channel);
            match self.outbox.iter().find(|known| is_known(known)) {
                Some(known) => assert_eq!(known.body, row.body, "the same id and other words"),
                None => self.outbox.push(row),
            }
        }
    }

    /// Reads the history of a venue as `Store::history_of` does.
    pub(crate) fn history_of(&self, wanted: HistoryWanted) -> History {
        let of_venue = || self.history.iter().filter(|(venue, ..)| *venue == wanted.venue);
        let mut history = History { begins: of_venue().map(|(_, at, ..)| *at).min(), ..History::default() };
        for (_, at, subject, body) in of_venue().filter(|(_, at, ..)| *at >= wanted.since) {
            if subject == format::GAP_SUBJECT {
                let Gap { from, until } = format::decode_gap(body).expect("a stored gap");
                history.unread.push(Stretch { from, until });
                continue;
            }
            let change = format::decode_change(subject, body).expect("a stored line");
            if let Change::Row { product, before, after } = change {
                history.turns.extend(Turn::of(product, *at, before.as_ref(), after.as_ref()));
            }
        }
        history
    }

    /// Reads everything back as `Store::load` does.
    pub(crate) fn load(&self) -> Memory {
        let mut book = AlertBook::default();
        for ((subject, rule), body) in &self.alerts {
            let rule = RuleName::new(rule).expect("a stored rule name");
            let key = AlertKey { subject: format::decode_subject(subject).expect("a stored subject"), rule };
            book.set(key, Some(format::decode_alert(body).expect("a stored alert")));
        }
        let group = |((receiver, venue), body): (&(String, Option<u64>), &String)| {
            let key = GroupKey { receiver: ReceiverName::new(receiver), venue: venue.map(VenueId) };
            (key, format::decode_group(body).expect("a stored group"))
        };
        let silence = |(id, body): (&String, &String)| {
            (SilenceId::from_stored(id), format::decode_silence(body).expect("a stored silence"))
        };
        let mailed = |(receiver, body): (&String, &String)| {
            (ReceiverName::new(receiver), format::decode_mailed(body).expect("stored times of mails"))
        };
        let reported = |((receiver, venue, kind), body): (&(String, VenueId, &str), &String)| {
            let kind = format::report_kind(kind).expect("a stored kind of report");
            let key = ReportKey { receiver: ReceiverName::new(receiver), venue: *venue, kind };
            (key, format::decode_reported(body).expect("stored reports"))
        };
        let readings = self.readings.as_deref().map(|body| format::decode_readings(body).expect("stored readings"));
        let venue = |(id, body): (&VenueId, &String)| {
            let catalog = self.catalogs.get(id).map(|body| format::decode_catalog(body).expect("a stored catalog"));
            let snapshot = format::decode_venue(*id, body, catalog.unwrap_or_default()).expect("a stored venue");
            (*id, Arc::new(snapshot.found_anew(readings.as_ref())))
        };
        Memory {
            access: Access::Untried,
            venues: self.venues.iter().map(venue).collect(),
            book,
            groups: self.groups.iter().map(group).collect(),
            silences: self.silences.iter().map(silence).collect(),
            mailed: self.mailed.iter().map(mailed).collect(),
            reported: self.reported.iter().map(reported).collect(),
        }
    }

    /// Holds what a new process would find against what the running one remembers: a kill now loses nothing.
    pub(crate) fn assert_equal(&self, memory: &Memory) {
        let found = self.load();
        assert_eq!(found.book, memory.book, "the alerts on the disk and in memory");
        assert_eq!(found.groups, memory.groups, "the waiting mails on the disk and in memory");
        assert_eq!(found.silences, memory.silences, "the silences on the disk and in memory");
        assert_eq!(found.mailed, memory.mailed, "when mails went out, on the disk and in memory");
        assert_eq!(found.reported, memory.reported, "which reports were sent, on the disk and in memory");
        // A configured venue that was never read is watched from the configuration.
        let known = memory.venues.values().filter(|snapshot| self.venues.contains_key(&snapshot.id()));
        for (found, known) in found.venues.values().zip(known) {
            assert_eq!(&durable(found, known), known.as_ref(), "a venue on the disk and in memory");
        }
        let unstored = memory.venues.values().filter(|snapshot| !self.venues.contains_key(&snapshot.id()));
        assert!(unstored.clone().all(|snapshot| snapshot.seq == 0), "never stored: {unstored:?}");
    }
}

/// Returns what was found with the ages and passing troubles of what is known: those are read anew.
fn durable(found: &Snapshot, known: &Snapshot) -> Snapshot {
    Snapshot {
        watched_since: known.watched_since,
        read_at: found.read_at.and(known.read_at),
        followed_at: known.followed_at,
        noted_at: known.noted_at,
        catalog_read_at: found.catalog_read_at.and(known.catalog_read_at),
        stations_read_at: found.stations_read_at.and(known.stations_read_at),
        prices_read_at: found.prices_read_at.and(known.prices_read_at),
        doubt: known.doubt.clone(),
        trouble: known.trouble.clone(),
        ..found.clone()
    }
}

fn put<K: Ord>(table: &mut BTreeMap<K, String>, key: K, body: Option<String>) {
    match body {
        Some(body) => drop(table.insert(key, body)),
        None => drop(table.remove(&key)),
    }
}

impl Row {
    /// Shows who is told what, on one line: `kitchen opened sold-out: Lülə kabab is out at Kitchen since 18:00`.
    pub(crate) fn line(&self) -> String {
        let receiver = &self.receiver;
        match format::decode_content(&self.body).expect("a stored notice") {
            Content::Email(mail) => format!("{receiver} mail {}", mail.subject),
            Content::Mqtt(message) => format!("{receiver} {}", self.event(&message.body)),
            Content::Webhook(event) => format!("{receiver} {}", self.event(&event.body)),
        }
    }

    /// Returns the CloudEvent of a notice to a machine.
    pub(crate) fn event_body(&self) -> String {
        match format::decode_content(&self.body).expect("a stored notice") {
            Content::Mqtt(message) => message.body,
            Content::Webhook(event) => event.body,
            Content::Email(mail) => panic!("a mail is no event: {}", mail.subject),
        }
    }

    fn event(&self, body: &str) -> String {
        let event: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let kind = event["type"].as_str().expect("a CloudEvent has a type");
        match kind.trim_start_matches("dev.eightysix.").trim_end_matches(".v1") {
            "alert.opened" => format!("opened {}", self.summary),
            "alert.closed" => format!("closed {}", self.summary),
            "alert.acked" => format!("acked {}", self.summary),
            "alert.escalated" => format!("escalated {}", self.summary),
            "alert.reminded" => format!("reminded {}", self.summary),
            "change" => format!("change {}", self.summary),
            kind => {
                assert!(self.summary.starts_with(kind), "{}", self.summary);
                self.summary.clone()
            }
        }
    }
}
