//! Bound queries as SQL: the only place that writes any. Built as a tree, printed for a dialect, every value bound; no
//! text of a user ever becomes part of a statement.
//!
//! One clause, one file: [`from`] the tables, [`expr`] what stands in a select list, [`condition`] what stands behind
//! `where` and `having`; [`write`] is how rows come in, [`schema`] the tables they stand in.

mod condition;
mod expr;
mod from;
pub(crate) mod lookup;
pub(crate) mod names;
pub(crate) mod pages;
pub(crate) mod schema;
pub(crate) mod write;

use jiff::Timestamp;
use sea_query::{Alias, Expr, ExprTrait, Query, SqliteQueryBuilder};
use zoql::{
    Catalog,
    bound::{self, CompareOp, Condition, Operand, TableId},
    catalog::FieldId,
};

use crate::{Error, source::Which};
use names::{DELETED, LOAD, ROW, column, hidden};

/// A statement and the values of its `?`, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub text: String,
    pub values: Vec<Value>,
}

/// What is bound in statements: everything else has one of these forms in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Integer(i64),
    Text(String),
}

/// Which rows of the base table a statement reads.
pub(crate) struct Scope<'a> {
    pub which: &'a Which,
    /// The load numbers behind [`Which::Changed`]'s positions.
    pub since: i64,
    pub until: Option<i64>,
    pub deleted: Option<i64>,
    /// The load that filled the base table, 0 if that is not known.
    pub filled: i64,
    /// Restricts the base table to rows from `:first` to `:last`, so that several readers can share the work.
    pub ranged: bool,
    /// Selects the deleted flag before everything else.
    pub flagged: bool,
}

/// What the translation of one query needs to know.
struct Context<'a> {
    catalog: &'a Catalog,
    query: &'a bound::Query,
    /// The instant that `now` means.
    now: Timestamp,
}

/// SQLite joins no more tables in one statement. The built-in catalog's widest data source offers 38 beside itself.
const MOST_TABLES: usize = 64;

/// The statement that answers a query.
pub(crate) fn select(
    catalog: &Catalog,
    query: &bound::Query,
    now: Timestamp,
    scope: &Scope<'_>,
) -> crate::Result<Statement> {
    let tables = query.joins.len() + 1;
    if tables > MOST_TABLES {
        let base = &catalog.object(query.base).name;
        let fault = format!(
            "the query needs {tables} objects, {base} and what it joins; at most {MOST_TABLES} can be read at once"
        );
        return Err(Error::input(fault));
    }
    let context = Context { catalog, query, now };
    let mut select = Query::select();
    if scope.flagged {
        select.expr(hidden(TableId::BASE, DELETED).ne(0));
    }
    select.exprs(query.columns.iter().map(|column| context.expr(&column.expr)));
    context.from(&mut select);
    select.and_where_option(context.rows(scope));
    select.and_where_option(query.filter.as_ref().map(|filter| context.condition(filter)));
    if scope.ranged {
        select.and_where(Expr::cust_with_expr("? BETWEEN :first AND :last", hidden(TableId::BASE, ROW)));
    }
    select.add_group_by(query.group_by.iter().map(|key| context.expr(key)));
    if let Some(having) = &query.having {
        select.and_having(context.condition(having));
    }
    for sort in &query.order_by {
        // Nulls are the least values of SQLite: first ascending, last descending, as the language wants them.
        let order = if sort.descending { sea_query::Order::Desc } else { sea_query::Order::Asc };
        select.order_by_expr(context.comparable(&sort.expr), order);
    }
    if let Some(limit) = query.limit {
        select.limit(limit.count);
        if limit.offset > 0 {
            select.offset(limit.offset);
        }
    }
    let (text, values) = select.build(SqliteQueryBuilder);
    Ok(Statement { text, values: values.into_iter().map(value).collect() })
}

