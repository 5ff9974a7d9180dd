//! `expr`: an expression in CEL -> the same conditions as those of `when`, with every name and type checked.
//!
//! The `cel` crate reads the syntax; evaluation is ours, since only ours knows the third truth. An expression that comes out
//! cannot fail later and costs as much as the matchers that it is made of: loops, macros and functions of any cost are refused
//! here. Never stops at the first mistake. Invariant: what comes out asks only for fields that its scope has.

mod comparison;
mod names;
mod operand;
mod syntax;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::parser::Parser;

use crate::document::{Node, Place, nearest};
use crate::rules::condition::{Condition, Matcher, Operand};
use crate::rules::field::Kind;
use crate::rules::parse::matcher::{CONDITION_DEPTH_MAX, ConditionReader};

/// Bytes of an expression: what is longer is several rules, and the parser's work grows with it.
pub(super) const EXPRESSION_BYTES_MAX: usize = 1_024;
/// What an expression is written like.
pub(super) const EXPRESSION: &str = "an expression such as \"product.price >= 8.0\"";
/// What a mistake is answered with when nothing better is known.
const SUCH_AS: &str = "write a comparison such as product.price >= 8.0; join several by && and ||";
/// The functions that ask a text.
const TEXT_FUNCTIONS: [&str; 4] = ["matches", "startsWith", "endsWith", "contains"];
/// What CEL would loop with.
const LOOPS: [&str; 6] = ["all", "exists", "exists_one", "existsOne", "map", "filter"];

/// Reads one expression.
pub(super) struct ExpressionReader<'r, 'p> {
    conditions: &'r mut ConditionReader<'p>,
    source: &'r str,
    info: SourceInfo,
    place: &'r Place,
    is_quoted: bool,
}

/// Reads the expression that a node holds.
pub(super) fn read(node: &Node, conditions: &mut ConditionReader<'_>) -> Option<Condition> {
    let source = match node.as_scalar() {
        Some((text, _)) if !text.trim().is_empty() => text,
        Some(_) | None => return node.refuse(EXPRESSION, conditions.problems),
    };
    let is_quoted = node.as_scalar().is_some_and(|(_, quoted)| quoted);
    if source.len() > EXPRESSION_BYTES_MAX {
        let message = format!("'{}' is longer than the {EXPRESSION_BYTES_MAX} bytes of an expression", node.label);
        conditions.problems.tell_with_help(&node.place, message, "make several rules of it, or move parts to 'when'");
        return None;
    }
    let parsed = match syntax::refused(source) {
        Some(mistake) => Err(mistake),
        None => Parser::new().parse_with_source_info(source).map_err(|errors| syntax::mistake(source, &errors)),
    };
    match parsed {
        Ok((expression, info)) => {
            ExpressionReader { conditions, source, info, place: &node.place, is_quoted }.condition(&expression, 1)
        }
        Err((start, end, message, help)) => {
            let place = node.place.within(source, start, end, is_quoted);
            conditions.problems.tell_with_help(&place, message, help);
            None
        }
    }
}

impl ExpressionReader<'_, '_> {
    /// Reads what must be so or not so.
    fn condition(&mut self, node: &IdedExpr, depth: usize) -> Option<Condition> {
        if depth > CONDITION_DEPTH_MAX {
            let message =
                format!("the expression is nested deeper than the {CONDITION_DEPTH_MAX} levels that are read");
            return self.refuse(node, message, "remove parts, or write them under 'when'");
        }
        match &node.expr {
            Expr::Call(call) => self.call(node, call, depth),
            Expr::Select(select) if select.test => self.presence(node, select),
            Expr::Ident(_) | Expr::Select(_) => {
                let (name, row) = self.field(node)?;
                if row.kind == Kind::Flag {
                    return Some(Condition::Match {
                        field: row.field,
                        matcher: Matcher::AnyOf(vec![Operand::Flag(true)]),
                    });
                }
                let help = format!("write a comparison with {}", row.kind.wanted());
                self.refuse(node, format!("'{name}' alone says neither yes nor no"), help)
            }
            Expr::Literal(LiteralValue::Boolean(_)) => {
                self.refuse(node, "a constant is the same for everything", SUCH_AS)
            }
            Expr::Comprehension(_) => self.refuse(node, "an expression has no loops", "write 'word' in product.tags"),
            Expr::Literal(_) | Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.refuse(node, "a value alone says neither yes nor no", SUCH_AS)
            }
        }
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr, depth: usize) -> Option<Condition> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [left, right]) => {
                let (left, right) = (self.condition(left, depth + 1), self.condition(right, depth + 1));
                let (left, right) = (left?, right?);
                self.refuse_contradiction(node, &left, &right)?;
                Some(Condition::All(vec![left, right]))
            }
            (operators::LOGICAL_OR, None, parts) => self.conditions(parts, depth).map(Condition::Any),
            (operators::LOGICAL_NOT, None, [part]) => {
                self.condition(part, depth + 1).map(|part| Condition::Not(Box::new(part)))
            }
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                None,
                [left, right],
            ) => self.comparison(node, &call.func_name, left, right),
            (operators::IN, None, [wanted, list]) => self.membership(wanted, list),
            (operators::CONDITIONAL, None, _) => {
                self.refuse(node, "an expression has no '? :'", "write (a && b) || (!a && c) for a ? b : c")
            }
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | operators::NEGATE
                | "duration",
                None,
                _,
            ) => self.refuse(
                node,
                "a figure alone says neither yes nor no",
                "write a comparison, such as product.price - 2 > 8",
            ),
            (name, Some(target), [argument]) if TEXT_FUNCTIONS.contains(&name) => {
                self.text_function(node, name, target, argument)
            }
            (name, ..) => self.unknown_function(node, name),
        }
    }

    fn conditions(&mut self, parts: &[IdedExpr], depth: usize) -> Option<Vec<Condition>> {
        let parts: Vec<Option<Condition>> = parts.iter().map(|part| self.condition(part, depth + 1)).collect();
        parts.into_iter().collect()
    }

    fn unknown_function<T>(&mut self, node: &IdedExpr, name: &str) -> Option<T> {
        if LOOPS.contains(&name) {
            return self.refuse(node, "an expression has no loops", "write 'word' in product.tags");
        }
        let known = TEXT_FUNCTIONS.into_iter().chain(["has", "duration"]);
        let help = match nearest(name, known.clone()) {
            Some(near) if near == name => match near {
                "has" => "write has(item.limit)".to_owned(),
                "duration" => "write duration('5m')".to_owned(),
                text => format!("write a field, a dot and {text}('text')"),
            },
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("write one of {}", known.collect::<Vec<_>>().join(", ")),
        };
        let shown = crate::units::printable(name.trim_matches(|c| matches!(c, '_' | '@')), 60);
        self.refuse(node, format!("an expression has no '{shown}' of this form"), help)
    }

    /// Tells a mistake at a part of the expression.
    fn refuse<T>(&mut self, node: &IdedExpr, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        let place = self.place_of(node);
        self.conditions.problems.tell_with_help(&place, message, help);
        None
    }
}
