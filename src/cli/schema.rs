//! `eightysix schema`: prints what an editor needs to complete, explain and refuse in the files that people write, and what
//! programs need to read what eightysix publishes.
//!
//! Reads nothing: the schema is of this version, whatever lies on the disk.

use clap::ValueEnum;

use crate::alerts::published;
use crate::board::{bridge, payload};
use crate::cli::output::say;
use crate::delivery::untold;
use crate::http::{self, ack};
use crate::{config, contract, document, rules, ruletest};

/// What has a schema.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Of {
    /// Files of rules.
    Rules,
    /// Files of rule tests.
    Tests,
    /// The configuration.
    Config,
    /// The MQTT feed as a whole: the AsyncAPI document.
    Asyncapi,
    /// The API below /api/v1: the OpenAPI document.
    Openapi,
    /// MQTT: whether eightysix is connected.
    BridgeState,
    /// MQTT: which eightysix runs.
    BridgeInfo,
    /// MQTT: how far the lists of a venue can be trusted.
    FeedStatus,
    /// MQTT: the stop list of a venue or of a station.
    FeedList,
    /// MQTT: one product of a stop list.
    FeedProduct,
    /// MQTT: one open alert.
    FeedAlert,
    /// MQTT and webhooks: an event of a stop list or of a rule.
    Event,
    /// MQTT and webhooks: an event of what another receiver cannot be told.
    EventUnreachable,
    /// Links of alerts: what is sent.
    AckRequest,
    /// Links of alerts: the answer.
    AckAnswer,
    /// Links of alerts: why nothing was changed.
    AckProblem,
}

/// Prints one schema.
pub(super) fn schema(of: Of) {
    let schema = match of {
        Of::Rules => rules::parse::schema(),
        Of::Tests => ruletest::schema(),
        Of::Config => config::schema(),
        Of::Asyncapi => contract::asyncapi(),
        Of::Openapi => http::api_description(),
        Of::BridgeState => bridge::STATE.schema(),
        Of::BridgeInfo => bridge::INFO.schema(),
        Of::FeedStatus => payload::STATUS.schema(),
        Of::FeedList => payload::LIST.schema(),
        Of::FeedProduct => payload::PRODUCT.schema(),
        Of::FeedAlert => payload::ALERT.schema(),
        Of::Event => published::EVENT.schema(),
        Of::EventUnreachable => untold::UNREACHABLE.schema(),
        Of::AckRequest => ack::REQUEST.schema(),
        Of::AckAnswer => ack::ANSWER.schema(),
        Of::AckProblem => ack::PROBLEM.schema(),
    };
    say(document::schema::printed(&schema).trim_end());
}
