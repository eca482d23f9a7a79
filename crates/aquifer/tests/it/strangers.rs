//! Every route behind the door, tried by whoever has no business there: another tenant's client, bad credentials, names that
//! are tricks, bodies that are bombs.

use std::io::Write as _;

use crate::{
    http::{Answer, Request},
    server::Server,
};
use aquifer::{clock::Clock as _, http::DOCUMENT, job::JobId};
use flate2::{Compression, write::GzEncoder};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Method, path, body. `{…}` stands for what one tenant has; `*` for both prefixes.
const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "*/batch-query", r#"{"version": "1.1", "partner": "{partner}", "project": "{project}"}"#),
    ("GET", "*/batch-query/jobs/{job}", ""),
    ("DELETE", "*/batch-query/jobs/{job}", ""),
    ("GET", "*/batch-query/jobs/{job}/manifest", ""),
    ("GET", "*/batch-query/jobs/{job}/callout", ""),
    ("POST", "*/batch-query/jobs/{job}/callout/redeliver", ""),
    ("GET", "*/batch-query/jobs/partner/{partner}/project/{project}", ""),
    ("GET", "*/batch-query/sessions", ""),
    ("GET", "*/batch-query/sessions/{partner}/{project}", ""),
    ("POST", "*/batch-query/sessions/{partner}/{project}/increments/{number}/ack", ""),
    ("POST", "*/batch-query/sessions/{partner}/{project}/increments/{number}/replay", ""),
    ("GET", "/v1/files/{file}", ""),
    ("GET", "/v1/file/{file}", ""),
    ("GET", "/apps/api/file/{file}", ""),
    ("GET", "/apps/api/batch-query/file/{file}", ""),
    ("GET", "/v1/batch-query/file/{file}", ""),
    ("GET", "/v1/files/{file}/status", ""),
    ("GET", "*/describe", ""),
    ("GET", "*/describe/{object}", ""),
    ("GET", "*/91.0/describe/{object}", ""),
    ("POST", "/v1/object/export", r#"{"Query": "select {field} from Account"}"#),
    ("GET", "/v1/object/export/{job}", ""),
    ("DELETE", "/v1/object/export/{job}", ""),
    ("POST", "/v1/action/query", r#"{"queryString": "select {field} from Account"}"#),
    ("POST", "/v1/action/queryMore", r#"{"queryLocator": "{locator}"}"#),
    ("GET", "/jobs", ""),
    ("GET", "/jobs/{job}", ""),
    ("GET", "/jobs/files/{file}", ""),
];

/// Those routes under every prefix.
fn routes() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    ROUTES.iter().flat_map(|(method, path, body)| {
        let paths = match path.strip_prefix('*') {
            Some(rest) => vec![format!("/v1{rest}"), format!("/apps/api{rest}")],
            None => vec![path.to_string()],
        };
        paths.into_iter().map(move |path| (*method, path, *body))
    })
}

fn is_page(path: &str) -> bool {
    path.starts_with("/jobs")
}

/// What stands for `{…}`.
type Names<'a> = [(&'static str, &'a str)];

fn fill(template: &str, names: &Names<'_>) -> String {
    names.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

async fn send(server: &Server, authorization: &str, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::new(method, path).header("Authorization", authorization).body(body);
    request.send(&server.running.url).await
}

/// An answer without what differs each time: ids, and the names that were asked for.
fn gist(answer: &Answer, names: &Names<'_>) -> (u16, String) {
    let told = names.iter().filter(|(name, _)| *name != "number");
    let text = told.fold(answer.text().to_owned(), |text, (name, value)| text.replace(value, name));
    let is_id = |word: &str| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words: Vec<&str> = text.split('"').map(|word| if is_id(word) { "id" } else { word }).collect();
    (answer.status, words.join("\""))
}

#[test]
fn strangers_try_every_route_that_is_not_open() {
    let plain = |path: &str| -> Vec<String> {
        let is_name = |part: &str| part.starts_with('{') || part == "91.0";
        path.split('/').map(|part| if is_name(part) { "*".to_owned() } else { part.to_owned() }).collect()
    };
    let tried: Vec<_> = routes().map(|(method, path, _)| (method.to_lowercase(), plain(&path))).collect();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_tried = tried.contains(&(method.clone(), plain(path)));
            assert!(is_tried || operation.get("security").is_none(), "{method} {path} is not in the table");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_has_is_for_another_as_if_it_were_not_there() {
    let server = Server::with(|config| {
        config.tenants.insert("acme".to_owned(), config.tenant.clone());
    })
    .await;
    server.load("Account", "Id,Name,Region__c\nabcdef00000000000000000000000001,Hidden Ltd,north\n");
    let stranger = server.authorization("acme").await;

    let query = json!({ "query": "select Id, Name from Account", "name": "nightly" });
    let body = json!({ "version": "1.1", "partner": "salesforce", "project": "hidden", "queries": [query], "notifyUrl": "http://127.0.0.1:9/done" });
    let job = server.send(Request::new("POST", "/v1/batch-query").body(body.to_string())).await.json();
    let job: JobId = job["id"].as_str().unwrap().parse().unwrap();
    let done = server.ended(job).await;
    let page = json!({ "queryString": "select Name from Account", "conf": { "batchSize": 1 } });
    let page = server.send(Request::new("POST", "/v1/action/query").body(page.to_string())).await.json();
    let before = server.status(job).await;

    let (job_id, file) = (job.to_string(), done.published().next().unwrap().1.id.to_string());
    let real: &Names<'_> = &[
        ("job", &job_id),
        ("file", &file),
        ("locator", page["queryLocator"].as_str().unwrap()),
        ("partner", "salesforce"),
        ("project", "hidden"),
        ("number", "1"),
        ("field", "Region__c"),
        ("object", "Account"),
    ];
    let made_up: &Names<'_> = &[
        ("job", "0123456789abcdef0123456789abcdef"),
        ("file", "fedcba9876543210fedcba9876543210"),
        ("locator", "00112233445566778899aabbccddeeff-1"),
        ("partner", "nobody"),
        ("project", "nothing"),
        ("number", "7"),
        ("field", "Nothing__c"),
        ("object", "Account"),
    ];
    for (method, path, body) in routes() {
        let ask = async |names: &Names<'_>| {
            let answer = send(&server, &stranger, method, &fill(&path, names), &fill(body, names)).await;
            assert!(!answer.text().contains("Hidden Ltd") && !answer.text().contains("<name>Region__c"), "{path}");
            gist(&answer, names)
        };
        assert_eq!(ask(real).await, ask(made_up).await, "{method} {path}");
    }
    let keyed = |authorization: &str, body: &str| {
        let request = Request::new("POST", "/v1/batch-query").header("Authorization", authorization).body(body);
        request.header("Idempotency-Key", "nightly").send(&server.running.url)
    };
    let own = format!("Bearer {}", server.token);
    let first = keyed(&own, &json!({ "queries": [query] }).to_string()).await.json();
    server.ended(first["id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(keyed(&stranger, "{}").await.json()["errorCode"], "90016", "a key of another tenant is another key");

    assert_eq!(server.status(job).await, before);
    let list = server.send(Request::new("GET", "/v1/batch-query/sessions/salesforce/hidden")).await.json();
    let [increment] = list["increments"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&increment["acknowledgedAt"], &increment["delivered"]), (&Value::Null, &json!(false)));
    let more = fill(r#"{"queryLocator": "{locator}"}"#, real);
    assert_eq!(server.send(Request::new("POST", "/v1/action/queryMore").body(more)).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_opens_without_credentials_that_are_right_and_live() {
    let server = Server::start().await;
    let revoked = server.authorization("default").await;
    let expired = format!("Bearer {}", server.token);
    server.clock.advance(SignedDuration::from_hours(1));
    let good = format!("Bearer {}", server.new_token().await);
    let clients = server.running.app.store.clients().await.unwrap();
    let last = clients.iter().find(|client| client.name == "other").unwrap();
    assert!(server.running.app.store.revoke_client(&last.id, server.clock.now()).await.unwrap());

    let bad = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer null".to_owned(),
        format!("{good}0"),
        good.replace("Bearer ", "Bearer  0"),
        format!("Bearer {}", "a".repeat(60_000)),
        format!("Bearer {}", "0".repeat(32)),
        "Bearer ' or 1=1 --".to_owned(),
        "Basic MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOng=".to_owned(),
        "Basic /w==".to_owned(),
        "Basic YQ==".to_owned(),
        expired,
        revoked,
    ];
    for (method, path, body) in routes() {
        for authorization in &bad {
            let answer = send(&server, authorization, method, &path, body).await;
            let shown: String = authorization.chars().take(40).collect();
            // A browser is asked for a name and a password on a page.
            let is_told = is_page(&path) || answer.json()["code"] == 90_000_011;
            assert!(answer.status == 401 && is_told, "{method} {path} {shown}");
        }
    }
    assert_eq!(send(&server, &good, "GET", "/v1/describe", "").await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_tricks_are_names_of_nothing() {
    let server = Server::start().await;
    let authorization = format!("Bearer {}", server.token);
    let long = "a".repeat(20_000);
    let tricks = [
        "..",
        ".",
        "%2e%2e",
        "%2e%2e%2fstore.sqlite",
        "..%5c..",
        "%00",
        "a%00b",
        "%2f",
        "%252e",
        "%0d%0aX-Injected:%201",
        "+",
        "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef0123456789abcdef0",
        "%D9%A1%D9%A2",
        "%ff",
        "%",
        "%zz",
        "'--",
        "-1",
        "4294967296",
        &long,
    ];
    for (method, path, body) in routes().filter(|(_, path, _)| path.contains('{')) {
        for trick in tricks {
            let names = ["job", "file", "partner", "project", "number", "object"].map(|name| (name, trick));
            let answer = send(&server, &authorization, method, &fill(&path, &names), body).await;
            let shown: String = trick.chars().take(40).collect();
            let is_code = |code: &str| answer.text().contains(&format!("\"errorCode\":\"{code}\""));
            let is_nothing = answer.status == 404
                || answer.status == 400 && trick.starts_with('%')
                || answer.status == 200 && is_code("90002");
            assert!(is_nothing, "{method} {path} {shown}: {answer:?}");
            assert_eq!(answer.header("X-Injected"), None);
            let content_type = answer.header("Content-Type").unwrap();
            let is_ours = content_type.contains("json") || content_type.contains("xml") || is_page(&path);
            assert!(is_ours, "{path} {shown}: {answer:?}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_bombs_are_malformed() {
    let server = Server::with(|config| config.server.body_bytes = 1 << 20).await;
    let zip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let blanks = zip(&vec![b' '; 64 << 20]);
    let twice = zip(&blanks);
    let bombs: [(&str, Vec<u8>); 8] = [
        ("identity", vec![b'['; 1 << 19]),
        ("identity", format!("{{\"queries\":{}", "[{\"queries\":".repeat(40_000)).into_bytes()),
        ("identity", format!("[{}0]", "0,".repeat(400_000)).into_bytes()),
        ("identity", format!("{{\"queries\":[{}{{}}]}}", "{},".repeat(200_000)).into_bytes()),
        ("gzip", zip(&vec![b'"'; 2 << 20])),
        ("identity", vec![0xff; 1000]),
        ("gzip", blanks),
        ("gzip", twice),
    ];
    for (method, path, _) in
        routes().filter(|(method, path, body)| *method == "POST" && !body.is_empty() && !path.contains('{'))
    {
        for (at, (encoding, bomb)) in bombs.iter().enumerate() {
            let request = Request::new(method, &path).header("Content-Encoding", encoding).body(bomb.clone());
            let answer = server.send(request).await;
            let is_refused = answer.text().contains("50000090") || answer.text().contains("INVALID_VALUE");
            assert!(is_refused && [200, 400].contains(&answer.status), "{path} {at}: {answer:?}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let server = Server::start().await;
    let answer = server.send_a_part(Request::new("POST", "/v1/batch-query")).await;
    assert_eq!((answer.status, &answer.json()["code"]), (200, &json!(50_000_090)));
    let answer = server.send_a_part(Request::new("POST", "/oauth/token")).await;
    assert_eq!((answer.status, &answer.json()["path"]), (400, &json!("/oauth/token")));
    server.stop().await;
}
