//! What must hold for every input, however hostile: one function for each fuzz target.
//!
//! The fuzzers call them with what they invent, `tests/corpus.rs` with every file that was kept, so that what was once
//! found stays mended. A property that does not hold panics; nothing here may depend on time, order or the machine.

#![allow(unreachable_pub, reason = "public for the fuzzers, of which the tests know nothing")]

pub mod answers;
pub mod config;
pub mod door;
pub mod messages;
pub mod requests;
pub mod rules;
pub mod ruletests;
pub mod site;
pub mod stored;

mod place;
mod text;

/// A target's name, which is also that of its folders, and its property.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("answers", answers::hold),
    ("config", config::hold),
    ("door", door::hold),
    ("messages", messages::hold),
    ("requests", requests::hold),
    ("rules", rules::hold),
    ("ruletests", ruletests::hold),
    ("site", site::hold),
    ("stored", stored::hold),
];
