//! Broken configurations and what is said about them; the shipped example; secrets that nothing shows.
//!
//! Mistakes and their words stand in the catalogue, `tests/bad_input`; every secret has the same value, which nothing may show.

use std::collections::BTreeSet;
use std::env::VarError;

use super::*;
use crate::units::{Secret, Timestamp};

/// A configuration with every section; the catalogue of mistakes (`tests/bad_input`) breaks it.
const WHOLE: &str = include_str!("../../tests/bad_input/site/eightysix.yaml");
const RULES: &str = include_str!("../../tests/bad_input/site/rules/kitchen.yaml");

/// The value of every secret in these tests.
const CANARY: &str = "c4n4ry-0f-4-c0ffee-m1ne-w1th-l3ngth";

struct Site(tempfile::TempDir);

impl Site {
    fn new(config: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let site = Self(tempfile::tempdir().expect("a folder"));
        site.write("eightysix.yaml", config);
        site.write("rules/kitchen.yaml", RULES);
        for file in ["secret", "whsec", "credentials/smtp"] {
            site.write(file, &format!("{CANARY}\n"));
        }
        site
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn load(&self) -> Result<Config, Report> {
        let credentials = self.0.path().join("credentials").display().to_string();
        let environment = move |name: &str| match name {
            "MQTT" => Ok(CANARY.to_owned()),
            "CREDENTIALS_DIRECTORY" => Ok(credentials.clone()),
            _ => Err(VarError::NotPresent),
        };
        Config::load_in(&self.0.path().join("eightysix.yaml"), &environment)
    }

    /// Loads, and returns the lines of the report without the folder's name.
    fn told(&self) -> Vec<String> {
        let folder = format!("{}/", self.0.path().display());
        let lines = |report: Report| report.problems.iter().map(|it| it.to_string().replace(&folder, "")).collect();
        self.load().err().map_or(vec![], lines)
    }
}

#[test]
fn the_hash_is_of_what_stands_in_the_files_and_of_no_secret() {
    let hash = |site: &Site| site.load().unwrap_or_else(|report| panic!("{report}")).hash;
    let site = Site::new(WHOLE);
    let first = hash(&site);
    assert!(first.len() == 16 && first.bytes().all(|b| b.is_ascii_hexdigit()), "{first}");
    assert_eq!(hash(&Site::new(WHOLE)), first, "the same files in another folder");
    site.write("secret", "another-c4n4ry-0f-the-s4me-length");
    assert_eq!(hash(&site), first, "who reads the hash learns nothing of secrets");
    site.write("rules/kitchen.yaml", &format!("{RULES}# a remark\n"));
    let with_remark = hash(&site);
    site.write("rules/kitchen.yaml", RULES);
    let other = Site::new(&format!("{WHOLE}# a remark\n"));
    assert_eq!(BTreeSet::from([first.clone(), with_remark, hash(&other)]).len(), 3);
    assert_eq!(hash(&site), first, "as it was");
}

#[test]
fn quiet_hours_are_on_the_clock_of_the_locale() {
    let config = Site::new(&WHOLE.replace("group_wait: 2m", "quiet: \"00:00-08:30\"")).load();
    let config = config.unwrap_or_else(|report| panic!("{report}"));
    let quiet = config.receivers[&ReceiverName::new("managers")].quiet.clone().expect("they sleep");
    let at = |time: &str| -> Timestamp { time.parse().expect("an instant") };
    // The clock in Baku shows four hours more.
    assert_eq!(quiet.end_at(at("2026-05-08T22:00:00Z")), Some(at("2026-05-09T04:30:00Z")));
    assert_eq!(quiet.end_at(at("2026-05-09T04:30:00Z")), None);
}

#[test]
fn a_whole_configuration_is_resolved() {
    let site = Site::new(WHOLE);
    let config = site.load().unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.locale.business_day_starts, jiff::civil::time(4, 0, 0, 0));
    assert_eq!(config.clopos.brands.len(), 1);
    assert_eq!(config.clopos.brands[0].requests_per_minute, 240);
    assert_eq!(config.clopos.brands[0].client_secret.expose(), CANARY);
    let brand = BrandId::new("sahil").expect("a brand");
    assert_eq!(config.venues[&brand], Venues::Listed(BTreeSet::from([VenueId(1), VenueId(2)])));
    assert_eq!(config.store.path, site.0.path().join("data/86.db"));
    assert_eq!(config.polling.catalog, Duration::from_mins(15));
    assert_eq!(config.feed, ["kitchen", "screens"]);
    let BrokerSettings::External(kitchen) = &config.brokers["kitchen"] else { panic!("it has a url") };
    assert_eq!(kitchen.password.as_ref().map(Secret::expose), Some(CANARY));
    assert!(kitchen.client_id.starts_with("eightysix-") && kitchen.client_id.ends_with("-kitchen"));
    assert!(matches!(&config.brokers["screens"], BrokerSettings::Embedded { .. }));
    assert_eq!(config.mail["box"].place, email::Place::Folder { path: site.0.path().join("mails") });
    let managers = &config.receivers[&ReceiverName::new("managers")];
    assert_eq!(managers.group_wait, Duration::from_mins(2));
    assert_eq!(managers.quiet, None);
    assert_eq!(config.rule_files, [site.0.path().join("rules/kitchen.yaml")]);
    assert!(!format!("{config:?}").contains(CANARY));
}

