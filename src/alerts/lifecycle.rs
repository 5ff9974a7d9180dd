//! The life of one alert: inactive -> pending -> firing -> clearing -> resolved, and unstable.
//!
//! One pure function over (state, truth, timing, now). An alert that goes on and off stays open until it has been calm:
//! see [`Timing::damps`]. Invariant: Unknown leaves an alert exactly where it is, and an episode that never opened never
//! closes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::alerts::hold::Hold;
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::Acknowledgement;
use crate::alerts::set::SetFacts;
use crate::alerts::texts::Texts;
use crate::rules::Severity;
use crate::rules::condition::Truth;
use crate::snapshot::Gap;
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
    /// Whether one that opens as the last of [`UNSTABLE_TURNS`] turns within [`UNSTABLE_WITHIN`] is unstable, and closes
    /// only when it has been clear for [`CALM_FOR`].
    pub damps: bool,
}

impl Timing {
    /// Returns how long this alert must be clear before it closes.
    pub fn clear_for(&self, open: &OpenAlert) -> Duration {
        if open.is_unstable(*self) { self.clear_for.max(CALM_FOR) } else { self.clear_for }
    }
}

/// So many openings and closings make an alert unstable, the opening that makes it so among them.
pub const UNSTABLE_TURNS: usize = 3;
/// They count for so long.
pub const UNSTABLE_WITHIN: Duration = Duration::from_mins(15);
/// So long without a turn, an alert is no longer unstable.
pub const CALM_FOR: Duration = Duration::from_mins(10);

/// When an alert opened and closed of late, the oldest first: what may make its next opening unstable.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Turns(Vec<Timestamp>);

impl Turns {
    /// Takes times that were stored before.
    pub fn from_stored(times: Vec<Timestamp>) -> Self {
        Self(times)
    }

    /// Returns the times.
    pub fn times(&self) -> &[Timestamp] {
        &self.0
    }

    /// Returns those that still count. One that lies ahead is of a clock that was set back since, and counts no more.
    fn recent(&self, now: Timestamp) -> Self {
        let counts = |at: &&Timestamp| **at <= now && now.since(**at) < UNSTABLE_WITHIN;
        Self(self.0.iter().filter(counts).copied().collect())
    }

    /// Returns them with one more; older ones than make an opening unstable are forgotten.
    fn and(&self, now: Timestamp) -> Self {
        let mut recent = self.recent(now);
        recent.0.push(now);
        let too_many = recent.0.len().saturating_sub(UNSTABLE_TURNS);
        recent.0.drain(..too_many);
        recent
    }

    /// Returns the alert that is left of them when there is no other.
    fn rest(self) -> Option<Alert> {
        (!self.0.is_empty()).then_some(Alert::Rested(self))
    }
}

/// An alert that is pending or open, or was of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// The rule holds, but not yet for long enough.
    Pending {
        /// When it was first seen to hold.
        since: Timestamp,
        /// True when it already held in the first reading of its venue.
        baseline: bool,
        /// When it turned before.
        turns: Turns,
    },
    /// Firing, or clearing when `clear_since` is set.
    Open(Box<OpenAlert>),
    /// Resolved, and remembered only for as long as its turns count.
    Rested(Turns),
}

impl Alert {
    /// Returns it while it is open.
    pub fn open(&self) -> Option<&OpenAlert> {
        match self {
            Self::Open(open) => Some(open),
            Self::Pending { .. } | Self::Rested(_) => None,
        }
    }

    /// Says whether only its turns are remembered.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Rested(_))
    }
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
    /// When it turned of late, its opening included.
    pub turns: Turns,
    /// Of an alert that is unstable, since when it holds without a break.
    pub unstable_since: Option<Timestamp>,
    /// The set that it is about, with the members that hold; who of them holds may differ from what was told.
    pub set: Option<SetFacts>,
    /// When nobody had read the list before the reading that first showed it so, if that was for long.
    pub found_after: Option<Gap>,
}

