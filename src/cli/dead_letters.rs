//! `eightysix dead-letters`: what was given up, and sending it again.
//!
//! Works on the database beside a running service; the service's own workers do the sending.

use serde_json::json;

use crate::cli::output::{say, say_json, show_report};
use crate::cli::{DeadLetterArguments, Failure};
use crate::config::Config;
use crate::store::{DeadLetter, Store};
use crate::units::printable;
use crate::{clock, telemetry};

/// Lists the dead letters, or puts them back into the outbox of the service that runs beside.
pub(super) async fn dead_letters(arguments: DeadLetterArguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.file.config).map_err(|report| {
        show_report(&report);
        Failure::Wrong
    })?;
    let failed = |error| anyhow::anyhow!(telemetry::chain(&error));
    let store = Store::open_beside(&config.store.path).await.map_err(failed)?;
    if arguments.resend_all || !arguments.resend.is_empty() {
        let resent = store.resend(&arguments.resend, clock::now()).await.map_err(failed)?;
        if arguments.json {
            say_json(&json!({ "resent": resent }));
        } else {
            say(&format!("{resent} put back into the outbox; a running service sends them within 15 s"));
        }
        let asked = u64::try_from(arguments.resend.len()).unwrap_or(u64::MAX);
        return if resent < asked { Err(Failure::Shown) } else { Ok(()) };
    }
    let letters = store.dead_letters().await.map_err(failed)?;
    if arguments.json {
        for letter in &letters {
            say_json(&object(letter));
        }
    } else if letters.is_empty() {
        say("no dead letters");
    } else {
        for letter in &letters {
            say(&line(letter, &config));
        }
    }
    store.close().await;
    Ok(())
}

fn object(letter: &DeadLetter) -> serde_json::Value {
    let DeadLetter { row, receiver, channel, at, summary, attempts, why } = letter;
    json!({
        "number": row, "receiver": receiver, "channel": channel, "at": at.to_string(),
        "summary": summary, "attempts": attempts, "why": why,
    })
}

fn line(letter: &DeadLetter, config: &Config) -> String {
    let at = letter.at.in_zone(&config.locale.timezone).strftime("%Y-%m-%d %H:%M");
    let (summary, why) = (printable(&letter.summary, 200), printable(&letter.why, 300));
    format!("{:>6}  {at}  {} by {}: {summary}\n        {why}", letter.row, letter.receiver, letter.channel)
}
