//! Live streams as their readers have them: so many for each, so many for all, and no more.

use reqwest::{Client, Response, StatusCode};

use crate::now::{client, with_web};
use crate::stage::Stage;
use crate::wait;

const WALL: &str = "canary-of-the-wall-77aa1";
const BOSS: &str = "canary-of-the-boss-93bb2";
/// What docs/security.md promises to each.
const SHARE: usize = 256;
/// What it promises to all of them together.
const ALL: usize = 384;
/// What the log says once of whoever wants more.
const TOO_MANY: &str = "somebody follows 256 live streams, his share";
/// And when all are taken.
const ALL_TAKEN: &str = "384 live streams are open, as many as there may be";

async fn follow(client: &Client, web: &str, path: &str, token: &str) -> Response {
    client.get(format!("{web}{path}")).bearer_auth(token).send().await.expect("an answer")
}

#[tokio::test]
async fn one_token_cannot_take_every_stream() {
    let stage = Stage::open(1).await;
    for (name, token) in [("wall", WALL), ("boss", BOSS)] {
        stage.write(&format!("secrets/{name}"), token);
    }
    let tokens = ", tokens: { wall: { may: read, token: { file: secrets/wall } }, boss: { may: act, token: { file: secrets/boss } } }";
    let web = with_web(&stage, tokens);
    let service = stage.start_with_baseline();
    let client = client();
    // Boards, the page of the present and programs share what a token has.
    let paths = ["/board/sahil/1/events", "/now/events", "/api/v1/events"];
    let mut held = Vec::new();
    for at in 0..SHARE {
        let mut stream = follow(&client, &web, paths[at % 3], WALL).await;
        assert_eq!(stream.status(), StatusCode::OK, "stream {at}");
        assert_eq!(stream.headers()["x-accel-buffering"], "no");
        assert!(stream.chunk().await.expect("a stream").is_some(), "it begins at once");
        held.push(stream);
    }
    for path in paths {
        let refused = follow(&client, &web, path, WALL).await;
        assert_eq!(
            (refused.status(), &refused.headers()["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"60".parse().expect("a value"))
        );
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
        let why = refused.text().await.expect("a body");
        assert!(why.contains("too many live streams are open for this token") && why.contains("256"), "{why}");
    }
    // Neither another token nor a page is held up, and the board itself is served.
    for (path, token) in [(paths[0], BOSS), ("/board/sahil/1", WALL), ("/readyz", WALL)] {
        assert_eq!(follow(&client, &web, path, token).await.status(), StatusCode::OK, "{path}");
    }
    // Two together cannot take the sockets of pages and probes either.
    let mut boss = Vec::new();
    let refused = loop {
        let stream = follow(&client, &web, paths[2], BOSS).await;
        if stream.status() != StatusCode::OK || boss.len() > ALL {
            break stream;
        }
        boss.push(stream);
    };
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"60".parse().expect("a value"))
    );
    let why = refused.text().await.expect("a body");
    assert!(why.contains("there may be 384 at once"), "{why}");
    // The one that looked at a board above may not have given its place back yet.
    assert!((ALL - SHARE - 1..=ALL - SHARE).contains(&boss.len()), "{}", boss.len());
    assert_eq!(follow(&client, &web, "/readyz", WALL).await.status(), StatusCode::OK);
    drop(boss);
    held.pop();
    let is_free = async || follow(&client, &web, paths[0], WALL).await.status() == StatusCode::OK;
    wait::eventually("a place that was given back", is_free).await;
    assert_eq!([TOO_MANY, ALL_TAKEN].map(|it| service.log().matches(it).count()), [1, 1], "{}", service.story());
    assert!(service.end("TERM").success());
    stage.close_despite(&[TOO_MANY, ALL_TAKEN]);
}
