//! Stories of an owner who is mailed the week: what was off how long, once, whatever happens to the process on Monday.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::report::{Reports, WEEKLY_DEFAULT};
use eightysix::calendar::Schedule;
use eightysix::engine::Policy;
use eightysix::language::Language;
use eightysix::poll;
use eightysix::simulator::faults::Fault;
use eightysix::simulator::world::ProductEdit;
use eightysix::units::VenueId;

use crate::driver::Kill;
use crate::reports::{hours, last_mail, mailed, mails, opening, reported, reported_in};
use crate::shop::{Opening, Shop};
use crate::told;

const WEEKLY: Reports = Reports { opening_check: None, handover: None, weekly: Some(WEEKLY_DEFAULT) };
/// Half past nine in the morning in Baku; 11 May is a Monday.
const MONDAY: &str = "2026-05-11T05:30:00Z";
/// Ten to ten in the evening before.
const SUNDAY_EVENING: &str = "2026-05-10T17:50:00Z";

/// A day is long, and nothing happens within five minutes.
fn weekend(at: &'static str) -> Opening {
    let polling = poll::Settings {
        fastest: Duration::from_mins(5),
        oldest: Duration::from_mins(10),
        ..poll::Settings::default()
    };
    Opening { polling, ..opening(at) }
}

fn weekly() -> Arc<Policy> {
    reported(hours("10:00-23:00"), WEEKLY)
}

/// The doors close, nobody watches while they are, and on Monday the week is told.
fn until_it_is_told(shop: &mut Shop) {
    shop.until("23:05");
    shop.is_down_for("10h35m");
    shop.until("10:05");
}

