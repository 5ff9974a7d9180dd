//! What a receiver cannot be told, and what another one is told instead.
//!
//! Decides and renders; the loop around it is `fallback`. What is refused for good is passed on at once, what waits when
//! the receiver has been tried alone for long enough. Invariant: the same rows give a notice of the same id.

use std::collections::BTreeMap;
use std::time::Duration;

use minijinja::{Environment, Value, context};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::alerts::group::{Route, Way, event_on, notice_id};
use crate::alerts::link;
use crate::alerts::mail::{SUBJECT_LENGTH_MAX, forms};
use crate::alerts::notice::{Channel, Content, Event, Mail, MqttMessage, Notice, NoticeId, ReceiverName};
use crate::alerts::published::{self, CloudEvent, EventData, NOTICE_ID, event_type};
use crate::alerts::words::{fallback as words, values};
use crate::calendar::business_day;
use crate::language::Language;
use crate::schema::{Instant, Payload, Version, Word, Words};
use crate::store::{Stuck, Untold};
use crate::units::{Timestamp, Zone, printable};

/// How long a dead letter waits for more of the same burst.
const GATHER: Duration = Duration::from_secs(30);
/// Notices that are named one by one; of more only the number is said, and `dead-letters` lists them.
const NAMED_MAX: usize = 50;
/// Bytes of all that is named, so that the notice fits where the others fit: a publish holds 256 KiB.
const NAMED_BYTES_MAX: usize = 64 * 1024;
/// Characters of what an attempt said.
const WHY_LENGTH_MAX: usize = 200;
/// The middle of the event's type.
pub const EVENT: &str = "receiver.unreachable";
/// What the event looks like.
pub const UNREACHABLE: Payload = Payload::written::<CloudEvent<'_, Data<'_>>>(
    "event-unreachable",
    "An event of what another receiver cannot be told",
);
/// The template of the plain text.
const TEXT: &str = "unreachable.txt";
/// The template of the HTML.
const HTML: &str = "unreachable.html";

/// Who is told instead of whom.
#[derive(Clone, Debug)]
pub struct Fallback {
    /// Who cannot be told.
    pub of: ReceiverName,
    /// For how long it is tried alone.
    pub after: Duration,
    /// Who is told instead.
    pub to: Route,
    /// The zone in which times are shown.
    pub zone: Zone,
    /// When the business day turns over.
    pub day_starts: jiff::civil::Time,
}

/// Returns what must be passed on now, by the channel on which it does not arrive. On the `stuck` ones something waits
/// that was passed on before.
///
/// `running_for` is how long this process has tried: what waited while none ran is not for that reason unreachable.
pub fn due<'a>(
    untold: &'a [Untold],
    stuck: &[Stuck],
    after: Duration,
    running_for: Duration,
    now: Timestamp,
) -> BTreeMap<Channel, Vec<&'a Untold>> {
    let mut by_channel: BTreeMap<Channel, Vec<&Untold>> = BTreeMap::new();
    for notice in untold {
        by_channel.entry(notice.notice.content.channel()).or_default().push(notice);
    }
    by_channel.retain(|channel, untold| {
        // A clock that was set back by more than the wait must not make it longer.
        let has_waited = |since: Timestamp, wait: Duration| now.since(since) >= wait || since.since(now) >= wait;
        let is_stuck = stuck.iter().any(|it| it.channel == *channel);
        let wait = if is_stuck { GATHER } else { after };
        let is_overdue = |it: &&Untold| it.given_up_at.is_none() && has_waited(it.queued_at, wait);
        // Nothing overtakes: what is behind a notice that is stuck is stuck as well.
        if running_for >= after && untold.iter().any(is_overdue) {
            return true;
        }
        untold.retain(|it| it.given_up_at.is_some());
        untold.iter().any(|it| it.given_up_at.is_some_and(|at| has_waited(at, GATHER)))
    });
    by_channel
}

