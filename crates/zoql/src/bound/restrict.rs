//! Rows that a query must not see, whatever it asks for.

use super::{Condition, Expr, FieldRef, Literal, Query, TableId};
use crate::catalog::{Catalog, ObjectId};

impl Query {
    /// Leaves only the rows whose `field` has one of the values: others are not in the result, and joined ones count as
    /// absent. An object without such a field is left as it is.
    pub fn restrict(&mut self, catalog: &Catalog, field: &str, values: &[String]) {
        let one_of = |table, object| one_of(catalog, table, object, field, values);
        if let Some(condition) = one_of(TableId::BASE, self.base) {
            self.filter = Some(and(condition, self.filter.take()));
        }
        for (at, join) in self.joins.iter_mut().enumerate() {
            if let Some(condition) = one_of(TableId(at + 1), join.object) {
                join.filter = Some(and(condition, join.filter.take()));
            }
        }
    }
}

fn one_of(catalog: &Catalog, table: TableId, object: ObjectId, field: &str, values: &[String]) -> Option<Condition> {
    let id = catalog.object(object).find_text_field(field)?;
    let field_type = catalog.object(object).field(id).field_type;
    let expr = Expr::Field(FieldRef { table, object, field: id, field_type });
    Some(Condition::In { expr, values: values.iter().cloned().map(Literal::Text).collect() })
}

fn and(condition: Condition, other: Option<Condition>) -> Condition {
    match other {
        Some(other) => Condition::And(vec![condition, other]),
        None => condition,
    }
}
