//! The page of the present in a real browser: an alert is taken care of and silenced from it, by forms that work without
//! a script, and the page keeps itself as it is.
//!
//! Screenshots of all of it are written to `target/screens/`.

use eightysix::language::Language;
use reqwest::StatusCode;
use serde_json::json;

use crate::chromium::axe::{assert_accessible, assert_no_horizontal_scroll};
use crate::chromium::{ENTER, Page, Scheme, Shape, TAB};
use crate::embedded::free_port;
use crate::links::acknowledged_by;
use crate::stage::Stage;
use crate::wait;

/// A page that refuses a form answers so; these are what their readers must see.
const REFUSED: [&str; 2] = ["status of 422", "status of 410"];
/// What somebody may call a dish.
const HOSTILE: &str = "<script>alert(1)</script> \"'=HYPERLINK(\"x\")\u{202e}&amp;";

/// Lets the web side listen where it is found, with more settings of `http`.
pub(crate) fn with_web(stage: &Stage, more: &str) -> String {
    let port = free_port();
    let http = format!("http: {{ listen: \"127.0.0.1:{port}\"{more} }}");
    stage.edit("eightysix.yaml", "http: { listen: \"127.0.0.1:0\" }", &http);
    format!("http://127.0.0.1:{port}")
}

/// Looks at a state of a page on a phone and at a desk, in English on a wall too, light and dark.
async fn look(page: &Page, state: &str, language: Language) {
    // What a wall adds is room, and not words: one language is enough there.
    let is_on_wall = language == Language::En;
    for shape in [Shape::Phone, Shape::Desk].into_iter().chain(is_on_wall.then_some(Shape::Wall)) {
        page.shape(shape).await;
        for scheme in Scheme::ALL {
            page.scheme(scheme).await;
            let name = format!("{state}-{}-{}-{shape:?}", language.code(), scheme.word()).to_lowercase();
            page.screenshot(&name).await;
            assert_accessible(page, &name).await;
            assert_no_horizontal_scroll(page, &name).await;
        }
    }
}

async fn count_alerts(page: &Page) -> u64 {
    page.run("return document.querySelectorAll('ol.alerts > li').length").await.as_u64().expect("a number")
}

#[tokio::test]
async fn a_manager_takes_care_and_silences_on_a_phone() {
    let stage = Stage::open(2).await;
    let web = with_web(&stage, "");
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    let page = Page::start().await;
    page.shape(Shape::Phone).await;
    page.open(&web).await;
    page.wait_for_text("h1", "Now").await;
    page.wait_until("document.body.dataset.link === 'ok'").await;
    page.wait_for_text("ol.alerts h3", "Quzu antrekotu is out at Kitchen").await;
    page.wait_for_text("#venues + ul, section:last-child", "Sahil").await;

    // Something runs out, and is there without a look from anybody.
    stage.pos.limit(104, 0);
    page.wait_until("document.querySelectorAll('ol.alerts > li').length === 2").await;

    // Who takes care: what is wrong is said beside its field, and what was written stays.
    page.click("ol.alerts > li:last-child a.button").await;
    page.wait_for_text("h2", "Quzu antrekotu is out at Kitchen").await;
    page.fill("#by", "Anar").await;
    page.fill("#note", "<b>no</b> van").await;
    page.fill("#back", "soon").await;
    page.click("button[type=submit]").await;
    page.wait_for_text("#back-wrong", "Write a time such as 19:30").await;
    assert_eq!(page.run("return document.getElementById('note').value").await, "<b>no</b> van");
    page.fill("#back", "11:30PM").await;
    page.run("document.getElementById('back').value = '23:30'").await;
    page.click("option[value=supplier]").await;
    page.click("button[type=submit]").await;
    page.wait_for_text(".done", "Noted who takes care.").await;
    page.wait_for_text("ol.alerts", "Anar takes care of it: supplier, <b>no</b> van").await;
    wait::until("the webhook", || (stage.told(105).last()? == "alert.acked").then_some(()));
    let topic = "eightysix/v1/sahil/1/stop";
    screen.until("the list", |seen| seen.states.contains_key(topic)).await;
    let noted = |seen: &crate::screen::Seen| seen.alerts().iter().any(|alert| alert["ack"]["by"] == "Anar");
    screen.until("who takes care", noted).await;

    // A silence shows what it hides before it is made.
    page.click("ol.alerts > li:first-child a.second").await;
    page.wait_for("fieldset").await;
    page.fill("#by", "Leyla").await;
    page.click("input[value=venue]").await;
    page.click("button[value=look]").await;
    page.wait_for("#preview").await;
    let hidden = page.run("return document.querySelectorAll('#preview li').length").await;
    assert_eq!(hidden, 2);
    assert_eq!(silences(&stage), 0, "a look stores nothing");
    // What was seen is not what is written now: it is shown again.
    page.click("input[value=here]").await;
    page.click("button[value=save]").await;
    page.wait_until("document.querySelectorAll('#preview li').length === 1").await;
    assert_eq!(silences(&stage), 0, "what nobody saw is not silenced");
    page.click("button[value=save]").await;
    page.wait_for_text(".done", "Silenced.").await;
    page.wait_for_text("ul.silences", "Leyla").await;
    page.wait_until("document.querySelectorAll('ol.alerts .marks').length === 2").await;
    page.wait_for_text("ol.alerts", "silenced").await;
    assert_eq!(silences(&stage), 1);

    page.click("ul.silences button").await;
    page.wait_for_text(".done", "The silence is over").await;
    page.wait_for_text("#list", "Nothing is silenced.").await;
    assert_eq!(silences(&stage), 0);

    // Whoever holds the focus keeps it when the list is swapped.
    page.run("document.querySelector('ol.alerts a').focus(); window.held = document.activeElement.id").await;
    stage.pos.limit(106, 0);
    page.wait_until("document.querySelectorAll('ol.alerts > li').length === 3").await;
    assert_eq!(page.run("return document.activeElement.id === window.held").await, true);
    assert_eq!(count_alerts(&page).await, 3);
    page.close_despite(&REFUSED).await;
    assert!(service.end("TERM").success());
    stage.close();
}

