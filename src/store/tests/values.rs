//! Every stored value, random: decode(encode(x)) == x.

use proptest::prelude::*;

use super::*;
use crate::alerts::hold::Hold;
use crate::alerts::notice::Mail;
use crate::alerts::order::{Acknowledgement, Order, Reason};
use crate::alerts::set::{MemberFacts, SetFacts};
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::alerts::texts::Texts;
use crate::catalog::{
    Catalog, InventoryBehavior, Modifier, PriceList, Product, ProductKind, RecipePart, SharedCatalog,
};
use crate::language::Language;
use crate::rules::set::SetKind;
use crate::snapshot::Gap;
use crate::snapshot::pace::{Batch, Pace, Pause};
use crate::store::format;
use crate::units::{CategoryId, Money, PriceListId};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "\\PC{1,12}", "[\"\\\\\n\r\t\u{0}əğşçöüı😀]{1,8}"]
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_ms)
}

fn quantity() -> impl Strategy<Value = Quantity> {
    any::<i64>().prop_map(Quantity::from_millionths)
}

fn money() -> impl Strategy<Value = Money> {
    any::<i64>().prop_map(Money::from_ten_thousandths)
}

fn maybe<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::of(strategy)
}

fn few<S: Strategy>(strategy: S) -> impl Strategy<Value = Vec<S::Value>> {
    prop::collection::vec(strategy, 0..4)
}

fn stop_row() -> impl Strategy<Value = StopRow> {
    (quantity(), maybe(time()), time(), time()).prop_map(|(limit, updated_at, since, seen_at)| StopRow {
        limit,
        updated_at,
        since,
        seen_at,
    })
}

fn pace() -> impl Strategy<Value = Pace> {
    let batch = (time(), time(), quantity(), any::<u32>()).prop_map(|(from, until, sold, steps)| Batch {
        from,
        until,
        sold,
        steps,
    });
    let pause = (time(), time()).prop_map(|(from, until)| Pause { from, until });
    (time(), few(batch), few(pause)).prop_map(|(since, batches, pauses)| Pace { since, batches, pauses })
}

fn kind() -> impl Strategy<Value = ProductKind> {
    // A word that is known never comes as an unknown one: the decoder looks it up first.
    let words = ["GOODS", "DISH", "TIMER", "PREPARATION", "INGREDIENT", "MODIFICATION", "MODIFIER", "SUBSCRIPTION", ""];
    prop::sample::select(words.to_vec()).prop_map(ProductKind::from_word)
}

fn inventory() -> impl Strategy<Value = InventoryBehavior> {
    use InventoryBehavior::{MinusIngredients, MinusSelf, Other, Passive};
    prop::sample::select(vec![MinusIngredients, MinusSelf, Passive, Other(2), Other(-1), Other(i64::MAX)])
}

fn product() -> impl Strategy<Value = Product> {
    let links = (any::<u64>(), maybe(any::<u64>()), maybe(any::<u64>()), maybe(any::<u64>()), maybe(text()));
    let words = (kind(), text(), text(), few(text()));
    let flags = any::<(bool, bool, bool, bool)>();
    let numbers = (money(), money(), any::<u32>(), inventory(), maybe(quantity()));
    let parts = (few((any::<u64>(), maybe(quantity()))), few((any::<u64>(), text(), maybe(any::<u64>()))));
    (links, words, flags, numbers, parts).prop_map(|(links, words, flags, numbers, parts)| {
        let part = |(ingredient, gross)| RecipePart { ingredient: ProductId(ingredient), gross };
        let modifier = |(id, name, ingredient): (u64, String, Option<u64>)| Modifier {
            id,
            name,
            ingredient: ingredient.map(ProductId),
        };
        Product {
            id: ProductId(links.0),
            parent: links.1.map(ProductId),
            station: links.2.map(StationId),
            category: links.3.map(CategoryId),
            category_name: links.4,
            kind: words.0,
            name: words.1,
            full_name: words.2,
            tags: words.3,
            active: flags.0,
            hidden: flags.1,
            sold_by_weight: flags.2,
            has_variants: flags.3,
            price: numbers.0,
            cost_price: numbers.1,
            cooking_time_min: numbers.2,
            inventory: numbers.3,
            low_stock: numbers.4,
            recipe: parts.0.into_iter().map(part).collect(),
            modifiers: parts.1.into_iter().map(modifier).collect(),
        }
    })
}

