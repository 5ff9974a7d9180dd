//! What happens in one simulated life of a chain, drawn from a seed: people at work, and everything that can fail.
//!
//! A script is data: it is printed, replayed and shortened. Invariant: as long as this file stays as it is, the same
//! seed gives the same script.

use eightysix::simulator::chance::Chance;
use eightysix::simulator::faults::Fault;
use eightysix::simulator::route::Endpoint;

use crate::chain::Habits;

/// Dishes that take part: the first half at one station, the others at another.
pub(crate) const DISHES: usize = 8;
/// Sets of rules that reloads turn over.
pub(crate) const RULE_SETS: usize = 5;
/// How the endpoints are drawn for faults; stop lists are most of what is asked.
const ENDPOINTS: [Option<Endpoint>; 8] = [
    Some(Endpoint::StopList),
    Some(Endpoint::StopList),
    Some(Endpoint::Products),
    Some(Endpoint::Stations),
    Some(Endpoint::Venues),
    Some(Endpoint::Prices),
    Some(Endpoint::Auth),
    None,
];
pub(crate) const FAULTS: [Fault; 22] = [
    Fault::TooManyRequests { reset_s: 3 },
    Fault::Status { code: 500 },
    Fault::Status { code: 503 },
    Fault::BadGatewayPage,
    Fault::Html,
    Fault::EmptyBody,
    Fault::CutBody,
    Fault::Refused,
    Fault::NullData,
    Fault::WrongTypes,
    Fault::UnknownFields,
    Fault::DuplicateRows,
    Fault::NumbersAsStrings,
    Fault::IdsAsStrings,
    // Not as many as there are sizes: whether the total counts these nobody knows.
    Fault::LoseRows { rows: 3 },
    Fault::RepeatRows { rows: 2 },
    Fault::Late { ms: 9_000 },
    Fault::Hang,
    Fault::Reset,
    Fault::FilterAsRange,
    Fault::TokenExpired,
    Fault::Gzip,
];
/// Times of the year when something is odd with local time: none, both changes in Berlin, the turn of a year.
const BEGINNINGS: [(&str, &str); 5] = [
    ("2026-05-08T14:00:00Z", "Asia/Baku"),
    ("2026-03-29T00:55:00Z", "Europe/Berlin"),
    ("2026-10-25T00:55:00Z", "Europe/Berlin"),
    ("2026-12-31T19:57:00Z", "Asia/Baku"),
    ("2026-05-08T23:57:00Z", "Asia/Baku"),
];

/// A place where somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ear {
    /// The webhook of the office.
    Webhook,
    /// The mailbox of the managers.
    Mailbox,
    /// The broker of the screens: events and retained state.
    Broker,
}

