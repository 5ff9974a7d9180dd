//! Stories of a time in which nobody reads: the process is down, or Clopos does not answer, and what is found then.

use eightysix::alerts::notice::{Content, Mail};
use eightysix::simulator::faults::Fault;
use eightysix::simulator::route::Endpoint;
use eightysix::store::format::decode_content;

use crate::shop::{Opening, Shop};
use crate::tables::Row;
use crate::told;

fn last_mail(shop: &Shop) -> Mail {
    let mail = |body: &str| match decode_content(body).expect("a stored notice") {
        Content::Email(mail) => Some(mail),
        Content::Mqtt(_) | Content::Webhook(_) => None,
    };
    shop.told().iter().rev().find_map(|row| mail(&row.body)).expect("a mail")
}

/// Returns when nobody had read the list, as the events say it: `kind: from until`.
fn found_after(shop: &Shop) -> Vec<String> {
    let told = shop.told();
    let events = told.iter().filter(|row| row.channel != "email").map(Row::event_body);
    let said = |body: String| {
        let event: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let gap = &event["data"]["found_after"];
        let time = |name: &str| gap[name].as_str().map(|at| at[11..16].to_owned());
        let kind = event["type"].as_str().expect("a type").trim_start_matches("dev.eightysix.").to_owned();
        Some(format!("{kind}: {} {}", time("from")?, time("until")?))
    };
    events.filter_map(said).collect()
}

#[test]
fn what_happened_while_nobody_ran_is_told_once_and_says_so() {
    let story = |shop: &mut Shop| {
        shop.sells_out("Piti");
        shop.sells_out("Dovğa");
        shop.opens();
        // A list that does not change is not written; that it was read is noted all the same.
        shop.after("20m");
        shop.restocks("Piti");
        shop.sells_out("Bozbaş");
        shop.sells_out("Gürzə");
        shop.restocks("Gürzə");
        shop.is_down_for("40m");
        shop.after("5m");
        insta::allow_duplicates! {
            insta::assert_snapshot!(last_mail(shop).text, @r"
            While we were away, from 18:22 to 19:03:

            Bozbaş is out at Kitchen since 18:23  [critical]
            Piti is back on at Kitchen

            Still open at Sahil:
            - Dovğa is out at Kitchen since 18:00 (1 h 4 min)
            - Terrace grill at Sahil is switched off with 3 products on it (1 h 4 min)

            --
            Sahil, 19:04; stop list read at 19:04
            eightysix watches sahil on Clopos
            ");
        }
        insta::allow_duplicates! {
            insta::assert_snapshot!(found_after(shop).join("\n"), @r"
            change.v1: 14:22 15:03
            product.back.v1: 14:22 15:03
            product.stopped.v1: 14:22 15:03
            alert.opened.v1: 14:22 15:03
            alert.closed.v1: 14:22 15:03
            ");
        }
        let gaps: Vec<_> = shop.knows().gaps.iter().map(|gap| gap.length().as_secs() / 60).collect();
        assert!(
            matches!(gaps[..], [40 | 41]),
            "readings are noted once a minute: it may seem a minute longer than it was: {gaps:?}"
        );
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    19:03:00 office change back-on-sale: Piti is back on sale at Sahil
    19:03:00 feed product.back: Piti at Sahil
    19:03:00 feed product.stopped: Bozbaş at Sahil
    19:03:21 kitchen opened sold-out: Bozbaş is out at Kitchen since 18:23
    19:04:00 kitchen closed sold-out: Piti is back on at Kitchen
    19:04:21 managers mail Sahil: Bozbaş is out at Kitchen since 18:23; 1 more news
    ");
}

#[test]
fn a_restart_of_seconds_is_no_absence() {
    let story = |shop: &mut Shop| {
        shop.sells_out("Piti");
        shop.opens();
        shop.after("3h");
        shop.restocks("Piti");
        shop.is_down_for("30s");
        shop.after("5m");
        assert_eq!(shop.knows().gaps, []);
        assert_eq!(found_after(shop), Vec::<String>::new());
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    21:03:30 office change back-on-sale: Piti is back on sale at Sahil
    21:03:30 feed product.back: Piti at Sahil
    21:04:30 kitchen closed sold-out: Piti is back on at Kitchen
    21:05:30 managers mail Sahil: Piti is back on at Kitchen
    ");
}

#[test]
fn what_happened_while_clopos_did_not_answer_says_so_in_each_line_among_others() {
    let story = |shop: &mut Shop| {
        shop.sells_out("Piti");
        shop.opens();
        shop.meets(Fault::Status { code: 503 }, Endpoint::StopList, 10_000);
        shop.sells_out("Bozbaş");
        shop.after("12m");
        shop.forgets_faults();
        // Long enough to be read again, and short enough to be in the same mail.
        shop.after("45s");
        shop.sells_out("Gürzə");
        shop.after("5m");
        insta::allow_duplicates! {
            insta::assert_snapshot!(last_mail(shop).text, @r"
            Bozbaş is out at Kitchen since 18:03  [critical]
              while we were away, from 18:02 to 18:15
            Gürzə is out at Kitchen since 18:15  [critical]

            Still open at Sahil:
            - Piti is out at Kitchen since 18:00 (16 min)
            - Terrace grill at Sahil is switched off with 3 products on it (16 min)

            --
            Sahil, 18:16; stop list read at 18:16
            eightysix watches sahil on Clopos
            ");
        }
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:09:00 ops opened venue-unreadable: The stop list of Sahil cannot be read: Clopos cannot be read just now (status 503: server_error: Something went wrong); it is tried again by itself
    18:15:33 feed product.stopped: Bozbaş at Sahil
    18:15:45 feed product.stopped: Gürzə at Sahil
    18:15:54 kitchen opened sold-out: Bozbaş is out at Kitchen since 18:03
    18:16:06 kitchen opened sold-out: Gürzə is out at Kitchen since 18:15
    18:16:33 ops closed venue-unreadable: The stop list of Sahil is read again
    18:16:54 managers mail Sahil: Bozbaş is out at Kitchen since 18:03; 1 more news
    ");
}
