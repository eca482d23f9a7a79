//! Rows, and how they get into a load.

use anyhow::Context as _;
use engine::embedded::Load;
use export::Cell;
use jiff::Timestamp;

use super::{
    calendar::Window,
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
        let user = Value::from(Id::new(Object::User, Timestamp::UNIX_EPOCH, 0, (stamp.id.hash() % 4) as u32));
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
    fn delete(&mut self, object: Object, ids: impl Iterator<Item = Id>) -> anyhow::Result<()>;
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
}

/// No object of the demo has as many fields.
const WIDEST: usize = 72;

impl Tables for LoadTables<'_> {
    fn write<'a>(&mut self, object: Object, rows: impl Iterator<Item = Row<'a>>) -> anyhow::Result<()> {
        let window = self.window;
        let mut rows = rows.filter(|row| window.contains(row.stamp.updated)).peekable();
        let Some(first) = rows.peek() else { return Ok(()) };

        let catalog = self.load.catalog().clone();
        let object_id = catalog.find(object.name()).with_context(|| format!("no object {}", object.name()))?;
        let fields = first
            .values
            .iter()
            .map(|(name, _)| {
                let field = catalog.object(object_id).find_field(name);
                field.with_context(|| format!("no field {}.{name}", object.name()))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;

        let mut writer = self.load.rows(object_id, &fields)?;
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

    fn delete(&mut self, object: Object, ids: impl Iterator<Item = Id>) -> anyhow::Result<()> {
        let mut ids = ids.peekable();
        if ids.peek().is_none() {
            return Ok(());
        }
        let catalog = self.load.catalog().clone();
        let object_id = catalog.find(object.name()).with_context(|| format!("no object {}", object.name()))?;
        let id_field = catalog.object(object_id).find_field("Id").context("every object has an Id")?;
        let mut writer = self.load.rows(object_id, &[id_field])?;
        for id in ids {
            writer.delete(&id.to_string())?;
        }
        Ok(())
    }
}
