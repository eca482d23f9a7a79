//! Any text is read, in any language, and what is wrong with it has a place.

#![no_main]

use fuzz::{READINGS, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for (language, compat) in READINGS {
        let parsed = zoql::parse(text, language, compat);
        assert!(parsed.query.is_some() || !parsed.diagnostics.is_empty());
        check(text, &parsed.diagnostics);
    }
});
