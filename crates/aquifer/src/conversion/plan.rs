//! What a query must read for its conversion, and what its rows get.

use zoql::{
    Catalog, Language,
    bound::{Column, Expr, Function, Query, TableId},
    catalog::{Field, FieldId, FieldType},
};

use super::{
    Converter, Currency, Rates, Wanted,
    convertible::{CONVERTIBLES, Convertible, Path},
};

/// How one query is converted.
#[derive(Debug)]
pub struct Plan {
    wanted: Wanted,
    /// The query, with hidden columns behind its own.
    query: Query,
    /// How many columns are its own.
    pub(super) shown: usize,
    pub(super) amounts: Vec<Amount>,
    pub(super) hidden: Vec<Hidden>,
    pub(super) appended: Vec<Appended>,
}

/// A column that is converted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    /// Where it stands among the shown ones, from 0.
    pub(super) column: usize,
    field: FieldId,
}

/// What a hidden column tells of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// Its currency, if none has told it before.
    Currency,
    /// A day of the group of this number: the first group with a day counts, and its earliest.
    Day(usize),
    Status,
}

/// A column behind those that the query selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub name: String,
    pub label: String,
    pub value_type: FieldType,
}

impl Plan {
    /// `None` if there is nothing to convert: no currency is wanted, rows stand for many transactions, or the query selects no
    /// amount of its base object, by its own name.
    pub fn new(query: &Query, catalog: &Catalog, wanted: Wanted) -> Option<Plan> {
        let object = &catalog.object(query.base).name;
        let convertible = CONVERTIBLES.iter().find(|convertible| convertible.object.eq_ignore_ascii_case(object))?;
        let amounts = amounts(query, catalog, convertible);
        if wanted.is_empty() || query.is_grouped() || amounts.is_empty() {
            return None;
        }
        let mut plan = Plan {
            appended: Vec::new(),
            shown: query.columns.len(),
            hidden: Vec::new(),
            query: query.clone(),
            amounts,
            wanted,
        };
        plan.hide(catalog, convertible);
        plan.append(catalog);
        Some(plan)
    }

    /// What to read: the query's own columns, then hidden ones.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// What is shown behind the query's own columns.
    pub fn appended(&self) -> &[Appended] {
        &self.appended
    }

    /// What of the columns does not show in the query's text: two plans of one text with the same currencies are equal.
    pub fn currencies(&self) -> String {
        self.wanted.to_string()
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Converts rows of [`Plan::query`] on their way to `out`. With `flagged`, a deleted flag stands before all columns.
    pub fn converter<'a>(
        &'a self,
        rates: &'a Rates,
        flagged: bool,
        out: &'a mut dyn export::CellSink,
    ) -> Converter<'a> {
        Converter::new(self, rates, flagged, out)
    }

    fn hide(&mut self, catalog: &Catalog, convertible: &Convertible) {
        for path in convertible.currency {
            self.hide_field(catalog, *path, Hidden::Currency);
        }
        for (group, paths) in convertible.days.iter().enumerate() {
            for path in *paths {
                self.hide_field(catalog, *path, Hidden::Day(group));
            }
        }
        if let Some(path) = convertible.status {
            self.hide_field(catalog, path, Hidden::Status);
        }
    }

    fn hide_field(&mut self, catalog: &Catalog, path: Path, hidden: Hidden) {
        let (alias, field) = path.parts();
        let Some(field) = self.query.reach(catalog, alias, field) else { return };
        let expr = match (hidden, field.field_type) {
            // The day in the tenant's zone.
            (Hidden::Day(_), FieldType::Datetime) => Expr::Function(Function::Date, field),
            _ => Expr::Field(field),
        };
        self.query.columns.push(Column { expr, name: String::new(), label: String::new(), masked: false });
        self.hidden.push(hidden);
    }

    fn append(&mut self, catalog: &Catalog) {
        for currency in self.wanted.others.clone() {
            self.append_amounts(catalog, Some(currency));
        }
        if self.wanted.home.is_some() {
            self.append_amounts(catalog, None);
        }
        let home = self.wanted.home.map(|_| ("HomeCurrency", "Home Currency", FieldType::Text));
        let rest = [
            Some(("ExchangeRateDate", "Exchange Rate Date", FieldType::Date)),
            home,
            Some(("ProviderExchangeRateDate", "Provider Exchange Rate Date", FieldType::Date)),
            Some(("TransactionCurrency", "Transaction Currency", FieldType::Text)),
        ];
        for (name, label, value_type) in rest.into_iter().flatten() {
            self.append_column(catalog, name, label, value_type);
        }
    }

    /// The columns of one currency, the home currency if it is `None`.
    fn append_amounts(&mut self, catalog: &Catalog, currency: Option<Currency>) {
        let code = currency.map_or("", Currency::code);
        let in_code = currency.map(|_| format!(" ({code})")).unwrap_or_default();
        let (converted, in_converted) = match currency {
            Some(_) => (code, in_code.as_str()),
            None => ("HomeCurrency", " (Home Currency)"),
        };
        for amount in self.amounts.clone() {
            let Field { name, label, .. } = catalog.object(self.query.base).field(amount.field);
            let names = [format!("{name}{converted}"), format!("{name}CurrencyRounding{code}")];
            let labels = [format!("{label}{in_converted}"), format!("{label} Currency Rounding{in_code}")];
            for (name, label) in names.iter().zip(&labels) {
                self.append_column(catalog, name, label, FieldType::Decimal);
            }
        }
        let (name, label) = (format!("ExchangeRate{code}"), format!("Exchange Rate{in_code}"));
        self.append_column(catalog, &name, &label, FieldType::Decimal);
    }

    /// Named as a field of the base object is.
    fn append_column(&mut self, catalog: &Catalog, name: &str, label: &str, value_type: FieldType) {
        let object = catalog.object(self.query.base);
        let (name, label) = match self.query.language {
            Language::Export => (format!("{}.{name}", object.name), format!("{}: {label}", object.label)),
            Language::Zoql => (name.to_owned(), name.to_owned()),
        };
        self.appended.push(Appended { name, label, value_type });
    }
}

/// The columns that are amounts of the base object, each field once.
fn amounts(query: &Query, catalog: &Catalog, convertible: &Convertible) -> Vec<Amount> {
    let object = catalog.object(query.base);
    let column_of = |amount: &&str| {
        let field_id = object.find_field(amount)?;
        let column = query.columns.iter().position(|column| match &column.expr {
            // What is masked would shine through.
            Expr::Field(field) if query.is_plain(column) && !column.masked => {
                field.table == TableId::BASE && field.field == field_id
            }
            _ => false,
        })?;
        Some(Amount { column, field: field_id })
    };
    convertible.amounts.iter().filter_map(column_of).collect()
}
