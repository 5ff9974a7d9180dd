//! A restaurant chain that answers like Clopos: strictly, from a seed, with faults on demand.
//!
//! For the demo, for tests of the real binary and for simulation. It shares no code with the client, so that both
//! cannot misread the API in the same way. Everything but `server` is pure; nothing in here may know what watches it.
//! Invariant: the same seed, actions and instants give the same answers, byte for byte.

pub mod answer;
pub mod chance;
pub mod deeds;
pub mod faults;
pub mod filters;
pub mod json;
pub mod limits;
pub mod listings;
pub mod log;
pub mod menu;
pub mod menu_card;
pub mod opening;
pub mod plan;
pub mod query;
pub mod route;
pub mod rows;
pub mod script;
pub mod server;
pub mod service;
pub mod tokens;
pub mod wire;
pub mod world;
