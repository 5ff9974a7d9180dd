//! What happened, by the point of sale alone: what each of its answers showed, and who must have been told what of it.
//!
//! Knows the requests that were answered, what the story did between them, and the documents (docs/mqtt.md,
//! docs/rules.md); nothing of the program under test. It leans on one promise only: of a venue, one thing is asked at a
//! time, and an answer is taken in, whole, before the next question. So an answer that was followed by another question
//! must have been told; the last one before a kill may have been taken in, whole, or not at all.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use eightysix::simulator::log::Entry;
use eightysix::units::Timestamp;
use serde_json::Value;

use crate::pos::Pos;

/// What an answer shows: limits of products, 0 or 1 of stations, or prices in hundredths, by their ids.
pub(crate) type Picture = BTreeMap<u64, i64>;

/// Something that the story changed at the point of sale.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// What is left of a product at a venue; `None` takes it off the list.
    Limit { venue: u64, product: u64, left: Option<i64> },
    /// A station of a venue is switched.
    Station { venue: u64, station: u64, is_on: bool },
    /// A price in the first list.
    Price { product: u64, hundredths: i64 },
}

/// Which list an answer showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Stops(u64),
    Stations(u64),
    Prices,
}

/// An answer that showed a list, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) at_ms: i64,
    pub(crate) picture: Picture,
    /// Whether the process lived to ask on.
    pub(crate) was_taken: bool,
}

/// One thing that a receiver was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// When it was seen, as the message says.
    pub(crate) at_ms: i64,
    pub(crate) words: String,
}

/// Everything that the story did, between which requests.
#[derive(Debug, Default)]
pub(crate) struct History {
    deeds: Vec<(u64, Deed)>,
    /// How many requests were answered before each start of the program.
    starts: Vec<u64>,
    /// From this request on, everything is news; what was done so far is the baseline.
    watched_from: u64,
    baseline: usize,
}

impl History {
    /// Notes a deed that was done after so many requests.
    pub(crate) fn did(&mut self, after: u64, deed: Deed) {
        self.deeds.push((after, deed));
    }

    /// Notes a start of the program.
    pub(crate) fn started(&mut self, after: u64) {
        self.starts.push(after);
    }

    /// Says that what was answered before was the baseline.
    pub(crate) fn watched_from(&mut self, after: u64) {
        self.watched_from = after;
        self.baseline = self.deeds.len();
    }

    /// The list as it is after everything that was done.
    pub(crate) fn now(&self, list: List) -> Picture {
        picture(list, self.deeds.iter())
    }

    /// The picture of the baseline, and the answers since.
    pub(crate) fn answers(&self, list: List, pos: &Pos) -> (Picture, Vec<Answer>) {
        let (path, venue) = match list {
            List::Stops(venue) => ("/products/stop-list", Some(venue)),
            List::Stations(venue) => ("/stations", Some(venue)),
            List::Prices => ("/price-lists/prices", None),
        };
        let requests: Vec<_> = (0_u64..).zip(pos.requests()).collect();
        let life = |number: u64| self.starts.iter().filter(|start| **start <= number).count();
        let mut answers = Vec::new();
        for (number, request) in requests.iter().filter(|(number, _)| *number >= self.watched_from) {
            if request.path != path || venue_of(request) != venue {
                continue;
            }
            let is_whole = request.query.is_empty() || request.query.starts_with("page=1&");
            assert!(request.status == 200 && is_whole, "not a whole list: {request:?}");
            let asked_on = |(later, other): &(u64, Entry)| {
                let is_question = other.brand.is_some() && other.path != "/auth";
                *later > *number && is_question && venue_of(other) == venue && life(*later) == life(*number)
            };
            let was_taken = requests.iter().any(asked_on);
            answers.push(Answer {
                at_ms: request.at_ms,
                picture: picture(list, self.deeds.iter().filter(|(after, _)| after <= number)),
                was_taken,
            });
        }
        (picture(list, self.deeds.iter().take(self.baseline)), answers)
    }
}

