//! Reads a part: SQLite's values become cells, borrowed from its own buffers.

use std::sync::Arc;

use export::{Cell, CellSink, Date, Timestamp};
use rusqlite::types::ValueRef;
use zoql::{bound, catalog::FieldType};

use super::{raw, snapshot::View};
use crate::{
    Flag, Part, Result,
    error::{Error, Kind},
    sql::{Statement, Value},
};

/// What the parts of one query share.
pub(super) struct Plan {
    statement: Statement,
    decoders: Vec<Decoder>,
}

/// How the stored form of a value becomes a cell.
#[derive(Debug, Clone, Copy)]
enum Decoder {
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Datetime,
}

impl Plan {
    pub(super) fn new(statement: Statement, query: &bound::Query, flag: Option<Flag>) -> Plan {
        let flag = flag.map(|flag| match flag {
            Flag::Boolean => Decoder::Boolean,
            Flag::Numeric => Decoder::Integer,
        });
        let columns = query.columns.iter().map(|column| match column.expr.value_type() {
            FieldType::Id | FieldType::Text | FieldType::Picklist => Decoder::Text,
            FieldType::Boolean => Decoder::Boolean,
            FieldType::Integer => Decoder::Integer,
            FieldType::Decimal => Decoder::Decimal,
            FieldType::Date => Decoder::Date,
            FieldType::Datetime => Decoder::Datetime,
        });
        Plan { statement, decoders: flag.into_iter().chain(columns).collect() }
    }
}

pub(super) struct Embedded {
    pub(super) view: Arc<View>,
    pub(super) plan: Arc<Plan>,
    /// The first and the last row, if the part is not everything.
    pub(super) range: Option<(i64, i64)>,
}

impl Part for Embedded {
    fn read(self: Box<Self>, sink: &mut dyn CellSink) -> Result<()> {
        self.view.with_reader(|reader| self.run(reader, sink))
    }
}

impl Embedded {
    fn run(&self, reader: &mut raw::Reader, sink: &mut dyn CellSink) -> Result<()> {
        let Plan { statement, decoders } = &*self.plan;
        let prepared = reader.statement(&statement.text)?;
        for (at, value) in statement.values.iter().enumerate() {
            match value {
                Value::Integer(integer) => prepared.bind_integer(at + 1, *integer)?,
                Value::Text(text) => prepared.bind_text(at + 1, text)?,
            }
        }
        if let Some((first, last)) = self.range {
            for (name, row) in [(c":first", first), (c":last", last)] {
                if let Some(parameter) = prepared.parameter(name) {
                    prepared.bind_integer(parameter, row)?;
                }
            }
        }
        while let Some(row) = prepared.step()? {
            for (at, decoder) in decoders.iter().enumerate() {
                sink.cell(decoder.cell(row.value(at))?);
            }
            sink.end_row()?;
        }
        Ok(())
    }
}

impl Decoder {
    fn cell(self, value: ValueRef<'_>) -> Result<Cell<'_>> {
        Ok(match (self, value) {
            (_, ValueRef::Null) => Cell::Null,
            (Decoder::Text, ValueRef::Text(text)) => Cell::Text(utf8(text)?),
            (Decoder::Decimal, ValueRef::Text(text)) => Cell::Decimal(utf8(text)?),
            (Decoder::Integer | Decoder::Decimal, ValueRef::Integer(integer)) => Cell::Integer(integer),
            (Decoder::Boolean, ValueRef::Integer(integer)) => Cell::Boolean(integer != 0),
            (Decoder::Datetime, ValueRef::Integer(micros)) => Cell::Datetime(Timestamp(micros)),
            (Decoder::Date, ValueRef::Text(text)) => Cell::Date(Date::from_iso(text).ok_or_else(|| unexpected(value))?),
            _ => return Err(unexpected(value)),
        })
    }
}

fn utf8(text: &[u8]) -> Result<&str> {
    str::from_utf8(text).map_err(|_| Error::new(Kind::Corrupt, "the data file has text that is not UTF-8"))
}

fn unexpected(value: ValueRef<'_>) -> Error {
    Error::new(Kind::Corrupt, format!("the data file has a value of an unexpected kind: {value:?}"))
}
