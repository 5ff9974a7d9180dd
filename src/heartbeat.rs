//! A dead man's switch: asks for an address now and then, only while the job is done, so that whoever misses it calls a person.
//!
//! The address is the operator's own and is often a secret, so that it is never shown; no redirect is followed, as one could
//! lead it elsewhere. Invariant: nothing is sent while `/readyz` would not say 200.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, Client, Url};
use tokio_util::sync::CancellationToken;

use crate::metrics::Insight;
use crate::telemetry::{Repeat, Repeats};
use crate::units::Secret;
use crate::{clock, telemetry, tls};

/// The time for one heartbeat: who does not answer by then gets the next one.
const TIME_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether the job is done again.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What fails, for the count of failures.
const HEARTBEAT: &str = "the heartbeat";

/// Where the heartbeat goes, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address, which most services of the kind make a secret.
    pub url: Secret,
    /// How long between two of them; 60 s by default.
    pub every: Duration,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Sends heartbeats.
pub struct Heartbeat {
    client: Client,
    url: Url,
    every: Duration,
}

/// Shows neither path nor query.
impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("host", &self.host()).field("every", &self.every).finish_non_exhaustive()
    }
}

impl Heartbeat {
    /// Prepares the client; connects nowhere yet. A rustls crypto provider must be installed.
    ///
    /// # Errors
    /// Why the settings cannot work, in a sentence that does not repeat the address.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let url = Url::parse(settings.url.expose());
        let url = url.map_err(|error| format!("the address is not a url ({error})"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err("the address begins with neither https:// nor http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the address holds an account, which heartbeats do not need".to_owned());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("eightysix/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A minute later a connection that was kept is often a dead one.
            .pool_max_idle_per_host(0)
            .timeout(TIME_MAX);
        if url.host_str().is_some_and(|host| ["127.0.0.1", "[::1]", "localhost"].contains(&host)) {
            // What is on this machine is not behind the company's proxy.
            builder = builder.no_proxy();
        }
        if let Some(path) = &settings.ca_file {
            let certificates = tls::authorities(path)?;
            let certificates: Result<Vec<Certificate>, _> =
                certificates.iter().map(|der| Certificate::from_der(der)).collect();
            builder = builder.tls_certs_only(certificates.map_err(|error| telemetry::chain(&error))?);
        }
        let client = builder.build().map_err(|error| telemetry::chain(&error))?;
        Ok(Self { client, url, every: settings.every })
    }

    /// Sends one whenever it is time and the job is done, until `cancel`.
    pub async fn run(self, insight: Insight, cancel: CancellationToken) {
        let mut repeats = Repeats::default();
        loop {
            let is_ready = insight.vitals.health(clock::now(), clock::uptime()).is_ready();
            let pause = if is_ready { self.every } else { self.every.min(LOOK_EVERY) };
            let beat = async {
                if is_ready {
                    self.beat(&insight, &mut repeats).await;
                }
                tokio::time::sleep(pause).await;
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = beat => {}
            }
        }
    }

    async fn beat(&self, insight: &Insight, repeats: &mut Repeats) {
        let sent = self.send().await;
        insight.metrics.heartbeat_sent(sent.is_ok());
        match sent {
            Ok(()) => {
                if repeats.works(HEARTBEAT).is_some() {
                    tracing::info!("heartbeats arrive at {} again", self.host());
                }
            }
            Err(why) => {
                if let Repeat::First { .. } = repeats.failed(HEARTBEAT, &why) {
                    tracing::warn!(
                        "no heartbeat arrives at {}, where its silence will be taken for ours: {why}",
                        self.host()
                    );
                }
            }
        }
    }

    /// Sends one.
    ///
    /// # Errors
    /// Why it did not arrive, without the address.
    pub async fn send(&self) -> Result<(), String> {
        let answer = self.client.get(self.url.clone()).send().await.map_err(reqwest::Error::without_url);
        let status = match answer {
            Ok(answer) => answer.status(),
            Err(error) => {
                return Err(match tls::reason(&error) {
                    Some(why) => format!("could not agree on TLS: {why}"),
                    None if error.is_timeout() => format!("no answer within {} s", TIME_MAX.as_secs()),
                    None => telemetry::chain(&error),
                });
            }
        };
        match status.as_u16() {
            200..=299 => Ok(()),
            300..=399 => Err(format!("it answered {status}, and redirects are not followed: write the address itself")),
            _ => Err(format!("it answered {status}")),
        }
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_work_is_told_and_not_repeated() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (url, told) in [
            ("https://hc.example.com/3f0c-secret", None),
            ("http://10.0.0.5:3001/api/push/secret?status=up", None),
            ("hc.example.com/secret", Some("the address is not a url (")),
            ("ftp://hc.example.com/secret", Some("the address begins with neither https:// nor http://")),
            ("https://me:secret@hc.example.com/", Some("the address holds an account")),
            ("https:///secret", None),
        ] {
            let settings = Settings { url: Secret::new(url), every: Duration::from_mins(1), ca_file: None };
            let made = Heartbeat::new(&settings);
            let said = format!("{made:?} {settings:?}");
            assert!(!said.contains("secret") || url == "https:///secret", "{said}");
            match told {
                None => assert!(made.is_ok(), "{url}: {made:?}"),
                Some(start) => assert!(made.is_err_and(|why| why.starts_with(start)), "{url}"),
            }
        }
    }
}