fn silences(stage: &Stage) -> usize {
    stage.eightysix(&["silence", "list", "--json", "--config", "eightysix.yaml"]).objects().len()
}

/// Presses TAB until the focus is where it is wanted, which must be within reach.
async fn tab_to(page: &Page, css: &str) {
    for _ in 0..60 {
        page.press(TAB).await;
        if page.run(&format!("return document.activeElement.matches({})", json!(css))).await == true {
            return;
        }
    }
    panic!("no TAB leads to {css}; the focus is at {}", page.run("return document.activeElement.outerHTML").await);
}

#[tokio::test]
async fn a_manager_takes_care_and_silences_by_the_keyboard_alone() {
    let stage = Stage::open(1).await;
    let web = with_web(&stage, "");
    let service = stage.start_with_baseline();
    let page = Page::start().await;
    page.open(&format!("{web}/now?lang=en")).await;
    page.wait_until("document.body.dataset.link === 'ok'").await;
    page.wait_for("ol.alerts > li").await;
    // The first stop leads past the sections, as a link that is seen when it has the focus.
    page.press(&format!("{TAB}{ENTER}")).await;
    page.wait_until("location.hash === '#main'").await;
    tab_to(&page, "ol.alerts a.button:not(.second)").await;
    page.press(ENTER).await;
    page.wait_for("#note").await;
    tab_to(&page, "#by").await;
    page.press(&format!("Leyla{TAB}s{TAB}on its way{TAB}{TAB}")).await;
    assert_eq!(page.run("return document.activeElement.type").await, "submit");
    page.press(ENTER).await;
    page.wait_for_text(".done", "Noted who takes care.").await;
    page.wait_for_text("ol.alerts", "Leyla takes care of it: supplier, on its way").await;
    assert_eq!(acknowledged_by(&stage).as_deref(), Some("Leyla"));

    tab_to(&page, "ol.alerts a.second").await;
    page.press(ENTER).await;
    page.wait_for("fieldset").await;
    tab_to(&page, "#by").await;
    page.press("Leyla").await;
    tab_to(&page, "button[value=look]").await;
    page.press(ENTER).await;
    page.wait_for("#preview li").await;
    tab_to(&page, "button[value=save]").await;
    page.press(ENTER).await;
    page.wait_for_text(".done", "Silenced.").await;
    page.wait_for_text("ul.silences", "Leyla").await;
    assert_eq!(silences(&stage), 1);
    tab_to(&page, "ul.silences button").await;
    page.press(ENTER).await;
    page.wait_for_text(".done", "The silence is over").await;
    assert_eq!(silences(&stage), 0);
    page.close().await;
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_page_with_nothing_to_show_says_so() {
    let stage = Stage::open(2).await;
    let web = with_web(&stage, "");
    stage.pos.act(&json!({ "fault": { "fault": "html", "endpoint": "stop-list", "venue": 2, "for_ms": 600_000 } }));
    let service = stage.start();
    let page = Page::start().await;
    page.open(&format!("{web}/now?lang=en")).await;
    page.wait_for_text("#venues + ul", "Sahil").await;
    for (path, name, css, says) in [
        ("/now", "now-empty", "#list", "Nothing is open."),
        ("/history", "history-index-unasked", "#venues + ul", "Sahil"),
        ("/deliveries?state=dead", "deliveries-none", ".empty", "There is nothing."),
        ("/board/sahil/1", "board-nothing", ".nothing", "Nothing is out, low or limited"),
        ("/board/sahil/2", "board-unread", ".nothing.unread", "The stop list was not read yet"),
    ] {
        let query = if path.contains('?') { '&' } else { '?' };
        page.open(&format!("{web}{path}{query}lang=en")).await;
        page.wait_for_text(css, says).await;
        look(&page, name, Language::En).await;
    }
    // What was never read is not old as well.
    page.wait_until("document.body.dataset.link === 'ok' && document.body.dataset.state === 'blind'").await;
    assert_eq!(page.text("#warning").await, "");
    page.close().await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["the stop list of venue 2"]);
}

