//! The link in a mail: whoever holds the mail says that he takes care, by a page or by a program, and nobody else does.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eightysix::store::Store;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::embedded::free_port;
use crate::machines::CONTRACT;
use crate::stage::Stage;
use crate::{canary, wait};

/// Lets boards in; the links in mails ask for no token.
const WALL_TOKEN: &str = "canary-of-the-wall-77aa1";
/// As people reach it; the service itself listens elsewhere, as it does behind a proxy.
pub(crate) const PUBLIC: &str = "https://86.example.com/kitchen";

/// What a browser or a program gets.
#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: Vec<(String, String)>,
    text: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Stands where the proxy stands.
pub(crate) struct Proxy {
    client: Client,
    pub(crate) port: u16,
}

impl Proxy {
    fn new(port: u16) -> Self {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(30))
            .build();
        Self { client: client.expect("a client"), port }
    }

    /// Asks for a link of a mail, with its path as it is or without that of the public address.
    fn ask(&self, method: Method, link: &str, strips: bool) -> RequestBuilder {
        let path = link.strip_prefix(if strips { PUBLIC } else { "https://86.example.com" }).expect(link);
        self.client.request(method, format!("http://127.0.0.1:{}{path}", self.port))
    }

    async fn send(request: RequestBuilder) -> Got {
        let answer = request.send().await.expect("an answer");
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let got = Got { status: answer.status(), headers, text: answer.text().await.expect("a text") };
        // What programs are answered is as it is promised to be.
        let told = match got.header("content-type") {
            "application/json" => CONTRACT.told_of("ack-answer", &got.json()),
            "application/problem+json" => CONTRACT.told_of("ack-problem", &got.json()),
            _ => None,
        };
        assert_eq!(told, None, "{got:?}");
        got
    }

    async fn get(&self, link: &str) -> Got {
        Self::send(self.ask(Method::GET, link, true).header("accept", "text/html,*/*;q=0.8")).await
    }

    async fn get_json(&self, link: &str) -> Got {
        Self::send(self.ask(Method::GET, link, true).header("accept", "application/json")).await
    }

    async fn post(&self, link: &str, fields: &[(&str, &str)]) -> Got {
        let mut url = reqwest::Url::parse("http://form").expect("an address");
        url.query_pairs_mut().extend_pairs(fields);
        let form = url.query().unwrap_or_default().to_owned();
        let request = self.ask(Method::POST, link, false).body(form);
        Self::send(request.header("content-type", "application/x-www-form-urlencoded")).await
    }

    async fn post_json(&self, link: &str, body: &Value) -> Got {
        let request = self.ask(Method::POST, link, true).body(body.to_string());
        let got = Self::send(request.header("content-type", "application/json")).await;
        // What is taken fits the schema, and what does not fit it is not taken.
        let told = CONTRACT.told_of("ack-request", body);
        assert!(told.is_none() || !got.status.is_success(), "{body} is taken: {told:?}");
        got
    }
}

/// The links of a mail's text, by the words before them.
pub(crate) fn links(text: &str, words: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(&format!("{words}: ")));
    lines.map(str::to_owned).collect()
}

fn token(link: &str) -> &str {
    link.rsplit('/').next().expect("a token")
}

/// Who takes care of the only open alert, by the command that lists them.
pub(crate) fn acknowledged_by(stage: &Stage) -> Option<String> {
    let alerts = stage.eightysix(&["alerts", "--json", "--config", "eightysix.yaml"]).objects();
    let [alert] = alerts.as_slice() else { panic!("one open alert, not {alerts:?}") };
    alert.get("acknowledged_by").expect("a field of every alert").as_str().map(str::to_owned)
}

pub(crate) fn with_page(stage: &Stage) -> Proxy {
    let port = free_port();
    stage.write("secrets/wall", WALL_TOKEN);
    let http = format!(
        "http: {{ listen: \"127.0.0.1:{port}\", public_url: {PUBLIC}, tokens: {{ wall: {{ may: read, token: {{ file: secrets/wall }} }} }} }}"
    );
    stage.edit("eightysix.yaml", "http: { listen: \"127.0.0.1:0\" }", &http);
    Proxy::new(port)
}

