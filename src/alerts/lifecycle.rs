//! The life of one alert: inactive -> pending -> firing -> clearing -> resolved.
//!
//! One pure function over (state, truth, timing, now). Invariant: Unknown leaves an alert exactly where it is, and an
//! episode that never opened never closes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::alerts::hold::Hold;
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::Acknowledgement;
use crate::alerts::texts::Texts;
use crate::rules::Severity;
use crate::rules::condition::Truth;
use crate::units::{StationId, Timestamp};

/// Identifies one episode of an alert: 16 hexadecimal digits derived from its identity and its start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpisodeId(Arc<str>);

impl EpisodeId {
    /// Derives the id; the same alert opened at the same instant is the same episode (style 29).
    pub fn derive(identity: &str, opened_at: Timestamp) -> Self {
        Self(digest(&[identity, &opened_at.unix_ms().to_string()], 8).into())
    }

    /// Takes an id that was stored before.
    pub fn from_stored(id: &str) -> Self {
        Self(id.into())
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the first `bytes` of the SHA-256 of the parts, as hexadecimal digits; parts cannot run into each other.
pub fn digest(parts: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digits = String::with_capacity(2 * bytes);
    for byte in hash.finalize().iter().take(bytes) {
        digits.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        digits.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    digits
}

/// How long a rule waits on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The rule must hold this long before the alert opens.
    pub hold_for: Duration,
    /// It must be clear this long before the alert closes.
    pub clear_for: Duration,
}

/// An alert that is pending or open; a resolved one is no longer in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// The rule holds, but not yet for long enough.
    Pending {
        /// When it was first seen to hold.
        since: Timestamp,
        /// True when it already held in the first reading of its venue.
        baseline: bool,
    },
    /// Firing, or clearing when `clear_since` is set.
    Open(Box<OpenAlert>),
}

/// An alert from firing until resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAlert {
    /// This stretch from firing to resolved.
    pub episode: EpisodeId,
    /// When the rule was first seen to hold, or since when the item has been so by Clopos's own time, if that is earlier.
    pub since: Timestamp,
    /// When the alert opened.
    pub opened_at: Timestamp,
    /// Since when the rule no longer holds, while that is not yet long enough to resolve.
    pub clear_since: Option<Timestamp>,
    /// True when it already held in the first reading of its venue.
    pub baseline: bool,
    /// How much it matters.
    pub severity: Severity,
    /// Who was told that it opened, and so must be told that it closed.
    pub told: BTreeSet<ReceiverName>,
    /// Who is not told for now, and why; told as soon as that is over, if the alert still holds then.
    pub held: BTreeMap<ReceiverName, Hold>,
    /// When those who were told were last told again.
    pub reminded_at: Option<Timestamp>,
    /// What somebody who takes care of it said.
    pub acknowledged: Option<Acknowledgement>,
    /// What it is about, in words that outlive the catalog's row: `Lamb kebab`.
    pub label: String,
    /// The message as it was told, in the languages of those who could be told then.
    pub message: Texts,
    /// The station that was concerned, for the screens.
    pub station: Option<StationId>,
}

/// What a step of an alert's life asks to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing to tell and nothing to store.
    Stay,
    /// Store the next state; there is nothing to tell.
    Move(Option<Alert>),
    /// The alert opens; the caller fills in words and receivers.
    Open {
        /// When the rule was first seen to hold.
        since: Timestamp,
        /// True when it already held in the first reading of its venue.
        baseline: bool,
    },
    /// The alert closes.
    Close(Box<OpenAlert>),
}

/// Advances one alert. `holds` is the rule's `when`, `keeps` is `when` or `keep_while`.
///
/// `baseline` says that this is the first reading of the venue, so what holds is not news. `now` is the moment of which
/// the truth is known: for items the time of the reading.
pub fn advance(
    alert: Option<&Alert>,
    holds: Truth,
    keeps: Truth,
    timing: Timing,
    baseline: bool,
    now: Timestamp,
) -> Turn {
    match alert {
        None => match holds {
            Truth::Holds if timing.hold_for.is_zero() => Turn::Open { since: now, baseline },
            Truth::Holds => Turn::Move(Some(Alert::Pending { since: now, baseline })),
            Truth::Clear | Truth::Unknown => Turn::Stay,
        },
        Some(Alert::Pending { since, baseline }) => match holds {
            Truth::Holds if now.since(*since) >= timing.hold_for => Turn::Open { since: *since, baseline: *baseline },
            // The clock was set back: waiting for it to catch up could take hours.
            Truth::Holds if now < *since => Turn::Move(Some(Alert::Pending { since: now, baseline: *baseline })),
            Truth::Holds | Truth::Unknown => Turn::Stay,
            Truth::Clear => Turn::Move(None),
        },
        Some(Alert::Open(open)) => advance_open(open, keeps, timing, now),
    }
}

fn advance_open(open: &OpenAlert, keeps: Truth, timing: Timing, now: Timestamp) -> Turn {
    match (keeps, open.clear_since) {
        (Truth::Holds, Some(_)) => {
            Turn::Move(Some(Alert::Open(Box::new(OpenAlert { clear_since: None, ..open.clone() }))))
        }
        (Truth::Clear, None) if timing.clear_for.is_zero() => Turn::Close(Box::new(open.clone())),
        (Truth::Clear, Some(since)) if now.since(since) >= timing.clear_for => Turn::Close(Box::new(open.clone())),
        // A start that lies ahead is of a clock that was set back since.
        (Truth::Clear, since) if since.is_none_or(|since| now < since) => {
            Turn::Move(Some(Alert::Open(Box::new(OpenAlert { clear_since: Some(now), ..open.clone() }))))
        }
        (Truth::Unknown, _) | (Truth::Holds, None) | (Truth::Clear, None | Some(_)) => Turn::Stay,
    }
}

