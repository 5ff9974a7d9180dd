//! The seeds from which the fuzzers begin: answers of the simulator, the shipped configurations, rules and templates,
//! and stored values, each in the form that its target reads.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use eightysix::alerts::AlertKey;
use eightysix::alerts::group::{Entry, EntryKind, Group};
use eightysix::alerts::lifecycle::{Alert, EpisodeId, OpenAlert, Turns};
use eightysix::alerts::notice::{Content, Event, Mail, MqttMessage};
use eightysix::alerts::order::{Acknowledgement, Order, Reason};
use eightysix::alerts::report::Reported;
use eightysix::alerts::silence::{Criteria, Silence, SilenceId};
use eightysix::alerts::texts::Texts;
use eightysix::document::Problems;
use eightysix::language::Language;
use eightysix::rules::parse::{RuleFile, parse};
use eightysix::rules::{RuleName, Severity, Subject};
use eightysix::simulator::plan::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_INTEGRATOR, WorldPlan};
use eightysix::simulator::route::{ApiAnswer, ApiRequest, BASE_PATH};
use eightysix::simulator::world::World;
use eightysix::store::format::{
    encode_alert, encode_content, encode_group, encode_order, encode_reported, encode_silence,
};
use eightysix::units::{CategoryId, ProductId, StationId, Timestamp, VenueId};

const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

/// Collects what the functions below make.
#[derive(Default)]
pub(crate) struct Seeds {
    /// Target, name and bytes of each.
    pub(crate) all: Vec<(&'static str, String, Vec<u8>)>,
}

/// Returns the seeds of all targets.
pub(crate) fn seeds() -> Seeds {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Seeds::default();
    seeds.answers();
    seeds.troubles();
    seeds.config(root);
    seeds.door();
    seeds.site();
    seeds.rules_and_messages(root);
    seeds.rule_tests(root);
    seeds.requests();
    seeds.stored();
    seeds.orders();
    seeds
}

impl Seeds {
    fn add(&mut self, target: &'static str, name: &str, bytes: &[u8]) {
        self.all.push((target, format!("seed-{name}"), bytes.to_vec()));
    }

