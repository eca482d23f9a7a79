//! How rows come in and go.
//!
//! The statements take their values by number: the cells of a row first, in the order of the writer's fields, then what
//! [`Upsert`] says.

use sea_query::{Alias, Expr, ExprTrait, IntoIden, OnConflict, Query, SqliteQueryBuilder};
use zoql::catalog::Object;

use super::names::{CREATED, DELETED, LOAD, ROW};

/// Inserts a row, or updates the one with its Id where something differs.
pub(crate) struct Upsert {
    pub text: String,
    /// The parameter that takes the load's number.
    pub load: usize,
    /// The parameter that takes the load's number for a deleted row, 0 for a live one.
    pub deleted: usize,
    /// The parameter that takes the load's instant, if CreatedDate or UpdatedDate come from it.
    pub at: Option<usize>,
}

/// Audit fields that a file may lack; they then tell when we learnt of the row.
const CREATED_DATE: &str = "CreatedDate";
pub(crate) const UPDATED_DATE: &str = "UpdatedDate";

/// `fields` are names of `object`'s, `Id` among them. `plain` leaves out what is to happen to a row that is there
/// already: for tables that are empty and have no index yet.
pub(crate) fn upsert(object: &Object, fields: &[&str], plain: bool) -> Upsert {
    let parameter = |number: usize| Expr::cust(format!("?{number}"));
    let (load, deleted, at) = (fields.len() + 1, fields.len() + 2, fields.len() + 3);
    let derived: Vec<&str> = [CREATED_DATE, UPDATED_DATE]
        .into_iter()
        .filter(|name| !fields.contains(name) && object.find_field(name).is_some())
        .collect();

    let columns = fields.iter().chain(&derived).chain(&[LOAD, CREATED, DELETED]);
    let values = (1..=fields.len())
        .chain(derived.iter().map(|_| at))
        .chain([load, load, deleted])
        .map(parameter)
        .collect::<Vec<_>>();
    let mut insert = Query::insert();
    insert.into_table(Alias::new(object.name.as_str())).columns(columns.map(|name| Alias::new(*name)));
    // As many values as columns: `values` only fails when they differ.
    insert.values_panic(values);
    if !plain {
        let updated_date = derived.contains(&UPDATED_DATE).then_some(UPDATED_DATE);
        insert.on_conflict(update(fields, updated_date));
    }
    Upsert { text: insert.to_string(SqliteQueryBuilder), load, deleted, at: (!derived.is_empty()).then_some(at) }
}

fn update(fields: &[&str], updated_date: Option<&'static str>) -> OnConflict {
    let data = fields.iter().filter(|name| **name != "Id");
    let is_deleted = |side: Expr| side.ne(0);
    // CREATED stays, also when a deleted row comes back: who knew the row must hear of its next end.
    let mut conflict = OnConflict::column(Alias::new("Id"));
    conflict.update_columns(data.clone().copied().chain(updated_date).chain([LOAD, DELETED]).map(Alias::new));
    // A row equal to the stored one is no change, and what is gone stays gone.
    let differs = data.fold(is_deleted(stored(DELETED)).ne(is_deleted(given(DELETED))), |differs, name| {
        differs.or(stored(name).is_not(given(name)))
    });
    let both_deleted = is_deleted(stored(DELETED)).and(is_deleted(given(DELETED)));
    conflict.action_and_where(differs.and(both_deleted.not()));
    conflict
}

fn stored(name: &str) -> Expr {
    Expr::col(Alias::new(name))
}

fn given(name: &str) -> Expr {
    Expr::col((Alias::new("excluded").into_iden(), Alias::new(name).into_iden()))
}

/// Deletes the live row with the Id `?1` in load `?2`.
pub(crate) fn delete(object: &str) -> String {
    mark_deleted(object, "?2").and_where(stored("Id").eq(Expr::cust("?1"))).to_string(SqliteQueryBuilder)
}

/// The table that remembers which Ids a whole load has brought: on disk, for it may be many.
const SEEN: &str = "_seen";

/// Makes the memory of seen Ids, or empties it.
pub(crate) fn forget_seen() -> String {
    format!("CREATE TEMP TABLE IF NOT EXISTS {SEEN} (Id TEXT PRIMARY KEY) WITHOUT ROWID; DELETE FROM {SEEN}")
}

/// Remembers the Id `?1`.
pub(crate) fn remember_seen() -> String {
    format!("INSERT OR IGNORE INTO {SEEN} (Id) VALUES (?1)")
}

/// Forgets the rows that load `?1` or an earlier one deleted.
pub(crate) fn purge(object: &str) -> String {
    Query::delete().from_table(Alias::new(object)).and_where(is_to_purge()).to_string(SqliteQueryBuilder)
}

/// The last load whose deletions [`purge`] forgets; null if there are none.
pub(crate) fn last_to_purge(object: &str) -> String {
    let mut last = Query::select();
    last.expr(stored(DELETED).max()).from(Alias::new(object)).and_where(is_to_purge()).to_string(SqliteQueryBuilder)
}

/// The first condition is that of the index of deleted rows, to the letter: that is how SQLite knows that it may use it.
fn is_to_purge() -> Expr {
    stored(DELETED).ne(0).and(stored(DELETED).lte(Expr::cust("?1")))
}

/// A number that no row of an object has.
pub(crate) const NO_ROW: i64 = -1;

/// Makes [`NO_ROW`] the number that SQLite says it inserted last: the one of another table might be the next of this.
pub(crate) fn forget_last_row() -> String {
    format!("CREATE TEMP TABLE IF NOT EXISTS _none (row INTEGER PRIMARY KEY); REPLACE INTO _none VALUES ({NO_ROW})")
}

/// Deletes, in load `?1`, the live rows whose Id was not seen.
pub(crate) fn delete_unseen(object: &str) -> String {
    let seen = Query::select().column(Alias::new("Id")).from(Alias::new(SEEN)).take();
    mark_deleted(object, "?1").and_where(stored("Id").in_subquery(seen).not()).to_string(SqliteQueryBuilder)
}

fn mark_deleted(object: &str, load: &'static str) -> sea_query::UpdateStatement {
    let mut update = Query::update();
    update.table(Alias::new(object));
    update.value(Alias::new(DELETED), Expr::cust(load)).value(Alias::new(LOAD), Expr::cust(load));
    update.and_where(stored(DELETED).eq(0));
    update
}

/// Of several rows with one Id, keeps the one that came last.
pub(crate) fn drop_duplicates(object: &str) -> String {
    let table = || Alias::new(object);
    let last =
        Query::select().expr(Expr::col(Alias::new(ROW)).max()).from(table()).group_by_col(Alias::new("Id")).take();
    Query::delete()
        .from_table(table())
        .and_where(Expr::col(Alias::new(ROW)).in_subquery(last).not())
        .to_string(SqliteQueryBuilder)
}

/// Answers 1 if a table has no row, deleted ones included.
pub(crate) fn is_empty(object: &str) -> String {
    let any = Query::select().expr(Expr::val(1)).from(Alias::new(object)).take();
    Query::select().expr(Expr::not_exists(any)).to_string(SqliteQueryBuilder)
}
