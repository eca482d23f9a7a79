//! Which queries are scanned, and what for.

use jiff::Timestamp;
use zoql::{
    Catalog,
    bound::{self, TableId},
    catalog::{FieldId, ObjectId},
};

use super::{filter::Filter, gathered::Shared};
use crate::{
    Rows,
    embedded::part::Decoder,
    source::Which,
    sql::{lookup, names, schema},
};

/// What the scan for a query reads.
pub(in crate::embedded) struct Plan {
    pub(super) object: String,
    pub(super) deleted_too: bool,
    pub(super) flag: Option<Decoder>,
    pub(super) columns: Vec<(Source, Decoder)>,
    /// Parents before children.
    pub(super) joins: Vec<Join>,
    pub(super) shared: Shared,
    /// Of columns of `base`.
    pub(super) filter: Option<Filter>,
    /// The names of the base table's columns that are needed; where they stand, every connection finds out in its own
    /// transaction.
    pub(super) base: Vec<String>,
}

/// The column in [`Plan::base`] with the load that deleted a row.
pub(super) const DELETED: usize = 0;

/// Where a value of a row of the answer comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// A column: in a plan one of [`Plan::base`], for a scanner its place in the table.
    Base(usize),
    /// A value of a joined record.
    Joined { join: usize, value: usize },
}

impl Source {
    /// Given the places of the columns in [`Plan::base`].
    pub(super) fn placed(self, base: &[usize]) -> Source {
        match self {
            Source::Base(column) => Source::Base(base[column]),
            joined => joined,
        }
    }
}

/// A record that is found by its Id.
pub(super) struct Join {
    /// The Id.
    pub(super) key: Source,
    pub(super) object: String,
    /// What is needed of it.
    pub(super) fields: Vec<String>,
}

impl Join {
    /// The statement for these fields of the record with the Id `?1`.
    pub(super) fn statement(&self) -> String {
        lookup::by_id(&self.object, &self.fields)
    }
}

impl Plan {
    /// `None` for a query that needs SQL.
    pub(in crate::embedded) fn of(
        catalog: &Catalog,
        query: &bound::Query,
        rows: &Rows,
        now: Timestamp,
    ) -> Option<Plan> {
        // By name, all of it, as in a join: whatever a query may be given one day must be thought of here.
        let bound::Query {
            language: _,
            api_version: _,
            zone: _,
            base,
            joins,
            columns,
            filter,
            group_by,
            having,
            order_by,
            limit,
        } = query;
        if !group_by.is_empty() || having.is_some() || !order_by.is_empty() || limit.is_some() {
            return None;
        }
        let deleted_too = match rows.which {
            Which::Live => false,
            Which::LiveAndDeleted => true,
            Which::Changed { .. } => return None,
        };
        let mut plan = Plan {
            object: catalog.object(*base).name.clone(),
            deleted_too,
            flag: rows.flag.map(Decoder::of_flag),
            columns: Vec::with_capacity(columns.len()),
            joins: Vec::with_capacity(joins.len()),
            shared: Shared::new(joins.len()),
            filter: None,
            base: vec![names::DELETED.to_owned()],
        };
        if let Some(filter) = filter {
            let object = catalog.object(*base);
            // What an index has is found sooner by SQL.
            let mut column = |field: FieldId| {
                let name = &object.field(field).name;
                let scanned = !schema::is_indexed(catalog, *base, name);
                scanned.then(|| place_of(name, &mut plan.base))
            };
            plan.filter = Some(Filter::of(filter, now, &mut column)?);
        }
        for join in joins {
            plan.join(catalog, query, join)?;
        }
        for column in columns {
            let bound::Expr::Field(field) = &column.expr else { return None };
            let source = plan.source(catalog, query, field.table, field.field)?;
            plan.columns.push((source, Decoder::of(field.field_type)));
        }
        // A join that nothing is wanted of would not be there.
        plan.joins.iter().all(|join| !join.fields.is_empty()).then_some(plan)
    }

    /// `None` if there may be several records, or some that count as absent: Ids are unique, and texts are equal where their bytes are.
    fn join(&mut self, catalog: &Catalog, query: &bound::Query, join: &bound::Join) -> Option<()> {
        // By name, all of it: whatever a join may be given one day must be thought of here.
        let bound::Join { join: _, object, parent, parent_field, child_field, cardinality: _, filter } = join;
        let parent_type = catalog.object(object_of(query, *parent)?).field(*parent_field).field_type;
        if *child_field != FieldId(0) || !parent_type.is_text() || filter.is_some() {
            return None;
        }
        let key = self.source(catalog, query, *parent, *parent_field)?;
        self.joins.push(Join { key, object: catalog.object(*object).name.clone(), fields: Vec::new() });
        Some(())
    }

    fn source(&mut self, catalog: &Catalog, query: &bound::Query, table: TableId, field: FieldId) -> Option<Source> {
        let name = &catalog.object(object_of(query, table)?).field(field).name;
        match table.0.checked_sub(1) {
            None => Some(Source::Base(place_of(name, &mut self.base))),
            Some(join) => {
                let value = place_of(name, &mut self.joins.get_mut(join)?.fields);
                Some(Source::Joined { join, value })
            }
        }
    }
}

fn object_of(query: &bound::Query, table: TableId) -> Option<ObjectId> {
    match table.0.checked_sub(1) {
        None => Some(query.base),
        Some(join) => query.joins.get(join).map(|join| join.object),
    }
}

/// Where a name stands in a list, which gets it if it has not got it yet.
fn place_of(name: &str, names: &mut Vec<String>) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}