/// How a receiver misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It refuses for now.
    Refuses,
    /// It takes what is sent, and its answer is lost.
    AnswersGetLost,
    /// It answers after the most that is waited for.
    Slow,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A dish has so many portions left.
    Left { venue: u64, dish: usize, left: i64 },
    /// What the first dishes are cooked of has so much left, or is taken off the stop list.
    Ingredient { venue: u64, left: Option<i64> },
    /// A dish has another price in the hall.
    Price { dish: usize },
    /// A portion of a dish is sold; one without a limit, or that is out, gets one first.
    Sold { venue: u64, dish: usize },
    /// More of a dish is made.
    Restocked { venue: u64, dish: usize },
    /// A dish is taken off the stop list.
    Unlimited { venue: u64, dish: usize },
    /// The stop list is emptied.
    Cleared { venue: u64 },
    /// Everything is out.
    AllOut { venue: u64 },
    /// One of the two stations takes orders, or no longer.
    Station { venue: u64, which: usize, active: bool },
    /// A dish is on the menu, or no longer.
    OnTheMenu { dish: usize, active: bool },
    /// A dish is deleted in the back office.
    Removed { dish: usize },
    /// Rows of a long menu are deleted while a walk is between two pages: it must begin anew, or it misses dishes.
    RowsGo,
    /// The next answers are spoilt.
    Fault { fault: Fault, endpoint: Option<Endpoint>, times: u32 },
    /// The stop list is empty by error, once.
    Lie,
    /// Clopos answers with errors for a while.
    Outage { for_s: u32 },
    /// Every token ends.
    TokensEnd,
    /// Clopos has another secret for some seconds.
    Refused { for_s: u32 },
    /// Our clock is set.
    Clock { by_s: i64 },
    /// The process is killed now and starts again later.
    Killed { down_s: u32 },
    /// The process dies at a commit to come, which is on the disk or not.
    DiesAtCommit { after: u32, stored: bool, down_s: u32 },
    /// Another set of rules is loaded.
    Reload { rules: usize },
    /// Nothing can be written for a while.
    DiskFull { for_s: u32 },
    /// A receiver is in trouble for a while.
    Ear { ear: Ear, trouble: Trouble, for_s: u32 },
    /// The broker is away, and may have forgotten what it retained when it is back.
    BrokerRestarts { for_s: u32, forgets: bool },
    /// Answers take up to so long from now on.
    Latency { up_to_ms: u64 },
    /// A dish, or everything of a station, is not to be told for a while, or until it is back.
    Silence { venue: u64, dish: usize, of_station: bool, until_back: bool, for_s: u32 },
    /// Every silence is ended.
    SilencesEnd,
    /// Somebody takes care of everything that is open.
    Acknowledged,
}

/// One life.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Where it comes from.
    pub(crate) seed: u64,
    /// Restaurants of the brand.
    pub(crate) venues: u64,
    /// When it begins, and in which zone.
    pub(crate) begins: (&'static str, &'static str),
    /// Everything is read as often as the quota allows.
    pub(crate) hurries: bool,
    /// The rules that it begins with.
    pub(crate) rules: usize,
    /// The menu is longer than a page.
    pub(crate) has_pages: bool,
    /// The minutes of this life that are the night; it lasts longer by the hour that is there twice.
    pub(crate) night: (u32, u32),
    /// The minutes of this life at which the doors open and close, if there are any; they close later by the hour that is
    /// there twice.
    pub(crate) doors: Option<(u32, u32)>,
    /// When the managers want to be told, and how often.
    pub(crate) habits: Habits,
    /// The story is printed when it fails.
    pub(crate) is_told: bool,
    /// What happens, and the wait in seconds after each.
    pub(crate) events: Vec<(u32, Event)>,
}

impl Script {
    /// Draws the life of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let venues = chance.between(1, 3);
        let begins = *chance.pick(&BEGINNINGS).expect("there are some");
        let hurries = chance.happens(3);
        let many = chance.between(4, if hurries { 12 } else { 24 });
        let mut events: Vec<(u32, Event)> =
            (0..many).map(|_| (wait(&mut chance), event(&mut chance, venues))).collect();
        events.extend(countdown(seed, venues));
        events.extend(flicker(seed, venues));
        let has_pages = chance.happens(20);
        let night_begins = small(&mut chance, 0, 4);
        let night = (night_begins, night_begins + small(&mut chance, 1, 5));
        let rules = usize::try_from(chance.below(RULE_SETS as u64)).expect("small");
        // Their last mail waits for an hour, which takes time to live.
        let habits = Habits { they_sleep: true, at_most: seed.is_multiple_of(8).then_some(1) };
        let doors = doors(seed);
        Self { seed, venues, begins, hurries, rules, has_pages, night, doors, habits, is_told: false, events }
    }

    /// Draws the life of a seed in which nothing fails and nobody is in a hurry: each deed is seen before the next.
    pub(crate) fn calm(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let (venues, rules) = (chance.between(1, 2), chance.below(RULE_SETS as u64));
        let many = chance.between(4, 10);
        let events = (0..many).map(|_| (small(&mut chance, 301, 360), deed(&mut chance, venues))).collect();
        Self {
            seed,
            venues,
            begins: BEGINNINGS[0],
            hurries: false,
            rules: usize::try_from(rules).expect("small"),
            has_pages: false,
            night: (0, 600),
            // Reports come long after a deed: what they say does not hang on when exactly that was seen. Behind closed
            // doors nobody is reminded.
            doors: seed.is_multiple_of(3).then_some((6, 9)),
            habits: Habits { they_sleep: false, at_most: None },
            is_told: false,
            events,
        }
    }
}

