//! Stories of the stop list: what runs out, comes back, flickers, and whose station is off.

use crate::shop::{Opening, Shop};
use crate::told;

#[test]
fn a_dish_runs_out_the_poll_fails_twice_and_it_comes_back() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Lülə kabab");
        shop.after("30s");
        shop.poll_fails(2);
        shop.after("3m");
        shop.restocks("Lülə kabab");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Lülə kabab at Sahil
    18:03:21 kitchen opened sold-out: Lülə kabab is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Lülə kabab is out at Kitchen since 18:03
    18:06:31 feed product.back: Lülə kabab at Sahil
    18:07:31 kitchen closed sold-out: Lülə kabab is back on at Kitchen
    18:08:31 managers mail Sahil: Lülə kabab is back on at Kitchen
    ");
}

#[test]
fn a_dish_that_goes_on_and_off_is_told_once_and_ends_when_it_is_calm() {
    let story = |shop: &mut Shop| {
        shop.opens();
        for _ in 0..4 {
            shop.sells_out("Piti");
            shop.after("2m");
            shop.restocks("Piti");
            shop.is_killed();
            shop.after("2m");
        }
        // What is not read is no turn.
        shop.poll_fails(3);
        shop.after("12m");
        // It was calm: it is an alert like others.
        shop.sells_out("Piti");
        shop.after("2m");
        shop.restocks("Piti");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:05:00 feed product.back: Piti at Sahil
    18:06:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:07:00 feed product.stopped: Piti at Sahil
    18:07:00 managers mail Sahil: Piti is back on at Kitchen
    18:07:21 kitchen opened sold-out: Piti is out at Kitchen since 18:07 (on and off; its end is told after 10 min of calm)
    18:08:21 managers mail Sahil: Piti is out at Kitchen since 18:07 (on and off; its end is told after 10 min of calm)
    18:09:00 feed product.back: Piti at Sahil
    18:11:00 feed product.stopped: Piti at Sahil
    18:13:00 feed product.back: Piti at Sahil
    18:15:00 feed product.stopped: Piti at Sahil
    18:17:00 feed product.back: Piti at Sahil
    18:27:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:28:00 managers mail Sahil: Piti is back on at Kitchen
    18:31:00 feed product.stopped: Piti at Sahil
    18:31:21 kitchen opened sold-out: Piti is out at Kitchen since 18:31
    18:32:21 managers mail Sahil: Piti is out at Kitchen since 18:31
    18:33:00 feed product.back: Piti at Sahil
    18:34:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:35:00 managers mail Sahil: Piti is back on at Kitchen
    ");
}

#[test]
fn a_long_stop_is_told_to_the_office_when_it_ends() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.has("Paxlava", 2);
        shop.after("2m");
        shop.sells_out("Paxlava");
        shop.after("15m");
        shop.restocks("Paxlava");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.low: Paxlava at Sahil
    18:03:21 kitchen opened low-stock: Paxlava: 2 left at Kitchen
    18:04:21 managers mail Sahil: Paxlava: 2 left at Kitchen
    18:05:00 feed product.stopped: Paxlava at Sahil
    18:05:21 kitchen opened sold-out: Paxlava is out at Kitchen since 18:05
    18:06:21 managers mail Sahil: Paxlava is out at Kitchen since 18:05
    18:20:00 office change back-on-sale: Paxlava is back on sale at Sahil
    18:20:00 feed product.back: Paxlava at Sahil
    18:21:00 kitchen closed sold-out: Paxlava is back on at Kitchen
    18:22:00 managers mail Sahil: Paxlava is back on at Kitchen
    ");
}

#[test]
fn an_ingredient_runs_out_and_one_message_names_its_dishes() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Soğan");
        shop.after("2m");
        shop.sells_out("Lülə kabab");
        shop.after("2m");
        shop.restocks("Soğan");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Soğan at Sahil
    18:04:21 managers mail Sahil: Soğan is out at Sahil; 20 still on sale need it: Lülə kabab, Quzu tikə kabab, Terras qril seti, Səbzi plov, Yarp…
    18:05:00 feed product.stopped: Lülə kabab at Sahil
    18:05:21 kitchen opened sold-out: Lülə kabab is out at Kitchen since 18:05; missing: Soğan
    18:07:00 feed product.back: Soğan at Sahil
    18:09:00 managers mail Sahil: Lülə kabab is out at Kitchen since 18:05; 1 more news
    ");
}

#[test]
fn a_slip_of_the_finger_is_seen_on_the_screens_and_told_to_nobody() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("15s");
        shop.restocks("Piti");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:15 feed product.back: Piti at Sahil
    ");
}

#[test]
fn what_is_over_before_the_mail_is_sent_is_not_mailed() {
    let opening = Opening {
        rules: Some(
            "rules: [{ name: out, when: { limit: { at_most: 0 } }, for: 5s, clear_for: 5s, notify: [kitchen, managers],
               message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }]",
        ),
        ..Opening::default()
    };
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.sells_out("Dovğa");
        shop.after("20s");
        shop.restocks("Piti");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&opening, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:00 feed product.stopped: Dovğa at Sahil
    18:03:06 kitchen opened out: Piti is out
    18:03:06 kitchen opened out: Dovğa is out
    18:03:21 feed product.back: Piti at Sahil
    18:03:27 kitchen closed out: Piti is back
    18:04:06 managers mail Sahil: Dovğa is out
    ");
}

