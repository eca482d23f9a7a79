//! A query whose every name, type and literal is resolved: what the engine turns into a statement.
//!
//! Nothing here can be wrong any more: if a bound query exists, it can be run. Names are ids; literals have the type of
//! what they are compared with; what depends on the moment of running ([`Literal`]s such as `now - 1 day`) waits for
//! the snapshot's instant in [`Literal::resolve`].

mod reach;
mod resolve;
mod restrict;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub(crate) use reach::join;

use crate::catalog::{ApiVersion, Cardinality, FieldId, FieldType, JoinId, ObjectId};

/// A table in a query's from clause: 0 is the base object, `n` is `joins[n - 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub usize);

impl TableId {
    pub const BASE: TableId = TableId(0);
}

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub language: crate::Language,
    pub api_version: ApiVersion,
    /// The zone in which functions read datetimes, and in which days begin: the query's default zone.
    pub zone: TimeZone,
    pub base: ObjectId,
    /// What the query needs joined, and what those joins need; parents stand before children. Left outer joins, all.
    pub joins: Vec<Join>,
    pub columns: Vec<Column>,
    pub filter: Option<Condition>,
    pub group_by: Vec<Expr>,
    pub having: Option<Condition>,
    pub order_by: Vec<Sort>,
    pub limit: Option<Limit>,
}

impl Query {
    /// Whether a column is a field without an alias: an alias is both name and label, in Export ZOQL nothing else is.
    pub fn is_plain(&self, column: &Column) -> bool {
        let is_named = self.language == crate::Language::Export && column.name == column.label;
        matches!(column.expr, Expr::Field(_)) && !is_named
    }

    /// Whether a row of the result stands for many of the data.
    pub fn is_grouped(&self) -> bool {
        !self.group_by.is_empty()
            || self.having.is_some()
            || self.columns.iter().any(|column| column.expr.is_aggregate())
            || self.order_by.iter().any(|sort| sort.expr.is_aggregate())
    }
}

/// `left join object on child_field = parent.parent_field`.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Where it stands in the base object's joins.
    pub join: JoinId,
    pub object: ObjectId,
    pub parent: TableId,
    pub parent_field: FieldId,
    pub child_field: FieldId,
    pub cardinality: Cardinality,
    /// Rows of the object for which this is not true count as absent.
    pub filter: Option<Condition>,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub expr: Expr,
    /// The header with API names (`useQueryLabels: true`): `Account.Id`, `BillToContact.Id`, `count(Account.Id)`, an
    /// alias.
    pub name: String,
    /// The header with labels: `Account: ID`, `Bill To: ID`, `count(Account: ID)`, an alias.
    pub label: String,
    /// Write-only in the original: never written in clear to somebody who may not see it.
    pub masked: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FieldRef {
    pub table: TableId,
    pub object: ObjectId,
    pub field: FieldId,
    pub field_type: FieldType,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Field(FieldRef),
    /// Reads a date or datetime; datetimes in [`Query::zone`].
    Function(Function, FieldRef),
    Aggregate(Aggregate, FieldRef),
    /// `count(*)`
    CountAll,
}

impl Expr {
    /// The type of the value the expression has.
    pub fn value_type(&self) -> FieldType {
        match self {
            Expr::Field(field) => field.field_type,
            Expr::Function(Function::Date, _) => FieldType::Date,
            Expr::Function(_, _) | Expr::Aggregate(Aggregate::Count, _) | Expr::CountAll => FieldType::Integer,
            Expr::Aggregate(Aggregate::Avg | Aggregate::Sum, _) => FieldType::Decimal,
            Expr::Aggregate(Aggregate::Max | Aggregate::Min, field) => field.field_type,
        }
    }

    /// The field that has the value, if it is one that stands in a row.
    pub fn field(&self) -> Option<&FieldRef> {
        match self {
            Expr::Field(field) | Expr::Aggregate(Aggregate::Max | Aggregate::Min, field) => Some(field),
            Expr::Function(..) | Expr::Aggregate(..) | Expr::CountAll => None,
        }
    }

    /// Whether the value stands for many rows.
    pub fn is_aggregate(&self) -> bool {
        matches!(self, Expr::Aggregate(..) | Expr::CountAll)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    Date,
    Year,
    Quarter,
    Month,
    /// 0 to 53, weeks begin on Sunday, week 0 is what stands before the first Sunday.
    Week,
    /// ISO 8601.
    WeekOfYear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    Avg,
    Count,
    Max,
    Min,
    Sum,
}

/// True, false or unknown, as in SQL: a comparison with null is unknown, and unknown rows are not in the result.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Never empty.
    And(Vec<Condition>),
    /// Never empty.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        left: Expr,
        op: CompareOp,
        right: Operand,
    },
    IsNull {
        expr: Expr,
        negated: bool,
    },
    /// `%` is any run of characters, `_` any one; there is no escape. Case-sensitive.
    Like {
        expr: Expr,
        pattern: String,
    },
    /// Without [`Literal::Day`]: a list that has one becomes comparisons joined by or. No value is in an empty list.
    In {
        expr: Expr,
        values: Vec<Literal>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Literal(Literal),
    /// Another expression. Numbers compare with numbers, texts with texts, a datetime with a date by its calendar day
    /// in [`Query::zone`]; but with the midnight of a date that [was a datetime](crate::catalog::Field::was_datetime).
    Expr(Expr),
}

/// A value of the type of what it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Boolean(bool),
    /// A decimal in canonical form: no plus, no exponent, no leading or trailing zeros, `-0.5`, `0`, `15`.
    Number(String),
    Text(String),
    /// For a date: the calendar day of the moment in the moment's zone.
    Date(Moment),
    /// For a datetime: one instant. For a date that [was a datetime](crate::catalog::Field::was_datetime): an instant
    /// that its midnight in [`Query::zone`] is compared with.
    Instant(Moment),
    /// For a datetime that is compared with a day: the day's instants, half open.
    Day(Moment),
}

/// A point in time as a query writes it: `'2026-02-28'`, `now`, `'today - 30 days (Los Angeles)'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub anchor: Anchor,
    pub shift: Option<Shift>,
    /// Where its calendar is read: the zone written with it, or the query's.
    pub zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Anchor {
    Date(Date),
    Instant(Timestamp),
    /// The day of the snapshot, in the moment's zone.
    Today,
    /// The instant of the snapshot.
    Now,
}

/// Calendar arithmetic: a day may have 23 or 25 hours, a month past the end of a shorter one takes its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    pub amount: i64,
    pub unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What a [`Literal`] is at one instant.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    Boolean(bool),
    Number(String),
    Text(String),
    Date(Date),
    Instant(Timestamp),
    /// `start <= t < end`.
    Day {
        start: Timestamp,
        end: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    pub expr: Expr,
    /// Nulls stand first ascending, last descending.
    pub descending: bool,
}

/// Neither is more than `i64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub offset: u64,
    pub count: u64,
}
