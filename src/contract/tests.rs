//! Whatever the picture of a venue is, what is published of it fits the schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use proptest::prelude::*;

use super::*;
use crate::alerts::facts::{ChangeFacts, ChangeValue, Facts, ItemFacts, StationFacts, VenueFacts};
use crate::alerts::group::{EntryKind, notice_id};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{EpisodeId, OpenAlert, Turns};
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::published::{AlertPart, End, cloud_event};
use crate::alerts::set::{MemberFacts, SetFacts};
use crate::alerts::silence::SilenceId;
use crate::board::retained::{RetainedState, Tree};
use crate::board::scene::Scene;
use crate::board::{self, Setting};
use crate::catalog::{Product, Station, Venue};
use crate::language::Language;
use crate::rules::Severity;
use crate::rules::set::SetKind;
use crate::schema::Words;
use crate::snapshot::{FreshnessLimits, Gap, Snapshot, StopRow, Trouble};
use crate::topics::{BaseTopic, Rank, rank};
use crate::units::{BrandId, CategoryId, Money, ProductId, Quantity, StationId, Timestamp, VenueId, Zone};

/// A validator that is not ours, with the schema of each payload.
struct Validator {
    schemas: Schemas,
    by_name: BTreeMap<&'static str, SchemaIndex>,
}

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    let compiled = payloads().map(|payload| {
        compiler.add_resource(&payload.id(), payload.schema()).expect("a schema of its own");
        (payload.name, compiler.compile(&payload.id(), &mut schemas).expect("a schema"))
    });
    let by_name = compiled.collect();
    Validator { schemas, by_name }
});

fn told(name: &str, payload: &Value) -> Option<String> {
    let index = VALIDATOR.by_name[name];
    VALIDATOR.schemas.validate(payload, index).err().map(|error| format!("{name}: {error:#}\n{payload:#}"))
}

fn told_of_state(topic: &str, state: &RetainedState) -> Option<String> {
    let name = match rank(topic) {
        Rank::Status => "feed-status",
        Rank::List => "feed-list",
        Rank::Product => "feed-product",
        Rank::Rest => "feed-alert",
        Rank::Bridge => "bridge-info",
    };
    told(name, &serde_json::from_str(&state.body()).expect("JSON"))
}

fn an_instant() -> impl Strategy<Value = Timestamp> {
    // Within an evening mostly, as what is back is shown on the same day only; else from 1970 to 2255.
    let ms = prop_oneof![3 => 1_778_240_000_000_i64..1_778_255_000_000, 1 => 0_i64..9_000_000_000_000];
    ms.prop_map(Timestamp::from_unix_ms)
}

fn a_quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![(-3_i64..9).prop_map(Quantity::whole), any::<i64>().prop_map(Quantity::from_millionths)]
}

fn a_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zə]{0,12}", any::<String>()]
}

fn a_row() -> impl Strategy<Value = (ProductId, StopRow)> {
    let times = (proptest::option::of(an_instant()), an_instant(), an_instant());
    (0_u64..9, a_quantity(), times).prop_map(|(id, limit, (updated_at, since, seen_at))| {
        (ProductId(id), StopRow { limit, updated_at, since, seen_at })
    })
}

fn a_product() -> impl Strategy<Value = Product> {
    let of_it = (a_name(), proptest::option::of(0_u64..4), proptest::option::of(0_u64..4), any::<i64>());
    let more = (proptest::option::of(a_quantity()), proptest::option::of(0_u64..9));
    (0_u64..9, of_it, more).prop_map(|(id, (name, station, category, price), (low_stock, parent))| Product {
        parent: parent.map(ProductId),
        station: station.map(StationId),
        category: category.map(CategoryId),
        price: Money::from_ten_thousandths(price),
        low_stock,
        ..Product::plain(ProductId(id), &name)
    })
}

