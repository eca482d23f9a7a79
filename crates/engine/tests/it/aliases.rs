//! Every join of the built-in catalog, and as many at once as it has.

use export::Cell;
use zoql::{
    Catalog,
    catalog::{FieldId, Object},
};

use super::support::Data;

/// One row in every object. All its texts are `x`, so that whatever the joins lead through, they find it.
fn one_row_each() -> Data {
    let data = Data::new();
    let mut load = data.source.begin_load(*data.now.lock().expect("a clock")).expect("a load");
    let catalog = load.catalog().clone();
    for (id, object) in catalog.objects() {
        let texts: Vec<FieldId> =
            object.fields().filter(|(_, field)| field.field_type.is_text()).map(|(id, _)| id).collect();
        let row = vec![Cell::Text("x"); texts.len()];
        load.rows(id, &texts).expect("a writer").upsert(&row).expect("written");
    }
    load.commit().expect("committed");
    data
}

fn data_sources() -> impl Iterator<Item = &'static Object> {
    Catalog::builtin().objects().map(|(_, object)| object).filter(|object| object.data_source)
}

#[test]
fn every_alias_finds_its_row() {
    let data = one_row_each();
    let mut count = 0;
    for source in data_sources() {
        for (_, join) in source.joins() {
            let (base, alias) = (&source.name, &join.alias);
            let rows =
                data.query(&format!("select Id, {alias}.Id from {base} where {alias}.Id = 'x' order by {alias}.Id"));
            assert_eq!(rows, [format!("{base}.Id|{alias}.Id"), "x|x".to_owned()]);
            count += 1;
        }
    }
    assert_eq!(count, 1_626);
}

#[test]
fn all_fields_of_all_aliases_of_a_data_source_can_be_read_at_once() {
    let data = one_row_each();
    let mut widest = 0;
    for source in data_sources() {
        let stars: String = source.joins().map(|(_, join)| format!(", {}.*", join.alias)).collect();
        let rows = data.query(&format!("select *{stars} from {}", source.name));
        let cells = |row: &String| row.split('|').count();
        assert_eq!((rows.len(), cells(&rows[0])), (2, cells(&rows[1])), "{}", source.name);
        // The Id of every alias is there, and is found.
        let ids = rows[0].split('|').zip(rows[1].split('|')).filter(|(name, _)| name.ends_with(".Id"));
        let ids: Vec<&str> = ids.map(|(_, id)| id).collect();
        assert_eq!(ids, vec!["x"; source.joins().len() + 1], "{}", source.name);
        widest = widest.max(cells(&rows[0]));
    }
    assert!(widest > 1_000, "{widest}");
}
