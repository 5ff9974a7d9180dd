//! What rules ask of items alike, asked of each item once for all of them.
//!
//! A condition is taken apart into what must hold together; parts that several rules have are numbered when the rules are
//! loaded. Invariant, tested: it finds what asking each rule of each item finds.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::rules::condition::{Condition, Truth};
use crate::rules::subject::{Item, Scene};
use crate::rules::value::View;
use crate::rules::{Form, Rule, SubjectKind};
use crate::units::Timestamp;

const WORD_BITS: usize = 64;

/// What a condition asks: all of these must hold.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Asks {
    /// What other rules ask too, by its number.
    shared: Box<[usize]>,
    /// What nobody else asks.
    own: Box<[Condition]>,
}

/// What a rule about items asks.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct RuleAsks {
    /// `when`.
    pub(super) when: Asks,
    /// `keep_while`.
    pub(super) keep_while: Option<Asks>,
}

/// Takes the rules about items apart. Returns what several of them ask, and what each rule asks, in their order.
#[expect(clippy::mutable_key_type, reason = "a pattern is ordered by its text alone")]
pub(super) fn take_apart(rules: &[Rule]) -> (Vec<Condition>, Vec<RuleAsks>) {
    let mut times: BTreeMap<&Condition, usize> = BTreeMap::new();
    for condition in rules.iter().flat_map(of_items) {
        for part in parts(condition) {
            *times.entry(part).or_default() += 1;
        }
    }
    let shared: Vec<&Condition> = times.into_iter().filter(|(_, times)| *times > 1).map(|(part, _)| part).collect();
    let asks = |condition: &Condition| {
        let (mut of_all, mut own) = (Vec::new(), Vec::new());
        for part in parts(condition) {
            match shared.binary_search(&part) {
                Ok(number) => of_all.push(number),
                Err(_) => own.push(part.clone()),
            }
        }
        Asks { shared: of_all.into(), own: own.into() }
    };
    let rule_asks = |rule: &Rule| {
        let mut conditions = of_items(rule).map(asks);
        RuleAsks { when: conditions.next().unwrap_or_default(), keep_while: conditions.next() }
    };
    let asks = rules.iter().map(rule_asks).collect();
    (shared.into_iter().cloned().collect(), asks)
}

/// Returns `when` and `keep_while` of a rule about items; nothing of any other.
fn of_items(rule: &Rule) -> impl Iterator<Item = &Condition> {
    let state = match &rule.form {
        Form::State(state) if state.subject == SubjectKind::Item => Some(state),
        Form::State(_) | Form::Event(_) => None,
    };
    state.into_iter().flat_map(|state| std::iter::once(&rule.when).chain(&state.keep_while))
}

fn parts(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(conditions) => conditions.iter().flat_map(parts).collect(),
        Condition::Any(_)
        | Condition::Not(_)
        | Condition::Match { .. }
        | Condition::Compare(_)
        | Condition::Same(..) => vec![condition],
    }
}

/// The items that rules visit, and what was said of them by now.
pub(super) struct Visited<'a> {
    scene: &'a Scene<'a>,
    items: Vec<Item<'a>>,
    shared: &'a [Condition],
    /// What is said of the items by each shared part, since the first rule asked.
    answers: Vec<OnceCell<Marks>>,
}

impl<'a> Visited<'a> {
    /// Begins with nothing asked.
    pub(super) fn new(scene: &'a Scene<'a>, items: impl Iterator<Item = Item<'a>>, shared: &'a [Condition]) -> Self {
        Self { scene, items: items.collect(), shared, answers: vec![OnceCell::new(); shared.len()] }
    }

    /// Hands over every item of which `when` or `keep_while` is not clear: what `when` says, and what both say.
    pub(super) fn ask(&self, asks: &RuleAsks, now: Timestamp, found: &mut dyn FnMut(Item<'a>, Truth, Truth)) {
        let when = self.marks(&asks.when, now);
        let keep_while = asks.keep_while.as_ref().map(|asks| self.marks(asks, now));
        let keeps = keep_while.as_ref().unwrap_or(&when);
        for at in when.may.iter().zip(&keeps.may).enumerate().flat_map(|(word, (when, keeps))| bits(word, when | keeps))
        {
            let holds = when.truth(at);
            found(self.items[at], holds, holds.or(keeps.truth(at)));
        }
    }

    fn marks(&self, asks: &Asks, now: Timestamp) -> Marks {
        let mut marks = Marks::all(self.items.len());
        for number in &asks.shared {
            let answer = || {
                let mut answer = Marks::all(self.items.len());
                self.narrow(&mut answer, &self.shared[*number], now);
                answer
            };
            marks.and(self.answers[*number].get_or_init(answer));
        }
        for part in &asks.own {
            self.narrow(&mut marks, part, now);
        }
        marks
    }

    /// Asks what is left of the items.
    fn narrow(&self, marks: &mut Marks, part: &Condition, now: Timestamp) {
        for word in 0..marks.may.len() {
            for at in bits(word, marks.may[word]) {
                match part.truth(&View::Item(self.scene, self.items[at], None), now) {
                    Truth::Holds => {}
                    Truth::Unknown => marks.holds[word] &= !bit(at),
                    Truth::Clear => {
                        marks.may[word] &= !bit(at);
                        marks.holds[word] &= !bit(at);
                    }
                }
            }
        }
    }
}

/// What is said of items, a bit for each: it may hold, it holds.
#[derive(Clone)]
struct Marks {
    may: Vec<u64>,
    holds: Vec<u64>,
}

impl Marks {
    fn all(count: usize) -> Self {
        let mut all = vec![u64::MAX; count.div_ceil(WORD_BITS)];
        if let Some(last) = all.last_mut().filter(|_| !count.is_multiple_of(WORD_BITS)) {
            *last = bit(count) - 1;
        }
        Self { may: all.clone(), holds: all }
    }

    fn and(&mut self, other: &Self) {
        self.may.iter_mut().zip(&other.may).for_each(|(mine, theirs)| *mine &= theirs);
        self.holds.iter_mut().zip(&other.holds).for_each(|(mine, theirs)| *mine &= theirs);
    }

    fn truth(&self, at: usize) -> Truth {
        let is_set = |words: &[u64]| words[at / WORD_BITS] & bit(at) != 0;
        match (is_set(&self.holds), is_set(&self.may)) {
            (true, _) => Truth::Holds,
            (false, true) => Truth::Unknown,
            (false, false) => Truth::Clear,
        }
    }
}

/// Returns the bit of an item within its word.
const fn bit(at: usize) -> u64 {
    1 << (at % WORD_BITS)
}

/// Returns the items whose bits are set in a word.
fn bits(word: usize, mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = set.trailing_zeros() as usize;
        set &= set.checked_sub(1)?;
        Some(word * WORD_BITS + at)
    })
}
