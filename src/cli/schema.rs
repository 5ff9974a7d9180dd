//! `eightysix schema`: prints what an editor needs to complete, explain and refuse in the files that people write.
//!
//! Reads nothing: the schema is of this version, whatever lies on the disk.

use clap::ValueEnum;

use crate::cli::output::say;
use crate::{config, document, rules, ruletest};

/// The files that have a schema.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Of {
    /// Files of rules.
    Rules,
    /// Files of rule tests.
    Tests,
    /// The configuration.
    Config,
}

/// Prints one schema.
pub(super) fn schema(of: Of) {
    let schema = match of {
        Of::Rules => rules::parse::schema(),
        Of::Tests => ruletest::schema(),
        Of::Config => config::schema(),
    };
    say(document::schema::printed(&schema).trim_end());
}
