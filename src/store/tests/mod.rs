//! The store's promises: what goes in comes out, a cycle is whole or nothing, what waits keeps its order, and clear refusals.

mod history;
mod looks;
mod migrations;
mod orders;
mod outbox;
mod refusals;
mod values;
mod whole_cycles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alerts::AlertKey;
use crate::alerts::group::{Entry, EntryKind, Group, GroupKey};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{Alert, EpisodeId, OpenAlert, Turns};
use crate::alerts::notice::{Content, Event, MqttMessage, Notice, NoticeId, ReceiverName};
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::rate::Mailed;
use crate::alerts::report::{ReportKey, ReportKind, Reported};
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::catalog::{Station, Venue};
use crate::engine::{Commit, Stored};
use crate::rules::{RuleName, Severity, Subject};
use crate::snapshot::diff::Change;
use crate::snapshot::{Gap, Outage, Snapshot, StopRow};
use crate::units::{BrandId, ProductId, Quantity, StationId, Timestamp, VenueId};

const NOW: Timestamp = Timestamp::from_unix_ms(1_778_250_000_000);

fn after_s(s: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + s * 1000)
}

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug")
}

fn receiver() -> ReceiverName {
    ReceiverName::new("managers")
}

fn row() -> StopRow {
    StopRow { limit: Quantity::ZERO, updated_at: Some(NOW), since: NOW, seen_at: NOW }
}

fn webhook(id: &str) -> Notice {
    Notice {
        id: NoticeId::from_stored(id),
        receiver: receiver(),
        at: NOW,
        content: Content::Webhook(Event { body: format!("{{\"id\":\"{id}\"}}") }),
        summary: format!("sold-out: {id}"),
    }
}

fn publish(id: &str) -> Notice {
    let message = MqttMessage {
        topic: "eightysix/v1/sahil/1/event".to_owned(),
        body: "{}".to_owned(),
        retain: false,
        expiry_s: Some(600),
        content_type: None,
        properties: Vec::new(),
    };
    Notice { content: Content::Mqtt(message), ..webhook(id) }
}

fn silence() -> Silence {
    Silence {
        id: SilenceId::from_stored("0a0b0c0d"),
        covers: Criteria { venue: Some(VenueId(1)), product: Some(ProductId(54)), ..Criteria::default() },
        from: NOW,
        until: after_s(3600),
        until_back: true,
        during: Some("lunch".into()),
        by: "Anar".to_owned(),
        reason: "no delivery".to_owned(),
    }
}

fn acknowledgement() -> Acknowledgement {
    let (by, note) = ("Anar".to_owned(), "comes at noon".to_owned());
    Acknowledgement { by, at: NOW, reason: Some(Reason::Supplier), note, back_at: Some(NOW) }
}

fn gap() -> Gap {
    Gap { from: after_s(-2_000), until: after_s(-1_000) }
}

/// Returns the venues of a cycle as a new process finds them: read last when that was noted last.
fn noted_venues(commit: &Commit) -> Vec<Arc<Snapshot>> {
    let noted = |snapshot: &Arc<Snapshot>| {
        let noted = Some(&commit.readings).filter(|readings| !readings.is_empty());
        Arc::new(snapshot.as_ref().clone().found_anew(noted))
    };
    commit.venues.iter().map(noted).collect()
}

fn tandir() -> Station {
    Station { id: StationId(3), name: "Tandir".to_owned(), active: true, kitchen: true, printable: false }
}

fn open_alert(episode: EpisodeId) -> OpenAlert {
    OpenAlert {
        episode,
        since: NOW,
        opened_at: NOW,
        clear_since: Some(NOW),
        baseline: false,
        severity: Severity::Critical,
        told: BTreeSet::from([receiver()]),
        held: BTreeMap::from([(ReceiverName::new("ops"), Hold::Silence(silence().id))]),
        reminded_at: None,
        acknowledged: Some(acknowledgement()),
        label: "Lülə kabab".to_owned(),
        message: "Lülə kabab is out".into(),
        station: Some(StationId(3)),
        turns: Turns::default(),
        unstable_since: None,
        set: None,
        found_after: None,
    }
}

/// A cycle that changes every table: a dish runs out at a station that is new, is told at once and will be mailed.
fn full_cycle() -> Commit {
    let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
    snapshot.read_at = Some(NOW);
    snapshot.seq = 1;
    snapshot.picture.rows = Arc::new([(ProductId(54), row())].into());
    snapshot.outages = vec![Outage { product: ProductId(61), since: after_s(-1_000), back_at: NOW }];
    snapshot.gaps = vec![gap()];
    snapshot.picture.catalog.edit().stations.insert(StationId(3), tandir());
    let episode = EpisodeId::derive("sahil/54", NOW);
    let rule = RuleName::new("sold-out").expect("a rule name");
    let entry = Entry {
        id: "entry".to_owned(),
        kind: EntryKind::Opened,
        episode: Some(episode.clone()),
        rule: "sold-out".to_owned(),
        severity: Severity::Critical,
        label: "Lülə kabab".to_owned(),
        message: "Lülə kabab is out".to_owned(),
        at: NOW,
        baseline: false,
        found_after: None,
        station: None,
    };
    let item = AlertKey { subject: Subject::Item(VenueId(1), ProductId(54)), rule: rule.clone() };
    let of_brand = GroupKey { receiver: receiver(), venue: None };
    let of_venue = GroupKey { receiver: receiver(), venue: Some(VenueId(1)) };
    let group = Group { opened_at: NOW, entries: vec![entry] };
    let mut commit = Commit::default();
    commit.venues = vec![Arc::new(snapshot)];
    commit.stored = [(VenueId(1), Stored { snapshot: true, catalog: true })].into();
    commit.alerts = vec![
        (
            AlertKey { subject: Subject::Brand, rule },
            Some(Alert::Pending { since: NOW, baseline: true, turns: Turns::default() }),
        ),
        (item, Some(Alert::Open(Box::new(open_alert(episode))))),
    ];
    commit.groups = vec![(of_brand, Some(group.clone())), (of_venue, Some(group))];
    commit.changes = vec![
        (VenueId(1), Change::Row { product: ProductId(54), before: None, after: Some(row()) }),
        (VenueId(1), Change::Station { id: StationId(3), before: None, after: Some(tandir()) }),
    ];
    commit.gaps = vec![(VenueId(1), gap())];
    commit.readings = [(VenueId(1), after_s(40))].into();
    commit.silences = vec![(silence().id, Some(silence()))];
    commit.mailed = vec![(receiver(), Mailed::from_stored(vec![after_s(-1_000), NOW]))];
    let report = ReportKey { receiver: receiver(), venue: VenueId(1), kind: ReportKind::Handover };
    let day = jiff::civil::date(2026, 5, 7);
    commit.reported = vec![(report, Some(Reported { since: after_s(-1_000), days: vec![day], missed: Vec::new() }))];
    commit.notices = vec![webhook("n1"), publish("n1"), webhook("n2")];
    commit
}
