//! Schemas of the OpenAPI document, for its page.

use maud::{Markup, html};
use serde_json::Value;

use super::docs::{list, members, prose, text};

/// A schema that has a name.
pub fn section(name: &str, schema: &Value) -> Markup {
    html! {
        section.operation #(anchor(name)) {
            h3 { code { (name) } }
            @if let Some(description) = schema["description"].as_str() { p { (prose(description)) } }
            @if schema["properties"].is_object() { (properties(schema)) } @else { p { (kind(schema)) } }
        }
    }
}

fn properties(schema: &Value) -> Markup {
    let is_required = |name: &String| list(&schema["required"]).iter().any(|required| required == name);
    html! {
        div.scroll { table.stack { tbody {
            @for (name, property) in members(&schema["properties"]) {
                tr {
                    td { code { (name) } }
                    td.faint { @if is_required(name) { "always" } @else { "maybe" } }
                    td { (kind(property)) }
                    td {
                        (prose(text(&property["description"])))
                        @if let Some(default) = property.get("default") { " Default: " code { (default) } "." }
                    }
                }
            }
        } } }
    }
}

/// What a value may be, in a few words.
pub fn kind(schema: &Value) -> Markup {
    if let Some(name) = reference(schema) {
        return html! { a href={ "#" (anchor(name)) } { code { (name) } } };
    }
    if let Some(words) = schema["enum"].as_array() {
        return html! { @for (at, word) in words.iter().enumerate() { @if at > 0 { " | " } code { (word) } } };
    }
    let forms = list(&schema["oneOf"]);
    if !forms.is_empty() {
        return html! { @for (at, form) in forms.iter().enumerate() { @if at > 0 { " or " } (kind(form)) } };
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => html! { "array of " (kind(&schema["items"])) },
        Value::String(name) => html! { (name) (bounds(schema)) },
        Value::Array(names) => {
            html! { @for (at, name) in names.iter().enumerate() { @if at > 0 { " or " } (text(name)) } (bounds(schema)) }
        }
        _ => html! { "anything" },
    }
}

fn bounds(schema: &Value) -> Markup {
    html! {
        @if let Some(pattern) = schema["pattern"].as_str() { " " code { (pattern) } }
        @for (key, word) in [("minimum", "from"), ("maximum", "to"), ("maxLength", "up to")] {
            // Every unsigned number begins at 0; that is not worth a word.
            @if let Some(bound) = schema.get(key).filter(|bound| **bound != 0) { " " (word) " " (bound) }
        }
    }
}

/// A value of the schema, if it has one to show.
pub fn example(schema: &Value, document: &Value) -> Option<Value> {
    let schema = match reference(schema) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    };
    schema.get("example").cloned()
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn anchor(name: &str) -> String {
    format!("schema-{name}")
}
