//! The back end.
