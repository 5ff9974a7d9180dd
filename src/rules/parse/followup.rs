//! `remind` and `escalate`: who is told again, and who else is told, while an alert stays open.
//!
//! Never guesses: what is written in another form is told with its place. Invariant: an escalation that comes out has
//! somebody to tell.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::document::{Node, Problem};
use crate::rules::Placed;
use crate::rules::followup::{Escalation, Reminder, SHIFT_START};
use crate::rules::parse::{Reader, placed};

/// Reminders of one rule; more of them are noise that nobody reads.
pub const REMIND_MAX: usize = 20;
/// Escalations of one rule; beyond it, one escalation to several receivers is meant.
pub const ESCALATE_MAX: usize = 10;
/// How long after its opening an alert may be told again, or to others.
pub const FOLLOWUP_RANGE: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(7 * 24);

impl Reader<'_> {
    /// Reads when those who were told are told again.
    pub(super) fn remind(&mut self, node: &Node, has_hours: bool) -> Box<[Reminder]> {
        let nodes = node.one_or_more();
        if nodes.is_empty() || nodes.len() > REMIND_MAX {
            let expected = format!("1 to {REMIND_MAX} times, such as [1h, 3h, {SHIFT_START}]");
            return node.refuse(&expected, self.problems).unwrap_or_default();
        }
        nodes.iter().filter_map(|node| self.reminder(node, has_hours)).collect()
    }

    fn reminder(&mut self, node: &Node, has_hours: bool) -> Option<Reminder> {
        let is_word = |text: &str| text.chars().next().is_some_and(char::is_alphabetic);
        match node.as_scalar() {
            Some((SHIFT_START, _)) if !has_hours => {
                let message = format!("'{SHIFT_START}' has no meaning for a brand, which has no hours");
                self.problems.tell_with_help(&node.place, message, "write a time such as 3h");
                None
            }
            Some((SHIFT_START, _)) => Some(Reminder::ShiftStart(placed(node, SHIFT_START))),
            Some((text, _)) if is_word(text) => node
                .refuse(&format!("a time after the opening of the alert, such as 1h, or {SHIFT_START}"), self.problems),
            _ => node.duration(&FOLLOWUP_RANGE, self.problems).map(Reminder::After),
        }
    }

    /// Reads who else is told.
    pub(super) fn escalate(&mut self, node: &Node, notify: &[Placed]) -> Box<[Escalation]> {
        let nodes = node.one_or_more();
        if nodes.is_empty() || nodes.len() > ESCALATE_MAX {
            let expected = format!("1 to {ESCALATE_MAX} escalations, such as {SUCH_AS}");
            return node.refuse(&expected, self.problems).unwrap_or_default();
        }
        nodes.iter().filter_map(|node| self.escalation(node, notify)).collect()
    }

    fn escalation(&mut self, node: &Node, notify: &[Placed]) -> Option<Escalation> {
        let mut fields = node.fields(SUCH_AS, self.problems)?;
        fields.label = "escalate";
        let after = fields.required("after", "30m", self.problems);
        let after = after.and_then(|node| node.duration(&FOLLOWUP_RANGE, self.problems));
        let to = fields.required("to", "[owner]", self.problems);
        let to = to.and_then(|node| match node.one_or_more() {
            [] => node.refuse("receivers, such as [owner]", self.problems),
            nodes => Some(self.receivers(nodes)),
        });
        let even = fields.optional("even_acknowledged");
        let even_acknowledged = even.is_some_and(|node| node.flag(self.problems) == Some(true));
        fields.finish(self.problems);
        for to in to.iter().flatten() {
            if let Some(first) = notify.iter().find(|placed| placed.text == to.text) {
                self.problems.push(Problem {
                    place: to.place.clone(),
                    message: format!("'{}' is told at once already", to.text),
                    help: Some("name somebody else, or write 'remind' to tell them again".to_owned()),
                    related: Some((first.place.clone(), "named here".to_owned())),
                });
            }
        }
        Some(Escalation { after: after?, to: to?, even_acknowledged })
    }
}

const SUCH_AS: &str = "{ after: 30m, to: [owner] }";
