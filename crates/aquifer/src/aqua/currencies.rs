//! `convertToCurrencies`: which currencies it asks for, and what is said if it does so in vain.

use zoql::{Catalog, bound};

use crate::{
    config,
    conversion::{Currency, Plan, Unknown, Wanted},
    job::Query,
};

/// From which WSDL version on queries may ask for currencies.
const SINCE: u16 = 78;

/// The currencies that amounts of a query are wanted in. They are asked for by their codes, with commas between; the home
/// currency comes without being asked for.
pub fn wanted(query: &Query, tenant: &config::Tenant) -> Result<Wanted, Unknown> {
    let asked = query.convert_to_currencies.as_deref().filter(|_| why_ignored(query, tenant).is_none());
    let codes = asked.unwrap_or_default().split(',').map(str::trim).filter(|code| !code.is_empty());
    let mut others = Vec::new();
    for code in codes {
        let currency = Currency::find(code)?;
        if !others.contains(&currency) {
            others.push(currency);
        }
    }
    Ok(Wanted { others, home: tenant.home_currency.filter(|_| tenant.include_home_currency) })
}

/// How the amounts of a query are converted, if any are.
pub fn plan(
    query: &Query,
    bound: &bound::Query,
    catalog: &Catalog,
    tenant: &config::Tenant,
) -> Result<Option<Plan>, Unknown> {
    Ok(Plan::new(bound, catalog, wanted(query, tenant)?))
}

/// A word about a query that asks for currencies and gets none.
pub fn warning(query: &Query, tenant: &config::Tenant, is_converted: bool) -> Option<String> {
    query.convert_to_currencies.as_ref().filter(|_| !is_converted)?;
    let why = why_ignored(query, tenant).unwrap_or("the query selects no amount that can be converted");
    let of_query = query.name.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    Some(format!("convertToCurrencies{of_query} was ignored: {why}"))
}

fn why_ignored(query: &Query, tenant: &config::Tenant) -> Option<&'static str> {
    if !tenant.currency_conversion {
        return Some("currency conversion is not set up");
    }
    (query.api_version < SINCE).then_some("it came with API version 78")
}
