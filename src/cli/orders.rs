//! `eightysix alerts`, `ack` and `silence`: what is open, who takes care of it, and what is not to be told for a while.
//!
//! Reads the database beside the running service and leaves orders there; the service does them. Invariant: an order that
//! the service did not answer is taken back, so that nothing happens later that nobody expects any more.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use serde_json::json;

use crate::alerts::group::{Entry, GroupKey};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{Alert, OpenAlert};
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::{ANSWER_WAIT, Acknowledgement, Answer, Order, SAID_LENGTH_MAX, said};
use crate::alerts::published::PublishedSet;
use crate::alerts::rate;
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::alerts::when;
use crate::alerts::words::values;
use crate::alerts::{AlertKey, facts};
use crate::cli::desk::{Desk, did_you_mean, one_of};
use crate::cli::output::{say, say_json};
use crate::cli::{AckArguments, AlertsArguments, Failure, SilenceAddArguments, SilenceCommand};
use crate::config::ChannelSettings;
use crate::language::Language;
use crate::rules::{RuleName, Subject};
use crate::units::{CategoryId, ProductId, StationId, Timestamp, VenueId, human_duration, printable};
use crate::{clock, telemetry};

/// Characters of a line, whatever names and messages are in it.
const LINE_LENGTH_MAX: usize = 500;

/// Lists what is open.
pub(super) async fn alerts(arguments: AlertsArguments) -> Result<(), Failure> {
    let desk = Desk::open(&arguments.of).await?;
    let now = clock::now();
    let open = desk.open_alerts();
    for (key, alert) in &open {
        if arguments.json {
            say_json(&desk.object(key, alert));
        } else {
            desk.lines(key, alert, now).iter().for_each(|line| say(line));
        }
    }
    if open.is_empty() && !arguments.json {
        say("nothing is open");
    }
    desk.store.close().await;
    Ok(())
}

/// Tells the service that somebody takes care of open alerts.
pub(super) async fn acknowledge(arguments: AckArguments) -> Result<(), Failure> {
    let desk = Desk::open(&arguments.of).await?;
    let done = acknowledge_at(&desk, &arguments).await;
    desk.store.close().await;
    done
}

async fn acknowledge_at(desk: &Desk, arguments: &AckArguments) -> Result<(), Failure> {
    let now = clock::now();
    let open = desk.open_alerts();
    let wanted = arguments.what.to_lowercase();
    let venue = arguments.venue.as_deref().map(|text| one_of("venue", text, desk.venues())).transpose()?;
    let is_there = |key: &AlertKey| venue.is_none_or(|venue| key.subject.venue() == Some(venue));
    let is_meant = |(key, alert): &&(&AlertKey, &OpenAlert)| {
        let is_its = alert.label.to_lowercase() == wanted || alert.episode.as_str() == arguments.what;
        is_its && is_there(key)
    };
    let meant: Vec<_> = open.iter().filter(is_meant).collect();
    let places: BTreeSet<String> = meant.iter().map(|(key, _)| desk.place(key)).collect();
    if meant.is_empty() {
        let labels: BTreeSet<&str> =
            open.iter().filter(|(key, _)| is_there(key)).map(|(_, alert)| alert.label.as_str()).collect();
        let what = printable(&arguments.what, SAID_LENGTH_MAX);
        return Err(anyhow!("no open alert is about '{what}'{}", did_you_mean(&arguments.what, labels)).into());
    }
    if places.len() > 1 {
        let places = places.into_iter().collect::<Vec<_>>().join(", ");
        return Err(anyhow!("it is open at several venues; say which by --venue: {places}").into());
    }
    let back_at = arguments.back.as_deref().map(|text| when::parse(text, now, &desk.config.locale.timezone));
    let back_at = back_at.transpose().map_err(|why| Failure::Argument(format!("--back: {why}")))?;
    if back_at.is_some_and(|at| at <= now) {
        return Err(Failure::Argument("--back is past; write a time that lies ahead, such as 19:30 or 2h".to_owned()));
    }
    let acknowledgement = Acknowledgement {
        by: somebody(&arguments.by)?,
        at: now,
        reason: arguments.reason,
        note: said(arguments.note.as_deref().unwrap_or_default()),
        back_at,
    };
    for (key, alert) in meant {
        let order = Order::Acknowledge {
            key: (*key).clone(),
            episode: alert.episode.clone(),
            acknowledgement: acknowledgement.clone(),
        };
        desk.ask(&order).await?;
        say(&format!("acknowledged  {}  {}: {}", desk.place(key), key.rule, alert.message));
    }
    say(&acknowledgement.in_words(Language::En, &desk.config.locale.timezone));
    Ok(())
}

