//! What manager pages show and the API answers: one shape for both, so that neither says what the other does not.
//!
//! Names and reasons come from elsewhere and are data: they are short and printable, HTML and CSV are escaped where they are
//! made. Invariant: no secret and no token of a link is in any of it.

pub(super) mod csv;
pub(super) mod deliveries;
pub(super) mod freshness;
pub(super) mod history;
pub(super) mod rules;
pub(super) mod timeline;