/// Renders what is told instead, one notice for each channel of who is told. `stuck` is what it waits behind.
pub fn compose(
    fallback: &Fallback,
    channel: Channel,
    stuck: Option<&Stuck>,
    untold: &[&Untold],
    now: Timestamp,
) -> Vec<Notice> {
    // With the time of queueing: what a person sends again and is refused again is news.
    let rows = untold.iter().map(|it| format!("{}/{}", it.notice.id, it.queued_at.unix_ms()));
    let parts: Vec<String> = [EVENT.to_owned(), channel.word().to_owned()].into_iter().chain(rows).collect();
    let id = notice_id(&fallback.to.receiver, &parts.iter().map(String::as_str).collect::<Vec<_>>());
    let told = Unreachable::of(fallback, channel, stuck, untold, now);
    let content = |way: &Way| match way {
        Way::Email => Content::Email(told.mail(fallback, &id, now)),
        Way::Webhook => Content::Webhook(Event { body: told.event(&id, now) }),
        Way::Mqtt(topics) => {
            // Everybody reads the screens, and a link is for who should have been told.
            let (subject, body) = (fallback.of.as_str().to_owned(), link::without_tokens(&told.event(&id, now)));
            // It tells of what has waited for long already, so that it does not expire.
            Content::Mqtt(event_on(topics.bridge_event(), subject, &id, EVENT, body, None))
        }
    };
    let notice = |way: &Way| Notice {
        id: id.clone(),
        receiver: fallback.to.receiver.clone(),
        at: now,
        content: content(way),
        summary: told.message.clone(),
    };
    fallback.to.ways.iter().map(notice).collect()
}

/// What is said of notices that do not arrive.
struct Unreachable<'a> {
    receiver: &'a str,
    channel: Channel,
    since: Timestamp,
    why: String,
    is_given_up: bool,
    untold: &'a [&'a Untold],
    message: String,
}

impl<'a> Unreachable<'a> {
    fn of(
        fallback: &'a Fallback,
        channel: Channel,
        stuck: Option<&Stuck>,
        untold: &'a [&'a Untold],
        now: Timestamp,
    ) -> Self {
        let since = untold.iter().map(|it| it.queued_at).chain(stuck.map(|it| it.since)).min().unwrap_or(now);
        let said = untold.iter().rev().find_map(|it| it.why.as_deref());
        let said = said.or_else(|| stuck.and_then(|it| it.why.as_deref()));
        let why = |language| printable(said.unwrap_or_else(|| words::untried(language, channel)), WHY_LENGTH_MAX);
        let (receiver, language) = (fallback.of.as_str(), fallback.to.language);
        let at = values::time_beside(language, since, now, &fallback.zone);
        let message = words::cannot_be_told(language, receiver, channel, &at, &why(language));
        // Programs read it.
        let why = why(Language::En);
        let is_given_up = untold.iter().all(|it| it.given_up_at.is_some());
        Self { receiver, channel, since, why, is_given_up, untold, message }
    }

    /// Returns what is named: the first ones, as far as they fit.
    fn named(&self) -> &'a [&'a Untold] {
        let mut bytes = 0_usize;
        let fits = |it: &&&Untold| {
            bytes = bytes.saturating_add(size(&it.notice));
            bytes <= NAMED_BYTES_MAX
        };
        let count = self.untold.iter().take(NAMED_MAX).take_while(fits).count();
        // One that fits nowhere is told by its line alone.
        &self.untold[..count.max(1).min(self.untold.len())]
    }

    fn more(&self) -> usize {
        self.untold.len() - self.named().len()
    }

    fn mail(&self, fallback: &Fallback, id: &NoticeId, now: Timestamp) -> Mail {
        let language = fallback.to.language;
        let given_up = |it: &&&Untold| it.given_up_at.is_some() && !self.is_given_up;
        let named = self.named().iter().map(|it| {
            let text = match &it.notice.content {
                Content::Email(mail) if size(&it.notice) <= NAMED_BYTES_MAX => news_of(mail),
                Content::Mqtt(MqttMessage { body, .. }) | Content::Webhook(Event { body }) => {
                    message_of(body).unwrap_or_else(|| it.notice.summary.clone())
                }
                Content::Email(_) => it.notice.summary.clone(),
            };
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            context! {
                at => values::time_beside(language, it.notice.at, now, &fallback.zone),
                lines => lines,
                given_up => given_up(&it).then(|| words::given_up(language)),
            }
        });
        let model = context! {
            message => self.message.as_str(),
            language => language.code(),
            told_instead => words::told_instead(language, self.receiver, self.is_given_up),
            notices => named.collect::<Vec<Value>>(),
            more => (self.more() > 0).then(|| words::and_more(language, self.more())),
            sent_at => now.local_time(&fallback.zone),
            in_the_place_of => words::in_the_place_of(language, self.receiver),
        };
        let templates = templates();
        let render = |name: &str| {
            let rendered = templates.get_template(name).and_then(|template| template.render(&model));
            rendered.unwrap_or_else(|_| self.message.clone())
        };
        let day = business_day(now, &fallback.zone, fallback.day_starts);
        Mail {
            message_id: id.as_str().to_owned(),
            thread_id: format!("unreachable.{}.{day}", self.receiver),
            language,
            subject: printable(&self.message, SUBJECT_LENGTH_MAX),
            text: render(TEXT),
            html: render(HTML),
        }
    }

    fn event(&self, id: &NoticeId, now: Timestamp) -> String {
        let named = self.named().iter().map(|it| Named {
            id: it.notice.id.as_str(),
            time: Instant(it.notice.at),
            given_up: it.given_up_at.is_some(),
            summary: &it.notice.summary,
            text: match &it.notice.content {
                Content::Email(mail) if size(&it.notice) <= NAMED_BYTES_MAX => Some(&mail.text),
                Content::Email(_) | Content::Mqtt(_) | Content::Webhook(_) => None,
            },
            event: event_of(&it.notice),
        });
        let data = Data {
            v: Version,
            receiver: self.receiver,
            channel: Word(self.channel),
            since: Instant(self.since),
            reason: &self.why,
            message: &self.message,
            notices: named.collect(),
            more: self.more(),
        };
        published::enveloped(id.as_str(), EVENT, "eightysix", self.receiver, data, now)
    }
}