/// A list after these deeds.
fn picture<'a>(list: List, deeds: impl Iterator<Item = &'a (u64, Deed)>) -> Picture {
    let mut picture = Picture::new();
    for (_, deed) in deeds {
        match (*deed, list) {
            (Deed::Limit { venue, product, left }, List::Stops(of)) if venue == of => {
                match left {
                    Some(left) => picture.insert(product, left),
                    None => picture.remove(&product),
                };
            }
            (Deed::Station { venue, station, is_on }, List::Stations(of)) if venue == of => {
                picture.insert(station, i64::from(is_on));
            }
            (Deed::Price { product, hundredths }, List::Prices) => {
                picture.insert(product, hundredths);
            }
            (Deed::Limit { .. } | Deed::Station { .. } | Deed::Price { .. }, _) => {}
        }
    }
    picture
}

/// The venue that was asked about; the log names one for what belongs to the brand as well.
fn venue_of(request: &Entry) -> Option<u64> {
    let is_of_brand = ["/venues", "/price-lists", "/price-lists/prices"].contains(&request.path.as_str());
    request.venue.filter(|_| !is_of_brand)
}

/// Compares what a receiver was told with what the answers showed, and returns what is wrong first.
///
/// `news` says what is to be told of two pictures, one after the other. All news of an answer is told, each once, or
/// none of it, and none only of an answer that may not have been taken in; then the next answer is news against the
/// older picture.
pub(crate) fn compare(
    baseline: Picture,
    answers: &[Answer],
    told: &[Told],
    news: impl Fn(&Picture, &Picture) -> Vec<String>,
) -> Result<(), String> {
    let mut by_answer: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for told in told {
        let of = answers.iter().rposition(|answer| answer.at_ms <= told.at_ms);
        let of = of.ok_or_else(|| format!("told before anything was answered: {told:?}"))?;
        by_answer.entry(of).or_default().push(told.words.clone());
    }
    let mut known = baseline;
    for (number, answer) in answers.iter().enumerate() {
        let mut got = by_answer.remove(&number).unwrap_or_default();
        let mut wanted = news(&known, &answer.picture);
        got.sort();
        wanted.sort();
        if got == wanted {
            known.clone_from(&answer.picture);
        } else if !got.is_empty() || answer.was_taken {
            return Err(format!("of answer {number} at {} ms: wanted {wanted:?}, got {got:?}", answer.at_ms));
        }
    }
    Ok(())
}

/// What a rule with `when: { limit: { at_most: 0 } }` tells.
pub(crate) fn sold_out_news(before: &Picture, after: &Picture) -> Vec<String> {
    let is_out = |picture: &Picture, id: &u64| picture.get(id).is_some_and(|left| *left <= 0);
    turns(before, after, |id| (is_out(before, id), is_out(after, id)))
}

/// Returns the categories of which at least three dishes are out, with these; `category_of` says where the dishes belong.
pub(crate) fn thin(picture: &Picture, category_of: &BTreeMap<u64, u64>) -> BTreeMap<u64, Vec<u64>> {
    let mut out: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (dish, _) in picture.iter().filter(|(_, left)| **left <= 0) {
        if let Some(category) = category_of.get(dish) {
            out.entry(*category).or_default().push(*dish);
        }
    }
    out.retain(|_, dishes| dishes.len() >= 3);
    out
}

/// What the same rule tells with `at_least: { count: 3, of: category }`, with the members: one more or less is no news.
pub(crate) fn thin_news(before: &Picture, after: &Picture, category_of: &BTreeMap<u64, u64>) -> Vec<String> {
    let (was, is) = (thin(before, category_of), thin(after, category_of));
    let opened = is.iter().filter(|(category, _)| !was.contains_key(category));
    let opened = opened.map(|(category, dishes)| format!("{category} alert.opened {dishes:?}"));
    let left = |category: &u64| -> Vec<u64> {
        let is_out = |dish: &u64| after.get(dish).is_some_and(|left| *left <= 0);
        let dishes = category_of.iter().filter(|(_, of)| *of == category).map(|(dish, _)| *dish);
        dishes.filter(is_out).collect()
    };
    let closed = was.keys().filter(|category| !is.contains_key(category));
    opened.chain(closed.map(|category| format!("{category} alert.closed {:?}", left(category)))).collect()
}

