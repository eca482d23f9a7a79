//! Literals at an instant: calendar arithmetic where clocks change, months end and the calendar does.
