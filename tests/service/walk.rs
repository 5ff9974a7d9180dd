//! Whoever may see everything asks for every page, stream and route by GET: no secret of the configuration stands in any
//! answer or its headers, and no link to say who takes care but on its own page.
//!
//! The pages are found as a reader finds them, by following links from the first one; the routes of the API by their
//! description.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use eightysix::store::Store;
use reqwest::header::{ACCEPT, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, Url};
use serde_json::Value;

use crate::api_document::ApiDocument;
use crate::canary;
use crate::links::links;
use crate::now::{client, sent, with_web};
use crate::stage::{CANARIES, Stage};
use crate::webhook::{Answer, Receiver};

const READ: &str = "canary-of-the-reader-77aa1";
const ADMIN: &str = "canary-of-the-admin-11cc3";
const BEAT: &str = "canary-of-the-beat-40ef";
const PUBLIC: &str = "https://86.example.com";
/// More kinds of addresses than there are: a walk that needs them goes round in circles.
const KINDS_MAX: usize = 100;
/// What docs/pages.md says there is, with something to see of each.
const PAGES: [&str; 12] = [
    "/now",
    "/board",
    "/board/sahil/",
    "/history",
    "/history/sahil/1",
    "/history/sahil/1/",
    "/deliveries",
    "/rules",
    "/rules/sold-out",
    "/freshness",
    "/assets/",
    "/login",
];

/// Somebody who looks at everything, and knows every secret.
struct Walker {
    web: Url,
    client: Client,
    cookie: String,
    secrets: Vec<String>,
    /// What came, by what was asked for.
    seen: BTreeMap<String, String>,
}

impl Walker {
    /// Asks for a path and looks through what comes; of a stream, through its beginning.
    async fn look(&mut self, path: &str, accept: &str) -> String {
        let url = self.web.join(path).expect("an address");
        let asked = self.client.get(url).header(ACCEPT, accept).header(COOKIE, &self.cookie);
        let mut answer = asked.send().await.expect("an answer");
        let status = answer.status().as_u16();
        for (name, value) in answer.headers().iter().filter(|(name, _)| *name != SET_COOKIE) {
            canary::assert_none(&format!("the header {name} of {path}"), value.as_bytes(), &self.secrets);
        }
        let body = body(&mut answer).await;
        canary::assert_none(path, &body, &self.secrets);
        let text = String::from_utf8_lossy(&body).into_owned();
        // Of the two states of a check either is an answer.
        assert!(status == 200 || path == "/readyz", "{path}: {status} {text}");
        self.seen.insert(path.to_owned(), text.clone());
        text
    }

    /// Follows every link from a page, one after the other, on this server.
    async fn follow(&mut self, from: &[&str]) {
        let (mut known, mut queue) = (BTreeSet::new(), VecDeque::new());
        queue.extend(from.iter().map(|path| (*path).to_owned()));
        while let Some(path) = queue.pop_front() {
            // The same page in another language says the same, and of a hundred dishes one is looked at.
            if path.contains("lang=") || !known.insert(kind(&path)) {
                continue;
            }
            assert!(known.len() <= KINDS_MAX, "the walk does not end: {known:?}");
            let text = self.look(&path, "text/html,*/*;q=0.8").await;
            let base = self.web.join(&path).expect("an address");
            for to in ["href=\"", "src=\""].into_iter().flat_map(|mark| text.split(mark).skip(1)) {
                let to = to.split('"').next().expect("a value").replace("&#38;", "&").replace("&amp;", "&");
                let to = base.join(&to).expect("an address");
                if to.host_str() == self.web.host_str() && to.port() == self.web.port() {
                    let query = to.query().map(|query| format!("?{query}")).unwrap_or_default();
                    queue.push_back(format!("{}{query}", to.path()));
                }
            }
        }
    }
}

/// An address without its numbers.
fn kind(path: &str) -> String {
    let mut kind: String = path.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    while kind.contains("00") {
        kind = kind.replace("00", "0");
    }
    kind
}

/// The whole body, and of a stream what comes first.
async fn body(answer: &mut Response) -> Vec<u8> {
    let is_stream = answer.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let mut all = Vec::new();
    while let Some(more) = answer.chunk().await.expect("a body") {
        all.extend_from_slice(&more);
        if is_stream {
            break;
        }
    }
    all
}

/// Asks for every route of the API that can be asked for by GET, with a value of the story in each place of its path.
async fn walk_the_api(walker: &mut Walker) {
    let description: Value = serde_json::from_str(&walker.look("/api/v1/openapi.json", "*/*").await).expect("JSON");
    let document = ApiDocument::of(&description);
    let values = [("{brand}", "sahil"), ("{venue}", "1"), ("{name}", "sold-out")];
    for (template, method, _) in document.operations() {
        if method == "get" {
            let path = values.iter().fold(template.to_owned(), |path, (place, value)| path.replace(place, value));
            assert!(!path.contains('{'), "the story has no value for {template}");
            // A rule is asked about in a brand.
            let query = if path.ends_with("/truths") { "?brand=sahil" } else { "" };
            walker.look(&format!("{path}{query}"), "*/*").await;
        }
    }
}

