//! Reads a listing of many pages from a JSON API, and takes a busy server's "try later" for an answer.
//!
//! `cargo run --example paged_api`, or with the URL of a listing:
//! `cargo run --example paged_api -- https://api.github.com/orgs/rust-lang/repos`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

#[path = "support/paged_api.rs"]
mod api;
mod support;

use std::env;
use std::time::Duration;

use dimorph::transport::{Attempts, Handler, Retry};
use dimorph::{Client, Result, Timeout};
use serde::Deserialize;

/// What is wanted of a project; other members of the JSON are ignored.
#[derive(Debug, Deserialize)]
struct Project {
    id: u64,
    full_name: String,
}

fn client() -> Result<Client> {
    // Requests that can be repeated without harm are sent again when the connection is lost, or the answer is 429, 502, 503 or
    // 504: after the time that the server asks for, else after a growing, random one.
    let retry = Retry::new(4)
        .max_retry_after(Duration::from_secs(30))
        .on_retry(|failed| {
            let status = failed.status().map(|status| status.to_string());
            let error = failed.error().map(ToString::to_string);
            let why = status.or(error).unwrap_or_default();
            println!("  {why}: again in {:?}", failed.delay());
        });
    Client::builder()
        .transport(retry.over(Client::new()))
        .header("accept", "application/json")
        // Five seconds of silence are too many; so is a minute for one page, with all its attempts.
        .timeout(Timeout::new(Duration::from_secs(5)).total(Duration::from_secs(60)))
        .build()
}

fn all_projects(client: &Client, url: &str) -> Result<Vec<Project>> {
    let mut projects = Vec::new();
    // Each page is asked for when it is wanted, by the `link` header of the one before: relative to it or not, never one twice,
    // and at another origin without the credentials of this one.
    let pages = client.get(url).params([("per_page", 10)]).pages();
    for response in pages.max_pages(1000) {
        let response = response?.error_for_status()?;
        let attempts = response.extensions().get().map_or(1, |Attempts(n)| *n);
        // What does not fit is an error that names the place: `[3].full_name`.
        let page: Vec<Project> = response.json()?;
        println!("a page of {}, at attempt {attempts}", page.len());
        projects.extend(page);
    }
    Ok(projects)
}

fn main() -> support::Done {
    let client = client()?;
    if let Some(url) = env::args().nth(1) {
        for project in all_projects(&client, &url)? {
            println!("{:>12}  {}", project.id, project.full_name);
        }
        return Ok(());
    }

    let server = api::start()?;
    let projects = all_projects(&client, &server.url("/projects"))?;
    println!(
        "{} projects, the last one {:?}",
        projects.len(),
        projects.last()
    );
    let ids: Vec<_> = projects.iter().map(|project| project.id).collect();
    assert_eq!(ids, (1..=api::PROJECTS as u64).collect::<Vec<_>>());
    Ok(())
}
