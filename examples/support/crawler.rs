//! The web that `crawler` walks through: two hosts, with the things in them that a crawler stumbles over.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::support::Server;

/// What the servers were asked for.
#[derive(Clone, Default)]
pub(crate) struct Visits(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    times: HashMap<String, usize>,
    now: HashMap<String, usize>,
    most: usize,
}

impl Visits {
    /// How often a URL was asked for.
    pub(crate) fn of(&self, url: &str) -> usize {
        self.with(|seen| seen.times.get(url).copied().unwrap_or_default())
    }

    /// How many requests one host had at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.with(|seen| seen.most)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts the server of both hosts, `docs.example` and `blog.example`.
pub(crate) fn start() -> io::Result<(Server, Visits)> {
    let visits = Visits::default();
    let router = Router::new().fallback(page).with_state(visits.clone());
    Ok((Server::start(router)?, visits))
}

/// A request under way, for the count of those at once.
struct Under(Visits, String);

impl Drop for Under {
    fn drop(&mut self) {
        self.0
            .with(|seen| *seen.now.entry(self.1.clone()).or_default() -= 1);
    }
}

async fn page(State(visits): State<Visits>, request: Request) -> Response {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default().to_owned();
    let path = request.uri().path().to_owned();
    visits.with(|seen| {
        *seen
            .times
            .entry(format!("http://{host}{path}"))
            .or_default() += 1;
        let now = seen.now.entry(host.clone()).or_default();
        *now += 1;
        seen.most = seen.most.max(*now);
    });
    let under = Under(visits, host.clone());
    match (host.as_str(), path.as_str()) {
        (_, "/robots.txt") if host == "docs.example" => {
            "User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /private/ # keys\n"
                .into_response()
        }
        ("docs.example", "/") => html(
            "Documentation",
            &[
                "guide/",
                "/api/1",
                "#top",
                "mailto:tom@docs.example",
                "http://blog.example/",
                "http://elsewhere.example/",
            ],
        ),
        ("docs.example", "/guide/") => html(
            "Guide",
            &[
                "install",
                "./usage?from=guide",
                "../",
                "/private/keys",
                "/old",
                "/missing",
                "/stuck",
                "/huge",
                "/logo.png",
            ],
        ),
        ("docs.example", "/guide/install" | "/guide/usage") => {
            html("Of the guide", &["../", "install", "usage?from=guide"])
        }
        ("docs.example", "/old") => Redirect::permanent("/guide/").into_response(),
        ("docs.example", "/stuck") => {
            // Not counted: when the client gave it up is seen here later than there.
            drop(under);
            std::future::pending().await
        }
        ("docs.example", "/huge") => html(&"endless ".repeat(1 << 19), &["beyond"]),
        ("docs.example", "/logo.png") => {
            ([("content-type", "image/png")], "not HTML").into_response()
        }
        ("docs.example", path) if path.starts_with("/api/") => {
            let next = path[5..].parse().unwrap_or(0) + 1;
            match next {
                2..=13 => html("Of the API", &[&next.to_string(), "/", "/guide/"]),
                _ => html("The last of the API", &["1"]),
            }
        }
        ("blog.example", "/") => html(
            "Blog",
            &[
                "posts/1",
                "posts/2",
                "posts/3",
                "http://docs.example/",
                "moved",
            ],
        ),
        ("blog.example", "/moved") => {
            Redirect::temporary("http://elsewhere.example/").into_response()
        }
        ("blog.example", path) if path.starts_with("/posts/") => {
            html("A post", &["../", "http://docs.example/guide/"])
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn html(title: &str, links: &[&str]) -> Response {
    let links: String = links
        .iter()
        .map(|link| format!("<li><a class=\"link\" href=\"{link}\">{link}</a>\n"))
        .collect();
    Html(format!("<title>{title}</title>\n<ul>\n{links}</ul>\n")).into_response()
}