fn catalog() -> impl Strategy<Value = Catalog> {
    let station = (any::<u64>(), text(), any::<(bool, bool, bool)>());
    let list = (any::<u64>(), text(), any::<bool>());
    let price = ((any::<u64>(), any::<u64>()), money());
    (few(product()), few(station), few(list), few(price)).prop_map(|(products, stations, lists, prices)| Catalog {
        products: products.into_iter().map(|product| (product.id, product)).collect(),
        stations: stations
            .into_iter()
            .map(|(id, name, (active, kitchen, printable))| {
                (StationId(id), Station { id: StationId(id), name, active, kitchen, printable })
            })
            .collect(),
        price_lists: lists
            .into_iter()
            .map(|(id, name, active)| (PriceListId(id), PriceList { id: PriceListId(id), name, active }))
            .collect(),
        prices: prices
            .into_iter()
            .map(|((list, product), price)| ((PriceListId(list), ProductId(product)), price))
            .collect(),
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let venue = (any::<u64>(), text(), any::<bool>());
    let rows = few((any::<u64>(), stop_row()));
    let times = (maybe(time()), maybe(time()), maybe(time()), maybe(time()), maybe(time()), maybe(time()));
    let sets = (few(any::<u64>()), few(any::<u64>()), few(any::<u64>()), few((any::<u64>(), time())));
    let rows = (rows, few((any::<u64>(), pace())), few((any::<u64>(), time(), time())), few(gap()));
    (venue, rows, times, sets, any::<u64>()).prop_map(
        |((id, name, active), (rows, paces, outages, gaps), times, sets, seq)| {
            let mut snapshot = Snapshot::unread(Venue { id: VenueId(id), name, active });
            snapshot.picture.rows = Arc::new(rows.into_iter().map(|(id, row)| (ProductId(id), row)).collect());
            snapshot.paces = Arc::new(paces.into_iter().map(|(id, pace)| (ProductId(id), pace)).collect());
            snapshot.read_at = times.0;
            snapshot.changed_at = times.1;
            snapshot.catalog_read_at = times.2;
            snapshot.stations_read_at = times.3;
            snapshot.prices_read_at = times.4;
            snapshot.first_read_at = times.5;
            snapshot.missing_products = sets.0.into_iter().map(ProductId).collect();
            snapshot.missing_stations = sets.1.into_iter().map(StationId).collect();
            snapshot.unknown_products = sets.2.into_iter().map(ProductId).collect();
            snapshot.returned = sets.3.into_iter().map(|(id, at)| (ProductId(id), at)).collect();
            let outage = |(id, since, back_at)| Outage { product: ProductId(id), since, back_at };
            snapshot.outages = outages.into_iter().map(outage).collect();
            snapshot.gaps = gaps;
            snapshot.found_after_gap = snapshot.missing_products.clone();
            snapshot.seq = seq;
            snapshot
        },
    )
}

fn station() -> impl Strategy<Value = Station> {
    (any::<u64>(), text(), any::<(bool, bool, bool)>()).prop_map(|(id, name, (active, kitchen, printable))| Station {
        id: StationId(id),
        name,
        active,
        kitchen,
        printable,
    })
}

fn price_list() -> impl Strategy<Value = PriceList> {
    (any::<u64>(), text(), any::<bool>()).prop_map(|(id, name, active)| PriceList { id: PriceListId(id), name, active })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<u64>(), maybe(stop_row()), maybe(stop_row())).prop_map(|(id, before, after)| Change::Row {
            product: ProductId(id),
            before,
            after
        }),
        (any::<u64>(), maybe(product()), maybe(product())).prop_map(|(id, before, after)| Change::Product {
            id: ProductId(id),
            before: before.map(Box::new),
            after: after.map(Box::new),
        }),
        (any::<u64>(), maybe(station()), maybe(station())).prop_map(|(id, before, after)| Change::Station {
            id: StationId(id),
            before,
            after
        }),
        (any::<u64>(), maybe(price_list()), maybe(price_list())).prop_map(|(id, before, after)| Change::PriceList {
            id: PriceListId(id),
            before,
            after,
        }),
        // A price that was not and is not is no change.
        (any::<(u64, u64)>(), maybe(money()), money()).prop_map(|((list, product), before, after)| Change::Price {
            list: PriceListId(list),
            product: ProductId(product),
            before,
            after: Some(after),
        }),
    ]
}

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

