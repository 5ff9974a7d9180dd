//! The pages for managers in a real browser: each is readable in every language, light and dark, on a phone and a desk and
//! on a wall, and shows names of strangers as names; what they say is what the till said.
//!
//! Screenshots of all of it are written to `target/screens/`.

use eightysix::language::Language;
use serde_json::{Value, json};

use crate::chromium::axe::{assert_accessible, assert_no_horizontal_scroll};
use crate::chromium::{Page, Scheme, Shape};
use crate::process::Service;
use crate::stage::Stage;
use crate::wait;
use crate::webhook::{Answer, Receiver};

/// A name that a page, a table or a terminal could trip over.
const NAME: &str = "=cmd|'/C calc'!A1 <script>alert(1)</script> \"Plov\", böyük\u{202e}";
/// As it is shown: what turns the reading is a space.
const SHOWN: &str = "=cmd|'/C calc'!A1 <script>alert(1)</script> \"Plov\", böyük ";

/// The address of the web side.
pub(crate) fn web(service: &Service) -> String {
    service.says("the boards are at http://");
    let log = service.log();
    let (_, rest) = log.rsplit_once("the boards are at ").expect("the line");
    rest.split_once("/board").expect("the path").0.to_owned()
}

/// Looks at a page in each language, on a phone and at a desk, light and dark; and in English on a wall.
async fn look(page: &Page, address: &str, name: &str) {
    for language in Language::ALL {
        look_in(page, address, name, language, &[Shape::Phone, Shape::Desk]).await;
    }
    // What a wall adds is room, and not words: one language is enough there. The page is left in that.
    look_in(page, address, name, Language::En, &[Shape::Wall]).await;
}

/// Looks at a page in one language, light and dark.
async fn look_in(page: &Page, address: &str, name: &str, language: Language, shapes: &[Shape]) {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    page.open(&format!("{path}?{query}&lang={}", language.code())).await;
    assert_eq!(page.run("return document.documentElement.lang").await, language.code());
    for shape in shapes {
        page.shape(*shape).await;
        for scheme in Scheme::ALL {
            page.scheme(scheme).await;
            let name = format!("{name}-{}-{}-{shape:?}", language.code(), scheme.word()).to_lowercase();
            page.screenshot(&name).await;
            assert_accessible(page, &name).await;
            assert_no_horizontal_scroll(page, &name).await;
        }
    }
}

/// Asks the API as a page of ours would.
async fn api(page: &Page, path: &str) -> Value {
    page.run(&format!("return fetch('/api/v1{path}').then(answer => answer.json())")).await
}

/// Waits until the API has so many lines.
async fn history(page: &Page, path: &str, lines: usize) -> Vec<Value> {
    let waited = format!(
        "for (let turn = 0; turn < 200; turn++) {{
            const {{ items }} = await fetch('/api/v1{path}').then(answer => answer.json());
            if (items.length >= {lines}) return items;
            await new Promise(later => setTimeout(later, 100));
        }}"
    );
    let items = page.run(&format!("return (async () => {{ {waited} }})()")).await;
    items.as_array().cloned().unwrap_or_else(|| panic!("{path} never has {lines} lines"))
}

