//! The retained topics of the feed: what a broker should hold for late joiners, and what of it was edited.
//!
//! Of lists and products a tree keeps what identifies them, and not their texts, which would be most of what a chain has in
//! memory: that of a list is at hand until it is published, and everything else is drawn when it is. Invariant: who has planned a
//! tree and plans what was edited since has planned the whole tree.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::board::scene::{Part, Scene};

/// A full topic, shared by all who remember it.
pub type Topic = Arc<str>;

/// Identifies the content of a state: what its body says, and expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

/// One retained state. Immutable, so that what identifies it is computed once.
#[derive(Debug)]
pub struct RetainedState {
    hash: ContentHash,
    expiry_s: Option<u32>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Written(Box<str>),
    Drawn(Arc<Scene>, Part),
}

impl RetainedState {
    /// Takes a rendered state: UTF-8 JSON (never empty, which would clear the topic) and MQTT 5 message expiry in seconds.
    pub fn new(body: &str, expiry_s: Option<u32>) -> Self {
        Self { hash: hash_of(body, expiry_s), expiry_s, body: Body::Written(body.into()) }
    }

    /// Takes a state of which `content` alone is news: one with the same is not published for the rest of its body.
    pub(super) fn drawn(content: &str, expiry_s: Option<u32>, scene: &Arc<Scene>, part: Part) -> Self {
        Self { hash: hash_of(content, expiry_s), expiry_s, body: Body::Drawn(Arc::clone(scene), part) }
    }

    /// Returns the body: the one at hand to who asks first, and one that is drawn anew to everybody else.
    pub fn body(&self) -> String {
        match &self.body {
            Body::Written(body) => body.as_ref().to_owned(),
            Body::Drawn(scene, part) => scene.take(*part).unwrap_or_else(|| scene.draw(*part)),
        }
    }

    /// Lets a body go that nobody will ask for soon.
    pub fn let_go(&self) {
        if let Body::Drawn(scene, part) = &self.body {
            drop(scene.take(*part));
        }
    }

    /// Returns the MQTT 5 message expiry in seconds.
    pub const fn expiry_s(&self) -> Option<u32> {
        self.expiry_s
    }

    /// Returns what identifies the content.
    pub const fn hash(&self) -> ContentHash {
        self.hash
    }
}

/// Two states are one if a broker need not be told the other.
impl PartialEq for RetainedState {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for RetainedState {}

fn hash_of(content: &str, expiry_s: Option<u32>) -> ContentHash {
    let mut digest = Sha256::new();
    digest.update(expiry_s.map_or(0, |s| u64::from(s) + 1).to_be_bytes());
    digest.update(content);
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest.finalize()[..16]);
    ContentHash(hash)
}

/// The states that a broker should retain, by full topic.
pub type Tree = BTreeMap<Topic, Arc<RetainedState>>;

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
    edited: VecDeque<Topic>,
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

    /// Puts a state in, if the picture is known; it is an edit if the topic had another.
    pub fn put(&mut self, topic: Topic, state: Arc<RetainedState>) {
        let Some(tree) = &mut self.tree else { return };
        let edited = match tree.entry(topic) {
            // The newer one is drawn from the newer snapshot, and the older one can go.
            Entry::Occupied(mut entry) => {
                let before = entry.insert(state);
                let is_news = before.hash() != entry.get().hash();
                if !is_news {
                    entry.get().let_go();
                }
                is_news.then(|| Arc::clone(entry.key()))
            }
            Entry::Vacant(entry) => {
                let topic = Arc::clone(entry.key());
                entry.insert(state);
                Some(topic)
            }
        };
        if let Some(topic) = edited {
            self.note(topic);
        }
    }

    /// Takes a topic out.
    pub fn remove(&mut self, topic: &str) {
        if let Some((topic, _)) = self.tree.as_mut().and_then(|tree| tree.remove_entry(topic)) {
            self.note(topic);
        }
    }

    /// Returns how many edits there were: what to hand to [`Self::edited_since`] later.
    pub const fn edits(&self) -> u64 {
        self.edits
    }

    /// Returns the topics edited after so many edits, or `None` when all of the tree must be looked at.
    pub fn edited_since(&self, edits: u64) -> Option<impl Iterator<Item = &Topic>> {
        let newer = usize::try_from(self.edits.checked_sub(edits)?).ok()?;
        Some(self.edited.iter().skip(self.edited.len().checked_sub(newer)?))
    }

    fn note(&mut self, topic: Topic) {
        if self.edited.len() == EDITS_KEPT {
            self.edited.pop_front();
        }
        self.edited.push_back(topic);
        self.edits += 1;
    }
}
