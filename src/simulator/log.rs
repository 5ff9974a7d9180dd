//! What the server was asked: the last requests and the counters that tests assert.
//!
//! Must never hold a header or a body: tokens and secrets are in there. Invariant: counters count every request since
//! the start, also those that fell out of the list.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::route::Endpoint;

/// Requests kept; older ones are only counted.
const ENTRIES_MAX: usize = 5_000;

/// The last requests and the counters.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RequestLog {
    /// Totals since the start.
    pub counters: Counters,
    /// The last requests, oldest first.
    pub requests: VecDeque<Entry>,
}

/// One request and how it was answered.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Entry {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// `GET` or `POST`.
    pub method: String,
    /// The path, without the base.
    pub path: String,
    /// The query as sent.
    pub query: String,
    /// The tenant, once the caller was known.
    pub brand: Option<String>,
    /// The venue that was asked about.
    pub venue: Option<u64>,
    /// The answer's status.
    pub status: u16,
    /// The scripted fault that shaped the answer.
    pub fault: Option<&'static str>,
}

/// Totals since the start.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Counters {
    /// Every request.
    pub requests: u64,
    /// Requests by endpoint; one to no endpoint counts nowhere here.
    pub by_endpoint: BTreeMap<Endpoint, u64>,
    /// Requests that tier 3 counted.
    pub tenant_requests: u64,
    /// Answers with status 400 and above.
    pub errors: u64,
    /// 429s that the caller caused, by tier: a watcher that paces itself has none.
    pub refused: Refused,
    /// Answers shaped by a scripted fault, scripted 429s among them.
    pub faults: u64,
    /// Entries that fell out of the list.
    pub forgotten: u64,
}

/// 429s that the caller caused.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Refused {
    /// Too many `POST /auth`.
    pub auth: u64,
    /// Too many errors.
    pub errors: u64,
    /// Too many requests for a brand.
    pub tenant: u64,
}

impl Refused {
    /// Returns the sum over the tiers.
    pub const fn total(self) -> u64 {
        self.auth + self.errors + self.tenant
    }
}

impl RequestLog {
    /// Notes a request.
    pub fn note(&mut self, entry: Entry, endpoint: Option<Endpoint>) {
        let counters = &mut self.counters;
        counters.requests += 1;
        counters.errors += u64::from(entry.status >= 400);
        counters.faults += u64::from(entry.fault.is_some());
        if let Some(endpoint) = endpoint {
            *counters.by_endpoint.entry(endpoint).or_default() += 1;
        }
        if self.requests.len() >= ENTRIES_MAX {
            self.requests.pop_front();
            counters.forgotten += 1;
        }
        self.requests.push_back(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_the_counters_are_not() {
        let mut log = RequestLog::default();
        for at_ms in 0..6_000 {
            let entry = Entry {
                at_ms,
                method: "GET".into(),
                path: "/venues".into(),
                query: String::new(),
                brand: None,
                venue: None,
                status: 401,
                fault: None,
            };
            log.note(entry, Some(Endpoint::Venues));
        }
        assert_eq!((log.requests.len(), log.requests[0].at_ms), (ENTRIES_MAX, 1_000));
        assert_eq!((log.counters.requests, log.counters.forgotten, log.counters.errors), (6_000, 1_000, 6_000));
        let shown = serde_json::to_value(&log.counters).expect("plain data");
        assert_eq!(shown["by_endpoint"]["venues"], 6_000);
    }
}