#[tokio::test]
async fn freshness_and_history_say_what_the_till_said() {
    let stage = Stage::open(2).await;
    stage.pos.act(&json!({ "edit_product": { "brand": "sahil", "product": 105, "name": NAME } }));
    stage.edit(
        "eightysix.yaml",
        "requests_per_minute: 290",
        "requests_per_minute: 290, hours: { mon-sun: \"10:00-23:00\" }",
    );
    let service = stage.start_with_baseline();
    let address = web(&service);
    let page = Page::start().await;
    page.open(&format!("{address}/freshness")).await;
    page.wait_for_text("main", "2 / ").await;
    let freshness = api(&page, "/freshness").await;
    assert_eq!(freshness["items"][0]["venues"], 2, "{freshness}");
    assert_eq!(freshness["items"][0]["quota"]["fits"], true, "{freshness}");
    let venues = api(&page, "/freshness/sahil/venues").await;
    assert_eq!(venues["items"].as_array().expect("a list").len(), 2, "{venues}");
    look(&page, &format!("{address}/freshness"), "freshness").await;
    freshness_shows_the_numbers(&page, &freshness["items"][0]).await;

    // 105 was out at the first reading; it comes back, 106 gets low and runs out.
    stage.pos.restock(105);
    wait::until("its end", || (stage.told(105).last()? == "alert.closed").then_some(()));
    stage.pos.limit(106, 2);
    let of_106 = "/history?brand=sahil&venue=1&product=106";
    history(&page, of_106, 1).await;
    stage.pos.limit(106, 0);
    let lines = history(&page, of_106, 2).await;
    assert_eq!((&lines[0]["before"], &lines[0]["after"]), (&json!("2 left"), &json!("out")), "{lines:?}");
    assert_eq!((&lines[1]["before"], &lines[1]["after"]), (&json!("unrestricted"), &json!("2 left")), "{lines:?}");

    // A page at a time says the same as all at once, each line once.
    let all = api(&page, "/history?limit=500").await;
    let (mut cursor, mut paged) = (String::new(), Vec::new());
    loop {
        let part = api(&page, &format!("/history?limit=2{cursor}")).await;
        paged.extend(part["items"].as_array().cloned().expect("a list"));
        let Some(next) = part["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all["items"].as_array(), Some(&paged));

    // What is drawn is what the lines say.
    let drawn = api(&page, "/history/sahil/1/timelines?product=106").await;
    let states = drawn["items"][0]["pieces"].as_array().expect("pieces").iter().map(|piece| &piece["state"]);
    assert_eq!(states.collect::<Vec<_>>(), ["unknown", "on", "low", "out"], "{drawn}");

    csv_is_read_by_others(&page).await;

    page.open(&format!("{address}/history?q=SCRIPT&lang=en")).await;
    page.wait_for_text("#found", "2").await;
    assert_eq!(page.text("ul.links a").await.trim(), SHOWN.trim());
    look(&page, &format!("{address}/history?q=SCRIPT"), "history-index").await;
    page.click("ul.links a").await;
    page.wait_for_text("h1", SHOWN.trim()).await;
    assert_eq!(page.run("return document.querySelectorAll('main script').length").await, 0);
    look(&page, &format!("{address}/history/sahil/1/106"), "history-item").await;
    time_lines_are_drawn(&page).await;
    look(&page, &format!("{address}/history/sahil/1?range=7d"), "history-venue").await;
    time_lines_are_drawn(&page).await;
    page.open(&format!("{address}/history/sahil/1?range=30d&lang=en")).await;
    assert_eq!(page.text(".tabs a[aria-current=true]").await, "30 days");
    page.close().await;
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_from_the_page() {
    let mut stage = Stage::open(1).await;
    let refusing = Receiver::start(vec![Answer::status(410)]);
    stage.edit("eightysix.yaml", &stage.hooks.url(), &refusing.url());
    stage.hooks = refusing;
    let service = stage.start_with_baseline();
    service.says("given up, see dead-letters");
    // Who ended his subscription is left alone until the configuration is read again.
    service.signal("HUP");
    service.says_times("the boards are at http://", 2);
    let address = web(&service);
    let page = Page::start().await;
    page.open(&format!("{address}/deliveries?state=dead&lang=en")).await;
    page.wait_for_text("form[method=post] tbody", "410").await;
    look(&page, &format!("{address}/deliveries?state=dead"), "deliveries-dead").await;
    page.open(&format!("{address}/deliveries?state=delivered&lang=en")).await;
    look(&page, &format!("{address}/deliveries?state=delivered"), "deliveries-delivered").await;

    // Nothing chosen is nothing sent.
    page.open(&format!("{address}/deliveries?state=dead&lang=en")).await;
    page.click("form[method=post] table ~ p button").await;
    page.wait_for_text("[role=status]", "0 are sent again").await;
    let before = stage.hooks.hits().len();
    page.click("input[name=row]").await;
    page.click("form[method=post] table ~ p button").await;
    page.wait_for_text("[role=status]", "1 is sent again").await;
    wait::until("the webhook", || (stage.hooks.hits().len() > before).then_some(()));
    let ids: Vec<String> = stage.hooks.hits().iter().map(|hit| hit.header("webhook-id").to_owned()).collect();
    assert_eq!(ids[0], ids[before], "under the same id");
    let left = api(&page, "/dead-letters").await;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(0), "{left}");
    // A program does the same, and is told what there is not.
    let post = "const post = (path, body) => fetch('/api/v1/dead-letters/' + path, { method: 'POST', body,
        headers: { 'Content-Type': 'application/json' } }).then(answer => answer.status);
        return Promise.all([post('999/resend'), post('resend', '{}'), post('resend', '{\"all\": true}')])";
    assert_eq!(page.run(post).await, json!([404, 400, 200]));
    look(&page, &format!("{address}/deliveries?before=x"), "refusal").await;

    // What waits for another attempt.
    (0..100).for_each(|_| stage.hooks.answer(Answer::status(503)));
    stage.pos.limit(104, 0);
    service.says("not told yet");
    let waiting = format!("{address}/deliveries?state=waiting");
    page.open(&format!("{waiting}&lang=en")).await;
    page.wait_for_text("main", "503").await;
    look_in(&page, &waiting, "deliveries-waiting", Language::En, &[Shape::Phone, Shape::Wall]).await;
    page.close_despite(&["status of 404", "status of 400"]).await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["given up, see dead-letters", "not told yet", "nothing more is sent there"]);
}

