//! Facts that are made up, against which messages are tried before anything happens.
//!
//! Each has every value that a message may name. Never reaches anybody.

use std::time::Duration;

use crate::alerts::facts::{
    ChangeFacts, ChangeValue, Facts, ForecastFacts, ItemFacts, RecipeFacts, StationFacts, VenueFacts,
};
use crate::alerts::set::SetFacts;
use crate::rules::SubjectKind;
use crate::rules::set::SetKind;
use crate::snapshot::pace::Estimate;
use crate::units::{BrandId, Money, ProductId, Quantity, StationId, Timestamp, VenueId};

/// Makes facts of every field that a rule about this kind of subject can count on.
pub(super) fn sample(subject: SubjectKind, is_event: bool) -> Facts {
    let brand = BrandId::new("sample").expect("a slug of letters");
    let venue = VenueFacts {
        id: VenueId(1),
        name: "Sahil".to_owned(),
        reading_age: Some(Duration::from_secs(4)),
        trouble: Some("no answer within 12 s".to_owned()),
    };
    let station = StationFacts { id: StationId(3), name: "Kitchen".to_owned(), active: true, products: 12 };
    let item = ItemFacts {
        id: ProductId(54),
        name: "Lamb kebab".to_owned(),
        parent: None,
        category: None,
        price: Some(Money::from_ten_thousandths(125_000)),
        limit: Some(Quantity::ZERO),
        low_stock: Some(Quantity::whole(4)),
        since: Some(Timestamp::from_unix_ms(1_780_000_000_000)),
        others_on: Vec::new(),
    };
    let change = ChangeFacts {
        list: Some("Hall".to_owned()),
        before: ChangeValue::Left(Quantity::whole(3)),
        after: ChangeValue::Out,
        out_for: Some(Duration::from_mins(1)),
    };
    let has_station = matches!(subject, SubjectKind::Item | SubjectKind::Station);
    Facts {
        brand,
        venue: (subject != SubjectKind::Brand).then_some(venue),
        station: has_station.then_some(station),
        item: (subject == SubjectKind::Item).then_some(item),
        set: None,
        change: is_event.then_some(change),
        refused: Some("the client is disabled".to_owned()),
        recipe: (subject == SubjectKind::Item).then(RecipeFacts::default),
        forecast: (subject == SubjectKind::Item).then(sample_forecast),
        times_today: (subject == SubjectKind::Item).then_some(3),
        found_after: None,
    }
}

/// Makes facts of a set of the sample of an item.
pub(super) fn sample_of_set(kind: SetKind, item: Facts) -> Facts {
    let (venue, station) = match kind {
        SetKind::Category => (item.venue, None),
        SetKind::Station => (item.venue, item.station),
        SetKind::Venues => (None, None),
    };
    let set = SetFacts { kind, id: 3, name: "Kitchen".to_owned(), count: 0, total: 12, members: Vec::new() };
    let set = set.with_members([54, 55, 56].into_iter(), |id| format!("Dish {id}"));
    Facts { venue, station, item: None, set: Some(set), recipe: None, forecast: None, times_today: None, ..item }
}

pub(super) fn sample_forecast() -> ForecastFacts {
    let ends = |minutes: i64| Timestamp::from_unix_ms(1_780_000_000_000 + 60_000 * minutes);
    let amount = |amount: i64| Money::from_ten_thousandths(10_000 * amount);
    ForecastFacts {
        runs_out_at: Some(Estimate { from: ends(24), central: ends(35), to: ends(51) }),
        sold_per_hour: Estimate { from: Quantity::whole(6), central: Quantity::whole(8), to: Quantity::whole(11) },
        money_per_hour: Some(Estimate { from: amount(75), central: amount(100), to: amount(138) }),
    }
}

/// Makes facts that differ from the sample where words and decimal marks of ours stand.
pub(super) fn unlike(sample: &Facts) -> [Facts; 2] {
    let limited = |limit: Option<Quantity>, value: &ChangeValue| {
        let item = sample.item.clone().map(|item| ItemFacts { limit, low_stock: limit, ..item });
        let change = sample.change.clone();
        let change = change.map(|change| ChangeFacts { before: value.clone(), after: value.clone(), ..change });
        Facts { item, change, ..sample.clone() }
    };
    let half = Quantity::from_millionths(2_500_000);
    [limited(None, &ChangeValue::Unrestricted), limited(Some(half), &ChangeValue::Left(half))]
}
