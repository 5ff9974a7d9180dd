//! The page behind the links of mails in a real browser: filled in on a phone and by the keyboard alone, and readable in
//! each language, light and dark, from its form to its end.
//!
//! Screenshots of all of it are written to `target/screens/`.

use eightysix::language::Language;

use crate::chromium::axe::{assert_accessible, assert_no_horizontal_scroll};
use crate::chromium::{DOWN, ENTER, Page, Scheme, Shape, TAB};
use crate::links::{PUBLIC, Proxy, acknowledged_by, links, with_page};
use crate::stage::Stage;
use crate::wait;

/// An answer that is no success is an error to the browser's log; these are what their readers must see.
const REFUSED: [&str; 3] = ["status of 404", "status of 410", "status of 422"];

/// The address at which a browser reaches the page of a link, as the proxy would ask for it.
fn address(proxy: &Proxy, link: &str) -> String {
    let path = link.strip_prefix("https://86.example.com").expect(PUBLIC);
    format!("http://127.0.0.1:{}{path}", proxy.port)
}

/// Looks at a state of the page on a phone and at a desk, light and dark.
async fn look(page: &Page, state: &str, language: Language) {
    for shape in [Shape::Phone, Shape::Desk] {
        page.shape(shape).await;
        for scheme in Scheme::ALL {
            page.scheme(scheme).await;
            let name = format!("ack-{state}-{}-{}-{shape:?}", language.code(), scheme.word()).to_lowercase();
            page.screenshot(&name).await;
            assert_accessible(page, &name).await;
            assert_no_horizontal_scroll(page, &name).await;
        }
    }
    page.shape(Shape::Phone).await;
}

#[tokio::test]
async fn a_manager_takes_care_on_a_phone_and_another_one_by_the_keyboard() {
    let stage = Stage::open(1).await;
    let proxy = with_page(&stage);
    let service = stage.start_with_baseline();
    let mail = stage.mail.wait_for(1).remove(0);
    let address = address(&proxy, &links(&mail.text, "I take care of it").remove(0));

    let page = Page::start().await;
    page.shape(Shape::Phone).await;
    page.open(&address).await;
    assert_eq!(page.text("h1").await, "Quzu antrekotu is out at Kitchen");
    page.wait_for_text("main", "Nobody takes care of it yet.").await;

    // The browser itself asks for what must be there.
    page.click("button").await;
    assert_eq!(page.run("return document.activeElement.id").await, "by");
    assert_eq!(acknowledged_by(&stage), None);

    page.fill("#by", "Anar").await;
    page.click("option[value=supplier]").await;
    page.fill("#note", "<b>no</b> van").await;
    page.fill("#back", "11:30PM").await;
    page.click("button").await;
    page.wait_for_text("[role=status]", "Noted. Nobody is reminded of it before").await;
    page.wait_for_text("main", "Anar takes care of it: supplier, <b>no</b> van").await;
    wait::until("the webhook", || (stage.told(105) == ["alert.opened", "alert.acked"]).then_some(()));
    let events = stage.distinct_events();
    let ack = &events.last().expect("an event")["data"]["alert"]["ack"];
    assert_eq!(
        (&ack["by"], &ack["reason"], &ack["note"]),
        (&"Anar".into(), &"supplier".into(), &"<b>no</b> van".into())
    );
    // 23:30 in Baku.
    assert!(ack["back"].as_str().is_some_and(|at| at.ends_with("T19:30:00.000Z")), "{ack}");

    // Somebody else says something else, without a mouse.
    page.shape(Shape::Desk).await;
    page.click("a").await;
    page.wait_for("#by").await;
    page.press(&format!("{TAB}Leyla{TAB}{DOWN}{TAB}on its way{ENTER}")).await;
    page.wait_for_text("main", "Leyla takes care of it: ingredient, on its way").await;
    assert_eq!(acknowledged_by(&stage).as_deref(), Some("Leyla"));

    // Nothing is kept in the browser, and nothing went wrong in it.
    assert_eq!(page.cookies().await, Vec::<serde_json::Value>::new());
    page.close().await;
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn the_page_is_for_everybody_in_each_language_light_and_dark() {
    let stage = Stage::open(1).await;
    let proxy = with_page(&stage);
    let english =
        "  managers: { email: { smtp: main, to: [manager@example.com] }, group_wait: 200ms, at_most: unlimited }\n";
    let in_language = |code: &str| {
        let renamed = english.replace("managers:", &format!("managers-{code}:"));
        renamed.replace("at_most: unlimited", &format!("at_most: unlimited, language: {code}"))
    };
    stage.edit("eightysix.yaml", english, &format!("{english}{}{}", in_language("az"), in_language("ru")));
    stage.edit(
        "rules.yaml",
        "notify: [kitchen, managers, ops]",
        "notify: [kitchen, managers, managers-az, managers-ru, ops]",
    );
    let service = stage.start_with_baseline();
    let mails = stage.mail.wait_for(3);

    let page = Page::start().await;
    for language in Language::ALL {
        let words = match language {
            Language::En => "I take care of it",
            Language::Az => "Mən məşğul oluram",
            Language::Ru => "Займусь этим",
        };
        let link = mails.iter().flat_map(|mail| links(&mail.text, words)).next().expect(words);
        let address = address(&proxy, &link);
        page.open(&address).await;
        assert_eq!(page.run("return document.documentElement.lang").await, language.code());
        look(&page, "open", language).await;

        // The browser takes spaces for a name; we do not.
        page.fill("#by", "  ").await;
        page.click("button").await;
        page.wait_for(".wrong").await;
        look(&page, "wrong", language).await;

        page.fill("#by", "Anar").await;
        page.click("button").await;
        page.wait_for(".done").await;
        look(&page, "noted", language).await;

        page.click("a").await;
        page.wait_for("#by").await;
        look(&page, "again", language).await;
    }

    stage.pos.limit(105, 20);
    wait::until("its end", || (stage.told(105).last()? == "alert.closed").then_some(()));
    for mail in mails {
        let link = mail.text.lines().find_map(|line| line.trim().split_once(": https:"));
        let (_, link) = link.expect("a link");
        let address = address(&proxy, &format!("https:{link}"));
        page.open(&address).await;
        let language = page.run("return document.documentElement.lang").await;
        let language = Language::ALL.into_iter().find(|one| language == one.code()).expect("a language");
        look(&page, "over", language).await;
    }
    page.open(&address(&proxy, &format!("{PUBLIC}/ack/none"))).await;
    look(&page, "nothing", Language::En).await;

    page.close_despite(&REFUSED).await;
    assert!(service.end("TERM").success());
    stage.close();
}
