//! The types of fields, in words for people, and what can be asked of their values.
//!
//! Knows no field. Invariant: whatever has an order has bounds, and whatever has a pattern is text.

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stock figure: pieces, or kilograms when sold by weight.
    Stock,
    /// A whole number of things.
    Count,
    /// An amount in the brand's currency.
    Money,
    /// A time span.
    Duration,
    /// A time of the clock, within the business day.
    Time,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
    /// Several texts.
    Texts,
    /// A number that names something; has no order.
    Id,
}

impl Kind {
    /// Returns what to write, for people.
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Stock => "a number such as 3 or 2.5",
            Self::Count => "a whole number such as 3",
            Self::Money => "an amount such as 8.50",
            Self::Duration => "a duration such as 20s, 5m or 1h30m",
            Self::Time => "a time of day such as \"18:30\"",
            Self::Flag => "true or false",
            Self::Word(_) => "one of the field's words",
            Self::Text | Self::Texts => "a text",
            Self::Id => "an id, a whole number such as 54",
        }
    }

    /// Returns the unit of the values, for the reference page; empty where there is none.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Stock => "pieces, or kilograms when sold by weight",
            Self::Money => "the brand's currency",
            Self::Duration => "written with its units",
            Self::Time => "on the clock of the venue",
            Self::Count | Self::Flag | Self::Word(_) | Self::Text | Self::Texts | Self::Id => "",
        }
    }

    /// Says whether values can be larger and smaller.
    pub const fn has_order(self) -> bool {
        match self {
            Self::Stock | Self::Count | Self::Money | Self::Duration | Self::Time => true,
            Self::Flag | Self::Word(_) | Self::Text | Self::Texts | Self::Id => false,
        }
    }

    /// Says whether a pattern can be tried on the values.
    pub const fn has_pattern(self) -> bool {
        match self {
            Self::Text | Self::Texts => true,
            Self::Stock
            | Self::Count
            | Self::Money
            | Self::Duration
            | Self::Time
            | Self::Flag
            | Self::Word(_)
            | Self::Id => false,
        }
    }
}
