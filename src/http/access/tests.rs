//! Who is let in, by table: the header of a proxy, tokens, cookies, and whoever sits at this machine.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Request;

use super::*;

const WALL: &str = "canary-of-the-wall-77aa";
const ANAR: &str = "canary-of-anar-91be55cd";
const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

fn tokens() -> Settings {
    let token = |may, secret| Token { may, secret: Secret::new(secret) };
    let tokens = [("wall", token(Role::Read, WALL)), ("anar.k", token(Role::Act, ANAR))];
    Settings { tokens: tokens.map(|(name, token)| (name.to_owned(), token)).into(), proxy: None }
}

fn behind_proxy() -> Settings {
    let from = vec!["10.0.0.2".parse().expect("an address")];
    let users = Some(Users { header: "remote-user".to_owned(), may: Role::Act });
    Settings { proxy: Some(Proxy { from, users }), ..tokens() }
}

fn gate(settings: Settings) -> Gate {
    let public_url = PublicUrl::new("https://86.example.com/kitchen").expect("an address");
    Gate::new(settings, Some(&public_url), 8686, Secret::new("a key"))
}

/// Makes the head of a request: `GET`, and lines such as `cookie: a=b`.
fn head(method: &str, lines: &[&str]) -> Parts {
    let mut request = Request::builder().method(method).uri("/board");
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    request.body(()).expect("a request").into_parts().0
}

fn who(gate: &Gate, method: &str, lines: &[&str], peer: &str) -> Result<(String, Role), Refusal> {
    let peer: IpAddr = peer.parse().expect("an address");
    let found = gate.visitor(&head(method, lines), peer, NOW, Uptime::default());
    found.map(|visitor| (visitor.name, visitor.may))
}

#[test]
fn whoever_sits_here_may_do_everything_and_a_strange_page_nothing() {
    let gate = gate(Settings::default());
    let here = Ok((String::new(), Role::Admin));
    for (method, lines, expected) in [
        ("GET", &["host: 127.0.0.1:8686"][..], here.clone()),
        ("GET", &["host: [::1]:8686"], here.clone()),
        ("GET", &["host: localhost"], here.clone()),
        // A name that was made to lead here, by the page that asks.
        ("GET", &["host: evil.example:8686"], Err(Refusal::ForeignHost)),
        ("GET", &["host: 192.168.1.5"], Err(Refusal::ForeignHost)),
        ("POST", &["host: localhost", "sec-fetch-site: same-origin"], here.clone()),
        ("POST", &["host: localhost", "sec-fetch-site: cross-site"], Err(Refusal::CrossSite)),
        ("POST", &["host: localhost", "sec-fetch-site: same-site"], Err(Refusal::CrossSite)),
        ("POST", &["host: localhost:1", "origin: http://localhost:1"], here.clone()),
        ("POST", &["host: localhost:1", "origin: http://localhost:2"], Err(Refusal::CrossSite)),
        ("POST", &["host: localhost:1", "origin: null"], Err(Refusal::CrossSite)),
        // curl.
        ("POST", &["host: localhost"], here.clone()),
        ("POST", &["host: localhost", "cookie: a=b"], Err(Refusal::CrossSite)),
    ] {
        assert_eq!(who(&gate, method, lines, "127.0.0.1"), expected, "{method} {lines:?}");
    }
}

#[test]
fn who_may_not_reload_is_told_who_may() {
    let gate = gate(tokens());
    for (token, expected) in
        [(WALL, Err(Refusal::NotAllowed(Role::Admin))), (ANAR, Err(Refusal::NotAllowed(Role::Admin)))]
    {
        let mut head = head("POST", &[&format!("authorization: Bearer {token}")]);
        head.uri = "/api/v1/reload".parse().expect("a path");
        let found = gate.visitor(&head, "192.168.1.9".parse().expect("an address"), NOW, Uptime::default());
        assert_eq!(found.map(|visitor| visitor.may), expected);
    }
}

#[test]
fn a_token_says_who_and_what_he_may() {
    let gate = gate(tokens());
    let bearer = |token: &str| format!("authorization: Bearer {token}");
    let (wall, anar, wrong) = (bearer(WALL), bearer(ANAR), bearer("canary-of-nobody-at-all"));
    for (method, lines, expected) in [
        ("GET", vec![], Err(Refusal::Unknown)),
        ("GET", vec![wall.as_str()], Ok(("wall".to_owned(), Role::Read))),
        ("POST", vec![&wall], Err(Refusal::NotAllowed(Role::Act))),
        ("POST", vec![&anar], Ok(("anar.k".to_owned(), Role::Act))),
        // A token is sent by nobody but who knows it.
        ("POST", vec![&anar, "sec-fetch-site: cross-site"], Ok(("anar.k".to_owned(), Role::Act))),
        ("GET", vec![&wrong], Err(Refusal::Wrong)),
        ("GET", vec!["authorization: Basic d2FsbDp4"], Err(Refusal::Unknown)),
        ("GET", vec!["remote-user: anar"], Err(Refusal::Unknown)),
    ] {
        assert_eq!(who(&gate, method, &lines, "10.0.0.9"), expected, "{method} {lines:?}");
    }
}

