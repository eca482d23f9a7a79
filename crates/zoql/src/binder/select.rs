//! The select list: columns and their names.

use super::Binder;
use crate::{
    ast::{self, Item, Name},
    bound::{Aggregate, Column, Expr, FieldRef, Function},
    diagnostic::{Code, Diagnostic},
    span::{Span, Spanned},
};

/// As many as every field of every object that the widest data source of the built-in catalog offers, and then some; no
/// database gives back rows much wider.
const MOST_COLUMNS: usize = 1_600;

impl Binder<'_, '_> {
    pub(super) fn columns(&mut self, items: &[Spanned<Item>]) -> Vec<Spanned<Column>> {
        let mut columns = Vec::new();
        for item in items {
            match &item.value {
                Item::All => columns.extend(self.star(None, item.span)),
                Item::AllOf(object) => columns.extend(self.star(Some(object), item.span)),
                Item::Expr { expr, alias } => {
                    let Some(bound) = self.expr(expr) else { continue };
                    let mut column = self.column(bound);
                    // An alias that is the column's own name is none: the header style still decides.
                    if let Some(alias) = alias.as_ref().filter(|alias| !alias.eq_ignore_ascii_case(&column.name)) {
                        self.note_alias(alias);
                        column.name.clone_from(alias);
                        column.label.clone_from(alias);
                    }
                    columns.push(Spanned::new(column, item.span));
                }
            }
            if columns.len() > MOST_COLUMNS {
                let message = format!("A query has at most {MOST_COLUMNS} columns");
                self.diagnostics
                    .push(Diagnostic::new(Code::TooManyColumns, item.span, message).help("split the query"));
                break;
            }
        }
        columns
    }

    fn star(&mut self, object: Option<&Name>, span: Span) -> Vec<Spanned<Column>> {
        let base = Name::new(self.base().name.clone(), span);
        let Some(table) = self.table(object.unwrap_or(&base)) else { return Vec::new() };
        let fields = self.all_fields(&table);
        fields.into_iter().map(|field| Spanned::new(self.column(Expr::Field(field)), span)).collect()
    }

    fn column(&self, expr: Expr) -> Column {
        let (name, label) = match &expr {
            Expr::Field(field) => self.titles(field),
            Expr::Function(function, field) => self.call_titles(function.as_str(), field),
            Expr::Aggregate(aggregate, field) => self.call_titles(aggregate.as_str(), field),
            Expr::CountAll => ("count(*)".to_owned(), "count(*)".to_owned()),
        };
        Column { masked: self.is_masked(&expr), expr, name, label }
    }

    fn call_titles(&self, call: &str, field: &FieldRef) -> (String, String) {
        let (name, label) = self.titles(field);
        (format!("{call}({name})"), format!("{call}({label})"))
    }

    /// Whether the expression's value shows a masked field's. The greatest value is one; a count is none.
    fn is_masked(&self, expr: &Expr) -> bool {
        match expr {
            Expr::CountAll | Expr::Aggregate(Aggregate::Count, _) => false,
            Expr::Field(field) | Expr::Function(_, field) | Expr::Aggregate(_, field) => {
                self.catalog.object(field.object).field(field.field).masked
            }
        }
    }

    /// What rows there are, and in which order, tells nothing of a masked value but whether it is there.
    pub(super) fn check_shown(&mut self, expr: &Expr, span: Span) {
        if self.options.uses_masked || !self.is_masked(expr) {
            return;
        }
        let message = format!("{} is masked: no condition, group or order can use it", self.name_of(expr));
        let help = "whether there is a value can be asked: `= null`, `!= null`";
        self.diagnostics.push(Diagnostic::new(Code::Masked, span, message).help(help));
    }

    fn note_alias(&mut self, alias: &Name) {
        if !self.aliases.insert(alias.value.clone()) {
            let message = format!("Duplicate column aliases {} were defined.", alias.value);
            self.diagnostics.push(Diagnostic::new(Code::DuplicateAlias, alias.span, message));
        }
    }

    /// An expression of any clause.
    pub(super) fn expr(&mut self, expr: &Spanned<ast::Expr>) -> Option<Expr> {
        match &expr.value {
            ast::Expr::Path(path) => self.field(path).map(Expr::Field),
            ast::Expr::CountAll => Some(Expr::CountAll),
            ast::Expr::Function(function, path) => {
                let field = self.field(path)?;
                self.check_function(*function, &field, expr.span)?;
                Some(Expr::Function(*function, field))
            }
            ast::Expr::Aggregate(aggregate, path) => {
                let field = self.field(path)?;
                self.check_aggregate(*aggregate, &field, expr.span)?;
                Some(Expr::Aggregate(*aggregate, field))
            }
        }
    }

    fn check_function(&mut self, function: Function, field: &FieldRef, span: Span) -> Option<()> {
        if field.field_type.is_moment() {
            return Some(());
        }
        self.wrong_type(function.as_str(), "a date or datetime", field, span)
    }

    fn check_aggregate(&mut self, aggregate: Aggregate, field: &FieldRef, span: Span) -> Option<()> {
        match aggregate {
            Aggregate::Avg | Aggregate::Sum if !field.field_type.is_number() => {
                self.wrong_type(aggregate.as_str(), "a number", field, span)
            }
            _ => Some(()),
        }
    }

    fn wrong_type(&mut self, call: &str, takes: &str, field: &FieldRef, span: Span) -> Option<()> {
        let (name, _) = self.titles(field);
        let message = format!("`{call}` takes {takes}; {name} is of type {}", field.field_type.as_str());
        self.diagnostics.push(Diagnostic::new(Code::WrongType, span, message));
        None
    }
}
