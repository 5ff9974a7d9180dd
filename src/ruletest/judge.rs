//! What a step expects against what is so: the differences, in the words of the file.
//!
//! Changes nothing but the list of what was told, which a step that looks at it uses up. Invariant: no difference means
//! that every expectation of the step holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::alerts::facts;
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{Alert, OpenAlert};
use crate::alerts::notice::{Channel, ReceiverName};
use crate::alerts::{AlertKey, followup, render, timing};
use crate::board;
use crate::rules::condition::Truth;
use crate::rules::evaluate::{Evaluation, evaluate_venue};
use crate::rules::subject::{Scene, VenueView};
use crate::rules::value::Value;
use crate::rules::{Form, Placed, Rule, Subject, SubjectKind};
use crate::ruletest::play::{BRAND, Refused, Stage, Told, VENUE};
use crate::ruletest::{BASE_TOPIC, Difference, Holding, Telling, Want, Wanted, Words, reason};
use crate::snapshot::Freshness;
use crate::topics::BaseTopic;

/// Characters of a topic's body that a difference shows.
const BODY_SHOWN_MAX: usize = 300;

/// Returns every expectation that does not hold.
pub(super) fn differences(wants: &[Want], stage: &mut Stage) -> Vec<Difference> {
    let mut differences = Vec::new();
    for Want { place, what } in wants {
        let found = match what {
            Wanted::Open(labels) => alerts(labels, stage, true),
            Wanted::Pending(labels) => alerts(labels, stage, false),
            Wanted::Told(tellings) => telling(tellings, &std::mem::take(&mut stage.told), stage),
            Wanted::Held(holdings) => holding(holdings, stage),
            Wanted::Topics(topics) => topics_hold(topics, stage),
        };
        if let Some((expected, happened)) = found {
            differences.push(Difference { place: place.clone(), at: clock(stage), expected, happened });
        }
    }
    differences
}

/// Returns what was asked for in a step and could not be done.
pub(super) fn refusals(refused: &[Refused], stage: &Stage) -> Vec<Difference> {
    let difference = |refused: &Refused| Difference {
        place: refused.place.clone(),
        at: clock(stage),
        expected: vec![format!("{}, open and to be acknowledged", refused.about)],
        happened: vec!["it is not open".to_owned()],
    };
    refused.iter().map(difference).collect()
}

fn clock(stage: &Stage) -> String {
    stage.now.in_zone(&stage.policy.setting.zone).strftime("%H:%M:%S").to_string()
}

/// Lines of what was expected and of what happened.
type Found = Option<(Vec<String>, Vec<String>)>;

fn alerts(wanted: &[String], stage: &Stage, is_open: bool) -> Found {
    let is_meant = |alert: &Alert| match alert {
        Alert::Open(_) => is_open,
        Alert::Pending { .. } => !is_open,
        Alert::Rested(_) => false,
    };
    let found = stage.engine.memory().book.iter().filter(|(_, alert)| is_meant(alert));
    let found: BTreeSet<String> = found.map(|(key, _)| about(key, stage)).collect();
    let expected: BTreeSet<String> = wanted.iter().cloned().collect();
    (found != expected).then(|| (lines(expected), lines(found)))
}

fn lines(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let lines: Vec<String> = texts.into_iter().collect();
    if lines.is_empty() { vec!["none".to_owned()] } else { lines }
}

/// Names an alert as test files do: `sold-out: Lamb kebab`.
pub(super) fn about(key: &AlertKey, stage: &Stage) -> String {
    format!("{}: {}", key.rule, label(&key.subject, stage))
}

fn label(subject: &Subject, stage: &Stage) -> String {
    let memory = stage.engine.memory();
    let snapshot = stage.snapshot().filter(|_| subject.venue().is_some());
    let facts = facts::of_subject(stage.engine.brand(), &memory.access, snapshot, subject, stage.now);
    render::label(&facts)
}

/// Compares without regard to order: each telling must have been told as often as it is written, and nothing else.
fn telling(wanted: &[Telling], told: &[Told], stage: &Stage) -> Found {
    let is_expected = |one: &Told| {
        let times = told.iter().filter(|other| (&other.to, other.by, &other.text) == (&one.to, one.by, &one.text));
        times.count() <= wanted.iter().filter(|telling| fits(telling, one, stage)).count()
    };
    let is_told = |telling: &Telling| {
        let times = wanted.iter().filter(|other| *other == telling).count();
        // What is written without a channel may be told by several: one of them must have told it as often.
        let by = |channel| told.iter().filter(move |told| told.by == channel && fits(telling, told, stage)).count();
        told.iter().any(|told| by(told.by) >= times)
    };
    if told.iter().all(is_expected) && wanted.iter().all(is_told) {
        return None;
    }
    let marked = |is_right: bool, line: String| if is_right { line } else { format!("{line}   <--") };
    let expected = wanted.iter().map(|telling| marked(is_told(telling), telling_line(telling))).collect::<Vec<_>>();
    let happened = told.iter().map(|told| marked(is_expected(told), told_line(told, stage))).collect::<Vec<_>>();
    Some((lines(expected), lines(happened)))
}

