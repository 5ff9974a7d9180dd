//! The published payloads as the MQTT contract has them: fields, order, the limit of a list, and what is back today.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::alerts::lifecycle::{EpisodeId, Turns};
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::texts::Texts;
use crate::calendar::{Calendar, ClockSpan, Schedule};
use crate::catalog::{Product, Station, Venue};
use crate::language::Language;
use crate::rules::{Severity, Subject};
use crate::snapshot::{Doubt, Trouble};
use crate::units::{CategoryId, Money, VenueId};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn now() -> Timestamp {
    at("2026-05-08T15:04:11.204Z")
}

fn setting() -> Setting {
    let zone = Zone::named("Asia/Baku").expect("a zone");
    Setting { boot: "01JD".to_owned(), language: Language::En, zone, day_starts: jiff::civil::time(4, 0, 0, 0) }
}

fn brand() -> BrandId {
    BrandId::new("demo").expect("a slug")
}

fn topics() -> BaseTopic {
    BaseTopic::new("eightysix").expect("a base topic")
}

fn product(id: u64, name: &str, station: Option<u64>, low_stock: Option<i64>) -> Product {
    Product {
        station: station.map(StationId),
        category: Some(CategoryId(12)),
        price: Money::from_ten_thousandths(95_000),
        low_stock: low_stock.map(Quantity::whole),
        ..Product::plain(ProductId(id), name)
    }
}

fn row(limit: &str, since: &str) -> StopRow {
    let since = at(since);
    StopRow { limit: limit.parse().expect("a number"), updated_at: Some(since), since, seen_at: now() }
}

/// A venue with three dishes of two stations, one of them off, and one that nobody prepares.
fn venue(rows: Vec<(u64, StopRow)>) -> Snapshot {
    let mut snapshot = Snapshot::unread(Venue { id: VenueId(7), name: "Sahil".to_owned(), active: true });
    let catalog = snapshot.picture.catalog.edit();
    for (id, name, active) in [(3, "Kitchen", true), (4, "Terrace", false)] {
        let station = Station { id: StationId(id), name: name.to_owned(), active, kitchen: true, printable: true };
        catalog.stations.insert(StationId(id), station);
    }
    for product in [
        product(54, "Lamb kebab with rice", Some(3), Some(4)),
        product(55, "Dolma", Some(3), Some(4)),
        product(56, "Grill set", Some(4), None),
        product(57, "Banquet", None, None),
    ] {
        catalog.products.insert(product.id, product);
    }
    snapshot.picture.rows = Arc::new(rows.into_iter().map(|(id, row)| (ProductId(id), row)).collect());
    (snapshot.read_at, snapshot.changed_at, snapshot.seq) = (Some(now()), Some(now()), 4182);
    snapshot
}

fn scene(snapshot: &Snapshot, setting: Setting, now: Timestamp) -> Arc<Scene> {
    Arc::new(Scene::new(brand(), Arc::new(snapshot.clone()), Arc::new(setting), now))
}

fn tree(snapshot: &Snapshot, alerts: &[OpenAlert]) -> Tree {
    lists(&topics(), &scene(snapshot, setting(), now()), alerts.iter())
}

fn json(tree: &Tree, topic: &str) -> serde_json::Value {
    serde_json::from_str(&tree[format!("eightysix/v1/demo/7/{topic}").as_str()].body()).expect("JSON")
}

fn pretty(tree: &Tree, topic: &str) -> String {
    serde_json::to_string_pretty(&json(tree, topic)).expect("JSON")
}

fn open_alert() -> OpenAlert {
    OpenAlert {
        episode: EpisodeId::from_stored("66bcbc5cf096741a"),
        since: at("2026-05-08T14:51:02.781Z"),
        opened_at: at("2026-05-08T14:51:30Z"),
        clear_since: Some(now()),
        baseline: false,
        severity: Severity::Critical,
        held: std::collections::BTreeMap::new(),
        reminded_at: None,
        acknowledged: None,
        told: BTreeSet::new(),
        label: "Lamb kebab".to_owned(),
        message: "Lamb kebab is out".into(),
        station: Some(StationId(3)),
        turns: Turns::default(),
        unstable_since: None,
        set: None,
        found_after: None,
    }
}

