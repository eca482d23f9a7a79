//! The frame of every page, its stylesheet, and what a page may load.

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use maud::{DOCTYPE, Markup, html};

/// Where the stylesheet is served.
pub const STYLE: &str = "/style.css";

/// The pages that every page links to, in this order.
const NAVIGATION: &[(&str, &str)] = &[("/jobs", "Jobs"), ("/docs", "API")];

/// What a page without scripts may load: our stylesheet and nothing else; no other site may show it in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// A whole page. `path` is that of the entry in the navigation that the page belongs to, or of the page itself.
pub fn page(path: &str, title: &str, main: &Markup) -> Response {
    with_policy(POLICY, StatusCode::OK, path, title, main)
}

/// The same with another status.
pub fn page_with_status(status: StatusCode, path: &str, title: &str, main: &Markup) -> Response {
    with_policy(POLICY, status, path, title, main)
}

/// For whoever has not said who they are.
pub fn stranger() -> Response {
    let main = html! {
        h1 { "Who are you?" }
        p { "This page is for clients of the server: the user name is a client's id, the password its secret." }
    };
    page_with_status(StatusCode::UNAUTHORIZED, "", "Who are you?", &main)
}

/// The same for a page that has to load more than others: `policy` is the whole Content-Security-Policy.
pub fn with_policy(policy: &'static str, status: StatusCode, path: &str, title: &str, main: &Markup) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A page shows how things stand now, and to whom it was shown only.
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (status, headers, Html(document(path, title, main).into_string())).into_response()
}

fn document(path: &str, title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Aquifer" }
                link rel="stylesheet" href=(STYLE);
                // A drop; without it, browsers ask for /favicon.ico.
                link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%230a7ea4' d='M8 1c3 4 5 6 5 9a5 5 0 0 1-10 0c0-3 2-5 5-9z'/%3E%3C/svg%3E";
            }
            body {
                header {
                    a.brand href="/" { "Aquifer" }
                    nav {
                        @for (target, name) in NAVIGATION {
                            a href=(target) aria-current=[(*target == path).then_some("page")] { (name) }
                        }
                    }
                }
                main { (main) }
                footer { "Aquifer " (env!("CARGO_PKG_VERSION")) }
            }
        }
    }
}

/// The stylesheet. Browsers ask for it again with every page: it is small, and a new version of the server has another.
pub async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css;charset=UTF-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, include_str!("style.css")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let page = document("/", "<b>", &html! { p { ("<script>alert(1)</script>") } }).into_string();
        assert!(page.contains("<title>&lt;b&gt; · Aquifer</title>"), "{page}");
        assert!(page.contains("<p>&lt;script&gt;"), "{page}");
    }
}
