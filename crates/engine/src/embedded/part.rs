//! Reads a part: stored values become cells, borrowed from SQLite's own buffers.

use std::sync::Arc;

use export::{Cell, CellSink, Date, Timestamp};
use rusqlite::types::ValueRef;
use zoql::{bound, catalog::FieldType};

use super::{
    raw,
    scan::{self, record::Value as Stored},
    snapshot::View,
};
use crate::{
    Flag, Part, Result,
    error::{Error, Kind},
    sql::{Statement, Value},
};

/// What the parts of one query share.
pub(super) struct Plan {
    statement: Statement,
    decoders: Vec<Decoder>,
    /// How the same rows are read without the statement, if they can be.
    scan: Option<Arc<scan::Plan>>,
}

/// How the stored form of a value becomes a cell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decoder {
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Datetime,
}

impl Plan {
    pub(super) fn new(
        statement: Statement,
        query: &bound::Query,
        flag: Option<Flag>,
        scan: Option<scan::Plan>,
    ) -> Plan {
        let columns = query.columns.iter().map(|column| Decoder::of(column.expr.value_type()));
        let decoders = flag.map(Decoder::of_flag).into_iter().chain(columns).collect();
        Plan { statement, decoders, scan: scan.map(Arc::new) }
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
        let Plan { statement, decoders, scan } = &*self.plan;
        if let (Some(scan), Some(range)) = (scan, self.range) {
            return reader.scanner(scan)?.read(range, self.view.cancelled(), sink);
        }
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
                sink.cell(decoder.cell(row.value(at).into())?);
            }
            sink.end_row()?;
        }
        Ok(())
    }
}

impl Decoder {
    pub(super) fn of(field_type: FieldType) -> Decoder {
        match field_type {
            FieldType::Id | FieldType::Text | FieldType::Picklist => Decoder::Text,
            FieldType::Boolean => Decoder::Boolean,
            FieldType::Integer => Decoder::Integer,
            FieldType::Decimal => Decoder::Decimal,
            FieldType::Date => Decoder::Date,
            FieldType::Datetime => Decoder::Datetime,
        }
    }

    pub(super) fn of_flag(flag: Flag) -> Decoder {
        match flag {
            Flag::Boolean => Decoder::Boolean,
            Flag::Numeric => Decoder::Integer,
        }
    }

    #[inline(always)]
    pub(super) fn cell(self, value: Stored<'_>) -> Result<Cell<'_>> {
        Ok(match (self, value) {
            (_, Stored::Null) => Cell::Null,
            (Decoder::Text, Stored::Text(text)) => Cell::Text(raw::utf8(text).ok_or_else(not_utf8)?),
            (Decoder::Decimal, Stored::Text(text)) => Cell::Decimal(raw::utf8(text).ok_or_else(not_utf8)?),
            (Decoder::Integer | Decoder::Decimal, Stored::Integer(integer)) => Cell::Integer(integer),
            (Decoder::Boolean, Stored::Integer(integer)) => Cell::Boolean(integer != 0),
            (Decoder::Datetime, Stored::Integer(micros)) => Cell::Datetime(Timestamp(micros)),
            (Decoder::Date, Stored::Text(text)) => Cell::Date(Date::from_iso(text).ok_or_else(|| unexpected(value))?),
            _ => return Err(unexpected(value)),
        })
    }
}

#[cold]
pub(super) fn not_utf8() -> Error {
    Error::new(Kind::Corrupt, "the data file has text that is not UTF-8")
}

#[cold]
pub(super) fn unexpected(value: Stored<'_>) -> Error {
    Error::new(Kind::Corrupt, format!("the data file has a value of an unexpected kind: {value:?}"))
}

impl<'a> From<ValueRef<'a>> for Stored<'a> {
    #[inline]
    fn from(value: ValueRef<'a>) -> Stored<'a> {
        match value {
            ValueRef::Null => Stored::Null,
            ValueRef::Integer(integer) => Stored::Integer(integer),
            ValueRef::Real(real) => Stored::Real(real),
            ValueRef::Text(text) => Stored::Text(text),
            ValueRef::Blob(blob) => Stored::Blob(blob),
        }
    }
}
