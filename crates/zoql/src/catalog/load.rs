//! From four CSV texts to a [`Catalog`]. The columns are documented in `data/README.md`.

use std::collections::{HashMap, HashSet};

use super::{
    ApiVersion, Cardinality, Catalog, Contexts, Error, Field, FieldId, FieldType, Join, JoinId, JoinParent, Object,
    ObjectId, is_custom, label_of,
    table::{Columns, Row, rows},
};

/// The texts of a catalog's files. A file that is missing is an empty text.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatalogFiles<'a> {
    pub objects: &'a str,
    pub fields: &'a str,
    pub joins: &'a str,
    pub date_changes: &'a str,
}

impl CatalogFiles<'static> {
    /// What [`Catalog::builtin`] is made of.
    pub const BUILTIN: CatalogFiles<'static> = CatalogFiles {
        objects: include_str!("../../data/objects.csv"),
        fields: include_str!("../../data/fields.csv"),
        joins: include_str!("../../data/joins.csv"),
        date_changes: include_str!("../../data/date_changes.csv"),
    };
}

const OBJECTS: Columns = Columns {
    file: "objects.csv",
    needed: &["object"],
    optional: &["label", "data_source", "zoql", "supports_deleted", "feature", "since_wsdl"],
};
const FIELDS: Columns = Columns {
    file: "fields.csv",
    needed: &["object", "field", "type"],
    optional: &["label", "nullable", "contexts", "options", "since_wsdl", "masked"],
};
const JOINS: Columns = Columns {
    file: "joins.csv",
    needed: &["data_source", "alias", "object", "via"],
    optional: &["label", "cardinality", "path", "feature", "source"],
};
const DATE_CHANGES: Columns = Columns { file: "date_changes.csv", needed: &["object", "field"], optional: &["source"] };

impl Catalog {
    /// A catalog of these files alone.
    pub fn from_csv(files: &CatalogFiles<'_>) -> Result<Catalog, Error> {
        Catalog::default().extended(files)
    }

    /// This catalog with the rows of `files`: a row replaces the one with the same key, or is added. What has an id
    /// here has the same id in the result.
    pub fn extended(&self, files: &CatalogFiles<'_>) -> Result<Catalog, Error> {
        let mut catalog = self.clone();
        let added = catalog.load_objects(files.objects)?;
        catalog.load_fields(files.fields)?;
        catalog.check_objects(added)?;
        catalog.load_joins(files.joins)?;
        catalog.load_date_changes(files.date_changes)?;
        Ok(catalog)
    }

    /// Answers with the row of every object that is new.
    fn load_objects(&mut self, text: &str) -> Result<Vec<(ObjectId, Row)>, Error> {
        let mut keys = Keys::default();
        let mut added = Vec::new();
        for row in rows(&OBJECTS, text)? {
            let name = row.name("object")?;
            keys.insert(&row, &[name])?;
            let mut object = Object {
                name: name.to_owned(),
                label: row.text_or("label", || label_of(name)),
                data_source: row.yes_or("data_source", true)?,
                zoql: row.yes_or("zoql", true)?,
                supports_deleted: row.yes_or("supports_deleted", true)?,
                feature: row.text("feature"),
                since_wsdl: since_wsdl(&row)?,
                fields: Vec::new(),
                joins: Vec::new(),
                field_by_name: HashMap::new(),
                join_by_alias: HashMap::new(),
            };
            match self.find(name) {
                Some(id) => {
                    let old = &mut self.objects[id.0 as usize];
                    object.fields = std::mem::take(&mut old.fields);
                    object.joins = std::mem::take(&mut old.joins);
                    object.field_by_name = std::mem::take(&mut old.field_by_name);
                    object.join_by_alias = std::mem::take(&mut old.join_by_alias);
                    *old = object;
                }
                None => added.push((self.put_object(object), row)),
            }
        }
        Ok(added)
    }

