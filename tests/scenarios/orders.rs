//! Stories of what people ask for: silence for a while, silence until it is back, and "I take care of it".

use crate::shop::{Opening, Shop};
use crate::told;

#[test]
fn what_is_silenced_is_on_the_screens_and_is_told_when_the_silence_ends() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.silences("Piti", "10m", false);
        shop.sells_out("Piti");
        shop.sells_out("Lülə kabab");
        shop.after("15m");
        shop.restocks("Piti");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Lülə kabab at Sahil
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Lülə kabab is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Lülə kabab is out at Kitchen since 18:03
    18:13:01 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:14:01 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:18:00 office change back-on-sale: Piti is back on sale at Sahil
    18:18:00 feed product.back: Piti at Sahil
    18:19:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:20:00 managers mail Sahil: Piti is back on at Kitchen
    ");
}

#[test]
fn what_began_and_ended_in_a_silence_is_told_to_nobody() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.silences("Piti", "20m", false);
        shop.sells_out("Piti");
        shop.after("12m");
        shop.restocks("Piti");
        shop.after("15m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:15:00 feed product.back: Piti at Sahil
    ");
}

#[test]
fn a_silence_takes_back_the_mail_that_waits_and_ends_when_the_dish_is_back() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("40s");
        shop.silences("Piti", "8h", true);
        shop.after("5m");
        shop.restocks("Piti");
        shop.after("5m");
        shop.sells_out("Piti");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:08:42 feed product.back: Piti at Sahil
    18:09:42 kitchen closed sold-out: Piti is back on at Kitchen
    18:13:42 feed product.stopped: Piti at Sahil
    18:14:03 kitchen opened sold-out: Piti is out at Kitchen since 18:13 (on and off; its end is told after 10 min of calm)
    18:15:03 managers mail Sahil: Piti is out at Kitchen since 18:13 (on and off; its end is told after 10 min of calm)
    ");
}

#[test]
fn what_follows_from_a_silenced_ingredient_is_told() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.silences("Soğan", "8h", false);
        shop.sells_out("Soğan");
        shop.after("2m");
        shop.sells_out("Lülə kabab");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Soğan at Sahil
    18:05:00 feed product.stopped: Lülə kabab at Sahil
    18:05:21 kitchen opened sold-out: Lülə kabab is out at Kitchen since 18:05; missing: Soğan
    18:06:21 managers mail Sahil: Lülə kabab is out at Kitchen since 18:05; missing: Soğan
    ");
}

#[test]
fn a_silence_that_is_ended_early_tells_what_is_still_so() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.silences("Piti", "8h", false);
        shop.sells_out("Piti");
        shop.after("5m");
        shop.speaks_again();
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:08:01 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:09:01 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

#[test]
fn who_takes_care_is_told_to_screens_at_once_and_by_no_mail() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("3m");
        shop.takes_care_of("Piti");
        shop.after("3m");
        shop.restocks("Piti");
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:06:00 kitchen acked sold-out: Piti: Anar takes care of it: supplier; back at 19:06
    18:09:00 feed product.back: Piti at Sahil
    18:10:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:11:00 managers mail Sahil: Piti is back on at Kitchen
    ");
}
