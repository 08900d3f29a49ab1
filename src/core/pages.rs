//! Walking through a listing page by page, by the links of its responses.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use http::Method;
use http::header::LOCATION;
use url::{Position, Url};

use super::client::Client;
use super::response::Response;
use super::{dual, rt};
use crate::error::{Error, ErrorKind, Result};
use crate::links::Links;
use crate::redirect;
use crate::request::Request;

/// The pages of a listing, made by [`RequestBuilder::pages`](super::request_builder::RequestBuilder::pages).
///
/// It ends after a page without a link to the next one, after a page whose status is an error, and after the first error. A call of
/// [`next`](Pages::next) that is given up, in the async form, is gone on with by the following one: no page is lost, and none is asked for twice.
///
/// # Example
///
#[doc = example!(
    answering r#".get("/items?page=2", "two").get("/items", (200, [("link", "</items?page=2>; rel=next")], "one"))"#: r#"let mut pages = client.get("https://api.example/items").pages();
let mut texts = Vec::new();
while let Some(page) = pages.next()"#,
    r#" {
    texts.push(page?.error_for_status()?.text()"#,
    r#"?);
}
assert_eq!(texts, ["one", "two"]);"#
)]
#[must_use = "no page is asked for before `next` is called"]
pub struct Pages {
    /// Away while a page is asked for.
    pub(crate) walk: Option<Walk>,
    /// The page that is asked for.
    pub(crate) pending: rt::Pending<Stepped>,
}

/// What came of a step, and who made it.
pub(crate) type Stepped = (Walk, Option<Result<Response>>);

/// What a walk from page to page needs.
pub(crate) struct Walk {
    client: Client,
    next: Option<Result<Request>>,
    left: usize,
    /// Of the pages that were asked for. Their hashes, since a server may make its URLs long.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Pages {
    pub(crate) fn new(client: Client, first: Result<Request>) -> Self {
        let mut walk = Walk {
            client,
            next: None,
            left: usize::MAX,
            seen: HashSet::new(),
            hasher: RandomState::new(),
        };
        if let Ok(request) = &first {
            walk.is_new(request.method(), request.url());
        }
        walk.next = Some(first);
        Pages {
            walk: Some(walk),
            pending: rt::Pending::default(),
        }
    }

    /// Ends after this many pages, whether there are more or not. Default: no limit.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("/items", (200, [("link", "</items?page=2>; rel=next")], "one"))"#: r#"let mut pages = client.get("https://api.example/items").pages().max_pages(1);
assert_eq!(pages.next()"#,
        r#".unwrap()?.text()"#,
        r#"?, "one");
assert!(pages.next()"#,
        r#".is_none());"#
    )]
    pub fn max_pages(mut self, pages: usize) -> Self {
        if let Some(walk) = &mut self.walk {
            walk.left = pages;
        }
        self
    }
}

#[dual]
impl Pages {
    /// Gives the next page; `None` after the last one.
    ///
    /// # Errors
    /// As [`RequestBuilder::send`](super::request_builder::RequestBuilder::send); `RemoteProtocolError` where a link cannot be
    /// followed, or leads to a page that was there before; `UnsupportedProtocol` where it leads to another scheme than `http` and `https`.
    #[allow(
        clippy::should_implement_trait,
        reason = "the blocking form implements it too; the inherent method is one text for both"
    )]
    pub async fn next(&mut self) -> Option<Result<Response>> {
        let stepped = match self.walk.take() {
            Some(walk) => self.pending.run(walk.step()).await,
            None => self.pending.settle().await,
        };
        let (walk, page) = stepped?;
        self.walk = Some(walk);
        page
    }
}

#[dual]
impl Walk {
    /// Asks for a page.
    pub(crate) async fn step(mut self) -> Stepped {
        if self.left == 0 {
            self.next = None;
        }
        let request = match self.next.take() {
            None => return (self, None),
            Some(Err(error)) => return (self, Some(Err(error))),
            Some(Ok(request)) => request,
        };
        let asked = request.shadow();
        let page = self.client.start(request).await;
        self.left -= 1;
        if let Ok(response) = &page {
            self.next = self.after(&asked, response);
        }
        (self, Some(page))
    }
}

impl Walk {
    /// The request that comes after `asked`, by what it was answered.
    fn after(&mut self, asked: &Request, response: &Response) -> Option<Result<Request>> {
        if response.is_error() || self.left == 0 {
            return None;
        }
        let links = Links::of_the_document(response.headers());
        // Not `get`, which finds a link without a relation by its target.
        let next = links.iter().find(|link| link.has_relation("next"))?;
        let config = self.client.config();
        let next = redirect::next_page(asked, &hops(asked, response), next.url(), config);
        let next = next.and_then(|next| match self.is_new(next.method(), next.url()) {
            true => Ok(next),
            false => Err(Error::new(
                ErrorKind::RemoteProtocolError,
                "the pages go round in a circle: the link to the next one leads to one that was there before",
            )),
        });
        Some(next.map_err(|error| response.locate(error)))
    }

    /// Notes a page; tells whether it is the first time.
    fn is_new(&mut self, method: &Method, url: &Url) -> bool {
        let page = (method, &url[..Position::AfterQuery]);
        self.seen.insert(self.hasher.hash_one(page))
    }
}

/// Where redirects led the request. What an auth flow asked for before was no redirect of it.
fn hops<'a>(asked: &Request, response: &'a Response) -> Vec<&'a Url> {
    let mut urls = vec![response.url()];
    for entry in response.history().iter().rev() {
        if !redirect::is_followed(entry.status()) || !entry.headers().contains_key(LOCATION) {
            break;
        }
        urls.push(entry.url());
    }
    urls.reverse();
    if urls[0] == asked.url() {
        urls.remove(0);
    }
    urls
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = self.walk.as_ref().and_then(|walk| walk.next.as_ref());
        f.debug_struct("Pages")
            .field("next", &next)
            .finish_non_exhaustive()
    }
}
