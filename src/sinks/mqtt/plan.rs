//! What must be published so that a broker's retained tree equals the desired one.
//!
//! Pure. Invariant, held by property tests: applying the plan to what is published gives what is desired, and an equal
//! tree needs no plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::board::retained::{ContentHash, RetainedState, Topic, Tree};
use crate::topics::rank;
use crate::units::Uptime;

/// How long a state stays unrepeated (features.md: lists at least every 12 h, since they expire at the broker in 24 h).
pub const REFRESH_EVERY: Duration = Duration::from_hours(12);

/// What is known of one topic at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It may be there, with whatever content: known from the ledger, or from a connection before this one.
    Unknown,
    /// The broker acknowledged it in this connection.
    Confirmed {
        /// The content it acknowledged.
        content: ContentHash,
        /// When it is to be said again.
        refresh_at: Uptime,
    },
}

/// One publish of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The full topic.
    pub topic: Topic,
    /// The state to retain, or `None` to clear the topic.
    pub state: Option<Arc<RetainedState>>,
}

/// Returns what must be published, in order: the bridge, statuses, lists, products, the rest; then what is cleared.
pub fn plan(desired: &Tree, published: &BTreeMap<Topic, Published>, now: Uptime) -> Vec<Step> {
    let mut steps: Vec<Step> = desired.keys().filter_map(|topic| step(topic, desired, published, now)).collect();
    steps.sort_by_key(|step| rank(&step.topic));
    let orphans = published.keys().filter(|topic| !desired.contains_key(*topic));
    let mut clearing: Vec<Step> = orphans.map(|topic| Step { topic: Arc::clone(topic), state: None }).collect();
    clearing.sort_by_key(|step| rank(&step.topic));
    steps.extend(clearing);
    steps
}

