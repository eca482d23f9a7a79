//! The OpenAPI document: what the handlers say of themselves, and what all of them have in common.

use std::sync::{Arc, LazyLock};

use axum::{http::StatusCode, response::Response};
use serde_json::Value;
use utoipa::openapi::{
    Header, Info, License, Object, OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder, Schema, Server, Tag, Type,
    extensions::Extensions,
    path::{Operation, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, OneOfBuilder},
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{respond, routes};
use crate::app::App;

/// Says of an operation which path it is another one for.
pub const VARIANT_OF: &str = "x-variant-of";

/// As it is served. Made when it is first asked for.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// This document
///
/// For generators of clients; people may prefer the page `/docs`.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Server",
    responses((status = 200, description = "OpenAPI 3.1", body = HashMap<String, Value>)),
)]
pub async fn openapi() -> Response {
    respond::json(StatusCode::OK, &*DOCUMENT)
}

type Routes = UtoipaMethodRouter<Arc<App>>;

/// The same handlers on other paths.
pub fn also_at((schemas, mut paths, handlers): Routes, others: &[&str]) -> Routes {
    for (path, item) in paths.paths.clone() {
        for other in others {
            paths.paths.insert((*other).to_owned(), variant(&path, other, item.clone()));
        }
    }
    (schemas, paths, handlers)
}

/// The same handlers under the prefix that the API had before `/v1`.
pub fn old_prefix_too(routes: Routes) -> Routes {
    let others: Vec<String> = routes.1.paths.keys().map(|path| path.replacen("/v1", "/apps/api", 1)).collect();
    also_at(routes, &others.iter().map(String::as_str).collect::<Vec<_>>())
}

fn variant(path: &str, other: &str, mut item: PathItem) -> PathItem {
    // Ids of operations are unique.
    let suffix = other.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    for operation in operations(&mut item) {
        operation.operation_id = operation.operation_id.take().map(|id| format!("{id}{suffix}"));
        operation.extensions = Some(Extensions::builder().add(VARIANT_OF, path).build());
    }
    item
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn document() -> Value {
    let mut api = OpenApi::new(info(), utoipa::openapi::Paths::new());
    let mut guarded = routes::guarded().into_openapi();
    guarded.paths.paths.values_mut().for_each(guard);
    guarded.paths.paths.values_mut().filter_map(|item| item.post.as_mut()).for_each(may_be_malformed);
    api.merge(guarded);
    api.merge(routes::open().into_openapi());
    api.paths.paths.values_mut().flat_map(operations).for_each(everywhere);
    api.tags = Some(tags());
    api.servers = Some(vec![Server::new("/")]);
    let components = api.components.get_or_insert_default();
    components.responses = common_responses().map(|(name, response)| (name.to_owned(), response.into())).into();
    components.security_schemes = security_schemes().map(|(name, scheme)| (name.to_owned(), scheme)).into();
    // It is made of texts, numbers and maps with texts for keys: nothing that JSON could not say.
    let mut document = serde_json::to_value(&api).unwrap_or_default();
    absent_is_not_null(&mut document);
    spell_links(&mut document["paths"]);
    document
}

fn info() -> Info {
    let mut info = Info::new("Aquifer", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "An open, self-hosted AQuA: a client posts a job of queries over one consistent snapshot of billing data and \
         downloads the results as files. Repeated slashes and one at the end of a path are ignored; HEAD is GET without the body. What the original \
         of this API does not have is said to be ours."
            .to_owned(),
    );
    let mut license = License::new("MIT");
    license.identifier = Some("MIT".to_owned());
    info.license = Some(license);
    info
}

fn tags() -> Vec<Tag> {
    let tags = [
        ("Jobs", "Up to 50 queries that read one snapshot"),
        ("Files", "The results of jobs and object exports"),
        ("Sessions", "What the stateful jobs of a partner's project have returned"),
        ("Object model", "What can be queried, as XML"),
        ("Object exports", "One query, one file"),
        ("ZOQL", "Records at once, a page at a time"),
        ("Server", "Tokens, and the server itself"),
    ];
    tags.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build()).into()
}

/// The forms in which a client can say who it is.
fn security_schemes() -> [(&'static str, SecurityScheme); 4] {
    let http = |scheme, description: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(scheme).description(Some(description)).build())
    };
    let header = |name: &str, description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, description)))
    };
    [
        ("token", http(HttpAuthScheme::Bearer, "A token of `/oauth/token`")),
        ("basic", http(HttpAuthScheme::Basic, "A client's id and secret, or a user's name and password")),
        ("keyId", header("apiAccessKeyId", "A client's id, or a user's name")),
        ("keySecret", header("apiSecretAccessKey", "The client's secret, or the user's password")),
    ]
}

/// What stands around all guarded routes, as [`super::service`] puts it there.
fn guard(item: &mut PathItem) {
    let none: [&str; 0] = [];
    let keys = SecurityRequirement::new("keyId", none).add("keySecret", none);
    let security = [SecurityRequirement::new("token", none), SecurityRequirement::new("basic", none), keys];
    for operation in operations(item) {
        operation.security = Some(security.to_vec());
        operation.parameters.get_or_insert_default().extend(owner_headers());
        for (status, name) in [("401", "Unauthenticated"), ("429", "TooManyRequests")] {
            operation.responses.responses.insert(status.to_owned(), Ref::from_response_name(name).into());
        }
        let bad = operation.responses.responses.entry("400".to_owned());
        if let RefOr::T(bad) = bad.or_insert_with(|| Ref::from_response_name("NoSuchOwner").into()) {
            or_platform_error(bad);
        }
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                response.headers.extend(rate_headers());
            }
        }
    }
    for change in [&mut item.post, &mut item.delete].into_iter().flatten() {
        let forbidden = change.responses.responses.entry("403".to_owned());
        forbidden.or_insert_with(|| Ref::from_response_name("CrossSite").into());
    }
    if let Some(post) = &mut item.post {
        let key = "Does the request once: sent again with its key within 24 hours, it is answered as the first time";
        post.parameters.get_or_insert_default().push(header_parameter("Idempotency-Key", key, Some(255)));
        for (status, name) in [("409", "KeyInUse"), ("422", "KeyOfAnother")] {
            post.responses.responses.insert(status.to_owned(), Ref::from_response_name(name).into());
        }
    }
}

