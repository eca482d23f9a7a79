//! The logical catalog: the objects a query may read, their fields, and the joins between them.
//!
//! A catalog is four CSV files (`objects.csv`, `fields.csv`, `joins.csv`, `date_changes.csv`; the columns are documented
//! in `data/README.md`). The built-in one is compiled in; a directory with the same files replaces or extends it.
//!
//! Ids are positions in one catalog value and mean nothing in another. They are what bound queries hold; names live at
//! the edges only.

mod error;
mod load;
mod near;
mod table;

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

pub use error::Error;
pub use load::CatalogFiles;
pub use near::nearest;

/// An object of a [`Catalog`], by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u32);

/// A field of one object, by position in [`Object::fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);

/// A join of one data source, by position in [`Object::joins`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JoinId(pub u32);

#[derive(Debug, Clone, Default)]
pub struct Catalog {
    objects: Vec<Object>,
    /// Lower-case name to position: names are case-insensitive.
    by_name: HashMap<String, ObjectId>,
}

#[derive(Debug, Clone)]
pub struct Object {
    pub name: String,
    pub label: String,
    /// May follow `from` in Export ZOQL.
    pub data_source: bool,
    /// May follow `from` in ZOQL.
    pub zoql: bool,
    pub supports_deleted: bool,
    /// The optional feature the object depends on, as the catalog words it.
    pub feature: Option<String>,
    pub since_wsdl: Option<ApiVersion>,
    /// `Id` first; the order is the order of `select *`.
    pub fields: Vec<Field>,
    /// Empty unless `data_source`.
    pub joins: Vec<Join>,
    field_by_name: HashMap<String, FieldId>,
    join_by_alias: HashMap<String, JoinId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub label: String,
    pub field_type: FieldType,
    pub nullable: bool,
    pub contexts: Contexts,
    /// Values of a picklist; empty for other types and for lists left to the tenant.
    pub options: Vec<String>,
    pub since_wsdl: Option<ApiVersion>,
    /// Its values never leave the server in clear.
    pub masked: bool,
    /// A dateTime up to WSDL 68, a date from 69 on (`date_changes.csv`).
    pub date_since_69: bool,
    /// Added by the operator, not by the built-in model: [`is_custom`].
    pub custom: bool,
}

/// How a field's values are stored, compared and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    Id,
    Text,
    Picklist,
    Boolean,
    Integer,
    Decimal,
    Date,
    Datetime,
}

/// Which doors show a field: SOAP (ZOQL) and export (Export ZOQL). Neither means internal: stored, never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contexts {
    pub soap: bool,
    pub export: bool,
}

/// One joined alias of a data source: rows of `object` whose `child_field` equals the parent's `parent_field`.
#[derive(Debug, Clone)]
pub struct Join {
    pub alias: String,
    pub object: ObjectId,
    /// The label of the alias in header lines, `Bill To`.
    pub label: String,
    pub parent: JoinParent,
    pub parent_field: FieldId,
    /// `Id`, but for to-many relations.
    pub child_field: FieldId,
    pub cardinality: Cardinality,
    /// The relation path as describe reports it, `InvoiceItem.Invoice.Account.BillToContact`.
    pub path: String,
    pub feature: Option<String>,
}

/// What a join hangs from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinParent {
    /// The data source itself.
    Base,
    /// Another join of the same data source. Following parents always ends at the base.
    Join(JoinId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    One,
    Many,
}

/// A WSDL version, `69.0`; only the whole part ever mattered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(pub u16);

impl Catalog {
    /// The catalog that is compiled in: every data source of the original, without tenants' own fields.
    pub fn builtin() -> &'static Arc<Catalog> {
        static BUILTIN: LazyLock<Arc<Catalog>> = LazyLock::new(|| match Catalog::from_csv(&CatalogFiles::BUILTIN) {
            Ok(catalog) => Arc::new(catalog),
            Err(error) => unreachable!("the files are compiled in and a test reads them: {error}"),
        });
        &BUILTIN
    }

    pub fn objects(&self) -> impl ExactSizeIterator<Item = (ObjectId, &Object)> {
        self.objects.iter().enumerate().map(|(position, object)| (ObjectId(position as u32), object))
    }

    /// # Panics
    /// With an id of another catalog.
    pub fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id.0 as usize]
    }

    /// By API name, in any case.
    pub fn find(&self, name: &str) -> Option<ObjectId> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// Adds a field that only this operator has, `Region__c`, visible to both languages. If the object has a field of
    /// that name already, that one is left as it is and its id returned.
    ///
    /// # Panics
    /// With an id of another catalog.
    pub fn add_custom_field(&mut self, object: ObjectId, name: &str, field_type: FieldType) -> FieldId {
        let object = &mut self.objects[object.0 as usize];
        if let Some(existing) = object.find_field(name) {
            return existing;
        }
        object.put_field(Field {
            name: name.to_owned(),
            label: label_of(name),
            field_type,
            nullable: true,
            contexts: Contexts { soap: true, export: true },
            options: Vec::new(),
            since_wsdl: None,
            masked: false,
            date_since_69: false,
            custom: true,
        })
    }

    fn put_object(&mut self, object: Object) -> ObjectId {
        let id = ObjectId(self.objects.len() as u32);
        self.by_name.insert(object.name.to_ascii_lowercase(), id);
        self.objects.push(object);
        id
    }
}

impl Object {
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (FieldId, &Field)> {
        self.fields.iter().enumerate().map(|(position, field)| (FieldId(position as u32), field))
    }

