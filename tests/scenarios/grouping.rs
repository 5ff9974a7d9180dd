//! Stories of mails that are of one station each, as its rules ask.

use eightysix::alerts::notice::{Content, Mail};
use eightysix::store::format::decode_content;

use crate::shop::{Opening, Shop};
use crate::told;

const RULES: &str = "rules:
  - { name: out, when: { sold_out: true, product.type: [DISH, GOODS] }, notify: [managers], group_by: [venue, station],
      message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }
  - { name: missing, when: { sold_out: true, product.type: INGREDIENT }, notify: [managers],
      message: '{{ item.name }} is missing' }";

fn mails(shop: &Shop) -> Vec<Mail> {
    let mail = |body: &str| match decode_content(body).expect("a stored notice") {
        Content::Email(mail) => Some(mail),
        Content::Mqtt(_) | Content::Webhook(_) => None,
    };
    shop.told().iter().filter_map(|row| mail(&row.body)).collect()
}

#[test]
fn each_station_has_mails_and_a_thread_of_its_own_and_lists_what_is_open_there() {
    let story = |shop: &mut Shop| {
        shop.sells_out("Bozbaş");
        shop.sells_out("Ayran");
        shop.opens();
        shop.sells_out("Piti");
        shop.sells_out("Xırdalan pivəsi");
        shop.sells_out("Soğan");
        shop.after("2m");
        let threads: Vec<String> = mails(shop).into_iter().map(|mail| mail.thread_id).collect();
        assert_eq!(threads, ["sahil.1.2026-05-08", "sahil.1.station-1.2026-05-08", "sahil.1.station-2.2026-05-08"]);
        let texts: Vec<String> = mails(shop).into_iter().map(|mail| mail.text).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(texts[1..].join("\n==\n"), @r"
            Piti is out

            Still open at Sahil, Kitchen:
            - Bozbaş is out (4 min)

            --
            Sahil, Kitchen, 18:04; stop list read at 18:04
            eightysix watches sahil on Clopos
            ==
            Xırdalan pivəsi is out

            Still open at Sahil, Bar:
            - Ayran is out (4 min)

            --
            Sahil, Bar, 18:04; stop list read at 18:04
            eightysix watches sahil on Clopos
            ");
        }
        shop.restocks("Xırdalan pivəsi");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(RULES), ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Soğan at Sahil
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:00 feed product.stopped: Xırdalan pivəsi at Sahil
    18:04:00 managers mail Sahil: Soğan is missing
    18:04:00 managers mail Sahil, Kitchen: Piti is out
    18:04:00 managers mail Sahil, Bar: Xırdalan pivəsi is out
    18:05:00 feed product.back: Xırdalan pivəsi at Sahil
    18:06:00 managers mail Sahil, Bar: Xırdalan pivəsi is back
    ");
}