/// Any POST behind the door may turn out to be malformed, by its body or its `Idempotency-Key`, which is said with status 200.
fn may_be_malformed(post: &mut Operation) {
    if let Some(RefOr::T(response)) = post.responses.responses.get_mut("200") {
        or_platform_error(response);
    }
}

fn or_platform_error(response: &mut utoipa::openapi::Response) {
    let Some(content) = response.content.get_mut("application/json") else { return };
    let error = Ref::from_schema_name("PlatformError");
    content.schema = content.schema.take().map(|schema| OneOfBuilder::new().item(schema).item(error).into());
}

fn everywhere(operation: &mut Operation) {
    let track = "Said back; without `: ; \" '`";
    operation.parameters.get_or_insert_default().push(header_parameter("Zuora-Track-Id", track, Some(64)));
    operation.responses.responses.insert("500".to_owned(), Ref::from_response_name("Internal").into());
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert("Zuora-Request-Id".to_owned(), Header::default());
        }
    }
}

fn header_parameter(name: &str, description: &str, most: Option<usize>) -> utoipa::openapi::path::Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(most);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// What a request may narrow its client's rights to.
fn owner_headers() -> [utoipa::openapi::path::Parameter; 4] {
    let entity = "Of the entities that the client may see, only this one; the same as `Zuora-Entity-Ids`";
    [
        ("Zuora-Entity-Ids", "Of the entities that the client may see, only these, with commas between them"),
        ("entityId", entity),
        ("entityName", entity),
        ("Zuora-Org-Ids", "Of the organisations that the client may see, only these, with commas between them"),
    ]
    .map(|(name, description)| header_parameter(name, description, None))
}

fn rate_headers() -> [(String, Header); 3] {
    let number = |description: &str| {
        let mut header = Header::new(Object::with_type(Type::Integer));
        header.description = Some(description.to_owned());
        header
    };
    [
        ("RateLimit-Remaining", "Requests that the tenant has left; `RateLimit-Limit` says of how many"),
        ("RateLimit-Reset", "Seconds until it has all of them again"),
        (
            "Concurrency-Limit-Remaining",
            "Requests that the tenant may make beside this one; `Concurrency-Limit-Limit` says of how many",
        ),
    ]
    .map(|(name, description)| (name.to_owned(), number(description)))
}

fn common_responses() -> [(&'static str, utoipa::openapi::Response); 7] {
    let response = |description: &str, schema: &str| {
        let content = utoipa::openapi::Content::new(Some(Ref::from_schema_name(schema)));
        ResponseBuilder::new()
            .description(description)
            .content("application/json", content)
            .header("Zuora-Request-Id", Header::default())
    };
    let platform = |description| response(description, "PlatformError");
    let seconds = Header::new(Schema::from(Object::with_type(Type::Integer)));
    [
        ("Unauthenticated", platform("No credentials, or none that are known").build()),
        ("NoSuchOwner", platform("An entity or organisation that there is not, or not for this client").build()),
        (
            "CrossSite",
            platform("A page of another site sent a browser here, with the password that it remembers").build(),
        ),
        ("TooManyRequests", platform("More than a limit allows").header("Retry-After", seconds).build()),
        ("KeyInUse", platform("The first request with this `Idempotency-Key` is still running").build()),
        ("KeyOfAnother", platform("This `Idempotency-Key` belongs to a request of another method or URL").build()),
        ("Internal", response("A fault of ours; the log has it, by the request's id", "AquaError").build()),
    ]
}

/// utoipa 5.5 writes `operation_id` where a link has `operationId`.
fn spell_links(value: &mut Value) {
    if let Some(links) = value.get_mut("links").and_then(Value::as_object_mut) {
        for link in links.values_mut().filter_map(Value::as_object_mut) {
            if let Some(id) = link.remove("operation_id") {
                link.insert("operationId".to_owned(), id);
            }
        }
    }
    match value {
        Value::Array(values) => values.iter_mut().for_each(spell_links),
        Value::Object(members) => members.values_mut().for_each(spell_links),
        _ => {}
    }
}

/// A key that may be absent is never null. Of requests this says less than is true: there, null is the same as absent.
fn absent_is_not_null(value: &mut Value) {
    let required = value.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(properties) = value.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, schema) in properties {
            if !required.iter().any(|required| required == name) {
                never_null(schema);
            }
        }
    }
    match value {
        Value::Array(values) => values.iter_mut().for_each(absent_is_not_null),
        Value::Object(members) => members.values_mut().for_each(absent_is_not_null),
        _ => {}
    }
}

fn never_null(schema: &mut Value) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    let Some(Value::Array(forms)) = schema.get_mut("oneOf") else { return };
    forms.retain(|form| form.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = forms.as_slice() {
        let only = only.clone();
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("oneOf");
            schema.extend(only);
        }
    }
}
