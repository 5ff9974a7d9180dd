//! What the pages say, in each language.
//!
//! Each phrase is a function with a `match` over the languages, as in `alerts::words`, whose values stand inside them; the
//! labels of a page, which are no sentences, stand in a table for each language.
//! Invariant: HTML is escaped where it is made, never here.

pub(super) mod access;
pub(super) mod board;
pub(super) mod deliveries;
pub(super) mod freshness;
pub(super) mod history;
pub(super) mod manager;
pub(super) mod now;
pub(super) mod refusal;
pub(super) mod rules;
