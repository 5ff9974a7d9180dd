//! What follows while an alert stays open: those who know of it are reminded, and others are told.
//!
//! Pure of alerts: it says from which moments on, and `alerts::followup` which of them have come.

use std::time::Duration;

use crate::rules::Placed;

/// The word for a reminder at each opening of the doors.
pub const SHIFT_START: &str = "shift_start";

/// When those who were told of an alert are told again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reminder {
    /// So long after it opened.
    After(Duration),
    /// Each time the doors open, as is written here.
    ShiftStart(Placed),
}

/// Who else is told of an alert that stays open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Escalation {
    /// How long it must have been open.
    pub after: Duration,
    /// Whom to tell, receivers of the configuration.
    pub to: Vec<Placed>,
    /// Whether they are told although somebody takes care of it.
    pub even_acknowledged: bool,
}
