//! The object model as XML. Clients read it by position as well as by name: zacc takes `root[2]` for the fields and
//! `root[3]` for the related objects, so the order of children is part of the protocol.

use std::fmt::{self, Display, Write as _};

use zoql::{
    ApiVersion, Catalog,
    catalog::{Cardinality, Contexts, Field, FieldType, Join, JoinParent, Object},
};

use super::{Error, quirks::Quirks};
use crate::{
    access::Rights,
    config::{self, Owners},
};

/// What a description is made for.
pub struct View<'a> {
    pub catalog: &'a Catalog,
    /// What is not to be read is not shown.
    pub rights: &'a Rights,
    pub owners: &'a Owners,
    /// Shows the model as this WSDL version has it.
    pub wsdl: ApiVersion,
    /// What links begin with, `https://rest.example.com`.
    pub base_url: &'a str,
    /// Says of each related object how it is reached.
    pub relationships: bool,
    pub quirks: Quirks,
}

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

impl<'a> View<'a> {
    /// The newest model, as far as `rights` go.
    pub fn new(rights: &'a Rights, tenant: &'a config::Tenant, catalog: &'a Catalog, base_url: &'a str) -> View<'a> {
        let (owners, quirks, wsdl) = (&tenant.owners, tenant.quirks, ApiVersion::LATEST);
        View { catalog, rights, owners, wsdl, base_url, relationships: false, quirks }
    }
}

