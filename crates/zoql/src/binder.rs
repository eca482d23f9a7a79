//! From names to ids and from literals to typed values: [`ast::Query`] and a [`Catalog`] give a [`bound::Query`].
//!
//! One clause, one file. Every method reports what it finds wrong and answers with what is left, so that the other
//! clauses are checked too; the query counts only if nothing was reported.

mod filter;
mod groups;
mod literal;
mod names;
mod select;

use std::collections::HashSet;

use jiff::tz::TimeZone;

use crate::{
    Options, ast, bound,
    catalog::{Catalog, Object, ObjectId},
    diagnostic::Diagnostics,
};

/// None if the object to read from is unknown: nothing else can be looked up then.
pub(crate) fn bind(
    query: &ast::Query,
    catalog: &Catalog,
    options: &Options,
    diagnostics: &mut Diagnostics,
) -> Option<bound::Query> {
    let was_read_whole = diagnostics.is_empty();
    let base = names::find_source(&query.from, catalog, options, diagnostics)?;
    let mut binder = Binder {
        catalog,
        options,
        zone: options.zone(),
        base,
        joins: Vec::new(),
        groups: None,
        aliases: HashSet::new(),
        diagnostics,
    };
    let columns = binder.columns(&query.select);
    let filter = binder.filter(query);
    let group_by = binder.keys(&query.group_by);
    // Columns that belong to a key which could not be read would be reported for nothing.
    if was_read_whole && group_by.len() == query.group_by.len() {
        binder.group(query, &columns, &group_by);
    }
    let having = query.having.as_ref().and_then(|condition| binder.having(condition));
    let order_by = binder.order(&query.order_by);
    Some(bound::Query {
        language: query.language,
        api_version: options.api_version,
        zone: binder.zone,
        base,
        joins: binder.joins,
        columns: columns.into_iter().map(|column| column.value).collect(),
        filter,
        group_by,
        having,
        order_by,
        limit: query.limit.map(limit),
    })
}

/// No table has more rows, and no database counts further.
fn limit(limit: ast::Limit) -> bound::Limit {
    let most = i64::MAX as u64;
    bound::Limit { offset: limit.offset.min(most), count: limit.count.min(most) }
}

struct Binder<'a, 'd> {
    catalog: &'a Catalog,
    options: &'a Options,
    /// The query's default zone.
    zone: TimeZone,
    base: ObjectId,
    /// What the query has named so far, parents before children.
    joins: Vec<bound::Join>,
    /// The keys, if rows are grouped: what else stands in having and order by must be aggregated.
    groups: Option<Vec<bound::Expr>>,
    /// Of the columns, as written.
    aliases: HashSet<String>,
    diagnostics: &'d mut Diagnostics,
}

impl<'a> Binder<'a, '_> {
    fn base(&self) -> &'a Object {
        self.catalog.object(self.base)
    }
}
