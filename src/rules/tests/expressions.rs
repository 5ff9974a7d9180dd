//! What expressions say: the same as matchers where both can say it, and what matchers cannot say.

use proptest::prelude::*;

use super::properties::{arbitrary_condition, arbitrary_rows, venue_with};
use super::*;
use crate::document::Report;
use crate::rules::condition::{Condition, Matcher, Operand, Truth};
use crate::rules::field::{FIELDS, Field, Kind, RecipeField, RowField};
use crate::rules::subject::Scene;
use crate::rules::value::View;
use crate::rules::{Form, Rule};

/// The one rule about items with this `expr`.
fn item_rule_with(expr: &str) -> Rule {
    let quoted = serde_json::to_string(expr).expect("a text");
    let set = rule_set(&format!("rules: [{{ name: r, notify: [], expr: {quoted} }}]"));
    set.rules()[0].clone()
}

/// What a condition says of every item, in order of their ids.
fn truths(condition: &Condition, snapshot: &Snapshot) -> Vec<Truth> {
    let brand = brand();
    let scene = Scene::new(view(&brand, &Access::Granted, snapshot), &["delivery".to_owned()], at(10));
    scene.items().map(|item| condition.truth(&View::Item(&scene, item, None), at(10))).collect()
}

/// The mistakes of an expression as `column: message; help`.
fn mistakes(expr: &str) -> Vec<String> {
    let text = format!("rules:\n- name: r\n  notify: []\n  expr: \"{expr}\"\n");
    let mut problems = Problems::new();
    parse(&[file("r", &text)], &mut problems);
    let problems = problems.into_report().map(|Report { problems, .. }| problems).unwrap_or_default();
    problems.iter().map(|problem| problem.to_string().trim_start_matches("r:4:").to_owned()).collect()
}

#[test]
fn an_expression_says_what_the_matchers_say() {
    let snapshot = snapshot(&[(1, "2"), (2, "0"), (4, "7.5"), (6, "0"), (8, "0"), (12, "1")]);
    for (expr, when) in [
        ("sold_out", "sold_out: true"),
        ("!sold_out", "sold_out: false"),
        ("low == false", "low: false"),
        ("low != true", "low: { not: true }"),
        ("limit <= 2", "limit: { at_most: 2 }"),
        ("item.limit < 7.5 && limit > 0", "limit: { below: 7.5, above: 0 }"),
        ("2 >= limit", "limit: { at_most: 2 }"),
        ("limit != 2", "limit: { not: 2 }"),
        ("has(item.limit)", "limit: { is: set }"),
        ("!has(product.category)", "product.category: { is: unset }"),
        ("product.price >= 12.5", "product.price: { at_least: 12.5 }"),
        ("product.price == 12.50", "product.price: 12.50"),
        ("product.type in ['DISH', 'GOODS']", "product.type: [DISH, GOODS]"),
        ("product.id in [1, 54] || product.id == 2", "product.id: [1, 54, 2]"),
        ("'lunch' in product.tags", "product.tags: lunch"),
        ("stopped_for > duration('5m')", "stopped_for: { above: 5m }"),
        ("product.cooking_time >= duration('25m')", "product.cooking_time: { at_least: 25m }"),
        ("product.name.matches('^P')", "product.name: { matches: \"P.*\" }"),
        ("product.name.matches('(?i)TA')", "product.name: { matches: \"(?i).*ta.*\" }"),
        ("product.name.startsWith('0.5')", "product.name: { matches: \"0[.]5.*\" }"),
        ("product.name.endsWith('a')", "product.name: { matches: \".*a\" }"),
        ("product.name.contains('an')", "product.name: { matches: \".*an.*\" }"),
        ("station.name == 'Tandir'", "station.name: Tandir"),
        ("prices.Delivery > 13", "prices.delivery: { above: 13 }"),
        ("prices['Delivery'] > 13", "prices.delivery: { above: 13 }"),
        ("limit < 60 / 20 - 1 + 1 * 2", "limit: { below: 4 }"),
        ("product.price < 5 || sold_out", "any: [{ product.price: { below: 5 } }, { sold_out: true }]"),
        ("has(item.blocked_by)", "blocked_by: { is: set }"),
        ("'Salt' in blocked_by || blocks > 0", "any: [{ blocked_by: Salt }, { blocks: { above: 0 } }]"),
        ("variants.left <= 1 && variants.out > 0", "variants.left: { at_most: 1 }, variants.out: { above: 0 }"),
        ("venue.open", "venue.open: true"),
        ("!(venue.closes_in < duration('30m'))", "not: { venue.closes_in: { below: 30m } }"),
        ("!has(venue.opens_in)", "venue.opens_in: { is: unset }"),
        ("venue.reading != 'fresh' || venue.id in [7]", "any: [{ venue.reading: { not: fresh } }, { venue.id: 7 }]"),
        ("limit > 0 && limit <= 9 && limit != 2", "limit: { above: 0, at_most: 9, not: 2 }"),
        (
            "'lunch' in product.tags && 'banquet' in product.tags",
            "all: [{ product.tags: lunch }, { product.tags: banquet }]",
        ),
    ] {
        let by_expr = item_rule_with(expr);
        let by_when = item_rule(when);
        let by_when = &by_when.rules()[0];
        assert_eq!(truths(&by_expr.when, &snapshot), truths(&by_when.when, &snapshot), "{expr}");
        let needs_row = |rule: &Rule| matches!(&rule.form, Form::State(state) if state.needs_row);
        assert_eq!(needs_row(&by_expr), needs_row(by_when), "{expr}");
    }
}

