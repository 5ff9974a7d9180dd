//! What the watcher says in the log: each failure once, until it is another one or is over.
//!
//! Must change nothing but what was said.

use crate::alerts::report::ReportKey;
use crate::clopos::decode::Oddities;
use crate::clopos::query::Request;
use crate::clopos::verdict::Verdict;
use crate::engine::Commit;
use crate::telemetry::Repeat;
use crate::watcher::{Watcher, thing_of};

impl Watcher {
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
