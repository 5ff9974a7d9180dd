//! How a life is judged whenever something was heard: what the reference is certain of is what is open and who waits.
//!
//! Must change nothing but the count of what was judged.

use eightysix::alerts::hold::Hold;
use eightysix::alerts::lifecycle::Alert;
use eightysix::rules::Subject;

use super::Life;
use super::onlookers::Onlookers;
use crate::driver::Clock;

impl Life {
    /// Holds the open alerts against what is certain at this moment.
    pub(super) fn judge_book(&mut self, clock: Clock) {
        if !std::mem::take(&mut self.onlookers.borrow_mut().reference.has_news) {
            return;
        }
        let onlookers = self.onlookers.borrow();
        let memory = self.driver.watcher().engine().memory();
        let mut judged = self.judged;
        for venue in memory.venues.values().filter(|snapshot| snapshot.is_complete()).map(|snapshot| snapshot.id()) {
            let menu = self.menu(venue);
            for rule in &onlookers.reference.rules {
                let (must, must_not) = onlookers.reference.certain(*rule, venue, &menu, clock.uptime);
                judged.asked += menu.len() as u64;
                judged.certain += (must.len() + must_not.len()) as u64;
                let open = self.open(rule.name, venue);
                for dish in must {
                    assert!(
                        open.contains(&dish.0),
                        "{venue} {dish}: {} holds for long enough and nobody is told",
                        rule.name
                    );
                }
                for dish in must_not {
                    assert!(
                        !open.contains(&dish.0),
                        "{venue} {dish}: {} has been over for long enough and is told",
                        rule.name
                    );
                }
            }
        }
        drop(onlookers);
        self.judged = judged;
        self.judge_waiting(clock);
        self.judge_sets(clock);
    }

    /// Holds the open alerts about sets, and the members that they list, against what is certain at this moment.
    fn judge_sets(&mut self, clock: Clock) {
        let memory = self.driver.watcher().engine().memory();
        let complete = memory.venues.values().filter(|snapshot| snapshot.is_complete()).map(|snapshot| snapshot.id());
        let mut onlookers = self.onlookers.borrow_mut();
        let Onlookers { sets, reference, .. } = &mut *onlookers;
        for must in sets.look(reference, &complete.collect(), clock) {
            sets.judge(&must, memory.book.get(&must.key).and_then(Alert::open));
        }
    }

    /// Holds what waits for the end of its cause or of a silence against what is certain at this moment.
    fn judge_waiting(&mut self, clock: Clock) {
        let onlookers = self.onlookers.borrow();
        for (key, alert) in self.driver.watcher().engine().memory().book.iter() {
            let (Some(rule), Alert::Open(open)) = (onlookers.reference.rule(key.rule.as_str()), alert) else {
                continue;
            };
            let Subject::Item(venue, dish) = key.subject else { continue };
            if open.held.is_empty() {
                continue;
            }
            let menu = self.menu(venue);
            let (must, _) = onlookers.reference.certain(rule, venue, &menu, clock.uptime);
            if !must.contains(&dish) {
                continue;
            }
            if open.held.values().any(|hold| matches!(hold, Hold::Cause(_))) {
                let is_explained = onlookers.reference.is_explained(rule, venue, dish, clock.uptime);
                assert_ne!(is_explained, Some(false), "{venue} {dish} waits, and what it is cooked of is there");
            }
            if open.held.values().any(|hold| matches!(hold, Hold::Silence(_))) {
                let is_over = onlookers.reference.nothing_silences(venue, dish, clock.uptime);
                assert!(!is_over, "{venue} {dish} waits, and nothing silences it");
            }
        }
    }
}
