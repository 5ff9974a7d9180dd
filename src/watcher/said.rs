//! What the watcher says in the log: each failure once, until it is another one or is over.
//!
//! Must change nothing but what was said.

use std::time::Duration;

use crate::alerts::report::ReportKey;
use crate::clopos::budget::{Wait, Why};
use crate::clopos::decode::Oddities;
use crate::clopos::query::Request;
use crate::clopos::verdict::Verdict;
use crate::engine::Commit;
use crate::telemetry::Repeat;
use crate::units::human_duration;
use crate::watcher::{Watcher, thing_of};

/// Without a word nobody would know for so long why nothing is read.
const QUOTA_WAIT_SAID: Duration = Duration::from_secs(10);

/// Returns why nothing is read for so long that it is worth a line.
fn quota_trouble(wait: &Wait) -> Option<&'static str> {
    let why = match wait.why {
        Why::Pace => return None,
        Why::Told | Why::Window => {
            "the requests of this minute are used up; if another program asks for this brand too, both share its 300: give \
             one of them fewer (clopos.requests_per_minute)"
        }
        Why::AddressTold | Why::AddressWindow => {
            "too many logins or failed requests from this address in this minute; is the same brand read by a second \
             eightysix here?"
        }
    };
    (wait.time >= QUOTA_WAIT_SAID).then_some(why)
}

impl Watcher {
    /// Says once that the quota keeps the brand from being read, and that it no longer does.
    pub(super) fn say_quota(&mut self, wait: Option<&Wait>) {
        const QUOTA: &str = "the quota";
        let Some(wait) = wait else {
            self.is_told_to_wait = false;
            if self.repeats.works(QUOTA).is_some() {
                tracing::info!(brand = %self.engine.brand(), "the quota lets us read again");
            }
            return;
        };
        let Some(why) = quota_trouble(wait).filter(|_| !self.is_told_to_wait) else { return };
        if let Repeat::First { .. } = self.repeats.failed(QUOTA, why) {
            tracing::warn!(brand = %self.engine.brand(), "nothing is read for {}: {why}", human_duration(wait.time));
        }
    }

    /// Says what a commit could not do as it should have.
    pub(super) fn say_what_failed(&mut self, commit: &Commit) {
        for (ReportKey { receiver, venue, kind }, day) in &commit.missed {
            let brand = self.engine.brand();
            tracing::warn!(%brand, %venue, %receiver, %day, "the report {} could not be sent in time and is left out", kind.word());
        }
        for (rule, why) in &commit.unrendered {
            if let Repeat::First { .. } = self.repeats.failed(&format!("message of {rule}"), "fails") {
                let brand = self.engine.brand();
                tracing::error!(%brand, %rule, "a message cannot be put together, and goes out in our own words: {why}; mend it in its rule");
            }
        }
    }

    /// Says once of a thing that a part of it cannot be read and stays as it was; what is merely odd is for those who look.
    pub(super) fn say_oddities(&mut self, request: &Request, oddities: &Oddities) {
        let brand = self.engine.brand().clone();
        let key = format!("a part of {request}");
        match &oddities.held {
            Some((what, count)) => {
                if let Repeat::First { .. } = self.repeats.failed(&key, "held") {
                    tracing::warn!(%brand, count, "{request}: a part cannot be read and stays as it was, put it right in Clopos ({what})");
                }
            }
            None => {
                self.repeats.works(&key);
            }
        }
        if let (None, Some(oddity)) = (&oddities.held, oddities.first.first()) {
            tracing::debug!(%brand, count = oddities.count, "{request}: {}", oddity.what);
        }
    }

    /// Says once that answers came and nothing could be made of them.
    pub(super) fn say_doubt(&mut self, request: &Request) {
        let key = format!("the whole of {}", thing_of(request));
        let Some(doubt) = self.plan.doubt(request) else {
            self.repeats.works(&key);
            return;
        };
        if let Repeat::First { .. } = self.repeats.failed(&key, &doubt) {
            tracing::warn!(brand = %self.engine.brand(), "{}: {doubt}", thing_of(request));
        }
    }

    pub(super) fn say(&mut self, thing: &str, verdict: &Verdict) {
        let brand = self.engine.brand().clone();
        if let Repeat::First { .. } = self.repeats.failed(thing, verdict.word()) {
            if verdict.needs_a_person() {
                tracing::error!(%brand, verdict = verdict.word(), "{thing}: {verdict}");
            } else {
                tracing::warn!(%brand, verdict = verdict.word(), "{thing}: {verdict}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_for_the_quota_is_said_and_the_pace_is_not() {
        for (why, s, expected) in [
            (Why::Pace, 60, None),
            (Why::Window, 9, None),
            (Why::Window, 10, Some("another program")),
            (Why::Told, 58, Some("another program")),
            (Why::AddressTold, 58, Some("this address")),
            (Why::AddressWindow, 10, Some("this address")),
        ] {
            let said = quota_trouble(&Wait { time: Duration::from_secs(s), why });
            assert_eq!(said.is_some(), expected.is_some(), "{why:?} {s} s: {said:?}");
            assert!(said.zip(expected).is_none_or(|(said, expected)| said.contains(expected)), "{why:?}: {said:?}");
        }
    }
}
