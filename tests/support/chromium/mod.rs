//! A page in a real Chromium, in the words of a story: opened, read, filled in, clicked, looked at, judged.
//!
//! Everything waits for what it names, with the bound of all waits, and says what the page showed instead. Invariant: a
//! story that ends well has closed its page, and nothing was wrong in the browser's own log but what it names.
#![allow(dead_code, reason = "each test crate includes the harness and uses its part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use self::driver::{Driver, Refused};
use super::wait;

pub(crate) mod axe;
mod driver;

/// Keys that are no letters, for [`Page::press`].
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const DOWN: &str = "\u{e015}";

/// How WebDriver names an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A screenshot shows the whole page, but no more of it than this.
const SCREEN_HEIGHT_MAX: f64 = 6_000.0;

/// What the page is looked at with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A manager's phone, upright.
    Phone,
    /// A kitchen's tablet of ten inches.
    Tablet,
    /// A laptop on a desk.
    Desk,
    /// A television on the kitchen's wall.
    Wall,
}

impl Shape {
    /// Width and height in CSS pixels, device pixels in each, and whether it is touched.
    const fn screen(self) -> (u32, u32, u32, bool) {
        match self {
            Self::Phone => (390, 844, 2, true),
            Self::Tablet => (1280, 800, 1, true),
            Self::Desk => (1440, 900, 1, false),
            Self::Wall => (1920, 1080, 1, false),
        }
    }
}

/// What the reader's system asks pages to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// The word of CSS, which names screenshots too.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A page of a browser of its own.
pub(crate) struct Page {
    driver: Driver,
    /// What went wrong in the browser so far: its log is handed out once.
    errors: Mutex<Vec<String>>,
    is_closed: bool,
}

impl Page {
    /// Starts a browser. A test holds one page at a time: two tests that wait for a second one would wait for ever.
    pub(crate) async fn start() -> Self {
        let page = Self { driver: Driver::start().await, errors: Mutex::default(), is_closed: false };
        page.shape(Shape::Desk).await;
        page.scheme(Scheme::Light).await;
        page
    }

    /// Returns the folder of its profile, which is there as long as it.
    pub(crate) fn profile(&self) -> PathBuf {
        self.driver.profile()
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.told(Method::POST, "/url", &json!({ "url": url })).await;
    }

    /// Looks at it with another screen.
    pub(crate) async fn shape(&self, shape: Shape) {
        let (width, height, scale, is_touched) = shape.screen();
        let screen = json!({
            "width": width, "height": height, "screenWidth": width, "screenHeight": height,
            "deviceScaleFactor": scale, "mobile": is_touched,
        });
        self.cdp("Emulation.setDeviceMetricsOverride", screen).await;
        self.cdp("Emulation.setTouchEmulationEnabled", json!({ "enabled": is_touched })).await;
    }