    /// # Panics
    /// With an id of another object.
    pub fn field(&self, id: FieldId) -> &Field {
        &self.fields[id.0 as usize]
    }

    /// By API name, in any case.
    pub fn find_field(&self, name: &str) -> Option<FieldId> {
        self.field_by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The field of that name, if its values are texts: only such a field can say whose a row is.
    pub fn find_text_field(&self, name: &str) -> Option<FieldId> {
        self.find_field(name).filter(|&id| self.field(id).field_type.is_text())
    }

    pub fn joins(&self) -> impl ExactSizeIterator<Item = (JoinId, &Join)> {
        self.joins.iter().enumerate().map(|(position, join)| (JoinId(position as u32), join))
    }

    /// # Panics
    /// With an id of another object.
    pub fn join(&self, id: JoinId) -> &Join {
        &self.joins[id.0 as usize]
    }

    /// By alias, in any case.
    pub fn find_join(&self, alias: &str) -> Option<JoinId> {
        self.join_by_alias.get(&alias.to_ascii_lowercase()).copied()
    }

    /// Replaces the field of the same name, or adds one.
    fn put_field(&mut self, field: Field) -> FieldId {
        let key = field.name.to_ascii_lowercase();
        if let Some(&id) = self.field_by_name.get(&key) {
            self.fields[id.0 as usize] = field;
            return id;
        }
        let id = FieldId(self.fields.len() as u32);
        self.field_by_name.insert(key, id);
        self.fields.push(field);
        id
    }
}

impl Field {
    /// Whether queries of that version take the field, a date, for a datetime: the midnight that it begins with.
    pub fn was_datetime(&self, api_version: ApiVersion) -> bool {
        self.date_since_69 && api_version < ApiVersion::DATES
    }
}

impl Contexts {
    /// Whether queries of the language see the field.
    pub fn shows(self, language: crate::Language) -> bool {
        match language {
            crate::Language::Zoql => self.soap,
            crate::Language::Export => self.export,
        }
    }
}

impl FieldType {
    pub const ALL: [FieldType; 8] = [
        FieldType::Id,
        FieldType::Text,
        FieldType::Picklist,
        FieldType::Boolean,
        FieldType::Integer,
        FieldType::Decimal,
        FieldType::Date,
        FieldType::Datetime,
    ];

    /// The word of `fields.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            FieldType::Id => "id",
            FieldType::Text => "text",
            FieldType::Picklist => "picklist",
            FieldType::Boolean => "boolean",
            FieldType::Integer => "integer",
            FieldType::Decimal => "decimal",
            FieldType::Date => "date",
            FieldType::Datetime => "datetime",
        }
    }

    pub fn is_text(self) -> bool {
        matches!(self, FieldType::Id | FieldType::Text | FieldType::Picklist)
    }

    pub fn is_number(self) -> bool {
        matches!(self, FieldType::Integer | FieldType::Decimal)
    }

    pub fn is_moment(self) -> bool {
        matches!(self, FieldType::Date | FieldType::Datetime)
    }
}

impl ApiVersion {
    /// What a request means that names none. Nothing in the built-in catalog is newer.
    pub const LATEST: ApiVersion = ApiVersion(153);
    /// From here on the fields of `date_changes.csv` are dates, and the tenant's zone is the default zone.
    pub const DATES: ApiVersion = ApiVersion(69);
}

impl Default for ApiVersion {
    fn default() -> Self {
        ApiVersion::LATEST
    }
}

/// `69.0`, as answers spell it.
impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.0", self.0)
    }
}

/// The text is not a version number such as `69` or `69.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadApiVersion;

impl fmt::Display for BadApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an API version: write a number such as `69` or `69.0`")
    }
}

impl std::error::Error for BadApiVersion {}

/// Reads `69`, `69.0`, and drops what stands after the point.
impl FromStr for ApiVersion {
    type Err = BadApiVersion;

    fn from_str(text: &str) -> Result<Self, BadApiVersion> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(BadApiVersion);
        }
        whole.parse().map(ApiVersion).map_err(|_| BadApiVersion)
    }
}

/// A label made of an API name, `SoldToContact` gives `Sold To Contact`, `Region_Code__c` gives `Region Code`.
fn label_of(name: &str) -> String {
    let name = name.rsplit_once("__").filter(|_| is_custom(name)).map_or(name, |(stem, _)| stem);
    let letters: Vec<char> = name.chars().collect();
    let mut label = String::with_capacity(name.len() + 8);
    for (position, &letter) in letters.iter().enumerate() {
        if letter == '_' {
            label.push(' ');
            continue;
        }
        let before = position.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(position + 1);
        // A word begins where a capital follows a small letter, or ends a run of capitals: `UUIDOfBill`.
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase() || before.is_ascii_digit() || after.is_some_and(|after| after.is_lowercase())
            });
        if begins && !label.ends_with(' ') {
            label.push(' ');
        }
        label.push(letter);
    }
    label.trim().to_owned()
}

/// Whether a name is that of an operator's own field: it ends with `__c` in any case or, in newer tenants of the original, with
/// the name space in capitals, `Region__NS`.
pub fn is_custom(name: &str) -> bool {
    name.rsplit_once("__").is_some_and(|(stem, space)| {
        let is_space = space.starts_with(|first: char| first.is_ascii_uppercase())
            && space.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        !stem.is_empty() && (is_space || space == "c")
    })
}
