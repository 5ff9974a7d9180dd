//! The one-box installation: no broker beside it, screens read from the service itself, by MQTT and through the browser.

use std::process::{Command, Output};

use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::stage::Stage;
use crate::wait::PATIENCE;

const PASSWORD: &str = "screens-only";

fn mosquitto(program: &str, port: u16, arguments: &[&str]) -> Output {
    let port = port.to_string();
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &port, "-V", "5", "-q", "1"]).args(arguments);
    command.output().expect("mosquitto-clients must be installed (tests/run does it)")
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port()
}

#[tokio::test]
async fn screens_read_with_the_password_and_can_do_nothing_else() {
    let stage = Stage::open(1).await;
    let (port, web) = (free_port(), free_port());
    stage.write("secrets/screens", PASSWORD);
    let line = format!(
        "mqtt:\n  screens: {{ listen: \"127.0.0.1:{port}\", username: display, password: {{ file: secrets/screens }} }}\n"
    );
    stage.edit("eightysix.yaml", "mqtt:\n", &line);
    stage.edit("eightysix.yaml", "feed: [kitchen]", "feed: [screens]");
    stage.edit("eightysix.yaml", "kitchen: { mqtt: { broker: kitchen } }", "kitchen: { mqtt: { broker: screens } }");
    stage.edit(
        "eightysix.yaml",
        "http: { listen: \"127.0.0.1:0\" }",
        &format!("http: {{ listen: \"127.0.0.1:{web}\" }}"),
    );
    let service = stage.start_with_baseline();

    let login = ["-u", "display", "-P", PASSWORD];
    let read = |more: &[&str]| mosquitto("mosquitto_sub", port, &[&login, more].concat());
    let list = read(&["-t", "eightysix/v1/sahil/1/stop", "-C", "1", "-W", "30"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("the list");
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["state"]), (&105.into(), &"out".into()), "{list}");

    for wrong in [["-u", "display", "-P", "guessed"], ["-u", "chef", "-P", PASSWORD]] {
        let refused = mosquitto("mosquitto_sub", port, &[&wrong[..], &["-t", "#", "-C", "1", "-W", "30"]].concat());
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    }
    // A screen that publishes is refused, and nobody sees what it published.
    let forged = ["-t", "eightysix/v1/sahil/1/product/101", "-r", "-m", "forged"];
    let refused = mosquitto("mosquitto_pub", port, &[&login[..], &forged].concat());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() || said.contains("not authori") || said.contains("Not authori"), "{refused:?}");
    stage.pos.limit(102, 0);
    let product = read(&["-t", "eightysix/v1/sahil/1/product/+", "-C", "2", "-W", "30", "-F", "%t %p"]);
    let product = String::from_utf8_lossy(&product.stdout).into_owned();
    assert!(product.contains("/product/105 {") && product.contains("/product/102 {"), "{product}");
    assert!(!product.contains("forged"), "{product}");

    let seen = from_a_browser(web).await;
    assert!(seen.contains("eightysix/v1/sahil/1/stop") && seen.contains("Quzu antrekotu"), "{seen}");
    assert!(service.end("TERM").success());
    let gone = mosquitto("mosquitto_sub", port, &["-t", "#", "-C", "1", "-W", "5"]);
    assert!(!gone.status.success(), "the broker went with the service");
    stage.close();
}

/// Connects by WebSocket, subscribes to the stop list of venue 1, and returns what comes first.
async fn from_a_browser(port: u16) -> String {
    let mut request = format!("ws://127.0.0.1:{port}/mqtt").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "mqtt".parse().expect("a value"));
    let (mut socket, _) = timeout(PATIENCE, connect_async(request)).await.expect("in time").expect("the door opens");
    let text = |text: &str| [&u16::try_from(text.len()).expect("short").to_be_bytes(), text.as_bytes()].concat();
    // CONNECT of MQTT 3.1.1: clean session, user name, password, 60 s; then SUBSCRIBE with QoS 0.
    let connect = [text("MQTT"), vec![4, 0xc2, 0, 60], text("browser"), text("display"), text(PASSWORD)].concat();
    let subscribe = [vec![0, 1], text("eightysix/v1/sahil/1/stop"), vec![0]].concat();
    for (kind, body) in [(0x10, connect), (0x82, subscribe)] {
        let packet = [vec![kind, u8::try_from(body.len()).expect("below 128")], body].concat();
        socket.send(Message::binary(packet)).await.expect("sent");
    }
    let mut seen = Vec::new();
    let read = timeout(PATIENCE, async {
        while !String::from_utf8_lossy(&seen).contains("\"items\"") {
            let message = socket.next().await.expect("more").expect("a message");
            seen.extend_from_slice(&message.into_data());
        }
    });
    read.await.expect("the list in time");
    String::from_utf8_lossy(&seen).into_owned()
}
