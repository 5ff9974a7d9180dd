//! What holds for all rules and pictures: order does not matter, and the short way finds what the long way finds.

use proptest::prelude::*;

use super::*;
use crate::rules::condition::{Condition, Matcher, Operand, Truth};
use crate::rules::evaluate::{evaluate_venue, finding};
use crate::rules::field::{Field, ForecastField, ProductField, RecipeField, RowField, StationField, VariantsField};
use crate::rules::set::{AtLeast, SetKind};
use crate::rules::subject::Scene;
use crate::rules::term::{Comparison, MILLION, Term, Test};
use crate::rules::value::View;
use crate::rules::{Form, GroupBy, Placed, Rule, RuleName, Severity, State, Subject, SubjectKind};
use crate::snapshot::pace::{Batch, Pace};

fn arbitrary_matcher() -> impl Strategy<Value = Condition> {
    let number = |field| {
        (0_i64..4, 0_usize..6).prop_map(move |(limit, test)| {
            let operand = Operand::Number(Quantity::whole(limit));
            let matcher = match test {
                0 => Matcher::AtMost(operand),
                1 => Matcher::AtLeast(operand),
                2 => Matcher::Below(operand),
                3 => Matcher::Above(operand),
                4 => Matcher::Unset,
                _ => Matcher::AnyOf(vec![operand]),
            };
            Condition::Match { field, matcher }
        })
    };
    let flag = |field| {
        any::<bool>()
            .prop_map(move |wanted| Condition::Match { field, matcher: Matcher::AnyOf(vec![Operand::Flag(wanted)]) })
    };
    let word = |field, word| Just(Condition::Match { field, matcher: Matcher::AnyOf(vec![Operand::Word(word)]) });
    prop_oneof![
        number(Field::Row(RowField::Limit)),
        number(Field::Variants(VariantsField::Left)),
        flag(Field::Row(RowField::Limited)),
        flag(Field::Row(RowField::SoldOut)),
        flag(Field::Row(RowField::Low)),
        flag(Field::Row(RowField::NearLow)),
        flag(Field::Forecast(ForecastField::RunsOutBeforeClosing)),
        number(Field::Recipe(RecipeField::Blocks)),
        Just(Condition::Match { field: Field::Recipe(RecipeField::BlockedBy), matcher: Matcher::Set }),
        word(Field::Product(ProductField::Type), "DISH"),
        word(Field::Station(StationField::Status), "active"),
        Just(Condition::Match { field: Field::Row(RowField::StoppedFor), matcher: Matcher::Set }),
        number(Field::Row(RowField::TimesToday)),
        (0_i8..24, any::<bool>()).prop_map(|(hour, is_below)| {
            let clock = Operand::Time(jiff::civil::time(hour, 0, 0, 0));
            let matcher = if is_below { Matcher::Below(clock) } else { Matcher::AtLeast(clock) };
            Condition::Match { field: Field::Row(RowField::Since), matcher }
        }),
        (0_i64..4).prop_map(|n| Condition::Match {
            field: Field::Forecast(ForecastField::SoldPerHour),
            matcher: Matcher::AtMost(Operand::Number(Quantity::whole(n))),
        }),
    ]
}

/// What only an expression says: two fields, or figures computed from them.
fn arbitrary_comparison() -> impl Strategy<Value = Condition> {
    let field = || {
        prop::sample::select(vec![
            Field::Row(RowField::Limit),
            Field::Forecast(ForecastField::SoldPerHour),
            Field::Product(ProductField::LowStock),
            Field::Variants(VariantsField::Left),
            Field::Recipe(RecipeField::Blocks),
        ])
    };
    let term = || {
        prop_oneof![
            field().prop_map(Term::Field),
            (-1_i64..4).prop_map(|units| Term::Constant(i128::from(units) * MILLION)),
            (field(), field())
                .prop_map(|(one, other)| Term::Sum(Box::new(Term::Field(one)), Box::new(Term::Field(other)))),
        ]
    };
    let test = prop::sample::select(vec![Test::Equal, Test::Below, Test::AtMost]);
    prop_oneof![
        (term(), test, term()).prop_map(|(left, test, right)| Condition::Compare(Box::new(Comparison {
            left,
            test,
            right
        }))),
        Just(Condition::Same(Field::Row(RowField::Low), Field::Row(RowField::SoldOut))),
        Just(Condition::Same(Field::Product(ProductField::Hidden), Field::Row(RowField::Limited))),
    ]
}

/// What matchers say.
pub(super) fn arbitrary_condition() -> impl Strategy<Value = Condition> {
    combined(arbitrary_matcher())
}

/// What matchers and expressions say.
pub(super) fn any_condition() -> impl Strategy<Value = Condition> {
    combined(prop_oneof![arbitrary_matcher(), arbitrary_comparison()])
}

