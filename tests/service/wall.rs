//! What the kitchen board promises to whoever stands three metres away, held in a real browser: the age is always in view,
//! the largest text is a name, and a card says by colour and words how a dish stands and who takes care.
//!
//! Screenshots are written to `target/screens/`.

use eightysix::units::{Timestamp, Zone};
use serde_json::{Value, json};

use crate::board::{ANTREKOT, AWAY, card_of, look, with_boards};
use crate::chromium::axe::assert_accessible;
use crate::chromium::{Page, Scheme, Shape};
use crate::screen::kind;
use crate::stage::Stage;
use crate::wait;

/// Scrolls to the end of a board that is longer than its screen, and asks whether these lie whole within the screen, on
/// top of whatever else is there.
async fn assert_in_view(page: &Page, elements: &[&str], what: &str) {
    let seen = "window.scrollTo(0, document.documentElement.scrollHeight);
        const lies = css => {
            const it = document.querySelector(css), at = it.getBoundingClientRect();
            const top = document.elementFromPoint(at.left + at.width / 2, at.top + at.height / 2);
            return at.height > 0 && at.top >= 0 && at.left >= 0 && at.bottom <= innerHeight && at.right <= innerWidth && it.contains(top);
        };";
    let asked = format!("{seen} return [scrollY > innerHeight / 2, ...{}.map(lies)]", json!(elements));
    let expected = vec![true; elements.len() + 1];
    assert_eq!(page.run(&asked).await, json!(expected), "{what}: scrolled, and {elements:?} in view");
    // Whatever is jumped to is not below them.
    let hidden = "const card = document.querySelector('.card:nth-child(12)'); card.scrollIntoView();
        return card.getBoundingClientRect().top - document.querySelector('.head').getBoundingClientRect().bottom";
    let free = page.run(hidden).await;
    assert!(free.as_f64() >= Some(0.0), "{what}: a card is {free} pixels below what stays");
}

#[tokio::test]
async fn the_age_and_the_warning_stay_in_view_however_long_the_list_is() {
    let stage = Stage::open(1).await;
    let web = with_boards(&stage, "");
    for product in (101..=150).filter(|product| *product != 105) {
        stage.pos.limit(product, 0);
    }
    let service = stage.start_with_baseline();
    let page = Page::start().await;
    page.open(&format!("{web}/board/sahil/1")).await;
    page.wait_until("document.body.dataset.link === 'ok'").await;
    page.wait_for(".cards.crowd").await;
    for shape in [Shape::Phone, Shape::Tablet] {
        page.shape(shape).await;
        for scheme in Scheme::ALL {
            page.scheme(scheme).await;
            assert_in_view(&page, &["#age"], &format!("{shape:?}, {scheme:?}")).await;
        }
        // What stays is small: it is the list that is read.
        let share = "return document.querySelector('.head').offsetHeight / innerHeight";
        assert!(page.run(share).await.as_f64() < Some(0.12), "{shape:?}: {}", page.run(share).await);
    }
    // On the largest wall the name is still the largest text, however many cards there are.
    for shape in [Shape::Phone, Shape::Wall] {
        page.shape(shape).await;
        assert_names_are_largest(&page, &format!("a crowd, {shape:?}")).await;
    }

    assert!(!service.end("KILL").success());
    page.wait_for_text("#warning", "No connection to eightysix. This is the last list").await;
    for shape in [Shape::Phone, Shape::Tablet] {
        page.shape(shape).await;
        assert_in_view(&page, &["#age", "#warning"], &format!("{shape:?}, a warning")).await;
        assert_accessible(&page, &format!("a board at its end, {shape:?}")).await;
    }
    page.close_despite(&AWAY).await;
    stage.close();
}

/// The largest text of the board is the name of a product, by the sizes that the browser reckons.
async fn assert_names_are_largest(page: &Page, what: &str) {
    let sizes = "const size = it => parseFloat(getComputedStyle(it).fontSize);
        const says = it => [...it.childNodes].some(part => part.nodeType === 3 && part.textContent.trim());
        const others = [...document.querySelectorAll('body, body *')].filter(it => says(it) && !it.matches('.card h2'));
        return { name: Math.min(...[...document.querySelectorAll('.card h2')].map(size)),
            largest: others.map(it => [size(it), it.className || it.id]).sort((a, b) => b[0] - a[0])[0] }";
    let sizes = page.run(sizes).await;
    assert!(sizes["name"].as_f64() > sizes["largest"][0].as_f64(), "{what}: {sizes}");
}

/// Hue in degrees and how strong the colour is, from 0 to 255, of `rgb(1, 2, 3)`.
fn hue(colour: &Value) -> (i32, i32) {
    let text = colour.as_str().and_then(|text| text.strip_prefix("rgb(")).and_then(|text| text.strip_suffix(')'));
    let parts: Vec<i32> = text.expect("a colour").split(", ").map(|part| part.parse().expect("a number")).collect();
    let [red, green, blue] = parts[..] else { panic!("{colour}") };
    let most = red.max(green).max(blue);
    let strength = most - red.min(green).min(blue);
    let (from, turn) = if most == red {
        (0, green - blue)
    } else if most == green {
        (120, blue - red)
    } else {
        (240, red - green)
    };
    ((from + 60 * turn / strength.max(1)).rem_euclid(360), strength)
}

