//! Positions in the history of loads: `7@2026-11-21T20:00:00Z` is the seventh load, committed then, and `0` is before the first.
//!
//! The number says what came before and after. The instant tells the load from one of the same number in another history: of
//! a file that was made anew, or restored and loaded on.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    Position, Result,
    error::{Error, Kind},
};

/// `at` is in microseconds, as the table of loads has it.
pub(super) fn of(load: i64, at: i64) -> Result<Position> {
    let at = Timestamp::from_microsecond(at);
    let at = at.map_err(|error| Error::new(Kind::Corrupt, format!("the instant of load {load}: {error}")))?;
    Ok(Position(format!("{load}@{at}")))
}

/// The number of the load, and its instant if the position says it: those of older files do not.
fn parse(position: &Position) -> Result<(i64, Option<Timestamp>)> {
    let (load, at) = match position.0.split_once('@') {
        None => (position.0.as_str(), None),
        Some((load, at)) => (load, Some(at)),
    };
    let wrong = || Error::new(Kind::Input, format!("{position:?} is no position of embedded data"));
    Ok((load.parse().map_err(|_| wrong())?, at.map(str::parse).transpose().map_err(|_| wrong())?))
}

pub(super) fn load(position: &Position) -> Result<i64> {
    Ok(parse(position)?.0)
}

/// The last load that a connection sees.
pub(super) fn last(connection: &Connection) -> Result<Position> {
    last_before(connection, Timestamp::MAX)
}

/// The last one before an instant.
pub(super) fn last_before(connection: &Connection, at: Timestamp) -> Result<Position> {
    let mut statement =
        connection.prepare_cached("SELECT load, at FROM _load WHERE at < ? ORDER BY load DESC LIMIT 1")?;
    let found = statement.query_row([at.as_microsecond()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map_or_else(|| Ok(Position("0".to_owned())), |(load, at)| of(load, at))
}

/// Whether the history that a connection sees has come to a position.
pub(super) fn is_passed(connection: &Connection, position: &Position) -> Result<bool> {
    let (load, at) = parse(position)?;
    let mut statement = connection.prepare_cached("SELECT at FROM _load WHERE load = ?")?;
    let found: Option<i64> = statement.query_row([load], |row| row.get(0)).optional()?;
    Ok(match (found, at) {
        (Some(found), Some(at)) => found == at.as_microsecond(),
        (Some(_), None) => true,
        (None, _) => load == 0,
    })
}
