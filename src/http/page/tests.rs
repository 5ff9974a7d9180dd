//! Whatever is sent to the address of a page, a person reads what to do, in his language; by the real listener.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::http::desk::Desk;
use crate::http::live::Live;
use crate::http::page::Section;
use crate::http::tests::policy;
use crate::http::words::{access as access_words, board as board_words, manager, refusal as words};
use crate::http::{Settings, Surroundings, bind, serve};
use crate::language::Language;
use crate::metrics::Insight;
use crate::store::Store;
use crate::units::{BrandId, Secret, Zone};

/// A brand of which nothing is known yet, beside an empty store.
async fn surroundings(folder: &std::path::Path) -> Surroundings {
    let policy = policy(Zone::utc());
    let store = Store::open(&folder.join("eightysix.db")).await.expect("a store");
    Surroundings {
        live: Live::new([BrandId::new("sahil").expect("a slug")]),
        policy: Arc::new(policy),
        key: Secret::new("key"),
        broker: None,
        insight: Insight::default(),
        ack: None,
        desk: Some(Desk::new(store, Arc::default(), mpsc::channel(1).0, Arc::new(|_, _| ()))),
    }
}

/// What a page says, of a request whose line is `GET /path` and whose body has this type.
async fn ask(address: SocketAddr, line: &str, language: Language, (kind, body): (&str, &str)) -> String {
    let (code, length) = (language.code(), body.len());
    let head = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: text/html\r\nAccept-Language: {code}\r\n\
         Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut tcp = TcpStream::connect(address).await.expect("a socket");
    tcp.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A server that has heard enough may close before it read all.
    let _ = tcp.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("a text")
}

/// Every policy of content that an answer has.
fn policies(answer: &str) -> Vec<&str> {
    let (head, _) = answer.split_once("\r\n\r\n").expect("an answer");
    head.lines().filter_map(|line| line.strip_prefix("content-security-policy: ")).collect()
}

const FORM: &str = "application/x-www-form-urlencoded";

/// What a browser may load and run of a page and whatever it leads to: what this server sends, and nothing of the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a refusal says, in the language of its reader.
type Says = fn(Language) -> &'static str;

/// A request, the type of its body and the body, with what status it is answered, of which section, and in which words.
type Case<'a> = (&'a str, (&'a str, &'a str), u16, Option<Section>, Says);

fn no_silence(language: Language) -> &'static str {
    crate::http::words::now::no_such_silence(language)
}

fn no_rule(language: Language) -> &'static str {
    crate::http::words::rules::labels(language).gone
}

fn no_history(language: Language) -> &'static str {
    crate::http::words::history::labels(language).gone
}

fn is_over(language: Language) -> &'static str {
    match language {
        Language::En => "It is over. Nothing is left to do.",
        Language::Az => "Artıq bitib. Heç nə etmək lazım deyil.",
        Language::Ru => "Уже закончилось. Делать ничего не нужно.",
    }
}