async fn assert_colours(page: &Page, what: &str) {
    let colours = "const of = how => getComputedStyle(document.querySelector('.card.' + how)).backgroundColor;
        return { out: of('out'), low: of('low'), limited: of('limited') }";
    let colours = page.run(colours).await;
    let [out, low, limited] = ["out", "low", "limited"].map(|how| hue(&colours[how]));
    assert!((out.0 > 345 || out.0 < 15) && out.1 > 100, "{what}: out is red: {colours}");
    assert!((30..55).contains(&low.0) && low.1 > 150, "{what}: low is amber: {colours}");
    assert!(limited.1 < 20, "{what}: limited is grey: {colours}");
}

#[tokio::test]
async fn a_card_says_how_it_stands_since_when_what_is_still_on_and_who_takes_care() {
    let stage = Stage::open(1).await;
    let web = with_boards(&stage, "");
    // 302 is the Fanta of half a litre; 301 and 303 are its other sizes.
    for (product, limit) in [(106, 3), (107, 40), (302, 0)] {
        stage.pos.limit(product, limit);
    }
    let service = stage.start_with_baseline();
    let page = Page::start().await;
    page.open(&format!("{web}/board/sahil/1")).await;
    page.wait_until("document.body.dataset.link === 'ok'").await;
    page.wait_until(&card_of(302)).await;

    // Since when, and how long by now, which goes on.
    let lasts = format!("{}.querySelector('.lasts span').textContent", card_of(302));
    let before = page.run(&format!("return {lasts}")).await;
    assert!(before.as_str().is_some_and(|text| text.starts_with(|first: char| first.is_ascii_digit())), "{before}");
    // The server says nothing meanwhile: what it says is when the clock begins anew.
    service.signal("STOP");
    page.run("const now = Date.now; Date.now = () => now() + 3600000;").await;
    page.wait_until(&format!("{lasts}.startsWith('1 h')")).await;
    service.signal("CONT");
    page.open(&format!("{web}/board/sahil/1")).await;
    page.wait_until("document.body.dataset.link === 'ok'").await;
    let text = async |product: u64| {
        let text = page.run(&format!("return {}.innerText", card_of(product))).await;
        text.as_str().expect("a card").to_owned()
    };
    let since = page.run(&format!("return {}.querySelector('.since').firstChild.textContent", card_of(302))).await;
    let at = page.run(&format!("return Number({}.dataset.since)", card_of(302))).await.as_i64().expect("a time");
    let zone = Zone::named("Asia/Baku").expect("bundled");
    assert_eq!(since, format!("since {}", Timestamp::from_unix_ms(at).local_time(&zone)));

    let fanta = text(302).await;
    assert!(fanta.contains("still on: 0.33 L, 1.0 L"), "{fanta}");
    let low = text(106).await;
    assert!(low.to_lowercase().contains("3 left"), "{low}");
    for (product, class) in [(105, "out"), (302, "out"), (106, "low"), (107, "limited")] {
        let stands = page.run(&format!("return {}.classList.contains({class:?})", card_of(product))).await;
        assert_eq!(stands, true, "{product} is {class}");
    }

    // Who takes care, why, and when it is expected.
    let said = ["ack", ANTREKOT, "--by", "Anar", "--reason", "supplier", "--back", "2h", "--config", "eightysix.yaml"];
    let done = stage.eightysix(&said);
    assert_eq!(done.code, Some(0), "{done:?}");
    wait::until("the webhook", || (stage.told(105).last()? == "alert.acked").then_some(()));
    let events = stage.distinct_events();
    let acked = events.iter().rfind(|event| kind(event) == "alert.acked").expect("the event");
    let back: Timestamp = acked["data"]["alert"]["ack"]["back"].as_str().expect("a time").parse().expect("a time");
    let care = format!("{}?.querySelector('.care')?.textContent", card_of(105));
    page.wait_until(&format!("({care} ?? '') !== ''")).await;
    let care = page.run(&format!("return {care}")).await;
    let care = care.as_str().expect("a text");
    let expected = format!(" {}", back.local_time(&zone));
    assert!(care.starts_with("Anar takes care of it: supplier; back ") && care.ends_with(&expected), "{care}");

    for shape in [Shape::Phone, Shape::Wall] {
        page.shape(shape).await;
        assert_names_are_largest(&page, &format!("{shape:?}")).await;
    }
    for scheme in Scheme::ALL {
        page.scheme(scheme).await;
        assert_colours(&page, scheme.word()).await;
    }
    look(&page, "board-cards").await;
    page.close().await;
    assert!(service.end("TERM").success());
    stage.close();
}
