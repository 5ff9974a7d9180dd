//! The first minutes of the scripted service: every kind of thing once, in an order that a demo of 20 s can show.
//!
//! Minutes are the restaurants'; at the demo's speed each is a second, and what the watcher must see lasts at least
//! five of them, longer than its fastest poll. Invariant: chance has no part in it.

use super::deeds::{Deed, Trouble};
use super::faults::{Fault, Span};
use super::menu::Menu;
use super::route::Endpoint;
use super::service::dishes_with;
use crate::units::{Money, ProductId, Quantity, StationId, Timestamp, VenueId};

/// Venues that the opening plays in; a smaller chain plays all of it in the venues it has.
pub const STAGE: usize = 3;

const LAMB: ProductId = ProductId(1);
const LULE_KEBAB: ProductId = ProductId(101);
const GRILLED_CHEESE: ProductId = ProductId(112);
const SEBZI_PLOV: ProductId = ProductId(114);
const DUSHBERE: ProductId = ProductId(124);
const FANTA: [ProductId; 3] = [ProductId(301), ProductId(302), ProductId(303)];
const BAR: StationId = StationId(2);

/// Returns the deeds with their time in tenths of a minute; none when there is no venue.
pub fn deeds(menu: &Menu, stage: &[VenueId]) -> Vec<(u64, Deed)> {
    let (Some(&first), Some(&last)) = (stage.first(), stage.last()) else { return Vec::new() };
    let middle = stage[stage.len() / 2];
    let one = Quantity::whole(1);
    let stopped = dishes_with(menu, LAMB);
    let dearer = menu.products.get(&DUSHBERE).map_or(0, |dish| dish.price.ten_thousandths() + 5_000);
    let mut planned = vec![
        (0, Deed::Count(first, LULE_KEBAB, Quantity::whole(3))),
        (0, Deed::Count(first, GRILLED_CHEESE, one)),
        (0, Deed::Count(first, FANTA[1], Quantity::whole(2))),
        (0, Deed::Restock(first, FANTA[0])),
        (0, Deed::Restock(first, FANTA[2])),
        (0, Deed::Count(middle, SEBZI_PLOV, Quantity::whole(6))),
        (0, Deed::Switch(middle, BAR, true)),
        (40, Deed::Sell(first, LULE_KEBAB, one)),
        (45, Deed::Sell(middle, SEBZI_PLOV, one)),
        (50, Deed::Sell(first, LULE_KEBAB, one)),
        (55, Deed::Sell(first, FANTA[1], one)),
        (60, Deed::Sell(first, LULE_KEBAB, one)),
        (65, Deed::Sell(middle, SEBZI_PLOV, one)),
        (70, Deed::Sell(first, GRILLED_CHEESE, one)),
        (80, Deed::Sell(first, FANTA[1], one)),
        (90, Deed::Reprice(DUSHBERE, Money::from_ten_thousandths(dearer))),
        (95, at_venue(last, Fault::Html, Span::Next(2))),
        (110, Deed::RunDry(last, LAMB, stopped.clone())),
        (120, Deed::Restock(first, LULE_KEBAB)),
        (125, at_venue(last, Fault::BadGatewayPage, minutes(2))),
        (130, Deed::Switch(middle, BAR, false)),
        (140, anywhere(Fault::TooManyRequests { reset_s: 2 })),
        (165, anywhere(Fault::TokenExpired)),
        (180, Deed::Switch(middle, BAR, true)),
        (185, Deed::Refill(last, LAMB, stopped)),
        (190, Deed::Restock(first, FANTA[1])),
    ];
    planned.sort_by_key(|(due, _)| *due);
    planned
}

fn at_venue(venue: VenueId, fault: Fault, span: Span) -> Deed {
    Deed::Break(Trouble { fault, endpoint: Some(Endpoint::StopList), venue: Some(venue), span })
}

fn anywhere(fault: Fault) -> Deed {
    Deed::Break(Trouble { fault, endpoint: None, venue: None, span: Span::Next(1) })
}

/// A span of so many minutes of the restaurants; `service` moves it to where it belongs on the clock.
fn minutes(count: i64) -> Span {
    Span::Between(Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(count * 60_000))
}