#[test]
fn a_week_names_what_was_off_the_longest_while_the_doors_were_open() {
    let mut shop = Shop::new(&weekend("2026-05-10T05:50:00Z"));
    shop.keeps_to(&weekly());
    shop.opens();
    shop.sells_out("Piti");
    // What is not on the menu any more stays on the list.
    shop.edits("Ayran", ProductEdit::Hidden(true));
    shop.sells_out("Ayran");
    shop.until("12:00");
    shop.restocks("Piti");
    shop.sells_out("Bozbaş");
    shop.until("13:00");
    shop.restocks("Bozbaş");
    shop.until("15:00");
    shop.sells_out("Dovğa");
    shop.until("20:00");
    shop.sells_out("Bozbaş");
    shop.until("20:30");
    shop.restocks("Bozbaş");
    until_it_is_told(&mut shop);
    insta::assert_snapshot!(last_mail(&shop), @r"
    Sahil: the week 4 May–10 May, 12 h on stop (Dovğa, Piti, Bozbaş)

    The stop list is known from 2026-05-10 at 09:50 on: what was off before is not counted.
    While the doors were open, 12 h on stop in all, each item counted by itself. Items: 3, stops: 4. Not counted, as guests cannot order it: 1.

    Off the longest:
    - Dovğa (Kitchen): 8 h, at a stretch
      still off
    - Piti (Kitchen): 2 h, at a stretch
    - Bozbaş (Kitchen): 1 h 30 min in 2 stops, the longest 1 h

    --
    Sahil, 10:00; stop list read at 10:00
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn each_reads_the_week_in_his_language() {
    let week_in = |language: Language| {
        let mut shop = Shop::new(&weekend(SUNDAY_EVENING));
        shop.keeps_to(&reported_in("Asia/Baku", hours("10:00-23:00"), WEEKLY, language));
        shop.sells_out("Piti");
        until_it_is_told(&mut shop);
        last_mail(&shop)
    };
    let (az, ru) = (week_in(Language::Az), week_in(Language::Ru));
    insta::assert_snapshot!(format!("{az}\n\n=====\n{ru}"), @r"
    Sahil: həftə 04.05–10.05, stopda 1 saat 10 dəq (Piti)

    Stop-siyahı bu vaxtdan məlumdur: 10.05.2026, saat 21:50; ondan əvvəl stopda olanlar sayılmayıb.
    İş saatlarında stopda cəmi 1 saat 10 dəq, hər məhsul ayrıca sayılıb. Məhsullar: 1, stopa düşmə: 1.

    Ən uzun müddət stopda:
    - Piti (Kitchen): 1 saat 10 dəq, fasiləsiz
      hələ də stopda

    --
    Sahil, 10:00; stop-siyahı oxunub: 10:00
    eightysix Clopos üzərindən izləyir: sahil

    =====
    Sahil: неделя 04.05–10.05, на стопе 1 ч 10 мин (Piti)

    Стоп-лист известен с 10.05.2026 в 21:50: что было на стопе раньше, не считается.
    В часы работы на стопе в сумме 1 ч 10 мин, каждая позиция считается отдельно. Позиций: 1, стопов: 1.

    Дольше всего на стопе:
    - Piti (Kitchen): 1 ч 10 мин, без перерыва
      всё ещё на стопе

    --
    Sahil, 10:00; стоп-лист прочитан в 10:00
    eightysix следит за sahil (Clopos)
    ");
}

#[test]
fn a_chain_gets_one_mail_of_all_its_venues() {
    let mut shop = Shop::new(&Opening { brands: &[("sahil", 3)], ..weekend(SUNDAY_EVENING) });
    shop.keeps_to(&weekly());
    shop.at("sahil", 2);
    shop.sells_out("Piti");
    shop.at("sahil", 3);
    shop.sells_out("Piti");
    until_it_is_told(&mut shop);
    assert_eq!(mails(&shop).len(), 1);
    insta::assert_snapshot!(last_mail(&shop), @r"
    sahil: the week 4 May–10 May, 3 venues, 2 h 20 min on stop

    sahil:
    Not all of the week is known. Venues: 3; what nobody read is not counted.
    While the doors were open, 2 h 20 min on stop in all, each item counted by itself. Items: 1, stops: 2.

    Venues, the longest on stop first:
    - İçərişəhər: 1 h 10 min; items: 1, stops: 1
      The stop list is known from 2026-05-10 at 21:50 on: what was off before is not counted.
    - Gənclik: 1 h 10 min; items: 1, stops: 1
      The stop list is known from 2026-05-10 at 21:50 on: what was off before is not counted.
    - Sahil: nothing was seen to be off
      The stop list is known from 2026-05-10 at 21:50 on: what was off before is not counted.

    Off at several venues:
    - Piti: 2 h 20 min at 2 venues
      İçərişəhər, Gənclik

    İçərişəhər:

    Off the longest:
    - Piti (Kitchen): 1 h 10 min, at a stretch
      still off

    Gənclik:

    Off the longest:
    - Piti (Kitchen): 1 h 10 min, at a stretch
      still off

    --
    sahil, 10:00
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn a_week_comes_also_when_nothing_was_off_and_never_says_so_of_what_nobody_read() {
    let week_of = |at: &'static str, policy: &Arc<Policy>| {
        let mut shop = Shop::new(&weekend(at));
        shop.keeps_to(policy);
        if at == SUNDAY_EVENING {
            until_it_is_told(&mut shop);
        } else {
            shop.until("10:05");
        }
        last_mail(&shop)
    };
    let never_read = week_of(MONDAY, &weekly());
    assert!(never_read.starts_with("Sahil: the week 4 May–10 May, the stop list was not read\n"), "{never_read}");
    assert!(never_read.contains("The stop list was not read in this week: nobody knows what was off."), "{never_read}");
    let nothing = week_of(SUNDAY_EVENING, &weekly());
    assert!(nothing.contains("Nothing was seen to be off while the doors were open."), "{nothing}");
    assert!(nothing.contains("The stop list is known from 2026-05-10 at 21:50 on"), "{nothing}");
    let closed = week_of(SUNDAY_EVENING, &reported(Schedule::default(), WEEKLY));
    assert!(closed.contains("The doors were closed all week."), "{closed}");
}

#[test]
fn a_list_that_is_unread_since_sunday_is_not_called_free() {
    let mut shop = Shop::new(&weekend(SUNDAY_EVENING));
    shop.keeps_to(&weekly());
    shop.sells_out("Piti");
    shop.until("22:00");
    shop.suffers(Fault::BadGatewayPage, None, "20h");
    shop.until("10:05");
    let told = last_mail(&shop);
    assert!(told.contains("- Piti (Kitchen): "), "{told}");
    assert!(!told.contains("still off"), "nobody knows: {told}");
    assert!(told.contains("The stop list was not read for 1 h"), "{told}");
}

#[test]
fn a_venue_that_is_watched_since_the_evening_says_so_beside_the_others() {
    let mut shop = Shop::new(&Opening { brands: &[("sahil", 2)], ..weekend(SUNDAY_EVENING) });
    let policy = weekly();
    let watches = |shop: &mut Shop, venues: &[u64]| {
        let venues: BTreeSet<VenueId> = venues.iter().copied().map(VenueId).collect();
        shop.watchers[0].configured.settings.venues = Some(venues);
        shop.keeps_to(&policy);
    };
    watches(&mut shop, &[1]);
    shop.until("22:30");
    shop.at("sahil", 2);
    shop.sells_out("Piti");
    watches(&mut shop, &[1, 2]);
    until_it_is_told(&mut shop);
    let told = last_mail(&shop);
    let venue = "- İçərişəhər: 30 min; items: 1, stops: 1\n  The stop list is known from 2026-05-10 at 22:30 on";
    assert!(told.contains(venue), "{told}");
}

#[test]
fn a_week_comes_once_however_the_process_dies_around_it() {
    for stored in [true, false] {
        for commits_left in 0..4 {
            let mut shop = Shop::new(&Opening { brands: &[("sahil", 2)], ..weekend(MONDAY) });
            shop.keeps_to(&weekly());
            shop.until("09:55");
            shop.dies_at(Kill::At { commits_left, stored });
            shop.sells_out("Piti");
            shop.until("10:20");
            assert_eq!(mails(&shop).len(), 1, "killed at commit {commits_left}, which is stored: {stored}");
        }
    }
}

#[test]
fn a_week_that_is_late_is_sent_for_three_days() {
    let reports_after = |down_for: &str| {
        let mut shop = Shop::new(&weekend(MONDAY));
        shop.keeps_to(&weekly());
        shop.until("09:50");
        shop.is_down_for(down_for);
        shop.after("10m");
        mailed(&shop.lines())
    };
    let told = |at: &str| format!("{at} managers mail Sahil: the week 4 May–10 May, the stop list was not read");
    assert_eq!(reports_after("70m"), [told("11:00:05")]);
    assert_eq!(reports_after("72h9m"), [told("09:59:05")]);
    assert_eq!(reports_after("72h10m"), [""; 0]);
}

#[test]
fn a_clock_that_is_set_repeats_no_week_and_skips_none() {
    let reports_of = |story: fn(&mut Shop)| {
        let mut shop = Shop::new(&weekend(MONDAY));
        shop.keeps_to(&weekly());
        story(&mut shop);
        mailed(&shop.lines()).len()
    };
    let set_back = |shop: &mut Shop| {
        shop.until("10:30");
        shop.our_clock_jumps_s(-3600);
        shop.after("2h");
    };
    assert_eq!(reports_of(set_back), 1);
    let wrong_for_a_while = |shop: &mut Shop| {
        shop.until("09:40");
        // A Friday, on which the week of that Monday is no longer told.
        shop.our_clock_jumps_s(361 * 24 * 3600);
        shop.after("5m");
        shop.our_clock_jumps_s(-361 * 24 * 3600);
        shop.after("2h");
    };
    assert_eq!(reports_of(wrong_for_a_while), 1);
}

#[test]
fn a_week_that_cannot_be_stored_is_told_when_it_can() {
    let story = |shop: &mut Shop| {
        shop.keeps_to(&weekly());
        shop.until("09:55");
        shop.watchers[0].store_is_broken = true;
        shop.until("10:30");
        shop.watchers[0].store_is_broken = false;
        shop.after("1m");
    };
    let lines = told(&weekend(MONDAY), story);
    assert_eq!(mailed(&lines), ["10:30:00 managers mail Sahil: the week 4 May–10 May, the stop list was not read"]);
}
