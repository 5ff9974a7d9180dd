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

use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::units::Seconds;

impl PartialSchema for Seconds {
    fn schema() -> RefOr<Schema> {
        let about = "A length of time in seconds, to the millisecond.";
        let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).description(Some(about));
        number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Double))).examples([serde_json::json!(7.204)]).into()
    }
}

impl ToSchema for Seconds {}
