//! The JSON Schema of the configuration, for editors: every setting with what it means and what counts without it.
//!
//! The readers beside this file decide; what they take is never refused here, and each group has the settings that its
//! reader asks for (`tests/docs/schema.rs`). Files, secrets and references are `eightysix check`'s to look up.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::json;

use crate::alerts::report::ReportKind;
use crate::clopos::BASE_URL;
use crate::config::basics::{CATALOG_RANGE, CURRENCY, FASTEST_RANGE, OLDEST_RANGE, PRICES_RANGE, STORE, TIME_OF_DAY};
use crate::config::clopos::{BRAND, BRANDS_MAX, HEADER_TEXT, REQUESTS_DEFAULT, REQUESTS_RANGE, VENUES_MAX};
use crate::config::heartbeat::EVERY_RANGE;
use crate::config::hours::WINDOWS_MAX;
use crate::config::receivers::{ELSE_AFTER_RANGE, GROUP_WAIT_RANGE};
use crate::config::reports::{HANDOVER_RANGE, OPENING_CHECK_RANGE, TIME_OF_WEEK};
use crate::config::{NAME_LENGTH_MAX, secret};
use crate::document::schema::{
    Schema, by_key, defaulting, described, document, duration, entries, flag, from_to, group, integer, list,
    one_or_more, reference, text, text_like, time_of_day, wanting, with, word,
};
use crate::http::access::Role;
use crate::language::Language;
use crate::sinks::email::ADDRESSES_MAX;
use crate::sinks::webhook::SECRETS_MAX;
use crate::timetable::{DAYS, definitions, schedule_schema, windows_schema};

const ANY: RangeInclusive<usize> = 0..=usize::MAX;
const SOME: RangeInclusive<usize> = 1..=usize::MAX;

/// Returns the schema of the configuration.
pub fn schema() -> Schema {
    let mut all = definitions();
    all.extend(
        [
            ("locale", locale()),
            ("clopos", clopos()),
            ("brand", brand()),
            ("venue", venue()),
            ("polling", polling()),
            ("broker", broker()),
            ("mail", mail()),
            ("receiver", receiver()),
            ("reports", reports()),
            ("email", email()),
            ("events", events()),
            ("webhook", webhook()),
            ("http", http()),
            ("heartbeat", heartbeat()),
            ("http_token", http_token()),
            ("http_proxy", http_proxy()),
            ("secret", secret()),
        ]
        .map(|(name, form)| (name.to_owned(), form)),
    );
    let about = "The configuration of eightysix: config/eightysix.yaml shows every setting, `eightysix check` finds what no schema can know.";
    document("The configuration of eightysix", about, group(&["locale", "clopos", "rules"], settings()), all)
}

fn settings() -> Vec<(&'static str, Schema)> {
    vec![
        ("locale", described(reference("locale"), "Language, time zone, currency and business day.")),
        ("clopos", described(reference("clopos"), "How Clopos is reached, and for which brands.")),
        ("windows", windows()),
        (
            "polling",
            described(
                reference("polling"),
                "How often Clopos is asked: requests go where changes are likely, within these bounds.",
            ),
        ),
        ("store", store()),
        (
            "mqtt",
            described(
                entries(Some(names()), &reference("broker")),
                "Brokers by name: elsewhere by `url`, or the one inside by `listen`.",
            ),
        ),
        (
            "smtp",
            described(
                entries(Some(names()), &reference("mail")),
                "Ways for mail by name: a server by `url`, or a `folder` of .eml files.",
            ),
        ),
        (
            "feed",
            described(
                one_or_more(&text(), &ANY),
                "The brokers, by name, that get what is out, low and back, for displays; by default none.",
            ),
        ),
        (
            "receivers",
            described(
                entries(Some(names()), &reference("receiver")),
                "Who can be told, by name. The rules name them under `notify`.",
            ),
        ),
        (
            "rules",
            described(
                one_or_more(&text(), &SOME),
                "Files of rules, relative to this one; `*` and `?` stand for parts of a file's name. Example: `[rules/*.yaml]`",
            ),
        ),
        (
            "http",
            described(
                reference("http"),
                "The web side: boards and pages, /mqtt for displays that read the embedded broker, /ack/ for readers of mails.",
            ),
        ),
        (
            "heartbeat",
            described(
                reference("heartbeat"),
                "A dead man's switch: an address that is asked for as long as the job is done, so that its silence calls somebody.",
            ),
        ),
    ]
}

