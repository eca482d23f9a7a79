//! Rows, and how they get into a load.

use anyhow::Context as _;
use engine::embedded::Load;
use export::Cell;
use jiff::Timestamp;

use zoql::catalog::ObjectId;

use super::{
    calendar::{START, Window, at},
    customer::Gone,
    value::{Id, Object, Value},
};

/// What every row has.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub id: Id,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Stamp {
    pub fn new(object: Object, created: Timestamp, account: u32, ordinal: u32) -> Stamp {
        Stamp { id: Id::new(object, created, account, ordinal), created, updated: created }
    }

    /// Something about the row changed at that instant.
    pub fn touch(&mut self, at: Timestamp) {
        self.updated = self.updated.max(at);
    }

    pub fn touched(mut self, at: Timestamp) -> Stamp {
        self.touch(at);
        self
    }
}

/// One row: the fields in the order in which its object always names them.
#[derive(Debug)]
pub struct Row<'a> {
    pub stamp: Stamp,
    pub values: Vec<(&'static str, Value<'a>)>,
}

/// `row!(stamp; Name: "Basic", Grade: 1)`: a row, its audit fields taken from the stamp.
macro_rules! row {
    ($stamp:expr; $($field:ident: $value:expr),* $(,)?) => {
        $crate::demo::table::Row::new($stamp, [$((stringify!($field), $crate::demo::value::Value::from($value))),*])
    };
}
pub(super) use row;

impl<'a> Row<'a> {
    pub fn new<const N: usize>(stamp: Stamp, fields: [(&'static str, Value<'a>); N]) -> Row<'a> {
        let mut values = Vec::with_capacity(N + 5);
        let user = Value::from(Id::new(Object::User, at(START, 0), 0, (stamp.id.hash() % 4) as u32));
        values.extend([
            ("Id", Value::from(stamp.id)),
            ("CreatedById", user.clone()),
            ("CreatedDate", Value::from(stamp.created)),
            ("UpdatedById", user),
            ("UpdatedDate", Value::from(stamp.updated)),
        ]);
        values.extend(fields);
        Row { stamp, values }
    }
}

/// Takes the rows of a load, object by object.
pub trait Tables {
    /// Rows that changed within the window of the load.
    fn write<'a>(&mut self, object: Object, rows: impl Iterator<Item = Row<'a>>) -> anyhow::Result<()>;
    /// Rows that were removed within the window. What went before the first load never came.
    fn delete(&mut self, object: Object, gone: impl Iterator<Item = Gone>) -> anyhow::Result<()>;
}

/// The tables of the embedded data, within one load.
pub struct LoadTables<'a> {
    load: &'a mut Load,
    window: Window,
}

impl<'a> LoadTables<'a> {
    pub fn new(load: &'a mut Load, window: Window) -> Self {
        LoadTables { load, window }
    }

    fn find(&self, object: Object) -> anyhow::Result<ObjectId> {
        self.load.catalog().find(object.name()).with_context(|| format!("the catalog has no {}", object.name()))
    }
}

/// No object of the demo has as many fields.
const WIDEST: usize = 72;

impl Tables for LoadTables<'_> {
    fn write<'a>(&mut self, object: Object, rows: impl Iterator<Item = Row<'a>>) -> anyhow::Result<()> {
        let window = self.window;
        let mut rows = rows.filter(|row| window.contains(row.stamp.updated)).peekable();
        let Some(first) = rows.peek() else { return Ok(()) };

        let id = self.find(object)?;
        let described = self.load.catalog().object(id);
        let field = |name| described.find_field(name).with_context(|| format!("{} has no {name}", object.name()));
        let fields = first.values.iter().map(|(name, _)| field(name)).collect::<anyhow::Result<Vec<_>>>()?;

        let mut writer = self.load.rows(id, &fields)?;
        let mut text = String::new();
        for row in rows {
            text.clear();
            let mut ends = [0; WIDEST];
            for (end, (_, value)) in ends.iter_mut().zip(&row.values) {
                value.format(&mut text)?;
                *end = text.len();
            }
            let mut cells = [Cell::Null; WIDEST];
            let mut start = 0;
            for ((cell, (_, value)), end) in cells.iter_mut().zip(&row.values).zip(ends) {
                *cell = value.cell(&text[start..end]);
                start = end;
            }
            writer.upsert(&cells[..row.values.len()])?;
        }
        Ok(())
    }

    fn delete(&mut self, object: Object, gone: impl Iterator<Item = Gone>) -> anyhow::Result<()> {
        let window = self.window;
        let mut gone = gone.filter(|gone| window.contains(gone.at)).peekable();
        if window.is_first() || gone.peek().is_none() {
            return Ok(());
        }
        let object = self.find(object)?;
        let mut deleter = self.load.deleter(object)?;
        for row in gone {
            deleter.delete(&row.id.to_string())?;
        }
        Ok(())
    }
}
