//! The catalogue of bad input: what people, files, networks and Clopos get wrong, what is said then, and what is kept.
//!
//! The cases stand in `cases/*.txt`, one table in one format (`table.rs`); each is put to the real thing. CONTRIBUTING.md
//! says how to add one.
#![cfg(feature = "embedded-broker")]

#[path = "../support/canary.rs"]
mod canary;
#[path = "../support/schema.rs"]
mod editor;
#[path = "../support/policy.rs"]
mod policy;
#[path = "../service/process.rs"]
mod process;
#[path = "../support/wait.rs"]
mod wait;

mod answers;
mod commands;
mod pos;
mod promises;
mod reload;
mod requests;
mod schema;
mod site;
mod table;

use crate::promises::assert_silent;