/// What another receiver cannot be told.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Untold")]
struct Data<'a> {
    /// The version of the data.
    v: Version,
    /// Who cannot be told.
    receiver: &'a str,
    /// On which way it cannot be told.
    channel: Word<Channel>,
    /// Since when the oldest of the notices waits.
    since: Instant,
    /// What the last attempt said.
    reason: &'a str,
    /// The same in a sentence, in the language of who reads it.
    message: &'a str,
    /// The notices that it cannot be told: the first ones, up to 50 and 64 KiB.
    notices: Vec<Named<'a>>,
    /// How many notices there are beside those that are named.
    more: usize,
}

impl EventData for Data<'_> {
    fn kinds() -> Vec<&'static str> {
        vec![EVENT]
    }
}

impl Words for Channel {
    const VALUES: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

/// A notice that did not arrive.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UntoldNotice")]
struct Named<'a> {
    /// Its id, under which it may still arrive.
    #[schemars(extend("pattern" = NOTICE_ID))]
    id: &'a str,
    /// When it was decided.
    time: Instant,
    /// False while it is still tried.
    given_up: bool,
    /// The news in a line.
    summary: &'a str,
    /// The text of a mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// The whole event of a webhook or of MQTT, as it should have arrived; left out when it is of this type itself or larger
    /// than 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CloudEvent<'_, published::Data<'_>>>")]
    event: Option<&'a RawValue>,
}

fn size(notice: &Notice) -> usize {
    notice.summary.len()
        + match &notice.content {
            Content::Email(mail) => mail.text.len(),
            Content::Mqtt(MqttMessage { body, .. }) | Content::Webhook(Event { body }) => body.len(),
        }
}

/// What is read of an event of ours.
#[derive(Deserialize)]
struct OwnEvent {
    r#type: Option<String>,
    data: Option<OwnData>,
}

#[derive(Deserialize)]
struct OwnData {
    message: Option<String>,
}

/// Returns the sentence of an event; its summary has the rule's name before it, which is nothing to people.
fn message_of(body: &str) -> Option<String> {
    serde_json::from_str::<OwnEvent>(body).ok()?.data?.message
}

