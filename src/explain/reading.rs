//! What is known of the item itself, before any rule is asked: its row, its place in the catalog, open
//! alerts about its venue and brand, and the silences that cover it.

use crate::alerts::AlertKey;
use crate::alerts::facts;
use crate::alerts::lifecycle::Alert;
use crate::alerts::notice::ReceiverName;
use crate::alerts::silence::Silence;
use crate::alerts::words::values;
use crate::catalog::Product;
use crate::explain::Known;
use crate::language::Language;
use crate::rules::subject::{Scene, StationLink};
use crate::rules::{Form, Rule, Subject, SubjectKind};
use crate::snapshot::pace::{Forecast, STEPS_MIN, STEPS_OF_MONEY_MIN, Silent};
use crate::snapshot::{Gap, Snapshot, StopRow};
use crate::units::{ProductId, Timestamp, human_duration, printable};

/// Characters of the name of a station.
const NAME_LENGTH_MAX: usize = 80;

/// Says what is on the stop list, how the item is in the catalog, what is wrong with its venue, and what is silenced.
pub(super) fn sentences(
    known: &Known<'_>,
    snapshot: &Snapshot,
    scene: &Scene<'_>,
    subject: &Subject,
    now: Timestamp,
) -> Vec<String> {
    let Subject::Item(_, product) = subject else { return Vec::new() };
    let mut said = vec![row(known, snapshot, *product, now)];
    said.extend(forecast(known, scene, *product, now));
    said.push(match snapshot.read_at {
        Some(at) => format!(
            "The list was read at {} ({} ago) or later: the service notes that once a minute",
            known.time(at, now),
            human_duration(now.since(at))
        ),
        None => "The service has not read the stop list of this venue yet".to_owned(),
    });
    let unread = |gap: &Gap| {
        format!("Nobody read the list from {} to {}", known.time(gap.from, now), known.time(gap.until, now))
    };
    said.extend(snapshot.gaps.last().map(unread));
    said.extend(troubles(known, subject, now));
    match snapshot.picture.catalog.products.get(product) {
        Some(product) => said.extend(catalogued(product, scene)),
        None => said.push("The catalog of this venue does not know it".to_owned()),
    }
    let covering = known.memory.silences.values().filter(|silence| covers(known, silence, snapshot, subject));
    said.extend(covering.map(|silence| silenced(known, silence, snapshot, now)));
    said
}

fn row(known: &Known<'_>, snapshot: &Snapshot, product: ProductId, now: Timestamp) -> String {
    let time = |at: Timestamp| known.time(at, now);
    match snapshot.picture.rows.get(&product) {
        None if snapshot.read_at.is_none() => "Nothing is known of it".to_owned(),
        None => "It is not on the stop list: nothing limits it".to_owned(),
        Some(StopRow { limit, since, seen_at, .. }) => {
            let what = if snapshot.picture.rows[&product].is_out() {
                "It is out".to_owned()
            } else {
                format!("It is on the stop list with {limit} left")
            };
            let seen = if seen_at > since { format!(", seen at {}", time(*seen_at)) } else { String::new() };
            format!("{what}, since {}{seen}", time(*since))
        }
    }
}

/// What its countdown says of the time to come, or why it says nothing.
fn forecast(known: &Known<'_>, scene: &Scene<'_>, product: ProductId, now: Timestamp) -> Option<String> {
    match scene.forecast(product) {
        Ok(Forecast { sold_per_hour: pace, runs_out_in, steps }) => {
            let sells = format!(
                "By {steps} steps of its countdown it sells an estimated {:.1} an hour, {:.1} to {:.1}",
                pace.central.as_f64(),
                pace.from.as_f64(),
                pace.to.as_f64()
            );
            let sells = if steps < STEPS_OF_MONEY_MIN {
                format!("{sells} (what that brings is not said below {STEPS_OF_MONEY_MIN} steps)")
            } else {
                sells
            };
            // An estimate has no seconds.
            let minute = |at| values::time_beside(Language::En, at, now, known.zone);
            let Some(ends) = runs_out_in else {
                return Some(format!("{sells}, and does not run out within a day of selling"));
            };
            let [from, central, to] = [ends.from, ends.central, ends.to].map(|wait| minute(now.plus(wait)));
            Some(format!("{sells}, and runs out at about {central}, between {from} and {to}, if the doors stay open"))
        }
        // That it is out was said.
        Err(None | Some(Silent::Out)) => None,
        Err(Some(Silent::DoorsClosed)) => {
            Some("When it runs out is not foretold while the doors are closed".to_owned())
        }
        Err(Some(Silent::FewSteps(steps))) => Some(format!(
            "When it runs out is not foretold: it was seen to sell {steps} times, and that takes {STEPS_MIN}"
        )),
        Err(Some(Silent::NotSoldSinceOpening)) => {
            Some("When it runs out is not foretold: it has not sold since the doors opened".to_owned())
        }
        Err(Some(Silent::ClockSetBack)) => {
            Some("When it runs out is not foretold: the clock was set back behind its last sale".to_owned())
        }
    }
}

