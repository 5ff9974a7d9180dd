//! Weeks as they are read: of one venue and of a chain, with and without something to say of what is not known.

use std::sync::Arc;

use super::*;
use crate::alerts::notice::{Content, Mail};
use crate::calendar::{Calendar, WeekTime};
use crate::catalog::{Catalog, Product, SharedCatalog, Station, Venue};
use crate::language::Language;
use crate::units::{BrandId, ProductId, Quantity, StationId, VenueId, Zone};

const NOW: &str = "2026-11-30T06:00:00Z";
const DISHES: [&str; 12] =
    ["Piti", "Dovğa", "Ayran", "Bozbaş", "Plov", "Kükü", "Xaş", "Qutab", "Dolma", "Şah plov", "Paxlava", "Çay"];

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

/// A venue that was read all week, in which these dishes were off: their numbers, hours and how often.
fn week_of(items: &[(usize, u64, usize)]) -> VenueWeek {
    let item = |(nth, off, stops): &(usize, u64, usize)| ItemWeek {
        product: ProductId(*nth as u64),
        off: hours(*off),
        stops: *stops,
        longest: hours(off.div_ceil(*stops as u64)),
    };
    VenueWeek {
        served: hours(91),
        has_hours: true,
        read: hours(91),
        missed: Duration::ZERO,
        known_from: None,
        items: items.iter().map(item).collect(),
        not_sold: 0,
        before: None,
        is_cut: false,
    }
}

/// A venue that was read just now, with one dish out.
fn snapshot(id: u64, name: &str, out: u64) -> Snapshot {
    let mut snapshot = Snapshot::unread(Venue { id: VenueId(id), name: name.to_owned(), active: true });
    let mut catalog = Catalog::default();
    let kitchen =
        Station { id: StationId(1), name: "Kitchen".to_owned(), active: true, kitchen: true, printable: true };
    catalog.stations.insert(kitchen.id, kitchen);
    for (id, name) in (0..).map(ProductId).zip(DISHES) {
        let product = Product { station: Some(StationId(1)), ..Product::plain(id, name) };
        catalog.products.insert(id, product);
    }
    snapshot.picture.catalog = SharedCatalog::new(catalog);
    let row = StopRow { limit: Quantity::ZERO, updated_at: None, since: at(NOW), seen_at: at(NOW) };
    snapshot.picture.rows = Arc::new([(ProductId(out), row)].into());
    snapshot.read_at = Some(at(NOW));
    snapshot
}

fn mail(weeks: &[(&str, VenueWeek)]) -> Mail {
    mail_in(Language::En, weeks)
}

fn mail_in(language: Language, weeks: &[(&str, VenueWeek)]) -> Mail {
    let zone = Zone::named("Asia/Baku").expect("bundled");
    let calendar = Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0));
    let monday = WeekTime { weekday: jiff::civil::Weekday::Monday, time: jiff::civil::time(10, 0, 0, 0) };
    let week = calendar.weeks(monday, at(NOW)).into_iter().rfind(|week| week.due_at <= at(NOW)).expect("one");
    let snapshots: Vec<Snapshot> = (1..).zip(weeks).map(|(id, (name, _))| snapshot(id, name, 0)).collect();
    let of_venues = snapshots.iter().zip(weeks);
    let pages: Vec<WeekPage<'_>> =
        of_venues.map(|(snapshot, (_, weighed))| WeekPage { snapshot, freshness: Freshness::Fresh, weighed }).collect();
    let brand = BrandId::new("sahil").expect("a slug");
    let context = ReportContext { language, brand: &brand, zone: &zone };
    let notice = compose(&ReceiverName::new("owner"), &week, &pages, &context, at(NOW));
    let Content::Email(mail) = notice.content else { panic!("a report is a mail") };
    mail
}

fn said(weeks: &[(&str, VenueWeek)]) -> String {
    let mail = mail(weeks);
    format!("{}\n\n{}", mail.subject, mail.text)
}

