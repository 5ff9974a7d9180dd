//! After the alerts of a scope took their turns: who is told of what is open, or told again, who is not yet, and why.
//!
//! `alerts::hold` decides; here it is fed, and what it decided is told. Invariant: everybody whom a rule names was told
//! of the open alert, or stands in `held` with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::alerts::AlertKey;
use crate::alerts::followup;
use crate::alerts::group::GroupKey;
use crate::alerts::hold::{self, Decided, Hold, Standing, Waiting};
use crate::alerts::lifecycle::{Alert, OpenAlert};
use crate::alerts::notice::ReceiverName;
use crate::calendar::Calendar;
use crate::engine::look::{Look, can_explain};
use crate::engine::tell::{Teller, receivers_of};
use crate::engine::{Commit, Engine};
use crate::rules::condition::Truth;
use crate::rules::{Finding, Form, Rule, RuleName, Severity, Subject};
use crate::units::{Timestamp, VenueId};

/// A cause that has not held for long enough yet holds its effects too, if it needs no longer than this: both would
/// otherwise be told, the effect first.
const CAUSE_AWAITED_MAX: Duration = Duration::from_mins(1);

/// What a scope needs to be settled.
pub(super) struct Settling<'a> {
    engine: &'a Engine,
    scope: Option<VenueId>,
    /// What the rules say of the scope. An alert of which nobody knows whether it still holds is told to nobody now.
    findings: &'a [Finding],
    /// Alerts that opened in this step, of which nobody was told yet.
    opened: BTreeSet<AlertKey>,
    /// Some alert took a turn.
    has_turned: bool,
}

impl<'a> Settling<'a> {
    /// Begins with nothing turned.
    pub(super) fn of(engine: &'a Engine, scope: Option<VenueId>, findings: &'a [Finding]) -> Self {
        Self { engine, scope, findings, opened: BTreeSet::new(), has_turned: false }
    }

    /// Notes that an alert took a turn, and what it is from now on.
    pub(super) fn turned(&mut self, key: &AlertKey, alert: Option<&Alert>) {
        self.has_turned = true;
        let is_open = matches!(alert, Some(Alert::Open(_)));
        if is_open && !matches!(self.engine.memory.book.get(key), Some(Alert::Open(_))) {
            self.opened.insert(key.clone());
        }
    }

    /// Tells what is to be told now, and keeps for the rest why it is not.
    pub(super) fn settle(self, look: &Look<'_>, commit: &mut Commit, teller: &mut Teller<'_>) {
        let waits = |(key, alert): (&AlertKey, &Alert)| {
            alert.open().is_some_and(|open| !open.held.is_empty() || self.follows_up(key, open, look.now))
        };
        if !self.has_turned && !self.engine.memory.book.of(self.scope).any(waits) {
            return;
        }
        let (waiting, decided) = self.decide(look, commit);
        let mut holds: BTreeMap<AlertKey, BTreeMap<ReceiverName, Option<Hold>>> = BTreeMap::new();
        for ((key, receiver), hold) in decided {
            holds.entry(key).or_default().insert(receiver, hold);
        }
        let mut settled = BTreeMap::new();
        let mut explaining = BTreeSet::new();
        for (key, open) in waiting {
            let Some(rule) = self.engine.policy.rules.get(&key.rule) else { continue };
            let holds = holds.remove(&key).unwrap_or_default();
            let reminded = self.reminded(&key, rule, open.clone(), look, commit, teller);
            let after = self.settled(&key, rule, reminded, holds, look, teller);
            if after.severity == Severity::Critical {
                explaining.extend(after.held.iter().filter_map(|(receiver, hold)| match hold {
                    Hold::Cause(cause) => Some((receiver.clone(), cause.clone())),
                    Hold::Silence(_) => None,
                }));
            }
            if after != open || self.opened.contains(&key) {
                settled.insert(key, after);
            }
        }
        put(commit, settled);
        self.raise(&explaining, commit, teller);
    }

    /// Lets no quiet hours keep from a receiver why something critical is so that he is not told of.
    fn raise(&self, explaining: &BTreeSet<(ReceiverName, AlertKey)>, commit: &Commit, teller: &mut Teller<'_>) {
        for (receiver, cause) in explaining {
            let venue = cause.subject.venue();
            let Some(Alert::Open(open)) = self.engine.alerts_after(commit, venue).get(cause).copied() else { continue };
            teller.raise(&GroupKey { receiver: receiver.clone(), venue }, &open.episode);
        }
    }

