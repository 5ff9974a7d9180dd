//! The whole program as people run it: the real binary against a simulated Clopos, a real mosquitto, a real mail server
//! and a real webhook receiver.
//!
//! Each test is a story on a stage of its own, with files, ports and processes that nobody else has. Needs mosquitto and
//! its clients, exim, openssl, Chromium and promtool (tests/run installs them); without them the stories fail.
#![cfg(feature = "embedded-broker")]

#[path = "../support/api_document.rs"]
mod api_document;
#[path = "../support/canary.rs"]
mod canary;
#[path = "../support/chromium/mod.rs"]
mod chromium;
#[path = "../support/front.rs"]
mod front;
#[path = "../support/contract.rs"]
mod machines;
#[path = "../support/mosquitto.rs"]
mod mosquitto;
#[path = "../support/smtp.rs"]
mod smtp;
#[path = "../support/tls.rs"]
mod tls;
#[path = "../support/wait.rs"]
mod wait;
#[path = "../support/webhook.rs"]
mod webhook;

mod arrivals;
mod gate;
mod history;
mod persons;
mod pos;
mod process;
mod screen;
mod stage;

mod ack_page;
mod api;
mod board;
mod certificates;
mod check;
mod contract;
mod crashes;
mod demo;
mod disks;
mod echoes;
mod embedded;
mod explain;
mod health;
mod hostile;
mod kills;
mod lifecycle;
mod links;
mod looks;
mod manager;
mod metrics;
mod now;
mod orders;
mod outages;
mod refused;
mod reload;
mod restarts;
mod secrets;
mod sign_in;
mod sold_out;
mod status;
mod streams;
mod troubles;
mod walk;
mod wall;

use crate::stage::assert_silent;