#[tokio::test]
async fn the_page_and_its_forms_are_for_everybody_in_each_language() {
    let stage = Stage::open(3).await;
    let web = with_web(&stage, "");
    stage.append(
        "rules.yaml",
        "\n  - name: low\n    when: { limit: { above: 0, at_most: 5 } }\n    for: 0s\n    severity: warning\n    notify: [ops]\n    message: \"{{ item.name }}: {{ item.limit }}\"\n",
    );
    stage.pos.act(&json!({ "edit_product": { "brand": "sahil", "product": 104, "name": HOSTILE } }));
    stage.pos.act(&json!({ "fault": { "fault": "html", "endpoint": "stop-list", "venue": 3, "for_ms": 600_000 } }));
    let service = stage.start_with_baseline();
    stage.pos.limit(104, 0);
    stage.pos.limit(106, 3);
    let page = Page::start().await;
    page.open(&format!("{web}/now")).await;
    page.wait_until("document.querySelectorAll('ol.alerts > li').length >= 3").await;
    let silence = ["silence", "add", "--product", "106", "--for", "2h", "--by", HOSTILE, "--config", "eightysix.yaml"];
    let made = stage.eightysix(&silence);
    assert_eq!(made.code, Some(0), "{made:?}");
    page.wait_for("ul.silences").await;
    for language in Language::ALL {
        page.open(&format!("{web}/now?lang={}", language.code())).await;
        page.wait_until("document.body.dataset.link === 'ok'").await;
        page.wait_for("#doubts a").await;
        assert_eq!(page.run("return document.documentElement.lang").await, language.code());
        assert_eq!(page.run("return document.querySelectorAll('#list script').length").await, 0);
        look(&page, "now", language).await;

        page.click("ol.alerts a.button").await;
        page.wait_for("#back").await;
        look(&page, "now-care", language).await;
        page.fill("#by", "  ").await;
        page.click("button[type=submit]").await;
        page.wait_for(".wrong").await;
        look(&page, "now-care-wrong", language).await;

        page.open(&format!("{web}/now")).await;
        page.click("ol.alerts a.second").await;
        page.wait_for("fieldset").await;
        page.fill("#by", HOSTILE.trim_matches('\u{202e}')).await;
        page.click("input[value=venue]").await;
        page.click("button[value=look]").await;
        page.wait_for("#preview li").await;
        look(&page, "now-silence", language).await;
        page.fill("#until", "soon").await;
        page.click("button[value=look]").await;
        page.wait_for("#until-wrong").await;
        look(&page, "now-silence-wrong", language).await;
    }
    page.close_despite(&REFUSED).await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["the stop list of venue 3"]);
}

