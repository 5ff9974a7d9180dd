//! The names of the topics (features.md, "MQTT for kitchen displays") and the order in which states go out.
//!
//! Pure. Names hold ids only: a renamed product must not orphan its topic, and odd characters can loop a client.

use std::fmt;

use crate::units::{BrandId, ProductId, StationId, VenueId};

/// The longest base, in bytes: it is repeated in every topic and every access rule.
const BASE_MAX: usize = 128;
/// The longest id of an alert within a topic, in bytes.
const LEVEL_MAX: usize = 128;

/// The first levels of every topic, such as `eightysix`; the tree below it is `{base}/v1/...`.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseTopic(String);

impl Default for BaseTopic {
    fn default() -> Self {
        Self("eightysix".to_owned())
    }
}

impl BaseTopic {
    /// Takes one or more levels, such as `eightysix` or `site/baku/eightysix`.
    ///
    /// # Errors
    /// Returns the reason as a sentence for people when a level is empty or holds a wildcard or control character.
    pub fn new(base: &str) -> Result<Self, String> {
        if base.len() > BASE_MAX {
            return Err(format!("a base topic has at most {BASE_MAX} bytes"));
        }
        if base.starts_with('$') {
            return Err("a base topic does not begin with '$', which is the broker's own".to_owned());
        }
        base.split('/').try_for_each(check_level)?;
        Ok(Self(base.to_owned()))
    }

    /// Returns the levels.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the topic that says whether this process is connected; retained, and the will's topic.
    pub fn bridge_state(&self) -> String {
        format!("{}/v1/bridge/state", self.0)
    }

    /// Returns the topic that says what this process is: version, boot, brands; retained.
    pub fn bridge_info(&self) -> String {
        format!("{}/v1/bridge/info", self.0)
    }

    /// Returns the topic that `check --online` publishes to, to learn whether it may; never retained.
    pub fn bridge_check(&self) -> String {
        format!("{}/v1/bridge/check", self.0)
    }

    /// Returns the topic of events that belong to no brand; never retained.
    pub fn bridge_event(&self) -> String {
        format!("{}/v1/bridge/event", self.0)
    }

    /// Returns the topic of a venue's freshness; retained.
    pub fn status(&self, brand: &BrandId, venue: VenueId) -> String {
        format!("{}/status", self.venue(brand, venue))
    }

    /// Returns the topic of a venue's whole stop list; retained.
    pub fn stop(&self, brand: &BrandId, venue: VenueId) -> String {
        format!("{}/stop", self.venue(brand, venue))
    }

    /// Returns the topic of one station's stop list, `none` for items without a station; retained.
    pub fn station_stop(&self, brand: &BrandId, venue: VenueId, station: Option<StationId>) -> String {
        let station = station.map_or_else(|| "none".to_owned(), |station| station.to_string());
        format!("{}/station/{station}/stop", self.venue(brand, venue))
    }

    /// Returns the topic of one constrained product; retained.
    pub fn product(&self, brand: &BrandId, venue: VenueId, product: ProductId) -> String {
        format!("{}/product/{product}", self.venue(brand, venue))
    }

    /// Returns the topic of one open alert, by its episode's hexadecimal digits; retained.
    pub fn alert(&self, brand: &BrandId, venue: VenueId, episode: &str) -> String {
        debug_assert!(check_level(episode).is_ok(), "an episode's id is hexadecimal digits: {episode:?}");
        format!("{}/alert/{episode}", self.venue(brand, venue))
    }

    /// Returns the topic of a venue's events; never retained, so that a screen that reconnects does not ring again.
    pub fn event(&self, brand: &BrandId, venue: VenueId) -> String {
        format!("{}/event", self.venue(brand, venue))
    }

    /// Returns the topic of a brand's own events; never retained.
    pub fn brand_event(&self, brand: &BrandId) -> String {
        format!("{}/v1/{brand}/event", self.0)
    }

    /// Returns what all topics of a venue begin with.
    pub fn venue(&self, brand: &BrandId, venue: VenueId) -> String {
        format!("{}/v1/{brand}/{venue}", self.0)
    }
}

