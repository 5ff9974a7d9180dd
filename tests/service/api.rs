//! The API of the real service: every route is called, and every answer and refusal is what the description promises.
//!
//! The description is the one that the service serves; the validator is not ours.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::api_document::ApiDocument;
use crate::links::acknowledged_by;
use crate::now::{client, with_web};
use crate::stage::Stage;
use crate::wait;

pub(crate) const READ: &str = "canary-of-the-reader-77aa1";
pub(crate) const ACT: &str = "canary-of-the-doer-93bb2-x";
const ADMIN: &str = "canary-of-the-admin-11cc3";
const PREFIX: &str = "/api/v1";
const PROBLEM: &str = "application/problem+json";

/// Somebody who calls the API.
pub(crate) struct Caller {
    web: String,
    client: reqwest::Client,
    document: ApiDocument,
    /// Which routes were called, with which answers.
    called: std::sync::Mutex<BTreeSet<(String, &'static str, u16)>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    kind: String,
    pub(crate) retry_after: bool,
    body: Value,
}

impl Caller {
    pub(crate) async fn of(web: &str) -> Self {
        let client = client();
        let served =
            client.get(format!("{web}{PREFIX}/openapi.json")).bearer_auth(READ).send().await.expect("an answer");
        let text = served.text().await.expect("a body");
        let served: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(served, eightysix::http::api_description(), "what is served is what is checked in");
        Self { web: web.to_owned(), client, document: ApiDocument::of(&served), called: std::sync::Mutex::default() }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, token: &str, body: Option<(&str, String)>) -> Got {
        let mut request = self.client.request(method, format!("{}{PREFIX}{path}", self.web)).bearer_auth(token);
        if let Some((kind, body)) = body {
            request = request.header(CONTENT_TYPE, kind).body(body);
        }
        let answer = request.send().await.expect("an answer");
        let kind = answer.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().expect("ASCII").to_owned());
        let retry_after = answer.headers().contains_key("retry-after");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") };
        Got { status, kind: kind.unwrap_or_default(), retry_after, body }
    }

    /// Calls a route by its template, and holds what comes back against what is promised.
    pub(crate) async fn call(
        &self,
        method: &'static str,
        (template, path): (&str, &str),
        token: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let body = body.map(|body| ("application/json", body.to_string()));
        let got = self.send(method.to_uppercase().parse().expect("a method"), path, token, body).await;
        self.holds(method, template, got, status)
    }

    pub(crate) fn holds(&self, method: &'static str, template: &str, got: Got, status: u16) -> Value {
        assert_eq!(got.status, status, "{method} {template}: {got:?}");
        let template = format!("{PREFIX}{template}");
        if status == 204 {
            assert_eq!(got.body, Value::Null);
        } else {
            let kind = if status < 300 { "application/json" } else { PROBLEM };
            assert_eq!(got.kind, kind, "{method} {template}");
            self.document.check(method, &template, status, kind, &got.body);
        }
        if status >= 300 {
            assert_eq!(got.body["status"], status);
        }
        self.called.lock().expect("the calls").insert((template, method, status));
        got.body
    }

    pub(crate) async fn get(&self, template: &str, path: &str) -> Value {
        self.call("get", (template, path), READ, None, 200).await
    }
}

/// A stage whose web side asks for tokens.
pub(crate) async fn with_tokens(venues: u64) -> (Stage, String) {
    let stage = Stage::open(venues).await;
    for (name, token) in [("reader", READ), ("doer", ACT), ("admin", ADMIN)] {
        stage.write(&format!("secrets/{name}"), token);
    }
    let token = |name: &str, may: &str| format!("{name}: {{ may: {may}, token: {{ file: secrets/{name} }} }}");
    let tokens = [token("reader", "read"), token("doer", "act"), token("admin", "admin")].join(", ");
    let web = with_web(&stage, &format!(", tokens: {{ {tokens} }}"));
    (stage, web)
}

