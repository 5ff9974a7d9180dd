//! eightysix watches the stop lists of restaurants on the Clopos POS and tells everyone who must know.
//!
//! What it says is true, it says how old its knowledge is, and it loses nothing. The core is pure: every function
//! between the API's bytes and the commit takes time as an argument and does no I/O (`CONTRIBUTING.md` has the map).
//!
//! # Words
//! **observation** one answer, decoded · **snapshot** what is known of a venue · **change** a difference worth a line
//! in the history · **item** a product or variant at a venue, joined with its stop-list row, station and prices ·
//! **rule** · **finding** what a rule says of a subject now · **alert** a rule that holds for a subject ·
//! **episode** from firing to resolved · **receiver** a person or system with channels · **notice** what one receiver
//! is to be told · **delivery** a notice on its way out · **attempt** one try at it · **feed** the MQTT state topics ·
//! **fallback** the receiver that is told what another one cannot be told.
//!
//! # Layers
//! A module imports only from modules of a lower number; `tests/tidy.rs` reads this table and holds it. `pure` files hold
//! no I/O, clock, randomness, tokio or `HashMap`; `except` names the files of a module that do.
//!
//! ```text
//! 0 units            pure
//! 1 clock
//! 1 telemetry
//! 1 tls
//! 1 document         pure
//! 1 mask             pure
//! 1 catalog          pure
//! 1 language         pure
//! 1 calendar         pure
//! 1 topics           pure
//! 1 schema           pure
//! 1 vitals           pure
//! 1 broker
//! 2 simulator        pure except server
//! 2 clopos           pure except mod
//! 2 timetable        pure
//! 2 snapshot         pure
//! 3 poll             pure
//! 3 rules            pure
//! 4 alerts           pure
//! 5 board            pure
//! 5 metrics          pure
//! 6 engine           pure
//! 7 store
//! 7 sinks
//! 7 watcher          pure
//! 7 ruletest         pure
//! 7 replay           pure
//! 8 delivery         pure except worker fallback
//! 8 http
//! 8 explain          pure
//! 8 heartbeat
//! 9 config
//! 9 contract         pure
//! 10 service
//! 11 cli
//! ```

pub mod alerts;
pub mod board;
pub mod broker;
pub mod calendar;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod clopos;
pub mod config;
pub mod contract;
pub mod delivery;
pub mod document;
pub mod engine;
pub mod explain;
pub mod heartbeat;
pub mod http;
pub mod language;
pub mod mask;
pub mod metrics;
pub mod poll;
pub mod replay;
pub mod rules;
pub mod ruletest;
pub mod schema;
pub mod service;
pub mod simulator;
pub mod sinks;
pub mod snapshot;
pub mod store;
pub mod telemetry;
pub mod timetable;
pub mod tls;
pub mod topics;
pub mod units;
pub mod vitals;
pub mod watcher;
