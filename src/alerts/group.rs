//! Who is told what, and when: machines at once, people in groups of one venue each.
//!
//! A group waits a little so that a burst is one mail; what opened and closed while it waited is not told at all.
//! Invariant: a notice's id follows from what it tells, never from when it is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::alerts::facts::{ChangeFacts, ChangeValue, Facts};
use crate::alerts::lifecycle::{EpisodeId, OpenAlert, digest};
use crate::alerts::link::Links;
use crate::alerts::notice::{Content, Event, MqttMessage, Notice, NoticeId, ReceiverName};
use crate::alerts::published::{self, AlertPart, End};
use crate::alerts::rate::{self, Mailed};
use crate::alerts::report::Reports;
use crate::calendar::QuietHours;
use crate::language::Language;
use crate::rules::Severity;
use crate::snapshot::Gap;
use crate::topics::BaseTopic;
use crate::units::{BrandId, StationId, Timestamp, VenueId};

/// An event that is this old helps nobody at the pass; MQTT 5 brokers drop it for screens that were away.
pub const EVENT_EXPIRY_S: u32 = 600;
/// A group that holds this many entries goes out at once: a mail of hundreds of lines is not read.
const GROUP_ENTRIES_MAX: usize = 200;

/// Where a receiver is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The receiver.
    pub receiver: ReceiverName,
    /// The language that it reads.
    pub language: Language,
    /// How long mail waits for more of the same burst.
    pub group_wait: Duration,
    /// When mail waits that nobody must read at once.
    pub quiet: Option<QuietHours>,
    /// After how many mails within an hour, critical ones among them, those wait that are not critical; `None` sets no bound.
    pub at_most: Option<u32>,
    /// What it is mailed by the clock of each venue.
    pub reports: Reports,
    /// Its channels.
    pub ways: Vec<Way>,
}

impl Route {
    /// Divides what is due to it into the mails that go out now, and returns when it got some after them, where that is
    /// bounded.
    pub fn mails(
        &self,
        due: Vec<(GroupKey, Group)>,
        mailed: Option<&Mailed>,
        now: Timestamp,
    ) -> (Vec<Vec<(GroupKey, Group)>>, Option<Mailed>) {
        let mailed = mailed.cloned().unwrap_or_default();
        let left = self.at_most.map_or(usize::MAX, |at_most| mailed.left(at_most, now));
        let is_quiet = self.quiet.as_ref().is_some_and(|quiet| quiet.end_at(now).is_some());
        let mails = into_mails(due, left, is_quiet);
        let is_counted = self.at_most.is_some() && !mails.is_empty();
        let after = is_counted.then(|| mails.iter().fold(mailed, |mailed, _| mailed.and(now)));
        (mails, after)
    }

    /// Returns when a group of mail to this receiver goes out, who got mail at these times.
    pub fn mails_at(&self, group: &Group, mailed: Option<&Mailed>) -> Timestamp {
        group.due_at(self.group_wait, self.quiet.as_ref(), rate::free_at(self.at_most, mailed))
    }
}

/// One channel of a receiver, as far as the content depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Events on a broker.
    Mqtt(BaseTopic),
    /// Grouped mail.
    Email,
    /// Events by POST.
    Webhook,
}

/// What happened to be worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// Others are told of an alert that stays open.
    Escalated,
    /// An alert opened.
    Opened,
    /// Those who were told of an alert are told again that it is open.
    Reminded,
    /// An alert closed.
    Closed,
    /// Somebody takes care of an open alert.
    Acknowledged,
    /// Something changed, without an episode.
    Changed,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Escalated, Self::Opened, Self::Reminded, Self::Closed, Self::Acknowledged, Self::Changed];

    /// Says whether it is the first that a receiver hears of an alert.
    pub const fn tells_first(self) -> bool {
        matches!(self, Self::Opened | Self::Escalated)
    }

    /// Says whether it tells of an alert that is open, so that somebody can take care of it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Opened | Self::Escalated | Self::Reminded)
    }

    /// Returns the middle of the event type.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Escalated => "alert.escalated",
            Self::Opened => "alert.opened",
            Self::Reminded => "alert.reminded",
            Self::Closed => "alert.closed",
            Self::Acknowledged => "alert.acked",
            Self::Changed => "change",
        }
    }
}

