//! Stories of sets: kebabs that are out together, one dish that is out all over the chain, and what nobody can read.

use eightysix::rules::Subject;
use eightysix::simulator::faults::Fault;
use eightysix::simulator::route::Endpoint;
use eightysix::simulator::world::ProductEdit;

use crate::shop::{Opening, Shop};
use crate::told;

/// Three soups of the kitchen, told to a program and by mail.
const THIN: &str = "rules:
  - name: thin
    when: { sold_out: true, product.status: active }
    at_least: { count: 3, of: category }
    clear_for: 30s
    notify: [office, managers]
    message: '{{ set.count }} of {{ set.total }} in {{ set.name }}: {{ set.members | listed }}'
    resolved_message: '{{ set.name }} has more again, {{ set.count }} out'";

/// Two of three venues without a dish.
const CHAIN: &str = "rules:
  - { name: out, when: { sold_out: true }, notify: [kitchen] }
  - name: chain
    when: { sold_out: true }
    at_least: { count: 2, of: venues }
    for: 10s
    notify: [office, managers]
    message: '{{ set.name }} at {{ set.count }} of {{ set.total }}: {{ set.members | listed }}'
    resolved_message: '{{ set.name }} is back, {{ set.count }} venues left'";

fn thin() -> Opening {
    Opening { rules: Some(THIN), ..Opening::default() }
}

fn chain() -> Opening {
    Opening { rules: Some(CHAIN), brands: &[("sahil", 3)], ..Opening::default() }
}

/// Returns the members of the open alert of a set, as the store has them.
fn listed(shop: &Shop) -> Vec<String> {
    let book = shop.watchers[0].tables.load().book;
    let open =
        book.iter().filter(|(key, _)| key.subject.set().is_some()).find_map(|(_, alert)| alert.open()?.set.clone());
    open.map(|set| set.members.into_iter().map(|member| member.name).collect()).unwrap_or_default()
}