#[test]
fn an_expression_compares_and_computes_what_matchers_cannot() {
    let snapshot = snapshot(&[(1, "2"), (2, "0"), (4, "7.5"), (12, "1")]);
    let check = |expr: &str, holds: &[usize], unknown: &[usize]| {
        let found = truths(&item_rule_with(expr).when, &snapshot);
        let of = |truth| (0..found.len()).filter(|at| found[*at] == truth).collect::<Vec<_>>();
        assert_eq!((of(Truth::Holds), of(Truth::Unknown)), (holds.to_vec(), unknown.to_vec()), "{expr}: {found:?}");
    };
    // Items 0..=8 are the products 1..=9; the last is the row of product 12, that nobody has read.
    check("limit < product.low_stock", &[0], &[9]);
    check("limit * 5 <= product.low_stock", &[0], &[9]);
    check("limit * 5 < product.low_stock", &[], &[9]);
    check("limit * product.price > 20", &[0, 3], &[9]);
    check("product.price - product.cost_price < 12.6 && limit > 1", &[0, 3], &[]);
    check("-limit > -1 && product.price / 2 == 6.25", &[1], &[]);
    check("prices.Delivery - product.price >= 1.5", &[0], &[]);
    check("prices.Delivery > product.price * 1.12", &[], &[]);
    check("stopped_for > product.cooking_time - duration('15m')", &[1], &[]);
    check("product.name == product.full_name && limit > 1", &[0, 3], &[]);
    check("station.name == product.category", &[], &[7, 9]);
    check("low == sold_out && has(item.limit)", &[3], &[9]);
    check("blocks > variants.left", &[], &[9]);
    check("product.cooking_time + duration('6m') > stopped_for * 2", &[1], &[]);
    check("venue.closes_in < product.cooking_time", &[], &[]);
    // One part that is known decides where it can.
    check("limit > 0 || product.price > 1000000", &[0, 3, 9], &[]);
    check("limit > 1 && product.price > 1", &[0, 3], &[]);
}

#[test]
fn when_and_expr_must_both_hold() {
    let rules = rule_set("rules: [{ name: r, notify: [], when: { limit: { above: 0 } }, expr: 'limit < 5' }]");
    let found = truths(&rules.rules()[0].when, &snapshot(&[(1, "2"), (2, "0"), (4, "7.5")]));
    assert_eq!(found.iter().position(|truth| *truth == Truth::Holds), Some(0));
    assert_eq!(found.iter().filter(|truth| **truth == Truth::Holds).count(), 1);
    let event =
        rule_set("rules: [{ name: r, notify: [], event: price_changed, expr: 'change.after > change.before' }]");
    assert!(matches!(event.rules()[0].when, Condition::Compare(_)));
    let windowed = rule_set(
        "rules: [{ name: r, notify: [], during: [open, peak], expr: 'limit < 5', keep_while: { low: true }, for: 5m }]",
    );
    let rule = &windowed.rules()[0];
    assert_eq!(rule.during.iter().map(|window| &*window.text).collect::<Vec<_>>(), ["open", "peak"]);
    let Form::State(state) = &rule.form else { panic!("a state") };
    assert!(state.needs_row && state.keep_while.is_some() && state.hold_for == Duration::from_mins(5));
}