/// One line to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Derived from what it tells; the same news has the same id.
    pub id: String,
    /// What happened.
    pub kind: EntryKind,
    /// The episode; a notice of change has none.
    pub episode: Option<EpisodeId>,
    /// The rule's name.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about: `Lamb kebab`.
    pub label: String,
    /// The whole sentence.
    pub message: String,
    /// When it happened.
    pub at: Timestamp,
    /// True when it already held in the first reading.
    pub baseline: bool,
    /// When nobody had read the list before it was found, if that was for long.
    pub found_after: Option<Gap>,
    /// The station whose news have mails of their own, when its rule asks for that.
    pub station: Option<StationId>,
}

impl Entry {
    /// Says whether it tells of this episode.
    pub fn is_of(&self, open: &OpenAlert) -> bool {
        self.episode.as_ref() == Some(&open.episode)
    }

    /// Says whether it is critical news, and no end nor what was so before anybody looked.
    fn is_urgent(&self) -> bool {
        self.severity == Severity::Critical && self.kind != EntryKind::Closed && !self.baseline
    }
}

/// A receiver and a venue (`None`: the brand itself).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey {
    /// The receiver.
    pub receiver: ReceiverName,
    /// The venue.
    pub venue: Option<VenueId>,
}

/// Entries that wait to be told together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// When the first entry came.
    pub opened_at: Timestamp,
    /// The entries, in the order in which they came.
    pub entries: Vec<Entry>,
}

/// The groups of a brand that wait.
pub type Groups = BTreeMap<GroupKey, Group>;

/// Returns the groups that wait for a receiver.
pub fn waiting_for<'a>(groups: &'a Groups, receiver: &ReceiverName) -> impl Iterator<Item = (&'a GroupKey, &'a Group)> {
    let first = GroupKey { receiver: receiver.clone(), venue: None };
    let receiver = receiver.clone();
    groups.range(first..).take_while(move |(key, _)| key.receiver == receiver)
}

impl Group {
    /// Returns when the group goes out. Quiet hours hold it back, and that enough mails went out until `free_at`, unless it
    /// is too long for a mail; what is critical waits for its own burst and takes the rest along.
    pub fn due_at(&self, wait: Duration, quiet: Option<&QuietHours>, free_at: Option<Timestamp>) -> Timestamp {
        if self.is_too_long() {
            return self.opened_at;
        }
        let due = self.opened_at.plus(wait);
        let free = free_at.map_or(due, |at| at.max(due));
        let held_until = quiet.and_then(|quiet| quiet.end_at(free)).unwrap_or(free);
        if held_until == due {
            return due;
        }
        let urgent = self.entries.iter().filter(|entry| entry.is_urgent()).map(|it| it.at.plus(wait).max(due)).min();
        urgent.map_or(held_until, |at| at.min(held_until))
    }

    /// Says whether it goes out however many mails went out before.
    pub fn is_exempt(&self) -> bool {
        self.is_too_long() || self.entries.iter().any(Entry::is_urgent)
    }

    /// Divides it into what shares a mail: what is of the venue, and of each station that has mails of its own.
    pub fn into_parts(self) -> Vec<Self> {
        let mut parts: BTreeMap<Option<StationId>, Self> = BTreeMap::new();
        for entry in self.entries {
            let empty = || Self { opened_at: self.opened_at, entries: Vec::new() };
            parts.entry(entry.station).or_insert_with(empty).entries.push(entry);
        }
        parts.into_values().collect()
    }

    /// Returns the station that all of it is about, if that has mails of its own.
    pub fn station(&self) -> Option<StationId> {
        let first = self.entries.first()?.station;
        first.filter(|_| self.entries.iter().all(|entry| entry.station == first))
    }

    fn is_too_long(&self) -> bool {
        self.entries.len() >= GROUP_ENTRIES_MAX
    }

    /// Adds an entry. A closing cancels its own opening when that still waits: over before it was told is no news. It
    /// replaces a reminder that waits, as a later reminder does; first news that waits needs none.
    fn add(&mut self, entry: Entry) {
        if !matches!(entry.kind, EntryKind::Closed | EntryKind::Reminded) {
            self.entries.push(entry);
            return;
        }
        let is_of_it = |waiting: &Entry| waiting.episode == entry.episode;
        let is_untold = self.entries.iter().any(|waiting| is_of_it(waiting) && waiting.kind.tells_first());
        if is_untold && entry.kind == EntryKind::Reminded {
            return;
        }
        self.entries.retain(|waiting| !is_of_it(waiting));
        if !is_untold {
            self.entries.push(entry);
        }
    }
}