impl OpenAlert {
    /// Says whether it goes on and off, so that it is told to be over only when it is calm.
    pub fn is_unstable(&self, timing: Timing) -> bool {
        timing.damps && self.unstable_since.is_some()
    }
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
        /// When it turned of late, this opening included.
        turns: Turns,
        /// The time of it when there were too many of them.
        unstable_since: Option<Timestamp>,
    },
    /// The alert closes, and this is left of it.
    Close(Box<OpenAlert>, Option<Alert>),
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
    let open = |since: Timestamp, baseline: bool, turns: &Turns| {
        let turns = if timing.damps { turns.and(now) } else { Turns::default() };
        let unstable_since = (turns.0.len() >= UNSTABLE_TURNS).then_some(now);
        Turn::Open { since, baseline, turns, unstable_since }
    };
    let begin = |turns: &Turns| match holds {
        Truth::Holds if timing.hold_for.is_zero() => open(now, baseline, turns),
        Truth::Holds => Turn::Move(Some(Alert::Pending { since: now, baseline, turns: turns.clone() })),
        Truth::Clear | Truth::Unknown => Turn::Stay,
    };
    match alert {
        None => begin(&Turns::default()),
        Some(Alert::Rested(turns)) => {
            let counts = timing.damps && turns.recent(now) != Turns::default();
            if counts || holds == Truth::Holds { begin(turns) } else { Turn::Move(None) }
        }
        Some(Alert::Pending { since, baseline, turns }) => match holds {
            Truth::Holds if now.since(*since) >= timing.hold_for => open(*since, *baseline, turns),
            // The clock was set back: waiting for it to catch up could take hours.
            Truth::Holds if now < *since => {
                Turn::Move(Some(Alert::Pending { since: now, baseline: *baseline, turns: turns.clone() }))
            }
            Truth::Holds | Truth::Unknown => Turn::Stay,
            Truth::Clear => Turn::Move(turns.recent(now).rest()),
        },
        Some(Alert::Open(open)) => advance_open(open, keeps, timing, now),
    }
}

fn advance_open(open: &OpenAlert, keeps: Truth, timing: Timing, now: Timestamp) -> Turn {
    let to = |open: OpenAlert| Turn::Move(Some(Alert::Open(Box::new(open))));
    let clear_for = timing.clear_for(open);
    match (keeps, open.clear_since) {
        (Truth::Holds, Some(_)) => {
            to(OpenAlert { clear_since: None, unstable_since: open.unstable_since.map(|_| now), ..open.clone() })
        }
        // Calm, or of a clock that was set back since.
        (Truth::Holds, None) if open.unstable_since.is_some_and(|at| now < at || now.since(at) >= CALM_FOR) => {
            to(OpenAlert { unstable_since: None, turns: Turns::default(), ..open.clone() })
        }
        (Truth::Clear, None) if clear_for.is_zero() => close(open, timing, now),
        (Truth::Clear, Some(since)) if now.since(since) >= clear_for => close(open, timing, now),
        // A start that lies ahead is of a clock that was set back since.
        (Truth::Clear, since) if since.is_none_or(|since| now < since) => {
            to(OpenAlert { clear_since: Some(now), ..open.clone() })
        }
        (Truth::Unknown, _) | (Truth::Holds, None) | (Truth::Clear, None | Some(_)) => Turn::Stay,
    }
}

/// Closes an alert. What was unstable is calm now, and its turns count no more.
fn close(open: &OpenAlert, timing: Timing, now: Timestamp) -> Turn {
    let counts = timing.damps && open.unstable_since.is_none();
    let rest = counts.then(|| open.turns.and(now).rest()).flatten();
    Turn::Close(Box::new(open.clone()), rest)
}