    fn load_fields(&mut self, text: &str) -> Result<(), Error> {
        let mut keys = Keys::default();
        for row in rows(&FIELDS, text)? {
            let object = self.object_of(&row, "object")?;
            let name = row.name("field")?;
            keys.insert(&row, &[row.get("object"), name])?;
            let object = &mut self.objects[object.0 as usize];
            let replaced = object.find_field(name).map(|id| object.field(id));
            let field_type = field_type(&row)?;
            let field = Field {
                name: name.to_owned(),
                label: row.text_or("label", || label_of(name)),
                field_type,
                nullable: row.yes_or("nullable", true)?,
                contexts: contexts(&row)?,
                options: row.get("options").split('|').filter(|it| !it.is_empty()).map(str::to_owned).collect(),
                since_wsdl: since_wsdl(&row)?,
                masked: row.yes_or("masked", false)?,
                date_since_69: field_type == FieldType::Date && replaced.is_some_and(|old| old.date_since_69),
                custom: is_custom(name),
            };
            let is_id = name.eq_ignore_ascii_case("Id");
            if is_id != object.fields.is_empty() && replaced.is_none() {
                return Err(row.error("field", "the first field of an object is `Id`"));
            }
            if is_id && field_type != FieldType::Id {
                return Err(row.error("type", "the type of `Id` is `id`"));
            }
            object.put_field(field);
        }
        Ok(())
    }

    fn check_objects(&self, added: Vec<(ObjectId, Row)>) -> Result<(), Error> {
        match added.iter().find(|(id, _)| self.object(*id).fields.is_empty()) {
            Some((_, row)) => Err(row.error("object", "the object has no fields; `fields.csv` must give it an `Id`")),
            None => Ok(()),
        }
    }

    /// Rows may stand in any order, so every alias is known before the first `via` is read.
    fn load_joins(&mut self, text: &str) -> Result<(), Error> {
        let mut keys = Keys::default();
        let mut added: Vec<(ObjectId, JoinId, Row)> = Vec::new();
        for row in rows(&JOINS, text)? {
            let base = self.object_of(&row, "data_source")?;
            let target = self.object_of(&row, "object")?;
            let alias = row.name("alias")?;
            keys.insert(&row, &[row.get("data_source"), alias])?;
            let base_object = &mut self.objects[base.0 as usize];
            if !base_object.data_source {
                return Err(row.error("data_source", "the object is not a data source"));
            }
            if alias.eq_ignore_ascii_case(&base_object.name) {
                return Err(row.error("alias", "the alias is the name of the data source itself"));
            }
            // Other joins may hang from the alias by fields of the object it stands for.
            if let Some(old) = base_object.find_join(alias).map(|id| base_object.join(id))
                && old.object != target
            {
                return Err(row.error("object", "the alias stands for another object already"));
            }
            let join = Join {
                alias: alias.to_owned(),
                object: target,
                label: row.text_or("label", || label_of(alias)),
                // These three wait for the second pass.
                parent: JoinParent::Base,
                parent_field: FieldId(0),
                child_field: FieldId(0),
                cardinality: cardinality(&row)?,
                path: row.get("path").to_owned(),
                feature: row.text("feature"),
            };
            added.push((base, base_object.put_join(join), row));
        }
        for (base, id, row) in &added {
            self.resolve_via(*base, *id, row)?;
        }
        for (base, id, row) in &added {
            let object = &mut self.objects[base.0 as usize];
            let Some(names) = object.names_to_base(*id) else {
                return Err(row.error("via", "following the aliases leads round in a circle, never to the data source"));
            };
            let path = names.join(".");
            let join = &mut object.joins[id.0 as usize];
            if join.path.is_empty() {
                join.path = path;
            }
        }
        Ok(())
    }

    /// `Field`, `Alias.Field` or `alias.ChildField=[Alias.]ParentField`.
    fn resolve_via(&mut self, base: ObjectId, id: JoinId, row: &Row) -> Result<(), Error> {
        let object = self.object(base);
        let join = object.join(id);
        let (child, parent) = match row.get("via").split_once('=') {
            Some((child, parent)) => (Some(child), parent),
            None => (None, row.get("via")),
        };
        let child_name = match child.map(|child| child.split_once('.').ok_or(child)) {
            None => "Id",
            Some(Ok((alias, field))) if alias.eq_ignore_ascii_case(&join.alias) => field,
            Some(_) => return Err(row.error("via", "what stands before `=` is not a field of the alias itself")),
        };
        let (parent, parent_object, parent_name) = match parent.split_once('.') {
            None => (JoinParent::Base, base, parent),
            Some((alias, field)) => match object.find_join(alias) {
                Some(parent) => (JoinParent::Join(parent), object.join(parent).object, field),
                None => return Err(row.error("via", format!("`{}` has no alias `{alias}`", object.name))),
            },
        };
        let find = |object: ObjectId, field: &str| {
            let object = self.object(object);
            let unknown = || row.error("via", format!("`{}` has no field `{field}`", object.name));
            object.find_field(field).ok_or_else(unknown)
        };
        let parent_field = find(parent_object, parent_name)?;
        let child_field = find(join.object, child_name)?;
        let join = &mut self.objects[base.0 as usize].joins[id.0 as usize];
        (join.parent, join.parent_field, join.child_field) = (parent, parent_field, child_field);
        Ok(())
    }

