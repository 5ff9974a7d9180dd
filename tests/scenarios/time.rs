//! Stories of the clock: set back, set forward, put on for the summer, and a business day that ends after midnight.

use std::sync::Arc;

use eightysix::alerts::notice::{Content, ReceiverName};
use eightysix::calendar::{ClockSpan, QuietHours, Schedule};
use eightysix::engine::Policy;
use eightysix::store::format::decode_content;
use eightysix::units::Zone;

use crate::shop::{Opening, Shop, policy_in};
use crate::tables::Row;
use crate::told;

#[test]
fn our_clock_is_set_back_an_hour_and_every_timer_goes_on() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("10s");
        shop.our_clock_jumps_s(-3600);
        shop.after("3m");
        shop.restocks("Piti");
        shop.after("30s");
        shop.our_clock_jumps_s(-3600);
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    17:03:33 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    17:04:33 managers mail Sahil: Piti is out at Kitchen since 18:03
    17:06:12 feed product.back: Piti at Sahil
    16:07:42 kitchen closed sold-out: Piti is back on at Kitchen
    16:08:42 managers mail Sahil: Piti is back on at Kitchen
    ");
}

#[test]
fn a_mail_that_waits_goes_out_although_our_clock_is_set_back() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("30s");
        shop.our_clock_jumps_s(-3600);
        shop.after("2m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    17:03:30 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

#[test]
fn a_mail_that_waits_goes_out_although_our_clock_is_set_back_while_nobody_runs() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("30s");
        shop.our_clock_jumps_s(-3600);
        shop.is_killed();
        shop.after("2m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    17:03:30 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

#[test]
fn our_clock_is_set_forward_a_day_and_nobody_is_alarmed() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("2m");
        shop.our_clock_jumps_s(24 * 3600);
        shop.after("3m");
        shop.restocks("Piti");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:08:00 office change back-on-sale: Piti is back on sale at Sahil
    18:08:00 feed product.back: Piti at Sahil
    18:09:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:10:00 managers mail Sahil: Piti is back on at Kitchen
    ");
}

/// The windows of the house.
const DINNER: &[(&str, &[&str])] = &[("dinner", &["18:10-18:20"])];

/// A rule that holds at dinner alone, with the hours and windows of the house.
fn at_dinner(waits: &str) -> Arc<Policy> {
    let rule = format!(
        "rules: [{{ name: out, during: dinner, when: {{ sold_out: true }}, {waits}, notify: [kitchen, managers], \
         message: '{{{{ item.name }}}} is out', resolved_message: '{{{{ item.name }}}} is back' }}]"
    );
    policy_in(&rule, DINNER)
}

#[test]
fn a_rule_for_dinner_begins_with_it_and_its_end_is_no_news_but_for_machines() {
    let mut shop = Shop::new(&Opening::default());
    shop.opens();
    shop.keeps_to(&at_dinner("clear_for: 0s"));
    shop.sells_out("Piti");
    shop.until("18:12");
    shop.sells_out("Bozbaş");
    shop.after("3m");
    shop.restocks("Bozbaş");
    shop.until("18:25");
    shop.restocks("Piti");
    shop.after("5m");
    insta::assert_snapshot!(shop.lines(), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Terrace grill: the rule station-off was taken away after 3 min
    18:10:00 kitchen opened out: Piti is out
    18:11:00 managers mail Sahil: Piti is out
    18:12:00 kitchen opened out: Bozbaş is out
    18:12:00 feed product.stopped: Bozbaş at Sahil
    18:13:00 managers mail Sahil: Bozbaş is out
    18:15:00 kitchen closed out: Bozbaş is back
    18:15:00 feed product.back: Bozbaş at Sahil
    18:16:00 managers mail Sahil: Bozbaş is back
    18:20:00 kitchen closed out: Piti: not watched outside dinner, after 17 min
    18:25:00 feed product.back: Piti at Sahil
    ");
    assert_eq!(shop.endings(), ["clear", "window"], "Bozbaş came back, Piti is only not watched any more");
}

#[test]
fn what_opened_just_before_the_window_ends_is_not_mailed() {
    let mut shop = Shop::new(&Opening::default());
    shop.opens();
    shop.keeps_to(&at_dinner("clear_for: 0s"));
    shop.until("18:19");
    shop.after("30s");
    shop.sells_out("Piti");
    shop.after("5m");
    insta::assert_snapshot!(shop.lines(), @r"
    18:04:00 managers mail Sahil: Terrace grill: the rule station-off was taken away after 3 min
    18:19:30 kitchen opened out: Piti is out
    18:19:30 feed product.stopped: Piti at Sahil
    18:20:00 kitchen closed out: Piti: not watched outside dinner, after 30 s
    ");
}

#[test]
fn a_mail_is_taken_back_also_when_the_end_of_its_rule_is_never_told() {
    let mut shop = Shop::new(&Opening::default());
    shop.opens();
    shop.keeps_to(&at_dinner("clear_for: 0s, send_resolved: false"));
    shop.until("18:19");
    shop.after("30s");
    shop.sells_out("Piti");
    shop.after("5m");
    insta::assert_snapshot!(shop.lines(), @r"
    18:04:00 managers mail Sahil: Terrace grill: the rule station-off was taken away after 3 min
    18:19:30 kitchen opened out: Piti is out
    18:19:30 feed product.stopped: Piti at Sahil
    ");
}

#[test]
fn the_wait_of_a_rule_counts_from_the_first_reading_in_its_window() {
    for fastest_s in [5, 31, 47, 59] {
        let polling =
            eightysix::poll::Settings { fastest: std::time::Duration::from_secs(fastest_s), ..Default::default() };
        let mut shop = Shop::new(&Opening { polling, ..Opening::default() });
        shop.opens();
        shop.keeps_to(&at_dinner("for: 20s"));
        shop.sells_out("Piti");
        shop.until("18:10");
        shop.after("19s");
        assert!(!shop.lines().contains("opened"), "read every {fastest_s} s: {}", shop.lines());
        shop.after("3m");
        assert!(shop.lines().contains("kitchen opened out: Piti is out"), "read every {fastest_s} s: {}", shop.lines());
    }
}

#[test]
fn events_and_stations_keep_to_the_windows_too() {
    let rules = "rules:
  - { name: gone, event: stopped, during: dinner, notify: [kitchen], message: '{{ item.name }} went' }
  - { name: off, subject: station, during: dinner, when: { station.status: inactive }, notify: [kitchen],
      message: '{{ station.name }} is off', resolved_message: '{{ station.name }} is on' }";
    let mut shop = Shop::new(&Opening::default());
    shop.opens();
    shop.keeps_to(&policy_in(rules, DINNER));
    shop.sells_out("Piti");
    shop.until("18:12");
    shop.sells_out("Bozbaş");
    shop.until("18:25");
    shop.sells_out("Dovğa");
    shop.after("1m");
    insta::assert_snapshot!(shop.lines(), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Terrace grill: the rule station-off was taken away after 3 min
    18:10:00 kitchen opened off: Terrace grill is off
    18:12:00 kitchen change gone: Bozbaş went
    18:12:00 feed product.stopped: Bozbaş at Sahil
    18:20:00 kitchen closed off: Terrace grill: not watched outside dinner, after 10 min
    18:25:00 feed product.stopped: Dovğa at Sahil
    ");
}

#[test]
fn what_came_back_around_the_end_of_the_window_is_told_to_be_back() {
    let mut shop = Shop::new(&Opening::default());
    shop.opens();
    shop.keeps_to(&at_dinner("clear_for: 3m"));
    shop.until("18:12");
    shop.sells_out("Piti");
    shop.sells_out("Bozbaş");
    shop.sells_out("Dovğa");
    shop.until("18:19");
    shop.restocks("Piti");
    shop.until("18:21");
    shop.restocks("Bozbaş");
    shop.after("10m");
    insta::assert_snapshot!(shop.lines(), @r"
    18:04:00 managers mail Sahil: Terrace grill: the rule station-off was taken away after 3 min
    18:12:00 kitchen opened out: Piti is out
    18:12:00 kitchen opened out: Bozbaş is out
    18:12:00 kitchen opened out: Dovğa is out
    18:12:00 feed product.stopped: Piti at Sahil
    18:12:00 feed product.stopped: Bozbaş at Sahil
    18:12:00 feed product.stopped: Dovğa at Sahil
    18:13:00 managers mail Sahil: Piti is out; 2 more news
    18:19:00 feed product.back: Piti at Sahil
    18:21:00 feed product.back: Bozbaş at Sahil
    18:22:00 kitchen closed out: Piti is back
    18:23:00 kitchen closed out: Bozbaş is back
    18:23:00 kitchen closed out: Dovğa: not watched outside dinner, after 11 min
    18:23:00 managers mail Sahil: Piti is back; 1 more news
    ");
}

/// Returns the day of the thread of each mail.
fn threads(shop: &Shop) -> Vec<String> {
    let mail = |row: &crate::tables::Row| match decode_content(&row.body).expect("a stored notice") {
        Content::Email(mail) => Some(mail.thread_id),
        Content::Mqtt(_) | Content::Webhook(_) => None,
    };
    shop.told().iter().filter_map(mail).collect()
}

#[test]
fn the_business_day_ends_at_four_also_in_the_night_when_the_clocks_change() {
    for (at, zone, evening, next) in [
        ("2026-03-28T21:30:00Z", "Europe/Berlin", "2026-03-28", "2026-03-29"),
        ("2026-10-24T20:30:00Z", "Europe/Berlin", "2026-10-24", "2026-10-25"),
        ("2026-05-08T17:30:00Z", "Asia/Baku", "2026-05-08", "2026-05-09"),
    ] {
        let slow = eightysix::poll::Settings { fastest: std::time::Duration::from_mins(1), ..Default::default() };
        let mut shop = Shop::new(&Opening { at, zone, polling: slow, ..Opening::default() });
        shop.opens();
        for (time, name) in [("23:30", "Piti"), ("03:30", "Dovğa"), ("04:05", "Bozbaş")] {
            shop.until(time);
            shop.sells_out(name);
        }
        shop.after("5m");
        let expected = [evening, evening, next].map(|day| format!("sahil.1.{day}"));
        assert_eq!(threads(&shop), expected, "{zone}");
        assert!(shop.lines().contains(" managers mail Sahil: Dovğa is out at Kitchen since 03:30"), "{}", shop.lines());
    }
}

/// At night managers are woken by what is critical alone.
const ASLEEP: &str = "rules:
  - { name: out, when: { sold_out: true, product.name: { not: Dovğa } }, notify: [managers, office],
      message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }
  - { name: soup, severity: critical, when: { sold_out: true, product.name: Dovğa }, notify: [managers],
      message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }";

/// From 18:10 on, until half past.
fn asleep(rules: &str) -> Arc<Policy> {
    let mut policy = Arc::into_inner(policy_in(rules, &[])).expect("nobody else has it");
    let route = policy.routes.get_mut(&ReceiverName::new("managers")).expect("they are told");
    let hours = Schedule::daily(&[ClockSpan::parse("18:10-18:30").expect("a span")]);
    route.quiet = QuietHours::new(hours, Zone::named("Asia/Baku").expect("bundled"));
    Arc::new(policy)
}

#[test]
fn mail_waits_for_the_end_of_quiet_hours_and_machines_do_not() {
    let story = |shop: &mut Shop| {
        shop.keeps_to(&asleep(ASLEEP));
        shop.opens();
        shop.sells_out("Piti");
        // Its mail is due when the quiet hours have begun.
        shop.until("18:09:30");
        shop.sells_out("Bozbaş");
        shop.after("3m");
        // What begins and ends while the mail waits is not mailed.
        shop.sells_out("Lülə kabab");
        shop.after("2m");
        shop.restocks("Lülə kabab");
        shop.restocks("Piti");
        shop.until("18:35:00");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(ASLEEP), ..Opening::default() }, story), @r"
    18:03:00 office opened out: Piti is out
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Piti is out
    18:09:30 office opened out: Bozbaş is out
    18:09:30 feed product.stopped: Bozbaş at Sahil
    18:12:30 office opened out: Lülə kabab is out
    18:12:30 feed product.stopped: Lülə kabab at Sahil
    18:14:30 office closed out: Lülə kabab is back
    18:14:30 office closed out: Piti is back
    18:14:30 feed product.back: Lülə kabab at Sahil
    18:14:30 feed product.back: Piti at Sahil
    18:30:00 managers mail Sahil: Bozbaş is out; 1 more news
    ");
}

#[test]
fn what_is_critical_is_mailed_in_quiet_hours_with_all_that_waits_and_its_end_is_not() {
    let story = |shop: &mut Shop| {
        shop.keeps_to(&asleep(ASLEEP));
        shop.opens();
        shop.until("18:12:00");
        shop.sells_out("Piti");
        shop.after("2m");
        shop.sells_out("Dovğa");
        shop.after("2m");
        shop.restocks("Dovğa");
        shop.until("18:35:00");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(ASLEEP), ..Opening::default() }, story), @r"
    18:12:00 office opened out: Piti is out
    18:12:00 feed product.stopped: Piti at Sahil
    18:14:00 feed product.stopped: Dovğa at Sahil
    18:15:00 managers mail Sahil: Dovğa is out; 1 more news
    18:16:00 feed product.back: Dovğa at Sahil
    18:30:00 managers mail Sahil: Dovğa is back
    ");
}

#[test]
fn a_mail_that_waited_says_who_takes_care_meanwhile() {
    let rules = "rules:
  - { name: out, when: { sold_out: true }, escalate: { after: 5m, to: managers }, notify: office,
      message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }";
    let mut shop = Shop::new(&Opening { rules: Some(rules), ..Opening::default() });
    shop.keeps_to(&asleep(rules));
    shop.opens();
    shop.until("18:10:00");
    shop.sells_out("Piti");
    shop.sells_out("Bozbaş");
    shop.after("6m");
    shop.takes_care_of("Piti");
    shop.until("18:31:00");
    insta::assert_snapshot!(mailed(&shop), @r"
    Piti is out (18:15)
      Anar takes care of it: supplier; back at 19:16
    Bozbaş is out (open for 5 min, and nobody takes care of it) (18:15)

    --
    Sahil, 18:30; stop list read at 18:29
    eightysix watches sahil on Clopos
    ");
}

/// Returns the texts of the mails.
fn mailed(shop: &Shop) -> String {
    let text = |row: &Row| match decode_content(&row.body).expect("a stored notice") {
        Content::Email(mail) => Some(mail.text),
        Content::Mqtt(_) | Content::Webhook(_) => None,
    };
    shop.told().iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_back_and_out_again_while_the_mail_waits_is_told_as_out() {
    let mut shop = Shop::new(&Opening { rules: Some(ASLEEP), ..Opening::default() });
    shop.keeps_to(&asleep(ASLEEP));
    shop.opens();
    shop.sells_out("Piti");
    shop.sells_out("Bozbaş");
    shop.until("18:11:00");
    shop.restocks("Piti");
    shop.restocks("Bozbaş");
    shop.after("2m");
    shop.sells_out("Piti");
    shop.until("18:31:00");
    insta::assert_snapshot!(mailed(&shop), @r"
    Piti is out
    Bozbaş is out

    --
    Sahil, 18:04; stop list read at 18:04
    eightysix watches sahil on Clopos
    Piti is out (on and off; its end is told after 10 min of calm) (18:13)
      before that, at 18:11: Piti is back
    Bozbaş is back (18:11)

    --
    Sahil, 18:30; stop list read at 18:29
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn quiet_hours_keep_no_cause_of_something_critical_from_anybody() {
    let rules = "rules:
  - { name: ingredient, when: { sold_out: true, product.type: INGREDIENT }, notify: [managers],
      message: '{{ item.name }} is out' }
  - { name: out, severity: critical, when: { sold_out: true, product.type: DISH }, notify: [managers],
      message: '{{ item.name }} is out' }";
    let mut shop = Shop::new(&Opening { rules: Some(rules), ..Opening::default() });
    shop.keeps_to(&asleep(rules));
    shop.opens();
    shop.until("18:12:00");
    shop.sells_out("Soğan");
    shop.after("3m");
    shop.sells_out("Lülə kabab");
    shop.until("18:31:00");
    insta::assert_snapshot!(mailed(&shop), @r"
    Soğan is out  [critical]
      because of it also: Lülə kabab

    --
    Sahil, 18:15; stop list read at 18:15
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn what_runs_out_for_the_third_time_of_a_business_day_is_told_and_the_next_day_counts_anew() {
    let rules = "rules:
  - name: often
    when: { sold_out: true, times_today: { at_least: 3 }, since: { at_least: \"18:05\" } }
    notify: [kitchen]
    message: \"{{ item.name }} is out for the {{ item.times_today }}. time today\"
    resolved_message: \"{{ item.name }}: {{ item.times_today }} times today\"";
    let story = |shop: &mut Shop| {
        shop.opens();
        for _ in 0..3 {
            shop.sells_out("Piti");
            shop.after("1m");
            shop.restocks("Piti");
            // What is kept of the day outlives the process.
            shop.is_killed();
            shop.after("1m");
        }
        shop.sells_out("Piti");
        shop.until("04:01");
        shop.restocks("Piti");
        shop.after("1m");
        shop.sells_out("Piti");
        shop.after("1m");
    };
    let opening = Opening { rules: Some(rules), ..Opening::default() };
    insta::assert_snapshot!(told(&opening, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 feed product.back: Piti at Sahil
    18:05:00 feed product.stopped: Piti at Sahil
    18:06:00 feed product.back: Piti at Sahil
    18:07:00 kitchen opened often: Piti is out for the 3. time today
    18:07:00 feed product.stopped: Piti at Sahil
    18:08:00 kitchen closed often: Piti: 3 times today
    18:08:00 feed product.back: Piti at Sahil
    18:09:00 kitchen opened often: Piti is out for the 4. time today (on and off; its end is told after 10 min of calm)
    18:09:00 feed product.stopped: Piti at Sahil
    04:00:00 kitchen closed often: Piti: 0 times today
    04:01:00 feed product.back: Piti at Sahil
    04:02:00 feed product.stopped: Piti at Sahil
    ");
}
