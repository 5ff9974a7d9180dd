//! Stories of people who read different languages: one event, the same ids, and to each the words that he reads.

use std::sync::Arc;

use eightysix::alerts::group::Route;
use eightysix::alerts::notice::{Content, ReceiverName};
use eightysix::alerts::render::Messages;
use eightysix::board::Setting;
use eightysix::engine::Policy;
use eightysix::language::Language;
use eightysix::store::format::decode_content;
use eightysix::units::Zone;

use crate::driver::Kill;
use crate::shop::{Opening, Shop, policy};
use crate::tables::Row;
use crate::told;

/// A dish has a text for each language, an ingredient one for everybody, and a price none of its own.
const RULES: &str = "rules:
  - name: out
    when: { sold_out: true, product.type: DISH }
    remind: 20m
    escalate: { after: 10m, to: office }
    notify: [kitchen, managers]
    message:
      en: '{{ item.name }} is out since {{ item.since | local_time }}'
      az: '{{ item.name }} bitib, saat {{ item.since | local_time }}'
      ru: '{{ item.name }} – закончилось в {{ item.since | local_time }}'
    resolved_message:
      az: '{{ item.name }} yenidən satışda, {{ alert.duration | duration }} sonra'
      ru: '{{ item.name }} – снова в продаже спустя {{ alert.duration | duration }}'
  - name: short
    when: { limit: { above: 0 } }
    notify: [kitchen, managers, office]
    message: '{{ item.name }}: {{ item.limit }}'
  - name: price
    event: price_changed
    notify: [kitchen, managers, office]";

/// Who reads what, and what everybody reads who has no other language.
#[derive(Clone, Copy)]
struct Readers {
    kitchen: Language,
    managers: Language,
    office: Language,
    common: Language,
}

const THREE: Readers =
    Readers { kitchen: Language::En, managers: Language::Az, office: Language::Ru, common: Language::Ru };

fn read_by(readers: Readers) -> Arc<Policy> {
    let zone = Zone::named("Asia/Baku").expect("bundled");
    let plain = policy(Some(RULES), &zone);
    let messages = Messages::compile(&plain.rules, &zone, readers.common).expect("messages that compile");
    let language = |receiver: &ReceiverName| match receiver.as_str() {
        "kitchen" => readers.kitchen,
        "managers" => readers.managers,
        "office" => readers.office,
        _ => readers.common,
    };
    let routes = plain.routes.into_iter();
    let routes = routes.map(|(name, route)| (name.clone(), Route { language: language(&name), ..route })).collect();
    let setting = Setting { language: readers.common, ..plain.setting };
    Arc::new(Policy { messages, routes, setting, ..plain })
}

fn opening() -> Opening {
    Opening { rules: Some(RULES), ..Opening::default() }
}

/// Piti runs out, somebody takes care of it for an hour, Ayran is short beside it, and a price differs.
fn evening(shop: &mut Shop, readers: Readers) {
    shop.keeps_to(&read_by(readers));
    shop.opens();
    shop.sells_out("Piti");
    shop.after("12m30s");
    shop.takes_care_of("Piti");
    shop.after("64m");
    shop.has("Ayran", 4);
    shop.after("2m");
    shop.restocks("Piti");
    shop.after("2m30s");
    shop.costs("Piti", "7.50");
    shop.after("17m");
}