/// Makes, lists and ends silences.
pub(super) async fn silence(command: SilenceCommand) -> Result<(), Failure> {
    match command {
        SilenceCommand::Add(arguments) => {
            let desk = Desk::open(&arguments.of).await?;
            let done = add(&desk, &arguments).await;
            desk.store.close().await;
            done
        }
        SilenceCommand::List(arguments) => {
            let desk = Desk::open(&arguments.of).await?;
            let now = clock::now();
            let silences: Vec<_> = desk.memory.silences.values().filter(|silence| silence.until > now).collect();
            for silence in &silences {
                if arguments.json {
                    say_json(&silence_object(silence));
                } else {
                    say(&desk.silence_line(silence));
                }
            }
            if silences.is_empty() && !arguments.json {
                say("nothing is silenced");
            }
            desk.store.close().await;
            Ok(())
        }
        SilenceCommand::End(arguments) => {
            let desk = Desk::open(&arguments.of).await?;
            let done = desk.ask(&Order::EndSilence(SilenceId::from_stored(&arguments.id))).await;
            desk.store.close().await;
            done?;
            say("ended; what it alone held back and is still so is told within seconds");
            Ok(())
        }
    }
}

async fn add(desk: &Desk, arguments: &SilenceAddArguments) -> Result<(), Failure> {
    let now = clock::now();
    let covers = desk.criteria(arguments)?;
    if covers == Criteria::default() {
        let help = "name what is to be silent: --venue, --product, --category, --station or --rule";
        return Err(Failure::Argument(help.to_owned()));
    }
    let until = match (&arguments.lasts, &arguments.until) {
        (Some(lasts), _) => now.plus(*lasts),
        (None, Some(text)) => when::parse(text, now, &desk.config.locale.timezone)
            .map_err(|why| Failure::Argument(format!("--until: {why}")))?,
        (None, None) => return Err(Failure::Argument("a silence must end: give --for 2h or --until 23:00".to_owned())),
    };
    if until <= now || until.since(now) > when::LONGEST {
        let longest = human_duration(when::LONGEST);
        return Err(Failure::Argument(format!("a silence ends later than now, and within {longest}")));
    }
    let known: Vec<&str> = desk.config.calendars.window_names().collect();
    if let Some(window) = arguments.during.as_deref().filter(|window| !known.contains(window)) {
        let window = printable(window, SAID_LENGTH_MAX);
        return Err(Failure::Argument(format!("there is no window '{window}'{}", did_you_mean(&window, known))));
    }
    let silence = Silence {
        id: SilenceId::from_stored(""),
        covers,
        from: now,
        until,
        until_back: arguments.until_back,
        during: arguments.during.as_deref().map(Into::into),
        by: somebody(&arguments.by)?,
        reason: said(arguments.reason.as_deref().unwrap_or_default()),
    };
    let silence = silence.named(&desk.brand);
    let covered: Vec<_> = desk.open_alerts().into_iter().filter(|(key, _)| desk.covers(&silence, key)).collect();
    if silence.until_back && covered.is_empty() {
        return Err(anyhow!("--until-back ends with what is open, and nothing is; leave it out").into());
    }
    for (key, alert) in &covered {
        let place = desk.place(key);
        say(&format!("covers  {place}  {}: {}{}", key.rule, alert.message, desk.told_already(key, alert)));
    }
    if covered.is_empty() {
        say("covers nothing that is open now");
    }
    if arguments.dry_run {
        say(&format!("would be  {}", desk.silence_line(&silence)));
        return Ok(());
    }
    desk.ask(&Order::Silence(silence.clone())).await?;
    say(&desk.silence_line(&silence));
    Ok(())
}

impl Desk {
    fn open_alerts(&self) -> Vec<(&AlertKey, &OpenAlert)> {
        self.memory.book.iter().filter_map(|(key, alert)| Some((key, alert.open()?))).collect()
    }

    /// Leaves an order beside the service and waits until it is done.
    async fn ask(&self, order: &Order) -> Result<(), Failure> {
        let failed = |error| anyhow!(telemetry::chain(&error));
        let id = self.store.ask(&self.brand, order, clock::now()).await.map_err(failed)?;
        match self.store.answer_within(id, ANSWER_WAIT).await.map_err(failed)? {
            Some(Answer::Done) => Ok(()),
            Some(Answer::Refused(why)) => Err(anyhow!("{why}").into()),
            None => {
                let waited = human_duration(ANSWER_WAIT);
                Err(anyhow!("the service did not answer within {waited}, so nothing was changed; is it running?")
                    .into())
            }
        }
    }