impl View<'_> {
    /// Every object that jobs can select from: tap-zuora tries each with `select * from X limit 1`.
    pub fn list(&self) -> String {
        let objects = self.catalog.objects().map(|(_, object)| object).filter(|object| object.data_source);
        let mut out = format!("{DECLARATION}\n<objects>\n");
        let objects = objects.filter(|object| self.rights.allow(object, self.owners));
        for object in objects.filter(|object| self.is_there(object.since_wsdl)) {
            let (href, name, label) = (self.href(object), Escaped(&object.name), Escaped(&object.label));
            line(
                &mut out,
                format_args!(r#"  <object href="{href}"><name>{name}</name><label>{label}</label></object>"#),
            );
        }
        out + "</objects>\n"
    }

    /// There may be no such object, or one that no query may read, or none of this client's.
    pub fn object(&self, name: &str) -> Result<String, Error> {
        let unknown = || Error::NoSuchObject(name.to_owned());
        let object = self.catalog.object(self.catalog.find(name).ok_or_else(unknown)?);
        if !(object.data_source || object.zoql) || !self.is_there(object.since_wsdl) {
            return Err(unknown());
        }
        if !self.rights.allow(object, self.owners) {
            return Err(Error::Forbidden(object.name.clone()));
        }
        Ok(self.describe(object))
    }

    fn describe(&self, object: &Object) -> String {
        let mut out = format!("{DECLARATION}\n<object href=\"{}\">\n", self.href(object));
        line(
            &mut out,
            format_args!("  <name>{}</name>\n  <label>{}</label>", Escaped(&object.name), Escaped(&object.label)),
        );
        out.push_str("  <fields>\n");
        for field in object.fields.iter().filter(|field| self.is_there(field.since_wsdl)) {
            self.field(object, field, &mut out);
        }
        out.push_str("  </fields>\n");
        if self.relationships || !self.quirks.related_objects_on_request {
            self.related_objects(object, &mut out);
        }
        out + "</object>\n"
    }

    /// There even if it is empty: zacc and tap-zuora need it.
    fn related_objects(&self, object: &Object, out: &mut String) {
        out.push_str("  <related-objects>\n");
        let joins = object.joins().filter(|(_, join)| self.is_there(self.catalog.object(join.object).since_wsdl));
        for (_, join) in joins.filter(|(id, _)| self.rights.allow_join(object, *id, self.catalog, self.owners)) {
            self.related(join, out);
        }
        out.push_str("  </related-objects>\n");
    }

    /// Fields without a context are internal: they carry joins, and no query sees them.
    fn field(&self, object: &Object, field: &Field, out: &mut String) {
        // An object that is no data source has no field in any export.
        let Contexts { soap, export } = field.contexts;
        let contexts = [("soap", soap && object.zoql), ("export", export && object.data_source)];
        if contexts.iter().all(|(_, is_in)| !is_in) {
            return;
        }
        let is_id = field.field_type == FieldType::Id;
        let maxlength = if is_id { "32" } else { "" };
        // Nothing is written through this server, so nothing can be created or updated.
        line(
            out,
            format_args!(
                "    <field><name>{}</name><label>{}</label><selectable>true</selectable><createable>false</createable>\
                 <updateable>false</updateable><filterable>true</filterable><custom>{}</custom><maxlength>{maxlength}</maxlength>\
                 <required>{}</required><type>{}</type>{}<contexts>{}</contexts></field>",
                Escaped(&field.name),
                Escaped(&field.label),
                field.custom,
                !field.nullable && !is_id,
                self.type_of(field),
                options(&field.options),
                contexts
                    .iter()
                    .filter(|(_, is_in)| *is_in)
                    .fold(String::new(), |all, (name, _)| { all + "<context>" + name + "</context>" }),
            ),
        );
    }

    fn related(&self, join: &Join, out: &mut String) {
        let object = self.catalog.object(join.object);
        let (href, name, label) = (self.href(object), Escaped(&join.alias), Escaped(&join.label));
        let how = if self.relationships { relationship(join) } else { String::new() };
        line(out, format_args!(r#"    <object href="{href}"><name>{name}</name><label>{label}</label>{how}</object>"#));
    }

    /// The words that clients know; Estuary fails on any other.
    fn type_of(&self, field: &Field) -> &'static str {
        match field.field_type {
            FieldType::Id => "text",
            FieldType::Date if field.was_datetime(self.wsdl) => "datetime",
            other => other.as_str(),
        }
    }

    fn is_there(&self, since: Option<ApiVersion>) -> bool {
        since.is_none_or(|since| since <= self.wsdl)
    }

    fn href(&self, object: &Object) -> String {
        format!("{}/v1/describe/{}", Escaped(self.base_url), Escaped(&object.name))
    }
}

fn options(options: &[String]) -> String {
    if options.is_empty() {
        return String::new();
    }
    let mut out = "<options>".to_owned();
    for option in options {
        let _ = write!(out, "<option>{}</option>", Escaped(option));
    }
    out + "</options>"
}

fn relationship(join: &Join) -> String {
    let cardinality = match join.cardinality {
        Cardinality::One => "one",
        Cardinality::Many => "many",
    };
    let direct = join.parent == JoinParent::Base;
    let path = Escaped(&join.path);
    format!(
        "<cardinality>{cardinality}</cardinality><direct-relationship>{direct}</direct-relationship><path>{path}</path>"
    )
}

/// The body of an error where XML is spoken.
pub fn error(code: u32, message: &str) -> String {
    format!("{DECLARATION}\n<error><code>{code}</code><message>{}</message></error>\n", Escaped(message))
}

fn line(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// Text as it stands in XML, in elements and attributes. What XML 1.0 cannot say at all is left out.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => f.write_char(letter)?,
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                _ => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static RIGHTS: LazyLock<Rights> = LazyLock::new(Rights::default);
    static OWNERS: LazyLock<Owners> = LazyLock::new(Owners::default);

    fn view(catalog: &Catalog) -> View<'_> {
        let (wsdl, base_url) = (ApiVersion::LATEST, "http://localhost");
        View {
            catalog,
            rights: &RIGHTS,
            owners: &OWNERS,
            wsdl,
            base_url,
            relationships: false,
            quirks: Quirks::default(),
        }
    }

    #[test]
    fn what_is_listed_can_be_selected_from() {
        let catalog = Catalog::builtin();
        let view = view(catalog);
        let options = zoql::Options {
            language: zoql::Language::Export,
            compat: zoql::Compat::Strict,
            api_version: ApiVersion::LATEST,
            tenant_zone: jiff::tz::TimeZone::UTC,
            uses_masked: false,
        };
        let list = view.list();
        let names: Vec<&str> = list
            .lines()
            .filter_map(|line| line.split_once("<name>")?.1.split_once("</name>").map(|(name, _)| name))
            .collect();
        assert!(names.len() > 50, "{names:?}");
        for name in names {
            zoql::compile(&format!("select * from {name} limit 1"), catalog, &options).unwrap();
            // tap-zuora selects the Id of every object that is said to be related.
            let object = catalog.object(catalog.find(name).unwrap());
            for join in &object.joins {
                let query = format!("select Id, {}.Id from {name} limit 1", join.alias);
                zoql::compile(&query, catalog, &options).unwrap_or_else(|faults| panic!("{query}: {faults:?}"));
            }
        }
    }

    /// zacc takes fields and related objects by their position.
    #[test]
    fn children_stand_in_their_order() {
        let catalog = Catalog::builtin();
        for (_, object) in catalog.objects() {
            let xml = view(catalog).describe(object);
            let children = xml.lines().filter(|line| line.starts_with("  <") && !line.starts_with("  </"));
            let names: Vec<&str> = children.filter_map(|line| line.trim().split(['<', '>']).nth(1)).collect();
            assert_eq!(names, ["name", "label", "fields", "related-objects"], "{}", object.name);
        }
    }

    #[test]
    fn custom_fields_say_that_they_are() {
        let mut catalog = Catalog::clone(Catalog::builtin());
        let account = catalog.find("Account").unwrap();
        catalog.add_custom_field(account, "Region__c", FieldType::Text);
        let account = view(&catalog).object("Account").unwrap();
        let field = account.lines().find(|line| line.contains("<name>Region__c</name>")).unwrap();
        assert!(field.contains("<label>Region</label>") && field.contains("<custom>true</custom>"), "{field}");
    }

    #[test]
    fn what_xml_reserves_is_escaped() {
        assert_eq!(Escaped("<a & \"b\">\u{1}\u{fffe}é").to_string(), "&lt;a &amp; &quot;b&quot;&gt;é");
    }
}
