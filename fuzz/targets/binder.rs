//! Any text is compiled or refused, for any API version; what is compiled has a value at any instant.

#![no_main]

use std::sync::LazyLock;

use fuzz::{READINGS, check};
use jiff::{Timestamp, tz::TimeZone};
use libfuzzer_sys::fuzz_target;
use zoql::{
    ApiVersion, Catalog, Options,
    bound::{Condition, Literal, Operand},
};

static ZONE: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Australia/Lord_Howe").expect("a zone"));

fuzz_target!(|text: &str| {
    for (language, compat) in READINGS {
        for api_version in [ApiVersion(68), ApiVersion::LATEST] {
            let options = Options { language, compat, api_version, tenant_zone: ZONE.clone(), uses_masked: false };
            match zoql::compile(text, Catalog::builtin(), &options) {
                Ok(compiled) => compiled.query.filter.iter().chain(&compiled.query.having).for_each(resolve),
                Err(diagnostics) => {
                    assert!(!diagnostics.is_empty());
                    check(text, &diagnostics);
                }
            }
        }
    }
});

fn resolve(condition: &Condition) {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(resolve),
        Condition::Not(inner) => resolve(inner),
        Condition::Compare { right: Operand::Literal(literal), .. } => resolve_literal(literal),
        Condition::In { values, .. } => values.iter().for_each(resolve_literal),
        Condition::Compare { .. } | Condition::IsNull { .. } | Condition::Like { .. } => {}
    }
}

fn resolve_literal(literal: &Literal) {
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        drop(literal.resolve(now));
    }
}