    fn covers(&self, silence: &Silence, key: &AlertKey) -> bool {
        let snapshot = key.subject.venue().and_then(|venue| self.memory.venues.get(&venue));
        let catalog = match key.subject {
            Subject::OfVenues(product) => self.memory.catalog_knowing(product),
            Subject::Brand
            | Subject::Venue(_)
            | Subject::Station(..)
            | Subject::Item(..)
            | Subject::OfCategory(..)
            | Subject::OfStation(..) => snapshot.map(|snapshot| &*snapshot.picture.catalog),
        };
        silence.covers(&key.rule, &key.subject, catalog)
    }

    fn criteria(&self, arguments: &SilenceAddArguments) -> Result<Criteria, Failure> {
        let venue = arguments.venue.as_deref().map(|text| one_of("venue", text, self.venues())).transpose()?;
        let is_there = |id: VenueId| venue.is_none_or(|venue| venue == id);
        let catalogs = || self.catalogs().filter(|(id, _)| is_there(*id)).map(|(_, catalog)| catalog);
        let products = || catalogs().flat_map(|catalog| catalog.products.values());
        let named = || products().map(|product| (product.id, product.full_name.clone()));
        let categories = || products().filter_map(|product| Some((product.category?, product.category_name.clone()?)));
        let stations = || catalogs().flat_map(|catalog| catalog.stations.values()).map(|it| (it.id, it.name.clone()));
        let product = arguments.product.as_deref().map(|text| one_of("product", text, named())).transpose()?;
        let category = arguments.category.as_deref().map(|text| one_of("category", text, categories())).transpose()?;
        let station = arguments.station.as_deref().map(|text| one_of("station", text, stations())).transpose()?;
        let rule = arguments.rule.as_deref().map(|name| self.rule(name)).transpose()?;
        if station.is_some() && venue.is_none() && self.memory.venues.len() > 1 {
            return Err(Failure::Argument("--station needs --venue: each venue has stations of its own".to_owned()));
        }
        Ok(Criteria { venue, product, category, station, rule })
    }

    fn place(&self, key: &AlertKey) -> String {
        let snapshot = key.subject.venue().and_then(|venue| self.memory.venues.get(&venue));
        snapshot.map_or_else(|| self.brand.to_string(), |snapshot| facts::venue_name(snapshot))
    }

    fn lines(&self, key: &AlertKey, alert: &OpenAlert, now: Timestamp) -> Vec<String> {
        let age = human_duration(now.since(alert.since));
        let head = format!("{:8}  {}  {}: {} ({age})", alert.severity.word(), self.place(key), key.rule, alert.message);
        let mut lines = vec![printable(&head, LINE_LENGTH_MAX)];
        if let Some(said) = &alert.acknowledged {
            let words = said.in_words(Language::En, &self.config.locale.timezone);
            lines.push(printable(&format!("          {words}"), LINE_LENGTH_MAX));
        }
        if alert.unstable_since.is_some() {
            lines.push("          on and off: its end is told when it is calm".to_owned());
        }
        let zone = &self.config.locale.timezone;
        for (receiver, until) in self.waiting_mails(key, alert) {
            lines.push(format!(
                "          mail to {receiver} waits until {}",
                values::time_beside(Language::En, until, now, zone)
            ));
        }
        for (receiver, hold) in &alert.held {
            lines.push(format!("          not told to {receiver}: {}", self.why(hold)));
        }
        lines
    }

