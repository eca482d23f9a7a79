//! From a query back to text.

use std::fmt::{self, Display};

use super::{Condition, Expr, Item, Operand, Path, Query, Value};
use crate::{
    Language,
    bound::{Aggregate, CompareOp, Function},
    span::Spanned,
};

impl Query {
    /// The text by which queries are compared: equal for queries that differ only in spaces, in the case of keywords
    /// and names, in needless parentheses, `asc` and a closing semicolon. String values and aliases keep their case.
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = Printer { out: &mut text, language: self.language, fold: true }.query(self);
        text
    }
}

/// Keywords in lower case, names as they were written, one space where one is needed.
impl Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer { out: f, language: self.language, fold: false }.query(self)
    }
}

struct Printer<'a> {
    out: &'a mut dyn fmt::Write,
    language: Language,
    /// Whether names are folded to lower case.
    fold: bool,
}

impl Printer<'_> {
    fn query(&mut self, query: &Query) -> fmt::Result {
        self.out.write_str("select ")?;
        self.list(&query.select, Self::item)?;
        self.out.write_str(" from ")?;
        self.name(&query.from)?;
        if let Some(condition) = &query.filter {
            self.out.write_str(" where ")?;
            self.condition(condition, Binding::Or)?;
        }
        if !query.group_by.is_empty() {
            self.out.write_str(" group by ")?;
            self.list(&query.group_by, |printer, key| printer.expr(key))?;
        }
        if let Some(condition) = &query.having {
            self.out.write_str(" having ")?;
            self.condition(condition, Binding::Or)?;
        }
        if !query.order_by.is_empty() {
            self.out.write_str(" order by ")?;
            self.list(&query.order_by, |printer, sort| {
                printer.expr(&sort.expr)?;
                printer.out.write_str(if sort.descending { " desc" } else { "" })
            })?;
        }
        match query.limit {
            None => Ok(()),
            Some(limit) if limit.offset == 0 => write!(self.out, " limit {}", limit.count),
            Some(limit) => write!(self.out, " limit {}, {}", limit.offset, limit.count),
        }
    }

    fn list<T>(&mut self, list: &[T], mut print: impl FnMut(&mut Self, &T) -> fmt::Result) -> fmt::Result {
        for (position, item) in list.iter().enumerate() {
            if position > 0 {
                self.out.write_str(", ")?;
            }
            print(self, item)?;
        }
        Ok(())
    }

    fn item(&mut self, item: &Spanned<Item>) -> fmt::Result {
        match &item.value {
            Item::All => self.out.write_char('*'),
            Item::AllOf(object) => {
                self.name(object)?;
                self.out.write_str(".*")
            }
            Item::Expr { expr, alias: None } => self.expr(expr),
            Item::Expr { expr, alias: Some(alias) } => {
                self.expr(expr)?;
                write!(self.out, " as \"{}\"", alias.replace('"', "\"\""))
            }
        }
    }

    fn expr(&mut self, expr: &Expr) -> fmt::Result {
        match expr {
            Expr::Path(path) => self.path(path),
            Expr::Function(function, path) => self.call(function.as_str(), path),
            Expr::Aggregate(aggregate, path) => self.call(aggregate.as_str(), path),
            Expr::CountAll => self.out.write_str("count(*)"),
        }
    }

    fn call(&mut self, name: &str, path: &Path) -> fmt::Result {
        write!(self.out, "{name}(")?;
        self.path(path)?;
        self.out.write_char(')')
    }

    fn path(&mut self, path: &Path) -> fmt::Result {
        if let Some(object) = &path.object {
            self.name(object)?;
            self.out.write_char('.')?;
        }
        self.name(&path.field)
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        match self.fold {
            true => self.out.write_str(&name.to_ascii_lowercase()),
            false => self.out.write_str(name),
        }
    }

    /// `loosest` is what may stand here without parentheses.
    fn condition(&mut self, condition: &Condition, loosest: Binding) -> fmt::Result {
        let binding = match condition {
            Condition::Or(_) => Binding::Or,
            Condition::And(_) => Binding::And,
            _ => Binding::Tight,
        };
        if binding < loosest {
            self.out.write_char('(')?;
            self.condition(condition, Binding::Or)?;
            return self.out.write_char(')');
        }
        match condition {
            Condition::Or(parts) => self.joined(parts, " or ", Binding::And),
            Condition::And(parts) => self.joined(parts, " and ", Binding::Tight),
            Condition::Not(inner) => {
                self.out.write_str("not ")?;
                self.condition(inner, Binding::Tight)
            }
            Condition::Compare { left, op, right } => {
                self.expr(left)?;
                write!(self.out, " {} ", op.as_str())?;
                match &right.value {
                    Operand::Value(value) => self.value(value),
                    Operand::Path(path) => self.path(path),
                }
            }
            Condition::IsNull { expr, negated } => {
                self.expr(expr)?;
                self.out.write_str(if *negated { " is not null" } else { " is null" })
            }
            Condition::Like { path, pattern } => {
                self.path(path)?;
                self.out.write_str(" like ")?;
                self.text(pattern)
            }
            Condition::In { path, values } => {
                self.path(path)?;
                self.out.write_str(" in (")?;
                self.list(values, |printer, value| printer.value(value))?;
                self.out.write_char(')')
            }
        }
    }

    fn joined(&mut self, parts: &[Condition], word: &str, loosest: Binding) -> fmt::Result {
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                self.out.write_str(word)?;
            }
            self.condition(part, loosest)?;
        }
        Ok(())
    }

    fn value(&mut self, value: &Value) -> fmt::Result {
        match value {
            Value::Null => self.out.write_str("null"),
            Value::Boolean(value) => write!(self.out, "{value}"),
            Value::Number(text) | Value::Moment(text) => self.out.write_str(text),
            Value::Text(text) => self.text(text),
        }
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        self.out.write_char('\'')?;
        match self.language {
            Language::Export => self.out.write_str(&text.replace('\'', "''"))?,
            Language::Zoql => text.chars().try_for_each(|letter| match letter {
                '\u{8}' => self.out.write_str("\\b"),
                '\u{c}' => self.out.write_str("\\f"),
                '\n' => self.out.write_str("\\n"),
                '\r' => self.out.write_str("\\r"),
                '\t' => self.out.write_str("\\t"),
                '\'' | '\\' => write!(self.out, "\\{letter}"),
                _ => self.out.write_char(letter),
            })?,
        }
        self.out.write_char('\'')
    }
}

/// How tightly a condition holds together, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Tight,
}

impl Function {
    pub const ALL: [Function; 6] =
        [Function::Date, Function::Year, Function::Quarter, Function::Month, Function::Week, Function::WeekOfYear];

    pub fn as_str(self) -> &'static str {
        match self {
            Function::Date => "date",
            Function::Year => "year",
            Function::Quarter => "quarter",
            Function::Month => "month",
            Function::Week => "week",
            Function::WeekOfYear => "weekofyear",
        }
    }
}

impl Aggregate {
    pub const ALL: [Aggregate; 5] = [Aggregate::Avg, Aggregate::Count, Aggregate::Max, Aggregate::Min, Aggregate::Sum];

    pub fn as_str(self) -> &'static str {
        match self {
            Aggregate::Avg => "avg",
            Aggregate::Count => "count",
            Aggregate::Max => "max",
            Aggregate::Min => "min",
            Aggregate::Sum => "sum",
        }
    }
}

impl CompareOp {
    pub fn as_str(self) -> &'static str {
        match self {
            CompareOp::Eq => "=",
            CompareOp::Ne => "!=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
        }
    }
}
