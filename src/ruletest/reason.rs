//! Why news is held from a receiver, in the words of test files.
//!
//! Invariant: `judge` finds no other reasons than those that a test may expect.

use std::time::Duration;

use crate::units::human_duration;

/// The `for` is over, and only a reading can say that the rule still holds.
pub(super) const NEXT_READING: &str = "pending until the next reading";
/// The alert is open, but there is no such receiver.
pub(super) const NO_ROUTE: &str = "no route";
/// Nobody can say whether the rule holds.
pub(super) const UNREAD: &str = "something it asks for was not read";
/// Nothing is said of items.
pub(super) const STALE: &str = "the stop list is stale";
/// Nothing is said of items, and people are told so.
pub(super) const BLIND: &str = "the stop list is blind";
/// None of the windows of the rule is on.
pub(super) const OUTSIDE: &str = "outside its window";
/// An escalation is left out while somebody takes care of the alert.
pub(super) const TAKEN_CARE_OF: &str = "somebody takes care of it";

const FIXED: [&str; 7] = [NEXT_READING, NO_ROUTE, UNREAD, STALE, BLIND, OUTSIDE, TAKEN_CARE_OF];
/// Around the time that is left: of the `for`, of a mail's wait, and until an escalation.
const PENDING: [&str; 2] = ["pending for ", " more"];
const MAIL_WAITS: [&str; 2] = ["mail waits for ", " more"];
const ESCALATES: [&str; 2] = ["escalates in ", ""];

/// Before the alert that explains it, and before the time when a silence ends.
const BECAUSE_OF: &str = "because of ";
const SILENCED: &str = "silenced until ";

/// Names the alert that explains another.
pub(super) fn because_of(about: &str) -> String {
    format!("{BECAUSE_OF}{about}")
}

/// Names the time of day when a silence ends.
pub(super) fn silenced(until: &str) -> String {
    format!("{SILENCED}{until}")
}

/// Names the rest of a `for`.
pub(super) fn pending(left: Duration) -> String {
    PENDING.join(&human_duration(left))
}

/// Names the rest of a mail's wait.
pub(super) fn mail_waits(left: Duration) -> String {
    MAIL_WAITS.join(&human_duration(left))
}

/// Names the time until somebody is told of what stays open.
pub(super) fn escalates(left: Duration) -> String {
    ESCALATES.join(&human_duration(left))
}

/// Returns an example of every reason.
pub(super) fn examples() -> Vec<String> {
    let left = Duration::from_secs(12);
    let of_people = [because_of("ingredient-out: Dough"), silenced("19:00")];
    [pending(left), mail_waits(left), escalates(left)]
        .into_iter()
        .chain(of_people)
        .chain(FIXED.map(str::to_owned))
        .collect()
}

/// Says whether a test may expect this reason.
pub(super) fn is_known(why: &str) -> bool {
    let holds_a_time = |[start, end]: [&str; 2]| {
        let time = why.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        time.is_some_and(|time| time.starts_with(|c: char| c.is_ascii_digit()) && time.contains(' '))
    };
    let is_cause = why.strip_prefix(BECAUSE_OF).is_some_and(|about| about.contains(": "));
    let is_time = |time: &str| time.parse::<jiff::civil::Time>().is_ok();
    let is_silence = why.strip_prefix(SILENCED).is_some_and(is_time);
    FIXED.contains(&why) || is_cause || is_silence || [PENDING, MAIL_WAITS, ESCALATES].into_iter().any(holds_a_time)
}
