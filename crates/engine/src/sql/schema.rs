//! The tables: one per object, a column per field, hidden columns for the history of each row.

use sea_query::{Alias, ColumnDef, ConditionalStatement, Expr, ExprTrait, Index, SqliteQueryBuilder, Table};
use zoql::catalog::{Catalog, Field, FieldType, Object, ObjectId};

use super::names::{CREATED, DELETED, LOAD, ROW};

/// Our own tables. `_load.at` is in microseconds since 1970, UTC. `_field` says what the columns are, so that a catalog
/// that thinks otherwise is noticed; fields with `custom` = 1 are in no catalog file. `_filled` has the load that filled an
/// object when it was empty, if its rows came with an UpdatedDate. `_forgotten` has the last deletion of an object that was
/// purged; in `_purged` is the one of all objects, from when there was no more than that.
pub(crate) const OWN_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS _filled (object TEXT PRIMARY KEY, load INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _forgotten (object TEXT PRIMARY KEY, load INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _purged (load INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS _load (load INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS _field (
        object TEXT NOT NULL, field TEXT NOT NULL, type TEXT NOT NULL, custom INTEGER NOT NULL,
        UNIQUE (object, field)
    ) STRICT;
";

/// A secondary index of an object's table. A first load makes them at its end.
pub(crate) struct IndexOf {
    pub name: String,
    pub create: String,
}

pub(crate) fn create_table(object: &Object) -> String {
    let mut table = Table::create();
    table.table(Alias::new(object.name.as_str()));
    // The hidden columns stand first: what every query looks at is found without walking over a wide row.
    table.col(ColumnDef::new(Alias::new(ROW)).integer().primary_key());
    table.col(ColumnDef::new(Alias::new(DELETED)).integer().not_null());
    table.col(ColumnDef::new(Alias::new(LOAD)).integer().not_null());
    table.col(ColumnDef::new(Alias::new(CREATED)).integer().not_null());
    for field in &object.fields {
        table.col(column(field));
    }
    table.build(SqliteQueryBuilder)
}

pub(crate) fn add_column(object: &str, field: &Field) -> String {
    Table::alter().table(Alias::new(object)).add_column(column(field)).build(SqliteQueryBuilder)
}

fn column(field: &Field) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(field.name.as_str()));
    match field.field_type {
        FieldType::Id | FieldType::Text | FieldType::Picklist | FieldType::Date => column.text(),
        // The collation makes every comparison, order, group and extreme of the column one by value.
        FieldType::Decimal => column.text().extra("COLLATE decimal"),
        FieldType::Boolean | FieldType::Integer | FieldType::Datetime => column.integer(),
    };
    if field.name == "Id" {
        column.not_null();
    }
    column
}

/// The indexes of an object: by `Id`, by change, by deletion, and by every field through which another object joins it
/// to-many.
pub(crate) fn indexes(catalog: &Catalog, object: ObjectId) -> Vec<IndexOf> {
    let name = &catalog.object(object).name;
    indexed(catalog, object).into_iter().map(|column| index(name, column)).collect()
}

pub(crate) fn is_indexed(catalog: &Catalog, object: ObjectId, field: &str) -> bool {
    indexed(catalog, object).contains(&field)
}

fn indexed(catalog: &Catalog, object: ObjectId) -> Vec<&str> {
    let fields = catalog.object(object);
    let mut indexed = vec!["Id", LOAD, DELETED];
    for join in catalog.objects().flat_map(|(_, source)| &source.joins).filter(|join| join.object == object) {
        let name = fields.field(join.child_field).name.as_str();
        if !indexed.contains(&name) {
            indexed.push(name);
        }
    }
    indexed
}

fn index(object: &str, column: &str) -> IndexOf {
    let name = format!("{object}.{column}");
    let mut create = Index::create();
    create.name(&name).table(Alias::new(object)).col(Alias::new(column));
    match column {
        "Id" => {
            create.unique();
        }
        DELETED => {
            // Of live rows it has no entry, and costs nothing.
            create.and_where(Expr::col(Alias::new(DELETED)).ne(0));
        }
        _ => {}
    }
    IndexOf { create: create.build(SqliteQueryBuilder), name }
}

pub(crate) fn drop_index(name: &str) -> String {
    Index::drop().name(name).build(SqliteQueryBuilder)
}
