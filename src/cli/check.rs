//! `eightysix check`: every mistake at once; with `--online`, everything that the configuration names is tried.
//!
//! Nothing is sent to anybody: credentials are used to log in and to read, brokers and mail servers are greeted.

use std::path::Path;

use serde_json::json;

use crate::cli::Failure;
use crate::cli::output::{coloured, report_objects, say, say_json, show_report};
use crate::clopos::auth::Token;
use crate::clopos::decode::Answer;
use crate::clopos::query::Request;
use crate::clopos::verdict::Verdict;
use crate::clopos::{self, Client};
use crate::config::{BrokerSettings, ChannelSettings, Config, Venues};
use crate::sinks::email::EmailSink;
use crate::sinks::mqtt::link;
use crate::sinks::webhook::WebhookSink;
use crate::store::{Probed, Store};
use crate::units::VenueId;
use crate::{broker, http, telemetry};

/// Checks the files, and what they name when `online`.
pub(super) async fn check(path: &Path, online: bool, as_json: bool) -> Result<(), Failure> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(report) => {
            if as_json {
                report_objects(&report);
            } else {
                show_report(&report);
            }
            return Err(Failure::Wrong);
        }
    };
    if !as_json {
        let receivers = config.receivers.len();
        say(&format!("{}: fine, with {} rules and {receivers} receivers", path.display(), config.rules.rules().len()));
    }
    for warning in &config.warnings {
        if as_json {
            say_json(&json!({ "warning": warning }));
        } else {
            say(&format!("{}: {warning}", coloured("warning", "33;1")));
        }
    }
    if !online {
        if as_json {
            say_json(&json!({ "ok": true, "rules": config.rules.rules().len(), "receivers": config.receivers.len() }));
        }
        return Ok(());
    }
    let mut trial = Trial { as_json, failures: 0 };
    try_store(&config, &mut trial).await;
    try_door(&config, &mut trial).await;
    try_clopos(&config, &mut trial).await?;
    try_brokers(&config, &mut trial).await;
    try_mail(&config, &mut trial).await;
    try_webhooks(&config, &mut trial).await;
    if as_json {
        say_json(&json!({ "ok": trial.failures == 0, "failures": trial.failures }));
    } else {
        say(&if trial.failures == 0 {
            "everything works".to_owned()
        } else {
            format!("{} do not work", trial.failures)
        });
    }
    if trial.failures == 0 { Ok(()) } else { Err(Failure::Shown) }
}

struct Trial {
    as_json: bool,
    failures: u32,
}

impl Trial {
    fn note(&mut self, what: &str, result: Result<String, String>) {
        let is_ok = result.is_ok();
        self.failures += u32::from(!is_ok);
        let text = result.unwrap_or_else(|why| why);
        if self.as_json {
            say_json(&json!({ "tried": what, "ok": is_ok, "text": text }));
        } else {
            let mark = if is_ok { coloured("  ok", "32") } else { coloured("FAIL", "31;1") };
            say(&format!("{mark}  {what}: {text}"));
        }
    }
}

/// Tries the database as far as that leaves no trace: one that is there is opened, another one is not made.
async fn try_store(config: &Config, trial: &mut Trial) {
    let path = &config.store.path;
    let result = match Store::probe(path).await {
        Ok(Probed::Usable) => Ok(format!("{} can be used", path.display())),
        Ok(Probed::Older) => Ok(format!("{} can be used, and is brought up to date by the service", path.display())),
        Ok(Probed::Absent) => Ok(format!("{} can be made", path.display())),
        Err(error) => Err(telemetry::chain(&error)),
    };
    trial.note("store", result);
}

/// Tries the address for browsers.
async fn try_door(config: &Config, trial: &mut Trial) {
    let result = match http::bind(&config.http).await {
        Ok(_) if config.http.listen.port() == 0 => Ok(format!("can listen on {}", config.http.listen.ip())),
        Ok(_) => Ok(format!("can listen on {}", config.http.listen)),
        Err(error) => Err(format!("{} (is the service running already?)", telemetry::chain(&error))),
    };
    trial.note("http", result);
}

/// Asks, and once more with a new token when Clopos no longer accepts this one, as the service does.
async fn fetch(client: &Client, token: &mut Token, request: &Request) -> Result<Answer, Verdict> {
    let mut result = client.fetch(request, token, None).await.result;
    if let Err(Verdict::TokenStale { .. }) = result {
        *token = client.authenticate().await.result?;
        result = client.fetch(request, token, None).await.result;
    }
    result.map(|(answer, _)| answer)
}