#[test]
fn files_that_two_patterns_name_are_read_once() {
    let config = WHOLE.replace("[rules/*.yaml]", "[rules/kitchen.yaml, rules/*.yaml]");
    assert_eq!(Site::new(&config).told(), [""; 0]);
}

#[test]
fn what_is_not_there_is_told_by_its_name() {
    let site = Site::new("");
    let missing =
        ["locale", "clopos", "rules"].map(|key| format!("eightysix.yaml:1:1: '{key}' is missing in this file"));
    let told = site.told();
    assert_eq!(told.len(), 3);
    for (line, start) in told.iter().zip(["clopos", "locale", "rules"]) {
        assert!(missing.iter().any(|it| line.starts_with(it)) && line.contains(start), "{line}");
    }
    std::fs::remove_file(site.0.path().join("eightysix.yaml")).expect("removed");
    assert!(site.told()[0].starts_with("eightysix.yaml: the configuration cannot be read: "), "{:?}", site.told());
}

#[test]
fn mistakes_in_the_rules_are_told_with_those_in_the_configuration() {
    let site = Site::new(&WHOLE.replace("timezone: Asia/Baku", "timezone: Baku").replace("smtp: main", "smtp: mian"));
    site.write("rules/a.yaml", "rules:\n  - name: x\n    when: { limit: 0 }\n    notify: [manager]\n");
    site.write("rules/b.yaml", "rules:\n\t- name: y\n");
    let report = site.load().expect_err("four mistakes");
    let shown = report.render(false).replace(&format!("{}/", site.0.path().display()), "");
    insta::assert_snapshot!(shown, @r"
    error: no time zone is called 'Baku'; write one such as Asia/Baku
     --> eightysix.yaml:1:21
      |
    1 | locale: { timezone: Baku, currency: AZN }
      |                     ^^^^

    error: there is no mail server 'mian'
      --> eightysix.yaml:19:30
       |
    19 |   managers: { email: { smtp: mian, to: manager@example.com }, group_wait: 2m }
       |                              ^^^^
       |
    help: did you mean 'main'?

    error: there is no receiver 'manager'
     --> rules/a.yaml:4:14
      |
    4 |     notify: [manager]
      |              ^^^^^^^
      |
    help: did you mean 'managers'?

    error: there is a tab in the indentation
     --> rules/b.yaml:2:1
      |
    2 |     - name: y
      | ^^^^
      |
    help: use spaces

    4 problems in 3 files
    ");
}

#[test]
fn a_secret_that_stands_in_the_file_is_never_shown() {
    let inline = [
        ("{ file: secret }", CANARY.to_owned()),
        ("{ file: secret }", format!("!{CANARY}")),
        ("{ file: secret }", format!("*{CANARY}")),
        ("{ file: secret }", format!("\"{CANARY}")),
        ("{ file: secret }", format!("{{ value: {CANARY} }}")),
        ("{ file: secret }", format!("{{ file: secret, {CANARY} }}")),
        ("{ file: secret }", format!("[{CANARY}]")),
        ("{ file: secret }", format!("|\n        {CANARY}")),
        ("{ file: secret }", format!("\n        - {CANARY}")),
        ("client_secret: { file: secret }", format!("client_secrt: {CANARY}")),
        ("{ env: MQTT }", format!("{CANARY}, base_topc: x")),
        ("{ env: MQTT }", format!("'{CANARY}', base_topc: x")),
        ("mqtts://broker.local", format!("mqtts://86:{CANARY}@broker.local")),
        ("smtps://mail.example.com", format!("smtps://86:{CANARY}@mail.example.com")),
        ("{ credential: smtp }", CANARY.to_owned()),
        ("[{ file: whsec }]", format!("[{CANARY}]")),
        ("[{ file: whsec }]", format!("\"{CANARY}\"")),
        ("https://hooks.example.com/86", format!("http://hooks.example.com/services/{CANARY}")),
        ("https://hooks.example.com/86", format!("https://86:{CANARY}@hooks.example.com/")),
        ("[{ file: whsec }]", format!("[{{ file: whsec }}], headers: {{ Authorization: {CANARY} }}")),
        ("sqlite:data/86.db", format!("postgres://86:{CANARY}@db/86")),
    ];
    for (old, new) in inline {
        assert!(WHOLE.contains(old), "{old}");
        let report = Site::new(&WHOLE.replacen(old, &new, 1)).load().expect_err(&new);
        let shown = format!("{}{}{report}{report:?}", report.render(false), report.render(true));
        assert!(!shown.contains(CANARY), "{new}: {shown}");
    }
}

#[test]
fn the_example_can_be_used_as_it_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(root.join("config/eightysix.yaml")).expect("the example");
    let site = Site::new("");
    site.write("config/eightysix.yaml", &example);
    for secret in ["mqtt", "display", "webhook", "webhook-token"] {
        site.write(&format!("config/secrets/{secret}"), CANARY);
    }
    for token in ["wall", "anar"] {
        site.write(&format!("config/secrets/{token}"), &format!("{CANARY}-{token}"));
    }
    site.write("config/secrets/heartbeat", "https://hc.example.com/3f0c");
    site.write("credentials/clopos-sahil", CANARY);
    std::fs::remove_dir_all(site.0.path().join("rules")).expect("removed");
    for entry in std::fs::read_dir(root.join("rules")).expect("the shipped rules") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a rule file");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        site.write(&format!("rules/{name}"), &text);
    }
    let credentials = site.0.path().join("credentials").display().to_string();
    let environment = move |name: &str| match name {
        "CREDENTIALS_DIRECTORY" => Ok(credentials.clone()),
        "SMTP_PASSWORD" => Ok(CANARY.to_owned()),
        _ => Err(VarError::NotPresent),
    };
    let config = Config::load_in(&site.0.path().join("config/eightysix.yaml"), &environment);
    let config = config.unwrap_or_else(|report| panic!("{}", report.render(false)));
    // What the comments call a default is one.
    assert_eq!(config.polling, crate::poll::Settings::default());
    assert_eq!(config.http.listen, http::Settings::default().listen);
    assert_eq!(config.clopos.base_url, crate::clopos::BASE_URL);
    assert_eq!(config.store.path, site.0.path().join("config/eightysix.db"));
    assert_eq!(config.receivers.len(), 4);
    let heartbeat = config.heartbeat.expect("a heartbeat");
    assert_eq!((heartbeat.url.expose(), heartbeat.every.as_secs()), ("https://hc.example.com/3f0c", 60));
}

