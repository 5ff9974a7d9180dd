//! What Clopos and webhook receivers answer: status, headers and body, of any form.
//!
//! Input: a line that says what was asked (`stop-list 1,2`, `products 3`, `auth`, `webhook`), a line with the status,
//! header lines, an empty line, and the bodies of the pages, parted by a line `%%`.

use std::collections::BTreeSet;
use std::time::Duration;

use eightysix::catalog::Product;
use eightysix::clopos::auth::{Session, read_token};
use eightysix::clopos::budget::{Budget, IpBudget, Outcome, RateLimit};
use eightysix::clopos::decode::{Answer, Oddities, Page, Reply, StopList, decode};
use eightysix::clopos::query::{PRICES_PAGE, PRODUCTS_PAGE, Request, STATIONS_PAGE};
use eightysix::clopos::verdict::Verdict;
use eightysix::clopos::walk::{PAGES_MAX, Progress, RESTARTS_MAX, Walk};
use eightysix::sinks;
use eightysix::sinks::webhook::answer;
use eightysix::units::{BrandId, ProductId, Timestamp, Uptime, VenueId};

use super::text::{assert_hides, assert_shown, head_and_rest};

/// What was sent along and must not come back in any text.
const SECRETS: [&str; 2] = ["eyJhbGciOiJub25lIn0/c4n4ry+t0ken.s1gnature", "c4n4ry-0f-4-c0ffee-m1ne"];
/// The longest text of a verdict: its own sentence and 200 characters of another's.
const VERDICT_CHARS_MAX: usize = 600;
/// The longest text of an oddity: a sentence and a few values of 40 characters.
const ODDITY_CHARS_MAX: usize = 300;
/// The longest name: 200 characters, twice with a space in a name that is put together.
const NAME_CHARS_MAX: usize = 401;
/// Walks over larger pages are tried once only, as the property repeats them a thousand times.
const REPEATED_BYTES_MAX: usize = 400;
/// When the answers come.
const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let Some((head, body)) = head_and_rest(data) else { return };
    let mut lines = head.lines();
    let (Some(asked), Some(status)) = (lines.next(), lines.next()) else { return };
    let Ok(status) = status.trim().parse::<u16>() else { return };
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |name: &str| {
        let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    };
    let rate_limit = RateLimit::read(
        header("ratelimit-limit"),
        header("ratelimit-remaining"),
        header("ratelimit-reset"),
        header("retry-after"),
    );
    assert!(rate_limit.wait() <= Duration::from_hours(1), "a wait of {:?} is believed", rate_limit.wait());
    no_header_stops_a_brand_for_ever(status, rate_limit);
    let redirect = header("location").filter(|_| (300..400).contains(&status));
    let pages: Vec<&[u8]> = split(body);
    let replies: Vec<Reply<'_>> =
        pages.iter().map(|body| Reply { status, rate_limit, redirect, body, secrets: &SECRETS }).collect();
    let word = asked.split(' ').next().unwrap_or_default();
    match (word, request(asked)) {
        ("auth", _) => replies.iter().for_each(login),
        ("webhook", _) => webhook(status, &header, body),
        (_, Some(request)) => {
            let answers: Vec<Option<Answer>> = replies.iter().map(|reply| read(&request, reply)).collect();
            walked(&request, answers, body.len());
        }
        (_, None) => {}
    }
}

fn split(body: &[u8]) -> Vec<&[u8]> {
    const MARK: &[u8] = b"\n%%\n";
    let mut pages = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        pages.push(&rest[..at]);
        rest = &rest[at + MARK.len()..];
    }
    pages.push(rest);
    pages
}

fn request(asked: &str) -> Option<Request> {
    let (word, rest) = asked.split_once(' ').unwrap_or((asked, ""));
    let venue = VenueId(7);
    let numbers: Vec<u64> = rest.split(',').filter_map(|id| id.trim().parse().ok()).collect();
    Some(match word {
        "venues" => Request::Venues,
        "stop-list" => Request::StopList { venue, only: numbers.into_iter().map(ProductId).collect() },
        "products" => Request::Products { venue, page: 1 },
        "product" => Request::Product { venue, id: ProductId(*numbers.first()?) },
        "stations" => Request::Stations { venue, page: 1 },
        "price-lists" => Request::PriceLists { page: 1 },
        "prices" => Request::Prices { page: 1 },
        _ => return None,
    })
}

/// Reads one answer in several ways, and asserts what holds for each.
fn read(request: &Request, reply: &Reply<'_>) -> Option<Answer> {
    let body = reply.body;
    let decoded = decode(request, reply);
    if !body.starts_with(b"\xef\xbb\xbf") {
        let marked = [b"\xef\xbb\xbf", body].concat();
        let with_mark = decode(request, &Reply { body: &marked, ..*reply });
        assert_eq!(with_mark.is_ok(), decoded.is_ok(), "a byte order mark changes the answer");
    }
    let (answer, odd) = match decoded {
        Ok(decoded) => decoded,
        Err(verdict) => {
            assert_verdict(&verdict);
            return None;
        }
    };
    assert!((200..300).contains(&reply.status) && reply.status != 206, "{} is no reading", reply.status);
    let trimmed = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    for cut in [trimmed.len() / 2, trimmed.len() - 1] {
        let half = decode(request, &Reply { body: &trimmed[..cut], ..*reply });
        assert!(half.is_err(), "a body cut after {cut} bytes is a reading");
    }
    assert_odd(&odd);
    assert_answer(request, &answer);
    Some(answer)
}

