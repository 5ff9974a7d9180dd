//! Every phrase of ours that a person gets by mail, webhook or MQTT, in each language.
//!
//! Each is a function with a `match` over the languages, so that one that lacks a translation does not compile. Only
//! people's words: codes of events, the log, commands and mistakes in the configuration are English wherever they are.
//! Invariant: names come as they are and are never inflected, as nobody knows the cases of a dish.

pub mod fallback;
pub mod letter;
pub mod news;
pub mod page;
pub mod report;
pub mod values;
pub mod weekly;

#[cfg(test)]
mod tests;
