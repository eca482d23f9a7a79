//! A query as it is written: names unresolved, values untyped, every part with its place.
//!
//! Both languages share these types; ZOQL uses few of them.

mod print;

use crate::{
    Language,
    bound::{Aggregate, CompareOp, Function},
    span::{Span, Spanned},
};

/// A name or an alias as it is written, without quotes.
pub type Name = Spanned<String>;

/// `Display` gives text that parses to an equal query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub language: Language,
    pub select: Vec<Spanned<Item>>,
    pub from: Name,
    pub filter: Option<Condition>,
    pub group_by: Vec<Spanned<Expr>>,
    pub having: Option<Condition>,
    pub order_by: Vec<Sort>,
    pub limit: Option<Limit>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `*`
    All,
    /// `BillToContact.*`
    AllOf(Name),
    Expr {
        expr: Spanned<Expr>,
        alias: Option<Name>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Path(Path),
    Function(Function, Path),
    Aggregate(Aggregate, Path),
    /// `count(*)`
    CountAll,
}

/// `Id`, `BillToContact.Id`
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub object: Option<Name>,
    pub field: Name,
}

impl Path {
    pub fn span(&self) -> Span {
        self.object.as_ref().map_or(self.field.span, |object| object.span.to(self.field.span))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Two or more.
    And(Vec<Condition>),
    /// Two or more.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        left: Spanned<Expr>,
        op: Spanned<CompareOp>,
        right: Spanned<Operand>,
    },
    IsNull {
        expr: Spanned<Expr>,
        negated: bool,
    },
    Like {
        path: Path,
        pattern: Spanned<String>,
    },
    /// One value or more.
    In {
        path: Path,
        values: Vec<Spanned<Value>>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Value(Value),
    Path(Path),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    /// As written, `-1.50`.
    Number(String),
    /// Without its quotes, escapes resolved.
    Text(String),
    /// A date or datetime without quotes, as written; ZOQL only.
    Moment(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    pub expr: Spanned<Expr>,
    pub descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub offset: u64,
    pub count: u64,
}