fn key() -> impl Strategy<Value = AlertKey> {
    let rule = "[a-z0-9][a-z0-9._-]{0,9}".prop_map(|name| RuleName::new(&name).expect("a name"));
    (subject(), rule).prop_map(|(subject, rule)| AlertKey { subject, rule })
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![key().prop_map(Hold::Cause), text().prop_map(|id| Hold::Silence(SilenceId::from_stored(&id)))]
}

fn acknowledgement() -> impl Strategy<Value = Acknowledgement> {
    let reason = maybe(prop::sample::select(Reason::ALL.to_vec()));
    (text(), time(), reason, text(), maybe(time())).prop_map(|(by, at, reason, note, back_at)| Acknowledgement {
        by,
        at,
        reason,
        note,
        back_at,
    })
}

fn silence() -> impl Strategy<Value = Silence> {
    let ids = [(); 4].map(|()| maybe(any::<u64>()));
    let rule = maybe(key().prop_map(|key| key.rule));
    (ids, rule, time(), time(), any::<bool>(), maybe(text()), text(), text()).prop_map(
        |([venue, product, category, station], rule, from, until, until_back, during, by, reason)| Silence {
            id: SilenceId::from_stored(&reason),
            covers: Criteria {
                venue: venue.map(VenueId),
                product: product.map(ProductId),
                category: category.map(CategoryId),
                station: station.map(StationId),
                rule,
            },
            from,
            until,
            until_back,
            during: during.map(Into::into),
            by,
            reason,
        },
    )
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        (key(), text(), acknowledgement()).prop_map(|(key, episode, acknowledgement)| Order::Acknowledge {
            key,
            episode: EpisodeId::from_stored(&episode),
            acknowledgement,
        }),
        silence().prop_map(Order::Silence),
        text().prop_map(|id| Order::EndSilence(SilenceId::from_stored(&id))),
    ]
}

fn language() -> impl Strategy<Value = Language> {
    prop::sample::select(Language::ALL.to_vec())
}

fn texts() -> impl Strategy<Value = Texts> {
    let others = few((language(), text())).prop_map(|others| others.into_iter().collect());
    (text(), others).prop_map(|(common, others)| Texts::from_stored(common, others))
}

fn set() -> impl Strategy<Value = SetFacts> {
    let member = (any::<u64>(), text()).prop_map(|(id, name)| MemberFacts { id, name });
    let kind = prop::sample::select(SetKind::ALL.to_vec());
    let words = (any::<u64>(), text(), any::<u32>(), any::<u32>());
    (kind, words, few(member)).prop_map(|(kind, (id, name, count, total), members)| SetFacts {
        kind,
        id,
        name,
        count: count as usize,
        total: total as usize,
        members,
    })
}

fn gap() -> impl Strategy<Value = Gap> {
    (time(), time()).prop_map(|(from, until)| Gap { from, until })
}

fn alert() -> impl Strategy<Value = Alert> {
    let turns = || few(time()).prop_map(Turns::from_stored);
    let pending = (time(), any::<bool>(), turns());
    let pending = pending.prop_map(|(since, baseline, turns)| Alert::Pending { since, baseline, turns });
    let rested = turns().prop_map(Alert::Rested);
    let times = (time(), time(), maybe(time()), maybe(time()), maybe(time()), turns());
    let words = (text(), texts(), few(text()));
    let said = (few((text(), hold())), maybe(acknowledgement()));
    let about = (maybe(any::<u64>()), maybe(set()), maybe(gap()));
    let open = (times, words, said, any::<bool>(), severity(), about).prop_map(
        |(
            (since, opened_at, clear_since, reminded_at, unstable_since, turns),
            (label, message, told),
            (held, acknowledged),
            baseline,
            severity,
            (station, set, found_after),
        )| {
            Alert::Open(Box::new(OpenAlert {
                episode: EpisodeId::derive(&label, opened_at),
                since,
                opened_at,
                clear_since,
                baseline,
                severity,
                told: told.iter().map(|name| ReceiverName::new(name)).collect(),
                held: held.into_iter().map(|(name, hold)| (ReceiverName::new(&name), hold)).collect(),
                reminded_at,
                acknowledged,
                label,
                message,
                station: station.map(StationId),
                turns,
                unstable_since,
                set,
                found_after,
            }))
        },
    );
    prop_oneof![pending, rested, open]
}

