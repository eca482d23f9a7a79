use zoql::{
    Catalog,
    catalog::{Cardinality, FieldType, JoinParent, Object},
};

use super::convertible::{CONVERTIBLES, Path};

/// A path's field, and whether it leads to one record at most.
fn find(catalog: &Catalog, base: &Object, path: Path) -> Option<(FieldType, bool)> {
    let (alias, name) = path.parts();
    let (mut object, mut is_one) = (base, true);
    let mut parent = alias.map_or(JoinParent::Base, |alias| JoinParent::Join(base.find_join(alias).unwrap()));
    if let JoinParent::Join(id) = parent {
        object = catalog.object(base.join(id).object);
    }
    while let JoinParent::Join(id) = parent {
        is_one &= base.join(id).cardinality == Cardinality::One;
        parent = base.join(id).parent;
    }
    Some((object.field(object.find_field(name)?).field_type, is_one))
}

#[test]
fn the_built_in_catalog_has_what_conversions_need() {
    let catalog = Catalog::builtin();
    for convertible in CONVERTIBLES {
        let object = convertible.object;
        let base = catalog.object(catalog.find(object).unwrap());
        let amounts = convertible.amounts.iter().filter_map(|amount| base.find_field(amount));
        let amounts: Vec<FieldType> = amounts.map(|id| base.field(id).field_type).collect();
        assert_eq!(amounts, [FieldType::Decimal], "{object}");
        for path in convertible.currency {
            assert_eq!(find(catalog, base, *path), Some((FieldType::Text, true)), "{object} {path:?}");
        }
        for path in convertible.days.iter().copied().flatten() {
            let (field_type, is_one) = find(catalog, base, *path).unwrap_or_else(|| panic!("{object} {path:?}"));
            assert!(field_type.is_moment() && is_one, "{object} {path:?}");
        }
        if let Some(path) = convertible.status {
            assert_eq!(find(catalog, base, path), Some((FieldType::Picklist, true)), "{object} {path:?}");
        }
    }
}