fn fits(telling: &Telling, told: &Told, stage: &Stage) -> bool {
    if *telling.to != *told.to || telling.by.is_some_and(|by| by != told.by) {
        return false;
    }
    // The subject of a mail begins with the place, which a phone shows and no test needs to repeat.
    let place = stage.snapshot().map(facts::venue_name).unwrap_or_default();
    let brief = [place.as_str(), BRAND].into_iter().find_map(|place| {
        let after = told.text.strip_prefix(place)?;
        // A mail of a station names it behind the venue.
        after.strip_prefix(": ").or_else(|| Some(after.strip_prefix(", ")?.split_once(": ")?.1))
    });
    let brief = brief.filter(|_| told.by == Channel::Email);
    let is_so = |text: &str| match &telling.text {
        Words::Exactly(wanted) => **wanted == *text,
        Words::Like(pattern) => pattern.fits(Value::Text(text)),
    };
    is_so(&told.text) || brief.is_some_and(is_so)
}

fn telling_line(telling: &Telling) -> String {
    let by = telling.by.map(|by| format!(" by {}", by.word())).unwrap_or_default();
    match &telling.text {
        Words::Exactly(text) => format!("{}{by}: {text}", telling.to),
        Words::Like(pattern) => format!("{}{by}, like {pattern:?}", telling.to),
    }
}

fn told_line(told: &Told, stage: &Stage) -> String {
    let at = told.at.in_zone(&stage.policy.setting.zone).strftime("%H:%M:%S");
    format!("{at} {} by {}: {}", told.to, told.by.word(), told.text)
}

fn holding(wanted: &[Holding], stage: &Stage) -> Found {
    let held = held(stage);
    let fits = |wanted: &Holding| {
        let is_about = |about| wanted.about.is_none() || wanted.about == about;
        held.iter().any(|held| held.to == wanted.to && held.why == wanted.why && is_about(held.about.clone()))
    };
    let line = |held: &Holding| match &held.about {
        Some(about) => format!("{}, {about}: {}", held.to, held.why),
        None => format!("{}: {}", held.to, held.why),
    };
    let is_all = wanted.iter().all(fits);
    (!is_all).then(|| (lines(wanted.iter().map(line)), lines(held.iter().map(line))))
}

/// Returns everything that keeps news from a receiver now, and why.
fn held(stage: &Stage) -> BTreeSet<Holding> {
    let mut held = BTreeSet::new();
    for (key, alert) in stage.engine.memory().book.iter() {
        let Some(rule) = stage.policy.rules.get(&key.rule) else { continue };
        match alert {
            Alert::Pending { since, .. } => {
                let Some(timing) = timing(rule) else { continue };
                let due_at = since.plus(timing.hold_for);
                let why = if due_at > stage.now {
                    reason::pending(due_at.since(stage.now))
                } else {
                    reason::NEXT_READING.to_owned()
                };
                hold(rule, &about(key, stage), &why, &mut held);
            }
            Alert::Open(open) => {
                for (receiver, reason) in &open.held {
                    let about = Some(about(key, stage).into());
                    held.insert(Holding { to: receiver.as_str().into(), about, why: why(reason, stage).into() });
                }
                let is_unrouted = |name: &&str| !stage.policy.routes.contains_key(&ReceiverName::new(name));
                for to in rule.receivers().map(|placed| &*placed.text).filter(is_unrouted) {
                    let about = Some(about(key, stage).into());
                    held.insert(Holding { to: to.into(), about, why: reason::NO_ROUTE.into() });
                }
                held.extend(escalations(rule, open, &about(key, stage), stage));
            }
            Alert::Rested(_) => {}
        }
    }
    for (key, group) in &stage.engine.memory().groups {
        let Some(route) = stage.policy.routes.get(&key.receiver) else { continue };
        let why: Arc<str> = reason::mail_waits(route.mails_at(group, None).since(stage.now)).into();
        for entry in &group.entries {
            let about = Some(format!("{}: {}", entry.rule, entry.label).into());
            held.insert(Holding { to: key.receiver.as_str().into(), about, why: Arc::clone(&why) });
        }
    }
    if let Some(snapshot) = stage.snapshot() {
        let (brand, access) = (stage.engine.brand(), &stage.engine.memory().access);
        let calendar = stage.policy.calendars.of(brand, snapshot.id());
        let view = VenueView { brand, access, snapshot, freshness_limits: stage.engine.limits(), calendar };
        outside(stage, view, &mut held);
        unknown(stage, view, &mut held);
    }
    held
}