/// For each item without a row: what the rule's own flag says must be what its truth says.
#[test]
fn what_can_hold_off_the_stop_list_is_known() {
    let empty = snapshot(&[]);
    for (expr, needs_row, holds_without) in [
        ("limit < product.low_stock", true, false),
        ("!(limit < product.low_stock)", false, true),
        ("limit != product.low_stock", false, true),
        ("stopped_for > product.cooking_time", true, false),
        ("low == sold_out", false, true),
        ("low != sold_out", true, false),
        ("product.price > product.cost_price", false, true),
        ("product.price > product.cost_price && sold_out", true, false),
        ("product.price > product.cost_price || sold_out", false, true),
        ("limit + 1 > 0 || product.price * limit > 5", true, false),
        ("!has(item.limit)", false, true),
    ] {
        let rule = item_rule_with(expr);
        assert!(matches!(&rule.form, Form::State(state) if state.needs_row == needs_row), "{expr}");
        assert_eq!(truths(&rule.when, &empty).contains(&Truth::Holds), holds_without, "{expr}");
    }
}

#[test]
fn what_was_not_read_stays_unknown_through_every_operator() {
    let stale = Snapshot { read_at: Some(at(-3_600)), ..snapshot(&[(1, "2")]) };
    let truths = |expr: &str| truths(&item_rule_with(expr).when, &stale);
    for (expr, truth) in [
        ("sold_out", Truth::Unknown),
        ("!sold_out", Truth::Unknown),
        ("!!sold_out", Truth::Unknown),
        ("limit * 2 < product.low_stock", Truth::Unknown),
        ("low == sold_out", Truth::Unknown),
        ("low != sold_out", Truth::Unknown),
        ("sold_out && product.price > 1", Truth::Unknown),
        ("sold_out || product.price > 1", Truth::Holds),
        ("sold_out && product.price > 1000", Truth::Clear),
        ("sold_out || product.price > 1000", Truth::Unknown),
        ("!(sold_out && product.price > 1000)", Truth::Holds),
        ("has(item.limit) || 'Salt' in blocked_by", Truth::Unknown),
    ] {
        assert_eq!(truths(expr)[0], truth, "{expr}");
    }
    // The tea has no threshold: whatever its limit is, it is not below it.
    assert_eq!(truths("limit < product.low_stock")[1], Truth::Clear);
    assert_eq!(truths("!(limit < product.low_stock)")[1], Truth::Holds);
}

#[test]
fn a_mistake_stands_under_its_own_words() {
    for (expr, expected) in [
        ("limt < 3", "10: there is no field 'limt' for items; did you mean 'limit'?"),
        (
            "limit < 3 && staton.status == 'active'",
            "23: there is no field 'staton.status' for items; did you mean 'station.status'?",
        ),
        (
            "product.nmae == 'ü' && limit < 3",
            "10: there is no field 'product.nmae' for items; did you mean 'product.name'?",
        ),
        ("product.name == 'ü' && limt < 3", "33: there is no field 'limt' for items; did you mean 'limit'?"),
        ("product.type == 'DISHES'", "26: 'product.type' is never 'DISHES'; did you mean 'DISH'?"),
        ("limit = 3", "16: '=' cannot stand here in an expression; write == for ="),
        ("sold_out and low", "19: 'and' cannot stand here in an expression; write && for and"),
        ("product.name == 'ü' && low = true", "37: '=' cannot stand here in an expression; write == for ="),
        (
            "limit <",
            "10: the expression ends too early; write a comparison such as product.price >= 8.0; join several by && and ||",
        ),
        ("has(limit)", "10: 'has' takes a name with a dot; write has(item.limit) for a field without one"),
    ] {
        assert_eq!(mistakes(expr), [expected], "{expr}");
    }
    let both = mistakes("limt < 3 && (product.typ == 'DISH' || wether)");
    assert_eq!(both.len(), 3, "{both:?}");
}

