//! `eightysix run`: the service under systemd, in a container or in a terminal.
//!
//! Signals become a token and a channel here; systemd is told what is true, when it is true.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::{Failure, output};
use crate::config::Config;
use crate::service::{self, Surroundings};

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config_path: PathBuf) -> Result<(), Failure> {
    let config = Config::load(&config_path).map_err(|report| {
        output::show_report(&report);
        Failure::Wrong
    })?;
    let stop = CancellationToken::new();
    let (ask_reload, reload) = mpsc::channel(1);
    let signals = listen_to_signals(stop.clone(), ask_reload)?;
    let surroundings = Surroundings {
        config_path: Some(config_path),
        reload,
        report: Arc::new(|_, _| {}),
        ready: Box::new(|running| {
            tracing::info!("{}", running.line);
            tracing::info!("the boards are at http://{}/board", running.web);
            tell_systemd(&[NotifyState::Ready, NotifyState::Status(&running.line)]);
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

fn tell_systemd(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell, and that is no failure.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(
            "systemd cannot be told how we are: {error}; start this as its service, or remove NOTIFY_SOCKET"
        );
    }
}