#[test]
fn the_third_soup_that_runs_out_is_told_and_the_fourth_is_not() {
    let story = |shop: &mut Shop| {
        shop.opens();
        for soup in ["Piti", "Bozbaş", "Dovğa"] {
            shop.sells_out(soup);
            shop.after("20s");
        }
        assert_eq!(listed(shop), ["Piti", "Bozbaş", "Dovğa"]);
        // A mail that still waits has the list of when it goes out.
        shop.sells_out("Mərci şorbası");
        shop.after("2m");
        assert_eq!(listed(shop), ["Piti", "Bozbaş", "Dovğa", "Mərci şorbası"]);
        shop.restocks("Piti");
        shop.after("1m");
        shop.restocks("Dovğa");
        shop.after("2m");
    };
    insta::assert_snapshot!(told(&thin(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 feed product.stopped: Bozbaş at Sahil
    18:03:42 office opened thin: 3 of 5 in Şorbalar: Piti, Bozbaş, Dovğa
    18:03:42 feed product.stopped: Dovğa at Sahil
    18:04:00 feed product.stopped: Mərci şorbası at Sahil
    18:04:42 managers mail Sahil: 4 of 5 in Şorbalar: Piti, Bozbaş, Dovğa, Mərci şorbası
    18:06:00 feed product.back: Piti at Sahil
    18:07:00 feed product.back: Dovğa at Sahil
    18:07:30 office closed thin: Şorbalar has more again, 2 out
    18:08:30 managers mail Sahil: Şorbalar has more again, 2 out
    ");
}

#[test]
fn what_nobody_can_read_neither_opens_nor_closes_a_set() {
    let story = |shop: &mut Shop| {
        shop.opens();
        for soup in ["Piti", "Bozbaş", "Dovğa"] {
            shop.sells_out(soup);
        }
        shop.after("20s");
        shop.suffers(Fault::BadGatewayPage, Some(Endpoint::StopList), "10m");
        shop.restocks("Piti");
        shop.restocks("Dovğa");
        shop.after("8m");
        assert_eq!(listed(shop), ["Piti", "Bozbaş", "Dovğa"], "nobody knows");
        shop.after("4m");
        assert_eq!(listed(shop), Vec::<String>::new());
    };
    insta::assert_snapshot!(told(&thin(), story), @r"
    18:03:00 office opened thin: 3 of 5 in Şorbalar: Piti, Bozbaş, Dovğa
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:03:00 feed product.stopped: Dovğa at Sahil
    18:04:00 managers mail Sahil: 3 of 5 in Şorbalar: Piti, Bozbaş, Dovğa
    18:13:49 feed product.back: Piti at Sahil
    18:13:49 feed product.back: Dovğa at Sahil
    18:14:19 office closed thin: Şorbalar has more again, 1 out
    18:15:19 managers mail Sahil: Şorbalar has more again, 1 out
    ");
}

#[test]
fn a_dish_that_leaves_the_menu_is_counted_no_more() {
    let story = |shop: &mut Shop| {
        shop.opens();
        for soup in ["Piti", "Bozbaş", "Dovğa"] {
            shop.sells_out(soup);
        }
        shop.after("30s");
        shop.edits("Bozbaş", ProductEdit::Active(false));
        shop.after("20m");
        assert_eq!(listed(shop), Vec::<String>::new(), "two active soups are out");
    };
    insta::assert_snapshot!(told(&thin(), story), @r"
    18:03:00 office opened thin: 3 of 5 in Şorbalar: Piti, Bozbaş, Dovğa
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:03:00 feed product.stopped: Dovğa at Sahil
    18:04:00 managers mail Sahil: 3 of 5 in Şorbalar: Piti, Bozbaş, Dovğa
    18:15:30 office closed thin: Şorbalar has more again, 2 out
    18:16:30 managers mail Sahil: Şorbalar has more again, 2 out
    ");
}

#[test]
fn a_dish_that_is_out_at_two_venues_is_one_message_to_purchasing() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("1m");
        shop.at("sahil", 3);
        shop.sells_out("Piti");
        shop.sells_out("Dovğa");
        shop.after("2m");
        // Another venue is no news, and is in the list of whoever looks.
        shop.at("sahil", 2);
        shop.sells_out("Piti");
        shop.after("1m");
        assert_eq!(listed(shop), ["Sahil", "İçərişəhər", "Gənclik"]);
        shop.restocks("Piti");
        shop.at("sahil", 1);
        shop.restocks("Piti");
        shop.after("2m");
    };
    insta::assert_snapshot!(told(&chain(), story), @r"
    18:03:00 kitchen opened out: out: Piti at Sahil
    18:03:00 feed product.stopped: Piti at Sahil
    18:04:00 kitchen opened out: out: Piti at Gənclik
    18:04:00 kitchen opened out: out: Dovğa at Gənclik
    18:04:00 feed product.stopped: Piti at Gənclik
    18:04:00 feed product.stopped: Dovğa at Gənclik
    18:04:10 office opened chain: Piti at 2 of 3: Sahil, Gənclik
    18:05:10 managers mail sahil: Piti at 2 of 3: Sahil, Gənclik
    18:06:00 kitchen opened out: out: Piti at İçərişəhər
    18:06:00 feed product.stopped: Piti at İçərişəhər
    18:07:00 kitchen closed out: out: Piti at İçərişəhər is over after 1 min
    18:07:00 feed product.back: Piti at İçərişəhər
    18:07:00 kitchen closed out: out: Piti at Sahil is over after 4 min
    18:07:00 office closed chain: Piti is back, 1 venues left
    18:07:00 feed product.back: Piti at Sahil
    18:08:00 managers mail sahil: Piti is back, 1 venues left
    ");
}

#[test]
fn a_chain_that_cannot_be_read_is_neither_out_nor_back() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.at("sahil", 2);
        shop.sells_out("Piti");
        shop.after("1m");
        shop.suffers(Fault::BadGatewayPage, Some(Endpoint::StopList), "10m");
        shop.restocks("Piti");
        shop.after("9m");
        assert_eq!(listed(shop), ["Sahil", "İçərişəhər"], "nobody knows");
        shop.is_killed();
        shop.after("30s");
        assert_eq!(listed(shop), ["Sahil", "İçərişəhər"], "nobody has looked since the start");
        shop.after("4m");
        assert_eq!(listed(shop), Vec::<String>::new());
    };
    insta::assert_snapshot!(told(&chain(), story), @r"
    18:03:00 kitchen opened out: out: Piti at İçərişəhər
    18:03:00 feed product.stopped: Piti at İçərişəhər
    18:03:00 kitchen opened out: out: Piti at Sahil
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:10 office opened chain: Piti at 2 of 3: Sahil, İçərişəhər
    18:04:10 managers mail sahil: Piti at 2 of 3: Sahil, İçərişəhər
    18:14:00 kitchen closed out: out: Piti at İçərişəhər is over after 11 min
    18:14:00 feed product.back: Piti at İçərişəhər
    18:14:14 office closed chain: Piti is back, 1 venues left
    18:15:14 managers mail sahil: Piti is back, 1 venues left
    ");
}

#[test]
fn a_silence_at_one_venue_hides_no_chain_and_its_dish_is_counted() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.silences("Piti", "1h", false);
        shop.sells_out("Piti");
        shop.at("sahil", 2);
        shop.sells_out("Piti");
        shop.after("2m");
        let book = shop.watchers[0].tables.load().book;
        let is_chain = |subject: &Subject| matches!(subject, Subject::OfVenues(_));
        assert!(book.iter().any(|(key, _)| is_chain(&key.subject)), "it is counted all the same");
    };
    insta::assert_snapshot!(told(&chain(), story), @r"
    18:03:00 kitchen opened out: out: Piti at İçərişəhər
    18:03:00 feed product.stopped: Piti at İçərişəhər
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:10 office opened chain: Piti at 2 of 3: Sahil, İçərişəhər
    18:04:10 managers mail sahil: Piti at 2 of 3: Sahil, İçərişəhər
    ");
}

#[test]
fn a_rule_that_is_taken_away_ends_its_sets() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.at("sahil", 2);
        shop.sells_out("Piti");
        shop.after("2m");
        shop.reloads(Some("rules: [{ name: out, when: { sold_out: true }, notify: [kitchen] }]"), None);
        shop.after("2m");
        assert_eq!(listed(shop), Vec::<String>::new());
    };
    insta::assert_snapshot!(told(&chain(), story), @r"
    18:03:00 kitchen opened out: out: Piti at İçərişəhər
    18:03:00 feed product.stopped: Piti at İçərişəhər
    18:03:00 kitchen opened out: out: Piti at Sahil
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:10 office opened chain: Piti at 2 of 3: Sahil, İçərişəhər
    18:04:10 managers mail sahil: Piti at 2 of 3: Sahil, İçərişəhər
    18:05:00 office closed chain: Piti: the rule chain was taken away after 1 min
    18:06:00 managers mail sahil: Piti: the rule chain was taken away after 1 min
    ");
}