/// What a rule with `when: { station.status: inactive }` tells.
pub(crate) fn station_news(before: &Picture, after: &Picture) -> Vec<String> {
    turns(before, after, |id| (before.get(id) == Some(&0), after.get(id) == Some(&0)))
}

/// What a rule with `event: price_changed` tells.
pub(crate) fn price_news(before: &Picture, after: &Picture) -> Vec<String> {
    let price = |hundredths: &i64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    let changed = after.iter().filter(|(id, price)| before.get(id) != Some(price));
    changed.map(|(id, new)| format!("{id} {} -> {}", price(&before[id]), price(new))).collect()
}

/// What the feed tells of a stop list, with what is left.
pub(crate) fn feed_news(before: &Picture, after: &Picture, low_at: &BTreeMap<u64, i64>) -> Vec<String> {
    let standing = |left: Option<&i64>, id: u64| match left {
        None => "on",
        Some(..=0) => "out",
        // Where a product has no threshold, 5 is low on a screen.
        Some(left) if *left <= low_at.get(&id).copied().filter(|low| *low > 0).unwrap_or(5) => "low",
        Some(_) => "limited",
    };
    let kind = |id: u64| match (standing(before.get(&id), id), standing(after.get(&id), id)) {
        ("out", "out") => None,
        (_, "out") => Some("product.stopped"),
        ("out", _) => Some("product.back"),
        (was, "low") if was != "low" => Some("product.low"),
        _ => (before.get(&id) != after.get(&id)).then_some("product.limit_changed"),
    };
    let left = |id: u64| after.get(&id).map_or("null".to_owned(), i64::to_string);
    ids(before, after).into_iter().filter_map(|id| Some(format!("{id} {} {}", kind(id)?, left(id)))).collect()
}

fn turns(before: &Picture, after: &Picture, holds: impl Fn(&u64) -> (bool, bool)) -> Vec<String> {
    let turn = |id: u64| match holds(&id) {
        (false, true) => Some(format!("{id} alert.opened")),
        (true, false) => Some(format!("{id} alert.closed")),
        (true, true) | (false, false) => None,
    };
    ids(before, after).into_iter().filter_map(turn).collect()
}

fn ids(before: &Picture, after: &Picture) -> Vec<u64> {
    let all: std::collections::BTreeSet<u64> = before.keys().chain(after.keys()).copied().collect();
    all.into_iter().collect()
}

/// When an event says that it was seen.
pub(crate) fn seen_at_ms(event: &Value) -> i64 {
    let time: Timestamp = event["time"].as_str().expect("a time").parse().expect("an instant");
    time.unix_ms()
}

/// Compares what mails said of one item with the openings and closings that happened, in their order.
///
/// `mailed` holds, for each mail, how often it says that the item is out and that it is back. A mail waits a little for
/// more: what was over within `group_wait_ms` is told by none, and neither is its end; everything else is, once.
pub(crate) fn compare_mails(told: &[Told], mailed: &[(i64, i64)], group_wait_ms: i64) -> Result<(), String> {
    let count = |kind: &str| i64::try_from(told.iter().filter(|told| told.words == kind).count()).expect("few");
    let (opened, closed) = (count("alert.opened"), count("alert.closed"));
    let is_short = |pair: &&[Told]| pair[0].words == "alert.opened" && pair[1].at_ms - pair[0].at_ms <= group_wait_ms;
    let short = i64::try_from(told.windows(2).filter(is_short).count()).expect("few");
    let (outs, backs): (i64, i64) = mailed.iter().fold((0, 0), |sum, mail| (sum.0 + mail.0, sum.1 + mail.1));
    let within = |sum: i64, range: RangeInclusive<i64>| range.contains(&sum);
    let is_told = within(outs, opened - short..=opened) && outs - backs == opened - closed;
    let mut open = 0;
    let alternates = mailed.iter().all(|(out, back)| {
        open += out - back;
        within(open, 0..=1)
    });
    if is_told && alternates {
        return Ok(());
    }
    Err(format!("{opened} openings ({short} of them short), {closed} closings, mailed (out, back): {mailed:?}"))
}