fn a_snapshot() -> impl Strategy<Value = Snapshot> {
    let stations = proptest::collection::vec((0_u64..4, a_name(), any::<bool>()), 0..4);
    let products = proptest::collection::vec(a_product(), 0..9);
    let rows = proptest::collection::vec(a_row(), 0..9);
    let returned = proptest::collection::btree_map((0_u64..9).prop_map(ProductId), an_instant(), 0..4);
    let trouble = proptest::option::of((an_instant(), a_name()));
    let times = (proptest::option::of(an_instant()), proptest::option::of(an_instant()), any::<u64>(), trouble);
    (a_name(), stations, products, rows, returned, times).prop_map(
        |(name, stations, products, rows, returned, times)| {
            let mut snapshot = Snapshot::unread(Venue { id: VenueId(7), name, active: true });
            let catalog = snapshot.picture.catalog.edit();
            for (id, name, active) in stations {
                let station = Station { id: StationId(id), name, active, kitchen: true, printable: true };
                catalog.stations.insert(station.id, station);
            }
            catalog.products.extend(products.into_iter().map(|product| (product.id, product)));
            snapshot.picture.rows = Arc::new(rows.into_iter().collect());
            snapshot.returned = returned;
            let (read_at, changed_at, seq, trouble) = times;
            (snapshot.read_at, snapshot.changed_at, snapshot.seq) = (read_at, changed_at, seq);
            snapshot.trouble = trouble.map(|(since, why)| Trouble { since, failures: 1, why });
            snapshot
        },
    )
}

fn an_acknowledgement() -> impl Strategy<Value = Acknowledgement> {
    let reason = proptest::option::of(proptest::sample::select(Reason::ALL.to_vec()));
    (a_name(), an_instant(), reason, a_name(), proptest::option::of(an_instant()))
        .prop_map(|(by, at, reason, note, back_at)| Acknowledgement { by, at, reason, note, back_at })
}

fn a_set() -> impl Strategy<Value = SetFacts> {
    let members = proptest::collection::vec((any::<u64>(), a_name()), 0..4);
    let kind = proptest::sample::select(SetKind::ALL.to_vec());
    (kind, any::<u64>(), a_name(), 0_usize..99, members).prop_map(|(kind, id, name, count, members)| {
        let members = members.into_iter().map(|(id, name)| MemberFacts { id, name }).collect();
        SetFacts { kind, id, name, count, total: 100, members }
    })
}

fn a_severity() -> impl Strategy<Value = Severity> {
    proptest::sample::select(Severity::ALL.to_vec())
}

fn an_episode() -> impl Strategy<Value = String> {
    any::<u64>().prop_map(|number| format!("{number:016x}"))
}

fn an_alert() -> impl Strategy<Value = OpenAlert> {
    let times = (an_instant(), an_instant(), proptest::option::of(an_instant()), proptest::option::of(an_instant()));
    let said = (proptest::option::of(an_acknowledgement()), proptest::option::of(a_set()), any::<bool>());
    (an_episode(), a_severity(), times, said, a_name(), proptest::option::of(0_u64..4)).prop_map(
        |(episode, severity, times, said, label, station)| {
            let (since, opened_at, clear_since, unstable_since) = times;
            let (acknowledged, set, is_held) = said;
            let held = is_held
                .then(|| (ReceiverName::new("managers"), Hold::Silence(SilenceId::from_stored("s1"))))
                .into_iter()
                .collect();
            OpenAlert {
                episode: EpisodeId::from_stored(&episode),
                since,
                opened_at,
                clear_since,
                baseline: false,
                severity,
                held,
                reminded_at: None,
                acknowledged,
                told: BTreeSet::new(),
                message: label.as_str().into(),
                label,
                station: station.map(StationId),
                turns: Turns::default(),
                unstable_since,
                set,
                found_after: None,
            }
        },
    )
}

fn a_change() -> impl Strategy<Value = ChangeFacts> {
    let value = || {
        prop_oneof![
            Just(ChangeValue::Out),
            Just(ChangeValue::Unrestricted),
            a_quantity().prop_map(ChangeValue::Left),
            any::<i64>().prop_map(|it| ChangeValue::Price(Money::from_ten_thousandths(it))),
        ]
    };
    (proptest::option::of(a_name()), value(), value(), proptest::option::of(any::<u32>())).prop_map(
        |(list, before, after, out_for_s)| {
            let out_for = out_for_s.map(|it| Duration::from_secs(it.into()));
            ChangeFacts { list, before, after, out_for }
        },
    )
}