fn windows() -> Schema {
    let about = "Times of the day or week by name, for rules that hold `during` them. `open` and `peak` are there without an entry. Example: `{ dinner: \"18:00-23:00\" }`";
    described(with(windows_schema(names()), "maxProperties", WINDOWS_MAX.into()), about)
}

fn store() -> Schema {
    let store = with(text_like("^sqlite:.", STORE), "type", "string".into());
    defaulting(
        described(store, "Where state is kept: `sqlite:` and a file, relative to this one."),
        "sqlite:eightysix.db",
    )
}

/// Takes the names of brokers, mail servers, receivers and windows.
fn names() -> Schema {
    json!({ "pattern": format!("^[A-Za-z0-9_.-]{{1,{NAME_LENGTH_MAX}}}$") })
}

fn locale() -> Schema {
    let currency = with(text_like("^[A-Z]{3}$", CURRENCY), "type", "string".into());
    let day = time_of_day(TIME_OF_DAY);
    let settings = vec![
        (
            "language",
            defaulting(
                described(
                    language(),
                    "What people read where their receiver says nothing else, and what screens show.",
                ),
                Language::default().code(),
            ),
        ),
        ("timezone", described(text(), "The IANA name of the venues' time zone, such as Asia/Baku.")),
        ("currency", described(currency, "The currency of all prices, three letters of ISO 4217, such as AZN.")),
        ("business_day_starts", defaulting(described(day, "Until then it is still yesterday."), "04:00")),
    ];
    group(&["timezone", "currency"], settings)
}

/// Takes what somebody reads.
fn language() -> Schema {
    word(Language::ALL.map(Language::code))
}

fn clopos() -> Schema {
    let settings = vec![
        ("base_url", defaulting(described(text(), "Where the API is; http:// only to this machine."), BASE_URL)),
        ("integrator_id", described(text_like("^[!-~]+$", HEADER_TEXT), "The id that Clopos gave to you.")),
        ("brands", described(list(&reference("brand"), &(1..=BRANDS_MAX)), "The brands that are watched.")),
        ("ca_file", ca_file("authorities to trust instead of the system's")),
    ];
    group(&["integrator_id", "brands"], settings)
}

fn brand() -> Schema {
    let requests = defaulting(integer(&REQUESTS_RANGE), REQUESTS_DEFAULT);
    let id = integer(&(1..=i64::MAX));
    let venues = list(&json!({ "anyOf": [id, reference("venue")] }), &(1..=VENUES_MAX));
    let venues = json!({ "anyOf": [word(["all"]), reference("venue"), venues] });
    let settings = vec![
        (
            "brand",
            described(text_like("^[A-Za-z0-9._-]{1,64}$", BRAND), "The name of the brand, written as Clopos does."),
        ),
        ("client_id", described(text(), "The id that Clopos gave to you for this brand.")),
        ("client_secret", described(reference("secret"), "Where the secret is kept that belongs to the id.")),
        ("requests_per_minute", described(requests, "Of the 300 that Clopos allows a brand.")),
        (
            "venues",
            defaulting(
                described(venues, "`all`, or a list of ids: `[1, 2]` or `[{ id: 1, hours: .., peaks: .. }]`."),
                "all",
            ),
        ),
        ("hours", described(schedule_schema(), &format!("{HOURS} Of all its venues that have none of their own."))),
        ("peaks", described(schedule_schema(), &format!("{PEAKS} Of all its venues that have none of their own."))),
    ];
    group(&["brand", "client_id", "client_secret"], settings)
}

const HOURS: &str = "When the doors are open. Example: `{ mon-thu: \"10:00-23:00\", fri-sun: \"10:00-02:00\", \"2027-01-01\": closed }`.";
const PEAKS: &str = "When it is busy. Example: `[\"12:00-14:00\", \"18:00-21:00\"]`.";