/// A program that follows no redirects.
pub(crate) fn client() -> reqwest::Client {
    // Another story of this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// Sends a form, as a page would.
pub(crate) fn sent(request: reqwest::RequestBuilder, form: &'static str) -> reqwest::RequestBuilder {
    request.header("content-type", "application/x-www-form-urlencoded").body(form)
}

#[tokio::test]
async fn who_may_only_look_gets_no_forms_and_no_page_of_others_acts() {
    let stage = Stage::open(1).await;
    let token = "canary-of-the-wall-77aa1";
    stage.write("secrets/wall", token);
    stage.write("secrets/boss", "canary-of-the-boss-93bb2");
    let web = with_web(
        &stage,
        ", tokens: { wall: { may: read, token: { file: secrets/wall } }, boss: { may: act, token: { file: secrets/boss } } }",
    );
    let service = stage.start_with_baseline();
    let client = client();
    let get =
        |path: &str, token: &str| client.get(format!("{web}{path}")).bearer_auth(token).header("accept", "text/html");
    let page = get("/now", token).send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("Quzu antrekotu is out at Kitchen") && !page.contains("class=\"button\""), "{page}");
    let page = get("/now", "canary-of-the-boss-93bb2").send().await.expect("an answer").text().await.expect("a page");
    let (_, rest) = page.split_once("href=\"/now/sahil/").expect("a form");
    let episode = rest.split('/').next().expect("an episode");
    let form = format!("/now/sahil/{episode}/acknowledge");
    let looked = get(&form, token).send().await.expect("an answer");
    assert_eq!(looked.status(), StatusCode::FORBIDDEN);
    let post = |token: &str| sent(client.post(format!("{web}{form}")).bearer_auth(token), "by=Anar");
    let refused = looked.text().await.expect("a page");
    assert!(refused.contains("You may not do this: it takes the right &#39;act&#39;.</p>"), "{refused}");
    assert!(!refused.contains("/logout"), "{refused}");
    assert_eq!(post(token).send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
    // Whoever signed in can sign out, and in as somebody who may; what he sent is not sent again by a link.
    let login = sent(client.post(format!("{web}/login")), "token=canary-of-the-wall-77aa1&to=/now");
    let login = login.header("origin", &web).send().await.expect("an answer");
    let cookie = login.headers()["set-cookie"].to_str().expect("ASCII").split(';').next().expect("a cookie").to_owned();
    let refused = sent(client.post(format!("{web}{form}")).header("cookie", cookie), "by=Anar").header("origin", &web);
    let refused = refused.header("accept", "text/html").send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let refused = refused.text().await.expect("a page");
    assert!(
        refused.contains("Sign out, and sign in with a token that may.") && refused.contains("/logout"),
        "{refused}"
    );
    assert!(
        refused.contains("<span class=\"who\" title=\"wall\">wall</span>") && !refused.contains("lang=az"),
        "{refused}"
    );

    // A browser that signed in sends its cookie along for any page; one of others changes nothing.
    let login = sent(client.post(format!("{web}/login")), "token=canary-of-the-boss-93bb2&to=/now");
    let login = login.header("origin", &web).send().await.expect("an answer");
    let cookie = login.headers()["set-cookie"].to_str().expect("ASCII").split(';').next().expect("a cookie").to_owned();
    let with_cookie = |site: &'static str| {
        let post = sent(client.post(format!("{web}{form}")).header("cookie", &cookie), "by=Anar");
        post.header("sec-fetch-site", site)
    };
    let foreign = with_cookie("cross-site").send().await.expect("an answer");
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(acknowledged_by(&stage), None);
    let own = with_cookie("same-origin").send().await.expect("an answer");
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
    let shown = own.headers()["location"].to_str().expect("ASCII").to_owned();
    assert!(shown.starts_with("/now?done=care."), "{shown}");
    assert_eq!(acknowledged_by(&stage).as_deref(), Some("Anar"));

    // Whoever did it is told so; a link of his tells nobody else, and one that was made up nobody at all.
    for (path, token, is_told) in [
        (shown.as_str(), "canary-of-the-boss-93bb2", true),
        (shown.as_str(), token, false),
        ("/now?done=care", "canary-of-the-boss-93bb2", false),
        ("/deliveries?done=resent-999999.1778250000.x", "canary-of-the-boss-93bb2", false),
    ] {
        let page = get(path, token).send().await.expect("an answer").text().await.expect("a page");
        assert_eq!(page.contains("class=\"done\""), is_told, "{path}: {page}");
    }
    assert!(service.end("TERM").success());
    stage.close();
}