#[test]
fn each_reads_his_own_language_whatever_the_others_read() {
    let lines = told(&opening(), |shop| evening(shop, THREE));
    let lines = lines.lines().filter_map(|line| line.split_once(' ')).map(|(_, line)| line);
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("feed ")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    kitchen opened out: Piti is out since 18:03
    managers mail Sahil: Piti bitib, saat 18:03
    office escalated out: Piti – закончилось в 18:03 (так уже 10 мин, никто не занимается)
    kitchen acked out: Piti: Anar takes care of it: supplier; back at 19:15
    office acked out: Piti: Anar занимается: поставщик; ожидается: 19:15
    kitchen reminded out: Piti is out since 18:03 (still so after 1 h 12 min; Anar expected it back at 19:15)
    office reminded out: Piti – закончилось в 18:03 (спустя 1 ч 12 мин всё ещё так; Anar: ожидалось в 19:15)
    managers mail Sahil: Piti bitib, saat 18:03 (1 saat 12 dəq keçib, hələ də belədir; Anar: 19:15 gözlənilirdi)
    kitchen opened short: Ayran: 4
    office opened short: Ayran: 4
    managers mail Sahil: Ayran: 4
    kitchen closed out: Piti – снова в продаже спустя 1 ч 18 мин
    office closed out: Piti – снова в продаже спустя 1 ч 18 мин
    managers mail Sahil: Piti yenidən satışda, 1 saat 18 dəq sonra
    kitchen change price: price: Piti at Sahil (9.50 -> 7.50)
    office change price: price: Piti, Sahil (9,50 -> 7,50)
    managers mail Sahil: price: Piti, Sahil (9,50 -> 7,50)
    ");
}

#[test]
fn a_mail_lists_what_is_open_and_who_takes_care_in_the_language_of_its_reader() {
    let mut shop = Shop::new(&opening());
    evening(&mut shop, Readers { managers: Language::Ru, ..THREE });
    let mails = shop.told().into_iter().filter_map(|row| match decode_content(&row.body).expect("a stored notice") {
        Content::Email(mail) => Some((mail.language, mail.text)),
        Content::Mqtt(_) | Content::Webhook(_) => None,
    });
    let (language, text) = mails.into_iter().find(|(_, text)| text.contains("Ayran")).expect("a mail of Ayran");
    assert_eq!(language, Language::Ru);
    insta::assert_snapshot!(text, @r"
    Ayran: 4

    Всё ещё активно (Sahil):
    - Piti – закончилось в 18:03 (1 ч 17 мин)
      Anar занимается: поставщик; ожидается: 19:15

    --
    Sahil, 19:20; стоп-лист прочитан в 19:20
    eightysix следит за sahil (Clopos)
    ");
}

#[test]
fn a_notice_has_the_same_id_in_every_language() {
    let ids = |readers: Readers| {
        let mut shop = Shop::new(&opening());
        evening(&mut shop, readers);
        let told = shop.told();
        assert!(told.len() > 15, "{} notices", told.len());
        told.into_iter().map(|row: Row| (row.at, row.id, row.receiver, row.channel)).collect::<Vec<_>>()
    };
    let of_three = ids(THREE);
    for language in Language::ALL {
        let all = Readers { kitchen: language, managers: language, office: language, common: language };
        assert_eq!(ids(all), of_three, "everybody reads {}", language.code());
    }
}

#[test]
fn an_open_alert_keeps_its_words_in_every_language_and_through_a_kill() {
    // Nobody is told in Azerbaijani or English, and whoever opens the pages reads his own language.
    let one = Readers { kitchen: Language::Ru, managers: Language::Ru, office: Language::Ru, common: Language::Ru };
    let mut shop = Shop::new(&Opening { kill: Kill::AfterEachCommit, ..opening() });
    shop.keeps_to(&read_by(one));
    shop.opens();
    shop.sells_out("Piti");
    shop.after("1m");
    let book = shop.watchers[0].tables.load().book;
    let open = book.iter().filter_map(|(_, alert)| Some(alert.open()?.message.clone()));
    let [message] = &open.collect::<Vec<_>>()[..] else { panic!("one alert is open") };
    // Screens show what everybody reads.
    assert_eq!(message.common(), "Piti – закончилось в 18:03");
    let said = Language::ALL.map(|language| message.in_language(language));
    assert_eq!(said, ["Piti bitib, saat 18:03", "Piti – закончилось в 18:03", "Piti is out since 18:03"]);
}