/// Returns whom the rule tells of an open alert later, if it stays so.
fn escalations(rule: &Rule, open: &OpenAlert, about: &str, stage: &Stage) -> Vec<Holding> {
    let Form::State(form) = &rule.form else { return Vec::new() };
    let mut holdings = Vec::new();
    for escalation in &form.escalate {
        let at = open.opened_at.plus(escalation.after);
        let why = if !escalation.even_acknowledged && followup::is_taken_care_of(open, stage.now) {
            reason::TAKEN_CARE_OF.to_owned()
        } else if at > stage.now {
            reason::escalates(at.since(stage.now))
        } else {
            continue;
        };
        let is_told = |to: &&Placed| open.told.contains(&ReceiverName::new(&to.text));
        for to in escalation.to.iter().filter(|to| !is_told(to)) {
            holdings.push(Holding { to: to.text.clone(), about: Some(about.into()), why: why.as_str().into() });
        }
    }
    holdings
}

fn why(hold: &Hold, stage: &Stage) -> String {
    match hold {
        Hold::Cause(cause) => reason::because_of(&about(cause, stage)),
        Hold::Silence(id) => {
            let silence = stage.engine.memory().silences.get(id);
            let until = silence.map_or(stage.now, |silence| silence.until);
            reason::silenced(&until.local_time(&stage.policy.setting.zone))
        }
    }
}

/// Adds the rules of which no window is on.
fn outside(stage: &Stage, view: VenueView<'_>, held: &mut BTreeSet<Holding>) {
    let scene = Scene::new(view, stage.policy.rules.price_lists(), stage.now);
    for rule in stage.policy.rules.rules() {
        let subject = match &rule.form {
            Form::State(form) => form.subject,
            Form::Event(_) => SubjectKind::Venue,
        };
        if !scene.is_within(&rule.during, subject) {
            hold(rule, rule.name.as_str(), reason::OUTSIDE, held);
        }
    }
}

/// Adds what cannot be told because it was not read.
fn unknown(stage: &Stage, view: VenueView<'_>, held: &mut BTreeSet<Holding>) {
    let evaluation: Evaluation = evaluate_venue(&stage.policy.rules, &view, stage.now);
    for finding in evaluation.findings.iter().filter(|finding| finding.holds == Truth::Unknown) {
        let Some(rule) = stage.policy.rules.get(&finding.rule) else { continue };
        let about = format!("{}: {}", rule.name, label(&finding.subject, stage));
        hold(rule, &about, reason::UNREAD, held);
    }
    let why = match view.snapshot.freshness(stage.engine.limits(), stage.now) {
        Freshness::Fresh => return,
        Freshness::Stale => reason::STALE,
        Freshness::Blind => reason::BLIND,
    };
    let is_of_items = |rule: &&Rule| match &rule.form {
        Form::State(form) => form.subject == SubjectKind::Item,
        Form::Event(_) => false,
    };
    for rule in stage.policy.rules.rules().iter().filter(is_of_items) {
        hold(rule, rule.name.as_str(), why, held);
    }
}

fn hold(rule: &Rule, about: &str, why: &str, held: &mut BTreeSet<Holding>) {
    for to in &rule.notify {
        held.insert(Holding { to: to.text.clone(), about: Some(about.into()), why: why.into() });
    }
}

fn topics_hold(wanted: &[(Arc<str>, Option<Arc<str>>)], stage: &Stage) -> Found {
    let memory = stage.engine.memory();
    let (Some(snapshot), Ok(base)) = (memory.venues.get(&VENUE), BaseTopic::new(BASE_TOPIC)) else { return None };
    let (brand, setting) = (stage.engine.brand().clone(), Arc::new(stage.policy.setting.clone()));
    let scene = Arc::new(board::scene::Scene::new(brand, Arc::clone(snapshot), setting, stage.now));
    let mut tree = board::lists(&base, &scene, board::open_alerts(memory.book.of(Some(VENUE))));
    let (topic, body) = board::status(&base, &scene, stage.engine.limits());
    tree.insert(topic, body);
    let prefix = format!("{BASE_TOPIC}/v1/{BRAND}/{VENUE}/");
    let (mut expected, mut happened) = (Vec::new(), Vec::new());
    for (topic, text) in wanted {
        let body = tree.get(format!("{prefix}{topic}").as_str()).map(|state| state.body());
        let is_so = match (text, &body) {
            (Some(text), Some(body)) => body.contains(&**text),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_so {
            expected.push(text.as_ref().map_or(format!("{topic}: absent"), |text| format!("{topic} holds {text}")));
            let body = body.map(|body| body.chars().take(BODY_SHOWN_MAX).collect::<String>());
            happened.push(body.map_or(format!("{topic}: absent"), |body| format!("{topic}: {body}")));
        }
    }
    (!expected.is_empty()).then_some((expected, happened))
}
