//! `group by`, what it allows in the other clauses, and `order by`.

use super::Binder;
use crate::{
    ast,
    bound::{Column, Expr, Sort},
    diagnostic::{Code, Diagnostic},
    span::{Span, Spanned},
};

const MOST_KEYS: usize = 5;

/// The original's words.
const NOT_GROUPED: &str = "One or more columns in the SELECT statement does not appear in the GROUP BY statement.";

impl Binder<'_, '_> {
    pub(super) fn keys(&mut self, keys: &[Spanned<ast::Expr>]) -> Vec<Expr> {
        if let Some(extra) = keys.get(MOST_KEYS) {
            let message = format!("`group by` takes at most {MOST_KEYS} keys");
            self.diagnostics.push(Diagnostic::new(Code::TooManyKeys, extra.span, message));
        }
        let mut bound = Vec::new();
        for key in keys.iter().take(MOST_KEYS) {
            let Some(expr) = self.expr(key) else { continue };
            if expr.is_aggregate() {
                let message = "An aggregate cannot be a key of `group by`";
                self.diagnostics.push(Diagnostic::new(Code::AggregateNotAllowed, key.span, message));
                continue;
            }
            self.check_shown(&expr, key.span);
            bound.push(expr);
        }
        bound
    }

    /// Whether rows are grouped at all: from here on having and order by are held to it, and the columns are now.
    pub(super) fn group(&mut self, query: &ast::Query, columns: &[Spanned<Column>], keys: &[Expr]) {
        let is_aggregate = |expr: &ast::Expr| matches!(expr, ast::Expr::Aggregate(..) | ast::Expr::CountAll);
        let grouped = !keys.is_empty()
            || query.having.is_some()
            || columns.iter().any(|column| column.expr.is_aggregate())
            || query.order_by.iter().any(|sort| is_aggregate(&sort.expr));
        if !grouped {
            return;
        }
        self.groups = Some(keys.to_vec());
        let mut last = None;
        for column in columns.iter().filter(|column| !is_known(&column.expr, keys)) {
            // Of the many columns of a star one is enough.
            if last != Some(column.span) {
                let help = format!("add `{}` to `group by`, or aggregate it", self.name_of(&column.expr));
                self.diagnostics.push(Diagnostic::new(Code::NotGrouped, column.span, NOT_GROUPED).help(help));
            }
            last = Some(column.span);
        }
    }

    /// In having and order by.
    pub(super) fn check_grouped(&mut self, expr: &Expr, span: Span, clause: &str) {
        let Some(keys) = &self.groups else { return };
        if !is_known(expr, keys) {
            let name = self.name_of(expr);
            let message = format!("`{clause}` sees groups, and {name} is neither a key of `group by` nor aggregated");
            self.diagnostics.push(Diagnostic::new(Code::NotGrouped, span, message));
        }
    }

    pub(super) fn order(&mut self, sorts: &[ast::Sort]) -> Vec<Sort> {
        let mut bound = Vec::new();
        for sort in sorts {
            let Some(expr) = self.expr(&sort.expr) else { continue };
            self.check_grouped(&expr, sort.expr.span, "order by");
            self.check_shown(&expr, sort.expr.span);
            bound.push(Sort { expr, descending: sort.descending });
        }
        bound
    }
}

/// Whether an expression has one value in a group: it is aggregated, a key, or a function of a key.
fn is_known(expr: &Expr, keys: &[Expr]) -> bool {
    let of_key = |expr: &Expr| match expr {
        Expr::Function(_, field) => keys.contains(&Expr::Field(field.clone())),
        _ => false,
    };
    expr.is_aggregate() || keys.contains(expr) || of_key(expr)
}