#[tokio::test]
async fn whoever_holds_the_mail_says_who_takes_care() {
    let stage = Stage::open(1).await;
    let proxy = with_page(&stage);
    let mut screen = stage.screen("pass").await;
    let service = stage.start_with_baseline();
    let mail = stage.mail.wait_for(1).remove(0);
    let [link] = &links(&mail.text, "I take care of it")[..] else { panic!("one link: {}", mail.text) };
    assert!(link.starts_with(&format!("{PUBLIC}/ack/")), "{link}");
    assert!(mail.html.replace("&#x2f;", "/").contains(&format!("href=\"{link}\"")), "{}", mail.html);

    // To look changes nothing, however often and by whatever method a scanner looks.
    for method in [Method::GET, Method::HEAD, Method::GET, Method::OPTIONS, Method::PUT, Method::DELETE] {
        let got = Proxy::send(proxy.ask(method.clone(), link, false)).await;
        let is_look = [Method::GET, Method::HEAD].contains(&method);
        let expected = if is_look { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
        assert_eq!(got.status, expected, "{method}: {got:?}");
    }
    let page = proxy.get(link).await;
    for words in ["Sahil", "Quzu antrekotu is out at Kitchen", "Nobody takes care of it yet.", "<form method=\"post\""]
    {
        assert!(page.text.contains(words), "{words} is missing: {}", page.text);
    }
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), value, "{page:?}");
    }
    // Nothing is loaded or run but its own style, by the digest of what stands in it.
    let style = page.text.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
    let style = STANDARD.encode(Sha256::digest(style));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(page.header("content-security-policy"), policy);
    assert!(!page.text.contains("<script") && !page.text.contains("style=") && !page.text.contains("http"));
    assert_eq!(acknowledged_by(&stage), None);

    // What is missing is asked for, and what was written stays.
    let again = proxy.post(link, &[("by", " "), ("note", "<b>no</b> van"), ("back", "soon")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    for words in ["Write who takes care.", "Write a time such as 19:30", "&lt;b&gt;no&lt;&#x2f;b&gt; van"] {
        assert!(again.text.contains(words), "{words} is missing: {}", again.text);
    }
    assert_eq!((acknowledged_by(&stage), stage.told(105).len()), (None, 1));

    let fields = [("by", "Anar <i>"), ("reason", "supplier"), ("note", "<b>no</b> van"), ("back", "2h")];
    let noted = proxy.post(link, &fields).await;
    assert_eq!(noted.status, StatusCode::OK, "{noted:?}");
    assert!(noted.text.contains("Noted. Nobody is reminded of it before"), "{}", noted.text);
    assert!(noted.text.contains("Anar &lt;i&gt; takes care of it: supplier, &lt;b&gt;no"), "{}", noted.text);
    assert!(!noted.text.contains("<b>") && !noted.text.contains("<i>"), "{}", noted.text);
    wait::until("the webhook of 105", || (stage.told(105) == ["alert.opened", "alert.acked"]).then_some(()));
    let events = stage.distinct_events();
    let ack = &events.last().expect("an event")["data"]["alert"]["ack"];
    assert_eq!(
        (&ack["by"], &ack["reason"], &ack["note"]),
        (&"Anar <i>".into(), &"supplier".into(), &"<b>no</b> van".into())
    );
    screen
        .until("it stands in its alert", |seen| seen.alerts().iter().any(|alert| alert["ack"]["by"] == "Anar <i>"))
        .await;

    // The next mail says who, and its link is the same.
    stage.pos.limit(102, 0);
    let next = stage.mail.wait_for(2).remove(1);
    assert!(next.text.contains("Anar <i> takes care of it: supplier"), "{}", next.text);
    assert_eq!(links(&next.text, "Change it"), std::slice::from_ref(link));
    assert_eq!(links(&next.text, "I take care of it").len(), 1, "that of 102: {}", next.text);

    // A program says something else by the link of its event, which takes the place of what was said.
    let opened = events.first().expect("an event");
    let hook = opened["data"]["alert"]["acknowledge_url"].as_str().expect("a link").to_owned();
    assert_ne!(&hook, link, "each receiver has its own");
    let got = proxy.post_json(&hook, &json!({ "by": "Leyla", "reason": "season" })).await;
    assert_eq!((got.status, &got.json()["ack"]["by"]), (StatusCode::OK, &"Leyla".into()), "{got:?}");
    assert!(proxy.get(link).await.text.contains("Leyla takes care of it: season"));
    let now = proxy.get_json(&hook).await;
    assert_eq!((now.status, now.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(now.json(), got.json(), "what was answered is what is there");
    assert_eq!((&now.json()["rule"], &now.json()["venue"]["name"]), (&"sold-out".into(), &"Sahil".into()));
    wait::until("the second webhook", || (stage.told(105).len() == 3).then_some(()));

    // Nobody at a screen learns a link, and no log has one.
    screen.until("who takes care now", |seen| seen.alerts().iter().any(|alert| alert["ack"]["by"] == "Leyla")).await;
    let on_screens = screen.seen.bodies.concat();
    assert!(!on_screens.contains("/ack/"), "{on_screens}");
    let log = service.log();
    assert!(!log.contains(token(link)) && !log.contains(token(&hook)));
    service.says("somebody says by a link sent to managers that he takes care of an alert");

    // It is back: nothing is left to say.
    stage.pos.limit(105, 20);
    wait::until("its end", || (stage.told(105).last()? == "alert.closed").then_some(()));
    for got in [proxy.get(link).await, proxy.post(link, &fields).await] {
        assert_eq!(got.status, StatusCode::GONE, "{got:?}");
        assert!(
            got.text.contains("It has been over since") && got.text.contains("<h1>Quzu antrekotu</h1>"),
            "{}",
            got.text
        );
    }
    let got = proxy.post_json(&hook, &json!({ "by": "Leyla" })).await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::GONE, "application/problem+json"));
    assert_eq!(
        (&got.json()["title"], got.json()["closed_at"].is_string()),
        (&"the alert is over; nothing is left to do".into(), true)
    );
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_link_works_after_a_restart_and_for_its_receiver_alone() {
    let stage = Stage::open(1).await;
    let proxy = with_page(&stage);
    let service = stage.start_with_baseline();
    let mail = stage.mail.wait_for(1).remove(0);
    let link = links(&mail.text, "I take care of it").remove(0);
    assert!(service.end("TERM").success());
    let service = stage.start();
    service.says("watching 1 venue");
    assert_eq!(proxy.get(&link).await.status, StatusCode::OK, "the key was kept");

    // Whatever is changed in it, it is no link; and the answer is that to any other address.
    let token = token(&link);
    let forged = |from: &str, to: &str| link.replace(token, &token.replacen(from, to, 1));
    let (first, last) = (&token[..1], &token[token.len() - 4..]);
    for forged in [forged(first, "B"), forged(last, "AAAA"), format!("{link}A"), link[..link.len() - 1].to_owned()] {
        for got in [proxy.get(&forged).await, proxy.post(&forged, &[("by", "Eve")]).await] {
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{forged}");
            assert!(
                got.text.contains("Nothing is here.") && got.text.contains("Burada heç nə yoxdur."),
                "{}",
                got.text
            );
            assert!(!got.text.contains("Sahil") && !got.text.contains("Quzu"), "{}", got.text);
        }
    }
    assert_eq!(acknowledged_by(&stage), None);

    // Nothing that was shown, sent or logged holds the key.
    let store = Store::open_beside(&stage.path("eightysix.db")).await.expect("the store");
    let key = [store.link_key().await.expect("a key").expose().to_owned()];
    store.close().await;
    canary::assert_none("the log", service.log().as_bytes(), &key);
    canary::assert_none("a mail", mail.sent.as_bytes(), &key);
    canary::assert_none("a page", proxy.get(&link).await.text.as_bytes(), &key);
    for hit in stage.hooks.hits() {
        canary::assert_none("a webhook", hit.body.as_bytes(), &key);
    }
    let shown = stage.eightysix(&["alerts", "--json", "--config", "eightysix.yaml"]);
    canary::assert_none("a command", shown.stdout.as_bytes(), &key);

    // Who is not told any more has no valid link; a receiver that stays has.
    let opened = stage.distinct_events().remove(0);
    let hook = opened["data"]["alert"]["acknowledge_url"].as_str().expect("a link").to_owned();
    stage.edit("eightysix.yaml", "  managers: { email", "  others: { email");
    stage.edit("rules.yaml", "notify: [kitchen, managers, ops]", "notify: [kitchen, others, ops]");
    service.signal("HUP");
    service.says("the configuration was reloaded");
    assert_eq!(proxy.get(&link).await.status, StatusCode::NOT_FOUND);
    assert_eq!(proxy.get(&hook).await.status, StatusCode::OK);

    // Without a public address there is no page.
    stage.edit("eightysix.yaml", &format!(", public_url: {PUBLIC}"), "");
    service.signal("HUP");
    service.says_times("the configuration was reloaded", 2);
    assert_eq!(proxy.get(&hook).await.status, StatusCode::NOT_FOUND);
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_receiver_reads_its_own_language_and_cannot_fill_the_database() {
    let stage = Stage::open(1).await;
    let proxy = with_page(&stage);
    stage.edit("eightysix.yaml", "group_wait: 200ms", "group_wait: 200ms, language: az");
    let service = stage.start_with_baseline();
    let mail = stage.mail.wait_for(1).remove(0);
    let link = links(&mail.text, "Mən məşğul oluram").remove(0);
    let page = proxy.get(&link).await;
    for words in ["<html lang=\"az\">", "Kim məşğul olur?", "Adınız", "təchizatçı"] {
        assert!(page.text.contains(words), "{words} is missing: {}", page.text);
    }
    let noted = proxy.post(&link, &[("by", "Anar"), ("reason", "supplier")]).await;
    assert!(
        noted.text.contains("Qeyd olundu.") && noted.text.contains("Anar məşğul olur: təchizatçı"),
        "{}",
        noted.text
    );

    let mut refused = 0;
    for _ in 0..35 {
        let got = proxy.post(&link, &[("by", "Anar")]).await;
        assert_eq!(got.header("retry-after"), if got.status == StatusCode::OK { "" } else { "60" }, "{got:?}");
        refused += usize::from(got.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!((1..=6).contains(&refused), "30 within a minute, and the minute may turn: {refused}");
    assert_eq!(proxy.get(&link).await.status, StatusCode::OK, "looking is free");
    assert!(service.end("TERM").success());
    stage.close_despite(&["links were used more than 30 times within a minute"]);
}