/// Returns what must be published to one topic, if anything.
pub fn step(topic: &Topic, desired: &Tree, published: &BTreeMap<Topic, Published>, now: Uptime) -> Option<Step> {
    let state = match (desired.get(topic), published.get(topic)) {
        (None, None) => return None,
        (None, Some(Published::Unknown | Published::Confirmed { .. })) => None,
        (Some(state), Some(Published::Confirmed { content, refresh_at }))
            if *content == state.hash() && now < *refresh_at =>
        {
            return None;
        }
        (Some(state), _) => Some(Arc::clone(state)),
    };
    Some(Step { topic: Arc::clone(topic), state })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::board::retained::Desired;

    fn state(body: &str) -> Arc<RetainedState> {
        Arc::new(RetainedState::new(body, None))
    }

    fn confirmed(state: &RetainedState, refresh_at_s: u64) -> Published {
        Published::Confirmed { content: state.hash(), refresh_at: Uptime(Duration::from_secs(refresh_at_s)) }
    }

    /// What the broker retains after the steps; `None` is a content nobody knows.
    fn apply(steps: &[Step], retained: &mut BTreeMap<Topic, Option<ContentHash>>) {
        for step in steps {
            match &step.state {
                Some(state) => retained.insert(step.topic.clone(), Some(state.hash())),
                None => retained.remove(&step.topic),
            };
        }
    }

    #[test]
    fn a_kitchen_opens_then_only_what_changed_goes_out() {
        let now = Uptime(Duration::from_secs(100));
        let base = "eightysix/v1/sahil/7";
        let of_venue = |topic: &str| Topic::from(format!("{base}/{topic}"));
        let desired: Tree = [
            (of_venue("product/54"), state("54 out")),
            (of_venue("station/3/stop"), state("grill: 54")),
            (of_venue("status"), state("fresh")),
            (of_venue("stop"), state("54")),
            ("eightysix/v1/bridge/info".into(), state("0.1.0")),
        ]
        .into();
        let mut published: BTreeMap<_, _> =
            [(of_venue("product/12"), Published::Unknown), (of_venue("stop"), Published::Unknown)].into();
        let topics = |steps: &[Step]| steps.iter().map(|step| step.topic.replace(base, "..")).collect::<Vec<_>>();
        let first = plan(&desired, &published, now);
        assert_eq!(
            topics(&first),
            ["eightysix/v1/bridge/info", "../status", "../station/3/stop", "../stop", "../product/54", "../product/12"]
        );
        assert!(first.last().is_some_and(|step| step.state.is_none()), "the orphan of the ledger is cleared");

        published = desired.iter().map(|(topic, state)| (topic.clone(), confirmed(state, 200))).collect();
        assert_eq!(plan(&desired, &published, now), []);
        let mut later = desired.clone();
        later.insert(of_venue("status"), state("stale"));
        assert_eq!(topics(&plan(&later, &published, now)), ["../status"]);
        assert_eq!(
            plan(&desired, &published, Uptime(Duration::from_secs(200))).len(),
            5,
            "said again before it expires"
        );
    }

    #[test]
    fn the_hash_covers_every_part_of_a_state() {
        let states = [("a", None), ("b", None), ("a", Some(0)), ("a", Some(1)), ("", Some(1))];
        let hashes: std::collections::BTreeSet<_> =
            states.map(|(body, expiry_s)| RetainedState::new(body, expiry_s).hash()).into();
        assert_eq!(hashes.len(), states.len());
        assert_eq!(RetainedState::new("a", None), RetainedState::new("a", None));
    }

    fn topic() -> impl Strategy<Value = Topic> {
        ("[ab]", 0..3_u8, prop_oneof!["status", "stop", "product/[1-3]", "alert/x", "station/1/stop"])
            .prop_map(|(brand, venue, leaf)| format!("base/v1/{brand}/{venue}/{leaf}").into())
    }

    #[derive(Clone, Debug)]
    enum Edit {
        Put(Topic, String),
        Remove(Topic),
        Replace(BTreeMap<Topic, String>),
        /// The feed takes its turn.
        Follow,
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let body = || "[xyz]";
        prop_oneof![
            6 => (topic(), body()).prop_map(|(topic, body)| Edit::Put(topic, body)),
            3 => topic().prop_map(Edit::Remove),
            1 => prop::collection::btree_map(topic(), body(), 0..6).prop_map(Edit::Replace),
            4 => Just(Edit::Follow),
        ]
    }

    proptest! {
        #[test]
        fn who_follows_the_edits_plans_what_the_whole_tree_needs(edits in prop::collection::vec(edit(), 0..60)) {
            let now = Uptime(Duration::from_secs(1));
            let (mut desired, mut published, mut followed) = (Desired::default(), BTreeMap::new(), None);
            for edit in edits.into_iter().chain([Edit::Follow]) {
                match edit {
                    Edit::Put(topic, body) => desired.put(topic, state(&body)),
                    Edit::Remove(topic) => desired.remove(&topic),
                    Edit::Replace(tree) => {
                        desired.replace(tree.into_iter().map(|(topic, body)| (topic, state(&body))).collect());
                    }
                    Edit::Follow => {
                        let Some(tree) = desired.tree() else { continue };
                        let whole = plan(tree, &published, now);
                        let of_edits = followed.and_then(|followed| desired.edited_since(followed)).map(|topics| {
                            let topics: std::collections::BTreeSet<&Topic> = topics.collect();
                            topics.into_iter().filter_map(|topic| step(topic, tree, &published, now)).collect()
                        });
                        let mut steps: Vec<Step> = of_edits.unwrap_or_else(|| whole.clone());
                        steps.sort_by_key(|step| (step.state.is_none(), rank(&step.topic)));
                        prop_assert_eq!(steps, whole);
                        published = tree.iter().map(|(topic, state)| (topic.clone(), confirmed(state, 100))).collect();
                        followed = Some(desired.edits());
                    }
                }
            }
        }

        #[test]
        fn applying_the_plan_gives_the_desired_tree(
            desired in prop::collection::btree_map(topic(), "[xyz]", 0..12),
            before in prop::collection::btree_map(topic(), prop::option::of("[xyz]"), 0..12),
            now_s in 0_u64..20,
        ) {
            let now = Uptime(Duration::from_secs(now_s));
            let desired: Tree = desired.into_iter().map(|(topic, body)| (topic, state(&body))).collect();
            let published: BTreeMap<_, _> = before
                .iter()
                .map(|(topic, body)| {
                    let known = body.as_ref().map_or(Published::Unknown, |body| confirmed(&state(body), 10));
                    (topic.clone(), known)
                })
                .collect();
            let mut retained: BTreeMap<_, _> = before
                .iter()
                .map(|(topic, body)| (topic.clone(), body.as_ref().map(|body| state(body).hash())))
                .collect();

            let steps = plan(&desired, &published, now);
            apply(&steps, &mut retained);
            let wanted: BTreeMap<_, _> =
                desired.iter().map(|(topic, state)| (topic.clone(), Some(state.hash()))).collect();
            prop_assert_eq!(retained, wanted);

            let mut topics: Vec<_> = steps.iter().map(|step| &step.topic).collect();
            prop_assert!(steps.is_sorted_by_key(|step| (step.state.is_none(), rank(&step.topic))));
            topics.sort();
            topics.dedup();
            prop_assert_eq!(topics.len(), steps.len(), "a topic is published once");

            let afterwards = desired.iter().map(|(topic, state)| (topic.clone(), confirmed(state, 100))).collect();
            prop_assert_eq!(plan(&desired, &afterwards, now), vec![]);
        }
    }
}
