//! TLS of every way out: what is not the right server is refused with a reason that says what to change, and hears no
//! secret; an authority of one's own is trusted where it is named.

use std::path::{Path, PathBuf};

use crate::front::{Front, Manner, acceptor, acceptor_for};
use crate::process::Service;
use crate::stage::{CANARIES, Stage};
use crate::tls::{Authority, Flaw};
use crate::{canary, wait};

/// What an HTTP server says to a client that speaks TLS, and what it looks like to all of them: not TLS.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
/// The record by which a server that knows only TLS 1.0 or 1.1 refuses a client that asks for more (alert 70).
const TOO_OLD: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 70];

/// Everything that is reached over TLS, by its name in `check --online`.
const WAYS: [&str; 5] =
    ["clopos, brand sahil, credentials", "mqtt kitchen", "smtp direct", "smtp starttls", "webhook of ops"];

/// The address of Clopos behind a front.
fn url(front: &Front) -> String {
    format!("https://localhost:{}/open-api/v2", front.port)
}

/// Configures every client but that of `clopos` to reach `front`, or `starttls`, by TLS, with these authorities besides
/// the system's.
fn configure(stage: &Stage, clopos: &str, front: u16, starttls: u16, ca: Option<&Path>) {
    let ca = ca.map(|file| format!(", ca_file: {}", file.display())).unwrap_or_default();
    let of_clopos = if clopos.starts_with("https://") { &ca } else { "" };
    let login = "username: alerts@example.com, password: { file: secrets/smtp }, from: 86@example.com";
    let configuration = format!(
        "locale: {{ timezone: Asia/Baku, currency: AZN }}
clopos:
  {{ base_url: \"{clopos}\", integrator_id: int-demo{of_clopos},
    brands: [{{ brand: sahil, client_id: sahil-client, client_secret: {{ file: secrets/client }}, requests_per_minute: 290 }}] }}
polling: {{ fastest: 1s, oldest: 60s, catalog: 5s, prices: 5s }}
mqtt: {{ kitchen: {{ url: \"mqtts://localhost:{front}\", username: eightysix, password: {{ file: secrets/mqtt }}{ca} }} }}
smtp:
  direct: {{ url: \"smtps://localhost:{front}\", {login}{ca} }}
  starttls: {{ url: \"smtp://localhost:{starttls}\", {login}{ca} }}
receivers:
  kitchen: {{ mqtt: {{ broker: kitchen }} }}
  managers: {{ email: {{ smtp: direct, to: [manager@example.com] }}, group_wait: 200ms }}
  office: {{ email: {{ smtp: starttls, to: [office@example.com] }}, group_wait: 200ms }}
  ops:
    webhook:
      {{ url: \"https://localhost:{front}/hook\", secrets: [{{ file: secrets/hook }}], allow_private: [localhost],
        headers: {{ Authorization: {{ file: secrets/token }} }}{ca} }}
rules: [rules.yaml]
http: {{ listen: \"127.0.0.1:0\" }}
"
    );
    stage.write("eightysix.yaml", &configuration);
}

/// Checks online and returns why each way failed, in the order of [`WAYS`].
fn refusals(stage: &Stage) -> Vec<String> {
    let checked = stage.eightysix(&["check", "--online", "--json", "--config", "eightysix.yaml"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let tried = checked.objects();
    WAYS.iter()
        .map(|way| {
            let object =
                tried.iter().find(|object| object["tried"] == *way).unwrap_or_else(|| panic!("{way}: {tried:?}"));
            assert_eq!(object["ok"], false, "{object}");
            object["text"].as_str().expect("a reason").to_owned()
        })
        .collect()
}

/// What stands at the other end, whether our clients trust its authority, and what each of them must say.
struct Case {
    name: &'static str,
    direct: Manner,
    starttls: Manner,
    ca: Option<PathBuf>,
    says: &'static str,
}

fn cases(stage: &Stage) -> Vec<Case> {
    let folder = stage.path("secrets/authority");
    std::fs::create_dir(&folder).expect("a folder");
    let authority = Authority::new(&folder);
    let flawed = |name, flaw, says| {
        let tls = acceptor(&authority.flawed(flaw), &authority.key());
        let ca = Some(authority.ca_file());
        Case { name, direct: Manner::Tls(tls.clone()), starttls: Manner::StartTls(tls), ca, says }
    };
    let good = acceptor(&authority.certificate(), &authority.key());
    let answers = |name, bytes, says| {
        let (direct, starttls) = (Manner::Answer(bytes), Manner::StartTlsAnswer(bytes));
        Case { name, direct, starttls, ca: Some(authority.ca_file()), says }
    };
    vec![
        flawed("expired", Flaw::Expired, "its certificate expired on 2020-01-02, and this machine's clock says 20"),
        flawed("not yet", Flaw::NotYet, "its certificate begins on 2090-01-01"),
        flawed("another name", Flaw::OtherName, "its certificate is for elsewhere.example.com, not for localhost"),
        flawed("self-signed", Flaw::SelfSigned, "its certificate is self-signed"),
        Case {
            name: "unknown authority",
            direct: Manner::Tls(good.clone()),
            starttls: Manner::StartTls(good),
            ca: None,
            says: "name the authority's certificate in ca_file",
        },
        answers("no TLS", PLAIN, "does not speak TLS on this port"),
        answers("old TLS", TOO_OLD, "it speaks only versions of TLS before 1.2"),
    ]
}

#[tokio::test]
async fn what_is_not_the_right_server_is_refused_and_told_nothing() {
    let stage = Stage::open(1).await;
    for Case { name, direct, starttls, ca, says } in cases(&stage) {
        let (direct, starttls) = (Front::start(direct, None), Front::start(starttls, None));
        configure(&stage, &url(&direct), direct.port, starttls.port, ca.as_deref());
        for (way, said) in WAYS.iter().zip(refusals(&stage)) {
            assert!(said.contains(says) && said.contains("localhost"), "{name}, {way}: {said}");
        }
        assert_told_nothing(&format!("{name}, the server"), &direct);
        assert_told_nothing(&format!("{name}, the mail server"), &starttls);
    }
    stage.close();
}

/// A server was asked for TLS and heard nothing else.
fn assert_told_nothing(who: &str, front: &Front) {
    let wire = front.wire();
    assert!(!wire.is_empty(), "{who} was asked");
    canary::assert_none(&format!("what {who} heard"), &wire, &CANARIES.map(str::to_owned));
    assert!(front.within().is_empty(), "{who}: nothing is said within a TLS that was refused");
    let begun = String::from_utf8_lossy(&wire).into_owned();
    assert!(!begun.contains("AUTH") && !begun.contains("POST"), "{who}: {begun}");
}

/// Waits until the service says why it does not talk to somebody, in a line about him for those who look at warnings.
fn says_of(service: &Service, of_whom: &str, why: &str) {
    let is_shown = |line: &str| line.contains(" WARN ") || line.contains(" ERROR ");
    let is_it =
        |line: &&str| is_shown(line) && line.contains(of_whom) && line.contains(why) && line.contains("localhost");
    let said = wait::within_patience(|| service.story().lines().any(|line| is_it(&line)).then_some(()));
    assert!(said.is_some(), "never said of {of_whom}: {why}\n{}", service.story());
}

/// Not a check, but the service while it runs: it says what to change and goes on, and its login is not sent.
#[tokio::test]
async fn a_service_reads_nothing_from_a_server_that_is_not_the_right_one() {
    let stage = Stage::open(1).await;
    for Case { name, direct, starttls: _, ca, says } in cases(&stage) {
        let clopos = Front::start(direct, None);
        configure(&stage, &url(&clopos), clopos.port, clopos.port, ca.as_deref());
        let service = stage.start_with(&["--log", "trace,eightysix=trace"], &[]);
        says_of(&service, "brand=sahil", says);
        assert!(service.end("TERM").success(), "{name}");
        assert_told_nothing(&format!("{name}, Clopos"), &clopos);
    }
    drop(stage);
}

#[tokio::test]
async fn a_service_tells_nothing_to_a_server_that_is_not_the_right_one() {
    let stage = Stage::open(1).await;
    stage.pos.limit(105, 0);
    stage.edit("rules.yaml", "[kitchen, managers, ops]", "[kitchen, managers, office, ops]");
    for Case { name, direct, starttls, ca, says } in cases(&stage) {
        let (direct, starttls) = (Front::start(direct, None), Front::start(starttls, None));
        // Clopos itself is read, so that there is something to tell.
        let plain = format!("http://{}/open-api/v2", stage.pos.address);
        configure(&stage, &plain, direct.port, starttls.port, ca.as_deref());
        let service = stage.start_with(&["--log", "trace,eightysix=trace"], &[]);
        for of_whom in ["broker=kitchen", "receiver=managers", "receiver=office", "receiver=ops"] {
            says_of(&service, of_whom, says);
        }
        assert!(service.end("TERM").success(), "{name}");
        assert_told_nothing(&format!("{name}, the server"), &direct);
        assert_told_nothing(&format!("{name}, the mail server"), &starttls);
        // The next one is told anew, and not when the last one is tried again.
        for file in ["eightysix.db", "eightysix.db-wal", "eightysix.db-shm"] {
            let _ = std::fs::remove_file(stage.path(file));
        }
    }
    drop(stage);
}

/// Without a restart: first Clopos, and then everybody who is told of what was read there.
#[tokio::test]
async fn a_service_takes_a_server_as_soon_as_its_authority_is_named() {
    let stage = Stage::open(1).await;
    let mut screen = stage.screen("encrypted").await;
    stage.pos.limit(105, 0);
    let folder = stage.path("secrets/authority");
    std::fs::create_dir(&folder).expect("a folder");
    let authority = Authority::new(&folder);
    let front = |behind: std::net::SocketAddr| {
        Front::start(Manner::Tls(acceptor(&authority.certificate(), &authority.key())), Some(behind))
    };
    let clopos = front(stage.pos.address);
    let broker = front(([127, 0, 0, 1], stage.broker.port).into());
    let hooks = front(([127, 0, 0, 1], stage.hooks.port()).into());
    let mail_ca = format!("    ca_file: {}\n", stage.mail.ca_file().display());
    let ca = format!("ca_file: {}", authority.ca_file().display());
    let address = format!("{}\n", url(&clopos));
    let mqtts = format!("mqtts://localhost:{}\"", broker.port);
    let hook = format!("https://localhost:{}/hook\n", hooks.port);
    for (from, to) in [
        (format!("http://{}/open-api/v2\n", stage.pos.address), address.clone()),
        (format!("mqtt://127.0.0.1:{}\"", stage.broker.port), mqtts.clone()),
        (format!("{}\n", stage.hooks.url()), hook.clone()),
        ("[127.0.0.1]".to_owned(), "[localhost]".to_owned()),
        ("smtps://127.0.0.1:".to_owned(), "smtps://localhost:".to_owned()),
        (mail_ca.clone(), String::new()),
    ] {
        stage.edit("eightysix.yaml", &from, &to);
    }
    let why = "name the authority's certificate in ca_file";
    let service = stage.start_with(&["--log", "trace,eightysix=trace"], &[]);
    says_of(&service, "brand=sahil", why);
    says_of(&service, "broker=kitchen", why);
    assert_eq!((stage.pos.answered(), clopos.within().len()), (0, 0), "nothing was asked of Clopos");

    stage.edit("eightysix.yaml", &address, &format!("{address}  {ca}\n"));
    service.signal("HUP");
    stage.pos.wait_for_polls(2);
    for receiver in ["receiver=managers", "receiver=ops"] {
        says_of(&service, receiver, why);
    }
    assert_eq!((stage.mail.count(), stage.hooks.count(), broker.within().len()), (0, 0, 0), "nobody was told anything");

    let from = "    from: \"86 <alerts@example.com>\"\n";
    stage.edit("eightysix.yaml", from, &format!("{mail_ca}{from}"));
    stage.edit("eightysix.yaml", &mqtts, &format!("{mqtts}, {ca}"));
    stage.edit("eightysix.yaml", &hook, &format!("{hook}      {ca}\n"));
    service.signal("HUP");
    stage.mail.wait_for(1);
    stage.hooks.wait_for(1);
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    assert!(service.end("TERM").success());
    for front in [&clopos, &broker, &hooks] {
        canary::assert_none("the wire", &front.wire(), &CANARIES.map(str::to_owned));
    }
    drop(stage);
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let stage = Stage::open(1).await;
    let folder = stage.path("secrets/authority");
    std::fs::create_dir(&folder).expect("a folder");
    let authority = Authority::new(&folder);
    let tls = || Manner::Tls(acceptor(&authority.certificate(), &authority.key()));
    let clopos = Front::start(tls(), Some(stage.pos.address));
    let broker = Front::start(tls(), Some(([127, 0, 0, 1], stage.broker.port).into()));
    let hooks = Front::start(tls(), Some(([127, 0, 0, 1], stage.hooks.port()).into()));
    let ca = format!("ca_file: {}", authority.ca_file().display());
    for (from, to) in [
        (format!("http://{}/open-api/v2", stage.pos.address), url(&clopos)),
        ("integrator_id: int-demo".to_owned(), format!("integrator_id: int-demo\n  {ca}")),
        (format!("mqtt://127.0.0.1:{}\"", stage.broker.port), format!("mqtts://localhost:{}\", {ca}", broker.port)),
        (stage.hooks.url(), format!("https://localhost:{}/hook\n      {ca}", hooks.port)),
        ("[127.0.0.1]".to_owned(), "[localhost]".to_owned()),
    ] {
        stage.edit("eightysix.yaml", &from, &to);
    }
    let checked = stage.eightysix(&["check", "--online", "--config", "eightysix.yaml"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");

    let mut screen = stage.screen("encrypted").await;
    stage.pos.limit(105, 0);
    // With everything that the libraries can say, those of TLS as well.
    let service = stage.start_with(&["--log", "trace,eightysix=trace"], &[]);
    stage.mail.wait_for(1);
    stage.hooks.wait_for(1);
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    stage.mail.wait_for(2);
    stage.hooks.wait_for(2);
    assert!(service.end("TERM").success());
    // Through TLS, and within it with all that they need.
    let within = String::from_utf8_lossy(&clopos.within()).into_owned();
    assert!(within.contains("POST /open-api/v2/auth") && within.contains("x-token"), "Clopos was read through TLS");
    for front in [&clopos, &broker, &hooks] {
        assert!(!front.within().is_empty());
        canary::assert_none("the wire", &front.wire(), &CANARIES.map(str::to_owned));
    }

    // A file that is no list of authorities is told with its place before anything is tried.
    stage.write("empty.pem", "no certificate\n");
    stage.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let good = authority.ca_file().display().to_string();
    let configuration = std::fs::read_to_string(stage.path("eightysix.yaml")).expect("the configuration");
    for (file, why) in [
        ("empty.pem", "there is no PEM certificate in it"),
        ("broken.pem", "its certificate number 1 cannot be read"),
        ("none.pem", "No such file"),
    ] {
        stage.write("eightysix.yaml", &configuration.replace(&good, file));
        let refused = stage.eightysix(&["check", "--json", "--config", "eightysix.yaml"]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        let told = refused.objects();
        let of_the_file =
            told.iter().filter_map(|object| object["message"].as_str()).filter(|text| text.contains(file));
        assert_eq!(of_the_file.filter(|text| text.contains(why)).count(), 3, "clopos, mqtt and webhook: {told:#?}");
    }
    stage.write("eightysix.yaml", &configuration);
    stage.close();
}

/// As Clopos is reached in earnest: HTTP/2 within TLS, whose headers no library may log.
#[tokio::test]
async fn nothing_secret_is_said_of_http2() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.canary-of-the-token-9c1d.signature";
    let stage = Stage::open(1).await;
    let folder = stage.path("secrets/authority");
    std::fs::create_dir(&folder).expect("a folder");
    stage.write("secrets/token-of-clopos", token);
    let authority = Authority::new(&folder);
    let tls = acceptor_for(&authority.certificate(), &authority.key(), &["h2"]);
    let clopos = Front::start(Manner::Http2(tls, token), None);
    let plain = format!("http://{}/open-api/v2", stage.pos.address);
    let within = format!("https://localhost:{}/open-api/v2\n  ca_file: {}", clopos.port, authority.ca_file().display());
    stage.edit("eightysix.yaml", &plain, &within);
    let checked =
        stage.eightysix(&["check", "--online", "--log", "trace,eightysix=trace", "--config", "eightysix.yaml"]);
    assert!(checked.stdout.contains("credentials: accepted"), "{}", checked.stdout);
    assert!(checked.stdout.contains("Clopos no longer accepts the token"), "{}", checked.stdout);
    let service = stage.start_with(&["--log", "trace,eightysix=trace"], &[]);
    service.says("no longer accepts the token");
    assert!(service.end("TERM").success());
    let log = std::fs::read_to_string(stage.path("log-1")).expect("the log");
    assert!(log.contains("h2::"), "HTTP/2 is spoken, and its library says all that it can");
    let sent = String::from_utf8_lossy(&clopos.within()).into_owned();
    assert!(sent.contains(crate::stage::CLIENT_SECRET), "the secret is sent to the right server");
    canary::assert_none("the wire", &clopos.wire(), &CANARIES.map(str::to_owned));
    drop(stage);
}