    fn settled(
        &self,
        key: &AlertKey,
        rule: &Rule,
        mut open: OpenAlert,
        holds: BTreeMap<ReceiverName, Option<Hold>>,
        look: &Look<'_>,
        teller: &mut Teller<'_>,
    ) -> OpenAlert {
        open.held.clear();
        let mut now: Vec<ReceiverName> = Vec::new();
        for (receiver, hold) in holds {
            match hold {
                Some(hold) => drop(open.held.insert(receiver, hold)),
                None => now.push(receiver),
            }
        }
        if now.is_empty() {
            return open;
        }
        let facts = look.facts(key);
        if !self.opened.contains(key) {
            open.message = teller.message(rule, &open, &facts);
        }
        let named: BTreeSet<ReceiverName> = receivers_of(rule).collect();
        if open.told.is_empty() && self.is_reminder_due(rule, &open, look.now) {
            // What is told for the first time needs no reminder of it.
            open.reminded_at = Some(look.now);
        }
        let (first, escalated): (Vec<_>, Vec<_>) = now.into_iter().partition(|receiver| named.contains(receiver));
        teller.tell_opened(rule, &open, &facts, &first);
        teller.tell_escalated(rule, &open, &facts, &escalated);
        open.told.extend(first.into_iter().chain(escalated));
        open
    }

    /// Tells those who were told of an open alert again, if it is time for it.
    fn reminded(
        &self,
        key: &AlertKey,
        rule: &Rule,
        mut open: OpenAlert,
        look: &Look<'_>,
        commit: &Commit,
        teller: &mut Teller<'_>,
    ) -> OpenAlert {
        let silence = || self.engine.silence_over(&key.rule, &key.subject, look.catalog(), commit, look.now);
        if !open.told.is_empty() && self.is_reminder_due(rule, &open, look.now) && silence().is_none() {
            let facts = look.facts(key);
            open.message = teller.message(rule, &open, &facts);
            teller.tell_reminded(rule, &open, &facts);
            open.reminded_at = Some(look.now);
        }
        open
    }

    fn is_reminder_due(&self, rule: &Rule, open: &OpenAlert, now: Timestamp) -> bool {
        let Form::State(state) = &rule.form else { return false };
        followup::is_reminder_due(open, &state.remind, self.calendar(), now)
    }

    /// Says whether somebody is to be reminded of an open alert, or told of it because it stays open.
    fn follows_up(&self, key: &AlertKey, open: &OpenAlert, now: Timestamp) -> bool {
        let Some(rule) = self.engine.policy.rules.get(&key.rule) else { return false };
        (!open.told.is_empty() && self.is_reminder_due(rule, open, now))
            || !self.escalated_to(rule, open, now).is_empty()
    }

    /// Returns who is to be told of an alert because it stays open, and was not told.
    fn escalated_to(&self, rule: &Rule, open: &OpenAlert, now: Timestamp) -> BTreeSet<ReceiverName> {
        let Form::State(state) = &rule.form else { return BTreeSet::new() };
        let due = state.escalate.iter().filter(|escalation| followup::is_escalated(open, escalation, now));
        let receivers = due.flat_map(|escalation| &escalation.to).map(|to| ReceiverName::new(&to.text));
        receivers.filter(|to| self.engine.policy.routes.contains_key(to) && !open.told.contains(to)).collect()
    }

    fn calendar(&self) -> Option<&Calendar> {
        self.scope.map(|venue| self.engine.policy.calendars.of(&self.engine.brand, venue))
    }

    /// Returns the alerts that somebody waits to be told of, and what is decided of them.
    fn decide(&self, look: &Look<'_>, commit: &Commit) -> (BTreeMap<AlertKey, OpenAlert>, Decided) {
        let after = self.engine.alerts_after(commit, self.scope);
        let of_brand = if self.scope.is_some() { self.engine.alerts_after(commit, None) } else { BTreeMap::new() };
        let causes = after.iter().chain(&of_brand);
        let standing: Vec<Standing<'_>> =
            causes.filter_map(|(key, alert)| self.standing(key, alert, look, commit)).collect();
        let holding = self.findings.iter().filter(|finding| finding.keeps == Truth::Holds);
        let holding: BTreeSet<(&Subject, &RuleName)> = holding.map(|it| (&it.subject, &it.rule)).collect();
        let (mut open, mut waiting) = (BTreeMap::new(), Vec::new());
        for (key, alert) in after {
            let Alert::Open(alert) = alert else { continue };
            let holds = holding.contains(&(&key.subject, &key.rule));
            if let Some(receivers) = self.waiting(key, alert, holds, look.now) {
                let silence = self.engine.silence_over(&key.rule, &key.subject, look.catalog(), commit, look.now);
                waiting.push(Waiting { key, receivers, silence });
                open.insert(key.clone(), alert.as_ref().clone());
            }
        }
        let decided = hold::decide(&waiting, &standing, &|cause, effect| look.explains(cause, effect));
        (open, decided)
    }