fn assert_verdict(verdict: &Verdict) {
    let text = verdict.to_string();
    assert_shown(&text, VERDICT_CHARS_MAX);
    assert_hides(&text, &SECRETS);
    assert_hides(&format!("{verdict:?}"), &SECRETS);
}

fn assert_odd(odd: &Oddities) {
    assert!(odd.first.len() <= 20 && odd.first.len() <= odd.count as usize, "{odd:?}");
    for oddity in &odd.first {
        assert_shown(&oddity.what, ODDITY_CHARS_MAX);
        assert_hides(&oddity.what, &SECRETS);
    }
}

fn assert_answer(request: &Request, answer: &Answer) {
    match (request, answer) {
        (Request::Venues, Answer::Venues(list)) => {
            assert!(list.rows.is_sorted_by(|a, b| a.id < b.id), "a venue stands twice");
            assert_names(list.rows.iter().map(|venue| &venue.name));
        }
        (Request::StopList { only, .. }, Answer::StopList(list)) => assert_stop_list(only, list),
        (Request::Products { .. }, Answer::Products(page)) => {
            for (id, product) in &page.rows {
                assert_product(*id, product);
            }
            assert_page(page);
        }
        (Request::Product { id, .. }, Answer::Product(family)) => {
            assert_eq!(family.product.id, *id, "another product came");
            assert_product(id.0, &family.product);
            assert!(family.variants.iter().all(|variant| variant.parent == Some(*id)), "a stranger came along");
        }
        (Request::Stations { .. }, Answer::Stations(page)) => {
            assert_names(page.rows.iter().map(|(_, station)| &station.name));
            assert_page(page);
        }
        (Request::PriceLists { .. }, Answer::PriceLists(page)) => {
            assert_names(page.rows.iter().map(|(_, list)| &list.name));
            assert_page(page);
        }
        (Request::Prices { .. }, Answer::Prices(page)) => assert_page(page),
        (_, other) => panic!("{request} was answered with {other:?}"),
    }
}

fn assert_stop_list(only: &[ProductId], list: &StopList) {
    let StopList { entries, unreadable, whole: _ } = list;
    assert!(entries.is_sorted_by(|a, b| a.product < b.product), "a product stands twice");
    assert!(unreadable.is_sorted_by(|a, b| a < b), "an unreadable product stands twice");
    for id in entries.iter().map(|entry| &entry.product).chain(unreadable) {
        assert!(id.0 > 0 && (only.is_empty() || only.contains(id)), "{id} was not asked for");
    }
    assert!(entries.iter().all(|entry| !unreadable.contains(&entry.product)), "both restricted and unknown");
}

fn assert_page<T>(page: &Page<T>) {
    let Page { rows, listed, unreadable, nameless: _, total: _, last: _ } = page;
    assert!(rows.iter().map(|(id, _)| id).chain(listed).chain(unreadable).all(|id| *id > 0), "an id of 0");
    let known: BTreeSet<u64> = rows.iter().map(|(id, _)| *id).chain(unreadable.iter().copied()).collect();
    assert!(listed.iter().all(|id| known.contains(id)), "a row is listed and neither read nor unreadable");
}

fn assert_product(id: u64, product: &Product) {
    assert_eq!(product.id.0, id, "a product under another id");
    assert_names([&product.name, &product.full_name].into_iter().chain(&product.category_name).chain(&product.tags));
    assert_names(product.modifiers.iter().map(|modifier| &modifier.name));
}

#[track_caller]
fn assert_names<'a>(names: impl Iterator<Item = &'a String>) {
    for name in names {
        assert!(!name.is_empty(), "an empty name");
        assert_shown(name, NAME_CHARS_MAX);
    }
}

/// Puts the pages together: once as they came, then the same pages for ever, which must end, too.
fn walked(request: &Request, answers: Vec<Option<Answer>>, bytes: usize) {
    match request {
        Request::Products { .. } => {
            let page = |answer: Answer| if let Answer::Products(page) = answer { Some(page) } else { None };
            walk(PRODUCTS_PAGE, &answers.into_iter().flatten().filter_map(page).collect::<Vec<_>>(), bytes);
        }
        Request::Stations { .. } => {
            let page = |answer: Answer| if let Answer::Stations(page) = answer { Some(page) } else { None };
            walk(STATIONS_PAGE, &answers.into_iter().flatten().filter_map(page).collect::<Vec<_>>(), bytes);
        }
        Request::PriceLists { .. } => {
            let page = |answer: Answer| if let Answer::PriceLists(page) = answer { Some(page) } else { None };
            walk(PRICES_PAGE, &answers.into_iter().flatten().filter_map(page).collect::<Vec<_>>(), bytes);
        }
        Request::Prices { .. } => {
            let page = |answer: Answer| if let Answer::Prices(page) = answer { Some(page) } else { None };
            walk(PRICES_PAGE, &answers.into_iter().flatten().filter_map(page).collect::<Vec<_>>(), bytes);
        }
        Request::Venues | Request::StopList { .. } | Request::Product { .. } => {}
    }
}

