//! Who was told of an alert: on which channel, when, after how many attempts; or what holds the news back.
//!
//! A notice is tied to its alert by its id, which follows from receiver and episode. A mail that tells several things has
//! an id of them all; it is the first to its receiver, of that venue and since the alert opened, whose text holds the
//! message.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::alerts::AlertKey;
use crate::alerts::followup;
use crate::alerts::group::{EntryKind, GroupKey, notice_id};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::OpenAlert;
use crate::alerts::notice::{Channel, Mail, ReceiverName};
use crate::alerts::rate;
use crate::alerts::words::values;
use crate::explain::{Evidence, Hearing, Known, Outcome, TOLD_KINDS, audience, entry_id};
use crate::rules::followup::Escalation;
use crate::rules::{Form, Rule};
use crate::store::{DELIVERED_KEPT, Told, ToldState};
use crate::units::{Timestamp, human_duration, printable};

/// A mail that tells of an end goes out when its group has waited, and a little later on a busy machine.
const MAIL_SLACK: Duration = Duration::from_mins(1);
/// Characters of what an attempt said.
const WHY_LENGTH_MAX: usize = 200;

/// What is asked for the deliveries.
pub(super) struct Post<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) evidence: &'a Evidence,
    pub(super) now: Timestamp,
}

/// One alert, one receiver.
struct News<'a> {
    key: &'a AlertKey,
    alert: &'a OpenAlert,
    receiver: &'a ReceiverName,
    closed_at: Option<Timestamp>,
}

/// Returns whom a rule tells of an alert that stays open, and when.
fn escalations_of(rule: &Rule) -> Vec<(ReceiverName, &Escalation)> {
    let Form::State(state) = &rule.form else { return Vec::new() };
    let mut escalations: Vec<&Escalation> = state.escalate.iter().collect();
    escalations.sort_by_key(|escalation| escalation.after);
    escalations.into_iter().flat_map(|it| it.to.iter().map(move |to| (ReceiverName::new(&to.text), it))).collect()
}