fn value(value: sea_query::Value) -> Value {
    use sea_query::Value as Built;
    match value {
        Built::Bool(Some(boolean)) => Value::Integer(boolean.into()),
        Built::Int(Some(integer)) => Value::Integer(integer.into()),
        Built::BigInt(Some(integer)) => Value::Integer(integer),
        Built::BigUnsigned(Some(integer)) => Value::Integer(integer.try_into().unwrap_or(i64::MAX)),
        Built::String(Some(text)) => Value::Text(text),
        other => unreachable!("no statement of ours binds {other:?}"),
    }
}

/// The statement for the numbers of a table's first and last row: one more than the last, to the last, if it has none.
pub(crate) fn row_range(object: &str) -> String {
    // Two selects: SQLite finds one extreme at an end of the tree, but walks over all rows for two.
    let one = |extreme: fn(Expr) -> Expr| {
        let select = Query::select().expr(extreme(Expr::col(Alias::new(ROW)))).from(Alias::new(object)).take();
        Expr::SubQuery(None, Box::new(select.into()))
    };
    let mut range = Query::select();
    range.expr(Expr::cust_with_expr("coalesce(?, 1)", one(ExprTrait::min)));
    range.expr(Expr::cust_with_expr("coalesce(?, 0)", one(ExprTrait::max)));
    range.to_string(SqliteQueryBuilder)
}

/// Whether the rows of an answer depend on each other: then one reader reads them all.
pub(crate) fn is_one_part(query: &bound::Query) -> bool {
    !query.group_by.is_empty()
        || query.columns.iter().any(|column| column.expr.is_aggregate())
        || query.having.is_some()
        || !query.order_by.is_empty()
        || query.limit.is_some()
        || query.filter.as_ref().is_some_and(names_one_id)
}

/// `Id = '…' and …`: one index lookup, which nothing is gained by splitting.
fn names_one_id(filter: &Condition) -> bool {
    match filter {
        Condition::And(all) => all.iter().any(names_one_id),
        Condition::Compare { left: bound::Expr::Field(field), op: CompareOp::Eq, right: Operand::Literal(_) } => {
            field.table == TableId::BASE && field.field == FieldId(0)
        }
        _ => false,
    }
}

impl Context<'_> {
    fn rows(&self, scope: &Scope<'_>) -> Option<Expr> {
        let deleted = hidden(TableId::BASE, DELETED);
        let after = hidden(TableId::BASE, LOAD).gt(scope.since);
        let changed = match scope.until {
            Some(until) => after.and(hidden(TableId::BASE, LOAD).lte(until)),
            None => after,
        };
        match scope.which {
            Which::Live => Some(deleted.eq(0)),
            Which::LiveAndDeleted => None,
            Which::Changed { updated_since, .. } => {
                let changed = match updated_since.and_then(|at| self.updated_since(at, scope.filled)) {
                    Some(updated) => changed.and(updated),
                    None => changed,
                };
                let live = deleted.eq(0);
                Some(changed.and(match scope.deleted {
                    Some(seen) => live.or(hidden(TableId::BASE, names::CREATED).lte(seen)),
                    None => live,
                }))
            }
        }
    }

    /// Whether a row has changed since it came with the load that filled its object, or says itself that it is recent.
    fn updated_since(&self, at: Timestamp, filled: i64) -> Option<Expr> {
        let object = self.catalog.object(self.query.base);
        let updated_date = &object.field(object.find_field("UpdatedDate")?).name;
        let updated_date = || column(TableId::BASE, updated_date);
        let came_later = hidden(TableId::BASE, LOAD).ne(filled).or(hidden(TableId::BASE, names::CREATED).ne(filled));
        Some(came_later.or(updated_date().is_null()).or(updated_date().gte(at.as_microsecond())))
    }

    fn field(&self, field: &bound::FieldRef) -> Expr {
        let name = &self.catalog.object(field.object).field(field.field).name;
        column(field.table, name)
    }
}