#[test]
fn what_the_schema_calls_a_default_is_one() {
    let schema = schema();
    let written = |group: &str| {
        let settings = schema.pointer(&format!("{group}/properties")).and_then(|it| it.as_object()).expect("a group");
        let of = |(key, setting): (&String, &serde_json::Value)| Some(format!("{key}: {}", setting.get("default")?));
        settings.iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    // The same site without a word of what has a default, and with all of it.
    let without = [
        ("polling: { fastest: 3s, oldest: 60s }\n", ""),
        ("store: sqlite:data/86.db\n", ""),
        ("http: { listen: 127.0.0.1:0 }\n", ""),
        ("      venues: [1, { id: 2 }]\n", ""),
        (", group_wait: 2m }", " }"),
    ];
    let mut bare = WHOLE.to_owned();
    for (old, new) in without {
        assert!(bare.contains(old), "{old}");
        bare = bare.replace(old, new);
    }
    bare += "heartbeat: { url: https://hc.example.com/3f0c }\n";
    let at = |name: &str| format!("/definitions/{name}");
    let full = [
        ("currency: AZN }", format!("currency: AZN, {} }}", written(&at("locale")))),
        ("  brands:\n", format!("  {}\n  brands:\n", written(&at("clopos")))),
        ("client_id: abc\n", format!("client_id: abc\n      {}\n", written(&at("brand")).replace(", ", "\n      "))),
        ("username: eightysix,", format!("username: eightysix, {},", written(&at("broker/then")))),
        ("127.0.0.1:1883 }", format!("127.0.0.1:1883, {} }}", written(&at("broker/else/then")))),
        ("manager@example.com }", format!("manager@example.com }}, {}", written(&at("receiver")))),
        ("[{ file: whsec }]", format!("[{{ file: whsec }}], {}", written(&at("webhook")))),
        ("feed: ", format!("{}\nfeed: ", written(""))),
        ("rules: ", format!("polling: {{ {} }}\nrules: ", written(&at("polling")))),
        ("rules: [", format!("http: {{ {} }}\nrules: [", written(&at("http")))),
        ("heartbeat: {", format!("heartbeat: {{ {},", written(&at("heartbeat")))),
    ];
    let mut whole = bare.clone();
    for (old, new) in full {
        assert!(whole.contains(old), "{old}");
        whole = whole.replacen(old, &new, 1);
    }
    let site = Site::new(&bare);
    // The texts differ, and so do their hashes.
    let shown = |site: &Site| {
        let config = site.load().unwrap_or_else(|report| panic!("{report}\n{whole}"));
        format!("{:?}", Config { hash: String::new(), ..config })
    };
    let expected = shown(&site);
    site.write("eightysix.yaml", &whole);
    assert_eq!(shown(&site), expected, "{whole}");
}

#[test]
fn hours_are_a_venue_s_own_or_its_brand_s() {
    let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
    let brand_hours = "hours: { mon-thu: \"10:00-23:00\", fri-sun: \"10:00-02:00\", \"2026-12-31\": closed }";
    let own = "venues: [{ id: 1 }, { id: 2, hours: { daily: \"00:00-24:00\" }, peaks: { daily: \"12:00-14:00\" } }]";
    assert!(WHOLE.contains("venues: [1, { id: 2 }]"), "the brand that the test changes");
    let config = WHOLE.replace("venues: [1, { id: 2 }]", &format!("{brand_hours}\n      {own}"));
    let windows = "windows: { brunch: { sat-sun: \"09:00-12:00\" } }\n";
    let config = Site::new(&format!("{config}{windows}")).load().unwrap_or_else(|report| panic!("{report}"));
    let brand = BrandId::new("sahil").expect("a brand");
    let (first, second) = (config.calendars.of(&brand, VenueId(1)), config.calendars.of(&brand, VenueId(2)));
    // Friday evening in Baku, past its midnight, and New Year's Eve.
    for (instant, is_open) in
        [("2026-05-29T20:30:00Z", true), ("2026-05-29T22:30:00Z", false), ("2026-12-31T12:00:00Z", false)]
    {
        assert_eq!(first.is_open(at(instant)), Some(is_open), "{instant}");
        assert_eq!(second.is_open(at(instant)), Some(true), "{instant}");
    }
    assert_eq!(
        (first.is_peak(at("2026-05-29T09:00:00Z")), second.is_peak(at("2026-05-29T09:00:00Z"))),
        (None, Some(true))
    );
    for venue in [first, second] {
        assert!(venue.is_in_window("brunch", at("2026-05-30T06:00:00Z")), "Saturday, ten o'clock in Baku");
        assert!(!venue.is_in_window("brunch", at("2026-05-29T06:00:00Z")), "Friday");
    }
}

#[test]
fn a_window_of_hours_that_nobody_has_is_a_mistake() {
    let site = |hours: &str| Site::new(&WHOLE.replace("venues: [1, { id: 2 }]", hours));
    let rule = |during: &str| {
        format!("rules:\n  - {{ name: at-dinner, during: {during}, when: {{ sold_out: true }}, notify: [managers] }}\n")
    };
    let told = |hours: &str, during: &str| {
        let site = site(hours);
        site.write("rules/kitchen.yaml", &rule(during));
        site.told()
    };
    let never = |key: &str, window: &str| {
        format!(
            "rules/kitchen.yaml:2:32: '{window}' is never on, as no brand and no venue has '{key}'; \
             write the '{key}' of a brand or of its venues, or remove '{window}' from 'during'"
        )
    };
    assert_eq!(told("venues: [1, { id: 2 }]", "open"), [never("hours", "open")]);
    assert_eq!(told("hours: \"10:00-23:00\"", "peak"), [never("peaks", "peak")]);
    assert_eq!(told("hours: \"10:00-23:00\"", "open"), [""; 0]);
    assert_eq!(told("venues: [1, { id: 2, hours: \"10:00-23:00\" }]", "open"), [""; 0]);
    // What is written and wrong is one mistake, not two.
    assert_eq!(told("hours: soon", "open").len(), 1);
    assert_eq!(told("hors: \"10:00-23:00\"", "open").len(), 1);
}

#[test]
fn venues_without_the_hours_that_a_rule_needs_are_named() {
    let warnings = |hours: &str, during: &str| {
        let site = Site::new(&WHOLE.replace("venues: [1, { id: 2 }]", hours));
        let rule = format!("{{ name: sold-out, during: {during}, when: {{ sold_out: true }}, notify: [managers] }}");
        site.write("rules/kitchen.yaml", &format!("rules:\n  - {rule}\n"));
        site.load().unwrap_or_else(|report| panic!("{report}")).warnings
    };
    let some = "venues: [1, { id: 2, hours: \"10:00-23:00\" }, 3]";
    let named = "no 'hours' are written for venues 1, 3 of brand sahil: 'during: open' is never on there, in the rules sold-out";
    assert_eq!(warnings(some, "open"), [named]);
    assert_eq!(warnings("hours: \"10:00-23:00\"", "open"), [""; 0]);
    let other = "hours: \"10:00-23:00\"\n    - brand: nar\n      client_id: abc\n      client_secret: { file: secret }";
    let named =
        "no 'hours' are written for any venue of brand nar: 'during: open' is never on there, in the rules sold-out";
    assert_eq!(warnings(other, "open"), [named]);
}

#[test]
fn reports_are_asked_for_by_name_or_with_their_times() {
    let read = |reports: &str| {
        let text = WHOLE.replace("group_wait: 2m", &format!("reports: {reports}"));
        let site = Site::new(&text.replace("venues: [1, { id: 2 }]", "hours: \"10:00-23:00\""));
        let config = site.load().unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(config.warnings, [""; 0]);
        let Reports { opening_check, handover, weekly } = config.receivers[&ReceiverName::new("managers")].reports;
        let minutes = [opening_check, handover].map(|offset| offset.map(|offset| offset.as_secs() / 60));
        (minutes, weekly.map(|when| format!("{:?} {}", when.weekday, when.time.strftime("%H:%M"))))
    };
    for (reports, minutes, weekly) in [
        ("[opening_check, handover]", [Some(45), Some(15)], None),
        ("handover", [None, Some(15)], None),
        ("{ opening_check: 1h, handover: 0s }", [Some(60), Some(0)], None),
        ("{ opening_check: 30m }", [Some(30), None], None),
        ("weekly", [None, None], Some("Monday 10:00")),
        ("[weekly, handover]", [None, Some(15)], Some("Monday 10:00")),
        ("{ weekly: sun 23:30 }", [None, None], Some("Sunday 23:30")),
    ] {
        assert_eq!(read(reports), (minutes, weekly.map(str::to_owned)), "{reports}");
    }
}

#[test]
fn venues_of_which_no_report_is_ever_due_are_named() {
    let warnings = |venues: &str, receivers: &str| {
        let text = WHOLE.replace("group_wait: 2m", &format!("reports: [opening_check]{receivers}"));
        let site = Site::new(&text.replace("venues: [1, { id: 2 }]", venues));
        site.load().unwrap_or_else(|report| panic!("{report}")).warnings
    };
    let some = "venues: [1, { id: 2, hours: \"10:00-23:00\" }, { id: 3, hours: \"00:00-24:00\" }]";
    let named = "no 'hours' in which doors open and close are written for venues 1, 3 of brand sahil: managers get no opening_check and no handover there";
    assert_eq!(warnings(some, ""), [named]);
    assert_eq!(warnings("hours: \"10:00-23:00\"\n      venues: [1, { id: 2, peaks: \"12:00-14:00\" }]", ""), [""; 0]);
    // A week needs no doors.
    let weekly = WHOLE.replace("group_wait: 2m", "reports: weekly").replace("venues: [1, { id: 2 }]", "venues: [1]");
    assert_eq!(Site::new(&weekly).load().unwrap_or_else(|report| panic!("{report}")).warnings, [""; 0]);
}