impl Post<'_> {
    /// Says of everybody who is asked about whether he was told of an alert: those whom its `rule` names and those who
    /// were to be told when it opened. `closed_at` is of an alert that is over.
    pub(super) fn of_alert(
        &self,
        key: &AlertKey,
        alert: &OpenAlert,
        rule: Option<&Rule>,
        closed_at: Option<Timestamp>,
    ) -> Vec<Hearing> {
        let mut all: BTreeSet<ReceiverName> = audience(alert);
        let named: BTreeSet<ReceiverName> =
            rule.into_iter().flat_map(|rule| &rule.notify).map(|to| ReceiverName::new(&to.text)).collect();
        let escalations = rule.map_or_else(Vec::new, escalations_of);
        all.extend(named.iter().cloned());
        all.extend(escalations.iter().map(|(to, _)| to.clone()));
        all.extend(self.known.only.cloned());
        let asked = all.iter().filter(|receiver| self.known.is_asked_about(receiver));
        asked
            .map(|receiver| {
                let (outcome, says) = if let Some(hold) = alert.held.get(receiver) {
                    (Outcome::Held, vec![self.held(hold, receiver, closed_at)])
                } else if alert.told.contains(receiver) {
                    self.told(&News { key, alert, receiver, closed_at })
                } else if let Some(escalation) = self.next_escalation(alert, receiver, &escalations)
                    && closed_at.is_none()
                {
                    (Outcome::Waiting, vec![self.escalates(alert, escalation)])
                } else if named.contains(receiver) {
                    let later = "the rule names them only since the alert opened; they are told of the next one";
                    (Outcome::NotNamed, vec![later.to_owned()])
                } else {
                    (Outcome::NotNamed, vec!["when the alert opened, its rule did not name them".to_owned()])
                };
                Hearing { receiver: receiver.clone(), outcome, says }
            })
            .collect()
    }

    /// Returns the first escalation to a receiver that is not left out because somebody takes care, or the first one.
    fn next_escalation<'e>(
        &self,
        alert: &OpenAlert,
        receiver: &ReceiverName,
        escalations: &[(ReceiverName, &'e Escalation)],
    ) -> Option<&'e Escalation> {
        let own = || escalations.iter().filter(|(to, _)| to == receiver).map(|(_, escalation)| *escalation);
        let is_taken_care_of = followup::is_taken_care_of(alert, self.now);
        own().find(|escalation| escalation.even_acknowledged || !is_taken_care_of).or_else(|| own().next())
    }

    /// Says when somebody will be told because an alert stays open.
    fn escalates(&self, alert: &OpenAlert, escalation: &Escalation) -> String {
        let unless = match (escalation.even_acknowledged, followup::is_taken_care_of(alert, self.now)) {
            (true, _) => "",
            (false, true) => return "not told while somebody takes care of it".to_owned(),
            (false, false) => ", unless somebody takes care of it by then",
        };
        let at = alert.opened_at.plus(escalation.after);
        if at > self.now {
            format!("to be told if it is still open at {}{unless}", self.known.ahead(at, self.now))
        } else {
            "to be told as soon as it is known to be still so".to_owned()
        }
    }

    fn held(&self, hold: &Hold, receiver: &ReceiverName, closed_at: Option<Timestamp>) -> String {
        let until_its_end = if closed_at.is_some() { ", until it was over" } else { "" };
        match hold {
            Hold::Cause(cause) => format!("{}{until_its_end}", self.known.cause_words(cause, receiver)),
            Hold::Silence(id) => match self.known.memory.silences.get(id) {
                Some(silence) => format!("{}{until_its_end}", self.known.silence_words(silence, self.now)),
                None => format!("silence {id}, which is over by now{until_its_end}"),
            },
        }
    }

    fn told(&self, news: &News<'_>) -> (Outcome, Vec<String>) {
        let mut channels = self.known.receivers.get(news.receiver).map_or_else(Vec::new, |it| it.channels.clone());
        channels.sort_unstable();
        channels.dedup();
        let tells_its_end = match self.known.rules.get(&news.key.rule).map(|rule| &rule.form) {
            Some(Form::State(state)) => state.send_resolved,
            Some(Form::Event(_)) | None => true,
        };
        let (mut outcomes, mut says) = (Vec::new(), Vec::new());
        for channel in channels {
            for kind in TOLD_KINDS.into_iter().filter(|kind| tells_its_end || *kind != EntryKind::Closed) {
                let Some((outcome, said)) = self.on_channel(news, channel, kind) else { continue };
                let what = match kind {
                    EntryKind::Escalated => " (as it stayed open)",
                    EntryKind::Reminded => " (the last reminder)",
                    EntryKind::Acknowledged => " (somebody takes care)",
                    EntryKind::Closed => " (its end)",
                    EntryKind::Opened | EntryKind::Changed => "",
                };
                says.push(format!("{}{what}: {said}", channel.word()));
                if kind.tells_first() {
                    outcomes.push(outcome);
                }
            }
        }
        if outcomes.is_empty() {
            says.push("they are not among the receivers of the configuration any more".to_owned());
        }
        // One channel that took it is enough.
        let best = [Outcome::Told, Outcome::Waiting, Outcome::Failed, Outcome::NotSent];
        let outcome = best.into_iter().find(|outcome| outcomes.contains(outcome)).unwrap_or(Outcome::Told);
        (outcome, says)
    }

    /// Returns what became of the opening of an alert on a channel, or of its end if that was told.
    fn on_channel(&self, news: &News<'_>, channel: Channel, kind: EntryKind) -> Option<(Outcome, String)> {
        let entry = entry_id(news.alert, kind)?;
        if kind == EntryKind::Opened && self.on_channel(news, channel, EntryKind::Escalated).is_some() {
            return None;
        }
        if channel == Channel::Email
            && let Some(said) = self.waits_in_a_mail(news, &entry)
        {
            return Some((Outcome::Waiting, said));
        }
        if let Some(told) = self.notice(news, channel, kind, &entry) {
            return Some(self.became(told));
        }
        let is_forgotten = self.now.since(news.alert.opened_at) >= DELIVERED_KEPT;
        match (kind, channel) {
            (EntryKind::Opened, _) if is_forgotten => {
                let kept = human_duration(DELIVERED_KEPT);
                Some((Outcome::Told, format!("what was delivered is forgotten after {kept}")))
            }
            (EntryKind::Opened, Channel::Mqtt) if news.alert.baseline => {
                let said = "screens show it and do not ring for what was so at the first reading";
                Some((Outcome::NotSent, said.to_owned()))
            }
            (EntryKind::Opened, Channel::Email) if news.closed_at.is_some() => {
                Some((Outcome::NotSent, "no mail: it was over before one went out".to_owned()))
            }
            (EntryKind::Opened, Channel::Email) => {
                Some((Outcome::Told, "the mail is not in the outbox any more".to_owned()))
            }
            (EntryKind::Opened, Channel::Mqtt | Channel::Webhook) => {
                Some((Outcome::NotSent, "nothing was sent: this channel was added later".to_owned()))
            }
            (
                EntryKind::Escalated
                | EntryKind::Reminded
                | EntryKind::Closed
                | EntryKind::Acknowledged
                | EntryKind::Changed,
                _,
            ) => None,
        }
    }

    fn waits_in_a_mail(&self, news: &News<'_>, entry: &str) -> Option<String> {
        let key = GroupKey { receiver: news.receiver.clone(), venue: news.key.subject.venue() };
        let group = self.known.memory.groups.get(&key)?;
        group.entries.iter().find(|waiting| waiting.id == entry)?;
        let reached = self.known.receivers.get(news.receiver)?;
        let due = group.due_at(reached.group_wait, None, None);
        let after_quiet = group.due_at(reached.group_wait, reached.quiet.as_ref(), None);
        let free_at = rate::free_at(reached.at_most, self.known.memory.mailed.get(news.receiver));
        let until = group.due_at(reached.group_wait, reached.quiet.as_ref(), free_at);
        let why = if until > after_quiet {
            "waits, as enough mails went out within the hour,"
        } else if until > due {
            "waits for the end of the quiet hours"
        } else {
            "waits for more of the same burst"
        };
        Some(if until > self.now {
            format!("{why} until {}", self.known.ahead(until, self.now))
        } else {
            "goes out now".to_owned()
        })
    }

    /// Returns when a mail of this moment goes out at the latest.
    fn mailed_by(&self, receiver: &ReceiverName, at: Timestamp) -> Timestamp {
        let Some(reached) = self.known.receivers.get(receiver) else { return at };
        let due = at.plus(reached.group_wait).plus(reached.at_most.map_or(Duration::ZERO, |_| rate::PERIOD));
        reached.quiet.as_ref().and_then(|quiet| quiet.end_at(due)).unwrap_or(due)
    }

    fn notice(&self, news: &News<'_>, channel: Channel, kind: EntryKind, entry: &str) -> Option<&Told> {
        let id = notice_id(news.receiver, &[entry]);
        let exact = self.evidence.notices.iter().find(|it| it.notice == id && it.channel == channel.word());
        exact.or_else(|| if channel == Channel::Email { self.mail(news, kind) } else { None })
    }

    /// Returns the mail that told of it among other things.
    fn mail(&self, news: &News<'_>, kind: EntryKind) -> Option<&Told> {
        let (from, until, label) = match kind {
            EntryKind::Opened => (news.alert.opened_at, news.closed_at, None),
            EntryKind::Closed => {
                let closed_at = news.closed_at?;
                let until = self.mailed_by(news.receiver, closed_at).plus(MAIL_SLACK);
                (closed_at, Some(until), Some(news.alert.label.as_str()))
            }
            EntryKind::Escalated | EntryKind::Reminded | EntryKind::Acknowledged | EntryKind::Changed => return None,
        };
        let is_it = |told: &Told, mail: &Mail| {
            told.receiver == *news.receiver
                && told.at >= from
                && until.is_none_or(|until| told.at <= until)
                && match label {
                    Some(label) => mail.text.contains(values::name(mail.language, label).as_ref()),
                    None => mail.text.contains(news.alert.message.in_language(mail.language)),
                }
        };
        self.evidence.mails.iter().find(|(told, mail)| is_it(told, mail)).map(|(told, _)| told)
    }

    fn became(&self, told: &Told) -> (Outcome, String) {
        let time = |at: Timestamp| self.known.time(at, self.now);
        let why = told.why.as_deref().map(|why| format!(": {}", printable(why, WHY_LENGTH_MAX))).unwrap_or_default();
        let attempts = match told.attempts {
            1 => "1 attempt".to_owned(),
            attempts => format!("{attempts} attempts"),
        };
        let instead = |(to, at): &(ReceiverName, Timestamp)| format!("; {to} was told instead at {}", time(*at));
        let instead = told.passed_on.as_ref().map(instead).unwrap_or_default();
        match told.state {
            ToldState::Delivered { at } if told.attempts > 1 => {
                (Outcome::Told, format!("delivered at {}, after {attempts}{why}", time(at)))
            }
            ToldState::Delivered { at } => (Outcome::Told, format!("delivered at {}{why}", time(at))),
            ToldState::Waiting { .. } if told.attempts == 0 => {
                let first = "an older one goes first, or the service does not run";
                (Outcome::Waiting, format!("in the outbox since {}, not tried yet: {first}{instead}", time(told.at)))
            }
            ToldState::Waiting { due } => {
                (Outcome::Waiting, format!("not delivered after {attempts}{why}; the next at {}{instead}", time(due)))
            }
            ToldState::Dead { at } => {
                let again = format!("`eightysix dead-letters --resend {}` sends it again", told.row);
                (Outcome::Failed, format!("given up at {} after {attempts}{why}{instead}; {again}", time(at)))
            }
            ToldState::Expired { at } => (Outcome::NotSent, format!("left out at {}{why}", time(at))),
        }
    }
}
