//! What is parsed without a fault is printed and parsed again to the same; what it is compared by stays as it is.

#![no_main]

use fuzz::READINGS;
use libfuzzer_sys::fuzz_target;
use zoql::Compat;

fuzz_target!(|text: &str| {
    for (language, compat) in READINGS {
        let parsed = zoql::parse(text, language, compat);
        let Some(query) = parsed.query.filter(|_| parsed.diagnostics.is_empty()) else { continue };
        let printed = query.to_string();
        // Printing may make a query longer than a query may be.
        if printed.chars().count() > 20_000 {
            continue;
        }
        let again = zoql::parse(&printed, language, Compat::Extended);
        assert!(again.diagnostics.is_empty(), "{printed}: {:?}", again.diagnostics);
        assert_eq!(again.query.as_ref(), Some(&query), "{printed}");
        let canonical = query.canonical();
        let again = zoql::parse(&canonical, language, Compat::Extended).query;
        assert_eq!(again.map(|query| query.canonical()), Some(canonical));
    }
});