    /// Asks for light or for dark, as the reader's system does.
    pub(crate) async fn scheme(&self, scheme: Scheme) {
        let wanted = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme.word() }] });
        self.cdp("Emulation.setEmulatedMedia", wanted).await;
    }

    /// Takes the network away from the browser, or gives it back. What is asked for from then on fails; a stream that is
    /// open may stay so, and falls silent only with its server, killed or frozen (`STOP`).
    pub(crate) async fn offline(&self, is_offline: bool) {
        self.cdp("Network.enable", json!({})).await;
        let conditions =
            json!({ "offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.cdp("Network.emulateNetworkConditions", conditions).await;
    }

    /// Returns what is written in an element as it is shown, once it is there.
    pub(crate) async fn text(&self, css: &str) -> String {
        let text = self.found(css, &format!("return {}?.innerText ?? null", first(css))).await;
        text.as_str().expect("a text").to_owned()
    }

    /// Waits until an element is there.
    pub(crate) async fn wait_for(&self, css: &str) {
        self.found(css, &format!("return {} ? true : null", first(css))).await;
    }

    /// Waits until an element shows this text.
    pub(crate) async fn wait_for_text(&self, css: &str, text: &str) {
        let shows = format!("return {}?.innerText.includes({}) || null", first(css), json!(text));
        self.found(&format!("{css} with \"{text}\""), &shows).await;
    }

    /// Waits until an expression of JavaScript is true.
    pub(crate) async fn wait_until(&self, expression: &str) {
        self.found(expression, &format!("return ({expression}) ? true : null")).await;
    }

    /// Clicks on an element as a mouse does, once nothing is in the way.
    pub(crate) async fn click(&self, css: &str) {
        self.at(css, "/click", &json!({})).await;
    }

    /// Types a text into a field in place of what is there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        self.at(css, "/clear", &json!({})).await;
        self.at(css, "/value", &json!({ "text": text })).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let stroke = |key: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }));
        let strokes: Vec<Value> = keys.chars().flat_map(stroke).collect();
        let keyboard = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.told(Method::POST, "/actions", &keyboard).await;
    }

    /// Runs the body of a function in the page and returns its value, or what its promise comes to.
    pub(crate) async fn run(&self, body: &str) -> Value {
        self.told(Method::POST, "/execute/sync", &json!({ "script": body, "args": [] })).await
    }

    /// Sends a command of the DevTools protocol.
    pub(crate) async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.told(Method::POST, "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    /// Returns the cookies that the page would send, also those that no script can read.
    pub(crate) async fn cookies(&self) -> Vec<Value> {
        let cookies = self.told(Method::GET, "/cookie", &Value::Null).await;
        cookies.as_array().expect("a list").clone()
    }

    /// Writes what the page looks like into `target/screens/`, from its top to its end.
    pub(crate) async fn screenshot(&self, name: &str) {
        let size = self.cdp("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        let length = |key: &str| size[key].as_f64().expect("a length");
        let clip = json!({
            "x": 0, "y": 0, "scale": 1, "width": length("width"), "height": length("height").min(SCREEN_HEIGHT_MAX),
        });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.cdp("Page.captureScreenshot", wanted).await;
        let png = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        let folder = target().join("screens");
        fs::create_dir_all(&folder).expect("a folder for screenshots");
        fs::write(folder.join(format!("{name}.png")), png).expect("write a screenshot");
    }

    /// Returns what went wrong so far, by the browser's own log: errors of scripts, violations of the policy of the
    /// page's content, answers that are failures.
    pub(crate) async fn console_errors(&self) -> Vec<String> {
        let log = self.told(Method::POST, "/se/log", &json!({ "type": "browser" })).await;
        let entries = log.as_array().expect("a list").iter().filter(|entry| entry["level"] == "SEVERE");
        let mut errors = self.errors.lock().expect("no test panics here");
        errors.extend(entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()));
        errors.clone()
    }

    /// Ends a story in which nothing went wrong in the browser.
    pub(crate) async fn close(self) {
        self.close_despite(&[]).await;
    }

    /// Ends a story in which this went wrong as it should, by a part of each line of the browser's log, and nothing else.
    pub(crate) async fn close_despite(mut self, expected: &[&str]) {
        self.is_closed = true;
        for error in self.console_errors().await {
            assert!(expected.iter().any(|text| error.contains(text)), "an error in the browser: {error}");
        }
    }

    /// Runs a function's body until it returns something else than null; scripts meet each picture of a live page whole.
    async fn found(&self, what: &str, body: &str) -> Value {
        let script = json!({ "script": body, "args": [] });
        let look = async || self.asked("/execute/sync", &script).await.map(|value| (!value.is_null()).then_some(value));
        self.until(what, look).await
    }

    /// Does something to an element, once it is there and lets it be done.
    async fn at(&self, css: &str, path: &str, body: &Value) {
        let look = async || self.try_at(css, path, body).await.map(Some);
        self.until(&format!("{path} of {css}"), look).await;
    }

    /// Looks until there is something; a page that is just replaced refuses, and is looked at again.
    async fn until(&self, what: &str, mut look: impl AsyncFnMut() -> Result<Option<Value>, Refused>) -> Value {
        let mut last = None;
        let found = wait::soon(async || {
            let found = look().await;
            last = found.as_ref().err().map(|refused| format!("{refused:?}"));
            found.ok().flatten()
        });
        match found.await {
            Some(value) => value,
            None => panic!("waited in vain: {what}; {}; {}", last.unwrap_or_default(), self.seen().await),
        }
    }

    async fn try_at(&self, css: &str, path: &str, body: &Value) -> Result<Value, Refused> {
        let element = self.asked("/element", &json!({ "using": "css selector", "value": css })).await?;
        let id = element[ELEMENT].as_str().expect("an element");
        self.asked(&format!("/element/{id}{path}"), body).await
    }

    async fn asked(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.driver.ask(Method::POST, path, body).await
    }

    async fn told(&self, method: Method, path: &str, body: &Value) -> Value {
        let told = self.driver.ask(method, path, body).await;
        told.unwrap_or_else(|Refused { error, message }| panic!("{path} {body}: {error}: {message}"))
    }

    /// Says what the page shows, for those who waited in vain.
    async fn seen(&self) -> String {
        let seen = "return location.href + ' shows: ' + document.body?.innerText";
        let seen = self.asked("/execute/sync", &json!({ "script": seen, "args": [] })).await;
        seen.map_or_else(|refused| format!("{refused:?}"), |seen| seen.as_str().unwrap_or_default().to_owned())
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.is_closed, "a page must be closed: that is when the browser's errors are looked at");
        }
    }
}

/// The first element of a selector, in JavaScript.
fn first(css: &str) -> String {
    format!("document.querySelector({})", json!(css))
}

/// The folder of what is built, in which screenshots are written and `tests/run tools` leaves what it fetched.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is below target").to_owned()
}
