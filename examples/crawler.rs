//! Walks through a site, with limits on everything: pages, connections, requests per host and second, time, size.
//!
//! `cargo run --example crawler --features async`, or with where to begin:
//! `cargo run --example crawler --features async -- https://example.org`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

mod support;
#[path = "support/crawler.rs"]
mod web;

use std::collections::{HashMap, HashSet, VecDeque};
use std::env;
use std::sync::Arc;
use std::time::Duration;

use dimorph::asynchronous::{Client, ClientBuilder};
use dimorph::transport::{Handler, RateLimit};
use dimorph::{AsyncClient, Error, PoolLimits, Result, Timeout, Url};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

const PAGES: usize = 200;
const AT_ONCE: usize = 8;
const PER_HOST: usize = 2;
/// What of a page is read, in bytes.
const LARGEST: usize = 1 << 20;

/// A host to be crawled, and what it asks of crawlers.
struct Host {
    slots: Semaphore,
    disallowed: OnceCell<Vec<String>>,
}

struct Crawler {
    client: AsyncClient,
    hosts: HashMap<String, Host>,
}

enum Outcome {
    Page { status: u16, links: Vec<Url> },
    Disallowed,
    Failed(Error),
}

impl Crawler {
    fn new(engine: ClientBuilder, hosts: &[&str]) -> Result<Self> {
        let names: HashSet<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        // Eight connections for everything; who finds none waits its turn in the pool.
        let limits = PoolLimits::new().hard_limit(AT_ONCE);
        let engine = engine.pool_limits(limits).build()?;
        // To one host never two requests within the same 20 ms.
        let politely = RateLimit::new(50, Duration::from_secs(1))
            .burst(1)
            .per_host();
        let within = names.clone();
        let client = Client::builder()
            .transport(politely.over(engine))
            .user_agent("example-crawler/1.0 (+https://crawler.example)")
            // Two seconds of silence, and ten for a page, however it drips.
            .timeout(
                Timeout::new(Duration::from_secs(2))
                    .pool(None)
                    .total(Duration::from_secs(10)),
            )
            // A redirect that leads elsewhere is not followed; it is the response.
            .redirect_policy(move |attempt| match attempt.url().host_str() {
                Some(host) if within.contains(host) => attempt.follow(),
                _ => attempt.stop(),
            })
            .build()?;
        let host = || Host {
            slots: Semaphore::new(PER_HOST),
            disallowed: OnceCell::new(),
        };
        Ok(Self {
            client,
            hosts: names.into_iter().map(|name| (name, host())).collect(),
        })
    }

    fn host(&self, url: &Url) -> Option<&Host> {
        self.hosts.get(url.host_str()?)
    }

    /// Visits a page, when its host has room for one more.
    async fn visit(&self, url: &Url) -> Outcome {
        let Some(host) = self.host(url) else {
            return Outcome::Disallowed;
        };
        let Ok(_slot) = host.slots.acquire().await else {
            return Outcome::Disallowed;
        };
        // The first that comes to a host reads its robots.txt; the others wait for it.
        let disallowed = host.disallowed.get_or_init(|| self.robots(url)).await;
        if disallowed
            .iter()
            .any(|prefix| url.path().starts_with(prefix))
        {
            return Outcome::Disallowed;
        }
        self.fetch(url).await.unwrap_or_else(Outcome::Failed)
    }

    async fn fetch(&self, url: &Url) -> Result<Outcome> {
        let mut response = self.client.get(url).send().await?;
        let status = response.status().as_u16();
        let kind = response
            .headers()
            .get("content-type")
            .and_then(|kind| kind.to_str().ok());
        let is_html = kind.is_some_and(|kind| kind.starts_with("text/html"));
        if !response.is_success() || !is_html {
            return Ok(Outcome::Page {
                status,
                links: Vec::new(),
            });
        }
        // What comes after the first megabyte is not waited for: a response that is dropped ends.
        let mut html = Vec::new();
        while html.len() < LARGEST
            && let Some(chunk) = response.chunk().await?
        {
            html.extend_from_slice(&chunk);
        }
        // Links are relative to where redirects have led.
        let links = links(response.url(), &String::from_utf8_lossy(&html));
        Ok(Outcome::Page { status, links })
    }