/// Divides the groups of a receiver that are due into the mails that go out now, of which `left` are not too many.
///
/// What is exempt has its own mail for each venue or station, as everything has while there are not too many; then the rest
/// becomes one mail, or goes on waiting when none is left. In quiet hours, and when that would be too many, nothing is
/// divided by stations.
fn into_mails(due: Vec<(GroupKey, Group)>, left: usize, is_quiet: bool) -> Vec<Vec<(GroupKey, Group)>> {
    let (exempt, rest): (Vec<_>, Vec<_>) = due.into_iter().partition(|(_, group)| group.is_exempt());
    let alone = |(key, group): (GroupKey, Group)| {
        let part = move |part: Group| vec![(key.clone(), part)];
        group.into_parts().into_iter().map(part)
    };
    let mut mails: Vec<_> = exempt.iter().cloned().flat_map(alone).collect();
    // What is critical takes the rest along, and wakes nobody for each station.
    if is_quiet || mails.len() > left {
        mails = exempt.into_iter().map(|whole| vec![whole]).collect();
    }
    let left = left.saturating_sub(mails.len());
    let apart: Vec<_> = rest.iter().cloned().flat_map(alone).collect();
    if apart.len() <= left {
        mails.extend(apart);
    } else if left > 0 {
        mails.push(rest);
    }
    mails
}

/// Puts an entry into the group of a receiver, and drops the group when the entry cancelled the last other one.
pub fn enqueue(groups: &mut Groups, key: &GroupKey, entry: Entry, now: Timestamp) {
    let group = groups.entry(key.clone()).or_insert_with(|| Group { opened_at: now, entries: Vec::new() });
    group.add(entry);
    if group.entries.is_empty() {
        groups.remove(key);
    }
}

/// Returns the notices that an entry causes at once: those of machines, one for each of the receiver's channels. `end`
/// is what closed the alert, when it was closed; `links` lead to where somebody says that he takes care of it.
pub fn at_once(
    route: &Route,
    entry: &Entry,
    facts: &Facts,
    open: Option<&OpenAlert>,
    end: Option<End>,
    links: Option<&Links>,
) -> Vec<Notice> {
    let part = AlertPart {
        rule: &entry.rule,
        severity: entry.severity,
        episode: entry.episode.as_ref().map(EpisodeId::as_str),
        since: open.map(|open| open.since),
        opened_at: open.map(|open| open.opened_at),
        closed_at: (entry.kind == EntryKind::Closed).then_some(entry.at),
        ended_by: end,
        baseline: entry.baseline,
        unstable: open.is_some_and(|open| open.unstable_since.is_some()),
        acknowledged: open.and_then(|open| open.acknowledged.as_ref()),
        found_after: entry.found_after,
        acknowledge_url: None,
    };
    let link = || links?.url(&facts.brand, &route.receiver, entry.episode.as_ref().filter(|_| entry.kind.is_open())?);
    let id = notice_id(&route.receiver, &[&entry.id]);
    let body = |acknowledge_url: Option<&str>| {
        let part = AlertPart { acknowledge_url, ..part };
        published::cloud_event(id.as_str(), entry.kind.event(), facts, Some(part), Some(&entry.message), entry.at)
    };
    let content = |way: &Way| match way {
        // Screens show what was off before we came; they must not ring for it.
        Way::Mqtt(_) if entry.baseline => None,
        // Everybody reads the screens, and a link is for who was told.
        Way::Mqtt(topics) => Some(Content::Mqtt(event_message(topics, facts, &id, entry.kind.event(), body(None)))),
        Way::Webhook => Some(Content::Webhook(Event { body: body(link().as_deref()) })),
        Way::Email => None,
    };
    route.ways.iter().filter_map(content).map(|content| notice(id.clone(), route, entry, content)).collect()
}

/// Wraps a rendered event for a broker: never retained, so that a reconnecting screen does not ring again.
pub fn event_message(topics: &BaseTopic, facts: &Facts, id: &NoticeId, kind: &str, body: String) -> MqttMessage {
    let topic = match &facts.venue {
        Some(venue) => topics.event(&facts.brand, venue.id),
        None => topics.brand_event(&facts.brand),
    };
    event_on(topic, published::subject_path(facts), id, kind, body, Some(EVENT_EXPIRY_S))
}

/// Wraps a rendered event for a topic; its attributes are properties as well, so that a broker can route.
pub fn event_on(
    topic: String,
    subject: String,
    id: &NoticeId,
    kind: &str,
    body: String,
    expiry_s: Option<u32>,
) -> MqttMessage {
    MqttMessage {
        topic,
        body,
        retain: false,
        expiry_s,
        content_type: Some(published::CLOUDEVENTS_JSON.to_owned()),
        properties: vec![
            ("id".to_owned(), id.as_str().to_owned()),
            ("type".to_owned(), published::event_type(kind)),
            ("subject".to_owned(), subject),
        ],
    }
}

