//! Puts the pages of a list together into one complete reading, or says why it is none.
//!
//! Pages are by offset over a table that people edit: a walk can skip or repeat rows, and `total` may change on the way
//! (clopos-api.md). Invariant: [`Progress::Complete`] means that the rows counted are the rows promised. That a product
//! missing from it is gone needs a second walk that agrees, which is the snapshot's rule.

use std::collections::{BTreeMap, BTreeSet};

use crate::clopos::decode::Page;

/// Pages in a walk. At 100 products a page these are 20,000, ten times the largest menus; a server that never ends its
/// pages must not eat the quota.
pub const PAGES_MAX: u32 = 200;
/// Times a walk starts again because the list was edited under it, before it waits for its next turn.
pub const RESTARTS_MAX: u32 = 3;

/// A walk on its way.
#[derive(Clone, Debug)]
pub struct Walk<T> {
    page_size: u32,
    next: u32,
    restarts: u32,
    rows: BTreeMap<u64, T>,
    listed: BTreeSet<u64>,
    unreadable: BTreeSet<u64>,
    nameless: u32,
    total: Option<u64>,
}

/// What a page did to the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// Ask for [`Walk::next_page`].
    More,
    /// The list was read to its end.
    Complete(Whole<T>),
    /// The list changed under the walk; it has begun again: ask for [`Walk::next_page`], which is 1.
    Restart {
        /// What was noticed, for people.
        why: String,
    },
    /// Not to be had now; start a new walk at its next turn.
    Failed {
        /// What was noticed, for people.
        why: String,
    },
}

/// A list read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole<T> {
    /// The rows by id, each once.
    pub rows: Vec<T>,
    /// Ids of rows that are there but could not be read: hold what was known of them.
    pub unreadable: Vec<u64>,
    /// False when a row's very id could not be read, or the API gave no total to check against: then a missing row must
    /// not be taken for removed.
    pub absence_counts: bool,
}

impl<T> Walk<T> {
    /// Starts a walk; `page_size` is the limit that the request asks for.
    pub const fn new(page_size: u32) -> Self {
        Self {
            page_size,
            next: 1,
            restarts: 0,
            rows: BTreeMap::new(),
            listed: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            nameless: 0,
            total: None,
        }
    }

    /// Returns the page to ask for, from 1.
    pub const fn next_page(&self) -> u32 {
        self.next
    }

    /// Takes the answer for [`Walk::next_page`].
    pub fn take(&mut self, page: Page<T>) -> Progress<T> {
        let Page { rows, listed, unreadable, nameless, total, last } = page;
        let first = self.next == 1;
        if !first && total != self.total {
            return self.restart(&format!("the number of rows went from {} to {}", told(self.total), told(total)));
        }
        self.total = total;
        let came = listed.len() as u64 + u64::from(nameless);
        let known_before = self.listed.len();
        self.listed.extend(listed);
        let repeats = !first && nameless == 0 && self.listed.len() == known_before;
        self.rows.extend(rows);
        self.unreadable.extend(unreadable);
        self.nameless = self.nameless.saturating_add(nameless);
        let ended = came == 0
            || repeats
            || match (total, last) {
                (Some(total), _) => self.count() >= total,
                (None, Some(last)) => self.next >= last,
                (None, None) => came < u64::from(self.page_size),
            };
        if !ended && self.next >= PAGES_MAX {
            return Progress::Failed { why: format!("the list does not end within {PAGES_MAX} pages") };
        }
        if !ended {
            self.next += 1;
            return Progress::More;
        }
        if repeats && came > 0 && total.is_none() {
            let why = format!("page {} repeats earlier ones and there is no total, so the end is not known", self.next);
            return self.restart(&why);
        }
        if total.is_some_and(|total| total != self.count() && total != self.count_with_variants()) {
            return self.restart(&format!("{} rows were read of {}", self.count(), told(total)));
        }
        self.complete()
    }

    /// Returns the distinct rows as the API lists them.
    fn count(&self) -> u64 {
        self.listed.len() as u64 + u64::from(self.nameless)
    }

    /// Returns the distinct rows if nested variants are counted too; whether `total` does so is not published.
    fn count_with_variants(&self) -> u64 {
        let nested = |id: &&u64| !self.listed.contains(*id);
        let unreadable = self.unreadable.iter().filter(nested).filter(|id| !self.rows.contains_key(*id)).count();
        self.count() + (self.rows.keys().filter(nested).count() + unreadable) as u64
    }

    fn restart(&mut self, what: &str) -> Progress<T> {
        let restarts = self.restarts + 1;
        if restarts > RESTARTS_MAX {
            return Progress::Failed { why: format!("{what}, for the {restarts}th time in a row") };
        }
        *self = Self { restarts, ..Self::new(self.page_size) };
        Progress::Restart { why: format!("{what}: the list was edited while it was read") }
    }

    fn complete(&mut self) -> Progress<T> {
        let absence_counts = self.nameless == 0 && self.total.is_some();
        let done = std::mem::replace(self, Self::new(self.page_size));
        Progress::Complete(Whole {
            rows: done.rows.into_values().collect(),
            unreadable: done.unreadable.into_iter().collect(),
            absence_counts,
        })
    }
}

