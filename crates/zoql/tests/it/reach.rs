//! Fields that a query's text does not name.

use zoql::{
    ApiVersion, Catalog, Compat, Language, Options,
    bound::{Query, TableId},
    catalog::FieldType,
};

fn bound(text: &str) -> Query {
    let options = Options {
        language: Language::Export,
        compat: Compat::Strict,
        api_version: ApiVersion::LATEST,
        tenant_zone: jiff::tz::TimeZone::UTC,
        uses_masked: false,
    };
    zoql::compile(text, Catalog::builtin(), &options).unwrap().query
}

#[test]
fn a_field_brings_the_joins_that_it_needs_once() {
    let catalog = Catalog::builtin();
    let mut query = bound("select Id from InvoiceItem");
    let own = query.reach(catalog, None, "ChargeAmount").unwrap();
    assert_eq!((own.table, own.field_type, query.joins.len()), (TableId::BASE, FieldType::Decimal, 0));
    // By way of the invoice.
    let currency = query.reach(catalog, Some("Account"), "Currency").unwrap();
    assert_eq!((currency.table, query.joins.len()), (TableId(2), 2));
    assert_eq!(query.joins[1].parent, TableId(1));
    let status = query.reach(catalog, Some("invoice"), "status").unwrap();
    assert_eq!((status.table, query.joins.len()), (TableId(1), 2));

    let as_named = bound("select Id, Account.Currency, Invoice.Status from InvoiceItem");
    assert_eq!(query.joins, as_named.joins);
}

#[test]
fn what_is_not_there_changes_nothing() {
    let mut query = bound("select Id from Invoice");
    let before = query.clone();
    for (alias, field) in [(None, "Nothing"), (Some("Account"), "Nothing"), (Some("Nothing"), "Id")] {
        assert_eq!(query.reach(Catalog::builtin(), alias, field), None);
    }
    assert_eq!(query, before);
}
