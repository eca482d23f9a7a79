//! The logical catalog: the objects a query may read, their fields, and the joins between them.
//!
//! A catalog is four CSV files (`objects.csv`, `fields.csv`, `joins.csv`, `date_changes.csv`; the columns are documented in
//! `data/README.md`). The built-in one is compiled in; a directory with the same files replaces or extends it.
//!
//! Ids are positions in one catalog value and mean nothing in another. They are what bound queries hold; names live at
//! the edges only.

use std::collections::HashMap;

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
    /// Added by the operator (`…__c`), not by the built-in model.
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