/// Draws how a dish sells at the end of every third life, from a sequence of its own.
fn countdown(seed: u64, venues: u64) -> Vec<(u32, Event)> {
    let mut chance = Chance::new(seed.wrapping_add(0x5e11));
    if !chance.happens(33) {
        return Vec::new();
    }
    let venue = chance.between(1, venues);
    let dish = usize::try_from(chance.below(DISHES as u64)).expect("small");
    let restocks = chance.pick(&[0, 20, 70]).copied().unwrap_or_default();
    let sale = |chance: &mut Chance| {
        let is_restock = chance.happens(restocks);
        let event = if is_restock { Event::Restocked { venue, dish } } else { Event::Sold { venue, dish } };
        (small(chance, 10, 90), event)
    };
    (0..chance.between(4, 9)).map(|_| sale(&mut chance)).collect()
}

/// Draws when the doors open and close, in every other life.
fn doors(seed: u64) -> Option<(u32, u32)> {
    let mut chance = Chance::new(seed.wrapping_add(0xd002));
    // Before the hour that is there twice comes again, in the lives in which it does.
    let opens = chance.happens(50).then(|| small(&mut chance, 2, 4))?;
    Some((opens, opens + small(&mut chance, 1, 3)))
}

/// Draws a dish that goes on and off, in one life of ten.
fn flicker(seed: u64, venues: u64) -> Vec<(u32, Event)> {
    let mut chance = Chance::new(seed.wrapping_add(0xf11c));
    if !chance.happens(10) {
        return Vec::new();
    }
    let venue = chance.between(1, venues);
    let dish = usize::try_from(chance.below(DISHES as u64)).expect("small");
    let turns = (0..chance.between(3, 6))
        .flat_map(|_| [Event::Left { venue, dish, left: 0 }, Event::Unlimited { venue, dish }]);
    turns.map(|event| (small(&mut chance, 35, 60), event)).collect()
}

/// Draws what people in a restaurant or in its back office do, or ask of us.
fn deed(chance: &mut Chance, venues: u64) -> Event {
    if chance.happens(20) {
        let venue = chance.between(1, venues);
        let dish = usize::try_from(chance.below(DISHES as u64)).expect("small");
        let mut asked = quiet(chance, venue, dish);
        if let Event::Silence { for_s, .. } = &mut asked {
            // Long enough to hold back what is done meanwhile.
            *for_s *= 3;
        }
        return asked;
    }
    let is_deed = |event: &Event| {
        matches!(
            event,
            Event::Left { .. }
                | Event::Ingredient { .. }
                | Event::Price { .. }
                | Event::Unlimited { .. }
                | Event::Cleared { .. }
                | Event::AllOut { .. }
                | Event::Station { .. }
                | Event::OnTheMenu { .. }
        )
    };
    std::iter::repeat_with(|| event(chance, venues)).find(is_deed).expect("half of all that happens")
}

fn wait(chance: &mut Chance) -> u32 {
    // Mostly within a few polls, so that things meet.
    let most = if chance.happens(25) { 90 } else { 20 };
    u32::try_from(chance.between(1, most)).expect("small")
}

fn small(chance: &mut Chance, least: u64, most: u64) -> u32 {
    u32::try_from(chance.between(least, most)).expect("small")
}

