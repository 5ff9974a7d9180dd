//! How one rule stands to the item: whether it holds and which part of it does not, and how far its alert has come.
//!
//! Asks as `rules::evaluate` does. What the book of alerts says goes before what holds now: the service may be behind.

use std::time::Duration;

use crate::alerts::lifecycle::{Alert, CALM_FOR, OpenAlert, UNSTABLE_WITHIN};
use crate::alerts::{AlertKey, timing};
use crate::explain::receivers::Post;
use crate::explain::set::Counted;
use crate::explain::{Account, Known, Standing};
use crate::language::Language;
use crate::rules::condition::Truth;
use crate::rules::field::{BrandField, Field, VenueField};
use crate::rules::subject::Scene;
use crate::rules::value::View;
use crate::rules::why::reasons;
use crate::rules::{Rule, State};
use crate::snapshot::StopRow;
use crate::units::{Timestamp, human_duration};

/// How many parts of a condition are named before it is said how many more there are.
const REASONS_MAX: usize = 2;

/// A rule that is asked about an item.
pub(super) struct Asked<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) rule: &'a Rule,
    pub(super) state: &'a State,
    pub(super) scene: &'a Scene<'a>,
    /// The item; `None` while neither catalog nor stop list knows it.
    pub(super) view: Option<View<'a>>,
    /// What it says of the set to which the item belongs, if it counts items together.
    pub(super) counted: Option<Counted>,
}

