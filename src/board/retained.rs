//! The retained topics of the feed, rendered: what a broker should hold for late joiners, and what of it was edited.
//!
//! A state is immutable, so that its hash is computed once. Invariant: who has planned a tree and plans what was edited
//! since has planned the whole tree.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Identifies the content of a state: what its body says, expiry and content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

/// One retained state, rendered. Immutable, so that its hash is computed once and unchanged states can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedState {
    body: String,
    expiry_s: Option<u32>,
    content_type: Option<String>,
    hash: ContentHash,
}

impl RetainedState {
    /// Takes a rendered state: UTF-8 JSON (never empty, which would clear the topic), MQTT 5 message expiry in seconds
    /// and content type.
    pub fn new(body: String, expiry_s: Option<u32>, content_type: Option<String>) -> Self {
        let hash = Self::hash_of(&body, expiry_s, content_type.as_deref());
        Self { body, expiry_s, content_type, hash }
    }

    /// Takes a rendered state of which `content` alone is news: one with the same is not published for the rest of its body.
    pub fn identified_by(content: &str, body: String, expiry_s: Option<u32>, content_type: Option<String>) -> Self {
        let hash = Self::hash_of(content, expiry_s, content_type.as_deref());
        Self { body, expiry_s, content_type, hash }
    }

    fn hash_of(content: &str, expiry_s: Option<u32>, content_type: Option<&str>) -> ContentHash {
        let mut digest = Sha256::new();
        digest.update(expiry_s.map_or(0, |s| u64::from(s) + 1).to_be_bytes());
        digest.update(content_type.map_or(0, |text| text.len() + 1).to_be_bytes());
        digest.update(content_type.unwrap_or_default());
        digest.update(content);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.finalize()[..16]);
        ContentHash(hash)
    }

    /// Returns the body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns the MQTT 5 message expiry in seconds.
    pub const fn expiry_s(&self) -> Option<u32> {
        self.expiry_s
    }

    /// Returns the MQTT 5 content type.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Returns what identifies the content.
    pub const fn hash(&self) -> ContentHash {
        self.hash
    }
}

/// The states that a broker should retain, by full topic.
pub type Tree = BTreeMap<String, Arc<RetainedState>>;

/// Edits that are remembered: some seconds of a chain of 1,000 venues, of which each is read every second. Whoever comes
/// later looks at the whole tree.
const EDITS_KEPT: usize = 4_096;

/// The tree that one broker should retain, and which topics were edited lately.
///
/// A chain of 1,000 venues has tens of thousands of topics, and the status of each venue changes with each reading: who
/// follows the tree must not look at all of it each time.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    tree: Option<Tree>,
    /// The topics of the last edits, newest last.
    edited: VecDeque<String>,
    /// How many edits there were in all.
    edits: u64,
}

impl Desired {
    /// Returns the tree, `None` until the picture is known.
    pub const fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    /// Puts another tree in place; all of it is to be looked at.
    pub fn replace(&mut self, tree: Tree) {
        self.tree = Some(tree);
        self.edits += 1;
        self.edited.clear();
    }

    /// Puts a state in, if the topic had another and the picture is known.
    pub fn put(&mut self, topic: String, state: Arc<RetainedState>) {
        let Some(tree) = &mut self.tree else { return };
        if tree.get(&topic).is_none_or(|before| before.hash() != state.hash()) {
            tree.insert(topic.clone(), state);
            self.note(topic);
        }
    }

    /// Takes a topic out.
    pub fn remove(&mut self, topic: String) {
        if self.tree.as_mut().is_some_and(|tree| tree.remove(&topic).is_some()) {
            self.note(topic);
        }
    }

    /// Returns how many edits there were: what to hand to [`Self::edited_since`] later.
    pub const fn edits(&self) -> u64 {
        self.edits
    }

    /// Returns the topics edited after so many edits, or `None` when all of the tree must be looked at.
    pub fn edited_since(&self, edits: u64) -> Option<impl Iterator<Item = &String>> {
        let newer = usize::try_from(self.edits.checked_sub(edits)?).ok()?;
        Some(self.edited.iter().skip(self.edited.len().checked_sub(newer)?))
    }

    fn note(&mut self, topic: String) {
        if self.edited.len() == EDITS_KEPT {
            self.edited.pop_front();
        }
        self.edited.push_back(topic);
        self.edits += 1;
    }
}