/// Returns when time alone may turn this alert, and why (style 27).
pub fn deadline(alert: &Alert, timing: Timing) -> Option<(Timestamp, &'static str)> {
    match alert {
        Alert::Pending { since, .. } => Some((since.plus(timing.hold_for), "an alert has held long enough to open")),
        Alert::Open(open) => match (open.clear_since, open.unstable_since) {
            (Some(since), _) => {
                Some((since.plus(timing.clear_for(open)), "an alert has been clear long enough to close"))
            }
            (None, Some(since)) => Some((since.plus(CALM_FOR), "an alert has been calm for long enough")),
            (None, None) => None,
        },
        Alert::Rested(_) => None,
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
        let [hold_for, clear_for] = [hold_for_s, clear_for_s].map(Duration::from_secs);
        Timing { hold_for, clear_for, damps: false }
    }

    fn opened(
        since: Timestamp,
        now: Timestamp,
        baseline: bool,
        turns: Turns,
        unstable_since: Option<Timestamp>,
    ) -> Alert {
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
            turns,
            unstable_since,
            set: None,
            found_after: None,
        }))
    }

    /// Runs a story of (second, truth) and returns what was told: `+` opened, `~` opened unstable, `-` closed, with the
    /// second.
    fn told(timing: Timing, story: &[(i64, Truth)]) -> Vec<String> {
        let (mut alert, mut told) = (None, Vec::new());
        for (s, truth) in story {
            match advance(alert.as_ref(), *truth, *truth, timing, false, at(*s)) {
                Turn::Stay => {}
                Turn::Move(next) => alert = next,
                Turn::Open { since, baseline, turns, unstable_since } => {
                    alert = Some(opened(since, at(*s), baseline, turns, unstable_since));
                    told.push(format!("{}{s}", if unstable_since.is_some() { '~' } else { '+' }));
                }
                Turn::Close(_, rest) => {
                    alert = rest;
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
    fn what_goes_on_and_off_is_told_to_be_over_when_it_is_calm() {
        use Truth::{Clear as C, Holds as H, Unknown as U};
        let cases: &[Story] = &[
            // The third turn is an opening: it ends after ten minutes of calm, however often it turns until then.
            (
                0,
                0,
                &[(0, H), (60, C), (120, H), (180, C), (240, H), (300, C), (899, C), (900, C)],
                &["+0", "-60", "~120", "-900"],
            ),
            // Two turns are none too many, nor three in more than a quarter of an hour.
            (0, 0, &[(0, H), (60, C), (900, H), (960, C)], &["+0", "-60", "+900", "-960"]),
            (0, 0, &[(0, H), (60, C), (899, H), (960, C), (1560, C)], &["+0", "-60", "~899", "-1560"]),
            // One that was open for long and is over has turned once.
            (
                0,
                0,
                &[(0, H), (5000, C), (5060, H), (5120, C), (5180, H), (5240, C), (5840, C)],
                &["+0", "-5000", "+5060", "-5120", "~5180", "-5840"],
            ),
            // It stays on for ten minutes: it is not unstable any more, and ends as others do.
            (
                0,
                0,
                &[(0, H), (60, C), (120, H), (180, C), (200, H), (799, H), (800, H), (810, C)],
                &["+0", "-60", "~120", "-810"],
            ),
            (
                0,
                0,
                &[(0, H), (60, C), (120, H), (180, C), (200, H), (799, H), (810, C), (1409, C), (1410, C)],
                &["+0", "-60", "~120", "-1410"],
            ),
            // What nobody knows is no turn, and does not end the calm.
            (
                0,
                0,
                &[(0, H), (60, C), (120, H), (180, C), (240, U), (700, U), (780, C)],
                &["+0", "-60", "~120", "-780"],
            ),
            // Calm ends it: what came before counts no more.
            (
                0,
                0,
                &[(0, H), (60, C), (120, H), (180, C), (780, C), (790, H), (800, C)],
                &["+0", "-60", "~120", "-780", "+790", "-800"],
            ),
            // A longer wait of the rule itself stays.
            (
                0,
                700,
                &[(0, H), (1, C), (701, C), (702, H), (703, C), (1402, C), (1403, C)],
                &["+0", "-701", "~702", "-1403"],
            ),
            // What never opened is no turn.
            (90, 0, &[(0, H), (60, C), (120, H), (180, C), (240, H), (330, H), (340, C)], &["+330", "-340"]),
            // A clock that was set back: what lies ahead of it counts no more.
            (0, 0, &[(9000, H), (9060, C), (120, H), (180, C)], &["+9000", "-9060", "+120", "-180"]),
        ];
        for (hold_for, clear_for, story, expected) in cases {
            let timing = Timing { damps: true, ..timing(*hold_for, *clear_for) };
            assert_eq!(told(timing, story), *expected, "{story:?}");
        }
    }

    #[test]
    fn the_gap_of_keep_while_holds_an_open_alert_and_opens_none() {
        let open = opened(at(0), at(0), false, Turns::default(), None);
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
            damps in any::<bool>(),
            steps in prop::collection::vec((1_i64..400, 0_u8..3), 0..60),
        ) {
            let (mut now, mut alert, mut is_open) = (0, None, false);
            let timing = Timing { damps, ..timing(hold_for, clear_for) };
            let mut said: Vec<i64> = Vec::new();
            for (wait, truth) in steps {
                now += wait;
                let truth = [Truth::Holds, Truth::Clear, Truth::Unknown][usize::from(truth)];
                let turn = advance(alert.as_ref(), truth, truth, timing, false, at(now));
                if truth == Truth::Unknown {
                    prop_assert!(matches!(turn, Turn::Stay | Turn::Move(None)), "{:?}", turn);
                }
                match turn {
                    Turn::Stay => {}
                    Turn::Move(next) => alert = next,
                    Turn::Open { since, baseline, turns, unstable_since } => {
                        prop_assert!(!is_open && at(now).since(since) >= Duration::from_secs(hold_for));
                        (alert, is_open) = (Some(opened(since, at(now), baseline, turns, unstable_since)), true);
                        said.push(now);
                    }
                    Turn::Close(_, rest) => {
                        prop_assert!(is_open);
                        (alert, is_open) = (rest, false);
                        said.push(now);
                    }
                }
            }
            // Three turns, of which the last is an opening, and one closing that none of them made unstable.
            let most = said.iter().map(|last| said.iter().filter(|at| (last - 599..=*last).contains(*at)).count()).max();
            prop_assert!(!damps || most.is_none_or(|most| most <= UNSTABLE_TURNS + 1), "{:?}", said);
        }
    }
}
