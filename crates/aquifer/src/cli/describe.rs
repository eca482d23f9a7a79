use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::{Value, json};
use zoql::{
    Catalog,
    catalog::{Cardinality, Contexts, Field, Join, JoinParent, Object, nearest},
};

use super::{model, table};

/// List the objects, or the fields and joined objects of one
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The object; without it, all are listed
    object: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: model::ModelArgs,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (_, catalog) = self.model.open()?;
        let object = match &self.object {
            Some(name) => Some(find(&catalog, name)?),
            None => None,
        };
        match (object, self.json) {
            (Some(object), true) => super::print_json(&object_json(object, &catalog))?,
            (Some(object), false) => show_object(object, &catalog)?,
            (None, true) => {
                super::print_json(&catalog.objects().map(|(_, object)| summary(object)).collect::<Vec<_>>())?;
            }
            (None, false) => show_objects(&catalog)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn find<'a>(catalog: &'a Catalog, name: &str) -> anyhow::Result<&'a Object> {
    if let Some(id) = catalog.find(name) {
        return Ok(catalog.object(id));
    }
    let near = nearest(catalog.objects().map(|(_, object)| object.name.as_str()), name);
    let hint = if near.is_empty() { "see `aquifer describe`".to_owned() } else { format!("near: {}", near.join(", ")) };
    anyhow::bail!("there is no object {name}; {hint}")
}

fn show_objects(catalog: &Catalog) -> io::Result<()> {
    let mut rows: Vec<[String; 4]> = catalog
        .objects()
        .map(|(_, object)| {
            let deletes = if object.supports_deleted { "" } else { "no deleted rows" };
            [object.name.clone(), object.label.clone(), languages(object.zoql, object.data_source), deletes.to_owned()]
        })
        .collect();
    rows.sort();
    table::write(&mut io::stdout().lock(), &["object", "label", "languages", ""], &rows)
}

fn show_object(object: &Object, catalog: &Catalog) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let deletes = if object.supports_deleted { "deleted rows" } else { "no deleted rows" };
    writeln!(out, "{} ({})  {}  {deletes}", object.name, object.label, languages(object.zoql, object.data_source))?;
    if let Some(feature) = &object.feature {
        writeln!(out, "feature: {feature}")?;
    }
    writeln!(out)?;
    let fields: Vec<[String; 5]> = shown(object).map(field_row).collect();
    table::write(&mut out, &["field", "label", "type", "languages", ""], &fields)?;
    if !object.joins.is_empty() {
        writeln!(out)?;
        let joins: Vec<[String; 4]> = object.joins.iter().map(|join| join_row(join, object, catalog)).collect();
        table::write(&mut out, &["joined", "object", "on", "path"], &joins)?;
    }
    Ok(())
}

/// Internal fields are for joins; no query sees them.
fn shown(object: &Object) -> impl Iterator<Item = &Field> {
    object.fields.iter().filter(|field| field.contexts.soap || field.contexts.export)
}

fn field_row(field: &Field) -> [String; 5] {
    let mut remarks = Vec::new();
    remarks.extend(field.since_wsdl.map(|version| format!("since {version}")));
    remarks.extend(field.masked.then(|| "masked".to_owned()));
    remarks.extend(field.custom.then(|| "custom".to_owned()));
    remarks.extend((!field.options.is_empty()).then(|| options(&field.options)));
    let Contexts { soap, export } = field.contexts;
    [
        field.name.clone(),
        field.label.clone(),
        field.field_type.as_str().to_owned(),
        languages(soap, export),
        remarks.join("; "),
    ]
}

/// The values of a picklist, the first ones if they are many.
fn options(options: &[String]) -> String {
    const MOST: usize = 12;
    let more = options.len().saturating_sub(MOST);
    let listed = options[..options.len() - more].join(" | ");
    if more == 0 { listed } else { format!("{listed} | and {more} more") }
}

fn join_row(join: &Join, object: &Object, catalog: &Catalog) -> [String; 4] {
    let many = if join.cardinality == Cardinality::Many { " (many)" } else { "" };
    let joined = &catalog.object(join.object).name;
    [join.alias.clone(), format!("{joined}{many}"), condition(join, object, catalog), join.path.clone()]
}

/// `Account.BillToId`; with the other side where it is not an Id.
fn condition(join: &Join, object: &Object, catalog: &Catalog) -> String {
    let (prefix, parent) = match join.parent {
        JoinParent::Base => (String::new(), object),
        JoinParent::Join(parent) => {
            let parent = object.join(parent);
            (format!("{}.", parent.alias), catalog.object(parent.object))
        }
    };
    let via = format!("{prefix}{}", parent.field(join.parent_field).name);
    let child = &catalog.object(join.object).field(join.child_field).name;
    if child == "Id" { via } else { format!("{}.{child} = {via}", join.alias) }
}

fn languages(zoql: bool, export: bool) -> String {
    match (zoql, export) {
        (true, true) => "both",
        (true, false) => "zoql",
        (false, true) => "zoqlexport",
        (false, false) => "none",
    }
    .to_owned()
}

fn summary(object: &Object) -> Value {
    json!({
        "name": object.name,
        "label": object.label,
        "zoqlexport": object.data_source,
        "zoql": object.zoql,
        "deleted": object.supports_deleted,
        "feature": object.feature,
    })
}

fn object_json(object: &Object, catalog: &Catalog) -> Value {
    let mut all = summary(object);
    let fields = shown(object).map(|field| {
        json!({
            "name": field.name,
            "label": field.label,
            "type": field.field_type.as_str(),
            "zoqlexport": field.contexts.export,
            "zoql": field.contexts.soap,
            "options": field.options,
            "since": field.since_wsdl.map(|version| version.to_string()),
            "masked": field.masked,
            "custom": field.custom,
        })
    });
    let joins = object.joins.iter().map(|join| {
        json!({
            "alias": join.alias,
            "object": catalog.object(join.object).name,
            "label": join.label,
            "on": condition(join, object, catalog),
            "path": join.path,
            "many": join.cardinality == Cardinality::Many,
        })
    });
    all["fields"] = fields.collect();
    all["joins"] = joins.collect();
    all
}
