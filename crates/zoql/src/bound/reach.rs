//! Joins as they are needed.

use super::{FieldRef, Join, Query, TableId};
use crate::catalog::{Catalog, JoinId, JoinParent, Object};

impl Query {
    /// A field that the query does not name itself, of the base object or of one that is joined to it by an alias. What
    /// hides fields from the languages hides none here. `None` if the catalog has no such alias or field; the query is then
    /// as it was.
    pub fn reach(&mut self, catalog: &Catalog, alias: Option<&str>, field: &str) -> Option<FieldRef> {
        let base = catalog.object(self.base);
        let join_id = match alias {
            None => None,
            Some(alias) => Some(base.find_join(alias)?),
        };
        let object = join_id.map_or(self.base, |id| base.join(id).object);
        let field = catalog.object(object).find_field(field)?;
        let field_type = catalog.object(object).field(field).field_type;
        let table = join_id.map_or(TableId::BASE, |id| join(&mut self.joins, base, id));
        Some(FieldRef { table, object, field, field_type })
    }
}

/// The table of a join of the base object. Joins it, and first what it hangs from, unless it is there already.
pub(crate) fn join(joins: &mut Vec<Join>, base: &Object, id: JoinId) -> TableId {
    if let Some(position) = joins.iter().position(|join| join.join == id) {
        return TableId(position + 1);
    }
    let wanted = base.join(id);
    let parent = match wanted.parent {
        JoinParent::Base => TableId::BASE,
        JoinParent::Join(parent) => join(joins, base, parent),
    };
    joins.push(Join {
        join: id,
        object: wanted.object,
        parent,
        parent_field: wanted.parent_field,
        child_field: wanted.child_field,
        cardinality: wanted.cardinality,
        filter: None,
    });
    TableId(joins.len())
}