#[test]
fn the_header_of_the_proxy_counts_and_that_of_others_does_not() {
    let gate = gate(behind_proxy());
    for (peer, lines, expected) in [
        ("10.0.0.2", &["host: 86.example.com", "remote-user: leyla"][..], Ok(("leyla".to_owned(), Role::Act))),
        ("::ffff:10.0.0.2", &["host: 86.example.com", "remote-user: leyla"], Ok(("leyla".to_owned(), Role::Act))),
        // A page whose name was made to lead here may send any header.
        ("10.0.0.2", &["host: evil.example:8686", "remote-user: leyla"], Err(Refusal::ForeignHost)),
        ("10.0.0.2", &["remote-user: leyla"], Err(Refusal::ForeignHost)),
        ("10.0.0.2", &["remote-user: "], Err(Refusal::Unknown)),
        ("10.0.0.2", &[], Err(Refusal::Unknown)),
        ("10.0.0.3", &["remote-user: leyla"], Err(Refusal::Unknown)),
    ] {
        assert_eq!(who(&gate, "GET", lines, peer), expected, "{peer} {lines:?}");
    }
}

#[test]
fn streams_are_counted_by_name_and_else_by_address() {
    let named = |name: &str| Holder::Named(name.to_owned());
    let from = |address: &str| Holder::Address(address.parse().expect("an address"));
    let proxy = Proxy { from: vec!["127.0.0.1".parse().expect("an address")], users: None };
    let nobody = gate(Settings { tokens: BTreeMap::new(), proxy: Some(proxy) });
    let (tokens, users) = (gate(tokens()), gate(behind_proxy()));
    let bearer = format!("authorization: Bearer {WALL}");
    for (gate, lines, peer, expected) in [
        (&tokens, &[bearer.as_str()][..], "10.0.0.7", named("wall")),
        (&users, &["host: 86.example.com", "remote-user: leyla"], "10.0.0.2", named("leyla")),
        (&nobody, &["host: localhost"], "127.0.0.1", from("127.0.0.1")),
        (&nobody, &["host: localhost", "x-forwarded-for: 10.0.0.9"], "127.0.0.1", from("10.0.0.9")),
        // Whoever has one address of IPv6 has a network of them.
        (&nobody, &["host: localhost", "x-forwarded-for: 2001:db8::1:2:3:4"], "127.0.0.1", from("2001:db8::")),
    ] {
        let peer: IpAddr = peer.parse().expect("an address");
        let head = head("GET", lines);
        let visitor = gate.visitor(&head, peer, NOW, Uptime::default()).expect("a visitor");
        assert_eq!(gate.holder(&visitor, &head.headers, peer), expected, "{lines:?}");
    }
}

#[test]
fn a_cookie_is_good_for_its_token_and_its_time() {
    let gate = gate(tokens());
    let settings = tokens();
    let made = |name: &str, at: Timestamp| {
        let reach = Reach { base: "", is_encrypted: false };
        let cookie = gate.sessions.cookie(name, &settings.tokens[name], reach, at);
        let text = cookie.to_str().expect("ASCII").to_owned();
        assert!(!text.contains("canary"), "a cookie holds no token");
        assert!(text.contains("; HttpOnly; SameSite=Lax") && text.starts_with("eightysix-8686="), "{text}");
        format!("cookie: other=1; {}", text.split(';').next().expect("a pair"))
    };
    let day = Duration::from_hours(24);
    let good = made("anar.k", NOW);
    let changed = good.replace("anar.k", "wall");
    let (old, future) = (made("wall", NOW.minus(90 * day)), made("wall", NOW.plus(day)));
    for (lines, expected) in [
        (vec![good.as_str()], Ok(("anar.k".to_owned(), Role::Act))),
        (vec![&changed], Err(Refusal::Unknown)),
        (vec![&old], Err(Refusal::Unknown)),
        (vec![&future], Err(Refusal::Unknown)),
        (vec!["cookie: eightysix-8686=anar.k.1.x"], Err(Refusal::Unknown)),
        (vec!["cookie: eightysix-8686="], Err(Refusal::Unknown)),
    ] {
        assert_eq!(who(&gate, "GET", &lines, "10.0.0.9"), expected, "{lines:?}");
    }
    assert_eq!(who(&gate, "POST", &[&good, "sec-fetch-site: cross-site"], "10.0.0.9"), Err(Refusal::CrossSite));
    // Another token of the same name, after it was changed.
    let mut renewed = tokens();
    renewed
        .tokens
        .insert("anar.k".to_owned(), Token { may: Role::Act, secret: Secret::new("canary-of-anar-the-second") });
    let gate = self::gate(renewed);
    assert_eq!(who(&gate, "GET", &[&good], "10.0.0.9"), Err(Refusal::Unknown));
}