/// Returns when time alone may turn this alert, and why (style 27).
pub fn deadline(alert: &Alert, timing: Timing) -> Option<(Timestamp, &'static str)> {
    match alert {
        Alert::Pending { since, .. } => Some((since.plus(timing.hold_for), "an alert has held long enough to open")),
        Alert::Open(open) => {
            open.clear_since.map(|since| (since.plus(timing.clear_for), "an alert has been clear long enough to close"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(s * 1000)
    }

    fn timing(hold_for_s: u64, clear_for_s: u64) -> Timing {
        Timing { hold_for: Duration::from_secs(hold_for_s), clear_for: Duration::from_secs(clear_for_s) }
    }

    fn opened(since: Timestamp, now: Timestamp, baseline: bool) -> Alert {
        Alert::Open(Box::new(OpenAlert {
            episode: EpisodeId::derive("test", now),
            since,
            opened_at: now,
            clear_since: None,
            baseline,
            severity: Severity::Warning,
            told: BTreeSet::new(),
            held: BTreeMap::new(),
            reminded_at: None,
            acknowledged: None,
            label: String::new(),
            message: Texts::default(),
            station: None,
        }))
    }

    /// Runs a story of (second, truth) and returns what was told: `+` opened, `-` closed, with the second.
    fn told(timing: Timing, story: &[(i64, Truth)]) -> Vec<String> {
        let (mut alert, mut told) = (None, Vec::new());
        for (s, truth) in story {
            match advance(alert.as_ref(), *truth, *truth, timing, false, at(*s)) {
                Turn::Stay => {}
                Turn::Move(next) => alert = next,
                Turn::Open { since, baseline } => {
                    alert = Some(opened(since, at(*s), baseline));
                    told.push(format!("+{s}"));
                }
                Turn::Close(_) => {
                    alert = None;
                    told.push(format!("-{s}"));
                }
            }
        }
        told
    }

    /// `for` and `clear_for` in seconds, what was read when, and what was told when.
    type Story = (u64, u64, &'static [(i64, Truth)], &'static [&'static str]);

    #[test]
    fn stories() {
        use Truth::{Clear as C, Holds as H, Unknown as U};
        let cases: &[Story] = &[
            (0, 0, &[(0, H), (5, C)], &["+0", "-5"]),
            (20, 0, &[(0, H), (19, H), (20, H), (30, C)], &["+20", "-30"]),
            (20, 0, &[(0, H), (10, C), (15, H), (25, H), (35, H)], &["+35"]),
            (0, 60, &[(0, H), (10, C), (30, H), (40, C), (99, C), (100, C)], &["+0", "-100"]),
            (
                20,
                60,
                &[(0, H), (5, U), (20, U), (25, H), (30, U), (200, U), (201, C), (260, C), (261, C)],
                &["+25", "-261"],
            ),
            (0, 0, &[(0, U), (5, C), (6, U)], &[]),
            // A clock that is set back starts the waiting anew, on both sides.
            (20, 60, &[(3600, H), (10, H), (29, H), (30, H), (3700, C), (40, C), (99, C), (100, C)], &["+30", "-100"]),
        ];
        for (hold_for, clear_for, story, expected) in cases {
            assert_eq!(told(timing(*hold_for, *clear_for), story), *expected, "{story:?}");
        }
    }

    #[test]
    fn the_gap_of_keep_while_holds_an_open_alert_and_opens_none() {
        let open = opened(at(0), at(0), false);
        assert_eq!(advance(Some(&open), Truth::Clear, Truth::Holds, timing(0, 0), false, at(9)), Turn::Stay);
        assert_eq!(advance(None, Truth::Clear, Truth::Holds, timing(0, 0), false, at(9)), Turn::Stay);
    }

    #[test]
    fn ids_come_from_content_and_parts_do_not_run_together() {
        assert_eq!(EpisodeId::derive("a", at(1)), EpisodeId::derive("a", at(1)));
        assert_ne!(digest(&["ab", "c"], 8), digest(&["a", "bc"], 8));
        assert_eq!(digest(&["a"], 16).len(), 32);
    }

    proptest! {
        #[test]
        fn openings_and_closings_alternate_and_unknown_turns_nothing(
            hold_for in 0_u64..30,
            clear_for in 0_u64..30,
            steps in prop::collection::vec((1_i64..20, 0_u8..3), 0..60),
        ) {
            let (mut now, mut alert, mut is_open) = (0, None, false);
            for (wait, truth) in steps {
                now += wait;
                let truth = [Truth::Holds, Truth::Clear, Truth::Unknown][usize::from(truth)];
                let turn = advance(alert.as_ref(), truth, truth, timing(hold_for, clear_for), false, at(now));
                if truth == Truth::Unknown {
                    prop_assert_eq!(&turn, &Turn::Stay);
                }
                match turn {
                    Turn::Stay => {}
                    Turn::Move(next) => alert = next,
                    Turn::Open { since, baseline } => {
                        prop_assert!(!is_open && at(now).since(since) >= Duration::from_secs(hold_for));
                        (alert, is_open) = (Some(opened(since, at(now), baseline)), true);
                    }
                    Turn::Close(_) => {
                        prop_assert!(is_open);
                        (alert, is_open) = (None, false);
                    }
                }
            }
        }
    }
}
