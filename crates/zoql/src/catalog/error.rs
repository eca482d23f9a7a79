use std::fmt;

/// Why a catalog's files cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// `fields.csv`
    pub file: &'static str,
    /// Counted from 1, the header line included.
    pub line: u64,
    /// The column's name, where one is to blame.
    pub column: Option<String>,
    /// One sentence, without a full stop.
    pub why: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {}", self.why)
    }
}

impl std::error::Error for Error {}