#[test]
fn a_cookie_goes_to_our_pages_alone_and_is_kept_where_nothing_is_encrypted() {
    let (gate, settings) = (gate(tokens()), tokens());
    for (host, expected) in [
        ("86.example.com", "Path=/kitchen; Max-Age=7776000; HttpOnly; SameSite=Lax; Secure"),
        // A tablet of the house, past the proxy.
        ("192.168.1.5:8686", "Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax"),
    ] {
        let head = head("GET", &[&format!("host: {host}")]);
        let cookie = gate.sessions.cookie("wall", &settings.tokens["wall"], gate.reach(&head.headers), NOW);
        let text = cookie.to_str().expect("ASCII").to_owned();
        assert_eq!(text.split_once("; ").expect("attributes").1, expected, "{host}");
    }
}

#[test]
fn who_is_wrong_too_often_waits_and_others_do_not() {
    let gate = gate(behind_proxy());
    let wrong = ["authorization: Bearer canary-of-nobody-at-all"];
    let right = format!("authorization: Bearer {WALL}");
    for _ in 0..FAILURES_PER_MINUTE_MAX {
        assert_eq!(who(&gate, "GET", &wrong, "2001:db8::1"), Err(Refusal::Wrong));
    }
    // Nobody learns in this minute whether a token fits, from the whole network.
    assert_eq!(who(&gate, "GET", &[&right], "2001:db8::2"), Err(Refusal::TooOften));
    assert!(who(&gate, "GET", &[&right], "2001:db8:0:1::1").is_ok());
    // Behind the proxy each address that it names counts for itself.
    let from = |address: &str| format!("x-forwarded-for: 1.1.1.1, {address}");
    for _ in 0..=FAILURES_PER_MINUTE_MAX {
        let _ = who(&gate, "GET", &[wrong[0], &from("10.9.9.9")], "10.0.0.2");
    }
    assert_eq!(who(&gate, "GET", &[&right, &from("10.9.9.9")], "10.0.0.2"), Err(Refusal::TooOften));
    assert!(who(&gate, "GET", &[&right, &from("10.9.9.8")], "10.0.0.2").is_ok());
    let later = Uptime(Duration::from_mins(1));
    assert!(gate.tried(WALL, "2001:db8::1".parse().expect("an address"), later).is_ok());
}

#[test]
fn nobody_else_is_listened_to_before_he_is_asked_who_he_is() {
    let url = |text: &str| PublicUrl::new(text).expect("an address");
    let (public, local) = (url("https://86.example.com"), url("http://localhost:8686"));
    let from = vec!["127.0.0.1".parse().expect("an address")];
    let passed_on = Settings { tokens: BTreeMap::new(), proxy: Some(Proxy { from, users: None }) };
    let short = Settings {
        tokens: [("a", "short"), ("b", WALL), ("c", WALL)]
            .map(|(name, secret)| (name.to_owned(), Token { may: Role::Read, secret: Secret::new(secret) }))
            .into(),
        proxy: None,
    };
    for (settings, listen, url, expected) in [
        (Settings::default(), "127.0.0.1:8686", None, &[][..]),
        (Settings::default(), "[::1]:8686", Some(&local), &[]),
        (Settings::default(), "0.0.0.0:8686", None, &["listen"]),
        (Settings::default(), "127.0.0.1:8686", Some(&public), &["public_url"]),
        (tokens(), "0.0.0.0:8686", Some(&public), &[]),
        (short, "0.0.0.0:8686", None, &["tokens", "tokens"]),
        (behind_proxy(), "127.0.0.1:8686", Some(&public), &[]),
        (behind_proxy(), "127.0.0.1:8686", None, &["proxy"]),
        // One that only says from where its requests come asks nobody who he is.
        (passed_on, "127.0.0.1:8686", Some(&public), &["public_url"]),
    ] {
        let found = problems(&settings, listen.parse().expect("an address"), url);
        let fields: Vec<&str> = found.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, expected, "{listen} {url:?}");
        assert!(found.iter().all(|(_, why)| !why.contains("canary") && !why.contains("short")), "{found:?}");
    }
}
