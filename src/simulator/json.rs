//! JSON as the answers carry it: keys in the order in which Clopos publishes them, decimals as written.
//!
//! A value of its own, because a fault spoils an answer after it was built: rows doubled, numbers turned into text.
//! Invariant: [`Json::to_bytes`] gives the same bytes for the same value.

use crate::units::{Money, Quantity};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number, as it is to be written: `8.5`.
    Decimal(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in order.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// Wraps a text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Wraps an id or a count; what does not fit a signed number is written as the largest one.
    pub fn id(id: u64) -> Self {
        Self::Int(i64::try_from(id).unwrap_or(i64::MAX))
    }

    /// Writes a boolean the way most fields of the API do: 1 or 0.
    pub fn flag(holds: bool) -> Self {
        Self::Int(i64::from(holds))
    }

    /// Writes a price without trailing zeros: `8.5`, `12`.
    pub fn money(amount: Money) -> Self {
        Self::decimal(&amount.to_string())
    }

    /// Writes a limit without trailing zeros: `3`, `2.4`.
    pub fn quantity(amount: Quantity) -> Self {
        Self::decimal(&amount.to_string())
    }

    fn decimal(shown: &str) -> Self {
        let shown = if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.') } else { shown };
        Self::Decimal(shown.to_owned())
    }

    /// Adds a member to an object; other values stay as they are.
    pub fn push(&mut self, key: &'static str, value: Self) {
        if let Self::Object(members) = self {
            members.push((key, value));
        }
    }

    /// Returns the member of an object.
    pub fn member_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Object(members) => members.iter_mut().find(|(name, _)| *name == key).map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Decimal(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// Returns the elements of a list.
    pub fn elements_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::List(elements) => Some(elements),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Decimal(_) | Self::Text(_) | Self::Object(_) => None,
        }
    }

    /// Visits every member of every object in here, outer ones first.
    pub fn visit_members(&mut self, visit: &mut dyn FnMut(&'static str, &mut Self)) {
        match self {
            Self::Object(members) => {
                for (key, value) in members {
                    visit(key, value);
                    value.visit_members(visit);
                }
            }
            Self::List(elements) => {
                for element in elements {
                    element.visit_members(visit);
                }
            }
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Decimal(_) | Self::Text(_) => {}
        }
    }

    /// Returns the compact text.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut written = String::new();
        self.write(&mut written);
        written.into_bytes()
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(holds) => out.push_str(if *holds { "true" } else { "false" }),
            Self::Int(number) => out.push_str(&number.to_string()),
            Self::Decimal(shown) => out.push_str(shown),
            Self::Text(text) => write_text(text, out),
            Self::List(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    element.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => {
                let code = u32::from(c);
                out.push_str("\\u00");
                out.extend([code >> 4, code & 15].map(|digit| char::from_digit(digit, 16).unwrap_or('0')));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_written_as_published() {
        let row = Json::Object(vec![
            ("id", Json::id(54)),
            ("limit", Json::quantity(Quantity::from_millionths(2_400_000))),
            ("price", Json::money(Money::from_ten_thousandths(85_000))),
            ("cost_price", Json::money(Money::from_ten_thousandths(0))),
            ("hidden", Json::flag(false)),
            ("sold_by_weight", Json::Bool(true)),
            ("venues", Json::List(vec![Json::Null, Json::quantity(Quantity::whole(-10))])),
        ]);
        let shown = String::from_utf8(row.to_bytes()).expect("text");
        assert_eq!(
            shown,
            r#"{"id":54,"limit":2.4,"price":8.5,"cost_price":0,"hidden":0,"sold_by_weight":true,"venues":[null,-10]}"#
        );
    }

    proptest! {
        #[test]
        fn any_text_is_valid_json(text in any::<String>()) {
            let bytes = Json::text(&text).to_bytes();
            prop_assert_eq!(serde_json::from_slice::<String>(&bytes).expect("valid"), text);
        }
    }
}
