//! How many live streams there may be, and how many of them somebody may hold.
//!
//! Each holds a socket for as long as it is read. Invariant: however many one visitor opens, others find places, and no
//! number of streams keeps a page, a sign-in or a look at the health of the process out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;

use crate::http::SOCKETS_MAX;
use crate::http::problem::Problem;

/// Streams at once: a quarter of the sockets is left for everything that is no stream.
const ALL_MAX: usize = SOCKETS_MAX as usize / 4 * 3;
/// Streams of one visitor at once: every screen of a large chain may use the same token, and a kitchen has a dozen behind one
/// address; half as many are then left for others.
pub(super) const SHARE_MAX: usize = SOCKETS_MAX as usize / 2;

/// Whom a stream is counted for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::http) enum Holder {
    /// Whoever has the token of this name, or is named so by the proxy.
    Named(String),
    /// Whoever comes from here, where nobody is asked who he is.
    Address(IpAddr),
}

impl Holder {
    /// Says who it is, for the log.
    fn shown(&self) -> String {
        match self {
            Self::Named(name) => format!("'{name}'"),
            Self::Address(address) => address.to_string(),
        }
    }
}

/// The places of streams, of which some are taken.
#[derive(Clone, Default)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: Count,
    /// Whoever holds none is not in it.
    each: BTreeMap<Holder, Count>,
}

/// How many are taken.
#[derive(Default)]
struct Count {
    streams: usize,
    /// Whether the log says that there were too many; until half of them are free, nobody wants to read it again.
    is_told: bool,
}

impl Count {
    /// Says whether there are too many for one more, and whether that is news.
    fn is_full(&mut self, most: usize) -> (bool, bool) {
        let is_full = self.streams >= most;
        let is_news = is_full && !self.is_told;
        self.is_told |= is_full;
        (is_full, is_news)
    }

    fn give_back(&mut self, most: usize) {
        self.streams = self.streams.saturating_sub(1);
        self.is_told &= self.streams > most / 2;
    }
}

impl Places {
    /// Takes a place for a stream, or says why there is none.
    pub(super) fn take(&self, holder: Holder) -> Result<Place, Problem> {
        let mut taken = self.taken();
        let own = taken.each.entry(holder.clone()).or_default();
        let (is_full, is_news) = own.is_full(SHARE_MAX);
        if is_full {
            if is_news {
                let who = holder.shown();
                tracing::warn!(%who, "somebody follows {SHARE_MAX} live streams, his share; more of his are refused");
            }
            let title = "too many live streams are open for this token, user or address";
            let detail = format!("each may follow {SHARE_MAX} at once: close some, or use another token");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, title).with_detail(detail).for_now());
        }
        let (is_full, is_news) = taken.all.is_full(ALL_MAX);
        if is_full {
            taken.each.retain(|_, count| count.streams > 0);
            if is_news {
                tracing::warn!("{ALL_MAX} live streams are open, as many as there may be; more are refused");
            }
            let detail = format!("there may be {ALL_MAX} at once: try again in a minute");
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many live streams are open");
            return Err(problem.with_detail(detail).for_now());
        }
        taken.all.streams += 1;
        taken.each.entry(holder.clone()).or_default().streams += 1;
        Ok(Place { places: self.clone(), holder })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken, for as long as it exists.
pub(super) struct Place {
    places: Places,
    holder: Holder,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all.give_back(ALL_MAX);
        if let Some(own) = taken.each.get_mut(&self.holder) {
            own.give_back(SHARE_MAX);
            if own.streams == 0 {
                taken.each.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn named(name: &str) -> Holder {
        Holder::Named(name.to_owned())
    }

    /// Takes so many places.
    fn take(places: &Places, holder: &Holder, count: usize) -> Vec<Place> {
        let place = |_| places.take(holder.clone()).unwrap_or_else(|problem| panic!("{problem:?}"));
        (0..count).map(place).collect()
    }

    /// With which status the next one is refused.
    fn refused(places: &Places, holder: &Holder) -> Option<(u16, bool)> {
        let response = places.take(holder.clone()).err()?.into_response();
        Some((response.status().as_u16(), response.headers().contains_key("retry-after")))
    }

    #[test]
    fn a_share_is_held_and_given_back() {
        let places = Places::default();
        let here = Holder::Address(IpAddr::from([127, 0, 0, 1]));
        let mut held = take(&places, &named("wall"), SHARE_MAX);
        assert_eq!(refused(&places, &named("wall")), Some((429, true)));
        for other in [named("anar"), here] {
            assert_eq!(refused(&places, &other), None, "{other:?}");
        }
        held.pop();
        assert_eq!(refused(&places, &named("wall")), None, "a place was given back");
        held.clear();
        let taken = places.taken();
        assert_eq!((taken.all.streams, taken.each.len()), (0, 0), "nobody is remembered who holds none");
    }

    #[test]
    fn all_together_leave_sockets_for_the_rest() {
        let places = Places::default();
        let wall = take(&places, &named("wall"), SHARE_MAX);
        let anar = take(&places, &named("anar"), ALL_MAX - SHARE_MAX);
        assert_eq!(refused(&places, &named("leyla")), Some((503, true)));
        assert_eq!(refused(&places, &named("wall")), Some((429, true)), "he is told what he can do about it");
        assert_eq!(places.taken().each.len(), 2, "who was refused is not remembered");
        drop(anar);
        assert_eq!(refused(&places, &named("leyla")), None);
        assert_eq!(wall.len() + (ALL_MAX - SHARE_MAX) + SOCKETS_MAX as usize / 4, SOCKETS_MAX as usize);
    }

    #[test]
    fn the_log_is_told_once_for_as_long_as_it_lasts() {
        let mut count = Count::default();
        let told = |count: &mut Count| count.is_full(4);
        count.streams = 4;
        assert_eq!([told(&mut count), told(&mut count)], [(true, true), (true, false)]);
        count.give_back(4);
        assert_eq!(told(&mut count), (false, false));
        count.streams = 4;
        assert_eq!(told(&mut count), (true, false), "one that comes and goes is no news");
        count.streams = 3;
        count.give_back(4);
        count.streams = 4;
        assert_eq!(told(&mut count), (true, true));
    }
}