pub(crate) fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().expect("items")
}

#[tokio::test]
async fn every_route_answers_as_it_is_described() {
    let (stage, web) = with_tokens(2).await;
    let mut screen = stage.screen("beside").await;
    let service = stage.start_with_baseline();
    let api = Caller::of(&web).await;
    api.call("get", ("/openapi.json", "/openapi.json"), READ, None, 200).await;

    let brands = api.get("/brands", "/brands").await;
    assert_eq!((&items(&brands)[0]["brand"], &items(&brands)[0]["venues"]), (&json!("sahil"), &json!(2)));
    assert_eq!(items(&brands)[0]["access"]["state"], "granted");
    let venues = api.get("/venues", "/venues?brand=sahil&freshness=fresh").await;
    assert_eq!(items(&venues).iter().map(|venue| &venue["venue"]).collect::<Vec<_>>(), [1, 2]);
    let venue = api.get("/venues/{brand}/{venue}", "/venues/sahil/1").await;
    let item = |venue: &Value| {
        let items = venue["items"].as_array().expect("items").clone();
        items.into_iter().find(|item| item["product"] == 105).expect("the antrekot")
    };
    assert_eq!((&item(&venue)["state"], &item(&venue)["limit"]), (&json!("out"), &json!(0.0)));

    let alerts = api.get("/alerts", "/alerts?state=open&severity=critical&venue=1").await;
    let [alert] = items(&alerts).as_slice() else { panic!("one alert: {alerts}") };
    assert_eq!((&alert["rule"], &alert["subject"]["product"]), (&json!("sold-out"), &json!(105)));
    let episode = alert["episode"].as_str().expect("an episode").to_owned();
    for nothing in ["/alerts?severity=info", "/alerts?venue=2", "/alerts?state=pending"] {
        assert_eq!(items(&api.get("/alerts", nothing).await).len(), 0, "{nothing}");
    }

    // Who takes care is the one whose token it is, and screens and the board know of it.
    let care = ("/alerts/{episode}/acknowledge", format!("/alerts/{episode}/acknowledge"));
    let care = (care.0, care.1.as_str());
    let noted = json!({ "reason": "supplier", "note": "<b>no</b> van", "back": "2h" });
    let noted = api.call("post", care, ACT, Some(noted), 200).await;
    assert_eq!((&noted["ack"]["by"], &noted["ack"]["note"]), (&json!("doer"), &json!("<b>no</b> van")));
    assert_eq!(acknowledged_by(&stage).as_deref(), Some("doer"));
    let told = |seen: &crate::screen::Seen| seen.alerts().iter().any(|alert| alert["ack"]["by"] == "doer");
    screen.until("who takes care", told).await;
    assert_eq!(item(&api.get("/venues/{brand}/{venue}", "/venues/sahil/1").await)["ack"]["by"], "doer");
    let board = api.client.get(format!("{web}/board/sahil/1?lang=en")).bearer_auth(READ).send().await.expect("a board");
    let board = board.text().await.expect("a page");
    assert!(board.contains("doer takes care of it: supplier"), "{board}");

    // A silence hides what its preview said, and ends.
    let wanted = json!({ "brand": "sahil", "venue": 1, "until": "2h", "by": "Leyla", "reason": "=1+1" });
    let previewed = api.call("post", ("/silences/preview", "/silences/preview"), ACT, Some(wanted.clone()), 200).await;
    assert_eq!(items(&api.get("/silences", "/silences").await).len(), 0, "a preview stores nothing");
    let made = api.call("post", ("/silences", "/silences"), ACT, Some(wanted), 201).await;
    let episodes = |of: &Value| {
        let rows = of.as_array().expect("rows").iter();
        rows.map(|row| row["episode"].as_str().expect("an episode").to_owned()).collect::<BTreeSet<String>>()
    };
    assert_eq!(episodes(&previewed["hides"]), [episode.clone()].into());
    let id = made["silence"]["id"].as_str().expect("an id").to_owned();
    let silenced: Vec<Value> = items(&api.get("/alerts", "/alerts").await).clone();
    let silenced: Vec<Value> = silenced.into_iter().filter(|row| row["silences"] == json!([id])).collect();
    assert_eq!(episodes(&Value::from(silenced)), episodes(&previewed["hides"]));
    assert_eq!(items(&api.get("/silences", "/silences?brand=sahil").await)[0]["reason"], "=1+1");
    // What comes under it is told to no receiver, and says so.
    stage.pos.limit(104, 0);
    let open = async || {
        let alerts = api.get("/alerts", "/alerts?state=open").await;
        items(&alerts).iter().find(|row| row["subject"]["product"] == 104).cloned()
    };
    let under = wait::soon(open).await.expect("an alert");
    assert_eq!((&under["told"], under["held"].as_array().map(Vec::len)), (&json!([]), Some(3)), "{under}");
    assert_eq!(under["held"][0]["silence"], id.as_str());
    let end = ("/silences/{id}", format!("/silences/{id}"));
    api.call("delete", (end.0, &end.1), ACT, None, 204).await;
    wait::until("what it held back", || (stage.told(104) == ["alert.opened"]).then_some(()));
    api.call("delete", (end.0, &end.1), ACT, None, 404).await;

    what_managers_see(&api).await;
    refusals(&api, &episode).await;
    for token in [READ, ACT] {
        let refused = api.call("post", ("/reload", "/reload"), token, None, 403).await;
        assert_eq!(refused["detail"], "use one whose 'may' is admin");
    }
    let wrong = stage.path("eightysix.yaml");
    let good = std::fs::read_to_string(&wrong).expect("the configuration");
    stage.write("eightysix.yaml", &good.replace("receivers:", "recievers:"));
    let refused = api.call("post", ("/reload", "/reload"), ADMIN, None, 422).await;
    assert!(refused["detail"].as_str().is_some_and(|why| why.contains("recievers")), "{refused}");
    stage.write("eightysix.yaml", &good);
    api.call("post", ("/reload", "/reload"), ADMIN, None, 202).await;
    service.says("the configuration was reloaded");

    // Every route that is described was called with success. The stream has a story of its own, and so have dead letters.
    let apart = ["/api/v1/events", "/api/v1/dead-letters/{id}/resend"];
    let called = api.called.lock().expect("the calls").clone();
    for (path, method, _) in api.document.operations() {
        let is_called = called.iter().any(|(of, by, status)| of == path && *by == method && *status < 300);
        assert!(is_called || apart.contains(&path), "{method} {path} was never called");
    }
    assert!(service.end("TERM").success());
    stage.close_despite(&["the old configuration stays in force", "wrong tokens within a minute"]);
}

