//! Signing in and out: below the path of a public address, behind a proxy and past it, and by somebody who guesses.
//!
//! Screenshots are written to `target/screens/`.

use reqwest::header::{ACCEPT, COOKIE, HOST, ORIGIN};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::board::look;
use crate::chromium::Page;
use crate::embedded::free_port;
use crate::links::acknowledged_by;
use crate::now::{client, sent, with_web};
use crate::stage::Stage;

const WALL: &str = "canary-of-the-wall-77aa1";
/// A form with the token, and the way back of a board.
const SIGNS_IN: &str = "token=canary-of-the-wall-77aa1&to=%2Feighty%2Fboard%2Fsahil%2F1%3Flang%3Den";
const NOBODYS: &str = "token=canary-of-nobody-at-all&to=";
const TOKENS: &str = ", tokens: { wall: { may: read, token: { file: secrets/wall } } }";
/// What the log says of whoever guesses.
const GUESSED: &str = "10 wrong tokens within a minute";

async fn stage_with(public_url: Option<&str>) -> (Stage, String) {
    let stage = Stage::open(1).await;
    stage.write("secrets/wall", WALL);
    let public_url = public_url.map(|url| format!(", public_url: \"{url}\"")).unwrap_or_default();
    let web = with_web(&stage, &format!("{TOKENS}{public_url}"));
    (stage, web)
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).map(|value| value.to_str().expect("ASCII"));
    value.unwrap_or_default().to_owned()
}

/// The cookie of a session, as an answer sets it.
fn session(answer: &Response) -> String {
    let mut set = answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().expect("ASCII"));
    set.find(|cookie| !cookie.starts_with("lang=")).expect("a cookie").to_owned()
}

#[tokio::test]
async fn who_guesses_waits_and_whoever_is_signed_in_does_not() {
    let (stage, web) = stage_with(None).await;
    let service = stage.start_with_baseline();
    let client = client();
    let login = async |form: &'static str| {
        sent(client.post(format!("{web}/login?lang=en")), form).send().await.expect("an answer")
    };
    let signed_in = session(&login(SIGNS_IN).await);
    let signed_in = signed_in.split(';').next().expect("a cookie");
    let board = async |how: &dyn Fn(RequestBuilder) -> RequestBuilder| {
        let asked = how(client.get(format!("{web}/api/v1/venues")));
        asked.send().await.expect("an answer")
    };
    // Ten of them, by either way.
    for at in 0..10 {
        let status = if at % 2 == 0 {
            login(NOBODYS).await.status()
        } else {
            board(&|asked| asked.bearer_auth("canary-of-nobody-at-all")).await.status()
        };
        assert_eq!(status, StatusCode::UNAUTHORIZED, "guess {at}");
    }
    // From now on not even the right one is looked at.
    let page = login(SIGNS_IN).await;
    assert_eq!((page.status(), header(&page, "retry-after").as_str()), (StatusCode::TOO_MANY_REQUESTS, "60"));
    assert!(page.headers().get_all("set-cookie").iter().all(|it| it.to_str().expect("ASCII").starts_with("lang=")));
    let text = page.text().await.expect("a page");
    assert!(text.contains("Too many wrong tokens came from here. Wait a minute."), "{text}");
    let problem = board(&|asked| asked.bearer_auth(WALL)).await;
    assert_eq!((problem.status(), header(&problem, "retry-after").as_str()), (StatusCode::TOO_MANY_REQUESTS, "60"));
    assert_eq!(header(&problem, "content-type"), "application/problem+json");
    let problem: Value = serde_json::from_str(&problem.text().await.expect("a body")).expect("JSON");
    assert_eq!(problem["title"], "too many wrong tokens came from this address");
    // A person whose program sends a token along reads it as a page.
    let asked = client.get(format!("{web}/now?lang=az")).bearer_auth(WALL).header(ACCEPT, "text/html");
    let page = asked.send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(page.text().await.expect("a page").contains("Bir dəqiqə gözləyin."));
    assert_eq!(board(&|asked| asked.header(COOKIE, signed_in)).await.status(), StatusCode::OK);

    // And so it looks.
    let page = Page::start().await;
    page.open(&format!("{web}/board?lang=ru")).await;
    page.fill("#token", WALL).await;
    page.click("button").await;
    page.wait_for_text("[role=alert]", "Подождите минуту.").await;
    look(&page, "login-too-often").await;
    page.close_despite(&["status of 429"]).await;
    assert_eq!(service.log().matches(GUESSED).count(), 1, "{}", service.story());
    assert!(service.end("TERM").success());
    stage.close_despite(&[GUESSED]);
}

