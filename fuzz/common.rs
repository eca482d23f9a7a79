//! What every target holds true.

use zoql::{Compat, Diagnostic, Language};

/// Both languages, both readings.
pub const READINGS: [(Language, Compat); 4] = [
    (Language::Export, Compat::Strict),
    (Language::Export, Compat::Extended),
    (Language::Zoql, Compat::Strict),
    (Language::Zoql, Compat::Extended),
];

/// Faults can be shown: their places are in the text, between characters.
pub fn check(text: &str, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let (start, end) = (diagnostic.span.start, diagnostic.span.end);
        assert!(text.get(start..end).is_some(), "{diagnostic:?}");
        assert!(diagnostic.draw(text).contains('^'));
        assert!(!diagnostic.classic().is_empty());
    }
}