fn notice(id: NoticeId, route: &Route, entry: &Entry, content: Content) -> Notice {
    let summary = format!("{}: {}", entry.rule, entry.message);
    Notice { id, receiver: route.receiver.clone(), at: entry.at, content, summary }
}

/// Derives a notice's id from whom it tells what.
pub fn notice_id(receiver: &ReceiverName, entry_ids: &[&str]) -> NoticeId {
    let parts: Vec<&str> = std::iter::once(receiver.as_str()).chain(entry_ids.iter().copied()).collect();
    NoticeId::from_stored(&digest(&parts, 16))
}

/// Derives the id of an entry of an alert.
pub fn alert_entry_id(episode: &EpisodeId, kind: EntryKind) -> String {
    format!("{}/{}", episode.as_str(), kind.event())
}

/// Derives the id of an entry of what may be said of an alert several times: each time is news.
pub fn repeated_entry_id(episode: &EpisodeId, kind: EntryKind, at: Timestamp) -> String {
    format!("{}/{}", alert_entry_id(episode, kind), at.unix_ms())
}

/// Derives the id of a notice of change; the same change at the same instant is the same news.
///
/// `what` tells apart what else may differ: the price list of a price, by its id.
pub fn change_entry_id(
    brand: &BrandId,
    rule: &str,
    subject: &str,
    what: &str,
    change: Option<&ChangeFacts>,
    at: Timestamp,
) -> String {
    let [before, after] =
        change.map_or_else(Default::default, |change| [&change.before, &change.after].map(ChangeValue::code));
    digest(&[brand.as_str(), rule, subject, what, &before, &after, &at.unix_ms().to_string()], 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{ClockSpan, Schedule};
    use crate::units::{Secret, Zone};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_778_250_000_000);

    fn after_s(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(NOW.unix_ms() + s * 1000)
    }

    fn entry(kind: EntryKind, about: &str) -> Entry {
        let episode = (kind != EntryKind::Changed).then(|| EpisodeId::derive(about, NOW));
        Entry {
            id: format!("{about}/{}", kind.event()),
            kind,
            episode,
            rule: "sold-out".to_owned(),
            severity: Severity::Critical,
            label: about.to_owned(),
            message: format!("{about} is out"),
            at: NOW,
            baseline: false,
            found_after: None,
            station: None,
        }
    }

    fn key() -> GroupKey {
        GroupKey { receiver: ReceiverName::new("managers"), venue: Some(VenueId(1)) }
    }

    #[test]
    fn a_closing_cancels_its_own_opening_and_no_other() {
        use EntryKind::{Changed, Closed, Opened};
        for (news, left) in [
            (vec![(Opened, "a")], vec!["a/alert.opened"]),
            (vec![(Opened, "a"), (Closed, "a")], vec![]),
            (vec![(Opened, "a"), (Opened, "b"), (Closed, "a")], vec!["b/alert.opened"]),
            (vec![(Closed, "a")], vec!["a/alert.closed"]),
            (vec![(Closed, "a"), (Opened, "b")], vec!["a/alert.closed", "b/alert.opened"]),
            (vec![(Changed, "a"), (Closed, "a")], vec!["a/change", "a/alert.closed"]),
            (vec![(Changed, "a"), (Changed, "b")], vec!["a/change", "b/change"]),
        ] {
            let mut groups = Groups::new();
            for (kind, about) in &news {
                enqueue(&mut groups, &key(), entry(*kind, about), NOW);
            }
            let ids: Vec<&str> = groups.values().flat_map(|group| &group.entries).map(|e| e.id.as_str()).collect();
            assert_eq!(ids, left, "{news:?}");
            assert_eq!(groups.is_empty(), left.is_empty(), "a group that tells nothing is none: {news:?}");
        }
    }

    #[test]
    fn a_group_waits_from_its_first_entry_and_a_full_one_not_at_all() {
        let mut groups = Groups::new();
        let wait = Duration::from_mins(1);
        for n in 0..GROUP_ENTRIES_MAX {
            let later = after_s(i64::try_from(n).expect("small"));
            enqueue(&mut groups, &key(), entry(EntryKind::Opened, &n.to_string()), later);
            let due_at = groups[&key()].due_at(wait, None, None);
            let is_full = n + 1 == GROUP_ENTRIES_MAX;
            assert_eq!(due_at, if is_full { NOW } else { after_s(60) }, "{n}");
        }
    }

    #[test]
    fn quiet_hours_hold_back_what_is_not_critical_and_nothing_else() {
        let wait = Duration::from_mins(1);
        // It is 14:20 in UTC.
        let quiet_until = |span: &str| {
            let hours = Schedule::daily(&[ClockSpan::parse(span).expect("a span")]);
            QuietHours::new(hours, Zone::utc()).expect("they end")
        };
        let info = |kind: EntryKind| Entry { severity: Severity::Info, ..entry(kind, "a") };
        let later = |kind: EntryKind, s: i64| Entry { at: after_s(s), ..entry(kind, "b") };
        for (entries, span, due_after_s) in [
            (vec![info(EntryKind::Opened)], "14:00-15:00", 2_400),
            // The burst ends in the quiet hours, and right when they end.
            (vec![info(EntryKind::Opened)], "14:21-15:00", 2_400),
            (vec![info(EntryKind::Opened)], "14:00-14:21", 60),
            (vec![info(EntryKind::Opened)], "14:22-15:00", 60),
            (vec![info(EntryKind::Opened), entry(EntryKind::Opened, "b")], "14:00-15:00", 60),
            // What is critical waits for its own burst, and not beyond the quiet hours.
            (vec![info(EntryKind::Opened), later(EntryKind::Opened, 600)], "14:00-15:00", 660),
            (vec![info(EntryKind::Opened), later(EntryKind::Opened, 2_390)], "14:00-15:00", 2_400),
            (vec![info(EntryKind::Opened), later(EntryKind::Closed, 600)], "14:00-15:00", 2_400),
            (vec![entry(EntryKind::Changed, "a")], "14:00-15:00", 60),
            (vec![Entry { baseline: true, ..entry(EntryKind::Opened, "a") }], "14:00-15:00", 2_400),
            (vec![entry(EntryKind::Closed, "a")], "14:00-15:00", 2_400),
            (vec![info(EntryKind::Opened); GROUP_ENTRIES_MAX], "14:00-15:00", 0),
        ] {
            let group = Group { opened_at: NOW, entries };
            assert_eq!(group.due_at(wait, Some(&quiet_until(span)), None), after_s(due_after_s), "{span}: {group:?}");
        }
    }

    #[test]
    fn what_is_over_the_bound_is_one_mail_and_what_is_critical_has_its_own() {
        use Severity::{Critical as C, Warning as W};
        let due = |venue: u64, severity: Severity| {
            let key = GroupKey { receiver: ReceiverName::new("managers"), venue: Some(VenueId(venue)) };
            let entries = vec![Entry { severity, ..entry(EntryKind::Opened, "a") }];
            (key, Group { opened_at: NOW, entries })
        };
        // What is due, one group for each venue; how many mails are left; the venues of each mail.
        for (severities, left, expected) in [
            (vec![], 1, vec![]),
            (vec![W], 0, vec![]),
            (vec![W, W], 2, vec![vec![0], vec![1]]),
            (vec![W, W], 1, vec![vec![0, 1]]),
            (vec![W, W, W], 2, vec![vec![0, 1, 2]]),
            (vec![C, C, C], 0, vec![vec![0], vec![1], vec![2]]),
            (vec![W, C, W], 1, vec![vec![1]]),
            (vec![W, C, W], 2, vec![vec![1], vec![0, 2]]),
            (vec![W, C, W], 3, vec![vec![1], vec![0], vec![2]]),
        ] {
            let groups = severities.iter().zip(0..).map(|(severity, venue)| due(venue, *severity)).collect();
            let venues = |mail: &Vec<(GroupKey, Group)>| -> Vec<u64> {
                mail.iter().filter_map(|(key, _)| Some(key.venue?.0)).collect()
            };
            let mails: Vec<Vec<u64>> = into_mails(groups, left, false).iter().map(venues).collect();
            assert_eq!(mails, expected, "{severities:?} {left}");
        }
    }

    fn body(notice: &Notice) -> &str {
        match &notice.content {
            Content::Mqtt(message) => &message.body,
            Content::Webhook(event) => &event.body,
            Content::Email(mail) => &mail.text,
        }
    }

    fn channel(notice: &Notice) -> &'static str {
        notice.content.channel().word()
    }

    #[test]
    fn a_station_with_mails_of_its_own_counts_as_one_and_waits_with_its_venue() {
        let of = |stations: &[Option<u64>], severity: Severity| {
            let entry = |station: &Option<u64>| Entry {
                severity,
                station: station.map(StationId),
                ..entry(EntryKind::Opened, "a")
            };
            (key(), Group { opened_at: NOW, entries: stations.iter().map(entry).collect() })
        };
        let stations = |mail: &Vec<(GroupKey, Group)>| -> Vec<Option<u64>> {
            let [(_, part)] = &mail[..] else { panic!("one venue: {mail:?}") };
            part.entries.iter().map(|entry| entry.station.map(|id| id.0)).collect()
        };
        let four = [None, Some(3), Some(1), Some(3)];
        let (apart, whole) = (vec![vec![None], vec![Some(1)], vec![Some(3), Some(3)]], vec![four.to_vec()]);
        for (severity, left, is_quiet, expected) in [
            (Severity::Warning, 3, false, &apart),
            (Severity::Warning, 2, false, &whole),
            (Severity::Warning, 0, false, &Vec::new()),
            (Severity::Critical, 3, false, &apart),
            (Severity::Critical, 2, false, &whole),
            (Severity::Critical, 0, false, &whole),
            (Severity::Critical, 9, true, &whole),
        ] {
            let mails = into_mails(vec![of(&four, severity)], left, is_quiet);
            assert_eq!(&mails.iter().map(stations).collect::<Vec<_>>(), expected, "{severity:?} {left} {is_quiet}");
        }
        let station = |stations: &[Option<u64>]| of(stations, Severity::Info).1.station().map(|id| id.0);
        assert_eq!(station(&[Some(3), Some(3)]), Some(3));
        assert_eq!([station(&four), station(&[Some(3), None]), station(&[None])], [None; 3]);
    }

    #[test]
    fn machines_are_told_at_once_screens_of_no_baseline_and_mail_waits() {
        let topics = BaseTopic::new("kds").expect("a base topic");
        let ways = vec![Way::Mqtt(topics), Way::Email, Way::Webhook];
        let language = Language::En;
        let route = Route {
            receiver: ReceiverName::new("all"),
            language,
            group_wait: Duration::ZERO,
            quiet: None,
            at_most: None,
            reports: Reports::default(),
            ways,
        };
        let facts = Facts {
            brand: BrandId::new("sahil").expect("a slug"),
            venue: None,
            station: None,
            item: None,
            change: None,
            refused: None,
            recipe: None,
            forecast: None,
            times_today: None,
            found_after: None,
            set: None,
        };
        for (baseline, channels) in [(false, vec!["mqtt", "webhook"]), (true, vec!["webhook"])] {
            let news = Entry { baseline, ..entry(EntryKind::Opened, "a") };
            let notices = at_once(&route, &news, &facts, None, None, None);
            let told: Vec<&str> = notices.iter().map(|notice| notice.content.channel().word()).collect();
            assert_eq!(told, channels);
            assert!(notices.iter().all(|notice| notice.id == notices[0].id), "one id on every channel");
        }
        let links = Links::new("https://86.example.com", Secret::new("a key of the test"));
        for kind in EntryKind::ALL {
            let notices = at_once(&route, &entry(kind, "a"), &facts, None, None, Some(&links));
            let linked: Vec<&str> = notices.iter().filter(|it| body(it).contains("/ack/")).map(channel).collect();
            let expected = if kind.is_open() { vec!["webhook"] } else { vec![] };
            assert_eq!(linked, expected, "{kind:?}: everybody reads the screens, and what is over needs nobody");
        }
        let closed = at_once(&route, &entry(EntryKind::Closed, "a"), &facts, None, Some(End::Clear), None);
        let Content::Mqtt(message) = &closed[0].content else { panic!("the first way is MQTT") };
        assert_eq!(
            (message.topic.as_str(), message.retain),
            ("kds/v1/sahil/event", false),
            "state is retained, events not"
        );
    }

    #[test]
    fn an_id_says_whom_it_tells_what() {
        let id = |receiver: &str, entries: &[&str]| notice_id(&ReceiverName::new(receiver), entries);
        assert_eq!(id("a", &["x", "y"]), id("a", &["x", "y"]));
        for other in [id("b", &["x", "y"]), id("a", &["y", "x"]), id("a", &["x"]), id("a", &["xy"]), id("ax", &["y"])] {
            assert_ne!(id("a", &["x", "y"]), other);
        }
        assert_eq!(id("a", &[]).as_str().len(), 32);
    }
}
