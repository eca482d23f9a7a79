//! What stands behind `where` and `having`.

use jiff::{Timestamp, civil::Date};
use sea_query::{BinOper, Expr, ExprTrait, extension::sqlite::SqliteBinOper};
use zoql::{
    bound::{self, CompareOp, Condition, Literal, Operand, Resolved},
    catalog::FieldType,
};

use super::{
    Context,
    expr::{as_decimal, by_value},
};
use crate::embedded::functions;

impl Context<'_> {
    pub(super) fn condition(&self, condition: &Condition) -> Expr {
        match condition {
            Condition::And(all) => self.chain(all, ExprTrait::and),
            Condition::Or(any) => self.chain(any, ExprTrait::or),
            Condition::Not(inner) => self.condition(inner).not(),
            Condition::Compare { left, op, right: Operand::Literal(literal) } => {
                self.compare_literal(left, *op, literal)
            }
            Condition::Compare { left, op, right: Operand::Expr(right) } => self.compare_exprs(left, *op, right),
            Condition::IsNull { expr, negated: false } => self.expr(expr).is_null(),
            Condition::IsNull { expr, negated: true } => self.expr(expr).is_not_null(),
            Condition::Like { expr, pattern } => {
                self.expr(expr).binary(BinOper::SqliteOperator(SqliteBinOper::Glob), glob(pattern))
            }
            Condition::In { expr, values } => {
                let equal: Vec<Expr> =
                    values.iter().map(|value| self.compare_literal(expr, CompareOp::Eq, value)).collect();
                balanced(equal, ExprTrait::or)
            }
        }
    }

    fn chain(&self, conditions: &[Condition], join: fn(Expr, Expr) -> Expr) -> Expr {
        balanced(conditions.iter().map(|condition| self.condition(condition)).collect(), join)
    }

    fn compare_literal(&self, left: &bound::Expr, op: CompareOp, literal: &Literal) -> Expr {
        let value = self.expr(left);
        match literal.resolve(self.now) {
            Resolved::Boolean(boolean) => compare(value, op, Expr::val(i64::from(boolean))),
            Resolved::Text(text) => compare(value, op, Expr::val(text)),
            Resolved::Date(date) => compare(value, op, Expr::val(date.to_string())),
            Resolved::Instant(instant) if left.value_type() == FieldType::Date => {
                self.compare_midnight(value, op, instant)
            }
            Resolved::Instant(instant) => compare(value, op, Expr::val(instant.as_microsecond())),
            Resolved::Day { start, end } => {
                let (start, end) = (start.as_microsecond(), end.as_microsecond());
                match op {
                    CompareOp::Eq => value.clone().gte(start).and(value.lt(end)),
                    CompareOp::Ne => value.clone().lt(start).or(value.gte(end)),
                    CompareOp::Gt => value.gte(end),
                    CompareOp::Ge => value.gte(start),
                    CompareOp::Lt => value.lt(start),
                    CompareOp::Le => value.lt(end),
                }
            }
            Resolved::Number(number) => match (left.value_type(), number.parse::<i64>()) {
                (FieldType::Integer, Ok(integer)) => compare(value, op, Expr::val(integer)),
                (FieldType::Integer, Err(_)) => compare(by_value(as_decimal(value)), op, Expr::val(number)),
                _ => compare(by_value(value), op, Expr::val(number)),
            },
        }
    }

    /// Compares the midnights that dates begin with, without working them out for every row.
    fn compare_midnight(&self, date: Expr, op: CompareOp, instant: Timestamp) -> Expr {
        let local = instant.to_zoned(self.query.zone.clone());
        // The end of time stands for what lies beyond: it is later than the last midnight.
        let day = if instant == Timestamp::MAX { Date::MAX } else { local.date() }.to_string();
        if local.start_of_day().is_ok_and(|midnight| midnight == local) {
            return compare(date, op, Expr::val(day));
        }
        // Between two midnights; of a null still nothing is known.
        match op {
            CompareOp::Eq => date.clone().lt(day.as_str()).and(date.gt(day.as_str())),
            CompareOp::Ne => date.clone().lte(day.as_str()).or(date.gt(day.as_str())),
            CompareOp::Lt | CompareOp::Le => date.lte(day),
            CompareOp::Gt | CompareOp::Ge => date.gt(day),
        }
    }

    fn compare_exprs(&self, left: &bound::Expr, op: CompareOp, right: &bound::Expr) -> Expr {
        let (a, b) = (self.expr(left), self.expr(right));
        match (left.value_type(), right.value_type()) {
            (FieldType::Decimal, FieldType::Decimal) => compare(by_value(a), op, b),
            (FieldType::Integer, FieldType::Decimal) => compare(by_value(as_decimal(a)), op, b),
            (FieldType::Decimal, FieldType::Integer) => compare(by_value(a), op, as_decimal(b)),
            (FieldType::Datetime, FieldType::Date) if self.was_datetime(right) => compare(a, op, self.midnight(b)),
            (FieldType::Date, FieldType::Datetime) if self.was_datetime(left) => compare(self.midnight(a), op, b),
            (FieldType::Datetime, FieldType::Date) => compare(self.local_date(a), op, b),
            (FieldType::Date, FieldType::Datetime) => compare(a, op, self.local_date(b)),
            _ => compare(a, op, b),
        }
    }

    fn was_datetime(&self, expr: &bound::Expr) -> bool {
        expr.field().is_some_and(|field| {
            self.catalog.object(field.object).field(field.field).was_datetime(self.query.api_version)
        })
    }

    fn local_date(&self, datetime: Expr) -> Expr {
        self.in_zone(functions::LOCAL_DATE, datetime)
    }

    fn midnight(&self, date: Expr) -> Expr {
        self.in_zone(functions::MIDNIGHT, date)
    }
}

fn compare(left: Expr, op: CompareOp, right: Expr) -> Expr {
    match op {
        CompareOp::Eq => left.eq(right),
        CompareOp::Ne => left.ne(right),
        CompareOp::Lt => left.lt(right),
        CompareOp::Le => left.lte(right),
        CompareOp::Gt => left.gt(right),
        CompareOp::Ge => left.gte(right),
    }
}

/// Joins many conditions as a balanced tree: a chain of thousands, all on one side, is deeper than SQLite's parser goes.
fn balanced(mut conditions: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Expr {
    while conditions.len() > 1 {
        let mut halved = Vec::with_capacity(conditions.len().div_ceil(2));
        let mut pairs = conditions.into_iter();
        while let Some(left) = pairs.next() {
            halved.push(match pairs.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        conditions = halved;
    }
    // The binder makes no empty chains; if there were one, nothing would match.
    conditions.pop().unwrap_or_else(|| Expr::val(false))
}

/// A `like` pattern as SQLite's `glob`: the one of its two operators that tells cases apart.
fn glob(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    for c in pattern.chars() {
        match c {
            '%' => out.push('*'),
            '_' => out.push('?'),
            '*' | '?' | '[' => out.extend(['[', c, ']']),
            _ => out.push(c),
        }
    }
    out
}
