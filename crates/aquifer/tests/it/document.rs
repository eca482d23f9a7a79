//! The OpenAPI document against the server: every route is in it, every route in it is served, and every answer of every
//! scenario is as it says.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use aquifer::http::DOCUMENT;
use serde_json::{Value, json};

use crate::{
    http::{Answer, Request},
    server::Server,
};

/// The document with nothing allowed that it does not name.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = DOCUMENT.clone();
    close(&mut document["components"]["schemas"]);
    document
});

fn close(schema: &mut Value) {
    if schema.get("properties").is_some_and(Value::is_object) && schema["type"] == "object" {
        schema["additionalProperties"] = false.into();
    }
    match schema {
        Value::Array(values) => values.iter_mut().for_each(close),
        Value::Object(members) => members.values_mut().for_each(close),
        _ => {}
    }
}

/// What is not as the document says about an answer to a request.
pub fn faults(method: &str, path: &str, answer: &Answer) -> Vec<String> {
    // Pages are for people, and what they link to is no API.
    if path.starts_with("/jobs") {
        return Vec::new();
    }
    let Some(operation) = operation(method, path) else {
        let is_refused = [404, 405].contains(&answer.status) || answer.header("content-security-policy").is_some();
        return if is_refused { Vec::new() } else { vec![format!("{method} {path} is not in the document")] };
    };
    let response = &operation["responses"][answer.status.to_string()];
    let response = match response["$ref"].as_str() {
        Some(name) => STRICT.pointer(name.trim_start_matches('#')).unwrap(),
        None => response,
    };
    if response.is_null() {
        return vec![format!("{method} {path}: the document has no status {}", answer.status)];
    }
    let content = &response["content"];
    let content_type = answer.header("content-type").unwrap_or_default();
    let plain = |content_type: &str| content_type.split(';').next().unwrap_or_default().to_ascii_lowercase();
    let known = content.as_object().into_iter().flatten().find(|(known, _)| plain(known) == plain(content_type));
    match known {
        // What is packed was looked at unpacked, in another answer.
        _ if answer.body.is_empty() || answer.header("content-encoding").is_some() => Vec::new(),
        Some((_, content)) if plain(content_type) == "application/json" => against(&content["schema"], &answer.json()),
        Some(_) => Vec::new(),
        None => vec![format!("{method} {path}: the document has no {content_type}")],
    }
}

fn against(schema: &Value, value: &Value) -> Vec<String> {
    let mut schema = schema.clone();
    schema["components"] = STRICT["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(value).map(|error| format!("not as the document says: {error} in {value}")).collect()
}

/// The operation of a method and a path, which is not always in its plain form.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    // The head of an answer is that of GET.
    let method = if method == "HEAD" { "get" } else { &method.to_ascii_lowercase() };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').filter(|part| !part.is_empty()).collect();
        template.len() == parts.len()
            && template.iter().zip(&parts).all(|(known, part)| known.starts_with('{') || known == part)
    };
    let paths = STRICT["paths"].as_object().unwrap();
    // A path without parameters goes before one with them.
    let found =
        paths.iter().filter(|(template, _)| fits(template)).min_by_key(|(template, _)| template.matches('{').count());
    found.and_then(|(_, item)| item.get(method))
}

fn operations() -> impl Iterator<Item = (&'static String, &'static String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, value)| (path, method, value)))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_served() {
    let server = Server::start().await;
    for (template, method, _) in operations() {
        let path = template.replace("{wsdl}", "91.0").replace(['{', '}'], "");
        let method = method.to_uppercase();
        let answer = server.send(Request::new(&method, &path)).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!body.contains("There is no such resource") && answer.status != 405, "{method} {path}: {body}");
        assert_eq!(faults(&method, &path, &answer), Vec::<String>::new(), "{method} {path}");
    }
    server.stop().await;
}

/// What is added with `routes!` is in the document; `route` would add what is not.
#[test]
fn no_route_is_added_but_with_what_it_says_of_itself() {
    let http = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    for entry in fs::read_dir(http).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("mod tests {").next().unwrap_or_default();
        assert!(!code.contains(".route("), "{}: a route that the document does not have", path.display());
    }
}

#[test]
fn what_all_guarded_routes_take_is_said_of_each() {
    for (path, method, operation) in operations() {
        let names = operation["parameters"].as_array().into_iter().flatten().map(|parameter| &parameter["name"]);
        let headers = ["Zuora-Entity-Ids", "entityId", "entityName", "Zuora-Org-Ids"];
        let named = names.filter(|name| headers.iter().any(|header| *name == header)).count();
        let is_guarded = operation.get("security").is_some();
        assert_eq!(named, if is_guarded { headers.len() } else { 0 }, "{method} {path}");
    }
    let token = &DOCUMENT["paths"]["/oauth/token"]["post"]["responses"]["200"]["content"]["application/json"];
    assert!(token["schema"].get("oneOf").is_none(), "what is malformed there has status 400: {token}");
}

#[test]
fn every_reference_leads_somewhere_and_every_name_is_used_once() {
    fn references<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| references(value, all)),
            Value::Object(members) => {
                all.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, all));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    references(&DOCUMENT, &mut all);
    assert!(all.len() > 100, "{}", all.len());
    for reference in all {
        assert!(DOCUMENT.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let ids: Vec<&str> = operations().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[test]
fn examples_are_as_their_schemas_say() {
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        if let Some(example) = schema.get("example") {
            assert_eq!(
                against(&json!({ "$ref": format!("#/components/schemas/{name}") }), example),
                Vec::<String>::new(),
                "{name}"
            );
        }
    }
}

/// What a browser gets, without having said who it is.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_there_for_anybody_and_load_nothing_from_elsewhere() {
    let server = Server::start().await;
    for (path, says) in [("/", "self-hosted AQuA"), ("/docs", "/v1/batch-query")] {
        let page = Request::new("GET", path).send(&server.running.url).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none';"), "{path}");
        assert!(page.text().contains(says), "{path}");
        for forbidden in ["<script", "style=\"", "https://", "http://"] {
            // The icon's own namespace is no address.
            let text = page.text().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains(forbidden), "{path}: {forbidden}");
        }
    }
    let docs = Request::new("GET", "/docs").send(&server.running.url).await;
    for (path, ..) in operations() {
        assert!(docs.text().replace("<wbr>", "").contains(path), "{path}");
    }
    server.stop().await;
}
