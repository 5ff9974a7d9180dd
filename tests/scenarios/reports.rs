//! Stories of people who are mailed by the clock: before the doors open, also when nothing is off, and after they close.

use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::notice::{Content, Mail, ReceiverName};
use eightysix::alerts::report::{HANDOVER_DEFAULT, OPENING_CHECK_DEFAULT, Reports};
use eightysix::calendar::{Calendar, Calendars, ClockSpan, Schedule};
use eightysix::engine::Policy;
use eightysix::language::Language;
use eightysix::poll;
use eightysix::simulator::faults::Fault;
use eightysix::store::format::decode_content;
use eightysix::units::{VenueId, Zone};

use crate::driver::Kill;
use crate::shop::{Opening, Shop, policy};
use crate::told;

const RULES: &str = "rules:
  - { name: out, when: { sold_out: true, product.type: DISH }, notify: [kitchen], message: '{{ item.name }} is out' }";
const BOTH: Reports =
    Reports { opening_check: Some(OPENING_CHECK_DEFAULT), handover: Some(HANDOVER_DEFAULT), weekly: None };
const OPENING: Reports = Reports { handover: None, ..BOTH };

/// A night is long, and nothing happens within the minute.
pub(crate) fn opening(at: &'static str) -> Opening {
    let minute = Duration::from_mins(1);
    let polling = poll::Settings { fastest: minute, oldest: minute, ..poll::Settings::default() };
    Opening { at, rules: Some(RULES), polling, ..Opening::default() }
}

pub(crate) fn hours(daily: &str) -> Schedule {
    Schedule::daily(&[ClockSpan::parse(daily).expect("a span")])
}

/// Managers of a house with these hours get reports in their language.
pub(crate) fn reported_in(zone: &str, hours: Schedule, reports: Reports, language: Language) -> Arc<Policy> {
    let zone = Zone::named(zone).expect("bundled");
    let mut policy = policy(Some(RULES), &zone);
    let managers = policy.routes.get_mut(&ReceiverName::new("managers")).expect("they are told");
    (managers.reports, managers.language) = (reports, language);
    let plain = Calendar::plain(zone, jiff::civil::time(4, 0, 0, 0));
    policy.calendars = Calendars::of_all(plain.with_hours(Some(hours), None));
    Arc::new(policy)
}

pub(crate) fn reported(hours: Schedule, reports: Reports) -> Arc<Policy> {
    reported_in("Asia/Baku", hours, reports, Language::En)
}

pub(crate) fn mails(shop: &Shop) -> Vec<Mail> {
    let mail = |body: &str| match decode_content(body).expect("a stored notice") {
        Content::Email(mail) => Some(mail),
        Content::Mqtt(_) | Content::Webhook(_) => None,
    };
    shop.told().iter().filter_map(|row| mail(&row.body)).collect()
}

/// Returns the last mail; its HTML says the same.
pub(crate) fn last_mail(shop: &Shop) -> String {
    let mails = mails(shop);
    let mail = mails.last().expect("a mail");
    for line in mail.text.lines() {
        // Names, stations, times and figures, without the marks between them.
        let words = line.split([' ', ':', ';', '-', '(', ')']).filter(|word| word.chars().count() > 2);
        for word in words {
            assert!(mail.html.contains(word), "{word} of '{line}' is not in {}", mail.html);
        }
    }
    assert!(mail.html.contains(&format!("<html lang=\"{}\">", mail.language.code())), "{}", mail.html);
    format!("{}\n\n{}", mail.subject, mail.text)
}

/// The lines of the mails alone.
pub(crate) fn mailed(lines: &str) -> Vec<String> {
    lines.lines().filter(|line| line.contains(" managers mail ")).map(str::to_owned).collect()
}