    /// Returns an alert as one that may explain others, if its rule can.
    ///
    /// Who does not hear of it because of a silence is not of its audience: a silence hides what it covers, and not what
    /// follows from it.
    fn standing<'k>(&self, key: &'k AlertKey, alert: &Alert, look: &Look<'_>, commit: &Commit) -> Option<Standing<'k>> {
        let rule = self.engine.policy.rules.get(&key.rule).filter(|rule| can_explain(&rule.form))?;
        let silence = || self.engine.silence_over(&key.rule, &key.subject, look.catalog(), commit, look.now);
        let named = || if silence().is_some() { BTreeSet::new() } else { self.audience(rule) };
        let (audience, is_clearing) = match alert {
            Alert::Pending { .. } => match &rule.form {
                Form::State(state) if state.hold_for <= CAUSE_AWAITED_MAX => (named(), false),
                Form::State(_) | Form::Event(_) => return None,
            },
            Alert::Rested(_) => return None,
            Alert::Open(_) if self.opened.contains(key) => (named(), false),
            Alert::Open(open) => {
                let is_of_cause = |hold: &Hold| matches!(hold, Hold::Cause(_));
                let held = open.held.iter().filter(|(_, hold)| is_of_cause(hold)).map(|(receiver, _)| receiver);
                let mut audience: BTreeSet<ReceiverName> = open.told.iter().chain(held).cloned().collect();
                // Who is told of it in this step because it stays open is of its audience already.
                if silence().is_none() {
                    audience.append(&mut self.escalated_to(rule, open, look.now));
                }
                // One that is unstable is clear for longer than what it explains needs to follow it.
                let is_clearing = |since: Timestamp| match &rule.form {
                    Form::State(state) => open.unstable_since.is_none() || look.now.since(since) < state.clear_for,
                    Form::Event(_) => false,
                };
                (audience, open.clear_since.is_some_and(is_clearing))
            }
        };
        Some(Standing { key, audience, is_clearing })
    }

    /// Returns who waits to be told of an open alert, and what held it back until now. Nothing is decided of one that is
    /// about to close, or of which nobody knows whether it still `holds`.
    fn waiting(
        &self,
        key: &AlertKey,
        open: &OpenAlert,
        holds: bool,
        now: Timestamp,
    ) -> Option<BTreeMap<ReceiverName, Option<Hold>>> {
        let rule = self.engine.policy.rules.get(&key.rule)?;
        if self.opened.contains(key) {
            return Some(self.audience(rule).into_iter().map(|receiver| (receiver, None)).collect());
        }
        let follows_up = self.follows_up(key, open, now);
        if (open.held.is_empty() && !follows_up) || open.clear_since.is_some() || !holds {
            return None;
        }
        let mut audience = self.audience(rule);
        audience.retain(|receiver| open.held.contains_key(receiver));
        audience.append(&mut self.escalated_to(rule, open, now));
        Some(audience.into_iter().map(|receiver| (receiver.clone(), open.held.get(&receiver).cloned())).collect())
    }

    fn audience(&self, rule: &Rule) -> BTreeSet<ReceiverName> {
        receivers_of(rule).filter(|receiver| self.engine.policy.routes.contains_key(receiver)).collect()
    }
}

/// Puts alerts into the commit, in the place of what it says of them already.
pub(super) fn put(commit: &mut Commit, mut settled: BTreeMap<AlertKey, OpenAlert>) {
    let alert = |open: OpenAlert| Some(Alert::Open(Box::new(open)));
    for (key, known) in &mut commit.alerts {
        if let Some(open) = settled.remove(key) {
            *known = alert(open);
        }
    }
    commit.alerts.extend(settled.into_iter().map(|(key, open)| (key, alert(open))));
}