impl Asked<'_> {
    /// Says how the rule stands, and who was told of its alert.
    pub(super) fn account(&self, key: &AlertKey, alert: Option<&Alert>, post: &Post<'_>, now: Timestamp) -> Account {
        let is_within = self.scene.is_within(&self.rule.during, self.state.subject);
        let truth = self.truth(now);
        let (standing, mut says) = match alert {
            Some(Alert::Open(open)) => self.open(open, is_within, truth, now),
            Some(Alert::Pending { .. } | Alert::Rested(_)) | None if !is_within => {
                (Standing::OutsideWindow, vec![self.outside()])
            }
            Some(Alert::Pending { since, .. }) => (Standing::Pending, vec![self.pending(*since, now)]),
            Some(Alert::Rested(_)) | None => match truth {
                Truth::Holds => (Standing::Holds, vec![NOT_TAKEN_IN.to_owned()]),
                Truth::Clear => (Standing::Clear, self.why_not(now)),
                Truth::Unknown => (Standing::Unknown, self.why_not(now)),
            },
        };
        if self.rule.when.asks_for(is_known_to_the_service) {
            says.push("what it asks of the age of the reading, only the service knows".to_owned());
        }
        let (episode, receivers) = match alert.and_then(Alert::open) {
            Some(open) => (Some(open.episode.clone()), post.of_alert(key, open, Some(self.rule), None)),
            None => (None, Vec::new()),
        };
        Account { rule: key.rule.clone(), standing, episode, says, receivers }
    }

    /// What nobody can look at is unknown, as it is to the engine; an item that is not there is clear.
    fn truth(&self, now: Timestamp) -> Truth {
        if let Some(counted) = &self.counted {
            return counted.truths.0;
        }
        match &self.view {
            _ if !self.scene.sees_items() => Truth::Unknown,
            Some(view) => self.rule.when.truth(view, now),
            None if !self.scene.sees_products() && !self.state.needs_row => Truth::Unknown,
            None => Truth::Clear,
        }
    }

    fn why_not(&self, now: Timestamp) -> Vec<String> {
        if let Some(counted) = &self.counted {
            return vec![counted.says.clone()];
        }
        let Some(view) = self.view.as_ref().filter(|_| self.scene.sees_items()) else {
            return vec!["nothing is known of the item here".to_owned()];
        };
        let reasons = reasons(&self.rule.when, view, self.known.rules.price_lists(), Language::En, now);
        let more = reasons.len().saturating_sub(REASONS_MAX);
        let mut said: Vec<String> = reasons.into_iter().take(REASONS_MAX).map(|reason| reason.text).collect();
        if more > 0 {
            said.push(format!("and {more} more"));
        }
        said
    }

    fn outside(&self) -> String {
        let windows = self.rule.during.iter().map(|window| window.text.to_string()).collect::<Vec<_>>().join(", ");
        format!("it holds during {windows} only, and that is not now")
    }

    fn pending(&self, since: Timestamp, now: Timestamp) -> String {
        let (opens, since) = (since.plus(self.state.hold_for), self.known.time(since, now));
        let wait = human_duration(self.state.hold_for);
        if opens > now {
            format!(
                "it holds since {since}; after {wait}, at {}, it is told if it is still so",
                self.known.ahead(opens, now)
            )
        } else {
            format!("it holds since {since}, for longer than {wait}; the next reading that still shows it is told")
        }
    }

    fn open(&self, open: &OpenAlert, is_within: bool, truth: Truth, now: Timestamp) -> (Standing, Vec<String>) {
        let opened = self.known.time(open.opened_at, now);
        let age = human_duration(now.since(open.opened_at));
        let mut says = vec![format!("open since {opened} ({age}): {}", open.message)];
        if let Some(wait) = self.waited(open) {
            says.push(wait);
        }
        if timing(self.rule).is_some_and(|timing| open.is_unstable(timing)) {
            let (within, calm) = (human_duration(UNSTABLE_WITHIN), human_duration(CALM_FOR));
            says.push(format!(
                "unstable: it opened as the third turn within {within}, so its turns are not told until it is calm for {calm}"
            ));
        }
        if let Some(said) = &open.acknowledged {
            says.push(said.in_words(Language::En, self.known.zone));
        }
        if let Some(clear_since) = open.clear_since {
            let closes = timing(self.rule).map_or(clear_since, |timing| clear_since.plus(timing.clear_for(open)));
            let since = self.known.time(clear_since, now);
            says.push(if closes > now {
                format!("it no longer holds since {since}, and ends at {}", self.known.ahead(closes, now))
            } else {
                format!("it no longer holds since {since}, and ends with the next reading")
            });
            says.extend(self.why_not(now));
            return (Standing::Closing, says);
        }
        if !is_within {
            says.push(self.outside());
            return (Standing::Closing, says);
        }
        match truth {
            Truth::Holds => says.extend(self.counted.as_ref().map(|counted| counted.says.clone())),
            Truth::Clear => {
                let of_set = self.counted.as_ref().map(|counted| counted.truths.1);
                let of_item =
                    || self.state.keep_while.as_ref().zip(self.view.as_ref()).map(|(it, view)| it.truth(view, now));
                let keeps = of_set.or_else(of_item);
                let reason = if keeps == Some(Truth::Holds) { "it stays by its keep_while" } else { NOT_TAKEN_IN };
                says.push(reason.to_owned());
                says.extend(self.why_not(now));
            }
            Truth::Unknown => {
                says.push("it stays as long as nobody knows better".to_owned());
                says.extend(self.why_not(now));
            }
        }
        (Standing::Open, says)
    }

    /// Says why the alert opened later than the item went out: the rule waits, or nobody looked.
    fn waited(&self, open: &OpenAlert) -> Option<String> {
        if open.baseline {
            return Some("it was so already at the first reading of the venue".to_owned());
        }
        let row = self.view.as_ref().and_then(|view| match view {
            View::Item(_, item, _) => item.row,
            View::Station(..) | View::Venue(_) | View::Brand(_) => None,
        })?;
        let StopRow { seen_at, .. } = row;
        let waited = open.opened_at.since(*seen_at);
        let hold_for = self.state.hold_for;
        // What took longer has another reason: the limit changed, a window began.
        let is_its_wait =
            hold_for >= Duration::from_secs(1) && waited >= hold_for && waited < hold_for.saturating_mul(2);
        is_its_wait.then(|| format!("it had to hold for {} first", human_duration(hold_for)))
    }
}

/// Said of what holds and is not in the book of alerts, or the other way round.
const NOT_TAKEN_IN: &str = "the service has not taken that in yet; is it running, and on this configuration?";

/// How old a reading is and whether Clopos lets us in is not kept.
fn is_known_to_the_service(field: Field) -> bool {
    matches!(
        field,
        Field::Venue(VenueField::Reading | VenueField::Trouble | VenueField::ReadingAge)
            | Field::Brand(BrandField::Access)
    )
}