async fn try_clopos(config: &Config, trial: &mut Trial) -> Result<(), Failure> {
    let clients = clopos::connect(&config.clopos).map_err(|error| anyhow::anyhow!(telemetry::chain(&error)))?;
    for client in clients {
        let brand = client.brand().clone();
        let login = client.authenticate().await.result;
        let what = format!("clopos, brand {brand}, credentials");
        let mut token = match login {
            Ok(token) => token,
            Err(verdict) => {
                trial.note(&what, Err(verdict.to_string()));
                continue;
            }
        };
        trial.note(&what, Ok("accepted".to_owned()));
        let wanted = config.venues.get(&brand);
        try_venues(&client, &mut token, wanted, trial).await;
    }
    Ok(())
}

async fn try_venues(client: &Client, token: &mut Token, wanted: Option<&Venues>, trial: &mut Trial) {
    let what = format!("clopos, brand {}, venues", client.brand());
    let listed = match fetch(client, token, &Request::Venues).await {
        Ok(Answer::Venues(list)) => list.rows,
        Ok(_) => return trial.note(&what, Err("the answer is not a list of venues".to_owned())),
        Err(verdict) => return trial.note(&what, Err(verdict.to_string())),
    };
    let names: Vec<String> = listed.iter().map(|venue| format!("{} {}", venue.id, venue.name)).collect();
    let missing = |wanted: &Venues| match wanted {
        Venues::All => Vec::new(),
        Venues::Listed(ids) => ids.iter().filter(|id| !listed.iter().any(|venue| venue.id == **id)).copied().collect(),
    };
    let missing: Vec<VenueId> = wanted.map(missing).unwrap_or_default();
    let result = if missing.is_empty() {
        Ok(names.join(", "))
    } else {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        Err(format!("Clopos does not list {}; it lists {}", missing.join(", "), names.join(", ")))
    };
    trial.note(&what, result);
    let first = match wanted {
        Some(Venues::Listed(ids)) => ids.first().copied(),
        Some(Venues::All) | None => listed.first().map(|venue| venue.id),
    };
    if let Some(venue) = first {
        let request = Request::StopList { venue, only: Vec::new() };
        let result = match fetch(client, token, &request).await {
            Ok(Answer::StopList(list)) => Ok(format!("{} rows", list.entries.len())),
            Ok(_) => Err("the answer is not a stop list".to_owned()),
            Err(verdict) => Err(verdict.to_string()),
        };
        trial.note(&format!("clopos, brand {}, {request}", client.brand()), result);
    }
}

async fn try_brokers(config: &Config, trial: &mut Trial) {
    for (name, settings) in &config.brokers {
        let result = match settings {
            BrokerSettings::External(settings) => match link::probe(settings).await {
                Ok(()) => Ok(format!("connected to {}", settings.url)),
                Err(error) => Err(telemetry::chain(&error)),
            },
            BrokerSettings::Embedded { settings, .. } => match broker::start(settings).await {
                Ok(running) => {
                    let address = running.address();
                    running.stop().await;
                    Ok(format!("can listen on {address}"))
                }
                Err(error) => Err(format!("{} (is the service running already?)", telemetry::chain(&error))),
            },
        };
        trial.note(&format!("mqtt {name}"), result);
    }
}

async fn try_mail(config: &Config, trial: &mut Trial) {
    for (name, settings) in &config.mail {
        let result = match EmailSink::new(settings) {
            Ok(sink) => sink.probe().await.map(|()| format!("{} takes mail from us", settings.place)),
            Err(problems) => Err(problems.iter().map(|problem| problem.text.clone()).collect::<Vec<_>>().join("; ")),
        };
        trial.note(&format!("smtp {name}"), result);
    }
}

async fn try_webhooks(config: &Config, trial: &mut Trial) {
    for (receiver, settings) in &config.receivers {
        for channel in &settings.channels {
            let ChannelSettings::Webhook(settings) = channel else { continue };
            let result = match WebhookSink::new(settings) {
                Ok(sink) => sink.probe().await.map(|()| "reachable".to_owned()),
                Err(problems) => {
                    Err(problems.iter().map(|problem| problem.text.clone()).collect::<Vec<_>>().join("; "))
                }
            };
            trial.note(&format!("webhook of {receiver}"), result);
        }
    }
}
