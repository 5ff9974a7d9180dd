//! Long lists, a page at a time: a cursor names the last item that was seen.
//!
//! A cursor holds a key and no position, so that a list that changes between two pages shows what stays in it exactly once.
//! Invariant: the items come in the order of their keys, and a cursor of another list is refused.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::api::input::read_query;
use crate::http::problem::Problem;

/// Items of a page when nobody says how many.
const LIMIT: usize = 100;
/// Items of a page at most: some hundred kilobytes.
pub(super) const LIMIT_MAX: usize = 500;

/// Which part of a list.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many items a page has: 1 to 500, 100 when nobody says.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Paging {
    /// Reads it for a list, with whose name its cursors begin.
    pub(super) fn of<K: Serialize + DeserializeOwned + Ord>(&self, list: &'static str) -> Result<Part<K>, Problem> {
        Part::of(list, self.limit, self.cursor.as_deref())
    }
}

/// A query that chooses nothing of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whole {}

/// The query of a list: what chooses among its items, and which part of them is asked for.
pub(super) struct Listed<T>(pub(super) T, pub(super) Paging);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Listed<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        // A name may be written with escapes.
        let is_paging = |pair: &&str| {
            let read = read_query::<Vec<(String, String)>>(pair, "").unwrap_or_default();
            read.iter().any(|(name, _)| name == "limit" || name == "cursor")
        };
        let (paging, chosen): (Vec<&str>, Vec<&str>) = pairs.partition(is_paging);
        Ok(Self(read_query(&chosen.join("&"), " `limit` `cursor`")?, read_query(&paging.join("&"), "")?))
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// Sent as `cursor` it returns what follows; null on the last page.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Writes each item in another shape.
    pub(super) fn map<U>(self, shape: impl Fn(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(shape).collect(), next_cursor: self.next_cursor }
    }
}

/// Which part of a list is asked for. `K` orders its items.
pub(super) struct Part<K> {
    /// What the cursors of this list begin with.
    list: &'static str,
    /// How many items a page has.
    pub(super) limit: usize,
    /// The key of the last item that was seen.
    pub(super) after: Option<K>,
}

impl<K: Serialize + DeserializeOwned + Ord> Part<K> {
    fn of(list: &'static str, limit: Option<usize>, cursor: Option<&str>) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let problem = Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read");
            return Err(problem.with_detail(format!("limit is from 1 to {LIMIT_MAX}")));
        }
        let after = match cursor {
            None => None,
            Some(cursor) => Some(read(list, cursor).ok_or_else(|| {
                let problem = Problem::new(StatusCode::BAD_REQUEST, "this is no cursor of this list");
                problem.with_detail("send the next_cursor of the page before, unchanged, or none to begin")
            })?),
        };
        Ok(Self { list, limit, after })
    }

    /// Cuts the page out of the whole list, which comes in any order.
    pub(super) fn cut<T>(self, items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Page<T> {
        let keyed = items.into_iter().map(|item| (key(&item), item));
        let mut rest: Vec<(K, T)> =
            keyed.filter(|(key, _)| self.after.as_ref().is_none_or(|seen| key > seen)).collect();
        rest.sort_by(|(one, _), (other, _)| one.cmp(other));
        let is_last = rest.len() <= self.limit;
        rest.truncate(self.limit);
        self.page(rest, is_last)
    }

    /// Makes a page of items that were cut by somebody else, with their keys.
    pub(super) fn page<T>(&self, items: Vec<(K, T)>, is_last: bool) -> Page<T> {
        let last = items.last().filter(|_| !is_last);
        let next_cursor = last.map(|(key, _)| written(self.list, key));
        Page { items: items.into_iter().map(|(_, item)| item).collect(), next_cursor }
    }
}

fn written<K: Serialize>(list: &str, key: &K) -> String {
    // Keys are numbers and texts, which JSON can hold.
    URL_SAFE_NO_PAD.encode(serde_json::to_string(&(list, key)).unwrap_or_default())
}

fn read<K: DeserializeOwned>(list: &str, cursor: &str) -> Option<K> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (of, key): (String, K) = serde_json::from_slice(&bytes).ok()?;
    (of == list).then_some(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Between two pages items come and go; those that stay are seen once.
        #[test]
        fn what_stays_in_a_list_is_seen_once(
            stays in prop::collection::btree_set(0_u32..500, 0..40),
            others in prop::collection::vec(prop::collection::btree_set(0_u32..500, 0..40), 1..8),
            limit in 1_usize..9,
        ) {
            let (mut cursor, mut seen, mut turn): (Option<String>, Vec<u32>, _) = (None, Vec::new(), 0);
            loop {
                let list: BTreeSet<u32> = stays.union(&others[turn % others.len()]).copied().collect();
                let part = Part::of("numbers", Some(limit), cursor.as_deref()).expect("our cursor");
                let page = part.cut(list, |number| *number);
                seen.extend(&page.items);
                turn += 1;
                let Some(next) = page.next_cursor else { break };
                cursor = Some(next);
            }
            prop_assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
            let seen: BTreeSet<u32> = seen.into_iter().collect();
            prop_assert!(stays.is_subset(&seen), "{stays:?} {seen:?}");
        }
    }

    #[test]
    fn a_cursor_of_another_list_or_of_nobody_is_refused() {
        let ours = written("brands", &"sahil");
        for (cursor, is_ours) in [(&*ours, true), (&written("alerts", &"sahil"), false), ("", false), ("x", false)] {
            assert_eq!(Part::<String>::of("brands", None, Some(cursor)).is_ok(), is_ours, "{cursor}");
        }
        for (limit, fits) in [(0, false), (1, true), (LIMIT_MAX, true), (LIMIT_MAX + 1, false)] {
            assert_eq!(Part::<String>::of("brands", Some(limit), None).is_ok(), fits, "{limit}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Chosen {
        brand: Option<String>,
    }

    #[tokio::test]
    async fn a_query_is_split_into_what_chooses_and_which_part() {
        for (query, wanted) in [
            ("", Ok((None, None, None))),
            ("?limit=5", Ok((None, Some(5), None))),
            ("?cursor=a%3Db&brand=s%C9%99hil&limit=5&", Ok((Some("s\u{259}hil"), Some(5), Some("a=b")))),
            ("?limit=5&limit=6", Err("'limit': send it once")),
            ("?limit=-1", Err("'limit': send a whole number")),
            ("?brands=x", Err("'brands': leave it out: there are brand, limit, cursor")),
            ("?%6Cimit=5", Ok((None, Some(5), None))),
        ] {
            let request = axum::http::Request::builder().uri(format!("/{query}")).body(()).expect("a request");
            let read = Listed::<Chosen>::from_request_parts(&mut request.into_parts().0, &()).await;
            let read = read.map_err(|problem| serde_json::to_value(problem).expect("JSON")["detail"].clone());
            let read = read.as_ref().map_err(|detail| detail.as_str().expect("a text"));
            let read =
                read.map(|Listed(chosen, paging)| (chosen.brand.as_deref(), paging.limit, paging.cursor.as_deref()));
            assert_eq!(read, wanted, "{query}");
        }
    }
}
