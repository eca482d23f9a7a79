//! What things are called in the database. Tables and columns have the catalog's names; what is ours begins with an
//! underscore, which no name of a catalog does.

use sea_query::{Alias, Expr, IntoIden};
use zoql::bound::TableId;

/// The row's number: grows with every new row, never changes.
pub(crate) const ROW: &str = "_row";
/// The load that last changed the row.
pub(crate) const LOAD: &str = "_load";
/// The load that deleted the row, 0 while it lives.
pub(crate) const DELETED: &str = "_deleted";
/// The load that brought the row first, whatever became of it since.
pub(crate) const CREATED: &str = "_created";

/// The alias of a query's table: `t0` is the base.
pub(crate) fn table(id: TableId) -> Alias {
    Alias::new(format!("t{}", id.0))
}

pub(crate) fn column(id: TableId, name: &str) -> Expr {
    Expr::col((table(id).into_iden(), Alias::new(name).into_iden()))
}

pub(crate) fn hidden(id: TableId, name: &'static str) -> Expr {
    column(id, name)
}