/// The open alerts of the venue and of the brand: what cannot be read is not told.
fn troubles(known: &Known<'_>, subject: &Subject, now: Timestamp) -> Vec<String> {
    let book = &known.memory.book;
    let wide = book.of(None).chain(book.of(subject.venue())).filter_map(|(key, alert)| match (&key.subject, alert) {
        (Subject::Brand | Subject::Venue(_), Alert::Open(open)) => Some((key, open)),
        (
            Subject::Brand
            | Subject::Venue(_)
            | Subject::Station(..)
            | Subject::Item(..)
            | Subject::OfCategory(..)
            | Subject::OfStation(..)
            | Subject::OfVenues(_),
            _,
        ) => None,
    });
    let said =
        |message: &str, rule: &str, at: Timestamp| format!("{message} ({rule}, open since {})", known.time(at, now));
    wide.map(|(key, open)| said(open.message.common(), key.rule.as_str(), open.opened_at)).collect()
}

fn catalogued(product: &Product, scene: &Scene<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if !product.active {
        said.push("It is switched off in the back office".to_owned());
    }
    if product.hidden {
        said.push("It is hidden from menus".to_owned());
    }
    let made = scene.item(product.id).map(|item| match scene.station_of(&item) {
        StationLink::Found(station) => {
            let state = if station.active { "takes orders" } else { "is switched off" };
            format!("It is made at {}, which {state}", printable(&station.name, NAME_LENGTH_MAX))
        }
        StationLink::Absent => "Nobody assigned it to a station".to_owned(),
        StationLink::Unread => "Its station was not read".to_owned(),
    });
    said.extend(made);
    said
}

fn covers(known: &Known<'_>, silence: &Silence, snapshot: &Snapshot, subject: &Subject) -> bool {
    let is_of_items = |rule: &&Rule| match &rule.form {
        Form::State(state) => state.subject == SubjectKind::Item,
        Form::Event(event) => event.subject() == SubjectKind::Item,
    };
    let mut rules = known.rules.rules().iter().filter(is_of_items);
    rules.any(|rule| silence.covers(&rule.name, subject, Some(&snapshot.picture.catalog)))
}

fn silenced(known: &Known<'_>, silence: &Silence, snapshot: &Snapshot, now: Timestamp) -> String {
    let of_rule = silence.covers.rule.as_ref().map(|rule| format!(" for the rule {rule}")).unwrap_or_default();
    let calendar = known.calendars.of(known.brand, snapshot.id());
    let is_on = if silence.is_in_force(Some(calendar), now) { "is" } else { "is at times" };
    format!("It {is_on} silenced{of_rule}: {}", known.silence_words(silence, now))
}

impl Known<'_> {
    /// Says which silence it is, until when, by whom and why.
    pub(super) fn silence_words(&self, silence: &Silence, now: Timestamp) -> String {
        format!("silence {} {}", silence.id, silence.in_words(&self.time(silence.until, now)))
    }

    /// Names the alert that explains another, by its rule and what it is about, and says whether the receiver was told.
    pub(super) fn cause_words(&self, key: &AlertKey, receiver: &ReceiverName) -> String {
        if let Some(open) = self.memory.book.get(key).and_then(Alert::open) {
            let told = if open.told.contains(receiver) { ", of which they are told" } else { "" };
            return format!("because of {}{told}: {}", key.rule, open.message);
        }
        let snapshot = key.subject.venue().and_then(|venue| self.memory.venues.get(&venue));
        let label = match (&key.subject, snapshot) {
            (Subject::Item(_, id), Some(snapshot)) => facts::product_name(snapshot, *id),
            (Subject::Station(_, id), Some(snapshot)) => {
                let station = snapshot.picture.catalog.stations.get(id);
                station.map_or_else(|| format!("station {id}"), |it| printable(&it.name, NAME_LENGTH_MAX))
            }
            (Subject::Venue(_), Some(snapshot)) => facts::venue_name(snapshot),
            // A set is no cause.
            (
                Subject::Brand
                | Subject::Venue(_)
                | Subject::Station(..)
                | Subject::Item(..)
                | Subject::OfCategory(..)
                | Subject::OfStation(..)
                | Subject::OfVenues(_),
                _,
            ) => self.brand.to_string(),
        };
        format!("because of {}: {label}", key.rule)
    }
}