fn entry() -> impl Strategy<Value = Entry> {
    let kinds = vec![EntryKind::Opened, EntryKind::Closed, EntryKind::Acknowledged, EntryKind::Changed];
    let words = (text(), text(), text(), text());
    let found = (time(), any::<bool>(), maybe(gap()), maybe(any::<u64>()));
    (prop::sample::select(kinds), maybe(text()), words, severity(), found).prop_map(
        |(kind, episode, (id, rule, label, message), severity, (at, baseline, found_after, station))| Entry {
            id,
            kind,
            episode: episode.as_deref().map(EpisodeId::from_stored),
            rule,
            severity,
            label,
            message,
            at,
            baseline,
            found_after,
            station: station.map(StationId),
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let mqtt = (text(), text(), any::<bool>(), maybe(any::<u32>()), maybe(text()), few((text(), text()))).prop_map(
        |(topic, body, retain, expiry_s, content_type, properties)| {
            Content::Mqtt(MqttMessage { topic, body, retain, expiry_s, content_type, properties })
        },
    );
    let words = (text(), text(), text());
    let mail = (text(), text(), language(), words).prop_map(|(message_id, thread_id, language, words)| {
        let (subject, text, html) = words;
        Content::Email(Mail { message_id, thread_id, language, subject, text, html })
    });
    prop_oneof![mqtt, mail, text().prop_map(|body| Content::Webhook(Event { body }))]
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        Just(Subject::Brand),
        any::<u64>().prop_map(|venue| Subject::Venue(VenueId(venue))),
        any::<(u64, u64)>().prop_map(|(venue, id)| Subject::Station(VenueId(venue), StationId(id))),
        any::<(u64, u64)>().prop_map(|(venue, id)| Subject::Item(VenueId(venue), ProductId(id))),
        any::<(u64, u64)>().prop_map(|(venue, id)| Subject::OfCategory(VenueId(venue), CategoryId(id))),
        any::<(u64, u64)>().prop_map(|(venue, id)| Subject::OfStation(VenueId(venue), StationId(id))),
        any::<u64>().prop_map(|id| Subject::OfVenues(ProductId(id))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn venues_and_catalogs(snapshot in snapshot(), catalog in catalog()) {
        let body = format::encode_catalog(&catalog);
        prop_assert_eq!(&format::decode_catalog(&body).expect("readable"), &catalog);
        let body = format::encode_venue(&snapshot);
        let mut expected = snapshot;
        expected.picture.catalog = SharedCatalog::new(catalog.clone());
        prop_assert_eq!(format::decode_venue(expected.id(), &body, catalog).expect("readable"), expected);
    }

    #[test]
    fn alerts_groups_and_subjects(
        alert in alert(), opened_at in time(), since in time(), entries in few(entry()), subject in subject(),
    ) {
        prop_assert_eq!(format::decode_alert(&format::encode_alert(&alert)).expect("readable"), alert);
        let group = Group { opened_at, entries };
        prop_assert_eq!(format::decode_group(&format::encode_group(&group)).expect("readable"), group);
        let mailed = Mailed::from_stored(vec![opened_at, since]);
        prop_assert_eq!(format::decode_mailed(&format::encode_mailed(&mailed)).expect("readable"), mailed);
        let day = |ms: &i64| jiff::Timestamp::from_millisecond(*ms % 200_000_000_000_000).expect("a day").to_zoned(jiff::tz::TimeZone::UTC).date();
        let days = [opened_at, since].map(|at| day(&at.unix_ms())).to_vec();
        let reported = Reported { since, missed: days.clone(), days };
        prop_assert_eq!(format::decode_reported(&format::encode_reported(&reported)).expect("readable"), reported);
        prop_assert_eq!(format::decode_subject(&format::encode_subject(&subject)).expect("readable"), subject);
    }

    #[test]
    fn silences_and_orders(silence in silence(), order in order()) {
        prop_assert_eq!(format::decode_silence(&format::encode_silence(&silence)).expect("readable"), silence);
        prop_assert_eq!(format::decode_order(&format::encode_order(&order)).expect("readable"), order);
    }

    #[test]
    fn lines_of_the_history(change in change()) {
        let (subject, body) = format::encode_change(&change);
        prop_assert_eq!(format::decode_change(&subject, &body).expect("readable"), change);
    }

    #[test]
    fn notices_byte_for_byte(content in content()) {
        prop_assert_eq!(format::decode_content(&format::encode_content(&content)).expect("readable"), content);
    }
}

/// What versions wrote that knew no languages: one text, whatever is asked for, and mails in English.
#[test]
fn rows_from_before_languages_are_read() {
    let alert = r#"{"Open":{"episode":"66bcbc5cf096741a","since":1,"opened_at":2,"clear_since":null,"baseline":false,
        "severity":"critical","told":["managers"],"label":"Plov","message":"Plov is out","station":3}}"#;
    let Ok(Alert::Open(open)) = format::decode_alert(alert) else { panic!("an open alert") };
    assert_eq!(Language::ALL.map(|language| open.message.in_language(language)), ["Plov is out"; 3]);
    let mail = r#"{"Email":{"message_id":"m","thread_id":"t","subject":"s","text":"a","html":"<p>"}}"#;
    let Ok(Content::Email(mail)) = format::decode_content(mail) else { panic!("a mail") };
    assert_eq!(mail.language, Language::En);
    let unknown = alert.replace("\"label\"", "\"translations\":{\"xx\":\"?\"},\"label\"");
    let refused = format::decode_alert(&unknown).expect_err("a language of a later version").to_string();
    assert_eq!(refused, "cannot read the stored language: 'xx' is not one");
}

#[test]
fn what_is_no_stored_value_is_refused_by_its_name() {
    let shown = |error: crate::store::StoreError| error.to_string();
    for (refusal, expected) in [
        (
            format::decode_subject("item:1").map(drop).map_err(shown),
            "cannot read the stored subject: 'item:1' is not one",
        ),
        (format::decode_subject("").map(drop).map_err(shown), "cannot read the stored subject: '' is not one"),
        (
            format::decode_alert("{").map(drop).map_err(shown),
            "cannot read the stored alert: EOF while parsing an object",
        ),
        (format::decode_silence("{}").map(drop).map_err(shown), "cannot read the stored silence: missing field `v`"),
        (
            format::decode_order("{\"Dance\":{}}").map(drop).map_err(shown),
            "cannot read the stored order: unknown variant `Dance`",
        ),
        (format::decode_catalog("[]").map(drop).map_err(shown), "cannot read the stored catalog: invalid length 0"),
        (format::decode_group("{\"v\":1}").map(drop).map_err(shown), "cannot read the stored group: missing field"),
        (
            format::decode_content("{\"Fax\":{}}").map(drop).map_err(shown),
            "cannot read the stored notice: unknown variant",
        ),
        (
            format::decode_change("item:54", "{\"kind\":\"soup\"}").map(drop).map_err(shown),
            "cannot read the stored line of the history: 'item:54' of the kind 'soup' is not one",
        ),
        (
            format::decode_change("item", "{\"kind\":\"stop\"}").map(drop).map_err(shown),
            "cannot read the stored line of the history: 'item' of the kind 'stop' is not one",
        ),
        // What a spoilt database holds is shown without what would steer a terminal, and not at length.
        (
            format::decode_subject("item:\u{1b}[2J\r\n1").map(drop).map_err(shown),
            "cannot read the stored subject: 'item: [2J  1' is not one",
        ),
        (
            format::decode_content("{\"\\u001b[2J\":{}}").map(drop).map_err(shown),
            "cannot read the stored notice: unknown variant ` [2J`",
        ),
        (
            format::decode_subject(&"x".repeat(10_000)).map(drop).map_err(|error| error.to_string()[226..].to_owned()),
            "xxxxx…",
        ),
    ] {
        let text = refusal.expect_err("no value");
        assert!(text.starts_with(expected), "{text}");
    }
}