/// What everybody reads is in the language of the locale; the words of the contract are in no language.
#[test]
fn a_screen_shows_alerts_in_the_language_of_the_locale() {
    let said = |language: Language| match language {
        Language::Az => "Quzu kababı bitib",
        Language::Ru => "Люля-кебаб закончился",
        Language::En => "Lamb kebab is out",
    };
    for language in Language::ALL {
        let message = Texts::said(Language::En, &Language::ALL.into(), |it| said(it).to_owned());
        let alert = OpenAlert { message, ..open_alert() };
        let setting = Setting { language, ..setting() };
        let tree = lists(&topics(), &scene(&venue(Vec::new()), setting, now()), [&alert].into_iter());
        let shown = json(&tree, "alert/66bcbc5cf096741a");
        assert_eq!((&shown["message"], &shown["severity"]), (&said(language).into(), &"critical".into()));
    }
}

/// The contract: screens of today must read the lists of later versions, so nothing of this may go or change.
#[test]
fn the_payloads_of_the_contract() {
    let snapshot = venue(vec![(54, row("0", "2026-05-08T14:51:02.781Z")), (999, row("2.5", "2026-05-08T14:00:00Z"))]);
    let alert = open_alert();
    let tree = tree(&snapshot, &[alert]);
    insta::assert_snapshot!(pretty(&tree, "stop"), @r##"
    {
      "boot": "01JD",
      "brand": "demo",
      "business_day": "2026-05-08",
      "changed_at": "2026-05-08T15:04:11.204Z",
      "counts": {
        "limited": 0,
        "low": 1,
        "out": 1
      },
      "items": [
        {
          "category": null,
          "id": 999,
          "limit": 2.5,
          "low_at": null,
          "name": "#999 (not in catalog)",
          "others_on": [],
          "parent": null,
          "seen_at": "2026-05-08T15:04:11.204Z",
          "short": "#999 (not i…",
          "since": "2026-05-08T14:00:00.000Z",
          "since_local": "18:00",
          "state": "low",
          "station": null
        },
        {
          "category": 12,
          "id": 54,
          "limit": 0.0,
          "low_at": 4.0,
          "name": "Lamb kebab with rice",
          "others_on": [],
          "parent": null,
          "seen_at": "2026-05-08T15:04:11.204Z",
          "short": "Lamb kebab …",
          "since": "2026-05-08T14:51:02.781Z",
          "since_local": "18:51",
          "state": "out",
          "station": 3
        }
      ],
      "seq": 4182,
      "truncated": false,
      "tz": "Asia/Baku",
      "v": 1,
      "venue": 7,
      "venue_name": "Sahil"
    }
    "##);
    insta::assert_snapshot!(pretty(&tree, "product/54"), @r#"
    {
      "boot": "01JD",
      "brand": "demo",
      "category": 12,
      "id": 54,
      "limit": 0.0,
      "low_at": 4.0,
      "name": "Lamb kebab with rice",
      "others_on": [],
      "parent": null,
      "seen_at": "2026-05-08T15:04:11.204Z",
      "seq": 4182,
      "short": "Lamb kebab …",
      "since": "2026-05-08T14:51:02.781Z",
      "since_local": "18:51",
      "state": "out",
      "station": 3,
      "v": 1,
      "venue": 7
    }
    "#);
    insta::assert_snapshot!(pretty(&tree, "alert/66bcbc5cf096741a"), @r#"
    {
      "about": "Lamb kebab",
      "ack": null,
      "boot": "01JD",
      "brand": "demo",
      "clearing": true,
      "episode": "66bcbc5cf096741a",
      "message": "Lamb kebab is out",
      "opened_at": "2026-05-08T14:51:30.000Z",
      "set": null,
      "severity": "critical",
      "silenced": false,
      "since": "2026-05-08T14:51:02.781Z",
      "station": 3,
      "unstable": false,
      "v": 1,
      "venue": 7,
      "venue_name": "Sahil"
    }
    "#);
    let names: Vec<&str> = tree.keys().map(|topic| topic.trim_start_matches("eightysix/v1/demo/7/")).collect();
    assert_eq!(
        names,
        [
            "alert/66bcbc5cf096741a",
            "product/54",
            "product/999",
            "station/3/stop",
            "station/4/stop",
            "station/none/stop",
            "stop"
        ]
    );
}

#[test]
fn a_screen_can_print_a_list_as_it_comes() {
    let snapshot = venue(vec![
        (56, row("0", "2026-05-08T15:00:00Z")),
        (57, row("0", "2026-05-08T15:00:00Z")),
        (54, row("3", "2026-05-08T15:03:00Z")),
        (55, row("0", "2026-05-08T14:00:00Z")),
        (60, row("0", "2026-05-08T14:30:00Z")),
        (61, row("40", "2026-05-08T14:30:00Z")),
        (62, row("5", "2026-05-08T14:30:00Z")),
    ]);
    let tree = tree(&snapshot, &[]);
    let shown = |topic: &str| -> Vec<(u64, String)> {
        let items = json(&tree, topic)["items"].as_array().expect("items").clone();
        items.iter().map(|item| (item["id"].as_u64().expect("id"), item["state"].to_string())).collect()
    };
    let line = |id: u64, state: &str| (id, format!("\"{state}\""));
    let unassigned = [line(57, "out"), line(60, "out"), line(62, "low"), line(61, "limited")];
    let kitchen = [line(55, "out"), line(54, "low")];
    let whole = [&unassigned[..], &kitchen[..], &[line(56, "out")]].concat();
    assert_eq!(shown("stop"), whole, "by station, out before low before limited, newest first");
    assert_eq!(shown("station/none/stop"), unassigned);
    assert_eq!(shown("station/3/stop"), kitchen);
    let counts = json(&tree, "stop")["counts"].clone();
    assert_eq!(counts, serde_json::json!({ "out": 4, "low": 2, "limited": 1 }));
}

#[test]
fn what_is_drawn_later_is_what_was_drawn_at_first() {
    let rows = [54, 55, 56, 57].map(|id| (id, row("0", "2026-05-08T14:00:00Z")));
    let mut snapshot = venue(rows[1..].to_vec());
    snapshot.returned = [(ProductId(54), at("2026-05-08T14:42:00Z"))].into();
    let tree = tree(&snapshot, &[open_alert()]);
    assert!(tree.len() == 9 && tree.values().all(|state| !state.body().is_empty()), "{:?}", tree.keys());
    for (topic, state) in &tree {
        let whole_is_news = !topic.contains("/product/");
        let drawn = state.body();
        assert_eq!(drawn, state.body(), "{topic}");
        let same = RetainedState::new(&drawn, state.expiry_s()).hash() == state.hash();
        assert_eq!(same, whole_is_news, "what identifies {topic} is all of what is drawn now");
    }
}

#[test]
fn a_later_list_is_another_state_of_what_it_changed_alone() {
    let since = "2026-05-08T14:51:02.781Z";
    let before = venue(vec![(54, row("0", since)), (55, row("3", since))]);
    let after = Snapshot { seq: 4183, ..venue(vec![(54, row("0", since)), (55, row("2", since))]) };
    let (before, after) = (tree(&before, &[]), tree(&after, &[]));
    let differ = |topic: &&Topic| before[*topic].hash() != after[*topic].hash();
    let other: Vec<&str> = after.keys().filter(differ).map(|topic| topic.rsplit("/7/").next().unwrap_or("")).collect();
    // A list carries the number that its screen compares with that of the status.
    assert_eq!(
        other,
        ["product/55", "station/3/stop", "station/4/stop", "station/none/stop", "stop"],
        "of {:?}",
        after.keys()
    );
    assert_eq!(json(&after, "product/55")["seq"], 4183);
}

#[test]
fn a_list_that_is_too_long_is_cut_at_its_end_and_says_so() {
    let mut snapshot = venue(Vec::new());
    let rows = (1_000..2_000).map(|id| (ProductId(id), row("0", "2026-05-08T14:00:00Z")));
    snapshot.picture.rows = Arc::new(rows.collect());
    let whole = tree(&snapshot, &[]);
    let body = whole["eightysix/v1/demo/7/stop"].body();
    let list = json(&whole, "stop");
    let shown = list["items"].as_array().expect("items").len();
    assert!(body.len() <= 64 * 1024 && body.len() > 32 * 1024, "{} bytes", body.len());
    assert_eq!((&list["truncated"], &list["counts"]["out"]), (&true.into(), &1_000.into()), "the counts are whole");
    assert_eq!(list["items"][0]["id"], 1_000);
    assert_eq!(list["items"][shown - 1]["id"], 999 + shown, "the end is cut, and nothing else");
    assert!(whole.contains_key("eightysix/v1/demo/7/product/1999"), "each product has its topic all the same");
}

#[test]
fn what_is_unread_is_not_shown_as_free() {
    let mut snapshot = venue(Vec::new());
    snapshot.read_at = None;
    assert!(tree(&snapshot, &[]).is_empty());
}

#[test]
fn what_came_back_is_shown_until_the_business_day_ends() {
    let mut snapshot = venue(Vec::new());
    snapshot.returned = [(ProductId(54), at("2026-05-08T15:42:00Z"))].into();
    // 04:00 in Baku is midnight in UTC.
    for (now, is_shown) in
        [("2026-05-08T15:43:00Z", true), ("2026-05-08T23:59:59Z", true), ("2026-05-09T00:00:00Z", false)]
    {
        let tree = lists(&topics(), &scene(&snapshot, setting(), at(now)), [].iter());
        let item = tree.get("eightysix/v1/demo/7/product/54").map(|state| state.body());
        let says_on = |body: String| body.contains(r#""state":"on""#) && body.contains(r#""since_local":"19:42""#);
        assert_eq!(item.map(says_on), is_shown.then_some(true), "{now}");
    }
}

#[test]
fn status_alone_tells_how_fresh_the_lists_are() {
    let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
    let trouble = Trouble { since: now(), failures: 3, why: "no answer\nwithin 12 s".to_owned() };
    for (age_s, trouble, state, reason) in [
        (0, None, "fresh", None),
        (59, Some(trouble.clone()), "fresh", None),
        (60, None, "stale", Some("not read")),
        (60, Some(trouble.clone()), "stale", Some("no answer within 12 s")),
        (300, Some(trouble), "blind", Some("no answer within 12 s")),
    ] {
        let mut snapshot = venue(Vec::new());
        snapshot.trouble = trouble;
        let then = now().plus(Duration::from_secs(age_s));
        let (topic, status) = status(&topics(), &scene(&snapshot, setting(), then), limits);
        let body: serde_json::Value = serde_json::from_str(&status.body()).expect("JSON");
        assert_eq!((topic.as_ref(), status.expiry_s()), ("eightysix/v1/demo/7/status", Some(600)));
        assert_eq!((&body["state"], &body["reason"]), (&state.into(), &serde_json::json!(reason)), "after {age_s} s");
        assert_eq!(body["as_of"], "2026-05-08T15:04:11.204Z");
        assert_eq!((&body["valid_until"], &body["stop_seq"]), (&"2026-05-08T15:05:11.204Z".into(), &4182.into()));
    }
}

#[test]
fn a_change_of_the_list_is_one_event_or_none() {
    let snapshot = venue(Vec::new());
    let change = |product: u64, before: Option<&str>, after: Option<&str>| Change::Row {
        product: ProductId(product),
        before: before.map(|limit| row(limit, "2026-05-08T14:00:00Z")),
        after: after.map(|limit| row(limit, "2026-05-08T14:00:00Z")),
    };
    for (product, before, after, expected) in [
        (54, None, Some("0"), Some("product.stopped")),
        (54, Some("9"), Some("-1"), Some("product.stopped")),
        (54, Some("0"), Some("-1"), None),
        (54, Some("0"), None, Some("product.back")),
        (54, Some("0"), Some("3"), Some("product.back")),
        (54, None, Some("4"), Some("product.low")),
        (54, Some("5"), Some("4"), Some("product.low")),
        (54, Some("4"), Some("3"), Some("product.limit_changed")),
        (54, Some("9"), Some("8"), Some("product.limit_changed")),
        (54, Some("9"), None, Some("product.limit_changed")),
        (54, Some("9"), Some("9"), None),
        (57, None, Some("5"), Some("product.low")),
        (999, None, Some("0"), Some("product.stopped")),
        (56, None, Some("0"), None),
        (56, Some("0"), None, None),
    ] {
        let event = feed_event(&change(product, before, after), &snapshot);
        assert_eq!(event, expected.map(|kind| (kind, ProductId(product))), "{product}: {before:?} -> {after:?}");
    }
}

/// Draws the board of a venue as lines: `out Dolma 0 Kitchen; care; marks`.
fn cards(snapshot: &Snapshot, alerts: &[(Subject, OpenAlert)], part: kitchen::Part, language: Language) -> Vec<String> {
    let calendar = Calendar::plain(setting().zone, setting().day_starts);
    let alerts = alerts.iter().map(|(subject, alert)| (subject, alert));
    let drawn = kitchen::draw(snapshot, alerts, part, (language, &setting(), &calendar), now());
    let line = |card: kitchen::Card| {
        let marks = [(card.is_off, "off"), (card.is_doubtful, "doubtful"), (card.is_unstable, "unstable")];
        let marks: Vec<&str> = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
        let left = card.left.unwrap_or_default();
        let parts = [card.standing.word(), &card.name, &left, &card.station.unwrap_or_default(), &card.since_local];
        let said = [&parts.join("|"), &card.care.unwrap_or_default(), &marks.join(" ")].map(String::as_str).join("; ");
        format!("{said} {}", card.turn)
    };
    drawn.cards.into_iter().map(line).collect()
}

#[test]
fn a_board_shows_what_hurts_first_and_marks_what_is_not_certain() {
    let mut snapshot = venue(vec![
        (54, row("0", "2026-05-08T14:51:02.781Z")),
        (55, row("0", "2026-05-07T14:00:00Z")),
        (56, row("0", "2026-05-08T15:00:00Z")),
        (57, row("2.5", "2026-05-08T15:01:00Z")),
        (332, row("9", "2026-05-08T15:02:00Z")),
    ]);
    snapshot.doubt = Some(Doubt { read_at: now(), rows: std::collections::BTreeMap::new(), ask: vec![ProductId(55)] });
    let said = |by: &str, minute: &str| Acknowledgement {
        by: by.to_owned(),
        at: at(&format!("2026-05-08T15:{minute}:00Z")),
        reason: Some(Reason::Supplier),
        note: String::new(),
        back_at: None,
    };
    let item = |product| Subject::Item(VenueId(7), ProductId(product));
    let alert = |acknowledged| OpenAlert { acknowledged, unstable_since: None, ..open_alert() };
    let alerts = [
        (item(54), alert(Some(said("Anar", "01")))),
        (item(54), alert(Some(said("Leyla", "02")))),
        (item(54), OpenAlert { unstable_since: Some(now()), ..alert(None) }),
        (Subject::Venue(VenueId(7)), alert(Some(said("Nobody", "03")))),
    ];
    insta::assert_snapshot!(cards(&snapshot, &alerts, kitchen::Part::Venue, Language::En).join("\n"), @r"
    out|Lamb kebab with rice||Kitchen|18:51; Leyla takes care of it: supplier; unstable 54-1778251862781
    out|Dolma||Kitchen|Thu 18:00; ; doubtful 55-1778162400000
    low|Banquet|2.5||19:01; ;  57-1778252460000
    limited|#332 (not in catalog)|9||19:02; ;  332-1778252520000
    out|Grill set||Terrace|19:00; ; off 56-1778252400000
    ");
    let of_kitchen = kitchen::Part::Station(Some(StationId(3)));
    insta::assert_snapshot!(cards(&snapshot, &alerts, of_kitchen, Language::Ru).join("\n"), @r"
    out|Lamb kebab with rice|||18:51; Leyla занимается: поставщик; unstable 54-1778251862781
    out|Dolma|||чт 18:00; ; doubtful 55-1778162400000
    ");
    let of_nobody = kitchen::Part::Station(None);
    insta::assert_snapshot!(cards(&snapshot, &[], of_nobody, Language::Az).join("\n"), @r"
    low|Banquet|2,5||19:01; ;  57-1778252460000
    limited|#332 (kataloqda yoxdur)|9||19:02; ;  332-1778252520000
    ");
}

#[test]
fn a_board_counts_cuts_and_lists_what_is_back() {
    let many: Vec<_> = (1_000..1_000 + 205).map(|id| (id, row("0", "2026-05-08T14:51:02.781Z"))).collect();
    let mut snapshot = venue(many);
    let back = [(54, "2026-05-08T15:00:00Z"), (55, "2026-05-08T15:02:00Z"), (57, "2026-05-07T15:02:00Z")];
    snapshot.returned = back.map(|(id, since)| (ProductId(id), at(since))).into();
    let hours = Schedule::daily(&[ClockSpan::parse("10:00-18:00").expect("a span")]);
    let calendar = Calendar::plain(setting().zone, setting().day_starts).with_hours(Some(hours), None);
    let language = (Language::En, &setting(), &calendar);
    let drawn = kitchen::draw(&snapshot, std::iter::empty(), kitchen::Part::Venue, language, now());
    assert_eq!((drawn.cards.len(), drawn.more, drawn.counts), (kitchen::CARDS_MAX, 5, [205, 0, 0]));
    // It is 19:04 in Baku. What came back yesterday is no news.
    assert_eq!(drawn.is_open, Some(false));
    let back: Vec<(&str, &str)> = drawn.back.iter().map(|(name, at)| (name.as_str(), at.as_str())).collect();
    assert_eq!(back, [("Dolma", "19:02"), ("Lamb kebab with rice", "19:00")]);
}
