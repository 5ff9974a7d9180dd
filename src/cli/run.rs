//! `eightysix run`: the service under systemd, in a container or in a terminal.
//!
//! Signals become a token and a channel here; systemd is told what is true, when it is true.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::{Failure, output};
use crate::config::Config;
use crate::service::{self, Surroundings, pulse};
use crate::vitals::Health;

/// A watchdog that wants to hear more often is not obeyed: it would be most of the work.
const PULSE_MIN: Duration = Duration::from_millis(100);

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config_path: PathBuf) -> Result<(), Failure> {
    let config = Config::load(&config_path).map_err(|report| {
        output::show_report(&report);
        Failure::Wrong
    })?;
    let stop = CancellationToken::new();
    let (ask_reload, reload) = mpsc::channel(1);
    let signals = listen_to_signals(stop.clone(), ask_reload)?;
    let (systemd, watchdog) = (Arc::new(Systemd::default()), sd_notify::watchdog_enabled());
    let of_pulse = Arc::clone(&systemd);
    let surroundings = Surroundings {
        config_path: Some(config_path),
        reload,
        report: Arc::new(|_, _| {}),
        pulse: Box::new(move |health| of_pulse.pulse(health, watchdog.is_some())),
        pulse_every: pulse_every(watchdog),
        ready: Box::new(move |running| {
            tracing::info!("{}", running.line);
            tracing::info!("the boards are at http://{}/board", running.web);
            systemd.ready(&running.line);
        }),
        stop: stop.clone(),
    };
    let result = tokio::select! {
        result = service::run(config, surroundings) => result,
        () = signals => Ok(()),
    };
    if result.is_ok() {
        tracing::info!("stopped");
    }
    Ok(result?)
}

/// Returns a future that turns signals into the token and the channel, and never ends by itself.
fn listen_to_signals(
    stop: CancellationToken,
    ask_reload: mpsc::Sender<()>,
) -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen to SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("listen to SIGHUP")?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => begin_to_stop(&stop),
                _ = interrupt.recv() => begin_to_stop(&stop),
                _ = hang_up.recv() => {
                    tell_systemd(&[NotifyState::Reloading, NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Status("reloading"))]);
                    // A full channel means that a reload is asked for already.
                    let _ = ask_reload.try_send(());
                }
            }
        }
    })
}

fn begin_to_stop(stop: &CancellationToken) {
    if !stop.is_cancelled() {
        tracing::info!("stopping");
        tell_systemd(&[NotifyState::Stopping]);
    }
    stop.cancel();
}

/// Returns how often systemd hears that we live, when it wants to: often enough that three words may be lost.
fn pulse_every(watchdog: Option<Duration>) -> Duration {
    watchdog.map_or(pulse::EVERY, |within| pulse::EVERY.min(within / 4).max(PULSE_MIN))
}

/// What systemd was told of us last, which `systemctl status` shows.
#[derive(Default)]
struct Systemd {
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    /// What is watched.
    line: String,
    status: String,
}

impl Systemd {
    fn ready(&self, line: &str) {
        *self.said() = Said { line: line.to_owned(), status: line.to_owned() };
        tell_systemd(&[NotifyState::Ready, NotifyState::Status(line)]);
    }

    /// Feeds the watchdog while another start could not help, and says it when something is not as it should be.
    fn pulse(&self, health: &Health, is_watched: bool) {
        if is_watched && health.is_alive() {
            tell_systemd(&[NotifyState::Watchdog]);
        }
        let mut said = self.said();
        let line = &said.line;
        let status = if health.is_ready() { line.clone() } else { format!("{line}; not ready: {}", health.troubles()) };
        if status != said.status {
            tell_systemd(&[NotifyState::Status(&status)]);
            said.status = status;
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell_systemd(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell, and that is no failure.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(
            "systemd cannot be told how we are: {error}; start this as its service, or remove NOTIFY_SOCKET"
        );
    }
}
