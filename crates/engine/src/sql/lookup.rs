//! Single records.

use sea_query::{Alias, Expr, ExprTrait, Query, SqliteQueryBuilder};

use super::names::{DELETED, ROW};

/// The statement for fields of the live record with the Id `?1`, and behind them its row's number.
pub(crate) fn by_id(object: &str, fields: &[String]) -> String {
    let mut select = Query::select();
    select.exprs(fields.iter().map(String::as_str).chain([ROW]).map(|field| Expr::col(Alias::new(field))));
    select.from(Alias::new(object)).and_where(Expr::col(Alias::new("Id")).eq(Expr::cust("?1")));
    select.and_where(Expr::col(Alias::new(DELETED)).eq(0)).to_string(SqliteQueryBuilder)
}
