//! The one place that decides whether a receiver is told of an open alert now, or not yet, and why not.
//!
//! One cause, one message: who is told of what explains an alert is not told of the alert, until the cause is over.
//! Invariant, tested: of alerts that explain each other in a circle, one is told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::alerts::AlertKey;
use crate::alerts::notice::ReceiverName;
use crate::alerts::silence::SilenceId;

/// Why a receiver is not told of an open alert for now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// Another alert explains it, of which he is told.
    Cause(AlertKey),
    /// Somebody asked for silence.
    Silence(SilenceId),
}

/// An alert that is open, or will be in a moment, as far as it may explain others.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// Its identity.
    pub key: &'a AlertKey,
    /// Who is told of it, and who will be when what holds it is over.
    pub audience: BTreeSet<ReceiverName>,
    /// It no longer holds, and is about to close.
    pub is_clearing: bool,
}

/// An open alert, and who waits to be told of it.
#[derive(Clone, Debug)]
pub struct Waiting<'a> {
    /// Its identity.
    pub key: &'a AlertKey,
    /// Those who are to be told, with what held them until now.
    pub receivers: BTreeMap<ReceiverName, Option<Hold>>,
    /// The silence that covers it.
    pub silence: Option<SilenceId>,
}

/// For every alert and receiver what holds the news back, or `None` to tell it now.
pub type Decided = BTreeMap<(AlertKey, ReceiverName), Option<Hold>>;

