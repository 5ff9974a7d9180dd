//! Why somebody was told of an item or was not: the reading, the rules, the wait, what holds the news back, the attempts.
//!
//! Answers from what the service keeps, in sentences and in the order in which news travels; decides nothing itself. A
//! reading that changes nothing is not kept, so that the list is taken for read just now: how old it is, only the service
//! knows. Invariant: the same knowledge and time give the same explanation.

mod reading;
mod receivers;
mod rule;
mod set;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::alerts::group::{EntryKind, alert_entry_id, notice_id, repeated_entry_id};
use crate::alerts::lifecycle::{Alert, EpisodeId, OpenAlert};
use crate::alerts::notice::{Channel, Mail, NoticeId, ReceiverName};
use crate::alerts::{AlertKey, facts};
use crate::calendar::{Calendars, QuietHours};
use crate::engine::Memory;
use crate::explain::receivers::Post;
use crate::rules::subject::Scene;
use crate::rules::value::View;
use crate::rules::{Form, Rule, RuleName, RuleSet, Subject, SubjectKind};
use crate::snapshot::Snapshot;
use crate::store::Told;
use crate::store::orders::PastEpisode;
use crate::units::{BrandId, ProductId, Timestamp, VenueId, Zone, human_duration};

/// What happened to an alert that is told.
const TOLD_KINDS: [EntryKind; 5] =
    [EntryKind::Opened, EntryKind::Escalated, EntryKind::Reminded, EntryKind::Acknowledged, EntryKind::Closed];

/// What decides who is told, and what is remembered of a brand.
pub struct Known<'a> {
    /// The brand.
    pub brand: &'a BrandId,
    /// What is remembered.
    pub memory: &'a Memory,
    /// The rules.
    pub rules: &'a RuleSet,
    /// The hours and windows of its venues.
    pub calendars: &'a Calendars,
    /// Who can be told.
    pub receivers: &'a BTreeMap<ReceiverName, Reached>,
    /// The zone in which times are shown.
    pub zone: &'a Zone,
    /// The only receiver that is asked about.
    pub only: Option<&'a ReceiverName>,
}

/// How a receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// On which channels.
    pub channels: Vec<Channel>,
    /// How long his mail waits for more of the same burst.
    pub group_wait: Duration,
    /// When his mail waits that nobody must read at once.
    pub quiet: Option<QuietHours>,
    /// How many mails it gets within an hour.
    pub at_most: Option<u32>,
}

/// What the store remembers of an item's alerts.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Those that are over, the newest first.
    pub past: Vec<PastEpisode>,
    /// The notices of [`notices_of`].
    pub notices: Vec<Told>,
    /// The mails about the venue to those who are told by mail.
    pub mails: Vec<(Told, Mail)>,
}

/// Everything that can be said of an item at a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The product.
    pub product: ProductId,
    /// Its name.
    pub item: String,
    /// The venue.
    pub venue: VenueId,
    /// Its name.
    pub place: String,
    /// What is known of the item.
    pub reading: Vec<String>,
    /// What each rule about items says of it, those with an alert first.
    pub rules: Vec<Account>,
    /// The rules that do not name the receiver who is asked about.
    pub unnamed: Vec<RuleName>,
    /// What tells of moments, of which nothing can be said afterwards.
    pub moments: Vec<String>,
    /// The alerts that are over.
    pub past: Vec<Account>,
}

/// What a rule says of an item, and who was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The rule.
    pub rule: RuleName,
    /// How it stands.
    pub standing: Standing,
    /// The alert's episode, where there is one.
    pub episode: Option<EpisodeId>,
    /// Why it stands so, and since when.
    pub says: Vec<String>,
    /// Who was told, or why not.
    pub receivers: Vec<Hearing>,
}

/// How a rule stands to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its alert is open.
    Open,
    /// Its alert is open, and it no longer holds.
    Closing,
    /// It holds, but not yet for long enough.
    Pending,
    /// It holds, and the service has not taken that in.
    Holds,
    /// Something that it asks for was not read.
    Unknown,
    /// None of its windows is on.
    OutsideWindow,
    /// It does not hold.
    Clear,
    /// Its alert is over.
    Over,
}

