//! The tables as they should be, with all that has happened to them.

use std::collections::BTreeMap;

use jiff::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    Account,
    Contact,
}

impl Object {
    pub const ALL: [Object; 2] = [Object::Account, Object::Contact];

    pub fn name(self) -> &'static str {
        match self {
            Object::Account => "Account",
            Object::Contact => "Contact",
        }
    }

    /// What a load writes of a row.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Object::Account => &["Id", "Name"],
            Object::Contact => &["Id", "FirstName", "AccountId"],
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub name: String,
    /// Of a contact, whether or not there is such an account.
    pub account: Option<u64>,
}

/// A row as a file has it, without its Id.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub is_deleted: bool,
    pub name: String,
    /// The name of a contact's account, empty if that is gone.
    pub joined: Option<String>,
}

#[derive(Default)]
pub struct Tables {
    tables: [Table; 2],
    /// Numbers and instants of the loads, and of the purges, which count with them.
    loads: Vec<(i64, Timestamp)>,
    /// Who knows only loads before this one may lack deletions that have been forgotten, of whatever object.
    pub purged: i64,
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<u64, History>,
    /// The last load with a deletion that has been forgotten.
    forgotten: i64,
}

struct History {
    /// The first load that had it.
    created: i64,
    /// What loads have made of it, oldest first.
    states: Vec<State>,
}

struct State {
    load: i64,
    /// Its last values, if it is deleted.
    row: Row,
    is_deleted: bool,
}

impl History {
    /// What it was in a snapshot; `None`: it came later.
    fn at(&self, snapshot: i64) -> Option<&State> {
        self.states.iter().rev().find(|state| state.load <= snapshot)
    }

    fn now(&self) -> &State {
        self.states.last().unwrap()
    }
}

impl State {
    fn live(&self) -> Option<&Row> {
        Some(&self.row).filter(|_| !self.is_deleted)
    }
}

impl Tables {
    pub fn loaded(&mut self, number: i64, at: Timestamp) {
        self.loads.push((number, at));
    }

    /// One row of a load; `None` deletes it.
    pub fn change(&mut self, object: Object, load: i64, id: u64, row: Option<Row>) {
        let rows = &mut self.tables[object as usize].rows;
        let is_deleted = row.is_none();
        let known = rows.get(&id).map(|history| history.now().row.clone());
        let Some(row) = row.or(known) else { return };
        let history = rows.entry(id).or_insert_with(|| History { created: load, states: Vec::new() });
        if history.states.last().is_some_and(|last| last.is_deleted == is_deleted && last.row == row) {
            return;
        }
        history.states.retain(|state| state.load < load);
        history.states.push(State { load, row, is_deleted });
    }

    /// Forgets what was deleted before an instant; whether there was anything.
    pub fn purge(&mut self, before: Timestamp) -> bool {
        let last = self.before(before);
        let mut has_purged = false;
        for table in &mut self.tables {
            let is_over = |history: &History| history.now().is_deleted && history.now().load <= last;
            let over = table.rows.values().filter(|history| is_over(history)).map(|history| history.now().load).max();
            if let Some(newest) = over {
                table.rows.retain(|_, history| !is_over(history));
                (table.forgotten, self.purged, has_purged) = (newest, last, true);
            }
        }
        has_purged
    }

    /// The last load with a deletion of the object that nobody can be told of any more.
    pub fn forgotten(&self, object: Object) -> i64 {
        self.tables[object as usize].forgotten
    }

    pub fn last(&self) -> i64 {
        self.loads.last().map_or(0, |(number, _)| *number)
    }

    /// The last load before an instant.
    pub fn before(&self, at: Timestamp) -> i64 {
        self.loads.iter().filter(|(_, loaded_at)| *loaded_at < at).map(|(number, _)| *number).max().unwrap_or(0)
    }

    /// The instant of a load.
    pub fn instant(&self, load: usize) -> Option<Timestamp> {
        self.loads.get(load).map(|(_, at)| *at)
    }

    /// All that lives in a snapshot.
    pub fn live(&self, object: Object, snapshot: i64) -> BTreeMap<u64, Line> {
        let rows = self.tables[object as usize].rows.iter();
        let live = rows.filter_map(|(id, history)| Some((*id, history.at(snapshot)?.live()?)));
        live.map(|(id, row)| (id, self.line(object, row, false, snapshot))).collect()
    }

    /// What a snapshot has that last changed in a window. Deletions only of what had come up to `known`.
    pub fn changed(&self, object: Object, from: i64, to: i64, known: i64, snapshot: i64) -> BTreeMap<u64, Line> {
        let rows = self.tables[object as usize].rows.iter();
        let told = rows.filter_map(|(id, history)| {
            let State { load, row, is_deleted } = history.at(snapshot)?;
            let is_told = from < *load && *load <= to && (!is_deleted || history.created <= known);
            is_told.then(|| (*id, self.line(object, row, *is_deleted, snapshot)))
        });
        told.collect()
    }

    fn line(&self, object: Object, row: &Row, is_deleted: bool, snapshot: i64) -> Line {
        let joined = || {
            let account = self.tables[Object::Account as usize].rows.get(&row.account?)?;
            Some(account.at(snapshot)?.live()?.name.clone())
        };
        let joined = (object == Object::Contact).then(|| joined().unwrap_or_default());
        Line { is_deleted, name: row.name.clone(), joined }
    }

    /// What every row is now that has not changed after a position; `None`: it is deleted.
    pub fn settled(&self, object: Object, position: i64) -> impl Iterator<Item = (u64, Option<&str>)> {
        let rows = self.tables[object as usize].rows.iter().map(|(id, history)| (*id, history.now()));
        let settled = rows.filter(move |(_, state)| state.load <= position);
        settled.map(|(id, state)| (id, state.live().map(|row| row.name.as_str())))
    }

    /// What lives now.
    pub fn names(&self, object: Object) -> BTreeMap<u64, String> {
        let live = self.live(object, i64::MAX).into_iter();
        live.map(|(id, line)| (id, line.name)).collect()
    }

    pub fn has(&self, object: Object, id: u64) -> bool {
        self.tables[object as usize].rows.contains_key(&id)
    }
}