fn venue() -> Schema {
    let settings = vec![
        ("id", described(integer(&(1..=i64::MAX)), "Its id at Clopos.")),
        ("hours", described(schedule_schema(), &format!("{HOURS} By default its brand's."))),
        ("peaks", described(schedule_schema(), &format!("{PEAKS} By default its brand's."))),
    ];
    group(&["id"], settings)
}

fn polling() -> Schema {
    let bound = |about: &str, range: &RangeInclusive<Duration>, default: &str| {
        defaulting(described(duration(), &format!("{about} {}", from_to(range))), default)
    };
    let settings = vec![
        ("fastest", bound("No venue is polled more often.", &FASTEST_RANGE, "3s")),
        ("oldest", bound("No reading should get older.", &OLDEST_RANGE, "60s")),
        ("catalog", bound("How often products and stations are read.", &CATALOG_RANGE, "15m")),
        ("prices", bound("How often price lists are read.", &PRICES_RANGE, "1h")),
    ];
    group(&[], settings)
}

/// Takes a broker elsewhere, or the one inside.
fn broker() -> Schema {
    let url = "mqtts:// (default port 8883) or mqtt:// (1883). Example: `mqtts://broker.example.com`";
    let elsewhere = vec![
        ("url", described(text(), url)),
        ("username", described(text(), "The name to log in with.")),
        ("password", described(reference("secret"), "Where the password is kept that belongs to it.")),
        ("base_topic", base_topic()),
        ("client_id", described(text(), "By default eightysix, the machine's name and the broker's name here.")),
        ("ca_file", ca_file("authorities to trust in addition to the system's")),
        (
            "allow_plain",
            defaulting(
                described(flag(), "Permits mqtt:// beyond this machine: others can then read and forge."),
                false,
            ),
        ),
    ];
    let listen =
        "The address and port of the embedded broker, from which displays can only read. Example: `127.0.0.1:1883`";
    let inside = vec![
        ("listen", described(text(), listen)),
        ("username", defaulting(described(text(), "The name that displays log in with."), "display")),
        (
            "password",
            described(
                reference("secret"),
                "Where the displays' password is kept, at least 8 characters; needed beyond this machine.",
            ),
        ),
        ("base_topic", base_topic()),
        (
            "anonymous",
            defaulting(described(flag(), "Instead of a password: everybody on that network may read."), false),
        ),
    ];
    let elsewhere = with(group(&["url"], elsewhere), "dependencies", json!({ "password": ["username"] }));
    by_key(&[("url", elsewhere), ("listen", group(&["listen"], inside))])
}

fn base_topic() -> Schema {
    defaulting(described(text(), "The first levels of every topic."), "eightysix")
}

/// Takes a mail server, or a folder.
fn mail() -> Schema {
    let from = described(text(), "The sender. Example: `\"86 <alerts@example.com>\"`");
    let url =
        "smtps:// (TLS, port 465), smtp:// (STARTTLS, 587) or smtp+plain:// (25). Example: `smtps://mail.example.com`";
    let server = vec![
        ("url", described(text(), url)),
        ("from", from.clone()),
        // Known to the reader, which says that mail goes to one of the two.
        ("folder", false.into()),
        ("username", described(text(), "The name to log in with, beside a `password`.")),
        ("password", described(reference("secret"), "Where the password is kept that belongs to it.")),
        ("ca_file", ca_file("authorities to trust instead of the system's")),
    ];
    let login = json!({ "username": ["password"], "password": ["username"] });
    let server = with(group(&["url", "from"], server), "dependencies", login);
    let folder = vec![
        ("folder", described(text(), ".eml files are written into it instead of a server, to try things out.")),
        ("from", from),
        ("ca_file", described(text(), "It means nothing for a folder.")),
    ];
    by_key(&[("url", server), ("folder", group(&["folder", "from"], folder))])
}

/// What `quiet` of a receiver means.
const QUIET: &str = "When mail waits that nobody must read at once: until these hours end, unless it tells of something critical. Example: `\"00:00-09:00\"`";