fn walk<T: Clone>(page_size: u32, pages: &[Page<T>], bytes: usize) {
    if pages.is_empty() {
        return;
    }
    let takes_max = if bytes <= REPEATED_BYTES_MAX { (PAGES_MAX * (RESTARTS_MAX + 1)) as usize } else { pages.len() };
    let mut walk = Walk::new(page_size);
    for page in pages.iter().cycle().take(takes_max) {
        let asked = walk.next_page();
        let total = page.total;
        match walk.take(page.clone()) {
            Progress::More => assert_eq!(walk.next_page(), asked + 1, "the next page"),
            Progress::Restart { why } => {
                assert_shown(&why, 200);
                assert_eq!(walk.next_page(), 1, "a walk begins anew");
            }
            Progress::Failed { why } => return assert_shown(&why, 200),
            Progress::Complete(whole) => {
                let seen = (whole.rows.len() + whole.unreadable.len()) as u64;
                assert!(!whole.absence_counts || total.is_some_and(|total| seen >= total), "{seen} rows of {total:?}");
                assert!(whole.unreadable.is_sorted_by(|a, b| a < b), "an unreadable row stands twice");
                return;
            }
        }
    }
    assert!(bytes > REPEATED_BYTES_MAX, "a walk does not end within {takes_max} pages");
}

fn login(reply: &Reply<'_>) {
    let now = Uptime(Duration::from_secs(1_000));
    match read_token(reply, NOW, now) {
        Ok(token) => {
            let text = token.secret().expose();
            assert!(!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()), "a token that fits no header");
            let (renew_at, ends_at) = token.life();
            let life = ends_at.since(now);
            assert!(renew_at < ends_at && renew_at > now, "renewed at {renew_at:?}, ends at {ends_at:?}");
            assert!((Duration::from_mins(2)..=Duration::from_hours(24)).contains(&life), "a life of {life:?}");
            if text.len() > 8 {
                assert_hides(&format!("{token:?}"), &[text]);
            }
        }
        Err(verdict) => {
            assert_verdict(&verdict);
            let mut session = Session::new(&BrandId::new("sahil").expect("a slug"));
            session.login_failed(&verdict, now);
            let again = now.plus(Duration::from_hours(1));
            assert_eq!(session.step(again), eightysix::clopos::auth::Step::Login, "nobody logs in again: {verdict}");
        }
    }
}

fn webhook<'a>(status: u16, header: &dyn Fn(&str) -> Option<&'a str>, body: &[u8]) {
    let owned = |name: &str| header(name).map(str::to_owned);
    let answer = answer::Answer {
        status,
        retry_after: owned("retry-after"),
        date: owned("date"),
        location: owned("location"),
        excerpt: String::from_utf8_lossy(body).into_owned(),
    };
    match answer::outcome("hooks.example.com", &answer, NOW) {
        sinks::Outcome::Delivered => assert!((200..300).contains(&status), "{status} is no delivery"),
        sinks::Outcome::Later { why, wait_min } => {
            assert_shown(&why, VERDICT_CHARS_MAX);
            assert!(wait_min.is_none_or(|wait| wait <= Duration::from_hours(24)), "a wait of {wait_min:?}");
        }
        sinks::Outcome::Gone { why } => {
            assert_eq!(status, 410, "only 410 ends a subscription");
            assert_shown(&why, VERDICT_CHARS_MAX);
        }
        other @ (sinks::Outcome::DeliveredInPart { .. } | sinks::Outcome::Never { .. }) => {
            panic!("{status}: {other:?}")
        }
    }
}

/// Whatever a server says of its limits, a brand asks again within two hours, and never more than its share.
fn no_header_stops_a_brand_for_ever(status: u16, rate_limit: RateLimit) {
    let mut budget = Budget::new(240, IpBudget::shared());
    let mut now = Uptime(Duration::from_secs(10));
    for _ in 0..3 {
        if let Ok(permit) = budget.try_take(now) {
            now = now.plus(Duration::from_millis(20));
            budget.settle(permit, &Outcome { status: Some(status), never_left: false, rate_limit }, now);
        }
        if let Err(wait) = budget.try_take(now) {
            assert!(wait.time <= Duration::from_hours(2), "a wait of {:?} for {:?}", wait.time, wait.why);
        }
        now = now.plus(Duration::from_secs(1));
    }
    let later = now.plus(Duration::from_hours(2));
    assert!(budget.try_take(later).is_ok(), "still waiting after two hours: {rate_limit:?}");
}
