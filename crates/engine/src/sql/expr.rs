//! What stands in a select list, behind `group by` and `order by`.

use sea_query::{Alias, Expr, ExprTrait, Func};
use zoql::{
    bound::{self, Aggregate, Function},
    catalog::FieldType,
};

use super::Context;
use crate::embedded::functions;

impl Context<'_> {
    /// An expression's value.
    pub(super) fn expr(&self, expr: &bound::Expr) -> Expr {
        match expr {
            bound::Expr::Field(field) => self.field(field),
            bound::Expr::Function(function, field) => self.in_zone(function_name(*function), self.field(field)),
            bound::Expr::Aggregate(aggregate, field) => self.aggregate(*aggregate, field),
            bound::Expr::CountAll => Expr::cust("count(*)"),
        }
    }

    /// An expression's value in a form that the database orders and compares rightly.
    pub(super) fn comparable(&self, expr: &bound::Expr) -> Expr {
        match expr.value_type() {
            FieldType::Decimal => by_value(self.expr(expr)),
            _ => self.expr(expr),
        }
    }

    /// A function of a value and the query's zone.
    pub(super) fn in_zone(&self, function: &'static str, value: Expr) -> Expr {
        call(function).arg(value).arg(functions::zone_text(&self.query.zone)).into()
    }

    fn aggregate(&self, aggregate: Aggregate, field: &bound::FieldRef) -> Expr {
        let value = self.field(field);
        match aggregate {
            Aggregate::Avg => call(functions::DECIMAL_AVG).arg(value).into(),
            Aggregate::Sum => call(functions::DECIMAL_SUM).arg(value).into(),
            Aggregate::Count => Func::count(value).into(),
            // The collation of the column holds for these two.
            Aggregate::Max => Func::max(value).into(),
            Aggregate::Min => Func::min(value).into(),
        }
    }
}

/// A decimal, compared by its value and not as text.
pub(super) fn by_value(expr: Expr) -> Expr {
    Expr::cust_with_expr("? COLLATE decimal", expr)
}

/// An integer as the decimal of the same value.
pub(super) fn as_decimal(expr: Expr) -> Expr {
    expr.cast_as("TEXT")
}

fn call(name: &'static str) -> sea_query::FunctionCall {
    Func::cust(Alias::new(name))
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::Date => functions::LOCAL_DATE,
        Function::Year => functions::LOCAL_YEAR,
        Function::Quarter => functions::LOCAL_QUARTER,
        Function::Month => functions::LOCAL_MONTH,
        Function::Week => functions::LOCAL_WEEK,
        Function::WeekOfYear => functions::LOCAL_WEEK_OF_YEAR,
    }
}