/// Has a receiver repeat what it was given when it refuses a notice for good.
fn refuse_with_the_secrets(stage: &Stage) {
    let given = stage.hooks.wait_for(1)[0].header("authorization").to_owned();
    stage.hooks.answer(Answer::Full(410, &[], format!("I do not know {given}")));
    stage.pos.limit(102, 0);
}

#[tokio::test]
async fn no_page_and_no_answer_holds_a_secret() {
    let stage = Stage::open(2).await;
    let watcher = Receiver::start(Vec::new());
    for (name, secret) in [
        ("reader", READ.to_owned()),
        ("admin", ADMIN.to_owned()),
        ("heartbeat", watcher.url().replace("/hook", &format!("/{BEAT}"))),
    ] {
        stage.write(&format!("secrets/{name}"), &secret);
    }
    stage.append("eightysix.yaml", "heartbeat: { url: { file: secrets/heartbeat }, every: 10s }\n");
    let token = |name: &str, may: &str| format!("{name}: {{ may: {may}, token: {{ file: secrets/{name} }} }}");
    let tokens = [token("reader", "read"), token("admin", "admin")].join(", ");
    let web = with_web(&stage, &format!(", public_url: {PUBLIC}, tokens: {{ {tokens} }}"));
    let service = stage.start_with_baseline();
    refuse_with_the_secrets(&stage);
    service.says("given up, see dead-letters: ");

    let client = client();
    let form = "token=canary-of-the-admin-11cc3&to=%2Fnow";
    let login = sent(client.post(format!("{web}/login")), form).header(ORIGIN, &web).send().await.expect("an answer");
    let cookies = login.headers().get_all(SET_COOKIE).iter().map(|it| it.to_str().expect("ASCII"));
    let cookie = cookies.filter_map(|it| it.split(';').next()).find(|it| !it.starts_with("lang=")).expect("a cookie");
    let mail = stage.mail.wait_for(1).remove(0);
    let [link] = &links(&mail.text, "I take care of it")[..] else { panic!("one link: {}", mail.text) };
    let hook = stage.distinct_events()[0]["data"]["alert"]["acknowledge_url"].as_str().expect("a link").to_owned();
    let store = Store::open_beside(&stage.path("eightysix.db")).await.expect("the store");
    let key = store.link_key().await.expect("a key").expose().to_owned();
    store.close().await;
    let [link, hook] = [link, &hook].map(|link| link.rsplit('/').next().expect("a token"));
    let own = [READ, ADMIN, BEAT, link, hook, &key, cookie.split_once('=').expect("one").1];
    let secrets = CANARIES.iter().chain(&own).map(|secret| (*secret).to_owned()).collect();
    let (web, cookie) = (Url::parse(&web).expect("an address"), cookie.to_owned());
    let mut walker = Walker { web, client, cookie, secrets, seen: BTreeMap::new() };

    walker.follow(&["/now", "/login"]).await;
    for page in PAGES {
        assert!(
            walker.seen.keys().any(|path| path.starts_with(page)),
            "{page} is not led to: {:?}",
            walker.seen.keys()
        );
    }
    walk_the_api(&mut walker).await;
    for path in [
        "/livez",
        "/readyz",
        "/metrics",
        "/now/events",
        "/board/sahil/1/events",
        "/board/worker.js",
        "/history/sahil/1/105",
    ] {
        walker.look(path, "*/*").await;
    }
    let stations = walker.seen.keys().find(|path| path.contains("/station/")).cloned().expect("a board of a station");
    let (station, _) = stations.split_once('?').unwrap_or((&stations, ""));
    walker.look(&format!("{station}/events"), "*/*").await;
    // The page behind a link holds that one, and none of the others.
    let secrets = walker.secrets.clone();
    walker.secrets.retain(|secret| secret != link);
    walker.look(&format!("/ack/{link}"), "text/html").await;
    walker.secrets = secrets;
    // What could have held one was there to be seen: the words of the receiver that repeats what it was given.
    for (page, what) in
        [("/deliveries", "I do not know"), ("/api/v1/dead-letters", "I do not know"), ("/now", "antrekotu")]
    {
        let mut shown = walker.seen.iter().filter(|(path, _)| path.split('?').next() == Some(page));
        assert!(shown.any(|(_, text)| text.contains(what)), "{page} does not show '{what}'");
    }
    assert!(walker.seen.len() > 50, "{:?}", walker.seen.keys());
    assert!(service.end("TERM").success());
    stage.close_despite(&["given up, see dead-letters", "nothing more is sent there"]);
}