#[tokio::test]
async fn below_a_path_of_a_public_address_everything_stays_below_it() {
    let (stage, web) = stage_with(Some("https://x.example/eighty/")).await;
    let service = stage.start_with_baseline();
    let client = client();
    let by_proxy = |request: RequestBuilder| request.header(HOST, "x.example").header(ACCEPT, "text/html");
    let get = async |path: &str| by_proxy(client.get(format!("{web}{path}"))).send().await.expect("an answer");
    // A proxy leaves the path where it is or takes it away.
    for path in ["/eighty/board/sahil/1?lang=en", "/board/sahil/1?lang=en"] {
        let led = get(path).await;
        assert_eq!(led.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(header(&led, "location"), "/eighty/login?to=%2Feighty%2Fboard%2Fsahil%2F1%3Flang%3Den", "{path}");
    }
    for base in ["/eighty", ""] {
        let page = get(&format!("{base}/login?to=%2Feighty%2Fnow")).await.text().await.expect("a page");
        assert!(page.contains("action=\"/eighty/login\"") && page.contains("value=\"/eighty/now\""), "{page}");
        assert!(
            page.contains("href=\"?to=%2Feighty%2Fnow&#38;lang=az\""),
            "another language keeps the way back: {page}"
        );
        let post = async |path: &str, form: &'static str, cookie: &str| {
            let post = by_proxy(sent(client.post(format!("{web}{base}{path}")), form));
            post.header(ORIGIN, "https://x.example").header(COOKIE, cookie).send().await.expect("an answer")
        };
        let signed_in = post("/login", SIGNS_IN, "lang=en").await;
        assert_eq!(
            (signed_in.status(), header(&signed_in, "location").as_str()),
            (StatusCode::SEE_OTHER, "/eighty/board/sahil/1?lang=en")
        );
        let cookie = session(&signed_in);
        assert!(cookie.contains("; Path=/eighty;") && cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        let cookie = cookie.split(';').next().expect("a cookie");
        for path in ["/board/sahil/1", "/board", "/now", "/history", "/freshness"] {
            let asked = by_proxy(client.get(format!("{web}{base}{path}"))).header(COOKIE, cookie);
            let page = asked.send().await.expect("an answer");
            assert_eq!(page.status(), StatusCode::OK, "{base}{path}");
            let page = page.text().await.expect("a page");
            let links = [
                "href=\"/",
                "src=\"/",
                "action=\"/",
                "data-events=\"/",
                "data-login=\"/",
                "data-worker=\"/",
                "data-scope=\"/",
            ];
            let ours: usize = links.iter().map(|link| page.matches(link).count()).sum();
            let below: usize = links.iter().map(|link| page.matches(&format!("{link}eighty/")).count()).sum();
            assert!(ours > 0 && ours == below, "{base}{path}: {} of {ours} links are not below it", ours - below);
        }
        // Others live at the same address: what their pages keep is theirs.
        let left = post("/logout", "", cookie).await;
        assert_eq!(
            (header(&left, "location").as_str(), header(&left, "clear-site-data").as_str()),
            ("/eighty/login?to=", "")
        );
        let cookie = session(&left);
        assert!(cookie.contains("=; Path=/eighty; Max-Age=0;") && cookie.ends_with("; Secure"), "{cookie}");
    }
    // Past the proxy there is neither its path nor its TLS.
    let house =
        sent(client.post(format!("{web}/login")), SIGNS_IN).header(ORIGIN, &web).send().await.expect("an answer");
    let cookie = session(&house);
    assert!(cookie.contains("; Path=/;") && cookie.ends_with("; SameSite=Lax"), "{cookie}");
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_browser_signs_in_and_out_below_a_path() {
    let port = free_port();
    let (stage, _) = stage_with(Some(&format!("http://localhost:{port}/eighty/"))).await;
    let text = std::fs::read_to_string(stage.path("eightysix.yaml")).expect("the configuration");
    let (_, rest) = text.split_once("listen: \"127.0.0.1:").expect("where it listens");
    let (drawn, _) = rest.split_once('"').expect("a port");
    stage.edit("eightysix.yaml", &format!("listen: \"127.0.0.1:{drawn}\""), &format!("listen: \"127.0.0.1:{port}\""));
    let service = stage.start_with_baseline();
    let page = Page::start().await;
    page.open(&format!("http://localhost:{port}/eighty/board/sahil/1?lang=en")).await;
    page.fill("#token", WALL).await;
    page.click("button").await;
    // The stream is reached with the cookie, and the worker keeps what is below the path.
    page.wait_until("document.body.dataset.link === 'ok'").await;
    assert_eq!(page.run("return location.pathname + location.search").await, "/eighty/board/sahil/1?lang=en");
    page.wait_until("navigator.serviceWorker.controller !== null").await;
    let scope =
        page.run("return navigator.serviceWorker.getRegistration().then(it => new URL(it.scope).pathname)").await;
    assert_eq!(scope, "/eighty/board/");
    let cookie = page.cookies().await.into_iter().find(|it| it["name"] != "lang").expect("a cookie");
    assert_eq!((&cookie["path"], &cookie["httpOnly"]), (&json!("/eighty"), &json!(true)), "{cookie}");
    page.open(&format!("http://localhost:{port}/eighty/")).await;
    page.wait_for(".languages button").await;
    assert_eq!(page.run("return location.pathname").await, "/eighty/now");
    page.wait_for_text(".languages .who", "wall").await;
    page.click(".languages button").await;
    page.wait_for("#token").await;
    assert_eq!(page.run("return location.pathname").await, "/eighty/login");
    page.open(&format!("http://localhost:{port}/eighty/board/sahil/1")).await;
    page.wait_for("#token").await;
    page.close().await;
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn who_signs_out_has_the_browser_forget_the_boards() {
    let (stage, web) = stage_with(None).await;
    let service = stage.start_with_baseline();
    let client = client();
    let login = sent(client.post(format!("{web}/login")), SIGNS_IN).send().await.expect("an answer");
    let cookie = session(&login);
    let cookie = cookie.split(';').next().expect("a cookie");
    let leave = async |site: &str| {
        let asked = client.post(format!("{web}/logout")).header(COOKIE, cookie).header("sec-fetch-site", site);
        asked.send().await.expect("an answer")
    };
    // A page elsewhere signs nobody out.
    let foreign = leave("cross-site").await;
    assert_eq!((foreign.status(), header(&foreign, "clear-site-data").as_str()), (StatusCode::FORBIDDEN, ""));
    assert!(!foreign.headers().contains_key("set-cookie"));
    let left = leave("same-origin").await;
    assert_eq!((left.status(), header(&left, "location").as_str()), (StatusCode::SEE_OTHER, "/login?to="));
    assert_eq!(header(&left, "clear-site-data"), "\"cache\", \"storage\"");
    assert!(session(&left).contains("=; Path=/; Max-Age=0;"), "{}", session(&left));
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn where_nobody_is_asked_the_page_for_signing_in_leads_on() {
    let stage = Stage::open(1).await;
    let web = with_web(&stage, "");
    let service = stage.start_with_baseline();
    let client = client();
    for (path, expected) in [
        ("/login?to=%2Fboard%2Fsahil%2F1%3Flang%3Daz", "/board/sahil/1?lang=az"),
        ("/login", "/"),
        ("/login?to=https%3A%2F%2Fevil.example", "/"),
    ] {
        let led = client.get(format!("{web}{path}")).send().await.expect("an answer");
        assert_eq!((led.status(), header(&led, "location").as_str()), (StatusCode::SEE_OTHER, expected), "{path}");
    }
    let page = client.get(format!("{web}/now")).send().await.expect("an answer").text().await.expect("a page");
    assert!(!page.contains("class=\"who\""), "nobody has a name: {page}");
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn whom_the_proxy_names_is_asked_for_no_token() {
    let stage = Stage::open(1).await;
    let proxy = "proxy: { from: [127.0.0.1], user_header: Remote-User, may: act }";
    let web = with_web(&stage, &format!(", public_url: \"https://x.example\", {proxy}"));
    let service = stage.start_with_baseline();
    let client = client();
    let anar = |request: RequestBuilder| {
        request.header(HOST, "x.example").header(ACCEPT, "text/html").header("remote-user", "anar")
    };
    let get = async |path: &str| anar(client.get(format!("{web}{path}"))).send().await.expect("an answer");
    let page = get("/now?lang=en").await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.expect("a page");
    assert!(page.contains(">anar</span>") && !page.contains("/logout"), "his session is the proxy's: {page}");
    // His session at the proxy was over, and the board led him here by way of it.
    let led = get("/login?to=%2Fboard%2Fsahil%2F1%3Flang%3Den").await;
    assert_eq!((led.status(), header(&led, "location").as_str()), (StatusCode::SEE_OTHER, "/board/sahil/1?lang=en"));
    let unnamed = client.get(format!("{web}/now")).header(HOST, "x.example").header(ACCEPT, "text/html");
    let unnamed = unnamed.send().await.expect("an answer");
    assert_ne!(unnamed.status(), StatusCode::OK, "a proxy that names nobody");
    let rebound = client.get(format!("{web}/now")).header("remote-user", "anar").send().await.expect("an answer");
    assert_ne!(rebound.status(), StatusCode::OK, "a page elsewhere whose name leads to this machine");

    // What he does is done in his name, and from our pages alone.
    let alerts: Value =
        serde_json::from_str(&get("/api/v1/alerts").await.text().await.expect("a body")).expect("a list");
    let episode = alerts["items"][0]["episode"].as_str().expect("an open alert");
    let path = format!("{web}/api/v1/alerts/{episode}/acknowledge");
    let care = async |origin: &str| {
        let care = anar(client.post(&path)).header(ORIGIN, origin).header("content-type", "application/json");
        care.body("{}").send().await.expect("an answer")
    };
    assert_eq!(care("https://elsewhere.example").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(acknowledged_by(&stage), None);
    assert_eq!(care("https://x.example").await.status(), StatusCode::OK);
    assert_eq!(acknowledged_by(&stage).as_deref(), Some("anar"));
    assert!(service.end("TERM").success());
    stage.close();
}