    fn answers(&mut self) {
        let mut world = World::new(&WorldPlan::demo(1, 2), NOW);
        let mut ask = |method: &str, path: &str, query: &str, token: &str, body: String| {
            let headers = [("x-token", token), ("x-venue", "1"), ("content-type", "application/json")];
            let request = ApiRequest {
                method: method.to_owned(),
                path: format!("{BASE_PATH}{path}"),
                raw_query: query.to_owned(),
                headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                body: body.into_bytes(),
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            world.answer(&request, NOW)
        };
        let credentials = serde_json::json!({
            "client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET, "brand": "sahil",
            "integrator_id": DEMO_INTEGRATOR,
        });
        let login = ask("POST", "/auth", "", "", credentials.to_string());
        let token: serde_json::Value = serde_json::from_slice(&login.body).expect("a login");
        let token = token["token"].as_str().expect("a token").to_owned();
        self.add("answers", "auth", &answer("auth", &[&login]));
        self.add("answers", "auth-refused", &answer("auth", &[&ask("POST", "/auth", "", "", "{}".to_owned())]));
        let with = "with[0]=category&with[1]=station&with[2]=modifications&with[3]=modificator_groups&with[4]=recipe&with[5]=tags";
        let page = |n: u32, limit: u32| format!("page={n}&limit={limit}&{with}");
        let one = |asked: &str, path: &str, query: &str, ask: &mut dyn FnMut(&str, &str) -> ApiAnswer| {
            answer(asked, &[&ask(path, query)])
        };
        let mut get = |path: &str, query: &str| ask("GET", path, query, &token, String::new());
        for (name, asked, path, query) in [
            ("venues", "venues", "/venues", String::new()),
            ("stop-list", "stop-list", "/products/stop-list", String::new()),
            (
                "stop-list-of",
                "stop-list 1,2,3",
                "/products/stop-list",
                "filters[0][0]=id&filters[0][1][0]=1&filters[0][1][1]=3".to_owned(),
            ),
            ("products", "products", "/products", page(1, 4)),
            ("stations", "stations", "/stations", "page=1&limit=200".to_owned()),
            ("price-lists", "price-lists", "/price-lists", "page=1&limit=999".to_owned()),
            ("prices", "prices", "/price-lists/prices", "page=1&limit=8".to_owned()),
            ("not-found", "product 999999", "/products/999999", String::new()),
            ("bad-query", "stations", "/stations", "page=x".to_owned()),
        ] {
            self.add("answers", name, &one(asked, path, &query, &mut get));
        }
        let listed = get("/products", "page=1&limit=1&selects=id");
        let listed: serde_json::Value = serde_json::from_slice(&listed.body).expect("a list");
        let id = listed["data"][0]["id"].as_u64().expect("an id");
        self.add("answers", "product", &one(&format!("product {id}"), &format!("/products/{id}"), with, &mut get));
        let pages: Vec<ApiAnswer> = (1..=3).map(|n| get("/stations", &format!("page={n}&limit=2"))).collect();
        self.add("answers", "walk", &answer("stations", &pages.iter().collect::<Vec<_>>()));
        let mut stranger = |path: &str, query: &str| ask("GET", path, query, "no", String::new());
        self.add("answers", "stale", &one("stop-list", "/products/stop-list", "", &mut stranger));
    }

    fn troubles(&mut self) {
        for (name, head) in [
            (
                "webhook-later",
                "webhook\n503\nRetry-After: Fri, 08 May 2026 16:04:11 GMT\nDate: Fri, 08 May 2026 15:04:11 GMT\n\nbusy",
            ),
            ("webhook-redirect", "webhook\n302\nLocation: https://login.example.com/x\n\n<h1>Found</h1>"),
            ("webhook-gone", "webhook\n410\n\ngone"),
            (
                "too-many",
                "stop-list\n429\nRateLimit-Limit: 300, 300;w=60\nRateLimit-Remaining: 0\nRateLimit-Reset: 17\nRetry-After: 20\n\n{}",
            ),
            ("html", "stop-list\n502\n\n<html><body>Bad Gateway</body></html>"),
            ("redirect", "stop-list\n301\nLocation: https://elsewhere.example.com/\n\n"),
            (
                "small-walk",
                "stations\n200\n\n{\"data\":[{\"id\":1,\"name\":\"a\",\"status\":1}],\"total\":2}\n%%\n{\"data\":[{\"id\":2,\"status\":0}],\"total\":2}",
            ),
        ] {
            self.add("answers", name, head.as_bytes());
        }
    }

    fn config(&mut self, root: &Path) {
        for (name, file) in [
            ("example", "config/eightysix.yaml"),
            ("deploy", "deploy/eightysix.yaml"),
            ("systemd", "deploy/eightysix-systemd.yaml"),
        ] {
            let text = fs::read_to_string(root.join(file)).expect("a shipped configuration");
            // Without comments, so that mutations meet settings; with the folders of the fuzzers.
            let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
            let settings: Vec<&str> =
                lines.filter(|line| !line.is_empty() && !line.trim_start().starts_with('#')).collect();
            let text = settings.join("\n").replace("../rules/", "rules/").replace("/etc/eightysix/rules/", "rules/");
            self.add("config", name, (text + "\n").as_bytes());
        }
        let whole = fs::read(root.join("tests/bad_input/site/eightysix.yaml")).expect("the configuration of the tests");
        self.add("config", "whole", &whole);
        self.add("config", "times", br#"locale: { timezone: Asia/Baku, currency: AZN }
clopos: { integrator_id: i, brands: [{ brand: b, client_id: c, client_secret: { file: secret }, hours: { mon-thu: "10:00-23:00", fri-sun: ["12:00-15:00", "18:00-02:00"], "2026-12-31": closed }, peaks: "12:00-14:00", venues: [{ id: 1, hours: "00:00-24:00" }, { id: 2, peaks: { daily: ["12:00-14:00"] } }] }] }
windows: { dinner: "18:00-23:00", weekend: { sat: "00:00-24:00", sun: "00:00-24:00" } }
rules: [rules/*.yaml]
"#);
        self.add("config", "small", b"locale: { timezone: Asia/Baku, currency: AZN }\nclopos: { integrator_id: i, brands: [{ brand: b, client_id: c, client_secret: { file: secret } }] }\nrules: [rules/*.yaml]\n");
    }

    fn door(&mut self) {
        let head = |path: &str, more: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: localhost:8686\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: mqtt\r\n{more}\r\n"
            )
        };
        let frame = |first: u8, payload: &[u8]| {
            let length = u8::try_from(payload.len()).expect("a short frame");
            [&[first, 0x80 | length, 0, 0, 0, 0][..], payload].concat()
        };
        let frames = |frames: &[Vec<u8>]| [head("/mqtt", "").as_bytes(), &frames.concat()].concat();
        let connect = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03abc";
        self.add(
            "door",
            "binary",
            &frames(&[frame(0x82, connect), frame(0x82, b"\xc0\x00"), frame(0x88, b"\x03\xe8")]),
        );
        self.add(
            "door",
            "parts",
            &frames(&[frame(0x02, b"\x10"), frame(0x89, b"ping"), frame(0x00, b"\x10"), frame(0x80, b"\x00")]),
        );
        self.add("door", "text", &frames(&[frame(0x81, b"hello")]));
        self.add("door", "unmasked", &frames(&[b"\x82\x02hi".to_vec()]));
        self.add("door", "long", &frames(&[b"\x82\xfe\x00\x7e\x00\x00\x00\x00".to_vec(), vec![b'x'; 126]]));
        for (name, more) in [
            ("own", "Origin: http://localhost:8686\r\n"),
            ("listed", "Origin: https://screens.example.com\r\n"),
            ("strange", "Origin: http://evil.example\r\n"),
            ("null", "Origin: null\r\n"),
        ] {
            self.add("door", name, head("/mqtt", more).as_bytes());
        }
        self.add("door", "elsewhere", head("/other", "").as_bytes());
        let link = "/ack/AbfRcY6o3MlmBXNhaGlsbWFuYWdlcnMMXZ-HX1P5WxQeG7vUf1Sv";
        let form =
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 28\r\n\r\nby=Eve&reason=other&back=2h+";
        let json = "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"by\":\"Eve\"}";
        for (name, method, path, rest) in [
            ("link", "GET", link.to_owned(), "\r\n"),
            ("link-form", "POST", link.to_owned(), form),
            ("link-json", "POST", format!("/kitchen{link}"), json),
            ("link-deleted", "DELETE", link.to_owned(), "\r\n"),
        ] {
            self.add("door", name, format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{rest}").as_bytes());
        }
        self.add("door", "plain", b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
        self.add(
            "door",
            "post",
            b"POST /mqtt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        );
        self.add("door", "old", b"GET / HTTP/1.0\r\n\r\n");
    }

    /// Every page, every route of the API, and what people and programs send wrongly.
    fn site(&mut self) {
        let description = eightysix::http::api_description();
        let mut requests: Vec<(String, String)> = Vec::new();
        for (path, item) in description["paths"].as_object().expect("paths") {
            let known = [("brand", "sahil"), ("venue", "7"), ("name", "sold-out"), ("episode", "EPISODE")];
            let fill = |path: &str, (part, value): &(&str, &str)| path.replace(&format!("{{{part}}}"), value);
            let id = if path.contains("silences") { "0a0b0c0d" } else { "1" };
            let path = known.iter().chain(&[("id", id)]).fold(path.clone(), |path, part| fill(&path, part));
            for (method, operation) in item.as_object().expect("methods") {
                let body = &operation["requestBody"]["content"]["application/json"]["example"];
                let body = if body.is_null() { String::new() } else { body.to_string() };
                requests.push((format!("{} {path}", method.to_uppercase()), body));
            }
        }
        for line in [
            "GET /now",
            "GET /board",
            "GET /board/sahil/7",
            "GET /board/sahil/7/station/1?lang=ru",
            "GET /board/sahil/7/events",
            "GET /now/events",
            "GET /now/sahil/EPISODE/acknowledge",
            "GET /now/sahil/EPISODE/silence",
            "GET /history?q=%3Cb&venue=sahil/7",
            "GET /history/sahil/7?range=30d&lang=az",
            "GET /history/sahil/7/1?range=x&from=99999999999",
            "GET /deliveries?state=dead&receiver=%00",
            "GET /rules?at=sahil/7",
            "GET /rules/sold-out?at=/&from=-1",
            "GET /freshness",
            "GET /login?to=//evil.example",
            "GET /metrics",
            "HEAD /api/v1/history?brand=sahil&venue=7&product=1&since=2026-01-01T00:00:00Z&limit=500",
            "GET /api/v1/history?until=9999-99-99&cursor=AAAA",
            "GET /api/v1/history.csv?venue=18446744073709551615",
            "GET /api/v1/alerts?brand=none&state=open&limit=0",
            "GET /api/v1/venues/sahil/%FF",
            "GET /api/v1/events?last-event-id=-9223372036854775808",
            "GET /api/v1/rules/sold-out/truths?brand=sahil&venue=7",
            "PATCH /api/v1/venues",
        ] {
            requests.push((line.to_owned(), String::new()));
        }
        for (line, body) in [
            ("POST /api/v1/silences", r#"{"brand":"sahil","venue":7,"product":1,"until":"2h","by":"Eve"}"#),
            ("POST /api/v1/silences", r#"{"brand":"sahil","until":[{"a":1}],"venue":-1}"#),
            ("POST /api/v1/dead-letters/resend", r#"{"ids":[1,-9223372036854775808]}"#),
            ("POST /api/v1/dead-letters/resend", r#"{"all":true}"#),
            ("POST /deliveries/resend", "row=1&row=x&state=dead"),
            ("POST /now/sahil/EPISODE/acknowledge", "by=Eve&reason=other&back=2h"),
            ("POST /now/sahil/EPISODE/silence", "until=2h&by=Eve&reason=%3Cb%3E"),
            ("POST /now/sahil/silence/0a0b0c0d/end", ""),
            ("POST /login", "token=canary&to=/now"),
            ("POST /logout", ""),
        ] {
            requests.push((line.to_owned(), body.to_owned()));
        }
        for (number, (line, body)) in requests.iter().enumerate() {
            self.add("site", &format!("{number:02}"), format!("{line}\n{body}").as_bytes());
        }
    }

    fn rules_and_messages(&mut self, root: &Path) {
        for name in ["kitchen", "operations"] {
            let text = fs::read_to_string(root.join(format!("rules/{name}.yaml"))).expect("shipped rules");
            let file = RuleFile { name: name.into(), bytes: text.clone().into_bytes() };
            let parsed = parse(&[file], &mut Problems::new());
            for (n, rule) in text.split("\n  - name:").skip(1).enumerate() {
                self.add("rules", &format!("{name}-{n}"), format!("rules:\n  - name:{rule}\n").as_bytes());
            }
            for (n, template) in parsed.templates.iter().enumerate() {
                let about = template.event.map_or(template.subject.word(), |event| event.word());
                let seed = format!("{about}\n<b>Plov & \"co\"</b>\n{}", template.text.text);
                self.add("messages", &format!("{name}-{n}"), seed.as_bytes());
            }
        }
        self.add("rules", "forms", b"rules:\n  - name: a\n    when: { any: [{ limit: { above: 0, below: 5 } }, { not: { product.name: { matches: '^P.*v$' } } }], prices.Delivery: { is: unset } }\n    keep_while: { all: [{ stopped_for: { at_most: 1h30m } }, { product.tags: [lunch, banquet] }] }\n    remind: [1h, shift_start]\n    escalate: { after: 30m, to: [b], even_acknowledged: true }\n    notify: []\n");
        self.add("rules", "anchors", b"rules:\n  - &a\n    name: a\n    when: { sold_out: true }\n    notify: [k]\n  - { <<: *a, name: b }\n  - { <<: *a, name: c, severity: info, message: |\n      two\n      lines\n    }\n");
        self.add("rules", "event", b"rules:\n  - name: e\n    event: price_changed\n    when: { product.status: active }\n    notify: [office]\n    message: '{{ change.before }} -> {{ change.after }}'\n");
        self.add("rules", "expr", br#"rules:
  - { name: a, expr: "limit * 5 <= product.low_stock && !('banquet' in product.tags) || has(item.blocked_by)", notify: [] }
  - { name: b, during: open, when: { sold_out: true }, expr: "product.price - product.cost_price / 2 >= 8.0", notify: [] }
  - { name: c, expr: "stopped_for > duration('5m') && product.name.matches(r'(?i)^f\d') && prices['Happy hour'] != product.price", notify: [] }
  - { name: d, event: limit_changed, expr: "change.after < -1 * change.before && product.type in ['DISH', 'GOODS']", notify: [] }
"#);
        self.add("rules", "during", b"rules:\n  - { name: a, during: [open, dinner], when: { sold_out: true }, for: 1m, notify: [k] }\n  - { name: b, during: peak, event: back, notify: [] }\n  - { name: c, subject: venue, when: { venue.open: true, venue.peak: false, venue.closes_in: { below: 30m } }, notify: [] }\n");
        self.add("messages", "loop", b"item\nPlov\n{% for other in item.others_on %}{{ loop.index }} {{ other | upper }}{% else %}-{% endfor %}{% set x = item.limit %}{{ x ~ '!' }}");
        self.add("rules", "sets", b"rules:\n  - { name: a, when: { sold_out: true }, at_least: { count: 3, of: category }, for: 1m, message: '{{ set.count }} of {{ set.name }}: {{ set.members | listed }}', notify: [k] }\n  - { name: b, when: { low: true }, keep_while: { near_low: true }, at_least: { count: 2, of: station }, during: open, notify: [] }\n  - { name: c, expr: sold_out, at_least: { count: 5, of: venues }, remind: 1h, resolved_message: '{{ set.total }}', notify: [k] }\n");
        self.add("messages", "set", b"of venues\nSahil\n{{ set.count }} of {{ set.total }} lack {{ set.name }}: {{ set.members | listed }}{% for member in set.members %}{{ loop.index }}{{ member }}{% endfor %}{{ set.members | length }}");
        self.add("messages", "filters", b"venue\nSahil\n{{ venue.reading_age | duration }} {{ venue.trouble | default('x') | replace('a', 'b') | truncate(20) }}{{ [1, 2] | join(', ') }}");
        self.add("messages", "macro", b"station\nBar\n{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(station.name) }}{{ station.products + 1 }}{% if station.status is eq 'active' %}a{% endif %}");
    }

    /// Each shipped test with the world of its file, and the other forms.
    fn rule_tests(&mut self, root: &Path) {
        for name in ["kitchen", "operations"] {
            let text = fs::read_to_string(root.join(format!("rules/{name}.test.yaml"))).expect("shipped tests");
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
            let text = lines.join("\n") + "\n";
            let mut parts = text.split("\n  - name:");
            let head = parts.next().expect("the world of the tests");
            for (n, test) in parts.enumerate() {
                self.add("ruletests", &format!("{name}-{n}"), format!("{head}\n  - name:{test}\n").as_bytes());
            }
        }
        self.add(
            "ruletests",
            "windows",
            br#"zone: Europe/Berlin
receivers: { kitchen: [mqtt, webhook], managers: email }
group_wait: 30s
hours: { mon-thu: "10:00-23:00", fri-sun: ["10:00-15:00", "18:00-02:00"], "2026-10-25": closed }
peaks: "12:00-14:00"
windows: { dinner: "18:00-23:00" }
world:
  stations: { Bar: active }
  products: { Cola: { station: Bar, low_stock: 5 } }
tests:
  - name: a window
    steps:
      - at: 01:30
        stop: { Cola: 0 }
      - after: 1h30m
        open: ["out: Cola"]
        told: [{ to: kitchen, by: webhook, text: Cola is out }, { to: managers, like: .*out.* }]
      - { at: 18:00, clear: Cola, open: [], pending: [], held: [] }
"#,
        );
    }

    fn requests(&mut self) {
        let lines = [
            "pair page 1",
            "pair limit 100",
            "with category,station,modifications",
            "filter inventory_behavior 0",
            "any type GOODS,DISH",
            "any tag \u{e7}ay & s\u{fc}d,100%=1+1",
            "ids 30,10,20,10",
            "ids 5",
            "topic eightysix",
            "topic site/baku/eightysix",
            "brand sahil-2.x",
            "quantity -16.2000",
            "money \"8.1\"",
            "money 0.0001",
            "instant 2026-01-13T14:08:49.000000Z",
            "broker mqtts://[::1]:8883",
            "broker mqtt://broker.local",
            "mail 86 \u{1f37d} <alerts@example.com>",
            "place smtp+plain://127.0.0.1:25",
            "place folder:/var/mail/out",
            "allowed 10.1.0.0/16",
            "duration 1h30m500ms",
            "shown Plov \u{202e}\u{1b}[31m x",
        ];
        self.add("requests", "all", lines.join("\n").as_bytes());
        for (n, line) in lines.iter().enumerate() {
            self.add("requests", &format!("line-{n:02}"), line.as_bytes());
        }
        let ids: Vec<String> = (1..=101).map(|id: u32| (id * 7).to_string()).collect();
        self.add("requests", "ids-101", format!("ids {}", ids.join(",")).as_bytes());
        self.add("requests", "ids-100", format!("ids {}", ids[..100].join(",")).as_bytes());
    }

    fn stored(&mut self) {
        let (catalog, venue) = (
            include_str!("../../fuzz/properties/picture/catalog.json"),
            include_str!("../../fuzz/properties/picture/venue.json"),
        );
        self.add("stored", "venue", format!("venue\n{venue}\n{catalog}").as_bytes());
        self.add("stored", "catalog", format!("catalog\n{catalog}").as_bytes());
        let episode = EpisodeId::derive("plov", NOW);
        let turns = || Turns::from_stored(vec![NOW]);
        let open = OpenAlert {
            episode: episode.clone(),
            since: NOW,
            opened_at: NOW,
            clear_since: Some(NOW),
            baseline: false,
            severity: Severity::Critical,
            held: std::collections::BTreeMap::new(),
            reminded_at: None,
            acknowledged: None,
            told: [eightysix::alerts::notice::ReceiverName::new("kitchen")].into(),
            label: "Plov".to_owned(),
            message: Texts::said(Language::En, &[Language::Az].into(), |it| format!("Plov {}", it.code())),
            station: None,
            turns: turns(),
            unstable_since: Some(NOW),
            set: None,
            found_after: None,
        };
        let entry = Entry {
            id: "x/opened".to_owned(),
            kind: EntryKind::Opened,
            episode: Some(episode),
            rule: "sold-out".to_owned(),
            severity: Severity::Info,
            label: "Plov".to_owned(),
            message: "Plov is out".to_owned(),
            at: NOW,
            baseline: true,
            found_after: None,
            station: None,
        };
        let text = |text: &str| text.to_owned();
        let mqtt = MqttMessage {
            topic: text("eightysix/v1/sahil/7/event"),
            body: text("{}"),
            retain: true,
            expiry_s: Some(600),
            content_type: Some(text("application/json")),
            properties: vec![(text("id"), text("1"))],
        };
        let mail = Mail {
            message_id: text("m"),
            thread_id: text("t"),
            language: Language::Ru,
            subject: text("s"),
            text: text("a\nb"),
            html: text("<p>"),
        };
        for (name, value) in [
            ("alert-open", format!("alert\n{}", encode_alert(&Alert::Open(Box::new(open))))),
            (
                "alert-pending",
                format!("alert\n{}", encode_alert(&Alert::Pending { since: NOW, baseline: true, turns: turns() })),
            ),
            ("alert-rested", format!("alert\n{}", encode_alert(&Alert::Rested(turns())))),
            ("group", format!("group\n{}", encode_group(&Group { opened_at: NOW, entries: vec![entry] }))),
            ("notice-mqtt", format!("notice\n{}", encode_content(&Content::Mqtt(mqtt)))),
            ("notice-mail", format!("notice\n{}", encode_content(&Content::Email(mail)))),
            (
                "notice-webhook",
                format!("notice\n{}", encode_content(&Content::Webhook(Event { body: text("{\"a\":1}") }))),
            ),
            ("subject-brand", text("subject\nbrand")),
            ("subject-venue", text("subject\nvenue:7")),
            ("subject-station", text("subject\nstation:7:3")),
            ("subject-item", text("subject\nitem:7:54")),
            (
                "change-stop",
                text(
                    "change\nitem:54\n{\"kind\":\"stop\",\"before\":null,\"after\":{\"id\":54,\"limit\":0,\"updated_at\":1,\"since\":1,\"seen_at\":2}}",
                ),
            ),
            ("change-price", text("change\nitem:54\n{\"kind\":\"price\",\"before\":[1,80000],\"after\":[1,90000]}")),
        ] {
            self.add("stored", name, value.as_bytes());
        }
    }

    fn orders(&mut self) {
        let rule = RuleName::new("sold-out").expect("a rule");
        let everything = Silence {
            id: SilenceId::from_stored("1f0c22ab"),
            covers: Criteria {
                venue: Some(VenueId(7)),
                product: Some(ProductId(54)),
                category: Some(CategoryId(3)),
                station: Some(StationId(2)),
                rule: Some(rule.clone()),
            },
            from: NOW,
            until: Timestamp::from_unix_ms(NOW.unix_ms() + 3_600_000),
            until_back: true,
            during: Some("dinner".into()),
            by: "Anar".to_owned(),
            reason: "no delivery".to_owned(),
        };
        let nothing = Silence { covers: Criteria::default(), until_back: false, during: None, ..everything.clone() };
        let acknowledge = Order::Acknowledge {
            key: AlertKey { subject: Subject::Item(VenueId(7), ProductId(54)), rule },
            episode: EpisodeId::derive("plov", NOW),
            acknowledgement: Acknowledgement {
                by: "Anar".to_owned(),
                at: NOW,
                reason: Some(Reason::Supplier),
                note: "tomorrow".to_owned(),
                back_at: Some(NOW),
            },
        };
        let days = vec![jiff::civil::date(2026, 5, 7), jiff::civil::date(2026, 5, 8)];
        let reported = Reported { since: NOW, days, missed: Vec::new() };
        for (name, value) in [
            ("report", format!("report\n{}", encode_reported(&reported))),
            ("silence", format!("silence\n{}", encode_silence(&everything))),
            ("silence-of-all", format!("silence\n{}", encode_silence(&nothing))),
            ("order-acknowledge", format!("order\n{}", encode_order(&acknowledge))),
            ("order-silence", format!("order\n{}", encode_order(&Order::Silence(everything.clone())))),
            ("order-end", format!("order\n{}", encode_order(&Order::EndSilence(everything.id)))),
        ] {
            self.add("stored", name, value.as_bytes());
        }
    }
}

fn answer(asked: &str, pages: &[&ApiAnswer]) -> Vec<u8> {
    let mut bytes = format!("{asked}\n{}\n", pages[0].status).into_bytes();
    for (name, value) in &pages[0].headers {
        bytes.extend(format!("{name}: {value}\n").bytes());
    }
    bytes.push(b'\n');
    let bodies: Vec<&[u8]> = pages.iter().map(|page| page.body.as_slice()).collect();
    bytes.extend(bodies.join(&b"\n%%\n"[..]));
    bytes
}
