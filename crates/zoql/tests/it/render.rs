//! A bound query as text that people can read and files can keep.

use std::fmt::Write as _;

use zoql::{
    Catalog, Compiled, Diagnostic,
    bound::{Anchor, Condition, Expr, FieldRef, Literal, Moment, Operand, Query},
    catalog::{Cardinality, FieldId, ObjectId},
};

pub fn compiled(compiled: &Compiled, catalog: &Catalog) -> String {
    let query = &compiled.query;
    let show = Show { query, catalog };
    let mut out = format!("from {}\n", catalog.object(query.base).name);
    for (position, join) in query.joins.iter().enumerate() {
        let alias = &catalog.object(query.base).join(join.join).alias;
        let parent = show.table(join.parent.0);
        let parent_object = if join.parent.0 == 0 { query.base } else { query.joins[join.parent.0 - 1].object };
        let _ = writeln!(
            out,
            "join {} {alias} is {} on {}.{} = {parent}.{}{}",
            position + 1,
            catalog.object(join.object).name,
            show.table(position + 1),
            show.name(join.object, join.child_field),
            show.name(parent_object, join.parent_field),
            if join.cardinality == Cardinality::Many { " (many)" } else { "" },
        );
    }
    for column in &query.columns {
        let masked = if column.masked { " masked" } else { "" };
        let _ = writeln!(
            out,
            "column {}: {}{masked} | {} | {}",
            show.expr(&column.expr),
            column.expr.value_type().as_str(),
            column.name,
            column.label
        );
    }
    let list = |exprs: Vec<String>| exprs.join(", ");
    if let Some(filter) = &query.filter {
        let _ = writeln!(out, "where {}", show.condition(filter));
    }
    if !query.group_by.is_empty() {
        let _ = writeln!(out, "group by {}", list(query.group_by.iter().map(|key| show.expr(key)).collect()));
    }
    if let Some(having) = &query.having {
        let _ = writeln!(out, "having {}", show.condition(having));
    }
    if !query.order_by.is_empty() {
        let sorts = query.order_by.iter().map(|sort| {
            let direction = if sort.descending { "desc" } else { "asc" };
            format!("{} {direction}", show.expr(&sort.expr))
        });
        let _ = writeln!(out, "order by {}", list(sorts.collect()));
    }
    if let Some(limit) = query.limit {
        let _ = writeln!(out, "limit skip {} take {}", limit.offset, limit.count);
    }
    let _ = writeln!(out, "canonical {}", compiled.canonical);
    out
}

pub fn diagnostics(text: &str, diagnostics: &[Diagnostic]) -> String {
    let drawn = diagnostics.iter().map(|diagnostic| {
        let mut drawn = diagnostic.draw(text);
        if diagnostic.classic() != diagnostic.message {
            let _ = writeln!(drawn, "classic: {}", diagnostic.classic());
        }
        drawn
    });
    let mut drawn: Vec<String> = drawn.collect();
    if drawn.len() > 20 {
        let left_out = format!("(and {} more)\n", drawn.len() - 2);
        drawn.splice(1..drawn.len() - 1, [left_out]);
    }
    drawn.join("\n")
}

struct Show<'a> {
    query: &'a Query,
    catalog: &'a Catalog,
}

impl Show<'_> {
    fn table(&self, table: usize) -> String {
        let base = self.catalog.object(self.query.base);
        match table.checked_sub(1) {
            None => base.name.clone(),
            Some(position) => base.join(self.query.joins[position].join).alias.clone(),
        }
    }

    fn name(&self, object: ObjectId, field: FieldId) -> &str {
        &self.catalog.object(object).field(field).name
    }

    fn field(&self, field: &FieldRef) -> String {
        format!("{}.{}", self.table(field.table.0), self.name(field.object, field.field))
    }

    fn expr(&self, expr: &Expr) -> String {
        match expr {
            Expr::Field(field) => self.field(field),
            Expr::Function(function, field) => format!("{}({})", function.as_str(), self.field(field)),
            Expr::Aggregate(aggregate, field) => format!("{}({})", aggregate.as_str(), self.field(field)),
            Expr::CountAll => "count(*)".to_owned(),
        }
    }

    fn condition(&self, condition: &Condition) -> String {
        let joined = |parts: &[Condition], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| self.condition(part)).collect();
            format!("({})", parts.join(word))
        };
        match condition {
            Condition::And(parts) => joined(parts, " and "),
            Condition::Or(parts) => joined(parts, " or "),
            Condition::Not(inner) => format!("not {}", self.condition(inner)),
            Condition::Compare { left, op, right } => {
                let right = match right {
                    Operand::Literal(value) => literal(value),
                    Operand::Expr(expr) => self.expr(expr),
                };
                format!("{} {} {right}", self.expr(left), op.as_str())
            }
            Condition::IsNull { expr, negated } => {
                format!("{} is {}null", self.expr(expr), if *negated { "not " } else { "" })
            }
            Condition::Like { expr, pattern } => format!("{} like {pattern:?}", self.expr(expr)),
            Condition::In { expr, values } => {
                let values: Vec<String> = values.iter().map(literal).collect();
                format!("{} in [{}]", self.expr(expr), values.join(", "))
            }
        }
    }
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Boolean(value) => value.to_string(),
        Literal::Number(number) => number.clone(),
        Literal::Text(text) => format!("{text:?}"),
        Literal::Date(at) => format!("date({})", moment(at)),
        Literal::Instant(at) => format!("instant({})", moment(at)),
        Literal::Day(at) => format!("day({})", moment(at)),
    }
}

fn moment(moment: &Moment) -> String {
    let anchor = match moment.anchor {
        Anchor::Date(date) => date.to_string(),
        Anchor::Instant(instant) => instant.to_string(),
        Anchor::Today => "today".to_owned(),
        Anchor::Now => "now".to_owned(),
    };
    let shift = moment.shift.map_or(String::new(), |shift| format!(" {:+} {:?}", shift.amount, shift.unit));
    let zone = match moment.zone.iana_name() {
        Some(name) => name.to_owned(),
        None => moment.zone.to_fixed_offset().map_or("?".to_owned(), |offset| offset.to_string()),
    };
    format!("{anchor}{shift}, {zone}")
}