fn told(total: Option<u64>) -> String {
    total.map_or_else(|| "unknown".to_owned(), |total| total.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: impl IntoIterator<Item = u64>, total: Option<u64>) -> Page<u64> {
        let listed: Vec<u64> = ids.into_iter().collect();
        let rows = listed.iter().map(|id| (*id, *id)).collect();
        Page { rows, listed, unreadable: Vec::new(), nameless: 0, total, last: None }
    }

    /// Walks over pages of three rows that a server gives in this order, and tells the story.
    fn story(pages: Vec<Page<u64>>) -> String {
        let mut walk = Walk::new(3);
        let mut told = Vec::new();
        for page in pages {
            let asked = walk.next_page();
            told.push(match walk.take(page) {
                Progress::More => format!("{asked}"),
                Progress::Complete(Whole { rows, unreadable, absence_counts }) => {
                    let sure = if absence_counts { "all" } else { "at least" };
                    let held = if unreadable.is_empty() { String::new() } else { format!(" hold {unreadable:?}") };
                    format!("{asked} {sure} {rows:?}{held}")
                }
                Progress::Restart { why } => format!("{asked} again: {why}"),
                Progress::Failed { why } => format!("{asked} failed: {why}"),
            });
        }
        told.join(" | ")
    }

    #[test]
    fn walks_end_as_their_pages_say() {
        let seven = Some(7);
        let cases = [
            (
                "in order",
                vec![page(1..4, seven), page(4..7, seven), page([7], seven)],
                "1 | 2 | 3 all [1, 2, 3, 4, 5, 6, 7]",
            ),
            ("nothing", vec![page([], Some(0))], "1 all []"),
            ("one full page", vec![page(1..4, Some(3))], "1 all [1, 2, 3]"),
            ("smaller pages than asked", vec![page(1..3, Some(4)), page(3..5, Some(4))], "1 | 2 all [1, 2, 3, 4]"),
            (
                "a row repeated and one lost",
                vec![page(1..4, Some(6)), page([3, 4, 5], Some(6)), page([], Some(6))],
                "1 | 2 | 3 again: 5 rows were read of 6: the list was edited while it was read",
            ),
            (
                "a row repeated, none lost",
                vec![page(1..4, Some(5)), page([3, 4, 5], Some(5))],
                "1 | 2 all [1, 2, 3, 4, 5]",
            ),
            (
                "one deleted meanwhile, then the walk is repeated",
                vec![page(1..4, seven), page(4..7, Some(6)), page(1..4, Some(3))],
                "1 | 2 again: the number of rows went from 7 to 6: the list was edited while it was read | 1 all [1, 2, 3]",
            ),
            (
                "one more than promised",
                vec![page(1..4, Some(2))],
                "1 again: 3 rows were read of 2: the list was edited while it was read",
            ),
            ("no total, short page", vec![page(1..4, None), page([4], None)], "1 | 2 at least [1, 2, 3, 4]"),
            (
                "no total, the page number is ignored",
                vec![page(1..4, None), page(1..4, None)],
                "1 | 2 again: page 2 repeats earlier ones and there is no total, so the end is not known: the list was \
                 edited while it was read",
            ),
            (
                "the page number is ignored, for ever",
                vec![page(1..4, seven); 8],
                "1 | 2 again: 3 rows were read of 7: the list was edited while it was read | \
                 1 | 2 again: 3 rows were read of 7: the list was edited while it was read | \
                 1 | 2 again: 3 rows were read of 7: the list was edited while it was read | \
                 1 | 2 failed: 3 rows were read of 7, for the 4th time in a row",
            ),
        ];
        for (name, pages, wanted) in cases {
            assert_eq!(story(pages), wanted, "{name}");
        }
    }

    #[test]
    fn pages_are_counted_when_no_row_is() {
        let paged = |ids: std::ops::Range<u64>| Page { last: Some(2), ..page(ids, None) };
        assert_eq!(story(vec![paged(1..4), paged(4..7)]), "1 | 2 at least [1, 2, 3, 4, 5, 6]");
    }

    #[test]
    fn variants_beside_their_products_count_or_not_as_the_total_does() {
        let with_variants = |total| {
            let mut page = page(1..3, Some(total));
            page.rows.extend([(10, 10), (11, 11)]);
            page
        };
        assert_eq!(story(vec![with_variants(2)]), "1 all [1, 2, 10, 11]");
        assert_eq!(story(vec![with_variants(4), page([], Some(4))]), "1 | 2 all [1, 2, 10, 11]");
    }

    #[test]
    fn rows_that_cannot_be_read_are_held_and_make_absence_doubtful() {
        let unread = Page { rows: vec![(1, 1)], unreadable: vec![2], ..page(1..3, Some(2)) };
        assert_eq!(story(vec![unread]), "1 all [1] hold [2]");
        let nameless = Page { nameless: 1, ..page(1..3, Some(3)) };
        assert_eq!(story(vec![nameless]), "1 at least [1, 2]");
    }

    #[test]
    fn a_list_without_an_end_is_left() {
        let mut walk = Walk::new(3);
        for n in 0..u64::from(PAGES_MAX) - 1 {
            assert_eq!(walk.take(page(n * 3 + 1..n * 3 + 4, Some(1_000_000))), Progress::More);
        }
        let Progress::Failed { why } = walk.take(page(900..903, Some(1_000_000))) else { panic!("no end") };
        assert!(why.contains("200 pages"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn a_complete_walk_has_as_many_rows_as_promised(
            pages in proptest::collection::vec((proptest::collection::vec(1_u64..12, 0..4), 0_u64..12), 1..8),
        ) {
            let mut walk = Walk::new(3);
            for (ids, total) in pages {
                if let Progress::Complete(whole) = walk.take(page(ids, Some(total))) {
                    assert_eq!(whole.rows.len() as u64, total);
                    assert!(whole.absence_counts && whole.rows.is_sorted());
                }
            }
        }
    }
}
