//! Names of an expression -> fields of the table, and where a part of an expression stands.
//!
//! A field is written as under `when`. A name without a dot may begin with `item.`, which `has(..)` needs: CEL takes nothing else
//! there.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use crate::document::Place;
use crate::rules::SubjectKind;
use crate::rules::condition::{Condition, Matcher};
use crate::rules::field::{FIELDS, FieldRow, Kind};
use crate::rules::parse::expression::ExpressionReader;

/// The start of a name that says of what it is.
const ITEM_PREFIX: &str = "item.";

impl ExpressionReader<'_, '_> {
    /// Reads a name as a field.
    pub(super) fn field(&mut self, node: &IdedExpr) -> Option<(String, FieldRow)> {
        match name_of(&node.expr) {
            Some(name) => self.named(node, &name),
            None => self.refuse(node, "this is no field", "write a field's name, as under 'when'"),
        }
    }

    /// Reads `has(field)`.
    pub(super) fn presence(&mut self, node: &IdedExpr, select: &SelectExpr) -> Option<Condition> {
        let Some(group) = name_of(&select.operand.expr) else {
            return self.refuse(node, "'has' takes a field", "write has(item.limit)");
        };
        let (name, row) = self.named(node, &format!("{group}.{}", select.field))?;
        if row.unset_when.is_none() {
            return self.refuse(node, format!("'{name}' always has a value"), "remove 'has', or write a comparison");
        }
        Some(Condition::Match { field: row.field, matcher: Matcher::Set })
    }

    fn named(&mut self, node: &IdedExpr, written: &str) -> Option<(String, FieldRow)> {
        let is_of_items = self.conditions.scope.subject == SubjectKind::Item;
        let name = written.strip_prefix(ITEM_PREFIX).filter(|_| is_of_items).unwrap_or(written);
        let place = self.place_of(node);
        let names_a_word = |row: &FieldRow| matches!(row.kind, Kind::Word(words) if words.contains(&name));
        if FIELDS.iter().any(names_a_word) && !FIELDS.iter().any(|row| row.name == name) {
            let help = format!("write it in quotes: '{name}'");
            return self.refuse(node, format!("'{name}' is a value and no field"), help);
        }
        self.conditions.field(name, &place).map(|row| (name.to_owned(), row))
    }

    /// Returns where a part of the expression stands in its file.
    pub(super) fn place_of(&self, node: &IdedExpr) -> Place {
        let span = self.span(node);
        self.place.within(self.source, span.start, span.end, self.is_quoted)
    }

    /// Returns the bytes of the expression from the first to the last token of a part.
    fn span(&self, node: &IdedExpr) -> Range<usize> {
        let token = self.token(node.id);
        let parts: Vec<&IdedExpr> = match &node.expr {
            Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
            Expr::Select(select) => {
                let before = self.span(&select.operand);
                // The field's own token has no number; it follows the dot.
                let after = self.source.get(before.end..).and_then(|rest| rest.find(&select.field));
                let end = after.map_or(before.end, |at| before.end + at + select.field.len());
                return before.start..end;
            }
            Expr::List(list) => list.elements.iter().collect(),
            Expr::Ident(_)
            | Expr::Literal(_)
            | Expr::Comprehension(_)
            | Expr::Map(_)
            | Expr::Struct(_)
            | Expr::Unspecified => Vec::new(),
        };
        parts
            .into_iter()
            .map(|part| self.span(part))
            .fold(token, |all, part| all.start.min(part.start)..all.end.max(part.end))
    }

    /// Returns the bytes of one token.
    fn token(&self, id: u64) -> Range<usize> {
        let byte = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(self.source.len());
        self.info.offset_for(id).map_or(0..self.source.len(), |(start, end)| byte(start)..byte(end))
    }
}

/// Returns the name that an expression spells, `None` when it spells none. `prices["Hall"]` is `prices.Hall`.
pub(super) fn name_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", name_of(&select.operand.expr)?, select.field)),
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [group, key] = call.args.as_slice() else { return None };
            let Expr::Literal(LiteralValue::String(key)) = &key.expr else { return None };
            Some(format!("{}.{}", name_of(&group.expr)?, key.inner()))
        }
        Expr::Call(_)
        | Expr::Select(_)
        | Expr::Literal(_)
        | Expr::List(_)
        | Expr::Comprehension(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Unspecified => None,
    }
}
