//! What every page is held to: usable with a keyboard and a screen reader, readable in its colours, and no wider than
//! the screen.
//!
//! axe-core judges the former (`tests/run tools` fetches it). What it cannot decide, such as the contrast of a text over
//! a picture, is no violation to it.

use std::fmt;
use std::fs;

use serde_json::Value;

use super::{Page, target};

/// What axe-core has found.
#[derive(Debug)]
pub(crate) struct Violation {
    /// The rule's id, as axe-core's documents list it.
    pub(crate) rule: String,
    /// What it asks for.
    pub(crate) help: String,
    /// The elements, by their selectors, and what is wrong with each.
    pub(crate) targets: Vec<(String, String)>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.help)?;
        self.targets.iter().try_for_each(|(target, wrong)| write!(f, "\n  {target}: {wrong}"))
    }
}

const JUDGE: &str = "
return axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations.map(({ id, help, nodes }) =>
    ({ id, help, nodes: nodes.map(node => ({ target: node.target.join(' '), wrong: node.failureSummary })) })));";

/// Where its elements end when the page is wider than the screen; null when it is not.
const WIDER: &str = "
const page = document.documentElement, width = Math.min(page.clientWidth, screen.width);
if (page.scrollWidth <= width) return null;
const over = [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > width);
return `${page.scrollWidth} pixels on ${width}: ` + over.map(one => one.outerHTML.slice(0, 100)).join('; ');";

impl Page {
    /// Returns what axe-core finds wrong with the page as it is now, by all of its rules.
    pub(crate) async fn axe(&self) -> Vec<Violation> {
        let path = target().join("tools/npm/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("axe-core must be there (tests/run tools): {}: {error}", path.display()));
        let found = self.run(&format!("{axe}\n{JUDGE}")).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let violation = |one: &Value| {
            let nodes = one["nodes"].as_array().expect("elements").iter();
            let targets = nodes.map(|node| (text(&node["target"]), text(&node["wrong"])));
            Violation { rule: text(&one["id"]), help: text(&one["help"]), targets: targets.collect() }
        };
        found.as_array().expect("a list").iter().map(violation).collect()
    }

    /// Returns how much wider the page is than its screen, and what of it is; `None` when it is not.
    pub(crate) async fn wider_than_screen(&self) -> Option<String> {
        self.run(WIDER).await.as_str().map(str::to_owned)
    }
}

/// Panics with everything that axe-core finds wrong with the page as it is now; `what` names it.
pub(crate) async fn assert_accessible(page: &Page, what: &str) {
    let found: Vec<String> = page.axe().await.iter().map(Violation::to_string).collect();
    assert!(found.is_empty(), "{what} is not accessible:\n{}", found.join("\n"));
}

/// Panics when the page is wider than the screen, and says what of it is; `what` names it.
pub(crate) async fn assert_no_horizontal_scroll(page: &Page, what: &str) {
    let wider = page.wider_than_screen().await;
    assert_eq!(wider, None, "{what} is wider than its screen");
}