/// What `at_most` of a receiver means.
const AT_MOST: &str = "How many mails go out within an hour, `1/h` to `1000/h` or `unlimited`; the rest waits and goes out as one. Critical news does not wait.";

fn receiver() -> Schema {
    let wait = format!("How long mail waits for more of the same burst. {}", from_to(&GROUP_WAIT_RANGE));
    let alone = format!(
        "For how long this one is tried alone before the other is told; 5m unless given. {}",
        from_to(&ELSE_AFTER_RANGE)
    );
    let settings = vec![
        ("email", described(reference("email"), "Mail, grouped. Example: `{ smtp: main, to: [manager@example.com] }`")),
        (
            "mqtt",
            described(reference("events"), "Events for displays and other machines. Example: `{ broker: kitchen }`"),
        ),
        ("webhook", described(reference("webhook"), "CloudEvents by POST, signed as Standard Webhooks has it.")),
        ("language", described(language(), "What it reads; by default the language of the locale.")),
        ("group_wait", defaulting(described(duration(), &wait), "60s")),
        ("quiet", described(schedule_schema(), QUIET)),
        ("at_most", defaulting(described(text(), AT_MOST), "12/h")),
        ("reports", described(json!({ "anyOf": [report_words(), reference("reports")] }), REPORTS)),
        ("else", described(text(), "The receiver that is told what this one cannot be told, by its name.")),
        ("else_after", described(duration(), &alone)),
    ];
    let channels = ["email", "mqtt", "webhook"].map(|channel| json!({ "required": [channel] }));
    let receiver = with(group(&[], settings), "anyOf", channels.to_vec().into());
    with(
        receiver,
        "dependencies",
        json!({ "quiet": ["email"], "at_most": ["email"], "reports": ["email"], "else_after": ["else"] }),
    )
}

/// What `reports` of a receiver means.
const REPORTS: &str = "Mails by the clock: what is still off before the doors of a venue open, also when nothing is (`opening_check`, 45 minutes before), what went off and came back after they close (`handover`, 15 minutes after), and how long what was off in the seven business days before (`weekly`, on Mondays at 10:00), of all venues. Example: `[opening_check, handover, weekly]`";

fn report_words() -> Schema {
    one_or_more(&word(ReportKind::ALL.map(ReportKind::word)), &(1..=ReportKind::ALL.len()))
}

fn reports() -> Schema {
    let before = format!("How long before the doors open first. {}", from_to(&OPENING_CHECK_RANGE));
    let after = format!("How long after they close last. {}", from_to(&HANDOVER_RANGE));
    let day = DAYS.join("|");
    let weekly = text_like(&format!("^({day}) +([01][0-9]|2[0-3]):[0-5][0-9] *$"), TIME_OF_WEEK);
    let week = "On which day and at what time, on the clock of the locale, the seven business days before are told of.";
    let settings = vec![
        ("opening_check", described(duration(), &before)),
        ("handover", described(duration(), &after)),
        ("weekly", described(weekly, week)),
    ];
    with(group(&[], settings), "minProperties", 1.into())
}

fn email() -> Schema {
    let to =
        described(one_or_more(&text(), &(1..=ADDRESSES_MAX)), "The addresses. Example: `\"Chef <chef@example.com>\"`");
    group(&["smtp", "to"], vec![("smtp", described(text(), "One of `smtp`, by its name.")), ("to", to)])
}

fn events() -> Schema {
    group(&["broker"], vec![("broker", described(text(), "One of `mqtt`, by its name."))])
}