#[test]
fn an_expression_has_limits() {
    let long = format!("limit < {}1", " ".repeat(1_015));
    assert_eq!(mistakes(&long), [""; 0]);
    let longer = format!("limit < {}1", " ".repeat(1_016));
    assert!(mistakes(&longer)[0].contains("longer than the 1024 bytes of an expression"));
    for (open, close) in
        [("(", ")"), ("!(", ")"), ("-(", ")"), ("(low || ", ")"), ("[", "]"), ("has(", ")"), ("{1: ", "}")]
    {
        for depth in [1, 6, 7, 100] {
            let told = mistakes(&format!("{}sold_out{}", open.repeat(depth), close.repeat(depth)));
            assert_eq!(told.iter().any(|told| told.contains("the 6 levels")), depth > 6, "{open} {depth} {told:?}");
        }
    }
    for repeated in [
        "low && ", "low||", "!", "-", "low==", "1+", "limit+", "limit-1*", "low.", "1<", "low in ", "low[1]", "[1]+",
        "low()", "low.a()",
    ] {
        mistakes(&format!("{}low", repeated.repeat(1_000 / repeated.len())));
    }
    let sum = format!("{}limit > 1", "limit + ".repeat(120));
    assert_eq!(truths(&item_rule_with(&sum).when, &snapshot(&[(1, "2")]))[0], Truth::Holds);
}

/// A text may hide brackets from whoever looks for them, where it ends elsewhere than the parser thinks.
#[test]
fn no_bracket_is_hidden_from_the_look_before_the_parser() {
    let told = |expr: &str| {
        let quoted = serde_json::to_string(expr).expect("a text");
        let mut problems = Problems::new();
        parse(&[file("r", &format!("rules: [{{ name: r, notify: [], expr: {quoted} }}]"))], &mut problems);
        problems.into_report().map(|Report { problems, .. }| problems).unwrap_or_default()
    };
    for hidden in [
        r"' X",
        r"'''a'b''' + X",
        r"r'\' + X",
        "// '\nX",
        r"xr'\' ' X '",
        r"br'\' ' X '",
        r"1r'\' ' X '",
        r"ür'\' ' X '",
        r"`'` X '",
        r"a.`'`+X'",
        r"'\q X '",
        r"'\x X '",
        r"'\18 X '",
        r"'\u12 X '",
        r"'\' + X",
        r"b'' + X",
        "'a\rb' + X",
        r#""a" + X"#,
        r#"r"\" + X"#,
        r#"'"' + X"#,
        r"'a' + X",
        r"$r'\' ' X '",
        "'\\\n' + X",
    ] {
        let told = told(&hidden.replace('X', &"(".repeat(900)));
        assert!(!told.is_empty() && told.len() < 3, "{hidden}: {told:?}");
    }
    for harmless in ["'((((((((((('", r"r'(((((((((\'", r"'(\'((((((((\x41\u00e7\007'", r#""'(((((((((((""#] {
        assert_eq!(told(&format!("product.name == {harmless}")), [], "{harmless}");
    }
}

#[test]
fn every_field_can_be_asked_for() {
    for row in FIELDS.iter().filter(|row| row.events.is_empty()) {
        let name = row.name.replace("<list>", "Hall");
        let expr = match row.kind {
            Kind::Stock | Kind::Count => format!("{name} > 1"),
            Kind::Money => format!("{name} > 1.5"),
            Kind::Duration => format!("{name} > duration('1m')"),
            Kind::Time => format!("{name} > '18:30'"),
            Kind::Flag => name.clone(),
            Kind::Word(words) => format!("{name} == '{}'", words[0]),
            Kind::Text => format!("{name} == 'x'"),
            Kind::Texts => format!("'x' in {name}"),
            Kind::Id => format!("{name} == 1"),
        };
        let subject = row.subjects[0].word();
        rule_set(&format!("rules: [{{ name: r, subject: {subject}, notify: [], expr: \"{expr}\" }}]"));
    }
}

