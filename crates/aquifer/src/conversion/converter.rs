//! Rows on their way into a file.

use export::{Cell, CellSink, Date, Stopped};

use super::{
    Currency, Plan, Rates,
    convertible::POSTED,
    decimal::{Decimal, Product},
    plan::Hidden,
};

/// Takes the rows that a [`Plan`] reads, keeps its hidden cells to itself and appends the columns that it announces.
pub struct Converter<'a> {
    plan: &'a Plan,
    rates: &'a Rates,
    out: &'a mut dyn CellSink,
    /// Cells before the query's columns.
    flags: usize,
    column: usize,
    /// Of this row, as the plan lists them.
    amounts: Vec<Option<Decimal>>,
    transaction: Transaction,
    product: Product,
}

/// What the hidden cells of a row say.
#[derive(Default)]
struct Transaction {
    /// Empty if there is none.
    currency: String,
    /// And the group that it is of.
    day: Option<(usize, Date)>,
    /// Absent where it does not matter.
    is_posted: Option<bool>,
}

/// What an amount is multiplied by.
struct Rate<'a> {
    text: &'a str,
    value: Decimal,
    /// None if there is nothing to exchange.
    provided_on: Option<Date>,
}

impl<'a> Converter<'a> {
    pub(super) fn new(plan: &'a Plan, rates: &'a Rates, flagged: bool, out: &'a mut dyn CellSink) -> Converter<'a> {
        Converter {
            plan,
            rates,
            out,
            flags: flagged.into(),
            column: 0,
            amounts: vec![None; plan.amounts.len()],
            transaction: Transaction::default(),
            product: Product::default(),
        }
    }

    /// The query's own cells go on; amounts among them are kept in mind.
    fn show(&mut self, cell: Cell<'_>) {
        if let Some(column) = self.column.checked_sub(self.flags)
            && let Some(at) = self.plan.amounts.iter().position(|amount| amount.column == column)
        {
            self.amounts[at] = match cell {
                Cell::Decimal(text) => Decimal::parse(text),
                Cell::Integer(value) => Some(value.into()),
                _ => None,
            };
        }
        self.out.cell(cell);
    }

    fn append(&mut self) {
        let is_converted = self.transaction.is_posted != Some(false) && !self.transaction.currency.is_empty();
        if !is_converted {
            self.plan.appended().iter().for_each(|_| self.out.cell(Cell::Null));
            return;
        }
        let (plan, day) = (self.plan, self.transaction.day.map(|(_, day)| day));
        let mut provided_on = None;
        for currency in plan.wanted().all() {
            let provided = self.append_amounts(currency);
            provided_on = provided_on.or(provided);
        }
        let date = |day: Option<Date>| day.map_or(Cell::Null, Cell::Date);
        self.out.cell(date(day));
        if let Some(home) = plan.wanted().home {
            self.out.cell(Cell::Text(home.code()));
        }
        self.out.cell(date(provided_on));
        self.out.cell(Cell::Text(&self.transaction.currency));
    }

    /// The columns of one currency; answers with the day of the rate.
    fn append_amounts(&mut self, currency: Currency) -> Option<Date> {
        let rate = rate(self.rates, &self.transaction, currency);
        for amount in &self.amounts {
            let (Some(amount), Some(rate)) = (amount, &rate) else {
                self.out.cell(Cell::Null);
                self.out.cell(Cell::Null);
                continue;
            };
            self.product.multiply(amount, &rate.value, currency.decimals());
            self.out.cell(Cell::Decimal(&self.product.rounded));
            self.out.cell(Cell::Decimal(&self.product.rounding));
        }
        self.out.cell(rate.as_ref().map_or(Cell::Null, |rate| Cell::Decimal(rate.text)));
        rate?.provided_on
    }
}

impl CellSink for Converter<'_> {
    fn cell(&mut self, cell: Cell<'_>) {
        let hidden = self.column.checked_sub(self.flags + self.plan.shown);
        match hidden.and_then(|hidden| self.plan.hidden.get(hidden)) {
            Some(hidden) => self.transaction.learn(*hidden, cell),
            None => self.show(cell),
        }
        self.column += 1;
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.append();
        self.column = 0;
        self.transaction.forget();
        self.out.end_row()
    }
}

impl Transaction {
    fn learn(&mut self, hidden: Hidden, cell: Cell<'_>) {
        match (hidden, cell) {
            (Hidden::Currency, Cell::Text(text)) if self.currency.is_empty() => self.currency.push_str(text),
            (Hidden::Day(group), Cell::Date(day)) => self.learn_day(group, day),
            (Hidden::Status, cell) => self.is_posted = Some(cell == Cell::Text(POSTED)),
            _ => {}
        }
    }

    fn learn_day(&mut self, group: usize, day: Date) {
        match &mut self.day {
            Some((known, earliest)) if *known == group => *earliest = day.min(*earliest),
            Some(_) => {}
            None => self.day = Some((group, day)),
        }
    }

    fn forget(&mut self) {
        self.currency.clear();
        self.day = None;
        self.is_posted = None;
    }
}

/// Nothing is exchanged within one currency.
fn rate<'a>(rates: &'a Rates, transaction: &Transaction, to: Currency) -> Option<Rate<'a>> {
    if transaction.currency == to.code() {
        return Some(Rate { text: "1", value: Decimal::ONE, provided_on: None });
    }
    let rate = rates.on(transaction.day?.1, &transaction.currency, to)?;
    Some(Rate { text: &rate.value, value: Decimal::parse(&rate.value)?, provided_on: Some(rate.since) })
}