/// What the pages of managers show: the history, what is delivered, the rules and how fresh the lists are.
async fn what_managers_see(api: &Caller) {
    let history = api.get("/history", "/history?brand=sahil&venue=1&product=104").await;
    assert!(!items(&history).is_empty(), "product 104 ran out");
    let lines = api.get("/history/{brand}/{venue}/timelines", "/history/sahil/1/timelines?range=24h").await;
    assert!(!items(&lines).is_empty(), "{lines}");
    api.call("get", ("/history/{brand}/{venue}/timelines", "/history/sahil/9/timelines"), READ, None, 404).await;
    let csv = format!("{}{PREFIX}/history.csv?brand=sahil&venue=1", api.web);
    let csv = api.client.get(csv).bearer_auth(READ).send().await.expect("an answer");
    assert!(
        csv.status().is_success() && csv.headers()[CONTENT_TYPE].to_str().is_ok_and(|it| it.starts_with("text/csv"))
    );
    assert!(csv.text().await.expect("a body").lines().count() > 1);
    api.called.lock().expect("the calls").insert((format!("{PREFIX}/history.csv"), "get", 200));
    let ways = api.get("/deliveries/by-receiver", "/deliveries/by-receiver").await;
    assert_eq!(items(&ways).len(), 0, "nothing waits: {ways}");
    let delivered = api.get("/deliveries", "/deliveries?state=delivered&receiver=ops").await;
    assert!(!items(&delivered).is_empty(), "ops were told");
    assert_eq!(items(&api.get("/dead-letters", "/dead-letters").await).len(), 0);
    let resend = ("/dead-letters/resend", "/dead-letters/resend");
    assert_eq!(api.call("post", resend, ACT, Some(json!({ "all": true })), 200).await["resent"], 0);
    api.call("post", resend, ACT, Some(json!({})), 400).await;
    api.call("post", resend, READ, Some(json!({ "all": true })), 403).await;
    api.call("post", ("/dead-letters/{id}/resend", "/dead-letters/9/resend"), ACT, None, 404).await;
    assert_eq!(items(&api.get("/rules", "/rules").await).len(), 1);
    let truths = api.get("/rules/{name}/truths", "/rules/sold-out/truths?brand=sahil&venue=1").await;
    assert!(!items(&truths).is_empty(), "{truths}");
    api.call("get", ("/rules/{name}/truths", "/rules/none/truths?brand=sahil"), READ, None, 404).await;
    assert_eq!(items(&api.get("/freshness", "/freshness").await)[0]["brand"], "sahil");
    assert_eq!(items(&api.get("/freshness/{brand}/venues", "/freshness/sahil/venues").await).len(), 2);
    // What is asked of a brand that there is not is no empty list.
    for (route, path) in [
        ("/freshness/{brand}/venues", "/freshness/none/venues"),
        ("/venues", "/venues?brand=none"),
        ("/alerts", "/alerts?brand=none"),
        ("/silences", "/silences?brand=none"),
        ("/history", "/history?brand=none"),
        ("/history", "/history?brand=No%20slug"),
        ("/history.csv", "/history.csv?brand=none"),
        ("/rules/{name}/truths", "/rules/sold-out/truths?brand=none"),
        ("/events", "/events?brand=none"),
    ] {
        let refused = api.call("get", (route, path), READ, None, 404).await;
        assert_eq!(
            (&refused["title"], &refused["detail"]),
            (&json!("there is no such brand"), &json!("the brands are: sahil"))
        );
    }
}

