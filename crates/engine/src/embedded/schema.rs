//! Keeps the tables in step with the catalog: objects and fields are added as it grows.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use zoql::{
    Catalog,
    catalog::{Field, FieldType, Object},
};

use super::connection::{APPLICATION_ID, LAYOUT};
use crate::{
    Result,
    error::{Error, Kind},
    sql::schema as sql,
};

/// Columns by (object, field), with the type they were made for.
type Columns = HashMap<(String, String), String>;

pub(super) fn bring_up_to(connection: &mut Connection, catalog: &Catalog) -> Result<()> {
    if !is_behind(connection, catalog)? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql::OWN_TABLES)?;
    let columns = columns(&transaction)?;
    for (id, object) in catalog.objects() {
        if columns.contains_key(&key(object, &object.fields[0])) {
            for field in object.fields.iter().filter(|field| !columns.contains_key(&key(object, field))) {
                transaction.execute_batch(&sql::add_column(&object.name, field))?;
                remember(&transaction, object, field)?;
            }
        } else {
            transaction.execute_batch(&sql::create_table(object))?;
            for field in &object.fields {
                remember(&transaction, object, field)?;
            }
        }
        for index in sql::indexes(catalog, id) {
            if !has_index(&transaction, &index.name)? {
                transaction.execute_batch(&index.create)?;
            }
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    transaction.commit()?;
    Ok(())
}

/// Whether something of the catalog has no place yet. A field that changed its type is an error: its values would lie.
fn is_behind(connection: &Connection, catalog: &Catalog) -> Result<bool> {
    let own = "SELECT count(*) = 4 FROM sqlite_schema WHERE name IN ('_field', '_filled', '_forgotten', '_purged')";
    let made: bool = connection.query_row(own, [], |row| row.get(0))?;
    if !made {
        return Ok(true);
    }
    let columns = columns(connection)?;
    let mut behind = false;
    for (_, object) in catalog.objects() {
        for field in &object.fields {
            match columns.get(&key(object, field)) {
                None => behind = true,
                Some(stored) if stores_alike(stored, field.field_type) => {}
                Some(stored) => {
                    let (object, field, wanted) = (&object.name, &field.name, field.field_type.as_str());
                    let fault = format!(
                        "{object}.{field} is stored as {stored}, the catalog says {wanted}: load into a new data \
                         directory, or give the field another name"
                    );
                    return Err(Error::new(Kind::Input, fault));
                }
            }
        }
    }
    Ok(behind)
}

/// Texts of all kinds are stored as texts; a catalog may call an id a text, or a text a picklist, at any time.
fn stores_alike(stored: &str, wanted: FieldType) -> bool {
    stored == wanted.as_str() || (wanted.is_text() && matches!(stored, "id" | "text" | "picklist"))
}

fn columns(connection: &Connection) -> Result<Columns> {
    let mut statement = connection.prepare("SELECT object, field, type FROM _field")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn key(object: &Object, field: &Field) -> (String, String) {
    (object.name.clone(), field.name.clone())
}

fn has_index(transaction: &Transaction<'_>, name: &str) -> Result<bool> {
    let mut statement = transaction.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?")?;
    Ok(statement.exists([name])?)
}

fn remember(connection: &Connection, object: &Object, field: &Field) -> Result<()> {
    connection.prepare_cached("INSERT INTO _field (object, field, type, custom) VALUES (?, ?, ?, ?)")?.execute((
        &object.name,
        &field.name,
        field.field_type.as_str(),
        field.custom,
    ))?;
    Ok(())
}

/// Gives a custom field that the catalog has got a column.
pub(super) fn add_custom_field(connection: &Connection, object: &Object, field: &Field) -> Result<()> {
    connection.execute_batch(&sql::add_column(&object.name, field))?;
    remember(connection, object, field)
}

/// The catalog and the custom fields of the data, in the order in which they were added: positions of fields in an older
/// catalog of the same data are the same in a newer one.
pub(super) fn with_custom_fields(connection: &Connection, configured: &Catalog) -> Result<Catalog> {
    let mut catalog = configured.clone();
    let mut statement = connection.prepare("SELECT object, field, type FROM _field WHERE custom ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (object, field, stored): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let field_type = FieldType::ALL.into_iter().find(|known| known.as_str() == stored).ok_or_else(|| {
            Error::new(
                Kind::Corrupt,
                format!("{object}.{field} is stored as {stored}, which this Aquifer does not know"),
            )
        })?;
        // An object that the catalog no longer has keeps its data and is not seen.
        if let Some(object) = catalog.find(&object) {
            catalog.add_custom_field(object, &field, field_type);
        }
    }
    Ok(catalog)
}
