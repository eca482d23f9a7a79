//! The built-in catalog, all of it.

use std::collections::BTreeSet;

use zoql::{ApiVersion, Catalog, Language, Options, compile};

use crate::corpus::options;

#[test]
fn every_joined_object_of_every_data_source_can_be_selected() {
    let catalog = Catalog::builtin();
    let mut count = 0;
    for (_, source) in catalog.objects() {
        for (id, join) in source.joins() {
            let text = format!("select {}.Id from {}", join.alias, source.name);
            let query = compile(&text, catalog, &options()).unwrap_or_else(|faults| panic!("{text}: {faults:?}")).query;
            let last = query.joins.last().expect("something is joined");
            assert_eq!(last.join, id, "{text}");
            // Parents stand before children, and every join leads back to the base object.
            assert!(query.joins.iter().enumerate().all(|(position, join)| join.parent.0 <= position), "{text}");
            count += 1;
        }
    }
    assert_eq!(count, 1626);
}

#[test]
fn every_data_source_answers_to_a_star() {
    let catalog = Catalog::builtin();
    let mut count = 0;
    for (_, source) in catalog.objects().filter(|(_, object)| object.data_source) {
        let text = format!("select * from {} limit 1", source.name.to_lowercase());
        let query = compile(&text, catalog, &options()).unwrap_or_else(|faults| panic!("{text}: {faults:?}")).query;
        assert_eq!(query.columns[0].name, format!("{}.Id", source.name));
        assert!(query.joins.is_empty());
        let names: BTreeSet<&str> = query.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names.len(), query.columns.len(), "{text}");
        count += 1;
    }
    assert_eq!(count, 154);
}

#[test]
fn every_object_of_zoql_can_be_read() {
    let catalog = Catalog::builtin();
    let options = Options { language: Language::Zoql, ..options() };
    let mut count = 0;
    for (_, object) in catalog.objects().filter(|(_, object)| object.zoql) {
        let fields: Vec<&str> =
            object.fields().filter(|(_, field)| field.contexts.soap).map(|(_, field)| field.name.as_str()).collect();
        let text = format!("select {} from {}", fields.join(", "), object.name);
        let query = compile(&text, catalog, &options).unwrap_or_else(|faults| panic!("{text}: {faults:?}")).query;
        assert_eq!(query.columns.len(), fields.len());
        count += 1;
    }
    assert_eq!(count, 63);
}

#[test]
fn the_queries_of_the_documentation_are_right() {
    let page = include_str!("../../../../docs/zoql.md");
    let blocks = page.split("```").skip(1).step_by(2).map(str::trim);
    let queries: Vec<&str> = blocks.filter(|block| block.starts_with("select")).collect();
    assert_eq!(queries.len(), 2);
    for (query, language) in queries.into_iter().zip([Language::Zoql, Language::Export]) {
        let options = Options { language, ..options() };
        compile(query, Catalog::builtin(), &options).unwrap_or_else(|faults| panic!("{}", faults[0].draw(query)));
    }
}

#[test]
fn nothing_is_newer_than_the_latest_version() {
    for (_, object) in Catalog::builtin().objects() {
        let fields = object.fields().map(|(_, field)| field.since_wsdl);
        let newest = fields.chain([object.since_wsdl]).flatten().max();
        assert!(newest <= Some(ApiVersion::LATEST), "{} {newest:?}", object.name);
    }
}

#[test]
fn the_counts_are_those_of_the_files() {
    let catalog = Catalog::builtin();
    let fields: usize = catalog.objects().map(|(_, object)| object.fields().len()).sum();
    let changed = catalog.objects().flat_map(|(_, object)| object.fields()).filter(|(_, field)| field.date_since_69);
    // Six of the 56 date changes are about structures of SOAP calls.
    assert_eq!((catalog.objects().len(), fields, changed.count()), (186, 4348, 50));
}
