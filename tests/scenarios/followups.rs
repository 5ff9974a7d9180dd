//! Stories of what stays out: who is reminded, who else is told, and who is left in peace.

use std::sync::Arc;

use eightysix::engine::Policy;
use eightysix::simulator::faults::Fault;

use crate::shop::{Opening, Shop, policy_in};
use crate::told;

/// Managers are reminded, and the office is told of what nobody takes care of.
const RULES: &str = "rules:
  - name: out
    when: { sold_out: true }
    remind: [20m, 40m]
    escalate: { after: 10m, to: office }
    notify: managers
    message: '{{ item.name }} is out'
    resolved_message: '{{ item.name }} is back'";

fn opening() -> Opening {
    Opening { rules: Some(RULES), ..Opening::default() }
}

#[test]
fn what_stays_out_is_told_to_others_and_then_again_and_its_end_to_all_of_them() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("45m");
        shop.restocks("Piti");
        shop.after("2m");
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Piti is out
    18:13:00 office escalated out: Piti is out (open for 10 min, and nobody takes care of it)
    18:23:00 office reminded out: Piti is out (still so after 20 min)
    18:24:00 managers mail Sahil: Piti is out (still so after 20 min)
    18:43:00 office reminded out: Piti is out (still so after 40 min)
    18:44:00 managers mail Sahil: Piti is out (still so after 40 min)
    18:48:00 office closed out: Piti is back
    18:48:00 feed product.back: Piti at Sahil
    18:49:00 managers mail Sahil: Piti is back
    ");
}

#[test]
fn who_takes_care_is_left_in_peace_until_the_time_that_he_named() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("5m30s");
        shop.takes_care_of("Piti");
        shop.after("65m");
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Piti is out
    19:08:30 office escalated out: Piti is out (open for 1 h 5 min, and nobody takes care of it)
    19:09:30 managers mail Sahil: Piti is out (still so after 1 h 5 min; Anar expected it back at 19:08)
    ");
}

#[test]
fn what_is_back_before_somebody_was_to_be_reminded_is_told_once() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("20m");
        shop.after("30s");
        shop.restocks("Piti");
        shop.after("25m");
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Piti is out
    18:13:00 office escalated out: Piti is out (open for 10 min, and nobody takes care of it)
    18:23:00 office reminded out: Piti is out (still so after 20 min)
    18:23:30 office closed out: Piti is back
    18:23:30 feed product.back: Piti at Sahil
    18:24:00 managers mail Sahil: Piti is back
    ");
}

#[test]
fn nobody_is_reminded_of_what_is_silenced_or_not_known() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.sells_out("Bozbaş");
        shop.after("5m");
        shop.silences("Piti", "25m", false);
        shop.after("13m");
        shop.suffers(Fault::BadGatewayPage, None, "8m");
        shop.after("30m");
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:04:00 managers mail Sahil: Piti is out; 1 more news
    18:13:00 office escalated out: Bozbaş is out (open for 10 min, and nobody takes care of it)
    18:29:23 office reminded out: Bozbaş is out (still so after 26 min)
    18:30:23 managers mail Sahil: Bozbaş is out (still so after 26 min)
    18:33:03 office escalated out: Piti is out (open for 30 min, and nobody takes care of it)
    18:34:03 managers mail Sahil: Piti is out (still so after 30 min)
    18:43:00 office reminded out: Piti is out (still so after 40 min)
    18:43:00 office reminded out: Bozbaş is out (still so after 40 min)
    18:44:00 managers mail Sahil: Piti is out (still so after 40 min); 1 more news
    ");
}

/// The house closes for twenty minutes, and reminds when it opens.
fn at_opening() -> Arc<Policy> {
    let rules =
        RULES.replace("[20m, 40m]", "[10m, shift_start]").replace("    escalate: { after: 10m, to: office }\n", "");
    policy_in(&rules, &[("open", &["18:00-18:40", "19:00-23:00"])])
}

#[test]
fn nobody_is_reminded_before_closing_nor_while_it_is_closed_but_when_the_doors_open() {
    let mut shop = Shop::new(&opening());
    shop.opens();
    shop.keeps_to(&at_opening());
    shop.sells_out("Piti");
    shop.until("18:08");
    shop.sells_out("Bozbaş");
    shop.after("1h");
    insta::assert_snapshot!(shop.lines(), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Piti is out
    18:08:00 feed product.stopped: Bozbaş at Sahil
    18:09:00 managers mail Sahil: Bozbaş is out
    19:01:00 managers mail Sahil: Piti is out (still so after 57 min); 1 more news
    ");
}

#[test]
fn who_is_told_late_is_not_reminded_at_once() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.silences("Piti", "25m", false);
        shop.sells_out("Piti");
        shop.after("30m");
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:28:00 office escalated out: Piti is out (open for 25 min, and nobody takes care of it)
    18:29:00 managers mail Sahil: Piti is out
    ");
}

#[test]
fn of_a_cause_and_its_effect_the_cause_is_escalated() {
    let rules = "rules:
  - name: out
    when: { sold_out: true }
    escalate: { after: 10m, to: office }
    notify: []
    message: '{{ item.name }} is out'";
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Soğan");
        shop.sells_out("Lülə kabab");
        shop.after("12m");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(rules), ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Soğan at Sahil
    18:03:00 feed product.stopped: Lülə kabab at Sahil
    18:13:00 office escalated out: Soğan is out (open for 10 min, and nobody takes care of it)
    ");
}

#[test]
fn the_end_of_a_window_is_mailed_to_nobody_who_was_to_be_reminded() {
    let mut shop = Shop::new(&opening());
    shop.opens();
    let rules = RULES.replace("  - name: out\n", "  - name: out\n    during: dinner\n").replace("[20m, 40m]", "36m30s");
    shop.keeps_to(&policy_in(&rules, &[("dinner", &["18:00-18:40"])]));
    shop.sells_out("Piti");
    shop.after("1h");
    insta::assert_snapshot!(shop.lines(), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 managers mail Sahil: Piti is out
    18:13:00 office escalated out: Piti is out (open for 10 min, and nobody takes care of it)
    18:39:30 office reminded out: Piti is out (still so after 36 min)
    18:40:00 office closed out: Piti: not watched outside dinner, after 37 min
    ");
}
