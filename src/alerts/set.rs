//! What can be said of a set of items at one moment: its name, and its members that hold.
//!
//! Names are made printable here, as everywhere in facts. Never lists more members than people read; how many there are is
//! counted all the same.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Value, context};

use crate::alerts::facts::{NAME_LENGTH_MAX, NAMELESS_CATEGORY, NAMELESS_STATION, NOT_IN_CATALOG, product_name};
use crate::alerts::words::values;
use crate::catalog::Catalog;
use crate::language::Language;
use crate::rules::Subject;
use crate::rules::set::SetKind;
use crate::snapshot::Snapshot;
use crate::units::{CategoryId, ProductId, StationId, printable};

/// Members that are named: a list for a meeting, and some kilobytes in an event.
pub const MEMBERS_MAX: usize = 50;

/// A set of items, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetFacts {
    /// What belongs together in it.
    pub kind: SetKind,
    /// The id of the category, the station or the product.
    pub id: u64,
    /// The name of the category, the station or the product.
    pub name: String,
    /// How many members hold.
    pub count: usize,
    /// How many members there are: active, visible products; venues of the brand.
    pub total: usize,
    /// The first that hold, in order of their ids.
    pub members: Vec<MemberFacts>,
}

/// A member of a set: a product of a category or station, a venue that lacks a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFacts {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
}

impl SetFacts {
    /// Returns what is known of a set of a venue before its members are counted; `None` for what is no such set.
    pub fn of_venue(snapshot: &Snapshot, subject: &Subject) -> Option<Self> {
        let catalog = &snapshot.picture.catalog;
        let (kind, id, name, total) = match subject {
            Subject::OfCategory(_, id) => {
                (SetKind::Category, id.0, category_name(catalog, *id), catalog.products_of(*id))
            }
            Subject::OfStation(_, id) => (SetKind::Station, id.0, station_name(catalog, *id), catalog.products_at(*id)),
            Subject::Brand | Subject::Venue(_) | Subject::Station(..) | Subject::Item(..) | Subject::OfVenues(_) => {
                return None;
            }
        };
        Some(Self { kind, id, name, count: 0, total, members: Vec::new() })
    }

    /// Returns what is known of a product at so many venues before those that lack it are counted. `snapshot` is of a venue
    /// that knows the product.
    pub fn of_venues(snapshot: Option<&Snapshot>, product: ProductId, venues: usize) -> Self {
        let name =
            snapshot.map_or_else(|| format!("#{product}{NOT_IN_CATALOG}"), |snapshot| product_name(snapshot, product));
        Self { kind: SetKind::Venues, id: product.0, name, count: 0, total: venues, members: Vec::new() }
    }

    /// Takes the members that hold; `named` names one by its id.
    #[must_use]
    pub fn with_members(self, members: impl Iterator<Item = u64>, named: impl Fn(u64) -> String) -> Self {
        let ids: Vec<u64> = members.collect();
        let named = ids.iter().take(MEMBERS_MAX).map(|id| MemberFacts { id: *id, name: named(*id) });
        // A category of which much is hidden can lack more than is on the menu.
        Self { count: ids.len(), total: self.total.max(ids.len()), members: named.collect(), ..self }
    }
}

/// The members of a set in a message: a list of names that knows how many it does not name.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) names: Vec<String>,
    pub(super) unnamed: usize,
}

impl Members {
    /// Names the members in the reader's language.
    pub(super) fn of(set: &SetFacts, language: Language) -> Self {
        let names = set.members.iter().map(|member| values::name(language, &member.name).into_owned()).collect();
        Self { names, unnamed: set.count.saturating_sub(set.members.len()) }
    }
}

impl Object for Members {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.names.get(key.as_usize()?).map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.names.len())
    }
}

/// Returns what a message can say of a set.
pub(super) fn value(set: &SetFacts, language: Language) -> Value {
    let SetFacts { kind, id, name, count, total, members: _ } = set;
    context! {
        kind => kind.word(),
        id => id,
        name => values::name(language, name),
        count => count,
        total => total,
        members => Value::from_object(Members::of(set, language)),
    }
}

fn category_name(catalog: &Catalog, id: CategoryId) -> String {
    catalog.category_name(id).map_or_else(|| format!("{NAMELESS_CATEGORY}{id}"), |it| printable(it, NAME_LENGTH_MAX))
}

fn station_name(catalog: &Catalog, id: StationId) -> String {
    let station = catalog.stations.get(&id);
    station.map_or_else(|| format!("{NAMELESS_STATION}{id}"), |it| printable(&it.name, NAME_LENGTH_MAX))
}
