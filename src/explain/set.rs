//! How a rule that counts items together stands: which set the item belongs to, and which of its members hold.
//!
//! Counts anew what is stored; of a product over the venues, at every venue that the brand has.

use crate::alerts::facts;
use crate::explain::Known;
use crate::rules::condition::Truth;
use crate::rules::evaluate;
use crate::rules::set::{AtLeast, Counts, Gathered, SetKind, sees_sets};
use crate::rules::subject::{Scene, VenueView};
use crate::rules::{Rule, State, Subject};
use crate::snapshot::{FreshnessLimits, Snapshot};
use crate::units::{ProductId, Timestamp};

/// Members that are named before it is said how many more there are.
const NAMED_MAX: usize = 10;

/// What a rule says of a set.
pub(super) struct Counted {
    /// Whether enough members hold, and whether enough keep an open alert.
    pub(super) truths: (Truth, Truth),
    /// How many there are, and which.
    pub(super) says: String,
}

impl Known<'_> {
    /// Returns what rules may say of an item at a venue: what they say of itself and of the sets to which it belongs.
    pub fn subjects_of(&self, snapshot: &Snapshot, product: ProductId) -> Vec<Subject> {
        let scene = Scene::new(self.view_of(snapshot), self.rules.price_lists(), snapshot.watched_since);
        let item = scene.item(product);
        let of = |kind: &SetKind| kind.of(snapshot.id(), scene.catalog(), item.as_ref()?);
        let is_counted =
            |kind: &SetKind| self.rules.rules().iter().any(|it| it.at_least().is_some_and(|it| it.of == *kind));
        let sets = SetKind::ALL.iter().filter(|kind| is_counted(kind)).filter_map(of);
        std::iter::once(Subject::Item(snapshot.id(), product)).chain(sets).collect()
    }

    pub(super) fn view_of<'s>(&'s self, snapshot: &'s Snapshot) -> VenueView<'s> {
        VenueView {
            brand: self.brand,
            access: &self.memory.access,
            snapshot,
            // The age of a reading is not kept.
            freshness_limits: FreshnessLimits::NONE,
            calendar: self.calendars.of(self.brand, snapshot.id()),
        }
    }

    /// Counts the members of a set of which a rule holds. `scene` is that of the venue that is asked about.
    pub(super) fn counted(
        &self,
        (rule, state, at_least): (&Rule, &State, AtLeast),
        subject: &Subject,
        scene: &Scene<'_>,
        now: Timestamp,
    ) -> Counted {
        let (mut counts, mut unseen, mut names) = (Counts::default(), 0, Vec::new());
        if let Subject::OfVenues(_) = subject {
            for snapshot in self.memory.venues.values() {
                let read = Snapshot { read_at: snapshot.read_at.map(|_| now), ..snapshot.as_ref().clone() };
                let scene = Scene::new(self.view_of(&read), self.rules.price_lists(), now);
                let sees = scene.sees_items() && (state.needs_row || scene.sees_products());
                unseen += u32::from(!sees);
                if sees {
                    let here = evaluate::gathered(rule, state, &scene, subject);
                    counts.join(here.counts);
                    names.extend(holding(&here).next().map(|_| facts::venue_name(snapshot)));
                }
            }
        } else if sees_sets(scene) {
            let here = evaluate::gathered(rule, state, scene, subject);
            counts.join(here.counts);
            names.extend(holding(&here).map(|id| facts::product_name(scene.snapshot(), id)));
        } else {
            unseen = u32::from(at_least.count);
        }
        let more = names.len().saturating_sub(NAMED_MAX);
        let shown = names[..names.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (held, wanted) = (names.len(), at_least.count);
        let what = match at_least.of {
            SetKind::Category => "of its category",
            SetKind::Station => "of its station",
            SetKind::Venues => "of the venues",
        };
        let listed = if names.is_empty() { String::new() } else { format!(": {shown}{more}") };
        let says = format!("it takes {wanted} {what}, and it holds for {held}{listed}");
        Counted { truths: at_least.truths(counts, unseen), says }
    }
}

fn holding(gathered: &Gathered) -> impl Iterator<Item = ProductId> {
    gathered.members.iter().filter(|(_, truth)| *truth == Truth::Holds).map(|(id, _)| *id)
}
