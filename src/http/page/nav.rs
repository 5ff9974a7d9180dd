//! The sections of the manager pages, as `nav.html` lists them at the top of each.
//!
//! Invariant: every section has a page at its path.

/// A section of the manager pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Section {
    /// Every venue, and what is open.
    Now,
    /// The boards of the kitchens.
    Boards,
    /// What was off, and when.
    History,
    /// What was told, waits, or was given up.
    Deliveries,
    /// The rules, and what each says now.
    Rules,
    /// How old the lists are, and what the quota buys.
    Freshness,
}

impl Section {
    /// Every section, in the order in which they are listed.
    pub(in crate::http) const ALL: [Self; 6] =
        [Self::Now, Self::Boards, Self::History, Self::Deliveries, Self::Rules, Self::Freshness];

    /// Returns where it is, below the path of the public address.
    pub(in crate::http) const fn path(self) -> &'static str {
        match self {
            Self::Now => "/now",
            Self::Boards => "/board",
            Self::History => "/history",
            Self::Deliveries => "/deliveries",
            Self::Rules => "/rules",
            Self::Freshness => "/freshness",
        }
    }

    /// Returns the section that a path belongs to.
    pub(in crate::http) fn of_path(path: &str) -> Option<Self> {
        let is_below = |section: &Self| {
            path.strip_prefix(section.path()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Self::ALL.into_iter().find(is_below)
    }
}