    /// The paths that robots.txt forbids to everybody; whoever has none forbids nothing.
    async fn robots(&self, url: &Url) -> Vec<String> {
        let text = async {
            let url = url.join("/robots.txt").map_err(Error::other)?;
            self.client
                .get(url)
                .send()
                .await?
                .error_for_status()?
                .text()
                .await
        };
        let (mut ours, mut paths) = (false, Vec::new());
        for line in text.await.unwrap_or_default().lines() {
            let line = line.split('#').next().unwrap_or_default();
            match line
                .split_once(':')
                .map(|(key, value)| (key.trim(), value.trim()))
            {
                Some((key, agent)) if key.eq_ignore_ascii_case("user-agent") => ours = agent == "*",
                Some((key, path))
                    if ours && key.eq_ignore_ascii_case("disallow") && !path.is_empty() =>
                {
                    paths.push(path.to_owned());
                }
                _ => {}
            }
        }
        paths
    }
}

/// Where a page's links lead. (A crawler for the web at large would have an HTML parser do this.)
fn links(base: &Url, html: &str) -> Vec<Url> {
    let targets = html
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let urls = targets.filter_map(|target| base.join(target).ok());
    urls.filter(|url| url.scheme().starts_with("http"))
        .map(|mut url| {
            // A place within a page is no page of its own.
            url.set_fragment(None);
            url
        })
        .collect()
}

async fn crawl(crawler: Crawler, start: Url) -> support::Done<Vec<(Url, Outcome)>> {
    let crawler = Arc::new(crawler);
    let mut seen = HashSet::from([start.clone()]);
    let mut waiting = VecDeque::from([start]);
    let mut tasks = JoinSet::new();
    let mut visited = Vec::new();
    loop {
        while tasks.len() < AT_ONCE
            && let Some(url) = waiting.pop_front()
        {
            let crawler = Arc::clone(&crawler);
            tasks.spawn(async move {
                let outcome = crawler.visit(&url).await;
                (url, outcome)
            });
        }
        let Some(done) = tasks.join_next().await else {
            break;
        };
        let (url, outcome) = done?;
        match &outcome {
            Outcome::Page { status, links } => {
                println!("{status}  {url}");
                for link in links.iter().filter(|link| crawler.host(link).is_some()) {
                    if seen.len() < PAGES && seen.insert(link.clone()) {
                        waiting.push_back(link.clone());
                    }
                }
            }
            Outcome::Disallowed => println!(" no  {url}: robots.txt"),
            Outcome::Failed(error) => println!("  !  {error}"),
        }
        visited.push((url, outcome));
    }
    crawler.client.close().await;
    Ok(visited)
}

#[tokio::main]
async fn main() -> support::Done {
    if let Some(url) = env::args().nth(1) {
        let start = Url::parse(&url)?;
        let crawler = Crawler::new(Client::builder(), &[start.host_str().unwrap_or_default()])?;
        crawl(crawler, start).await?;
        return Ok(());
    }

    let (server, visits) = web::start()?;
    let hosts = ["docs.example", "blog.example"];
    let engine = hosts.iter().fold(Client::builder(), |engine, host| {
        engine.resolve(host, server.address())
    });
    let visited = crawl(
        Crawler::new(engine, &hosts)?,
        Url::parse("http://docs.example/")?,
    )
    .await?;

    let pages = visited
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Page { .. }))
        .count();
    let timeouts = visited
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(error) if error.is_timeout()))
        .count();
    println!(
        "{pages} pages, {timeouts} timeout, at most {} requests at once to a host",
        visits.most_at_once()
    );
    assert_eq!((visited.len(), pages, timeouts), (28, 26, 1));
    assert_eq!(
        visits.of("http://docs.example/private/keys"),
        0,
        "robots.txt forbids it"
    );
    assert_eq!(
        visits.of("http://docs.example/"),
        1,
        "a page is visited once"
    );
    assert!(visits.most_at_once() <= PER_HOST);
    Ok(())
}
