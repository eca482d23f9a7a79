//! `/docs`: the OpenAPI document as a page.

use std::collections::BTreeMap;

use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{layout, schema};
use crate::http::{DOCUMENT, VARIANT_OF};

pub const PATH: &str = "/docs";

pub async fn docs() -> Response {
    layout::page(PATH, "API", &reference(&DOCUMENT))
}

/// What one path and method does, and the other paths that do the same.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    value: &'a Value,
    variants: Vec<&'a str>,
}

fn reference(document: &Value) -> Markup {
    let operations = operations(document);
    let of_tag = |tag: &str| operations.iter().filter(|one| one.value["tags"][0] == tag).collect::<Vec<_>>();
    let tags: Vec<(&Value, Vec<&Operation<'_>>)> =
        list(&document["tags"]).iter().map(|tag| (tag, of_tag(text(&tag["name"])))).collect();
    html! {
        h1 { "API" }
        p { (prose(text(&document["info"]["description"]))) }
        p { "This page is made from " a href="/openapi.json" { code { "/openapi.json" } } ", an OpenAPI document for generators of clients." }
        @for (tag, operations) in &tags {
            h2 { (text(&tag["name"])) }
            p.faint { (text(&tag["description"])) }
            ul.routes { @for operation in operations { (entry(operation)) } }
        }
        (who(document))
        (common(document))
        @for operation in tags.iter().flat_map(|(_, operations)| operations) { (section(operation, document)) }
        h2 #schemas { "Schemas" }
        @for (name, schema) in members(&document["components"]["schemas"]) { (schema::section(name, schema)) }
    }
}

/// Of all paths, those that are no variants, with their variants.
fn operations(document: &Value) -> Vec<Operation<'_>> {
    let all = || {
        members(&document["paths"])
            .flat_map(|(path, item)| members(item).map(move |(method, value)| (path.as_str(), method.as_str(), value)))
    };
    let mut variants: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (path, method, value) in all() {
        if let Some(original) = value[VARIANT_OF].as_str() {
            variants.entry((original, method)).or_default().push(path);
        }
    }
    all()
        .filter(|(.., value)| value[VARIANT_OF].is_null())
        .map(|(path, method, value)| {
            let variants = variants.remove(&(path, method)).unwrap_or_default();
            Operation { method, path, value, variants }
        })
        .collect()
}

fn entry(operation: &Operation<'_>) -> Markup {
    html! {
        li {
            (method(operation.method))
            span {
                a href={ "#" (text(&operation.value["operationId"])) } { (path(operation.path)) }
                span.faint { " " (text(&operation.value["summary"])) }
            }
        }
    }
}

fn section(operation: &Operation<'_>, document: &Value) -> Markup {
    let Operation { method: verb, path: route, value, variants } = operation;
    html! {
        section.operation #(text(&value["operationId"])) {
            h3 { (method(verb)) " " code { (path(route)) } }
            p { strong { (text(&value["summary"])) } }
            @if let Some(description) = value["description"].as_str() { p { (prose(description)) } }
            @if !variants.is_empty() {
                p.faint { "Also at " @for (at, variant) in variants.iter().enumerate() { @if at > 0 { ", " } code { (path(variant)) } } }
            }
            (parameters(list(&value["parameters"])))
            @for (content_type, content) in members(&value["requestBody"]["content"]) {
                h4 { "Body" }
                p { (schema::kind(&content["schema"])) span.faint { " as " (content_type) } }
            }
            h4 { "Answers" }
            (answers(&value["responses"]))
            h4 { "Example" }
            pre { (curl(operation, document)) }
        }
    }
}

fn parameters(parameters: &[Value]) -> Markup {
    html! {
        @if !parameters.is_empty() {
            h4 { "Parameters" }
            div.scroll { table.stack { tbody {
                @for parameter in parameters {
                    tr {
                        td { code { (text(&parameter["name"])) } }
                        td.faint { (text(&parameter["in"])) @if parameter["required"] == true { ", required" } }
                        td { (schema::kind(&parameter["schema"])) }
                        td { (prose(text(&parameter["description"]))) }
                    }
                }
            } } }
        }
    }
}

