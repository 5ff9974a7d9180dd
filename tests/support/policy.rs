//! A policy of nobody: for tests of the web side, which shows what there is whether somebody is told of it or not.

use std::collections::BTreeMap;

use eightysix::alerts::render::Messages;
use eightysix::board::Setting;
use eightysix::calendar::{Calendar, Calendars};
use eightysix::engine::Policy;
use eightysix::language::Language;
use eightysix::rules::RuleSet;
use eightysix::units::Zone;

/// Returns a policy without rules and receivers, in English.
pub(crate) fn silent(zone: Zone) -> Policy {
    let (rules, day_starts) = (RuleSet::default(), jiff::civil::time(4, 0, 0, 0));
    let setting = Setting { boot: "1".to_owned(), language: Language::En, zone, day_starts };
    Policy {
        messages: Messages::compile(&rules, &setting.zone, setting.language).expect("there are no messages"),
        rules,
        routes: BTreeMap::new(),
        feeds: Vec::new(),
        calendars: Calendars::of_all(Calendar::plain(setting.zone.clone(), day_starts)),
        setting,
        links: None,
    }
}