fn event(chance: &mut Chance, venues: u64) -> Event {
    let venue = chance.between(1, venues);
    let dish = usize::try_from(chance.below(DISHES as u64)).expect("small");
    let seconds = |chance: &mut Chance, most: u64| u32::try_from(chance.between(1, most)).expect("small");
    match chance.below(100) {
        0..23 => {
            // Out, as Clopos may say it, is often 0 and at times below.
            let left = if chance.happens(60) { 0 } else { i64::try_from(chance.below(9)).expect("small") - 1 };
            Event::Left { venue, dish, left }
        }
        23..27 => {
            let is_listed = chance.happens(70);
            Event::Ingredient { venue, left: is_listed.then(|| i64::from(chance.happens(40))) }
        }
        27..30 => Event::Price { dish },
        30..42 => Event::Unlimited { venue, dish },
        42..44 => Event::Cleared { venue },
        44..46 => Event::AllOut { venue },
        46..51 => Event::Station { venue, which: usize::from(chance.happens(50)), active: chance.happens(60) },
        51..53 => Event::OnTheMenu { dish, active: chance.happens(60) },
        53 => Event::Removed { dish },
        54 => Event::RowsGo,
        55..66 => {
            let fault = *chance.pick(&FAULTS).expect("there are some");
            let endpoint = *chance.pick(&ENDPOINTS).expect("there are some");
            let times = seconds(chance, 3);
            if matches!(fault, Fault::LoseRows { .. } | Fault::RepeatRows { .. }) {
                // Only what several walks in a row miss could be taken for gone.
                Event::Fault { fault, endpoint: Some(Endpoint::Products), times: 2 * times }
            } else {
                Event::Fault { fault, endpoint, times }
            }
        }
        66..69 => Event::Lie,
        69..72 => Event::Outage { for_s: seconds(chance, 200) },
        72..74 => Event::TokensEnd,
        74..75 => Event::Refused { for_s: seconds(chance, 100) },
        75..78 => Event::Clock { by_s: *chance.pick(&[-3_600, -45, -1, 1, 45, 3_600]).expect("there are some") },
        78..82 => Event::Killed { down_s: down_s(chance) },
        82..86 => Event::DiesAtCommit {
            after: u32::try_from(chance.below(4)).expect("small"),
            stored: chance.happens(50),
            down_s: down_s(chance),
        },
        86..89 => Event::Reload { rules: usize::try_from(chance.below(RULE_SETS as u64)).expect("small") },
        89..91 => Event::DiskFull { for_s: seconds(chance, 60) },
        91..96 => Event::Ear {
            ear: *chance.pick(&[Ear::Webhook, Ear::Mailbox, Ear::Broker]).expect("there are some"),
            trouble: *chance.pick(&[Trouble::Refuses, Trouble::AnswersGetLost, Trouble::Slow]).expect("there are some"),
            // A mail server that is down for most of an hour is no reason to give a notice up.
            for_s: if chance.happens(20) { seconds(chance, 3_000) } else { seconds(chance, 200) },
        },
        96..98 => Event::BrokerRestarts { for_s: seconds(chance, 100), forgets: chance.happens(50) },
        98 => quiet(chance, venue, dish),
        _ => Event::Latency { up_to_ms: *chance.pick(&[0, 300, 3_000]).expect("there are some") },
    }
}

fn quiet(chance: &mut Chance, venue: u64, dish: usize) -> Event {
    match chance.below(6) {
        0 => Event::SilencesEnd,
        1 => Event::Acknowledged,
        _ => Event::Silence {
            venue,
            dish,
            of_station: chance.happens(40),
            until_back: chance.happens(30),
            for_s: u32::try_from(chance.between(1, 300)).expect("small"),
        },
    }
}

fn down_s(chance: &mut Chance) -> u32 {
    let most = if chance.happens(20) { 400 } else { 10 };
    u32::try_from(chance.below(most)).expect("small")
}