#[tokio::test]
async fn each_rule_says_of_what_it_holds_and_why_not() {
    let stage = Stage::open(1).await;
    stage.pos.act(&json!({ "edit_product": { "brand": "sahil", "product": 105, "name": NAME } }));
    stage.pos.limit(106, 3);
    let service = stage.start_with_baseline();
    let address = web(&service);
    let page = Page::start().await;
    page.open(&format!("{address}/rules?lang=en")).await;
    page.wait_for_text("tbody", "holds 1").await;
    look(&page, &format!("{address}/rules"), "rules").await;
    page.click("tbody a").await;
    page.wait_for_text("pre", "limit: at most 0").await;
    page.wait_for_text("table tbody tr", SHOWN.trim()).await;
    page.wait_for_text("table tbody tr", "open since").await;
    look(&page, &format!("{address}/rules/sold-out?at=sahil/1"), "rule").await;
    for (language, why) in [("az", "qayda tələb edir: ən çoxu 0"), ("ru", "правило требует: не больше 0")]
    {
        page.open(&format!("{address}/rules/sold-out?at=sahil/1&lang={language}")).await;
        page.wait_for_text("main", why).await;
    }

    let rules = api(&page, "/rules").await;
    assert_eq!(rules["items"][0]["notify"], json!(["kitchen", "managers", "ops"]), "{rules}");
    let truths = api(&page, "/rules/sold-out/truths?brand=sahil&limit=500").await;
    let of = |id: u64| truths["items"].as_array().expect("a list").iter().find(|truth| truth["id"] == id).expect("it");
    assert_eq!((&of(105)["truth"], &of(105)["alert"]), (&json!("holds"), &json!("open")));
    assert_eq!(of(106)["truth"], "clear");
    assert_eq!(of(106)["why"], json!(["limit is 3, the rule asks for at most 0"]));
    page.close().await;
    assert!(service.end("TERM").success());
    stage.close();
}

/// One of the two drawings is shown, and in it something is out and something low; the table beside says the same.
async fn time_lines_are_drawn(page: &Page) {
    let drawn = "const shown = [...document.querySelectorAll('figure > svg')].filter(it => it.getBoundingClientRect().height > 0);
        const has = fill => shown.some(it => [...it.querySelectorAll(`[fill=\"${fill}\"]`)].some(one => one.getBoundingClientRect().width > 0));
        return [shown.length, has('#B3131F'), has('#FFB300')]";
    assert_eq!(page.run(drawn).await, json!([1, true, true]), "drawings, with out and low in them");
}

/// The page says of a brand what the API says of it, and of each venue an age that is that of a venue that is read.
async fn freshness_shows_the_numbers(page: &Page, brand: &Value) {
    let number = |value: &Value| value.as_f64().expect("a number");
    let shown = page.run("return [...document.querySelectorAll('.facts dd')].map(it => it.textContent)").await;
    let says = |text: String| assert!(shown.as_array().expect("facts").contains(&json!(text)), "{text}: {shown}");
    let quota = &brand["quota"];
    says(quota["requests_per_minute"].to_string());
    says(format!("2 / {}", quota["venues_max"]));
    for length in ["worst_age_s", "round_s", "one_more_venue_s"] {
        // Below a minute it is said in tenths, the rest cut off.
        says(format!("{:.1} s", (number(&quota[length]) * 10.0 + 0.001).floor() / 10.0));
    }
    let ages = page.run("return [...document.querySelectorAll('tbody td.time')].map(it => it.textContent)").await;
    let ages = ages.as_array().expect("ages");
    assert_eq!(ages.len(), 2, "{ages:?}");
    for age in ages {
        let seconds = age.as_str().and_then(|age| age.strip_suffix(" s")).and_then(|age| age.parse::<f64>().ok());
        assert!(seconds.is_some_and(|seconds| (0.0..60.0).contains(&seconds)), "{age}");
    }
}

/// The export, as Python's reader of CSV takes it.
async fn csv_is_read_by_others(page: &Page) {
    let read = "return fetch('/api/v1/history.csv?brand=sahil&venue=1').then(answer => answer.arrayBuffer())\
        .then(bytes => Array.from(new Uint8Array(bytes)))";
    let bytes: Vec<u8> = serde_json::from_value(page.run(read).await).expect("bytes");
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("history.csv"), bytes).expect("written");
    let script = "import csv, json, sys; print(json.dumps(list(csv.DictReader(open('history.csv', encoding='utf-8-sig', newline='')))))";
    let output = std::process::Command::new("python3").args(["-c", script]).current_dir(folder.path()).output();
    let output = output.expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let names = ["at", "brand", "venue", "venue_name", "kind", "id", "name", "before", "after"];
    let numbers = ["limit_before", "limit_after", "price_list"];
    for row in &rows {
        assert_eq!(row.as_object().expect("a row").len(), names.len() + numbers.len(), "{row}");
        for cell in names.map(|name| row[name].as_str().expect("a cell")) {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
    let name = |row: &Value| row["id"] == "105" && row["name"] == format!("'{SHOWN}");
    assert!(rows.iter().any(name), "{rows:#?}");
    let newest = rows.iter().find(|row| row["id"] == "106").expect("the line of the item that ran out");
    assert_eq!(numbers.map(|name| newest[name].as_str().expect("a cell")), ["2", "0", ""], "{newest}");
}