#[test]
fn zero_one_zero_is_one_stop() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Şah plov");
        shop.after("2m");
        for _ in 0..4 {
            shop.has("Şah plov", 1);
            shop.after("15s");
            shop.sells_out("Şah plov");
            shop.after("30s");
        }
        shop.restocks("Şah plov");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Şah plov at Sahil
    18:03:21 kitchen opened sold-out: Şah plov is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Şah plov is out at Kitchen since 18:03
    18:05:00 feed product.back: Şah plov at Sahil
    18:05:15 feed product.stopped: Şah plov at Sahil
    18:05:45 feed product.back: Şah plov at Sahil
    18:06:00 feed product.stopped: Şah plov at Sahil
    18:06:30 feed product.back: Şah plov at Sahil
    18:06:45 feed product.stopped: Şah plov at Sahil
    18:07:15 feed product.back: Şah plov at Sahil
    18:07:30 feed product.stopped: Şah plov at Sahil
    18:08:00 feed product.back: Şah plov at Sahil
    18:09:00 kitchen closed sold-out: Şah plov is back on at Kitchen
    18:10:00 managers mail Sahil: Şah plov is back on at Kitchen
    ");
}

#[test]
fn a_station_is_switched_off_while_a_dish_is_out_and_on_again() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Göyərti qutabı");
        shop.after("3m");
        shop.switches_station("Tandir", false);
        shop.after("20m");
        shop.switches_station("Tandir", true);
        shop.after("20m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Göyərti qutabı at Sahil
    18:03:21 kitchen opened sold-out: Göyərti qutabı is out at Tandir since 18:03
    18:04:21 managers mail Sahil: Göyərti qutabı is out at Tandir since 18:03
    18:15:57 kitchen closed sold-out: Göyərti qutabı is still out, but Tandir is switched off
    18:16:57 managers mail Sahil: Tandir at Sahil is switched off with 7 products on it; 1 more news
    18:30:18 kitchen opened sold-out: Göyərti qutabı is out at Tandir since 18:03
    18:31:18 managers mail Sahil: Göyərti qutabı is out at Tandir since 18:03; 1 more news
    ");
}

#[test]
fn what_runs_out_at_a_station_that_is_off_is_told_to_nobody_and_rings_nowhere() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Şişdə göbələk");
        shop.after("10m");
        shop.restocks("Şişdə göbələk");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @"");
}

#[test]
fn one_size_is_out_and_the_others_are_on() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Fanta 0.5 L");
        shop.after("3m");
        let event = shop.told().into_iter().find(|row| row.receiver == "kitchen").expect("the bar's screen is told");
        assert!(event.body.contains(r#"\"others_on\":[\"0.33 L\",\"1.0 L\"]"#), "{}", event.body);
        shop.restocks("Fanta 0.5 L");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Fanta 0.5 L at Sahil
    18:03:21 kitchen opened sold-out: Fanta 0.5 L is out at Bar since 18:03; still on: 0.33 L, 1.0 L
    18:04:21 managers mail Sahil: Fanta 0.5 L is out at Bar since 18:03; still on: 0.33 L, 1.0 L
    18:06:00 feed product.back: Fanta 0.5 L at Sahil
    18:07:00 kitchen closed sold-out: Fanta 0.5 L is back on at Bar
    18:08:00 managers mail Sahil: Fanta 0.5 L is back on at Bar
    ");
}

#[test]
fn what_holds_in_the_first_reading_is_one_mail_and_no_sound() {
    let story = |shop: &mut Shop| {
        shop.sells_out("Piti");
        shop.sells_out("Dovğa");
        shop.has("Paxlava", 3);
        shop.after("5m");
        shop.restocks("Piti");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:01:21 managers mail Sahil: 4 already open (Piti, Dovğa, Paxlava, Terrace grill)
    18:05:00 feed product.back: Piti at Sahil
    18:06:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:07:00 managers mail Sahil: Piti is back on at Kitchen
    ");
}

#[test]
fn a_countdown_is_low_then_out_then_back() {
    let story = |shop: &mut Shop| {
        shop.opens();
        for left in [9, 6, 4, 2, 0] {
            shop.has("Toyuq plov", left);
            shop.after("1m");
        }
        shop.after("2m");
        shop.restocks("Toyuq plov");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.limit_changed: Toyuq plov at Sahil
    18:04:00 feed product.limit_changed: Toyuq plov at Sahil
    18:05:00 feed product.low: Toyuq plov at Sahil
    18:05:21 kitchen opened low-stock: Toyuq plov: 4 left at Kitchen
    18:06:00 feed product.limit_changed: Toyuq plov at Sahil
    18:06:21 managers mail Sahil: Toyuq plov: 4 left at Kitchen
    18:07:00 feed product.stopped: Toyuq plov at Sahil
    18:07:21 kitchen opened sold-out: Toyuq plov is out at Kitchen since 18:07
    18:08:21 managers mail Sahil: Toyuq plov is out at Kitchen since 18:07
    18:10:00 feed product.back: Toyuq plov at Sahil
    18:11:00 kitchen closed sold-out: Toyuq plov is back on at Kitchen
    18:12:00 managers mail Sahil: Toyuq plov is back on at Kitchen
    ");
}
