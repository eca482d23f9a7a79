//! What is wrong with a query, where, and what to write instead.

use std::fmt::{self, Write as _};

use crate::span::Span;

/// One fault of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    /// One sentence, without a full stop but for the ones the original words with it.
    pub message: String,
    /// The bytes of the query that are at fault.
    pub span: Span,
    /// The rule, or a fact that explains the fault.
    pub note: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { code, message: message.into(), span, note: None, help: None }
    }

    /// What the original refuses without need.
    pub(crate) fn not_in_strict(span: Span, message: impl Into<String>) -> Self {
        Diagnostic::new(Code::NotInStrict, span, message).note("`compat = \"extended\"` accepts it")
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The original's wording of the fault, in one line: what stands in parentheses on the wire.
    pub fn classic(&self) -> String {
        match self.code {
            Code::NoSuchObject | Code::ObjectTooNew => "The requested data source could not be found".to_owned(),
            Code::FieldTooNew => "Error.zoql.noSuchFieldId".to_owned(),
            Code::InvalidValue | Code::NoSuchZone => format!("INVALID_VALUE: {}", self.message),
            _ => self.message.clone(),
        }
    }

    /// The fault drawn for a terminal: the message, the source line with carets under the span, the note, the help.
    /// `text` is the query the diagnostic came from.
    pub fn draw(&self, text: &str) -> String {
        let start = text.floor_char_boundary(self.span.start);
        let end = text.floor_char_boundary(self.span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let number = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count();
        let length = text[start..end.min(line_end)].chars().count();
        let (line, carets) = excerpt(&text[line_start..line_end], column, length);
        let gutter = " ".repeat(number.to_string().len());

        let mut out = format!("error[{}]: {}\n", self.code, self.message);
        let _ = writeln!(out, "{gutter}--> line {number}, column {}", column + 1);
        let _ = writeln!(out, "{gutter} |\n{number} | {line}\n{gutter} | {carets}");
        if let Some(note) = &self.note {
            let _ = writeln!(out, "{gutter} = note: {note}");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{gutter} = help: {help}");
        }
        out
    }
}

/// So much of a line as fits beside the place that matters, and the carets for below: queries of programs are one long
/// line. `column` and `length` are characters.
fn excerpt(line: &str, column: usize, length: usize) -> (String, String) {
    const WIDTH: usize = 100;
    const BEFORE: usize = 30;
    let total = line.chars().count();
    let skipped = if total <= WIDTH { 0 } else { column.saturating_sub(BEFORE) };
    let start = if skipped > 0 { "…" } else { "" };
    let end = if skipped + WIDTH < total { "…" } else { "" };
    let middle: String = line.chars().skip(skipped).take(WIDTH).map(one_column).collect();
    let blank = column - skipped + start.chars().count();
    let carets = length.clamp(1, WIDTH - BEFORE);
    (format!("{start}{}{end}", middle.trim_end()), " ".repeat(blank) + &"^".repeat(carets))
}

/// Tabs and the like would move what stands below.
fn one_column(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

/// An enum, its words and the list of all of it, from one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What kind of fault it is. The words are stable: answers carry them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)* }
            }
        }
    };
}

codes! {
    // Words
    /// A character that no part of a query begins with.
    UnexpectedCharacter = "unexpected-character",
    /// A quote that is never closed.
    Unterminated = "unterminated",
    /// A backslash escape that ZOQL does not have.
    BadEscape = "bad-escape",
    /// Digits that are no number, or one too big for where it stands.
    BadNumber = "bad-number",

    // Sentences
    /// Something else was expected here.
    Syntax = "syntax",
    /// `select distinct`, for which the original has a code of its own.
    DistinctWithoutCount = "distinct-without-count",
    /// A clause stands twice, or after one that it should stand before.
    ClauseOrder = "clause-order",
    /// Export ZOQL has this, ZOQL does not.
    NotInZoql = "not-in-zoql",
    /// `compat = "extended"` allows this, the original does not.
    NotInStrict = "not-in-strict",
    /// The wrong kind of quotes, or none.
    Quotes = "quotes",
    /// A path of more than one object and one field.
    DeepPath = "deep-path",
    UnknownFunction = "unknown-function",
    /// A function or aggregate of anything but a field, or `*` where only `count` takes it.
    BadArgument = "bad-argument",
    /// A function where only a field or a value may stand.
    FunctionNotAllowed = "function-not-allowed",
    EmptyAlias = "empty-alias",
    BadPattern = "bad-pattern",

    // Limits
    TooLong = "too-long",
    TooDeep = "too-deep",
    TooManyColumns = "too-many-columns",
    TooManyComparisons = "too-many-comparisons",
    TooManyKeys = "too-many-keys",
    /// The last of very many: the others are not shown.
    TooManyFaults = "too-many-faults",

    // Names
    NoSuchObject = "no-such-object",
    ObjectTooNew = "object-too-new",
    /// What qualifies a name is neither the base object nor joined to it.
    NoSuchJoin = "no-such-join",
    NoSuchField = "no-such-field",
    FieldTooNew = "field-too-new",
    /// A masked field in a condition, group or order.
    Masked = "masked",

    // Types
    OperatorNotAllowed = "operator-not-allowed",
    InvalidValue = "invalid-value",
    /// A time zone, in a date or datetime, that the zone database does not have.
    NoSuchZone = "no-such-zone",
    /// Two fields that have no order between them.
    Incomparable = "incomparable",
    /// A function of a field whose type it does not take.
    WrongType = "wrong-type",

    // Groups
    NotGrouped = "not-grouped",
    AggregateNotAllowed = "aggregate-not-allowed",
    DuplicateAlias = "duplicate-alias",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The faults found so far. Nobody reads more than [`Diagnostics::MOST`], and looking for near names takes time, so
/// the list ends there.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    const MOST: usize = 100;

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        match self.list.len() {
            len if len < Self::MOST => self.list.push(diagnostic),
            Self::MOST => {
                let message = format!("There are more than {} faults; the rest are not shown", Self::MOST);
                self.list.push(Diagnostic::new(Code::TooManyFaults, diagnostic.span, message));
            }
            _ => {}
        }
    }

    /// Whether another fault would not be kept anyway.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() > Self::MOST
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|diagnostic| (diagnostic.code == Code::TooManyFaults, diagnostic.span.start));
        self.list
    }
}