impl Standing {
    /// Returns the word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Pending => "pending",
            Self::Holds => "holds",
            Self::Unknown => "unknown",
            Self::OutsideWindow => "outside_window",
            Self::Clear => "clear",
            Self::Over => "over",
        }
    }
}

/// Whether a receiver was told of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// The receiver.
    pub receiver: ReceiverName,
    /// How it ended, or where it stands.
    pub outcome: Outcome,
    /// When, how, or why not.
    pub says: Vec<String>,
}

/// What became of the news for a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Some channel took it.
    Told,
    /// It is on its way.
    Waiting,
    /// It was given up.
    Failed,
    /// It was over before it could be told, or is nothing to ring for.
    NotSent,
    /// A cause or a silence holds it back.
    Held,
    /// The rule does not name him, or did not when the alert opened.
    NotNamed,
}

impl Outcome {
    /// Returns the word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::NotSent => "not_sent",
            Self::Held => "held",
            Self::NotNamed => "not_named",
        }
    }

    /// Returns it for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Waiting => "not yet",
            Self::Failed => "not told",
            Self::NotSent => "not sent",
            Self::Held => "held back",
            Self::NotNamed => "not named",
        }
    }
}

/// Returns the ids of the notices that may have been made of the alerts about these, and the time from which mails may tell
/// of them; no time when there was no alert.
pub fn notices_of(
    known: &Known<'_>,
    subjects: &[Subject],
    past: &[PastEpisode],
) -> (Vec<NoticeId>, BTreeMap<ReceiverName, Timestamp>) {
    let over = past.iter().map(|past| &past.alert);
    let open = subjects.iter().flat_map(|subject| known.alerts_of(subject)).filter_map(|(_, alert)| alert.open());
    let (mut notices, mut mails) = (Vec::new(), BTreeMap::new());
    for alert in open.chain(over) {
        for receiver in alert.told.iter().filter(|receiver| known.is_asked_about(receiver)) {
            let entries = TOLD_KINDS.iter().filter_map(|kind| entry_id(alert, *kind));
            notices.extend(entries.map(|entry| notice_id(receiver, &[&entry])));
            let since = mails.entry(receiver.clone()).or_insert(alert.opened_at);
            *since = alert.opened_at.min(*since);
        }
    }
    (notices, mails)
}

/// Explains what is known of an item at a venue, and who was told of it.
pub fn explain(
    known: &Known<'_>,
    snapshot: &Snapshot,
    product: ProductId,
    evidence: &Evidence,
    now: Timestamp,
) -> Explanation {
    let subject = Subject::Item(snapshot.id(), product);
    let read = Snapshot { read_at: snapshot.read_at.map(|_| now), ..snapshot.clone() };
    let scene = Scene::new(known.view_of(&read), known.rules.price_lists(), now);
    let item = scene.item(product);
    let post = Post { known, evidence, now };
    let mut accounts = known.withdrawn(&subject, &post);
    let (mut unnamed, mut moments) = (Vec::new(), Vec::new());
    for rule in known.rules.rules() {
        let state = match &rule.form {
            Form::State(state) if state.subject == SubjectKind::Item => state,
            Form::Event(event) if event.subject() == SubjectKind::Item => {
                if known.names(rule) {
                    let to = rule.notify.iter().map(|to| to.text.to_string()).collect::<Vec<_>>().join(", ");
                    moments.push(format!("{}: {}; for {to}", rule.name, event.meaning()));
                }
                continue;
            }
            Form::State(_) | Form::Event(_) => continue,
        };
        let set = match state.at_least {
            None => None,
            Some(at_least) => match item.and_then(|item| at_least.of.of(snapshot.id(), scene.catalog(), &item)) {
                Some(set) => Some((at_least, set)),
                // It belongs to no set, so that the rule says nothing of it.
                None => continue,
            },
        };
        let subject = set.as_ref().map_or(&subject, |(_, set)| set).clone();
        let key = AlertKey { subject, rule: rule.name.clone() };
        let alert = known.memory.book.get(&key);
        if alert.is_none_or(Alert::is_over) && !known.names(rule) {
            unnamed.push(rule.name.clone());
            continue;
        }
        let counted = set.map(|(at_least, set)| known.counted((rule, state, at_least), &set, &scene, now));
        let view = item.as_ref().filter(|_| counted.is_none()).map(|item| View::Item(&scene, *item, None));
        let asked = rule::Asked { known, rule, state, scene: &scene, view, counted };
        accounts.push(asked.account(&key, alert, &post, now));
    }
    accounts.sort_by(|one, other| (one.standing, &one.rule).cmp(&(other.standing, &other.rule)));
    Explanation {
        product,
        item: facts::product_name(snapshot, product),
        venue: snapshot.id(),
        place: facts::venue_name(snapshot),
        reading: reading::sentences(known, snapshot, &scene, &subject, now),
        rules: accounts,
        unnamed,
        moments,
        past: evidence.past.iter().map(|episode| known.over(episode, &post, now)).collect(),
    }
}

