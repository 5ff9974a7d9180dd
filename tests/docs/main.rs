//! The written words are held to the code: configurations load, examples run, and every table says what the code does.
//!
//! A document that was forgotten in a change fails here. Where a table can be made from the code, `UPDATE_DOCS=1 cargo
//! test --test docs` writes it.

mod api;
mod browsers;
mod commands;
mod contract;
mod guarantees;
mod markdown;
mod metrics;
mod mqtt;
mod rule_tests;
mod rules;
mod schema;
mod security;
mod webhooks;

#[path = "../support/api_document.rs"]
mod api_document;
#[path = "../support/schema.rs"]
mod editor;
#[path = "../support/contract.rs"]
mod machines;
#[path = "../support/tls.rs"]
mod tls;
#[path = "../support/wait.rs"]
mod wait;
#[path = "../support/webhook.rs"]
mod webhook;