/// Writes a condition as an expression.
fn written(condition: &Condition) -> String {
    let joined = |parts: &[Condition], by: &str| {
        let parts: Vec<String> = parts.iter().map(written).collect();
        format!("({})", parts.join(by))
    };
    match condition {
        Condition::All(parts) => joined(parts, " && "),
        Condition::Any(parts) => joined(parts, " || "),
        Condition::Not(part) => match **part {
            Condition::Match { .. } => format!("!({})", written(part)),
            Condition::All(_) | Condition::Any(_) | Condition::Not(_) | Condition::Compare(_) | Condition::Same(..) => {
                format!("!{}", written(part))
            }
        },
        Condition::Match { field, matcher } => {
            let name = FIELDS.iter().find(|row| row.field == *field).expect("a field").name;
            let dotted = if name.contains('.') { name.to_owned() } else { format!("item.{name}") };
            match matcher {
                Matcher::AnyOf(operands) => format!("{name} == {}", constant(&operands[0])),
                Matcher::AtMost(operand) => format!("{name} <= {}", constant(operand)),
                Matcher::AtLeast(operand) => format!("{name} >= {}", constant(operand)),
                Matcher::Below(operand) => format!("{name} < {}", constant(operand)),
                Matcher::Above(operand) => format!("{} < {name}", constant(operand)),
                Matcher::Set => format!("has({dotted})"),
                Matcher::Unset => format!("!has({dotted})"),
                Matcher::Matches(_) => unreachable!("no pattern is drawn"),
            }
        }
        Condition::Compare(_) | Condition::Same(..) => unreachable!("no matcher says this"),
    }
}

fn constant(operand: &Operand) -> String {
    match operand {
        Operand::Number(number) => number.to_string(),
        Operand::Money(money) => money.to_string(),
        Operand::Duration(_) => unreachable!("no duration is drawn"),
        Operand::Time(clock) => format!("'{:02}:{:02}'", clock.hour(), clock.minute()),
        Operand::Flag(flag) => flag.to_string(),
        Operand::Word(word) => format!("'{word}'"),
        Operand::Text(text) => format!("'{text}'"),
        Operand::Id(id) => id.to_string(),
    }
}

/// Says whether a condition can be written: an expression has no empty lists, and no matcher that never holds.
fn is_possible(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => !parts.is_empty() && parts.iter().all(is_possible),
        Condition::Not(part) => is_possible(part),
        Condition::Match {
            field: Field::Variants(_) | Field::Recipe(_) | Field::Row(RowField::TimesToday),
            matcher: Matcher::Below(operand),
        } => *operand != Operand::Number(Quantity::ZERO),
        // They always have a value, so that nobody may ask whether they have one.
        Condition::Match {
            field: Field::Recipe(RecipeField::Blocks) | Field::Row(RowField::TimesToday),
            matcher: Matcher::Unset,
        } => false,
        Condition::Match { .. } | Condition::Compare(_) | Condition::Same(..) => true,
    }
}

proptest! {
    #[test]
    fn an_expression_agrees_with_the_condition_it_spells(
        condition in arbitrary_condition().prop_filter("can hold", is_possible),
        rows in arbitrary_rows(),
        is_stale in any::<bool>(),
    ) {
        let text = written(&condition);
        prop_assume!(text.len() <= 1_024);
        // A word that is drawn twice may contradict itself, which an expression does not let pass.
        prop_assume!(!mistakes(&text).iter().any(|told| told.contains("on both sides of this &&")));
        let read = item_rule_with(&text);
        let snapshot = venue_with(rows);
        let snapshot = if is_stale { Snapshot { read_at: Some(at(-3_600)), ..snapshot } } else { snapshot };
        // A stale list makes every row unknown, so that the third truth is drawn, too.
        prop_assert_eq!(truths(&read.when, &snapshot), truths(&condition, &snapshot), "{}", text);
    }

    #[test]
    fn no_text_is_too_odd_to_be_read(text in "[-a-z.()\\[\\]{}!&|<>=+*/%?:'\"0-9 ü,@`]{0,60}") {
        let quoted = serde_json::to_string(&text).expect("a text");
        let mut problems = Problems::new();
        parse(&[file("r", &format!("rules: [{{ name: r, notify: [], expr: {quoted} }}]"))], &mut problems);
    }

    #[test]
    fn no_mix_of_words_is_too_odd_to_be_read(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "limit", "product.price", "has(", "duration(", "'5m'", ")", "(", "[", "]", "in", "==", "<", "&&", "||", "!",
                "-", "+", "*", "/", "%", "?", ":", "1", "2.5", "1e300", "0x1F", "9223372036854775807", "true", "null", "b'x'",
                ".matches(", ".", ",", "{", "}", "product.tags", "sold_out", ".exists(x,", "'a", "ü",
            ]),
            0..14,
        ),
    ) {
        let quoted = serde_json::to_string(&words.join(" ")).expect("a text");
        let mut problems = Problems::new();
        parse(&[file("r", &format!("rules: [{{ name: r, notify: [], expr: {quoted} }}]"))], &mut problems);
    }
}