fn webhook() -> Schema {
    let url = json!({ "anyOf": [text(), reference("secret")] });
    let secrets = one_or_more(&reference("secret"), &(0..=SECRETS_MAX));
    let settings = vec![
        (
            "url",
            described(
                url,
                "The address, or where it is kept when it is a secret. Example: `https://hooks.example.com/86`",
            ),
        ),
        (
            "secrets",
            described(
                secrets,
                "Where the key is kept that signs; the old and the new one while it changes. 24 to 64 bytes.",
            ),
        ),
        (
            "headers",
            described(
                entries(None, &reference("secret")),
                "Headers to add, kept as secrets. Example: `{ Authorization: { file: /path } }`",
            ),
        ),
        (
            "allow_private",
            described(
                one_or_more(&text(), &ANY),
                "Hosts, addresses and networks that are not on the Internet. Example: `10.1.0.0/16`",
            ),
        ),
        (
            "plain_http",
            defaulting(described(flag(), "Permits http:// beyond allow_private: others can then read."), false),
        ),
        ("ca_file", ca_file("authorities to trust instead of the system's")),
    ];
    group(&["url"], settings)
}

/// What `public_url` of `http` means.
const PUBLIC_URL: &str = "How people outside reach the web side, through a proxy with TLS: mails and webhooks then have links by which their reader says that he takes care. Needs `tokens` or a `proxy`. Example: `https://86.example.com`";
/// What `may` of whoever is let in means.
const MAY: &str = "What they may do: `read` sees everything, `act` also acknowledges, silences and sends again, `admin` also reloads.";

fn http() -> Schema {
    let settings = vec![
        ("listen", defaulting(described(text(), "The address and port."), "127.0.0.1:8686")),
        (
            "origins",
            described(
                one_or_more(&text(), &ANY),
                "Pages from elsewhere that may read /mqtt; by default none. Example: `https://screens.example.com`",
            ),
        ),
        ("public_url", described(text(), PUBLIC_URL)),
        (
            "tokens",
            described(
                entries(Some(names()), &reference("http_token")),
                "Who is let in, by name: without tokens and a proxy whoever sits at this machine, and nothing else may listen. Example: `{ wall: { may: read, token: { file: secrets/wall } } }`",
            ),
        ),
        (
            "proxy",
            described(
                reference("http_proxy"),
                "The proxy before it: which addresses its clients have (`X-Forwarded-For`), and who its users are, where it asks them.",
            ),
        ),
    ];
    group(&[], settings)
}

fn heartbeat() -> Schema {
    let url = described(
        json!({ "anyOf": [text(), reference("secret")] }),
        "The address, or where it is kept when it is a secret; asked for by GET. Example: `https://hc.example.com/3f0c`",
    );
    let every = described(duration(), &format!("How long between two of them. {}", from_to(&EVERY_RANGE)));
    let settings = vec![
        ("url", url),
        ("every", defaulting(every, "60s")),
        ("ca_file", ca_file("authorities to trust instead of the system's")),
    ];
    group(&["url"], settings)
}

fn http_token() -> Schema {
    let about = "The token: at least 16 characters, such as `openssl rand -base64 32` makes.";
    let settings = vec![("may", described(role(), MAY)), ("token", described(reference("secret"), about))];
    group(&["may", "token"], settings)
}

fn http_proxy() -> Schema {
    let from = "The addresses that it comes from; the header of anybody else means nothing. Example: `[127.0.0.1]`";
    let settings = vec![
        ("from", described(one_or_more(&text(), &SOME), from)),
        (
            "user_header",
            described(
                text(),
                "The header in which it names its users, for a proxy that asks them who they are; it must not pass on that of a client. Needs `may` and `public_url`. Example: `Remote-User`",
            ),
        ),
        ("may", described(role(), MAY)),
    ];
    group(&["from"], settings)
}

fn role() -> Schema {
    json!({ "enum": Role::WORDS.map(|(word, _)| word) })
}

fn ca_file(what: &str) -> Schema {
    described(text(), &format!("A file of PEM certificates: {what}."))
}

/// Takes where a secret is kept; it never stands in the file itself.
fn secret() -> Schema {
    let place = |place: &'static str| {
        let about = match place {
            "credential" => "A systemd credential by its name: LoadCredential=name:/path.",
            "file" => "A file that only the service may read, relative to this one.",
            _ => "A variable of the environment.",
        };
        (place, described(text(), about))
    };
    let places = group(&[], secret::PLACES.map(place).to_vec());
    wanting(with(with(places, "minProperties", 1.into()), "maxProperties", 1.into()), secret::FORMS)
}
