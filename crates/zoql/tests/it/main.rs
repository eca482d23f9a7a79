//! The front end through its public door.

mod builtin;
mod catalog;
mod corpus;
mod moments;
mod properties;
mod render;
