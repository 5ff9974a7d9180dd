//! How many alerts there are of each severity, and in which state each is.
//!
//! Looks over the whole book, so it is for those who look now and then. Invariant: an alert is in one state, and one that is
//! over is in none.

use std::collections::BTreeMap;

use crate::alerts::AlertBook;
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{Alert, OpenAlert};
use crate::rules::{RuleSet, Severity};

/// Where an alert stands, as those who answer for it see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The rule holds, but not yet for long enough.
    Pending,
    /// Open, and told.
    Firing,
    /// Open, and the rule no longer holds.
    Clearing,
    /// Open, and somebody takes care.
    Acknowledged,
    /// Open, and not told to somebody who asked for silence.
    Silenced,
    /// Open, and not told to somebody who knows of its cause.
    Explained,
}

impl State {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Firing, Self::Clearing, Self::Acknowledged, Self::Silenced, Self::Explained];

    /// Returns it in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Clearing => "clearing",
            Self::Acknowledged => "acknowledged",
            Self::Silenced => "silenced",
            Self::Explained => "explained",
        }
    }

    /// Returns where an open alert stands: what ends comes first, then what somebody said of it.
    fn of(open: &OpenAlert) -> Self {
        let is_silence = |hold: &Hold| matches!(hold, Hold::Silence(_));
        if open.clear_since.is_some() {
            Self::Clearing
        } else if open.acknowledged.is_some() {
            Self::Acknowledged
        } else if open.held.values().any(is_silence) {
            Self::Silenced
        } else if open.held.is_empty() {
            Self::Firing
        } else {
            Self::Explained
        }
    }
}

/// How many alerts stand where.
pub type Census = BTreeMap<(Severity, State), u64>;

/// Counts the alerts of a brand; those that wait have the severity of their rule.
pub fn census(book: &AlertBook, rules: &RuleSet) -> Census {
    let mut census = Census::new();
    for (key, alert) in book.iter() {
        let found = match alert {
            Alert::Open(open) => Some((open.severity, State::of(open))),
            Alert::Pending { .. } => rules.get(&key.rule).map(|rule| (rule.severity, State::Pending)),
            Alert::Rested(_) => None,
        };
        if let Some(found) = found {
            *census.entry(found).or_default() += 1;
        }
    }
    census
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::alerts::AlertKey;
    use crate::alerts::lifecycle::{EpisodeId, Turns};
    use crate::alerts::notice::ReceiverName;
    use crate::alerts::order::Acknowledgement;
    use crate::alerts::silence::SilenceId;
    use crate::alerts::texts::Texts;
    use crate::document::Problems;
    use crate::rules::parse::{self, RuleFile};
    use crate::rules::{RuleName, Subject};
    use crate::units::{ProductId, Timestamp, VenueId};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

    fn key(rule: &str, id: u64) -> AlertKey {
        AlertKey { subject: Subject::Item(VenueId(1), ProductId(id)), rule: RuleName::new(rule).expect("a name") }
    }

    fn open() -> OpenAlert {
        OpenAlert {
            episode: EpisodeId::derive("a", NOW),
            since: NOW,
            opened_at: NOW,
            clear_since: None,
            baseline: false,
            severity: Severity::Critical,
            told: BTreeSet::new(),
            held: BTreeMap::new(),
            reminded_at: None,
            acknowledged: None,
            label: String::new(),
            message: Texts::default(),
            station: None,
            turns: Turns::default(),
            unstable_since: None,
            set: None,
            found_after: None,
        }
    }

    fn rules() -> RuleSet {
        let text = "rules: [{ name: low, severity: warning, notify: [], expr: low }]";
        let mut problems = Problems::new();
        let parsed = parse::parse(&[RuleFile { name: "r.yaml".into(), bytes: text.into() }], &mut problems);
        assert!(problems.is_empty());
        parsed.rules
    }

    #[test]
    fn each_alert_is_counted_once_where_it_stands() {
        let held = |hold: Hold| BTreeMap::from([(ReceiverName::new("ops"), hold)]);
        let silence = held(Hold::Silence(SilenceId::from_stored("00000001")));
        let acknowledged =
            Acknowledgement { by: "Leyla".to_owned(), at: NOW, reason: None, note: String::new(), back_at: None };
        let alerts = [
            open(),
            open(),
            OpenAlert { held: held(Hold::Cause(key("off", 9))), ..open() },
            OpenAlert { held: silence.clone(), severity: Severity::Info, ..open() },
            OpenAlert { acknowledged: Some(acknowledged.clone()), held: silence.clone(), ..open() },
            OpenAlert { clear_since: Some(NOW), acknowledged: Some(acknowledged), held: silence, ..open() },
        ];
        let mut book = AlertBook::default();
        for (open, id) in alerts.into_iter().zip(1..) {
            book.set(key("out", id), Some(Alert::Open(Box::new(open))));
        }
        let pending = Alert::Pending { since: NOW, baseline: false, turns: Turns::default() };
        for rule in ["low", "gone"] {
            book.set(key(rule, 7), Some(pending.clone()));
        }
        book.set(key("low", 8), Some(Alert::Rested(Turns::default())));
        let (critical, one) = (Severity::Critical, 1);
        let expected = Census::from([
            ((critical, State::Firing), 2),
            ((critical, State::Explained), one),
            ((Severity::Info, State::Silenced), one),
            ((critical, State::Acknowledged), one),
            ((critical, State::Clearing), one),
            ((Severity::Warning, State::Pending), one),
        ]);
        assert_eq!(census(&book, &rules()), expected);
    }
}