fn answers(responses: &Value) -> Markup {
    let common = members(responses).filter(|(_, response)| response.get("$ref").is_some());
    let common: Vec<&String> = common.map(|(status, _)| status).collect();
    html! {
        div.scroll { table.stack { tbody {
            @for (status, response) in members(responses).filter(|(_, response)| response.get("$ref").is_none()) {
                tr {
                    td { (status) }
                    td { (prose(text(&response["description"]))) }
                    td { (contents(&response["content"])) }
                }
            }
        } } }
        p.faint {
            @for (at, status) in common.iter().enumerate() { @if at > 0 { ", " } (status) }
            ": " a href="#answers" { "as everywhere" }
        }
    }
}

/// What an answer may hold: a schema, or one of several types of a text.
fn contents(content: &Value) -> Markup {
    html! {
        @for (at, (content_type, content)) in members(content).enumerate() {
            @if at > 0 { ", " }
            @if content_type == "application/json" { (schema::kind(&content["schema"])) } @else { code { (content_type) } }
        }
    }
}

/// How a client says who it is.
fn who(document: &Value) -> Markup {
    html! {
        h2 #who { "Who is asking" }
        p { "All routes but those of the server take each of these, whatever their prefix:" }
        ul {
            @for scheme in ["token", "basic"].map(|name| &document["components"]["securitySchemes"][name]) {
                li { code { "Authorization: " (capitalized(text(&scheme["scheme"]))) } ": " (prose(text(&scheme["description"]))) }
            }
            li { code { "apiAccessKeyId" } " and " code { "apiSecretAccessKey" } ": headers with the same id and secret" }
        }
    }
}

/// Answers that any route may give.
fn common(document: &Value) -> Markup {
    let mut statuses: BTreeMap<&str, &str> = BTreeMap::new();
    for operation in operations(document) {
        for (status, response) in members(&operation.value["responses"]) {
            if let Some(name) = response["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
                statuses.insert(status, name);
            }
        }
    }
    html! {
        h2 #answers { "Answers everywhere" }
        div.scroll { table.stack { tbody {
            @for (status, name) in statuses {
                @let response = &document["components"]["responses"][name];
                tr {
                    td { (status) }
                    td { (prose(text(&response["description"]))) }
                    td { (contents(&response["content"])) }
                }
            }
        } } }
    }
}

/// A command to paste.
fn curl(operation: &Operation<'_>, document: &Value) -> String {
    let mut command = format!("curl \"$AQUIFER_URL{}\"", filled(operation, document));
    if operation.method == "delete" {
        command = command.replacen("curl", "curl -X DELETE", 1);
    }
    if operation.value["security"].is_array() {
        command += " \\\n  -H \"Authorization: Bearer $TOKEN\"";
    }
    let content = members(&operation.value["requestBody"]["content"]).next();
    match content.map(|(content_type, content)| (content_type, schema::example(&content["schema"], document))) {
        Some((content_type, Some(example))) if content_type == "application/json" => {
            command += &format!(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{example:#}'");
        }
        Some((_, Some(Value::Object(fields)))) => {
            for (name, value) in &fields {
                command += &format!(" \\\n  -d {name}={}", text(value));
            }
        }
        _ if operation.method == "post" => command = command.replacen("curl", "curl -X POST", 1),
        _ => {}
    }
    command
}

/// The path with examples in the place of its parameters.
fn filled(operation: &Operation<'_>, document: &Value) -> String {
    let mut path = operation.path.to_owned();
    for parameter in list(&operation.value["parameters"]).iter().filter(|parameter| parameter["in"] == "path") {
        let name = text(&parameter["name"]);
        let example = match &parameter["example"] {
            Value::Null => schema::example(&parameter["schema"], document),
            example => Some(example.clone()),
        };
        let example = match example {
            Some(Value::String(example)) => example,
            Some(example) => example.to_string(),
            None => name.to_uppercase(),
        };
        path = path.replace(&format!("{{{name}}}"), &example);
    }
    path
}

fn method(method: &str) -> Markup {
    html! { span.method { (method.to_uppercase()) } }
}

/// A path that may be broken before its slashes.
fn path(path: &str) -> Markup {
    html! { @for (at, part) in path.split('/').enumerate() { @if at > 0 { wbr; "/" } (part) } }
}

/// Words between backticks are code.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