impl Known<'_> {
    fn alerts_of(&self, subject: &Subject) -> impl Iterator<Item = (&AlertKey, &Alert)> {
        self.memory.book.of(subject.venue()).filter(move |(key, _)| key.subject == *subject)
    }

    fn is_asked_about(&self, receiver: &ReceiverName) -> bool {
        self.only.is_none_or(|only| only == receiver)
    }

    /// Says whether the rule names somebody who is asked about; a rule that names nobody shows on screens alone.
    fn names(&self, rule: &Rule) -> bool {
        self.only.is_none_or(|only| rule.receivers().any(|to| *to.text == *only.as_str()))
    }

    /// Returns the open alerts whose rule is gone: they end when the service has read the configuration.
    fn withdrawn(&self, subject: &Subject, post: &Post<'_>) -> Vec<Account> {
        let is_gone = |key: &AlertKey| self.rules.get(&key.rule).is_none();
        let account = |(key, alert): (&AlertKey, &Alert)| match alert {
            Alert::Open(open) if is_gone(key) => Some(Account {
                rule: key.rule.clone(),
                standing: Standing::Closing,
                episode: Some(open.episode.clone()),
                says: vec!["no such rule is in the configuration any more: its alert ends".to_owned()],
                receivers: post.of_alert(key, open, None, None),
            }),
            Alert::Open(_) | Alert::Pending { .. } | Alert::Rested(_) => None,
        };
        self.alerts_of(subject).filter_map(account).collect()
    }

    fn over(&self, episode: &PastEpisode, post: &Post<'_>, now: Timestamp) -> Account {
        let PastEpisode { key, alert, closed_at } = episode;
        let (opened, closed) = (self.time(alert.opened_at, now), self.time(*closed_at, now));
        let lasted = human_duration(closed_at.since(alert.opened_at));
        Account {
            rule: key.rule.clone(),
            standing: Standing::Over,
            episode: Some(alert.episode.clone()),
            says: vec![format!("open from {opened} to {closed} ({lasted}): {}", alert.message)],
            receivers: post.of_alert(key, alert, None, Some(*closed_at)),
        }
    }

    /// Writes a time in local time, and its day unless that is today.
    fn time(&self, at: Timestamp, now: Timestamp) -> String {
        let (local, today) = (at.in_zone(self.zone), now.in_zone(self.zone).date());
        let format = if local.date() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        local.strftime(format).to_string()
    }

    /// Writes a time that lies ahead, and how long that is.
    fn ahead(&self, at: Timestamp, now: Timestamp) -> String {
        format!("{} ({} more)", self.time(at, now), human_duration(at.since(now)))
    }
}

/// Returns the id of what is told when this happens to an alert; `None` while nobody has said that he takes care.
fn entry_id(alert: &OpenAlert, kind: EntryKind) -> Option<String> {
    match kind {
        EntryKind::Acknowledged => {
            alert.acknowledged.as_ref().map(|said| repeated_entry_id(&alert.episode, kind, said.at))
        }
        EntryKind::Reminded => alert.reminded_at.map(|at| repeated_entry_id(&alert.episode, kind, at)),
        EntryKind::Opened | EntryKind::Escalated | EntryKind::Closed | EntryKind::Changed => {
            Some(alert_entry_id(&alert.episode, kind))
        }
    }
}

/// Returns everybody who was told of an alert, or is held back.
fn audience(alert: &OpenAlert) -> BTreeSet<ReceiverName> {
    alert.told.iter().chain(alert.held.keys()).cloned().collect()
}

#[cfg(test)]
mod tests;
