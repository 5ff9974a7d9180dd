//! `eightysix dead-letters`: what was given up, and sending it again.
//!
//! Works on the database beside a running service; the service's own workers do the sending.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::alerts::notice::{Channel, ReceiverName};
use crate::cli::desk::{load, open_store};
use crate::cli::output::{say, say_json};
use crate::cli::{DeadLetterArguments, Failure};
use crate::config::{ChannelSettings, Config};
use crate::service::receivers::feed_receiver;
use crate::store::{DeadLetter, Requeued, Store};
use crate::units::printable;
use crate::{clock, telemetry};

/// Lists the dead letters, or puts them back into the outbox of the service that runs beside.
pub(super) async fn dead_letters(arguments: DeadLetterArguments) -> Result<(), Failure> {
    let config = load(&arguments.file)?;
    let store = open_store(&config).await?;
    let done = if arguments.resend_all || !arguments.resend.is_empty() {
        resend(&arguments, &config, &store).await
    } else {
        list(arguments.json, &config, &store).await
    };
    store.close().await;
    done
}

async fn resend(arguments: &DeadLetterArguments, config: &Config, store: &Store) -> Result<(), Failure> {
    let failed = |error| anyhow::anyhow!(telemetry::chain(&error));
    let there: BTreeSet<i64> = store.dead_letters().await.map_err(failed)?.iter().map(|letter| letter.row).collect();
    let asked: BTreeSet<i64> = arguments.resend.iter().copied().collect();
    let missing: Vec<i64> = asked.difference(&there).copied().collect();
    let resent = store.resend(&arguments.resend, clock::now()).await.map_err(failed)?;
    let unserved = unserved(&resent, config);
    if arguments.json {
        let ways: Vec<String> = unserved.keys().map(|way| format!("{} by {}", way.receiver, way.channel)).collect();
        say_json(&json!({ "resent": resent.len(), "not_configured": ways, "unknown": missing }));
        return if missing.is_empty() { Ok(()) } else { Err(Failure::Shown) };
    }
    if missing.is_empty() || !resent.is_empty() {
        say(&format!("{} put back into the outbox; a running service sends them within 15 s", resent.len()));
    }
    for (way, count) in &unserved {
        let Requeued { receiver, channel } = way;
        say(&format!("but {count} to {receiver} by {channel} wait: that is not in {}", config_name(arguments)));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let help = "`eightysix dead-letters` lists those that there are";
    Err(anyhow::anyhow!("there is no dead letter {missing}; {help}").into())
}

/// Counts what was put back for those who are not in the configuration, whom no worker serves.
fn unserved(resent: &[Requeued], config: &Config) -> BTreeMap<Requeued, u32> {
    let mut unserved = BTreeMap::new();
    for way in resent.iter().filter(|way| !is_configured(way, config)) {
        *unserved.entry(way.clone()).or_default() += 1;
    }
    unserved
}

fn is_configured(way: &Requeued, config: &Config) -> bool {
    let Requeued { receiver, channel } = way;
    if config.feed.iter().any(|broker| feed_receiver(broker).as_str() == receiver) {
        return channel == Channel::Mqtt.word();
    }
    let word = |settings: &ChannelSettings| match settings {
        ChannelSettings::Email { .. } => Channel::Email.word(),
        ChannelSettings::Mqtt { .. } => Channel::Mqtt.word(),
        ChannelSettings::Webhook(_) => Channel::Webhook.word(),
    };
    let settings = config.receivers.get(&ReceiverName::new(receiver));
    settings.is_some_and(|settings| settings.channels.iter().any(|settings| word(settings) == channel))
}

fn config_name(arguments: &DeadLetterArguments) -> String {
    arguments.file.config.display().to_string()
}

async fn list(as_json: bool, config: &Config, store: &Store) -> Result<(), Failure> {
    let letters = store.dead_letters().await.map_err(|error| anyhow::anyhow!(telemetry::chain(&error)))?;
    if as_json {
        for letter in &letters {
            say_json(&object(letter));
        }
    } else if letters.is_empty() {
        say("no dead letters");
    } else {
        for letter in &letters {
            say(&line(letter, config));
        }
    }
    Ok(())
}

fn object(letter: &DeadLetter) -> serde_json::Value {
    let DeadLetter { row, receiver, channel, at, summary, attempts, why, passed_to } = letter;
    json!({
        "number": row, "receiver": receiver, "channel": channel, "at": at.to_string(),
        "summary": summary, "attempts": attempts, "why": why, "passed_to": passed_to,
    })
}

fn line(letter: &DeadLetter, config: &Config) -> String {
    let at = letter.at.in_zone(&config.locale.timezone).strftime("%Y-%m-%d %H:%M");
    let (summary, why) = (printable(&letter.summary, 200), printable(&letter.why, 300));
    let instead = letter.passed_to.as_ref().map(|to| format!("; {to} was told instead")).unwrap_or_default();
    format!("{:>6}  {at}  {} by {}: {summary}\n        {why}{instead}", letter.row, letter.receiver, letter.channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURATION: &str = "\
locale: { timezone: Asia/Baku, currency: AZN }
clopos: { integrator_id: int-123, brands: [{ brand: sahil, client_id: abc, client_secret: { file: secret } }] }
store: sqlite:86.db
mqtt: { kitchen: { url: mqtt://127.0.0.1 } }
feed: [kitchen]
receivers:
  pass: { mqtt: { broker: kitchen } }
  ops: { webhook: { url: https://hooks.example.com/86 } }
rules: [rules.yaml]
";

    #[test]
    fn whom_no_worker_serves_is_named() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let rules = "rules:\n  - { name: sold-out, when: { limit: { at_most: 0 } }, notify: [ops] }\n";
        for (file, text) in [("eightysix.yaml", CONFIGURATION), ("rules.yaml", rules), ("secret", "abcdefgh\n")] {
            std::fs::write(folder.path().join(file), text).expect("written");
        }
        let config = Config::load(&folder.path().join("eightysix.yaml")).unwrap_or_else(|report| panic!("{report}"));
        let way = |(receiver, channel): (&str, &str)| Requeued { receiver: receiver.into(), channel: channel.into() };
        let served = [("ops", "webhook"), ("pass", "mqtt"), ("feed/kitchen", "mqtt")];
        let others = [("ops", "email"), ("chef", "webhook"), ("feed/bar", "mqtt"), ("chef", "webhook")];
        let unserved = unserved(&served.into_iter().chain(others).map(way).collect::<Vec<_>>(), &config);
        let expected = [(("chef", "webhook"), 2), (("feed/bar", "mqtt"), 1), (("ops", "email"), 1)];
        assert_eq!(unserved, expected.map(|(it, count)| (way(it), count)).into());
    }
}
