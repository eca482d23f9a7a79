//! `/`: what this server is.

use axum::response::Response;
use maud::html;

use super::{docs, layout};

pub async fn welcome() -> Response {
    let main = html! {
        h1 { "Aquifer" }
        p {
            "An open, self-hosted AQuA: a client posts a job of queries over one consistent snapshot of billing data \
             and downloads the results as files."
        }
        dl {
            dt { "Version" }
            dd { (env!("CARGO_PKG_VERSION")) }
            dt { "For people" }
            dd { a href=(docs::PATH) { "The API, route by route" } }
            dt { "For programs" }
            dd { a href="/openapi.json" { code { "/openapi.json" } } }
            dt { "For load balancers" }
            dd { a href="/healthz" { code { "/healthz" } } }
        }
        h2 { "A client of it" }
        p { "Any client of the original will do: change its URL. Ids and secrets are made with " code { "aquifer client create NAME" } "." }
    };
    layout::page("/", "Welcome", &main)
}
