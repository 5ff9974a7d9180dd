//! Stories of a person who gets no more mails than anybody reads: what is over it waits, and nothing is left out.

use std::sync::Arc;

use eightysix::alerts::notice::{Content, ReceiverName};
use eightysix::engine::Policy;
use eightysix::store::format::decode_content;

use crate::shop::{Opening, Shop, policy_in};
use crate::told;

const RULES: &str = "rules:
  - { name: out, when: { sold_out: true, product.name: { not: Piti } }, notify: [managers],
      message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }
  - { name: dear, severity: critical, when: { sold_out: true, product.name: Piti }, notify: [managers],
      message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }";

fn opening() -> Opening {
    Opening { rules: Some(RULES), brands: &[("sahil", 3)], ..Opening::default() }
}

/// Managers who get two mails an hour.
fn two_an_hour() -> Arc<Policy> {
    let mut policy = Arc::into_inner(policy_in(RULES, &[])).expect("nobody else has it");
    policy.routes.get_mut(&ReceiverName::new("managers")).expect("they are told").at_most = Some(2);
    Arc::new(policy)
}

fn last_mail(shop: &Shop) -> String {
    let rows = shop.told();
    let row = rows.iter().rfind(|row| row.receiver == "managers").expect("a mail");
    let Content::Email(mail) = decode_content(&row.body).expect("a stored notice") else { panic!("it is a mail") };
    assert!(mail.html.contains("<h2>"), "each venue has its title: {}", mail.html);
    format!("{}\n\n{}", mail.subject, mail.text)
}

#[test]
fn what_is_over_two_an_hour_waits_and_goes_out_as_one_mail_of_all_venues() {
    let mut shop = Shop::new(&opening());
    shop.keeps_to(&two_an_hour());
    shop.opens();
    for (venue, dish) in [(1, "Bozbaş"), (2, "Bozbaş"), (3, "Dovğa"), (1, "Dovğa")] {
        shop.at("sahil", venue);
        shop.sells_out(dish);
        shop.after("5m");
    }
    // Over before it is told.
    shop.at("sahil", 2);
    shop.sells_out("Lülə kabab");
    shop.after("5m");
    shop.restocks("Lülə kabab");
    shop.restocks("Bozbaş");
    shop.is_killed();
    shop.after("45m");
    insta::assert_snapshot!(shop.lines(), @r"
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:04:00 managers mail Sahil: Bozbaş is out
    18:08:00 feed product.stopped: Bozbaş at İçərişəhər
    18:09:00 managers mail İçərişəhər: Bozbaş is out
    18:13:00 feed product.stopped: Dovğa at Gənclik
    18:18:00 feed product.stopped: Dovğa at Sahil
    18:23:00 feed product.stopped: Lülə kabab at İçərişəhər
    18:28:00 feed product.back: Lülə kabab at İçərişəhər
    18:28:00 feed product.back: Bozbaş at İçərişəhər
    19:04:00 managers mail Sahil: Dovğa is out; 2 more news
    ");
    insta::assert_snapshot!(last_mail(&shop), @r"
    Sahil: Dovğa is out; 2 more news

    More than 2 mails an hour would be too many, so this waited:

    Sahil:
    Dovğa is out (18:18)

    Still open at Sahil:
    - Bozbaş is out (1 h 1 min)

    İçərişəhər:
    Bozbaş is back (18:28)

    Gənclik:
    Dovğa is out (18:13)

    --
    sahil, 19:04
    eightysix watches sahil on Clopos
    ");
}

#[test]
fn what_is_critical_is_not_held_back_and_takes_the_rest_of_its_venue_along() {
    let story = |shop: &mut Shop| {
        shop.keeps_to(&two_an_hour());
        shop.opens();
        for (venue, dish) in [(1, "Bozbaş"), (2, "Bozbaş"), (3, "Bozbaş"), (2, "Dovğa"), (3, "Piti")] {
            shop.at("sahil", venue);
            shop.sells_out(dish);
            shop.after("2m");
        }
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:04:00 managers mail Sahil: Bozbaş is out
    18:05:00 feed product.stopped: Bozbaş at İçərişəhər
    18:06:00 managers mail İçərişəhər: Bozbaş is out
    18:07:00 feed product.stopped: Bozbaş at Gənclik
    18:09:00 feed product.stopped: Dovğa at İçərişəhər
    18:11:00 feed product.stopped: Piti at Gənclik
    18:12:00 managers mail Gənclik: Piti is out; 1 more news
    ");
}

#[test]
fn a_clock_that_is_set_back_holds_no_mail_for_its_hours() {
    let story = |shop: &mut Shop| {
        shop.keeps_to(&two_an_hour());
        shop.opens();
        for venue in [1, 2] {
            shop.at("sahil", venue);
            shop.sells_out("Bozbaş");
            shop.after("2m");
        }
        shop.our_clock_jumps_s(-24 * 3600);
        shop.at("sahil", 3);
        shop.sells_out("Bozbaş");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:04:00 managers mail Sahil: Bozbaş is out
    18:05:00 feed product.stopped: Bozbaş at İçərişəhər
    18:06:00 managers mail İçərişəhər: Bozbaş is out
    18:07:00 feed product.stopped: Bozbaş at Gənclik
    18:08:00 managers mail Gənclik: Bozbaş is out
    ");
}

#[test]
fn a_clock_that_is_set_back_while_mail_waits_lets_no_more_out_than_it_may() {
    let story = |shop: &mut Shop| {
        shop.keeps_to(&two_an_hour());
        shop.opens();
        for venue in [1, 2, 3] {
            shop.at("sahil", venue);
            shop.sells_out("Bozbaş");
            shop.after("2m");
        }
        shop.our_clock_jumps_s(-150);
        shop.after("1h");
    };
    insta::assert_snapshot!(told(&opening(), story), @r"
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:04:00 managers mail Sahil: Bozbaş is out
    18:05:00 feed product.stopped: Bozbaş at İçərişəhər
    18:06:00 managers mail İçərişəhər: Bozbaş is out
    18:07:00 feed product.stopped: Bozbaş at Gənclik
    19:04:00 managers mail Gənclik: Bozbaş is out
    ");
}