fn combined(part: impl Strategy<Value = Condition> + 'static) -> impl Strategy<Value = Condition> {
    part.prop_recursive(4, 24, 3, |part| {
        prop_oneof![
            prop::collection::vec(part.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(part.clone(), 0..4).prop_map(Condition::Any),
            part.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

pub(super) fn arbitrary_rows() -> impl Strategy<Value = Rows> {
    let row = |limit| StopRow {
        limit: Quantity::from_millionths(limit * 500_000),
        updated_at: Some(at(-900)),
        since: at(-900),
        seen_at: at(-890),
    };
    prop::collection::btree_map((1_u64..14).prop_map(ProductId), (-2_i64..26).prop_map(row), 0..10)
}

fn rule(name: &str, when: Condition, keep_while: Option<Condition>, needs_row: bool) -> Rule {
    let place = crate::document::Place::whole(&"test.yaml".into());
    Rule {
        name: RuleName::new(name).expect("a slug"),
        place: place.clone(),
        form: Form::State(State {
            says_it_is_off: false,
            subject: SubjectKind::Item,
            at_least: None,
            keep_while,
            hold_for: Duration::ZERO,
            clear_for: Duration::ZERO,
            flap_detection: true,
            remind: Box::default(),
            escalate: Box::default(),
            send_resolved: true,
            resolved_message: None,
            needs_row,
        }),
        when,
        during: Vec::new(),
        severity: Severity::Warning,
        notify: vec![Placed { text: "kitchen".into(), place, quoted: false }],
        group_by: GroupBy::Venue,
        message: None,
    }
}

pub(super) fn venue_with(rows: Rows) -> Snapshot {
    let read = snapshot(&[]);
    // Every third item has a pace that is about as large as the figures that are drawn.
    let pace = |n: u64| {
        let batch = Batch {
            from: at(-600),
            until: at(-60),
            sold: Quantity::from_millionths(500_000 * i64::try_from(n).expect("small")),
            steps: 3,
        };
        Pace { since: at(-1800), batches: vec![batch], pauses: Vec::new() }
    };
    let paces = (1..14).step_by(3).map(|n| (ProductId(n), pace(n))).collect();
    Snapshot { picture: Picture { rows: Arc::new(rows), ..read.picture.clone() }, paces: Arc::new(paces), ..read }
}

proptest! {
    #[test]
    fn visiting_only_rows_finds_what_visiting_every_product_finds(
        when in any_condition(),
        keep_while in prop::option::of(any_condition()),
        rows in arbitrary_rows(),
    ) {
        let needs_row = when.needs_row() && keep_while.as_ref().is_none_or(Condition::needs_row);
        let brand = brand();
        let snapshot = venue_with(rows);
        let view = view(&brand, &Access::Granted, &snapshot);
        let one = |needs_row| {
            RuleSet::new(vec![rule("r", when.clone(), keep_while.clone(), needs_row)], Vec::new())
        };
        let long_way = evaluate_venue(&one(false), &view, at(10));
        prop_assert_eq!(evaluate_venue(&one(needs_row), &view, at(10)), long_way);
    }

    #[test]
    fn what_rules_ask_alike_is_found_as_if_each_asked_alone(
        pool in prop::collection::vec(any_condition(), 1..5),
        picks in prop::collection::vec((prop::collection::vec(0..5_usize, 0..4), prop::option::of(0..5_usize)), 1..8),
        rows in arbitrary_rows(),
    ) {
        let picked = |n: &usize| pool[n % pool.len()].clone();
        let alone = |(n, (when, keep_while)): (usize, &(Vec<usize>, Option<usize>))| {
            let (when, keep_while) = (Condition::All(when.iter().map(picked).collect()), keep_while.as_ref().map(picked));
            let needs_row = when.needs_row() && keep_while.as_ref().is_none_or(Condition::needs_row);
            rule(&format!("r{n}"), when, keep_while, needs_row)
        };
        let rules: Vec<Rule> = picks.iter().enumerate().map(alone).collect();
        let brand = brand();
        let snapshot = venue_with(rows);
        let view = view(&brand, &Access::Granted, &snapshot);
        let scene = Scene::new(view, &[], at(10));
        let mut expected = Vec::new();
        for rule in &rules {
            let Form::State(state) = &rule.form else { continue };
            for item in scene.items() {
                let (view, subject) = (View::Item(&scene, item, None), Subject::Item(snapshot.id(), item.id));
                expected.extend(finding(rule, state, &view, subject, scene.items_as_of()));
            }
        }
        prop_assert_eq!(evaluate_venue(&RuleSet::new(rules, Vec::new()), &view, at(10)).findings, expected);
    }

    /// Counted here from the items one by one, and from the catalog without asking what belongs together.
    #[test]
    fn a_set_says_what_its_members_say(
        when in any_condition(),
        keep_while in prop::option::of(any_condition()),
        rows in arbitrary_rows(),
        (count, kind) in (2..4_u16, prop::sample::select(SetKind::ALL.to_vec())),
    ) {
        let needs_row = when.needs_row() && keep_while.as_ref().is_none_or(Condition::needs_row);
        let mut counting = rule("r", when.clone(), keep_while.clone(), needs_row);
        let Form::State(state) = &mut counting.form else { unreachable!("it is a state") };
        state.at_least = Some(AtLeast { count, of: kind });
        let brand = brand();
        let snapshot = venue_with(rows);
        let view = view(&brand, &Access::Granted, &snapshot);
        let scene = Scene::new(view, &[], at(10));
        let parent = |product: &Product| snapshot.picture.catalog.products.get(&product.parent?).cloned();
        let mut said: BTreeMap<Subject, Vec<(Truth, Truth)>> = BTreeMap::new();
        for item in scene.items() {
            let own = item.product.map(|it| (it.category, it.station));
            let of_parent = item.product.and_then(parent).map(|it| (it.category, it.station));
            let category = own.and_then(|own| own.0).or(of_parent.and_then(|it| it.0));
            let station = own.and_then(|own| own.1).or(of_parent.and_then(|it| it.1));
            let subject = match kind {
                SetKind::Category => category.map(|id| Subject::OfCategory(snapshot.id(), id)),
                SetKind::Station => station.map(|id| Subject::OfStation(snapshot.id(), id)),
                SetKind::Venues => Some(Subject::OfVenues(item.id)),
            };
            let view = View::Item(&scene, item, None);
            let holds = when.truth(&view, scene.items_as_of());
            let keeps = keep_while.as_ref().map_or(holds, |it| holds.or(it.truth(&view, scene.items_as_of())));
            said.entry(subject.unwrap_or(Subject::Brand)).or_default().push((holds, keeps));
        }
        said.remove(&Subject::Brand);
        let evaluation = evaluate_venue(&RuleSet::new(vec![counting], Vec::new()), &view, at(10));
        if kind == SetKind::Venues {
            let here = evaluation.part.said.iter().map(|it| (Subject::OfVenues(it.product), vec![(it.holds, it.keeps)]));
            said.retain(|_, said| said[0].1 != Truth::Clear);
            prop_assert_eq!(here.collect::<BTreeMap<_, _>>(), said);
            return Ok(());
        }
        let truth = |truths: &mut dyn Iterator<Item = Truth>| {
            let truths: Vec<Truth> = truths.collect();
            let times = |wanted| truths.iter().filter(|truth| **truth == wanted).count();
            let (hold, unknown) = (times(Truth::Holds), times(Truth::Unknown));
            if hold >= usize::from(count) {
                Truth::Holds
            } else if hold + unknown >= usize::from(count) {
                Truth::Unknown
            } else {
                Truth::Clear
            }
        };
        let of_members = |said: &[(Truth, Truth)]| {
            (truth(&mut said.iter().map(|it| it.0)), truth(&mut said.iter().map(|it| it.1)))
        };
        let expected = said.iter().map(|(subject, said)| (subject.clone(), of_members(said)));
        let expected: BTreeMap<_, _> = expected.filter(|(_, (_, keeps))| *keeps != Truth::Clear).collect();
        let found = evaluation.findings.into_iter().map(|it| (it.subject, (it.holds, it.keeps)));
        prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn the_order_of_rules_does_not_matter(
        (conditions, shuffled) in prop::collection::vec(any_condition(), 1..8).prop_flat_map(|conditions| {
            let numbered: Vec<_> = conditions.into_iter().enumerate().collect();
            (Just(numbered.clone()), Just(numbered).prop_shuffle())
        }),
        rows in arbitrary_rows(),
    ) {
        let set = |conditions: Vec<(usize, Condition)>| {
            let named = |(n, when): (usize, Condition)| rule(&format!("r{n}"), when, None, false);
            RuleSet::new(conditions.into_iter().map(named).collect(), Vec::new())
        };
        let brand = brand();
        let snapshot = venue_with(rows);
        let view = view(&brand, &Access::Granted, &snapshot);
        let found = evaluate_venue(&set(conditions), &view, at(10));
        let in_order = found.findings.is_sorted_by_key(|finding| (finding.rule.clone(), finding.subject.clone()));
        prop_assert!(in_order);
        prop_assert_eq!(evaluate_venue(&set(shuffled), &view, at(10)), found);
    }

    #[test]
    fn an_alert_that_may_begin_may_go_on(
        when in any_condition(), keep_while in any_condition(), rows in arbitrary_rows(),
    ) {
        let brand = brand();
        let snapshot = venue_with(rows);
        let rules = RuleSet::new(vec![rule("r", when, Some(keep_while), false)], Vec::new());
        for finding in evaluate_venue(&rules, &view(&brand, &Access::Granted, &snapshot), at(10)).findings {
            prop_assert_eq!(finding.keeps.or(finding.holds), finding.keeps);
            prop_assert_ne!(finding.keeps, Truth::Clear);
        }
    }

    #[test]
    fn a_condition_and_its_opposite_have_opposite_truths(when in any_condition(), rows in arbitrary_rows()) {
        let brand = brand();
        let snapshot = venue_with(rows);
        let scene = Scene::new(view(&brand, &Access::Granted, &snapshot), &[], at(10));
        let opposite = Condition::Not(Box::new(when.clone()));
        for item in scene.items() {
            let view = View::Item(&scene, item, None);
            prop_assert_eq!(opposite.truth(&view, at(10)), when.truth(&view, at(10)).not());
        }
    }
}