fn some_facts() -> impl Strategy<Value = Facts> {
    let item = (any::<u64>(), a_name(), proptest::option::of(any::<u64>()), proptest::option::of(any::<i64>()));
    let more = (proptest::option::of(a_quantity()), proptest::option::of(an_instant()));
    let item = (item, more).prop_map(|((id, name, other, price), (limit, since))| ItemFacts {
        id: ProductId(id),
        others_on: vec![name.clone()],
        name,
        parent: other.map(ProductId),
        category: other.map(CategoryId),
        price: price.map(Money::from_ten_thousandths),
        limit,
        low_stock: limit,
        since,
    });
    let age = proptest::option::of(any::<u32>());
    let venue = (any::<u64>(), a_name(), age, proptest::option::of(a_name())).prop_map(|(id, name, age, trouble)| {
        let reading_age = age.map(|it| Duration::from_secs(it.into()));
        VenueFacts { id: VenueId(id), name, reading_age, trouble }
    });
    let station = (any::<u64>(), a_name(), any::<bool>());
    let station = station.prop_map(|(id, name, active)| StationFacts { id: StationId(id), name, active, products: 12 });
    let gap = (an_instant(), an_instant()).prop_map(|(from, until)| Gap { from, until });
    let of = (proptest::option::of(venue), proptest::option::of(station), proptest::option::of(item));
    let and = (proptest::option::of(a_set()), proptest::option::of(a_change()), proptest::option::of(a_name()));
    (of, and, proptest::option::of(gap)).prop_map(|((venue, station, item), (set, change, refused), found_after)| {
        Facts {
            brand: BrandId::new("demo").expect("a slug"),
            venue,
            station,
            item,
            set,
            change,
            refused,
            recipe: None,
            forecast: None,
            times_today: None,
            found_after,
        }
    })
}

fn setting() -> Setting {
    let zone = Zone::named("Asia/Baku").expect("a zone");
    let boot = "19e07d2f8a4".to_owned();
    Setting { boot, language: Language::En, zone, day_starts: jiff::civil::time(4, 0, 0, 0) }
}

proptest! {
    #[test]
    fn the_states_of_any_picture_fit(
        snapshot in a_snapshot(),
        alerts in proptest::collection::vec(an_alert(), 0..3),
        now in an_instant(),
    ) {
        let topics = BaseTopic::default();
        let brand = BrandId::new("demo").expect("a slug");
        let scene = Arc::new(Scene::new(brand, Arc::new(snapshot), Arc::new(setting()), now));
        let mut tree: Tree = board::lists(&topics, &scene, alerts.iter());
        let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
        tree.extend([board::status(&topics, &scene, limits)]);
        for (topic, state) in &tree {
            prop_assert_eq!(told_of_state(topic, state), None, "{}", topic);
        }
    }

    #[test]
    fn the_events_of_any_facts_fit(
        facts in some_facts(),
        rule in a_name(),
        severity in a_severity(),
        episode in an_episode(),
        said in (proptest::option::of(an_acknowledgement()), an_instant(), any::<bool>(), any::<bool>()),
        end in proptest::option::of(proptest::sample::select(End::VALUES.to_vec())),
        kind in proptest::sample::select(EntryKind::ALL.to_vec()),
    ) {
        let (acknowledged, at, has_alert, flag) = said;
        let part = AlertPart {
            rule: &rule,
            severity,
            episode: flag.then_some(&episode),
            since: flag.then_some(at),
            opened_at: flag.then_some(at),
            closed_at: end.map(|_| at),
            ended_by: end,
            baseline: flag,
            unstable: !flag,
            acknowledged: acknowledged.as_ref(),
            found_after: None,
            acknowledge_url: flag.then_some("https://86.example.com/ack/AWa8"),
        };
        let id = notice_id(&ReceiverName::new(&rule), &[&episode]);
        let event = cloud_event(id.as_str(), kind.event(), &facts, has_alert.then_some(part), flag.then_some(&rule), at);
        prop_assert_eq!(told("event", &serde_json::from_str(&event).expect("JSON")), None);
    }
}