#[tokio::test]
async fn whatever_is_sent_to_a_page_is_answered_by_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Settings::default() };
    let bound = bind(&settings).await.expect("a port");
    let (address, stop) = (bound.address(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(bound, surroundings(folder.path()).await, stop.clone()));

    let long = "x".repeat(20_000);
    let (form, text, long) = ((FORM, "by=Anar"), ("text/plain", "by=Anar"), (FORM, long.as_str()));
    let (now, board, history) = (Some(Section::Now), Some(Section::Boards), Some(Section::History));
    let (deliveries, rules, freshness) = (Some(Section::Deliveries), Some(Section::Rules), Some(Section::Freshness));
    let cases: &[Case<'_>] = &[
        ("GET /now?lang=&done=a&done=b", form, 400, now, words::address),
        ("POST /now", form, 405, now, words::method),
        ("DELETE /now/events", form, 405, now, words::method),
        ("GET /now/%ff/x/acknowledge", form, 404, now, words::nothing_here),
        ("GET /now/sahil/x/acknowledge", form, 410, now, is_over),
        ("POST /now/sahil/x/acknowledge", form, 410, now, is_over),
        ("POST /now/sahil/x/acknowledge", text, 415, now, words::form),
        ("POST /now/sahil/x/acknowledge", long, 413, now, words::too_large),
        ("GET /now/%ff/x/silence", form, 404, now, words::nothing_here),
        ("POST /now/nobody/x/silence", form, 410, now, is_over),
        ("POST /now/sahil/x/silence", text, 415, now, words::form),
        ("POST /now/sahil/x/silence", long, 413, now, words::too_large),
        ("POST /now/sahil/silence/%ff/end", form, 404, now, words::nothing_here),
        ("POST /now/sahil/silence/x/end", form, 410, now, no_silence),
        ("GET /now/sahil/silence/x/end", form, 405, now, words::method),
        ("PUT /board", form, 405, board, words::method),
        ("GET /board/%ff/1", form, 404, board, words::nothing_here),
        ("GET /board/sahil/x", form, 404, board, board_words::gone),
        ("GET /board/sahil/1/events", form, 404, board, board_words::gone),
        ("GET /board/sahil/1/station/x", form, 404, board, board_words::gone),
        ("GET /board/sahil/1/station/%ff/events", form, 404, board, words::nothing_here),
        ("GET /history?q=a&q=b", form, 400, history, words::address),
        ("GET /history/sahil/x", form, 404, history, words::nothing_here),
        ("GET /history/sahil/1/x", form, 404, history, words::nothing_here),
        ("GET /history/sahil/1?from=x", form, 400, history, words::address),
        ("GET /history/sahil/1", form, 404, history, no_history),
        ("POST /history/sahil/1", form, 405, history, words::method),
        ("GET /deliveries?before=x", form, 400, deliveries, words::address),
        ("GET /deliveries?state=dead&state=dead", form, 400, deliveries, words::address),
        ("GET /deliveries/resend", form, 405, deliveries, words::method),
        ("POST /deliveries/resend", text, 415, deliveries, words::form),
        ("GET /rules?from=x", form, 400, rules, words::address),
        ("GET /rules/%ff", form, 404, rules, words::nothing_here),
        ("GET /rules/none", form, 404, rules, no_rule),
        ("GET /rules/none?from=-1", form, 400, rules, words::address),
        ("POST /freshness", form, 405, freshness, words::method),
        // Of whom nobody knows who he is, nobody is told where to go.
        ("GET /login?to=a&to=b", form, 400, None, words::address),
        ("PUT /login", form, 405, None, words::method),
        ("POST /login", text, 415, None, words::form),
        ("POST /login", long, 413, None, words::too_large),
        ("POST /login", (FORM, "to=/now"), 401, None, access_words::wrong),
        ("GET /logout", form, 405, None, words::method),
        ("GET /nowhere", form, 404, None, words::nothing_here),
        ("GET /deliveries/9", form, 404, None, words::nothing_here),
    ];
    for (line, sent, status, section, says) in cases {
        for language in Language::ALL {
            let page = ask(address, line, language, *sent).await;
            let said = says(language);
            assert!(page.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {sent:?} {status}: {page}");
            assert!(page.contains("content-type: text/html") && page.contains("no-store"), "{line}: {page}");
            assert_eq!(policies(&page), [POLICY], "{line}");
            assert!(page.contains(&format!("<html lang=\"{}\">", language.code())), "{line} {language:?}: {page}");
            assert!(page.contains(&format!(">{said}")), "{line} says '{said}' in {page}");
            let here = section.map(|section| {
                let name = manager::section(language, section);
                format!("<a href=\"{}\" aria-current=\"page\">{name}</a>", section.path())
            });
            assert!(here.is_none_or(|here| page.contains(&here)), "{line} is of {section:?}: {page}");
            assert_eq!(page.contains("class=\"sections\""), section.is_some(), "{line}: {page}");
            // What was sent is not sent again by a link, and nobody is signed in here: nothing is left to choose.
            let is_asking = line.starts_with("GET ");
            assert_eq!(page.contains("hreflang=\"az\""), is_asking || page.contains("id=\"token\""), "{line}: {page}");
        }
    }
    // What is shown to whoever was let in has the same policy, and what it loads has it as well.
    for path in ["/now", "/board", "/history", "/deliveries", "/rules", "/freshness", "/board/worker.js"] {
        let page = ask(address, &format!("GET {path}"), Language::En, form).await;
        assert!(page.starts_with("HTTP/1.1 200 "), "{path}: {page}");
        assert_eq!(policies(&page), [POLICY], "{path}");
    }
    // The way back is kept when the language is chosen after a token that did not fit.
    let page = ask(address, "POST /login", Language::Ru, (FORM, "token=wrong&to=/board?x%3D1")).await;
    assert!(page.contains("href=\"?to=%2Fboard%3Fx%3D1&#38;lang=az\""), "{page}");
    stop.cancel();
    tasks.join_next().await.expect("a task").expect("no panic");
}
