//! Conditions on a row's own fields: those that [`crate::sql`] would leave to a comparison of stored values, with the same
//! comparisons.

use jiff::Timestamp;
use zoql::{
    bound::{self, CompareOp, Condition, Literal, Resolved, TableId},
    catalog::{FieldId, FieldType},
};

use super::record::Value;
use crate::{
    Result, decimal,
    embedded::{part, raw},
};

/// Columns are numbers of whoever made it.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    IsNull { column: usize, negated: bool },
    Compare { column: usize, op: CompareOp, with: Stored },
}

/// What a value is compared with, in the form it is stored in.
#[derive(Debug)]
pub(super) enum Stored {
    Integer(i64),
    Text(String),
    Decimal(String),
}

/// True, false, or unknown.
type Truth = Option<bool>;

impl Filter {
    /// `None` if the condition is of another kind. `column` says which column a field of the base object is, if it may be
    /// looked at here.
    pub(super) fn of(
        condition: &Condition,
        now: Timestamp,
        column: &mut impl FnMut(FieldId) -> Option<usize>,
    ) -> Option<Filter> {
        let mut each = |conditions: &[Condition]| -> Option<Vec<Filter>> {
            conditions.iter().map(|condition| Filter::of(condition, now, column)).collect()
        };
        Some(match condition {
            Condition::And(all) => Filter::All(each(all)?),
            Condition::Or(any) => Filter::Any(each(any)?),
            Condition::Not(inner) => Filter::Not(Box::new(Filter::of(inner, now, column)?)),
            Condition::IsNull { expr, negated } => {
                Filter::IsNull { column: base_field(expr).and_then(|(field, _)| column(field))?, negated: *negated }
            }
            Condition::Compare { left, op, right: bound::Operand::Literal(literal) } => {
                compare(left, *op, literal, now, column)?
            }
            Condition::In { expr, values } => {
                let equal = values.iter().map(|value| compare(expr, CompareOp::Eq, value, now, column));
                Filter::Any(equal.collect::<Option<_>>()?)
            }
            Condition::Compare { .. } | Condition::Like { .. } => return None,
        })
    }

    /// Whether it is true of the values of a row: unknown is not.
    pub(super) fn takes<'a>(&self, value: &impl Fn(usize) -> Value<'a>) -> Result<bool> {
        Ok(self.truth(value)? == Some(true))
    }

    fn truth<'a>(&self, value: &impl Fn(usize) -> Value<'a>) -> Result<Truth> {
        match self {
            Filter::All(all) => decide(all, false, value),
            Filter::Any(any) => decide(any, true, value),
            Filter::Not(inner) => Ok(inner.truth(value)?.map(|truth| !truth)),
            Filter::IsNull { column, negated } => Ok(Some((value(*column) == Value::Null) != *negated)),
            Filter::Compare { column, op, with } => {
                let value = value(*column);
                let order = match (value, with) {
                    (Value::Null, _) => return Ok(None),
                    (Value::Integer(value), Stored::Integer(with)) => value.cmp(with),
                    (Value::Text(value), Stored::Text(with)) => value.cmp(with.as_bytes()),
                    (Value::Text(value), Stored::Decimal(with)) => {
                        decimal::compare(raw::utf8(value).ok_or_else(part::not_utf8)?, with)
                    }
                    _ => return Err(part::unexpected(value)),
                };
                Ok(Some(match op {
                    CompareOp::Eq => order.is_eq(),
                    CompareOp::Ne => order.is_ne(),
                    CompareOp::Lt => order.is_lt(),
                    CompareOp::Le => order.is_le(),
                    CompareOp::Gt => order.is_gt(),
                    CompareOp::Ge => order.is_ge(),
                }))
            }
        }
    }
}

/// One filter whose truth is `decisive` decides for all of them; else one that is unknown leaves it open.
fn decide<'a>(filters: &[Filter], decisive: bool, value: &impl Fn(usize) -> Value<'a>) -> Result<Truth> {
    let mut truth = Some(!decisive);
    for filter in filters {
        match filter.truth(value)? {
            Some(decided) if decided == decisive => return Ok(Some(decisive)),
            Some(_) => {}
            None => truth = None,
        }
    }
    Ok(truth)
}

fn compare(
    left: &bound::Expr,
    op: CompareOp,
    literal: &Literal,
    now: Timestamp,
    column: &mut impl FnMut(FieldId) -> Option<usize>,
) -> Option<Filter> {
    let (field, field_type) = base_field(left)?;
    let column = column(field)?;
    let compare = |op, with| Filter::Compare { column, op, with };
    let instant = |op, at: Timestamp| compare(op, Stored::Integer(at.as_microsecond()));
    Some(match literal.resolve(now) {
        Resolved::Boolean(boolean) => compare(op, Stored::Integer(boolean.into())),
        Resolved::Text(text) => compare(op, Stored::Text(text)),
        Resolved::Date(date) => compare(op, Stored::Text(date.to_string())),
        Resolved::Instant(at) if field_type == FieldType::Datetime => instant(op, at),
        Resolved::Day { start, end } => match op {
            CompareOp::Eq => Filter::All(vec![instant(CompareOp::Ge, start), instant(CompareOp::Lt, end)]),
            CompareOp::Ne => Filter::Any(vec![instant(CompareOp::Lt, start), instant(CompareOp::Ge, end)]),
            CompareOp::Gt => instant(CompareOp::Ge, end),
            CompareOp::Ge => instant(CompareOp::Ge, start),
            CompareOp::Lt => instant(CompareOp::Lt, start),
            CompareOp::Le => instant(CompareOp::Lt, end),
        },
        Resolved::Number(number) => match field_type {
            FieldType::Integer => compare(op, Stored::Integer(number.parse().ok()?)),
            FieldType::Decimal => compare(op, Stored::Decimal(number)),
            _ => return None,
        },
        // The midnights of dates are SQL's business.
        Resolved::Instant(_) => return None,
    })
}

fn base_field(expr: &bound::Expr) -> Option<(FieldId, FieldType)> {
    match expr {
        bound::Expr::Field(field) if field.table == TableId::BASE => Some((field.field, field.field_type)),
        _ => None,
    }
}