    /// A row whose object the catalog does not have speaks of a structure of SOAP calls, which no query sees.
    fn load_date_changes(&mut self, text: &str) -> Result<(), Error> {
        let mut keys = Keys::default();
        for row in rows(&DATE_CHANGES, text)? {
            keys.insert(&row, &[row.get("object"), row.get("field")])?;
            let Some(object) = self.find(row.get("object")) else { continue };
            let object = &mut self.objects[object.0 as usize];
            let Some(field) = object.find_field(row.get("field")) else {
                return Err(row.error("field", format!("`{}` has no field `{}`", object.name, row.get("field"))));
            };
            let field = &mut object.fields[field.0 as usize];
            if field.field_type != FieldType::Date {
                return Err(row.error("field", format!("the field is of type {}, not date", field.field_type.as_str())));
            }
            field.date_since_69 = true;
        }
        Ok(())
    }

    fn object_of(&self, row: &Row, column: &'static str) -> Result<ObjectId, Error> {
        let name = row.get(column);
        self.find(name).ok_or_else(|| row.error(column, format!("there is no object `{name}`")))
    }
}

impl Object {
    /// Replaces the join of the same alias, or adds one.
    fn put_join(&mut self, join: Join) -> JoinId {
        let key = join.alias.to_ascii_lowercase();
        if let Some(&id) = self.join_by_alias.get(&key) {
            self.joins[id.0 as usize] = join;
            return id;
        }
        let id = JoinId(self.joins.len() as u32);
        self.join_by_alias.insert(key, id);
        self.joins.push(join);
        id
    }

    /// The data source's name and the aliases from there to the join; none if the way never ends.
    fn names_to_base(&self, id: JoinId) -> Option<Vec<&str>> {
        let mut names = Vec::new();
        let mut at = JoinParent::Join(id);
        while let JoinParent::Join(id) = at {
            if names.len() == self.joins.len() {
                return None;
            }
            names.push(self.join(id).alias.as_str());
            at = self.join(id).parent;
        }
        names.push(&self.name);
        names.reverse();
        Some(names)
    }
}

/// What the rows of one file are known by: within a file a key stands once.
#[derive(Default)]
struct Keys(HashSet<String>);

impl Keys {
    fn insert(&mut self, row: &Row, key: &[&str]) -> Result<(), Error> {
        let key = key.join(".");
        if self.0.insert(key.to_ascii_lowercase()) {
            return Ok(());
        }
        Err(row.fault(format!("`{key}` stands in this file twice")))
    }
}

fn field_type(row: &Row) -> Result<FieldType, Error> {
    let word = row.get("type");
    FieldType::ALL.into_iter().find(|it| it.as_str() == word).ok_or_else(|| {
        let words: Vec<&str> = FieldType::ALL.iter().map(|it| it.as_str()).collect();
        row.error("type", format!("`{word}` is not a type; the types are {}", words.join(", ")))
    })
}

fn contexts(row: &Row) -> Result<Contexts, Error> {
    match row.get("contexts") {
        "both" | "" => Ok(Contexts { soap: true, export: true }),
        "soap" => Ok(Contexts { soap: true, export: false }),
        "export" => Ok(Contexts { soap: false, export: true }),
        "internal" => Ok(Contexts { soap: false, export: false }),
        word => Err(row.error("contexts", format!("`{word}` is none of both, soap, export, internal"))),
    }
}

fn cardinality(row: &Row) -> Result<Cardinality, Error> {
    match row.get("cardinality") {
        "one" | "" => Ok(Cardinality::One),
        "many" => Ok(Cardinality::Many),
        word => Err(row.error("cardinality", format!("`{word}` is neither one nor many"))),
    }
}

fn since_wsdl(row: &Row) -> Result<Option<ApiVersion>, Error> {
    match row.get("since_wsdl") {
        "" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|error: super::BadApiVersion| row.error("since_wsdl", error.to_string()))
        }
    }
}