/// Asks for the page.
async fn shown(web: &str, query: &str) -> String {
    let answer = client().get(format!("{web}/now?{query}")).header("accept", "text/html").send().await;
    answer.expect("an answer").text().await.expect("a page")
}

/// Waits until the page says something, and returns it.
async fn says(web: &str, query: &str, text: &str) -> String {
    let look = async || Some(shown(web, query).await).filter(|page| page.contains(text));
    let found = wait::soon(look).await;
    match found {
        Some(page) => page,
        None => panic!("'{text}' is not in {}", shown(web, query).await),
    }
}

#[tokio::test]
async fn what_is_not_known_and_who_is_not_told_is_said_in_words() {
    let stage = Stage::open(2).await;
    let web = with_web(&stage, "");
    stage.pos.act(&json!({ "fault": { "fault": "html", "endpoint": "stop-list", "venue": 2, "for_ms": 600_000 } }));
    let service = stage.start_with_baseline();
    for (language, doubt) in [
        ("en", "Not everything is known – lists that were never read: 1."),
        ("az", "Məlumat tam deyil – heç vaxt oxunmamış siyahı: 1."),
        ("ru", "Известно не всё – ни разу не прочитано списков: 1."),
    ] {
        let page = says(&web, &format!("lang={language}"), doubt).await;
        let (above, _) = page.split_once("id=\"alerts\"").expect("the alerts");
        assert!(above.contains(doubt) && above.contains("<a href=\"/freshness\">"), "{page}");
    }
    let page = says(&web, "lang=en", "Told or about to be: kitchen, managers, ops").await;
    assert!(!page.contains("Silence: everything"), "{page}");

    // Who was told before hears of its end alone; of what comes within it nobody is told, and by which silence is said.
    let silence = ["silence", "add", "--venue", "1", "--for", "2h", "--by", "Leyla", "--config", "eightysix.yaml"];
    let made = stage.eightysix(&silence);
    assert_eq!(made.code, Some(0), "{made:?}");
    let told = "Told before it was silenced, and of nothing but its end meanwhile: kitchen, managers, ops";
    let page = says(&web, "lang=en", told).await;
    assert!(!page.contains("Told or about to be"), "{page}");
    assert!(page.contains("Silence: everything at Sahil · until "), "{page}");
    assert!(page.contains(" · by Leyla</p>"), "{page}");
    stage.pos.limit(106, 0);
    let page = says(&web, "lang=en", "Not told while it is silenced: kitchen, managers, ops").await;
    assert_eq!(page.matches("Silence: everything at Sahil").count(), 2, "{page}");

    stage.pos.act(&json!({ "clear_faults": {} }));
    wait::eventually("every list is read", async || !shown(&web, "lang=en").await.contains("id=\"doubts\"")).await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["the stop list of venue 2"]);
}

#[tokio::test]
async fn the_lines_of_the_document_sign_in_and_act() {
    let stage = Stage::open(1).await;
    let token = "canary-of-the-boss-93bb2";
    stage.write("secrets/boss", token);
    let web = with_web(&stage, ", tokens: { boss: { may: act, token: { file: secrets/boss } } }");
    let service = stage.start_with_baseline();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pages.md")).expect("the document");
    let script: String = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().expect("its end")).collect();
    let run = |token: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-ec", &script]).env_clear().env("PATH", "/usr/bin:/bin");
        shell.env("EIGHTYSIX", &web).env("TOKEN", token).output().expect("a shell")
    };
    let output = run(token);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    for part in ["Quzu antrekotu is out at Kitchen", "0 are sent again."] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let output = run("another-token-than-this-one");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("This token does not fit."), "{said}");
    assert!(service.end("TERM").success());
    stage.close();
}