/// Decides for everybody who waits: a reason to wait on, or `None` to be told now.
///
/// `explains(cause, effect)` says whether the first is why the second is so.
pub fn decide(
    waiting: &[Waiting<'_>],
    standing: &[Standing<'_>],
    explains: &dyn Fn(&AlertKey, &AlertKey) -> bool,
) -> Decided {
    let mut causes: Vec<&Standing<'_>> = standing.iter().collect();
    causes.sort_by_key(|cause| (Reverse(cause.key.subject.kind()), cause.key));
    let mut decided = Decided::new();
    for Waiting { key: effect, receivers, silence } in waiting {
        let explaining: Vec<bool> = causes.iter().map(|cause| explains(cause.key, effect)).collect();
        for (receiver, held) in receivers {
            // What was held stays so while its cause is about to close: what it explains needs a moment to follow.
            let lingers =
                |cause: &Standing<'_>| cause.is_clearing && matches!(held, Some(Hold::Cause(key)) if key == cause.key);
            let holds = |(cause, explains): &(&&Standing<'_>, &bool)| {
                (**explains || lingers(cause))
                    && cause.audience.contains(receiver)
                    && !leads_to(&decided, cause.key, receiver, effect)
            };
            let cause = || causes.iter().zip(&explaining).find(holds).map(|(cause, _)| Hold::Cause(cause.key.clone()));
            let hold = silence.clone().map(Hold::Silence).or_else(cause);
            decided.insert(((*effect).clone(), receiver.clone()), hold);
        }
    }
    decided
}

/// Says whether `from` is held, over any number of causes, by `to`.
fn leads_to(decided: &Decided, from: &AlertKey, receiver: &ReceiverName, to: &AlertKey) -> bool {
    let mut at = from.clone();
    loop {
        if at == *to {
            return true;
        }
        match decided.get(&(at, receiver.clone())) {
            Some(Some(Hold::Cause(next))) => at = next.clone(),
            Some(Some(Hold::Silence(_)) | None) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{RuleName, Subject};
    use crate::units::{ProductId, StationId, VenueId};

    fn key(subject: Subject) -> AlertKey {
        AlertKey { subject, rule: RuleName::new("out").expect("a name") }
    }

    fn item(id: u64) -> AlertKey {
        key(Subject::Item(VenueId(1), ProductId(id)))
    }

    fn name(receiver: &str) -> ReceiverName {
        ReceiverName::new(receiver)
    }

    fn standing<'a>(key: &'a AlertKey, audience: &[&str]) -> Standing<'a> {
        Standing { key, audience: audience.iter().map(|receiver| name(receiver)).collect(), is_clearing: false }
    }

    fn waiting<'a>(key: &'a AlertKey, receivers: &[&str]) -> Waiting<'a> {
        let receivers = receivers.iter().map(|receiver| (name(receiver), None)).collect();
        Waiting { key, receivers, silence: None }
    }

    #[test]
    fn who_hears_of_the_cause_is_not_told_of_its_effect() {
        let (onion, stew) = (item(1), item(2));
        let standing = [standing(&onion, &["managers"]), standing(&stew, &["kitchen", "managers"])];
        let decided = decide(&[waiting(&stew, &["kitchen", "managers"])], &standing, &|cause, effect| {
            (cause, effect) == (&onion, &stew)
        });
        assert_eq!(decided[&(stew.clone(), name("kitchen"))], None, "nobody told the kitchen why");
        assert_eq!(decided[&(stew.clone(), name("managers"))], Some(Hold::Cause(onion.clone())));
    }

    #[test]
    fn the_widest_cause_is_named() {
        let (station, onion, stew) = (key(Subject::Station(VenueId(1), StationId(3))), item(1), item(2));
        let standing = [standing(&onion, &["a"]), standing(&station, &["a"])];
        let decided = decide(&[waiting(&stew, &["a"])], &standing, &|_, _| true);
        assert_eq!(decided[&(stew, name("a"))], Some(Hold::Cause(station)));
    }

    #[test]
    fn a_cause_that_is_about_to_close_holds_what_it_held_and_nothing_new() {
        let (onion, stew, soup) = (item(1), item(2), item(3));
        let closing = Standing { is_clearing: true, ..standing(&onion, &["a"]) };
        let held = Waiting { receivers: [(name("a"), Some(Hold::Cause(onion.clone())))].into(), ..waiting(&stew, &[]) };
        let decided = decide(&[held, waiting(&soup, &["a"])], &[closing], &|_, _| false);
        assert_eq!(decided[&(stew, name("a"))], Some(Hold::Cause(onion)));
        assert_eq!(decided[&(soup, name("a"))], None);
    }

    #[test]
    fn a_silence_comes_first() {
        let (onion, stew) = (item(1), item(2));
        let silence = SilenceId::from_stored("0a0b0c0d");
        let silenced = Waiting { silence: Some(silence.clone()), ..waiting(&stew, &["a"]) };
        let decided = decide(&[silenced], &[standing(&onion, &["a"])], &|_, _| true);
        assert_eq!(decided[&(stew, name("a"))], Some(Hold::Silence(silence)));
    }

    proptest! {
        /// Whatever explains what: behind every alert that is held stands one that is told, or was.
        #[test]
        fn nobody_is_left_untold(
            count in 1..7_u64,
            arrows in proptest::collection::vec((0..7_u64, 0..7_u64), 0..30),
            told in proptest::collection::btree_set(0..7_u64, 0..3),
        ) {
            let keys: Vec<AlertKey> = (0..count).map(item).collect();
            let standing: Vec<Standing<'_>> = keys.iter().map(|key| standing(key, &["a"])).collect();
            let fresh = keys.iter().enumerate().filter(|(n, _)| !told.contains(&(*n as u64)));
            let waiting: Vec<Waiting<'_>> = fresh.map(|(_, key)| waiting(key, &["a"])).collect();
            let explains = |cause: &AlertKey, effect: &AlertKey| {
                arrows.iter().any(|(from, to)| (&item(*from), &item(*to)) == (cause, effect))
            };
            let decided = decide(&waiting, &standing, &explains);
            for Waiting { key, .. } in &waiting {
                let mut at = (*key).clone();
                for _ in 0..=count {
                    match decided.get(&(at.clone(), name("a"))) {
                        Some(Some(Hold::Cause(cause))) => at = cause.clone(),
                        Some(Some(Hold::Silence(_))) => unreachable!("nothing is silenced"),
                        Some(None) | None => break,
                    }
                }
                let is_told = !matches!(decided.get(&(at.clone(), name("a"))), Some(Some(_)));
                prop_assert!(is_told, "{key:?} hangs under {at:?}, of which nobody is told");
            }
        }
    }
}