/// Returns the event of a notice. One that itself stood in for others is told by its line: events that hold events that
/// hold events would outgrow every bound.
fn event_of(notice: &Notice) -> Option<&RawValue> {
    let body = match &notice.content {
        Content::Mqtt(MqttMessage { body, .. }) | Content::Webhook(Event { body }) => body,
        Content::Email(_) => return None,
    };
    let is_of_ours =
        |body: &str| serde_json::from_str(body).is_ok_and(|it: OwnEvent| it.r#type == Some(event_type(EVENT)));
    if size(notice) > NAMED_BYTES_MAX || is_of_ours(body) { None } else { serde_json::from_str(body).ok() }
}

/// Returns what a mail says, without the lines that say where it comes from.
fn news_of(mail: &Mail) -> String {
    let news = mail.text.split("\n--\n").next().unwrap_or_default().trim();
    if news.is_empty() { mail.subject.clone() } else { news.to_owned() }
}

fn templates() -> Environment<'static> {
    forms(&[
        (TEXT, include_str!("../../config/templates/unreachable.txt")),
        (
            HTML,
            concat!(
                include_str!("../../config/templates/head.html"),
                include_str!("../../config/templates/unreachable.html")
            ),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::report::Reports;
    use crate::topics::BaseTopic;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_778_250_000_000);
    const AFTER: Duration = Duration::from_mins(5);
    const LONG: Duration = Duration::from_hours(1);

    fn ago_s(s: u64) -> Timestamp {
        NOW.minus(Duration::from_secs(s))
    }

    fn mail(text: &str) -> Content {
        Content::Email(Mail {
            message_id: "m".to_owned(),
            thread_id: "t".to_owned(),
            language: Language::En,
            subject: "Sahil: Plov is out; 1 more news".to_owned(),
            text: text.to_owned(),
            html: String::new(),
        })
    }

    fn event() -> Content {
        Content::Webhook(Event { body: r#"{"id":"e1","data":{}}"#.to_owned() })
    }

    /// A notice that was queued so many seconds ago, and given up so many seconds ago.
    fn untold(row: i64, content: Content, queued_s: u64, dead_s: Option<u64>) -> Untold {
        let notice = Notice {
            id: NoticeId::from_stored(&format!("n{row}")),
            receiver: ReceiverName::new("managers"),
            at: ago_s(queued_s),
            content,
            summary: format!("sold-out: <b>Plov</b> {row} is out"),
        };
        Untold {
            row,
            notice,
            queued_at: ago_s(queued_s),
            given_up_at: dead_s.map(ago_s),
            why: Some("451 busy".to_owned()),
        }
    }

    /// Since ten minutes something waits that was passed on.
    fn stuck() -> Stuck {
        Stuck { channel: Channel::Webhook, since: ago_s(600), why: Some("503".to_owned()) }
    }

    fn fallback(ways: Vec<Way>) -> Fallback {
        let to = Route {
            receiver: ReceiverName::new("ops"),
            language: Language::En,
            group_wait: Duration::ZERO,
            quiet: None,
            at_most: None,
            reports: Reports::default(),
            ways,
        };
        let of = ReceiverName::new("managers");
        Fallback { of, after: AFTER, to, zone: Zone::utc(), day_starts: jiff::civil::time(4, 0, 0, 0) }
    }

    #[test]
    fn what_is_stuck_is_passed_on_with_all_behind_it_and_what_is_refused_by_itself() {
        let waits = |row, queued_s| untold(row, event(), queued_s, None);
        let dead = |row, queued_s, dead_s| untold(row, event(), queued_s, Some(dead_s));
        let by_mail = |row, queued_s| untold(row, mail("x"), queued_s, None);
        // What does not arrive, for how many seconds the process has run, and the rows that are passed on.
        let cases: Vec<(Vec<Untold>, u64, Vec<i64>)> = vec![
            (vec![], 3_600, vec![]),
            (vec![waits(1, 299)], 3_600, vec![]),
            (vec![waits(1, 300)], 3_600, vec![1]),
            (vec![waits(1, 300), waits(2, 1)], 3_600, vec![1, 2]),
            // It waited because nothing ran.
            (vec![waits(1, 7_200)], 299, vec![]),
            (vec![waits(1, 7_200)], 300, vec![1]),
            // A burst of refusals is one notice.
            (vec![dead(1, 40, 29), dead(2, 40, 10)], 3_600, vec![]),
            (vec![dead(1, 40, 30), dead(2, 40, 10)], 3_600, vec![1, 2]),
            (vec![dead(1, 40, 30), waits(2, 40)], 3_600, vec![1]),
            (vec![dead(1, 400, 10), waits(2, 300)], 3_600, vec![1, 2]),
            // Each channel by itself.
            (vec![waits(1, 300), by_mail(2, 40)], 3_600, vec![1]),
            (vec![waits(1, 40), by_mail(2, 300)], 3_600, vec![2]),
        ];
        for (given, running_s, expected) in cases {
            let due = due(&given, &[], AFTER, Duration::from_secs(running_s), NOW);
            let rows: Vec<i64> = due.values().flatten().map(|it| it.row).collect();
            assert_eq!(rows, expected, "{given:?}");
        }
        for ahead in [
            Untold { given_up_at: Some(NOW.plus(LONG)), ..dead(1, 40, 0) },
            Untold { queued_at: NOW.plus(LONG), ..waits(1, 0) },
        ] {
            assert_eq!(due(&[ahead], &[], AFTER, LONG, NOW).len(), 1, "a clock that was set back holds nothing");
        }
        // Behind what was passed on already, a burst is all that is waited for.
        for (queued_s, count) in [(29, 0), (30, 1)] {
            assert_eq!(due(&[waits(1, queued_s)], &[stuck()], AFTER, LONG, NOW).len(), count, "{queued_s}");
        }
    }

    #[test]
    fn a_mail_says_all_that_was_not_told() {
        let given = [
            untold(1, mail("Plov is out\n  because of it also: Şah plov\n\n--\nSahil, 14:20\n"), 400, None),
            untold(2, event(), 60, None),
        ];
        let told = compose(&fallback(vec![Way::Email]), Channel::Email, None, &given.iter().collect::<Vec<_>>(), NOW);
        let Content::Email(mail) = &told[0].content else { panic!("it is told by mail") };
        assert_eq!(mail.subject, "managers cannot be told by email since 14:13: 451 busy");
        insta::assert_snapshot!(mail.text, @r"
        managers cannot be told by email since 14:13: 451 busy
        You are told instead; managers will be told as well as soon as that works:

        14:13  Plov is out
                 because of it also: Şah plov
        14:19  sold-out: <b>Plov</b> 2 is out

        --
        14:20, in the place of managers
        ");
        assert!(mail.html.contains("&lt;b&gt;Plov") && !mail.html.contains("<b>"), "{}", mail.html);
        assert!(mail.html.contains("because of it also: Şah plov"), "{}", mail.html);
        let given_up = [untold(1, event(), 400, Some(60))];
        let told =
            compose(&fallback(vec![Way::Email]), Channel::Webhook, None, &given_up.iter().collect::<Vec<_>>(), NOW);
        let Content::Email(mail) = &told[0].content else { panic!("it is told by mail") };
        assert!(mail.text.contains("this was given up") && mail.html.contains("this was given up"), "{}", mail.text);
        let behind = Untold {
            why: None,
            ..untold(1, Content::Webhook(Event { body: r#"{"data":{"message":"Piti is out"}}"#.to_owned() }), 40, None)
        };
        let told = compose(&fallback(vec![Way::Email]), Channel::Webhook, Some(&stuck()), &[&behind], NOW);
        let Content::Email(mail) = &told[0].content else { panic!("it is told by mail") };
        assert_eq!(mail.subject, "managers cannot be told by webhook since 14:10: 503");
        assert!(mail.text.contains("14:19  Piti is out\n"), "{}", mail.text);
        let mixed = [untold(1, event(), 400, Some(60)), untold(2, event(), 390, None)];
        let told = compose(&fallback(vec![Way::Email]), Channel::Webhook, None, &mixed.iter().collect::<Vec<_>>(), NOW);
        let Content::Email(mail) = &told[0].content else { panic!("it is told by mail") };
        for part in [&mail.text, &mail.html] {
            assert_eq!(part.matches("given up").count(), 1, "one line of two: {part}");
        }
    }

    #[test]
    fn machines_get_the_events_as_they_should_have_arrived() {
        const TOKEN: &str = "AbfRcY6o3MlmBXNhaGlsbWFuYWdlcnMMXZ-HX1P5WxQeG7vUf1Sv";
        let topics = BaseTopic::new("kds").expect("a base topic");
        let url = format!("https://86.example.com/ack/{TOKEN}");
        let body = serde_json::json!({ "id": "e1", "data": { "alert": { "acknowledge_url": url } } }).to_string();
        let given =
            [untold(1, Content::Webhook(Event { body }), 400, None), untold(2, mail("Plov is out"), 60, Some(40))];
        let given: Vec<&Untold> = given.iter().collect();
        let again = Untold { queued_at: NOW, ..given[0].clone() };
        let told = compose(&fallback(vec![Way::Webhook, Way::Mqtt(topics)]), Channel::Webhook, None, &given, NOW);
        let [Content::Webhook(Event { body }), Content::Mqtt(message)] = [&told[0].content, &told[1].content] else {
            panic!("one for each channel")
        };
        assert_eq!((message.topic.as_str(), message.retain), ("kds/v1/bridge/event", false));
        // Everybody reads the screens: what leads to an acknowledgement is cut out, and nothing else.
        assert!(body.contains(TOKEN) && !message.body.contains(TOKEN), "{body} {}", message.body);
        assert_eq!(message.body, body.replace(TOKEN, ""));
        assert!(
            told[0].id == told[1].id
                && told[0].id != compose(&fallback(vec![Way::Webhook]), Channel::Webhook, None, &given[..1], NOW)[0].id
        );
        let json: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(json["type"], "dev.eightysix.receiver.unreachable.v1");
        assert_eq!(json["data"]["notices"][0]["event"]["id"], "e1");
        assert_eq!(json["data"]["notices"][1]["text"], "Plov is out");
        assert_ne!(
            told[0].id,
            compose(&fallback(vec![Way::Webhook]), Channel::Webhook, None, &[&again, given[1]], NOW)[0].id
        );
        assert_eq!((&json["data"]["notices"][1]["given_up"], &json["data"]["more"]), (&true.into(), &0.into()));
    }

    #[test]
    fn of_hundreds_the_first_are_named_and_the_others_counted() {
        let given: Vec<Untold> = (0..60).map(|row| untold(row, event(), 400, None)).collect();
        let told = compose(
            &fallback(vec![Way::Email, Way::Webhook]),
            Channel::Webhook,
            None,
            &given.iter().collect::<Vec<_>>(),
            NOW,
        );
        let [Content::Email(mail), Content::Webhook(Event { body })] = [&told[0].content, &told[1].content] else {
            panic!("one for each channel")
        };
        assert!(mail.text.contains("Plov</b> 49 is out") && !mail.text.contains("Plov</b> 50"), "{}", mail.text);
        assert!(mail.text.contains("and 10 more") && mail.html.contains("and 10 more"), "{}", mail.text);
        let json: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((json["data"]["notices"].as_array().map(Vec::len), &json["data"]["more"]), (Some(50), &10.into()));
    }

    #[test]
    fn what_is_told_fits_where_every_notice_fits_and_holds_no_event_of_its_own_kind() {
        let long = |row| untold(row, mail(&"x".repeat(20_000)), 400, None);
        let given: Vec<Untold> = (0..10).map(long).collect();
        let told = compose(&fallback(vec![Way::Webhook]), Channel::Email, None, &given.iter().collect::<Vec<_>>(), NOW);
        let Content::Webhook(Event { body }) = &told[0].content else { panic!("an event") };
        let json: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((json["data"]["notices"].as_array().map(Vec::len), &json["data"]["more"]), (Some(3), &7.into()));
        let whole = Content::Webhook(Event { body: format!("\"{}\"", "x".repeat(NAMED_BYTES_MAX)) });
        for content in [whole, told[0].content.clone(), mail(&"x".repeat(NAMED_BYTES_MAX))] {
            let given = untold(1, content, 400, None);
            let told = compose(&fallback(vec![Way::Webhook, Way::Email]), Channel::Webhook, None, &[&given], NOW);
            let [Content::Webhook(Event { body }), Content::Email(mail)] = [&told[0].content, &told[1].content] else {
                panic!("one for each channel")
            };
            assert!(body.len() < 2_000 && mail.text.len() < 2_000, "{} {}", body.len(), mail.text.len());
            assert!(body.contains("Plov</b> 1 is out"), "{body}");
            // Of an event of this kind people are told its sentence.
            let sentence = ["Plov</b> 1 is out", "managers cannot be told by email"];
            assert!(sentence.iter().any(|words| mail.text.contains(words)), "{}", mail.text);
        }
    }
}