impl fmt::Display for BaseTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BaseTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a state topic holds, in the order in which states go out: the bridge first, then info, status, lists, products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// `bridge/...`
    Bridge,
    /// `.../status`
    Status,
    /// `.../stop`, of a venue or a station.
    List,
    /// `.../product/{id}`
    Product,
    /// `.../alert/{id}` and whatever comes later.
    Rest,
}

/// Returns the rank of a state topic, by its last levels.
pub fn rank(topic: &str) -> Rank {
    let mut levels = topic.rsplit('/');
    let (last, before) = (levels.next().unwrap_or(""), levels.next().unwrap_or(""));
    match (before, last) {
        ("bridge", _) => Rank::Bridge,
        ("product", _) => Rank::Product,
        ("alert", _) => Rank::Rest,
        (_, "status") => Rank::Status,
        (_, "stop") => Rank::List,
        _ => Rank::Rest,
    }
}

/// Refuses what cannot be a topic to publish to: empty, too long, or with wildcard or control characters.
///
/// # Errors
/// Returns the reason as a sentence for people.
pub fn check_topic(topic: &str) -> Result<(), String> {
    if topic.is_empty() || topic.len() > usize::from(u16::MAX) {
        return Err("a topic has 1 to 65535 bytes".to_owned());
    }
    if topic.contains(|c: char| matches!(c, '+' | '#') || c.is_control()) {
        return Err("a topic to publish to holds no '+', '#' or control character".to_owned());
    }
    Ok(())
}

fn check_level(level: &str) -> Result<(), String> {
    let fits = !level.is_empty()
        && level.len() <= LEVEL_MAX
        && !level.contains(|c: char| matches!(c, '+' | '#' | '/') || c.is_control() || c.is_whitespace());
    if fits {
        Ok(())
    } else {
        Err(format!(
            "this is no topic: write one such as eightysix/sahil, whose levels have 1 to {LEVEL_MAX} bytes each and hold no '+', '#', \
             white space or control character"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_are_those_of_the_contract() {
        let base = BaseTopic::new("eightysix").expect("the default");
        let (brand, venue) = (BrandId::new("sahil").expect("a slug"), VenueId(7));
        let topics = [
            base.bridge_state(),
            base.bridge_info(),
            base.status(&brand, venue),
            base.stop(&brand, venue),
            base.station_stop(&brand, venue, Some(StationId(3))),
            base.station_stop(&brand, venue, None),
            base.product(&brand, venue, ProductId(54)),
            base.alert(&brand, venue, "a1b2"),
        ];
        assert_eq!(
            topics.each_ref().map(String::as_str),
            [
                "eightysix/v1/bridge/state",
                "eightysix/v1/bridge/info",
                "eightysix/v1/sahil/7/status",
                "eightysix/v1/sahil/7/stop",
                "eightysix/v1/sahil/7/station/3/stop",
                "eightysix/v1/sahil/7/station/none/stop",
                "eightysix/v1/sahil/7/product/54",
                "eightysix/v1/sahil/7/alert/a1b2",
            ]
        );
        assert_eq!(base.event(&brand, venue), "eightysix/v1/sahil/7/event");
        assert!(topics.iter().map(|topic| rank(topic)).is_sorted(), "they go out in this order");
        assert!(topics.iter().all(|topic| check_topic(topic).is_ok()));
    }

    #[test]
    fn wildcards_and_control_characters_never_reach_a_topic() {
        for base in ["", "/", "a/", "/a", "a//b", "a+", "#", "a/#", "$SYS", "a\0b", "a b", "a\u{85}", &"x".repeat(129)]
        {
            assert!(BaseTopic::new(base).is_err(), "{base:?}");
        }
        assert!(BaseTopic::new("site/baku/mətbəx").is_ok());
        for topic in ["", "a/+", "#", "a\0", &"x".repeat(65_536)] {
            assert!(check_topic(topic).is_err());
        }
    }
}
