//! Single records.

use sea_query::{Alias, Expr, ExprTrait, Query, SqliteQueryBuilder};

use super::names::DELETED;

/// The statement for fields, one at least, of the live record with the Id `?1`.
pub(crate) fn by_id(object: &str, fields: &[String]) -> String {
    let mut select = Query::select();
    select.exprs(fields.iter().map(|field| Expr::col(Alias::new(field.as_str()))));
    select.from(Alias::new(object)).and_where(Expr::col(Alias::new("Id")).eq(Expr::cust("?1")));
    select.and_where(Expr::col(Alias::new(DELETED)).eq(0)).to_string(SqliteQueryBuilder)
}