/// Every form of refusal that a caller can bring about.
async fn refusals(api: &Caller, episode: &str) {
    let json = "application/json";
    let care = ("/alerts/{episode}/acknowledge", format!("/alerts/{episode}/acknowledge"));
    let silence = |more: Value| {
        let mut body = json!({ "brand": "sahil", "venue": 1, "until": "2h", "by": "Leyla" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body.to_string()
    };
    let pointers = |body: &Value| {
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect::<Vec<String>>()
    };
    for path in ["/alerts?limit=0", "/alerts?limit=x", "/alerts?cursor=x", "/alerts?state=x", "/alerts?who=x"] {
        api.call("get", ("/alerts", path), READ, None, 400).await;
    }
    let brands = api.send(Method::GET, "/venues?limit=1", READ, None).await.body["next_cursor"].clone();
    let of_venues = brands.as_str().expect("a cursor");
    api.call("get", ("/alerts", &format!("/alerts?cursor={of_venues}")), READ, None, 400).await;
    api.call("get", ("/venues/{brand}/{venue}", "/venues/sahil/9"), READ, None, 404).await;
    api.call("get", ("/venues/{brand}/{venue}", "/venues/none/1"), READ, None, 404).await;
    let wrong = api.call("get", ("/venues/{brand}/{venue}", "/venues/sahil/x"), READ, None, 400).await;
    assert_eq!(wrong["detail"], "'x' stands where a whole number must be");
    api.call("get", ("/events", "/events?last-event-id=x"), READ, None, 400).await;
    api.call("get", ("/brands", "/brands"), "", None, 401).await;
    for (template, path) in
        [(care.0, care.1.as_str()), ("/silences", "/silences"), ("/silences/preview", "/silences/preview")]
    {
        let post = |token, kind, body| api.send(Method::POST, path, token, Some((kind, body)));
        api.holds("post", template, post(READ, json, "{}".to_owned()).await, 403);
        api.holds("post", template, post(ACT, "text/plain", "{}".to_owned()).await, 415);
        api.holds("post", template, post(ACT, json, "{".to_owned()).await, 400);
        api.holds("post", template, post(ACT, json, "[]".to_owned()).await, 400);
        let wrong = api.holds("post", template, post(ACT, json, r#"{"who": 1}"#.to_owned()).await, 400);
        assert_eq!(pointers(&wrong), ["#/who"]);
        api.holds("post", template, post(ACT, json, format!("\"{}\"", "x".repeat(20_000))).await, 413);
    }
    let body = json!({ "by": "\u{202e}", "reason": "why", "note": "x".repeat(201), "back": "soon" });
    let wrong = api.call("post", (care.0, &care.1), ACT, Some(body), 422).await;
    assert_eq!(pointers(&wrong), ["#/note", "#/by", "#/reason", "#/back"]);
    api.call("post", (care.0, "/alerts/none/acknowledge"), ACT, Some(json!({})), 404).await;
    for (more, expected) in [
        (json!({ "brand": "none" }), "#/brand"),
        (json!({ "venue": 9 }), "#/venue"),
        (json!({ "product": 999_999 }), "#/product"),
        (json!({ "category": 999_999 }), "#/category"),
        (json!({ "station": 999_999 }), "#/station"),
        (json!({ "rule": "none" }), "#/rule"),
        (json!({ "venue": null, "station": 1 }), "#/venue"),
        (json!({ "venue": null }), "#/venue"),
        (json!({ "until": "soon" }), "#/until"),
        (json!({ "until": "2020-01-01T00:00:00Z" }), "#/until"),
        (json!({ "venue": 2, "until_back": true }), "#/until_back"),
        (json!({ "during": "none" }), "#/during"),
        (json!({ "by": " " }), "#/by"),
        (json!({ "reason": "x".repeat(201) }), "#/reason"),
    ] {
        for path in ["/silences", "/silences/preview"] {
            let got = api.send(Method::POST, path, ACT, Some((json, silence(more.clone())))).await;
            let wrong = api.holds("post", path, got, 422);
            assert_eq!(pointers(&wrong), [expected], "{more}: {wrong}");
        }
    }
    assert_eq!(items(&api.get("/silences", "/silences").await).len(), 0, "what is refused is not stored");

    // What is no route of ours is problem details as well, for browsers too.
    for (method, path, status) in [
        (Method::GET, "/none", 404),
        (Method::GET, "/", 404),
        (Method::PUT, "/alerts", 405),
        (Method::DELETE, "/brands", 405),
        (Method::POST, "/none", 404),
    ] {
        let got = api.send(method.clone(), path, ADMIN, None).await;
        assert_eq!((got.status, got.kind.as_str()), (status, PROBLEM), "{method} {path}: {got:?}");
    }
    let browser = api.client.get(format!("{}{PREFIX}/brands", api.web)).header("accept", "text/html").send().await;
    let browser = browser.expect("an answer");
    assert_eq!(
        (browser.status(), &browser.headers()[CONTENT_TYPE]),
        (StatusCode::UNAUTHORIZED, &PROBLEM.parse().expect("a value"))
    );
}

#[tokio::test]
async fn pages_show_each_item_once_and_too_many_orders_are_refused() {
    let (stage, web) = with_tokens(5).await;
    let service = stage.start_with_baseline();
    let api = Caller::of(&web).await;
    let all = async || items(&api.get("/venues", "/venues").await).len();
    wait::eventually("every venue", async || all().await == 5).await;
    let (mut seen, mut path) = (Vec::new(), "/venues?limit=2".to_owned());
    loop {
        let page = api.get("/venues", &path).await;
        assert!(items(&page).len() <= 2);
        seen.extend(items(&page).iter().map(|venue| venue["venue"].as_u64().expect("an id")));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/venues?limit=2&cursor={cursor}");
        // The list changes between two pages.
        stage.pos.limit(104, seen.len() as u64);
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);

    let made = json!({ "brand": "sahil", "venue": 1, "until": "2h", "by": "Leyla" });
    let mut over = None;
    for _ in 0..61 {
        let got = api.send(Method::DELETE, "/silences/none", ACT, None).await;
        assert_eq!(got.status, 404, "what is not there costs nothing");
    }
    for count in 0..61 {
        let body = json!({ "brand": "sahil", "venue": 1, "until": "2h", "by": format!("Leyla {count}") });
        let got = api.send(Method::POST, "/silences", ACT, Some(("application/json", body.to_string()))).await;
        if got.status != 201 {
            over = Some((count, got));
            break;
        }
    }
    let (count, got) = over.expect("it is too often");
    assert!(count == 60 && got.retry_after, "{count}: {got:?}");
    api.holds("post", "/silences", got, 429);
    // Somebody else is not held up.
    api.call("post", ("/silences", "/silences"), ADMIN, Some(made), 201).await;
    assert_eq!(items(&api.get("/silences", "/silences?limit=500").await).len(), 61);
    assert!(service.end("TERM").success());
    stage.close_despite(&["orders came within a minute"]);
}

/// A stream of events as it is read.
struct Stream {
    lines: tokio::io::Lines<BufReader<tokio::net::TcpStream>>,
}

/// An event: its name, id and data.
#[derive(Debug)]
struct Told {
    name: String,
    id: Option<i64>,
    data: Value,
}

impl Stream {
    async fn open(web: &str, query: &str, last: Option<i64>) -> Self {
        use tokio::io::AsyncWriteExt as _;
        let address = web.trim_start_matches("http://");
        let mut tcp = tokio::net::TcpStream::connect(address).await.expect("a socket");
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!(
            "GET {PREFIX}/events{query} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {READ}\r\n{last}\r\n"
        );
        tcp.write_all(request.as_bytes()).await.expect("sent");
        let mut lines = BufReader::new(tcp).lines();
        let head = lines.next_line().await.expect("an answer").expect("a line");
        assert!(head.ends_with("200 OK"), "{head}");
        Self { lines }
    }

    /// Returns the next event; the sizes of chunks and comments are passed over.
    async fn next(&mut self) -> Told {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let read = async {
            loop {
                let line = self.lines.next_line().await.expect("a stream").expect("it goes on");
                match line.split_once(": ") {
                    Some((field, value)) if ["event", "id", "data"].contains(&field) => {
                        fields.insert(field.to_owned(), value.to_owned());
                    }
                    Some(_) | None if line.is_empty() && fields.contains_key("data") => break,
                    Some(_) | None => {}
                }
            }
        };
        tokio::time::timeout(wait::PATIENCE, read).await.expect("an event");
        Told {
            name: fields.remove("event").expect("a name"),
            id: fields.remove("id").map(|id| id.parse().expect("a number")),
            data: serde_json::from_str(&fields["data"]).expect("JSON"),
        }
    }

    /// Returns the next change of a product's row.
    async fn row(&mut self, product: u64) -> Told {
        loop {
            let told = self.next().await;
            if told.name == "change" && told.data["kind"] == "stop" && told.data["id"] == product {
                return told;
            }
        }
    }
}

/// Returns what was left before a change, and after it.
fn limits(told: &Told) -> Value {
    json!([told.data["limit_before"], told.data["limit_after"]])
}

/// Says whether the list of venue 1 holds a text.
async fn shows(web: &str, text: &str) -> bool {
    let got = client().get(format!("{web}{PREFIX}/venues/sahil/1")).bearer_auth(READ).send().await;
    let Ok(got) = got else { return false };
    got.text().await.is_ok_and(|body| body.contains(text))
}

#[tokio::test]
async fn who_comes_back_gets_what_he_missed_over_a_kill_and_a_restart() {
    let (stage, web) = with_tokens(2).await;
    let service = stage.start_with_baseline();
    let mut stream = Stream::open(&web, "?brand=sahil&venue=1", None).await;
    let begun = stream.next().await;
    assert_eq!((begun.name.as_str(), begun.id), ("begin", begun.data["id"].as_i64()));
    let mut turns = Stream::open(&web, "", None).await;
    stage.pos.limit(104, 0);
    let out = stream.row(104).await;
    assert_eq!((&out.data["after"], &out.data["venue"]), (&json!("out"), &json!(1)));
    assert!(out.id > begun.id);
    let description = ApiDocument::of(&eightysix::http::api_description());
    description.check_part("Change", &out.data);
    let turn = loop {
        let told = turns.next().await;
        if told.name == "turn" {
            break told;
        }
    };
    assert_eq!((turn.id, &turn.data), (None, &json!({ "brand": "sahil" })));

    // Killed; while nobody listens, things change, before and after the restart.
    assert!(!service.end("KILL").success());
    let service = stage.start();
    stage.pos.limit(104, 20);
    wait::eventually("it is back", || shows(&web, "\"limit\":20.0")).await;
    stage.pos.limit(104, 3);
    wait::eventually("it is low", || shows(&web, "\"limit\":3.0")).await;
    let mut again = Stream::open(&web, "?venue=1", out.id).await;
    let (first, second) = (again.row(104).await, again.row(104).await);
    assert_eq!((&first.data["before"], limits(&first)), (&json!("out"), json!([0.0, 20.0])));
    assert_eq!(limits(&second), json!([20.0, 3.0]));
    assert!(out.id < first.id && first.id < second.id);

    // Whoever saw it all gets what comes, and nothing twice.
    let mut live = Stream::open(&web, "?venue=1", second.id).await;
    stage.pos.limit(104, 0);
    assert_eq!(limits(&live.row(104).await), json!([3.0, 0.0]));
    // An id of another database is no place to go on from.
    let reset = Stream::open(&web, "", Some(1_000_000_000)).await.next().await;
    assert_eq!((reset.name.as_str(), reset.id >= second.id), ("reset", true));
    drop((stream, turns, again, live));
    assert!(service.end("TERM").success());
    stage.close();
}

/// The lines of docs/api.md, as somebody types them.
#[tokio::test]
async fn the_lines_of_the_document_work() {
    let (stage, web) = with_tokens(1).await;
    let service = stage.start_with_baseline();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).expect("the document");
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().expect("its end"));
    let script: String = blocks.collect();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-ec", &script]).env_clear().env("PATH", "/usr/bin:/bin").env("EIGHTYSIX", &web).env("TOKEN", ACT);
    let output = shell.output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "\"brand\":\"sahil\"",
        "\"hides\":[{",
        "\"no delivery today\"",
        "\"next_cursor\":null",
        "comes at six",
        "price_list",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let api = Caller::of(&web).await;
    assert_eq!(items(&api.get("/silences", "/silences").await).len(), 1);
    // Every route stands in its table.
    for (path, method, _) in api.document.operations() {
        let route = format!("| `{} {}` |", method.to_uppercase(), path.trim_start_matches(PREFIX));
        assert!(text.contains(&route) || path.ends_with("openapi.json"), "{route} is not in docs/api.md");
    }
    assert!(service.end("TERM").success());
    stage.close();
}