    /// Returns who is to hear of an alert first by a mail that still waits, and when it goes out.
    fn waiting_mails<'a>(&self, key: &AlertKey, alert: &'a OpenAlert) -> Vec<(&'a ReceiverName, Timestamp)> {
        let venue = key.subject.venue();
        let waits = |receiver: &ReceiverName| {
            let group = self.memory.groups.get(&GroupKey { receiver: receiver.clone(), venue })?;
            let is_news = |entry: &Entry| entry.kind.tells_first() && entry.episode.as_ref() == Some(&alert.episode);
            group.entries.iter().find(|entry| is_news(entry))?;
            let settings = self.config.receivers.get(receiver)?;
            let free_at = rate::free_at(settings.at_most, self.memory.mailed.get(receiver));
            Some(group.due_at(settings.group_wait, settings.quiet.as_ref(), free_at))
        };
        alert.told.iter().filter_map(|receiver| Some((receiver, waits(receiver)?))).collect()
    }

    /// Says who knows of an alert already, and therefore hears of its end in spite of a silence, and of whom a mail is
    /// taken back.
    fn told_already(&self, key: &AlertKey, alert: &OpenAlert) -> String {
        let hears_by_mail_alone = |receiver: &ReceiverName| {
            let settings = self.config.receivers.get(receiver);
            settings.is_some_and(|it| it.channels.iter().all(|way| matches!(way, ChannelSettings::Email { .. })))
        };
        let waiting = self.waiting_mails(key, alert).into_iter().map(|(receiver, _)| receiver);
        let untold: BTreeSet<&ReceiverName> = waiting.filter(|receiver| hears_by_mail_alone(receiver)).collect();
        let told = alert.told.iter().filter(|receiver| !untold.contains(receiver));
        let listed = |names: Vec<&str>| names.join(", ");
        let told = listed(told.map(ReceiverName::as_str).collect());
        let untold = listed(untold.into_iter().map(ReceiverName::as_str).collect());
        let told = if told.is_empty() { told } else { format!("; told to {told} already, who hear of its end") };
        if untold.is_empty() { told } else { format!("{told}; the mail to {untold} waits and is taken back") }
    }

    fn why(&self, hold: &Hold) -> String {
        match hold {
            Hold::Cause(cause) => match self.memory.book.get(cause).and_then(Alert::open) {
                Some(open) => format!("because of {}: {}", cause.rule, open.label),
                None => format!("because of {}", cause.rule),
            },
            Hold::Silence(id) => format!("silence {id}"),
        }
    }

    fn object(&self, key: &AlertKey, alert: &OpenAlert) -> serde_json::Value {
        let told: Vec<&str> = alert.told.iter().map(ReceiverName::as_str).collect();
        let mail_waits: BTreeMap<&str, String> =
            self.waiting_mails(key, alert).iter().map(|(to, until)| (to.as_str(), until.to_string())).collect();
        let held: BTreeMap<&str, String> =
            alert.held.iter().map(|(receiver, hold)| (receiver.as_str(), self.why(hold))).collect();
        json!({
            "episode": alert.episode.as_str(), "rule": key.rule.as_str(), "severity": alert.severity.word(),
            "venue": key.subject.venue().map(|venue| venue.0), "place": self.place(key), "about": alert.label,
            "message": alert.message.common(), "since": alert.since.to_string(), "clearing": alert.clear_since.is_some(),
            "unstable": alert.unstable_since.is_some(),
            "set": alert.set.as_ref().map(PublishedSet::of), "told": told, "mail_waits": mail_waits, "held": held, "acknowledged_by": alert.acknowledged.as_ref().map(|said| said.by.as_str()),
        })
    }

    fn silence_line(&self, silence: &Silence) -> String {
        let Criteria { venue, product, category, station, rule } = &silence.covers;
        let catalogs = || self.catalogs().filter(|(id, _)| venue.is_none_or(|venue| venue == *id)).map(|(_, it)| it);
        let product_name = |id: &ProductId| {
            let known = catalogs().find_map(|catalog| catalog.products.get(id));
            known.map_or_else(|| format!("#{id}"), |product| product.full_name.clone())
        };
        let category_name = |id: CategoryId| {
            let mut products = catalogs().flat_map(|catalog| catalog.products.values());
            let known = products.find(|product| product.category == Some(id));
            known.and_then(|product| product.category_name.clone()).unwrap_or_else(|| id.to_string())
        };
        let station_name = |id: &StationId| {
            let known = catalogs().find_map(|catalog| catalog.stations.get(id));
            known.map_or_else(|| id.to_string(), |station| station.name.clone())
        };
        let parts = [
            product.as_ref().map(product_name),
            category.map(|id| format!("category {}", category_name(id))),
            station.as_ref().map(|id| format!("station {}", station_name(id))),
            rule.as_ref().map(|rule| format!("rule {rule}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let what = if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") };
        let place = match venue.map(|id| (id, self.memory.venues.get(&id))) {
            None => "all venues".to_owned(),
            Some((id, None)) => format!("venue {id}"),
            Some((_, Some(snapshot))) => facts::venue_name(snapshot),
        };
        let until = silence.until.in_zone(&self.config.locale.timezone).strftime("%Y-%m-%d %H:%M").to_string();
        printable(&format!("{}  {what} at {place} {}", silence.id, silence.in_words(&until)), LINE_LENGTH_MAX)
    }
}

fn silence_object(silence: &Silence) -> serde_json::Value {
    let Silence { id, covers, from, until, until_back, during, by, reason } = silence;
    let Criteria { venue, product, category, station, rule } = covers;
    json!({
        "id": id.as_str(), "venue": venue.map(|id| id.0), "product": product.map(|id| id.0),
        "category": category.map(|id| id.0), "station": station.map(|id| id.0),
        "rule": rule.as_ref().map(RuleName::as_str), "from": from.to_string(), "until": until.to_string(),
        "until_back": until_back, "during": during.as_deref(), "by": by, "reason": reason,
    })
}

/// Takes the name of who asks.
fn somebody(name: &str) -> Result<String, Failure> {
    let name = said(name);
    if name.is_empty() { Err(Failure::Argument("--by must name somebody".to_owned())) } else { Ok(name) }
}