/// An evening, a night and a morning: Piti stays off for days, Bozbaş came back, Dovğa goes off before the doors open.
fn evening_and_morning(shop: &mut Shop, policy: &Arc<Policy>) {
    shop.keeps_to(policy);
    shop.sells_out("Piti");
    shop.opens();
    shop.sells_out("Bozbaş");
    shop.after("5m");
    shop.takes_care_of("Piti");
    shop.sells_out("Ayran");
    shop.after("20m");
    shop.restocks("Bozbaş");
    shop.restocks("Ayran");
    shop.after("10m");
    shop.sells_out("Ayran");
    shop.until("23:16");
}

#[test]
fn a_shift_is_handed_over_and_the_next_one_opens_with_what_is_left_over() {
    let story = |shop: &mut Shop| {
        evening_and_morning(shop, &reported(hours("10:00-23:00"), BOTH));
        shop.is_down_for("9h30m");
        shop.sells_out("Dovğa");
        shop.restocks("Ayran");
        shop.until("10:10");
    };
    assert_eq!(
        mailed(&told(&opening("2026-05-08T18:00:00Z"), story)),
        [
            "23:15:00 managers mail Sahil: shift handover, 2 off (Piti, Ayran)",
            "09:15:00 managers mail Sahil: opening check, 2 off (Piti, Dovğa)"
        ]
    );
}