#[test]
fn a_week_of_one_venue_names_the_worst_and_compares() {
    let items: Vec<(usize, u64, usize)> = (0..12).map(|nth| (nth, 85 - 7 * nth as u64, 1 + nth % 3)).collect();
    let week = VenueWeek { before: Some(hours(500)), not_sold: 2, ..week_of(&items) };
    insta::assert_snapshot!(said(&[("Sahil", week)]), @r"
    Sahil: the week 23 Nov–29 Nov, 558 h on stop (Piti, Dovğa, Ayran, …)

    While the doors were open, 558 h on stop in all, each item counted by itself. Items: 12, stops: 24. That is 58 h more than in the week before (500 h). Not counted, as guests cannot order it: 2.

    Off nearly all week:
    - Piti (Kitchen): 85 h, at a stretch
      still off

    Off the longest:
    - Dovğa (Kitchen): 78 h in 2 stops, the longest 39 h
    - Ayran (Kitchen): 71 h in 3 stops, the longest 24 h
    - Bozbaş (Kitchen): 64 h, at a stretch
    - Plov (Kitchen): 57 h in 2 stops, the longest 29 h
    - Kükü (Kitchen): 50 h in 3 stops, the longest 17 h
    - Xaş (Kitchen): 43 h, at a stretch
    - Qutab (Kitchen): 36 h in 2 stops, the longest 18 h
    - Dolma (Kitchen): 29 h in 3 stops, the longest 10 h
    - Şah plov (Kitchen): 22 h, at a stretch
    - Paxlava (Kitchen): 15 h in 2 stops, the longest 8 h
    and 1 more

    --
    Sahil, 10:00; stop list read at 10:00
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn what_is_not_known_stands_first_and_where_no_hours_are_written_that_is_said() {
    let week = VenueWeek {
        has_hours: false,
        served: hours(168),
        read: hours(60),
        missed: hours(12),
        known_from: Some(at("2026-11-26T00:00:00Z")),
        is_cut: true,
        ..week_of(&[(1, 3, 2)])
    };
    insta::assert_snapshot!(said(&[("Sahil", week)]), @r"
    Sahil: the week 23 Nov–29 Nov, 3 h on stop (Dovğa)

    The stop list is known from 2026-11-26 at 04:00 on: what was off before is not counted.
    The stop list was not read for 12 h of this time: what was off then is not counted.
    More than 100000 changes are recorded here, which is odd; not all of them are counted.
    By day and night, 3 h on stop in all, each item counted by itself. Items: 1, stops: 2. No opening hours are configured here: day and night are counted.

    Off the longest:
    - Dovğa (Kitchen): 3 h in 2 stops, the longest 2 h

    --
    Sahil, 10:00; stop list read at 10:00
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn a_chain_is_told_by_its_worst_venues_and_what_was_off_at_several() {
    let weeks = [
        ("Sahil", VenueWeek { before: Some(hours(10)), ..week_of(&[(0, 20, 2), (1, 3, 1)]) }),
        ("Gənclik", VenueWeek { before: Some(hours(40)), ..week_of(&[(0, 90, 1), (2, 4, 4)]) }),
        ("28 May", VenueWeek { before: Some(hours(1)), ..week_of(&[]) }),
        ("İçərişəhər", VenueWeek { before: Some(hours(5)), missed: hours(3), read: hours(88), ..week_of(&[]) }),
        ("Nizami", VenueWeek { before: Some(hours(0)), ..week_of(&[]) }),
    ];
    insta::assert_snapshot!(said(&weeks), @r"
    sahil: the week 23 Nov–29 Nov, 5 venues, 117 h on stop

    Nothing was off: 28 May, Nizami

    sahil:
    Not all of the week is known. Venues: 1; what nobody read is not counted.
    While the doors were open, 117 h on stop in all, each item counted by itself. Items: 3, stops: 8. That is 61 h more than in the week before (56 h).

    Venues, the longest on stop first:
    - Gənclik: 94 h; items: 2, stops: 5
      54 h more than in the week before (40 h)
    - Sahil: 23 h; items: 2, stops: 3
      13 h more than in the week before (10 h)
    - İçərişəhər: nothing was seen to be off
      5 h less than in the week before (5 h)
      The stop list was not read for 3 h of this time: what was off then is not counted.

    Off at several venues:
    - Piti: 110 h at 2 venues
      Gənclik, Sahil

    Gənclik:

    Off nearly all week:
    - Piti (Kitchen): 90 h, at a stretch
      still off

    Off the longest:
    - Ayran (Kitchen): 4 h in 4 stops, the longest 1 h

    Sahil:

    Off the longest:
    - Piti (Kitchen): 20 h in 2 stops, the longest 10 h
      still off
    - Dovğa (Kitchen): 3 h, at a stretch

    --
    sahil, 10:00
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn a_subject_says_that_nothing_was_off_only_of_what_was_read() {
    let unread = |week: VenueWeek| VenueWeek { read: Duration::ZERO, ..week };
    let subject = |weeks: &[(&str, VenueWeek)]| mail(weeks).subject;
    assert_eq!(subject(&[("Sahil", week_of(&[]))]), "Sahil: the week 23 Nov–29 Nov, nothing was seen to be off");
    assert_eq!(
        subject(&[("Sahil", unread(week_of(&[])))]),
        "Sahil: the week 23 Nov–29 Nov, the stop list was not read"
    );
    let closed = VenueWeek { served: Duration::ZERO, ..unread(week_of(&[])) };
    assert_eq!(subject(&[("Sahil", closed)]), "Sahil: the week 23 Nov–29 Nov, the doors were closed");
}

#[test]
fn a_mail_of_a_chain_of_300_venues_is_as_long_as_one_that_is_read() {
    let names: Vec<String> = (1..=300).map(|nth| format!("Venue number {nth}")).collect();
    let items = |nth: usize| (0..12).map(|dish| (dish, 1 + (nth % 50) as u64, 1)).collect::<Vec<_>>();
    let weeks: Vec<(&str, VenueWeek)> =
        names.iter().enumerate().map(|(nth, name)| (name.as_str(), week_of(&items(nth)))).collect();
    let mail = mail(&weeks);
    let lines = mail.text.lines().count();
    assert!((100..300).contains(&lines), "{lines} lines");
    assert!(mail.html.len() < 60_000, "{} bytes, more than some readers show", mail.html.len());
    assert!(mail.text.contains("and 250 more"), "{}", mail.text);
    assert_eq!(mail_in(Language::Az, &weeks).html.matches("<h2>").count(), mail.html.matches("<h2>").count());
}
