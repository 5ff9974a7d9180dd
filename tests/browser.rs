//! The harness of tests in a real Chromium sees what is wrong with a page, and leaves nothing behind.
//!
//! Stories of pages are elsewhere (`tests/service/ack_page.rs`); here bad pages show that the checks of `tests/support/`
//! can fail.

#[path = "support/chromium/mod.rs"]
mod chromium;
#[path = "support/wait.rs"]
mod wait;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use chromium::{Page, Scheme, Shape};
use serde_json::json;

const BAD: &str = r#"<!doctype html><title>Bad</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" content="img-src 'none'">
<style>p { width: 2000px; color: #999 } @media (prefers-color-scheme: dark) { p { color: #000 } }</style>
<p>wide and pale</p><img src="none.png"><script>console.error("said by the page"); none();</script>"#;

/// Serves a page at every address of a port.
fn serve(page: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        // A connection that a browser opens to be ready, and says nothing on, must not hold up the others.
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, page));
        }
    });
    address
}

fn answer(mut stream: TcpStream, page: &str) {
    let request = BufReader::new(&stream).lines().map_while(Result::ok);
    // To its end: what is left unread would reset the connection, and the answer with it.
    if request.take_while(|line| !line.is_empty()).count() > 0 {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(format!("{head}{page}").as_bytes());
    }
}

#[tokio::test]
async fn the_checks_see_what_is_wrong() {
    let page = Page::start().await;
    page.shape(Shape::Phone).await;
    page.open(&serve(BAD)).await;
    let rules = async || page.axe().await.into_iter().map(|one| one.rule).collect::<Vec<_>>().join(" ");
    assert_eq!(rules().await, "color-contrast html-has-lang image-alt landmark-one-main page-has-heading-one region");
    page.scheme(Scheme::Dark).await;
    assert_eq!(rules().await, "html-has-lang image-alt landmark-one-main page-has-heading-one region");
    let wider = page.wider_than_screen().await.expect("wider");
    assert!(wider.contains("on 390") && wider.contains("<p>wide and pale</p>"), "{wider}");
    page.run("document.querySelector('p').style.width = 'auto'").await;
    assert_eq!(page.wider_than_screen().await, None);

    let errors = page.console_errors().await;
    for part in ["said by the page", "none is not defined", "Content Security Policy"] {
        assert!(errors.iter().any(|error| error.contains(part)), "{part} is missing: {errors:?}");
    }
    let closed = page.close_despite(&["said by the page", "none is not defined"]);
    let failed = std::panic::AssertUnwindSafe(closed);
    let failed = futures_util::FutureExt::catch_unwind(failed).await;
    assert!(failed.is_err(), "what was not expected fails the story");
}

#[tokio::test]
async fn a_page_can_be_cut_off() {
    let page = Page::start().await;
    page.open(&serve("<!doctype html><title>Good</title>")).await;
    page.offline(true).await;
    let asked = "return fetch('/').then(() => 'answered', () => 'failed')";
    assert_eq!((page.run("return navigator.onLine").await, page.run(asked).await), (json!(false), json!("failed")));
    page.offline(false).await;
    assert_eq!(page.run(asked).await, "answered");
    page.close_despite(&["ERR_INTERNET_DISCONNECTED"]).await;
}

/// Processes of a browser, by its profile.
fn processes(profile: &Path) -> usize {
    let arguments = fs::read_dir("/proc").expect("processes").flatten().map(|one| one.path().join("cmdline"));
    let profile = profile.display().to_string();
    arguments.filter(|path| fs::read_to_string(path).is_ok_and(|line| line.contains(&profile))).count()
}

#[test]
fn nothing_is_left_of_a_browser_whose_test_panics() {
    let (tell, told) = std::sync::mpsc::channel();
    let test = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let page = Page::start().await;
            let profile = page.profile();
            assert!(processes(&profile) > 0 && profile.exists());
            tell.send(profile).expect("somebody listens");
            panic!("as a failing test does");
        });
    });
    assert!(test.join().is_err());
    let profile = told.recv().expect("a profile");
    assert!(!profile.exists());
    wait::until("its processes are gone", || (processes(&profile) == 0).then_some(()));
}