#[test]
fn a_handover_says_what_went_off_what_came_back_and_what_is_still_off() {
    let mut shop = Shop::new(&opening("2026-05-08T18:00:00Z"));
    evening_and_morning(&mut shop, &reported(hours("10:00-23:00"), BOTH));
    insta::assert_snapshot!(last_mail(&shop), @r"
    Sahil: shift handover, 2 off (Piti, Ayran)

    In this shift 3 went off and 1 came back; still off: 2.

    Still off:
    - Piti (Kitchen): since 22:00, 1 h 15 min
      Anar takes care of it: supplier; back at 23:08
      it was expected back by 23:08
    - Ayran (Bar): since 22:38, 37 min
      off before in this shift as well, for 20 min

    Back on sale:
    - Bozbaş (Kitchen): off from 22:03 to 22:28, 25 min

    --
    Sahil, 23:15; stop list read at 23:14
    eightysix watches sahil on Clopos
    ");
    shop.is_down_for("9h30m");
    shop.sells_out("Dovğa");
    shop.restocks("Ayran");
    shop.until("09:16");
    insta::assert_snapshot!(last_mail(&shop), @r"
    Sahil: opening check, 2 off (Piti, Dovğa)

    Off since before today:
    - Piti (Kitchen): since Fri 22:00, 11 h 15 min
      Anar takes care of it: supplier; back at 23:08
      it was expected back by Fri 23:08

    Off since today:
    - Dovğa (Kitchen): since 08:46, 29 min

    --
    Sahil, 09:15; stop list read at 09:15
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn a_handover_says_when_nobody_read_the_list_in_the_shift() {
    let handed_over = |absences: &[&str]| {
        let mut shop = Shop::new(&opening("2026-05-08T16:00:00Z"));
        shop.keeps_to(&reported(hours("10:00-23:00"), BOTH));
        shop.opens();
        for time in absences {
            shop.after("20m");
            shop.sells_out("Piti");
            shop.after("2m");
            shop.is_down_for(time);
            shop.restocks("Piti");
        }
        shop.until("23:16");
        last_mail(&shop)
    };
    insta::assert_snapshot!(handed_over(&["30m"]), @r"
    Sahil: shift handover, nothing is off

    Nobody read the stop list from 20:24 to 20:55, 31 min: what went off and came back in it is not counted.
    In this shift 1 went off and 1 came back; still off: 0.

    Back on sale:
    - Piti (Kitchen): off from 20:23 to 20:55, 32 min

    --
    Sahil, 23:15; stop list read at 23:15
    eightysix watches sahil on Clopos
    ");
    insta::assert_snapshot!(handed_over(&["30m", "2m", "1h"]), @r"
    Sahil: shift handover, nothing is off

    Nobody read the stop list 2 times, 1 h 33 min in all, the last until 22:41: what came back meanwhile is not counted.
    In this shift 1 went off and 1 came back; still off: 0.

    Back on sale:
    - Piti (Kitchen): off 3 times, 1 h 38 min in all, until 22:41

    --
    Sahil, 23:15; stop list read at 23:15
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn an_opening_check_comes_also_when_nothing_is_off() {
    let mut shop = Shop::new(&opening("2026-05-08T04:50:00Z"));
    shop.keeps_to(&reported(hours("10:00-23:00"), OPENING));
    shop.until("10:30");
    insta::assert_snapshot!(last_mail(&shop), @r"
    Sahil: opening check, nothing is off

    Nothing is off.

    --
    Sahil, 09:15; stop list read at 09:15
    eightysix watches sahil on Clopos
    ");
    assert_eq!(mails(&shop).len(), 1);
}

#[test]
fn what_is_off_since_this_morning_is_not_left_over_from_earlier_days() {
    let mut shop = Shop::new(&opening("2026-05-08T04:50:00Z"));
    shop.keeps_to(&reported(hours("10:00-23:00"), OPENING));
    shop.until("08:55");
    shop.sells_out("Dovğa");
    shop.until("09:30");
    insta::assert_snapshot!(last_mail(&shop), @r"
    Sahil: opening check, 1 off (Dovğa)

    Nothing is left over from earlier days.

    Off since today:
    - Dovğa (Kitchen): since 08:55, 20 min

    --
    Sahil, 09:15; stop list read at 09:15
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn what_goes_off_before_the_doors_close_in_the_morning_is_not_of_the_next_shift() {
    let mut shop = Shop::new(&opening("2026-05-08T23:50:00Z"));
    shop.keeps_to(&reported(hours("18:00-05:30"), BOTH));
    shop.until("04:40");
    shop.sells_out("Dovğa");
    shop.until("05:46");
    let handed_over = last_mail(&shop);
    assert!(handed_over.contains("In this shift 1 went off and 0 came back; still off: 1."), "{handed_over}");
    shop.until("17:16");
    let opened = last_mail(&shop);
    assert!(opened.contains("Off since before today:\n- Dovğa (Kitchen): since 04:40"), "{opened}");
}

#[test]
fn of_a_list_that_is_not_read_nobody_says_that_nothing_is_off() {
    let report_after = |story: fn(&mut Shop)| {
        let mut shop = Shop::new(&opening("2026-05-08T04:50:00Z"));
        shop.keeps_to(&reported(hours("10:00-23:00"), OPENING));
        story(&mut shop);
        shop.until("09:30");
        last_mail(&shop)
    };
    let blind = report_after(|shop| {
        shop.opens();
        shop.suffers(Fault::BadGatewayPage, None, "3h");
    });
    insta::assert_snapshot!(blind, @r"
    Sahil: opening check, the stop list is not known

    The stop list was last read at 08:52, 23 min ago: nobody knows what is off now. Ask the kitchen.
    Nothing was off then, at 08:52.

    --
    Sahil, 09:15
    eightysix watches sahil on Clopos
    ");
    let blind_with_something_off = report_after(|shop| {
        shop.sells_out("Piti");
        shop.opens();
        shop.suffers(Fault::BadGatewayPage, None, "3h");
    });
    insta::assert_snapshot!(blind_with_something_off, @r"
    Sahil: opening check, the stop list is not known

    The stop list was last read at 08:52, 23 min ago: nobody knows what is off now. Ask the kitchen.
    This is how it was then, at 08:52:
    Nothing is left over from earlier days.

    Off since today:
    - Piti (Kitchen): since 08:50, 2 min

    --
    Sahil, 09:15
    eightysix watches sahil on Clopos
    ");
    let stale = report_after(|shop| {
        shop.until("09:11");
        shop.suffers(Fault::BadGatewayPage, None, "3h");
    });
    insta::assert_snapshot!(stale, @r"
    Sahil: opening check, the stop list is not known

    The stop list was read at 09:10, 5 min ago: nobody knows what has changed since.
    Nothing was off then, at 09:10.

    --
    Sahil, 09:15
    eightysix watches sahil on Clopos
    ");
    let stale_with_something_off = report_after(|shop| {
        shop.sells_out("Piti");
        shop.until("09:11");
        shop.suffers(Fault::BadGatewayPage, None, "3h");
    });
    insta::assert_snapshot!(stale_with_something_off, @r"
    Sahil: opening check, the stop list is not known

    The stop list was read at 09:10, 5 min ago: nobody knows what has changed since.
    This is how it was then, at 09:10:
    Nothing is left over from earlier days.

    Off since today:
    - Piti (Kitchen): since 08:50, 20 min

    --
    Sahil, 09:15
    eightysix watches sahil on Clopos
    ");
    let never_read = report_after(|shop| {
        shop.suffers(Fault::BadGatewayPage, None, "3h");
        shop.watchers[0].configured.settings.venues = Some([VenueId(1)].into());
        shop.is_killed();
    });
    insta::assert_snapshot!(never_read, @r"
    venue 1: opening check, the stop list is not known

    The stop list was never read: nobody knows what is off. Ask the kitchen.

    --
    venue 1, 09:15
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn a_report_comes_once_however_the_process_dies_around_it() {
    for stored in [true, false] {
        for commits_left in 0..4 {
            let mut shop = Shop::new(&opening("2026-05-08T04:50:00Z"));
            shop.keeps_to(&reported(hours("10:00-23:00"), OPENING));
            shop.until("09:14");
            shop.dies_at(Kill::At { commits_left, stored });
            shop.until("10:30");
            assert_eq!(mails(&shop).len(), 1, "killed at commit {commits_left}, which is stored: {stored}");
        }
    }
}

#[test]
fn a_report_that_is_late_is_sent_until_the_doors_open_and_a_handover_for_two_hours() {
    let reports_of = |begins: &'static str, until: &str, down_for: &str| {
        let mut shop = Shop::new(&opening(begins));
        shop.keeps_to(&reported(hours("10:00-23:00"), BOTH));
        shop.until(until);
        shop.is_down_for(down_for);
        shop.after("10m");
        mailed(&shop.lines())
    };
    let none: [&str; 0] = [];
    let (morning, evening) = ("2026-05-08T04:50:00Z", "2026-05-08T18:50:00Z");
    // It waits the moment that the first reading needs: what was known before the night is no news.
    assert_eq!(reports_of(morning, "09:00", "40m"), ["09:40:05 managers mail Sahil: opening check, nothing is off"]);
    assert_eq!(reports_of(morning, "09:00", "61m"), none, "the doors are open");
    assert_eq!(reports_of(evening, "23:00", "2h14m"), ["01:14:05 managers mail Sahil: shift handover, nothing is off"]);
    assert_eq!(reports_of(evening, "23:00", "2h15m"), none);
}

#[test]
fn a_clock_that_is_set_repeats_no_report_and_skips_none() {
    let reports_of = |story: fn(&mut Shop)| {
        let mut shop = Shop::new(&opening("2026-05-08T04:50:00Z"));
        shop.keeps_to(&reported(hours("10:00-23:00"), OPENING));
        story(&mut shop);
        mailed(&shop.lines())
    };
    let once = ["09:15:00 managers mail Sahil: opening check, nothing is off"];
    let set_back = reports_of(|shop| {
        shop.until("09:30");
        shop.our_clock_jumps_s(-3600);
        shop.until("10:30");
    });
    assert_eq!(set_back, once);
    let wrong_for_a_while = reports_of(|shop| {
        shop.until("09:00");
        shop.our_clock_jumps_s(4 * 365 * 24 * 3600);
        shop.after("5m");
        shop.our_clock_jumps_s(-4 * 365 * 24 * 3600);
        shop.until("10:30");
    });
    assert_eq!(wrong_for_a_while, once);
    let skipped = reports_of(|shop| {
        shop.until("09:10");
        shop.our_clock_jumps_s(3600);
        shop.after("1m");
        shop.our_clock_jumps_s(-3600);
        shop.until("10:30");
    });
    assert_eq!(skipped, once, "it was past the opening, and then it was not");
}

#[test]
fn a_report_that_is_asked_for_too_late_comes_the_next_time_and_none_comes_twice_by_a_reload() {
    let mut shop = Shop::new(&opening("2026-05-08T04:50:00Z"));
    shop.keeps_to(&reported(hours("10:00-23:00"), Reports::default()));
    shop.until("09:20");
    shop.keeps_to(&reported(hours("10:00-23:00"), OPENING));
    shop.until("09:40");
    assert_eq!(mails(&shop).len(), 0, "nobody asked for it at 09:15");
    shop.keeps_to(&reported(hours("10:30-23:00"), OPENING));
    shop.until("09:50");
    assert_eq!(mails(&shop).len(), 1, "the doors open later today, as is written now");
    shop.keeps_to(&reported(hours("11:00-23:00"), OPENING));
    shop.until("10:50");
    assert_eq!(mails(&shop).len(), 1, "today was reported");
    shop.keeps_to(&reported(hours("11:00-11:30"), Reports { handover: Some(Duration::ZERO), ..OPENING }));
    shop.until("11:40");
    let lines = mailed(&shop.lines());
    assert_eq!(lines.last().expect("a mail"), "11:30:00 managers mail Sahil: shift handover, nothing is off");
    assert_eq!(lines.len(), 2);
}

#[test]
fn the_doors_open_by_the_clock_on_the_wall_also_on_the_day_when_it_is_put_back() {
    let mut shop = Shop::new(&Opening { zone: "Europe/Berlin", ..opening("2026-10-25T00:30:00Z") });
    shop.keeps_to(&reported_in("Europe/Berlin", hours("10:00-03:00"), BOTH, Language::En));
    shop.after("2h");
    shop.is_down_for("5h30m");
    shop.after("30m");
    assert_eq!(
        mailed(&shop.lines()),
        [
            "03:15:00 managers mail Sahil: shift handover, nothing is off",
            "09:15:00 managers mail Sahil: opening check, nothing is off"
        ]
    );
    let at: Vec<String> = shop.told().iter().map(|row| row.at.to_string()).collect();
    assert_eq!(at, ["2026-10-25T02:15:00.000Z", "2026-10-25T08:15:00.000Z"], "three o'clock came an hour later");
}

#[test]
fn a_venue_of_a_chain_at_which_nothing_is_off_says_all_the_same_when_nobody_read() {
    let chain = Opening { brands: &[("sahil", 2)], ..opening("2026-05-08T16:00:00Z") };
    let mut shop = Shop::new(&chain);
    shop.keeps_to(&reported(hours("10:00-23:00"), BOTH));
    shop.opens();
    shop.is_down_for("30m");
    shop.until("23:16");
    let mail = last_mail(&shop);
    assert_eq!(mail.matches("Nobody read the stop list from").count(), 2, "{mail}");
}

#[test]
fn a_chain_gets_one_mail_for_all_venues_that_open_in_the_same_minute() {
    let story = |shop: &mut Shop| {
        shop.keeps_to(&reported(hours("10:00-23:00"), OPENING));
        shop.at("sahil", 2);
        shop.sells_out("Piti");
        shop.sells_out("Dovğa");
        shop.until("09:30");
    };
    let chain = Opening { brands: &[("sahil", 4)], ..opening("2026-05-08T04:50:00Z") };
    assert_eq!(mailed(&told(&chain, story)), ["09:15:00 managers mail sahil: opening check, 4 venues, 2 off"]);
    let mut shop = Shop::new(&chain);
    story(&mut shop);
    insta::assert_snapshot!(last_mail(&shop), @r"
    sahil: opening check, 4 venues, 2 off

    Nothing is off: Sahil, Gənclik, 28 May

    İçərişəhər:
    Nothing is left over from earlier days.

    Off since today:
    - Piti (Kitchen): since 08:50, 25 min
    - Dovğa (Kitchen): since 08:50, 25 min

    --
    sahil, 09:15; stop lists read at 09:14 or later
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn each_reads_his_reports_in_his_language() {
    let reports_in = |language: Language| {
        let mut shop = Shop::new(&opening("2026-05-08T18:00:00Z"));
        evening_and_morning(&mut shop, &reported_in("Asia/Baku", hours("10:00-23:00"), BOTH, language));
        let handover = last_mail(&shop);
        shop.is_down_for("9h30m");
        shop.sells_out("Dovğa");
        shop.until("09:16");
        format!("{handover}\n\n=====\n{}", last_mail(&shop))
    };
    insta::assert_snapshot!(reports_in(Language::Az), @r"
    Sahil: növbənin təhvili, stopda: 2 (Piti, Ayran)

    Bu növbədə stopa düşdü: 3, satışa qayıtdı: 1; hələ də stopda: 2.

    Hələ də stopda:
    - Piti (Kitchen): başlanğıc: 22:00, 1 saat 15 dəq
      Anar məşğul olur: təchizatçı; gözlənilir: 23:08
      gözlənilən vaxt keçib: 23:08
    - Ayran (Bar): başlanğıc: 22:38, 37 dəq
      bu növbədə əvvəl də stopda olub: 20 dəq

    Yenidən satışda:
    - Bozbaş (Kitchen): stopda: 22:03 – 22:28, 25 dəq

    --
    Sahil, 23:15; stop-siyahı oxunub: 23:14
    eightysix Clopos üzərindən izləyir: sahil

    =====
    Sahil: açılışdan əvvəl yoxlama, stopda: 3 (Piti, Ayran, Dovğa)

    Əvvəlki günlərdən stopda:
    - Piti (Kitchen): başlanğıc: cümə 22:00, 11 saat 15 dəq
      Anar məşğul olur: təchizatçı; gözlənilir: 23:08
      gözlənilən vaxt keçib: cümə 23:08
    - Ayran (Bar): başlanğıc: cümə 22:38, 10 saat 37 dəq

    Bu gün stopa düşüb:
    - Dovğa (Kitchen): başlanğıc: 08:46, 29 dəq

    --
    Sahil, 09:15; stop-siyahı oxunub: 09:15
    eightysix Clopos üzərindən izləyir: sahil
    ");
    insta::assert_snapshot!(reports_in(Language::Ru), @r"
    Sahil: передача смены, на стопе: 2 (Piti, Ayran)

    За смену встало на стоп: 3, вернулось в продажу: 1; всё ещё на стопе: 2.

    Всё ещё на стопе:
    - Piti (Kitchen): с 22:00, 1 ч 15 мин
      Anar занимается: поставщик; ожидается: 23:08
      ожидалось к 23:08, срок прошёл
    - Ayran (Bar): с 22:38, 37 мин
      в эту смену уже было на стопе: 20 мин

    Снова в продаже:
    - Bozbaş (Kitchen): на стопе: 22:03 – 22:28, 25 мин

    --
    Sahil, 23:15; стоп-лист прочитан в 23:14
    eightysix следит за sahil (Clopos)

    =====
    Sahil: проверка перед открытием, на стопе: 3 (Piti, Ayran, Dovğa)

    На стопе с прошлых дней:
    - Piti (Kitchen): с пт 22:00, 11 ч 15 мин
      Anar занимается: поставщик; ожидается: 23:08
      ожидалось к пт 23:08, срок прошёл
    - Ayran (Bar): с пт 22:38, 10 ч 37 мин

    На стопе с сегодняшнего дня:
    - Dovğa (Kitchen): с 08:46, 29 мин

    --
    Sahil, 09:15; стоп-лист прочитан в 09:15
    eightysix следит за sahil (Clopos)
    ");
}
