//! The `link` header (RFC 8288), read as leniently as HTTPX and requests do.
//!
//! Written as the RFC's parser (appendix B) with these leniencies: a target without angle brackets,
//! values in single quotes, a comma inside an unquoted value, parameters without a value. Unlike
//! HTTPX, quoted strings may hold `;`, `,`, `=` and `<`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use http::HeaderMap;
use http::header::LINK;

/// The links of a response, by relation; those of its `link` headers (RFC 8288).
///
/// ```
/// use dimorph::transport::Mock;
///
/// let link = r#"<https://example.org/items?page=2>; rel="next", </items>; rel="first""#;
/// let mock = Mock::routes().get("*", (200, [("link", link)], "[]"));
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let links = client.get("https://example.org/items").send()?.links();
/// assert_eq!(links.get("next").unwrap().url(), "https://example.org/items?page=2");
/// assert_eq!(links.len(), 2);
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    links: Vec<Link>,
}

impl Links {
    /// Keys the links by relation, or by target where a link has none. Of two links with one key
    /// the later one counts, as in HTTPX.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        Links::keyed(parse_links(headers))
    }

    /// The same of those that are the document's own: with an anchor a link is another one's (RFC 8288 section 3.2).
    pub(crate) fn of_the_document(headers: &HeaderMap) -> Self {
        let mut links = parse_links(headers);
        links.retain(|link| link.param("anchor").is_none());
        Links::keyed(links)
    }

    fn keyed(all: Vec<Link>) -> Self {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut links: Vec<Link> = Vec::new();
        for link in all {
            match places.entry(link.key().to_owned()) {
                Entry::Occupied(place) => links[*place.get()] = link,
                Entry::Vacant(place) => {
                    place.insert(links.len());
                    links.push(link);
                }
            }
        }
        Links { links }
    }

    /// Finds the link of a relation type, such as `next`; a link without a relation is found by its
    /// target.
    ///
    /// A link with several relation types (`rel="prev start"`) is found by each of them and by the
    /// whole string, which is its only key in HTTPX. Relation types are compared without regard to
    /// case (RFC 8288 section 2.1.1).
    pub fn get(&self, rel: &str) -> Option<&Link> {
        self.links
            .iter()
            .find(|link| link.key() == rel)
            .or_else(|| self.links.iter().find(|link| link.has_relation(rel)))
    }

    /// Goes through the links in the order of the header.
    pub fn iter(&self) -> std::slice::Iter<'_, Link> {
        self.links.iter()
    }

    /// Counts the links.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Says whether the response had no link.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}

impl<'a> IntoIterator for &'a Links {
    type Item = &'a Link;
    type IntoIter = std::slice::Iter<'a, Link>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One link: a target and its parameters. `Debug` shows no userinfo.
///
/// ```
/// use dimorph::transport::Mock;
///
/// let link = r#"</style.css>; rel="preload"; as=style"#;
/// let mock = Mock::routes().get("*", (200, [("link", link)], ""));
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let links = client.get("https://example.org/").send()?.links();
/// let link = links.get("preload").unwrap();
/// assert_eq!((link.url(), link.param("as")), ("/style.css", Some("style")));
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    url: String,
    params: Vec<(String, String)>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The target may be relative, or no URL at all: what stands before an `@` is not shown, wherever that is.
        let target = match self.url.rsplit_once('@') {
            Some((_, rest)) => format!("[secure]@{rest}"),
            None => self.url.clone(),
        };
        f.debug_struct("Link")
            .field("url", &target)
            .field("params", &self.params)
            .finish()
    }
}

impl Link {
    /// Returns the target as the header has it: often relative to the response's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the `rel` parameter; `None` where there is none.
    pub fn rel(&self) -> Option<&str> {
        self.param("rel")
    }

    /// Returns a parameter by name, such as `type` or `title`, without regard to case.
    ///
    /// Of several the last counts, as in HTTPX. An extended value (`title*`) is given as it is written.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .rfind(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn key(&self) -> &str {
        match self.rel() {
            Some(rel) if !rel.is_empty() => rel,
            _ => &self.url,
        }
    }

    pub(crate) fn has_relation(&self, wanted: &str) -> bool {
        self.rel().is_some_and(|rel| {
            rel.split_ascii_whitespace()
                .any(|rel| rel.eq_ignore_ascii_case(wanted))
        })
    }
}

/// Reads the links of all `link` fields, in order.
pub(crate) fn parse_links(headers: &HeaderMap) -> Vec<Link> {
    let mut links = Vec::new();
    for field in headers.get_all(LINK) {
        let mut parser = Parser {
            text: &String::from_utf8_lossy(field.as_bytes()),
            at: 0,
        };
        while let Some(link) = parser.link() {
            links.push(link);
        }
    }
    links
}

/// What HTTPX strips from targets, names and values.
const DECORATION: [char; 5] = [' ', '\t', '\'', '"', ','];

/// Goes over the text once; `at` always stands on a character boundary, since it stops at ASCII only.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn link(&mut self) -> Option<Link> {
        self.skip(|b| matches!(b, b' ' | b'\t' | b','));
        self.peek()?;
        let url = if self.peek() == Some(b'<') {
            self.at += 1;
            let url = self.take_until(|b| b == b'>');
            self.at = self.text.len().min(self.at + 1);
            url
        } else {
            self.unquoted(b';')
        };
        let url = url.trim_matches(DECORATION).to_owned();
        let mut params = Vec::new();
        loop {
            // Anything between the target or a quoted value and the next separator is ignored.
            self.unquoted(b';');
            match self.peek() {
                Some(b';') => self.at += 1,
                _ => break,
            }
            self.skip(|b| matches!(b, b' ' | b'\t'));
            let name = self.take_until(|b| matches!(b, b'=' | b';' | b','));
            if self.peek() != Some(b'=') {
                continue;
            }
            self.at += 1;
            self.skip(|b| matches!(b, b' ' | b'\t'));
            let value = if self.peek() == Some(b'"') {
                self.quoted()
            } else {
                self.unquoted(b';').trim_matches(DECORATION).to_owned()
            };
            let name = name.trim_matches(DECORATION);
            if !name.is_empty() {
                params.push((name.to_owned(), value));
            }
        }
        // A field of decoration only, such as `""`, is no link.
        if url.is_empty() && params.is_empty() && self.peek().is_none() {
            return None;
        }
        Some(Link { url, params })
    }

    /// Takes text up to `end`, or up to a comma that begins another link.
    fn unquoted(&mut self, end: u8) -> &'a str {
        let from = self.at;
        loop {
            self.skip(|b| b != end && b != b',');
            if self.peek() != Some(b',') {
                break;
            }
            let comma = self.at;
            self.skip(|b| matches!(b, b' ' | b'\t' | b','));
            if matches!(self.peek(), None | Some(b'<')) {
                self.at = comma;
                break;
            }
        }
        &self.text[from..self.at]
    }

    /// Takes a quoted string (RFC 9110 5.6.4); one without an end runs to the end of the field.
    fn quoted(&mut self) -> String {
        self.at += 1;
        let mut value = String::new();
        loop {
            value.push_str(self.take_until(|b| matches!(b, b'"' | b'\\')));
            match self.peek() {
                Some(b'\\') => {
                    let escaped = self.text[self.at + 1..].chars().next();
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                    value.extend(escaped);
                }
                Some(_) => {
                    self.at += 1;
                    return value;
                }
                None => return value,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, while_: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|&&b| while_(b)).count();
    }

    fn take_until(&mut self, end: impl Fn(u8) -> bool) -> &'a str {
        let from = self.at;
        self.skip(|b| !end(b));
        &self.text[from..self.at]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(LINK, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        headers
    }

    fn read(fields: &[&str]) -> Vec<String> {
        parse_links(&headers(fields))
            .iter()
            .map(|link| {
                let params: Vec<_> = link
                    .params
                    .iter()
                    .map(|(k, v)| format!(" {k}={v}"))
                    .collect();
                link.url.clone() + &params.concat()
            })
            .collect()
    }

    #[test]
    fn targets_and_parameters() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            (" , ", &[]),
            ("\"\"", &[]),
            ("<a>", &["a"]),
            ("<>; rel=self", &[" rel=self"]),
            ("a; rel=next", &["a rel=next"]),
            ("<a>; rel=next", &["a rel=next"]),
            ("<a> ;rel = \"next\" ", &["a rel=next"]),
            ("<a>; rel='next'", &["a rel=next"]),
            ("<a;b,c=d>; rel=next", &["a;b,c=d rel=next"]),
            (
                "<a>; title=\"x; y, <z>=\\\"q\\\"\"; rel=next",
                &["a title=x; y, <z>=\"q\" rel=next"],
            ),
            ("<a>; crossorigin; rel=next", &["a rel=next"]),
            ("<a>; type=b,c; rel=d", &["a type=b,c rel=d"]),
            ("<a>; x=b=c", &["a x=b=c"]),
            ("<a>,<b>, <c>;rel=d ,, <e>", &["a", "b", "c rel=d", "e"]),
            (
                "<a>; title*=UTF-8''%e2%82%ac",
                &["a title*=UTF-8''%e2%82%ac"],
            ),
            ("<a>; title=\"é\"", &["a title=é"]),
            ("<a", &["a"]),
            ("<a>; rel=\"next", &["a rel=next"]),
            ("<a>; rel=\"next\\", &["a rel=next"]),
            ("<a>;;; =x; rel=", &["a rel="]),
        ];
        for (field, links) in table {
            assert_eq!(read(&[field]), *links, "{field}");
        }
    }

    #[test]
    fn fields_are_read_in_order_and_links_found_by_relation() {
        let links = Links::from_headers(&headers(&[
            "</1>; rel=\"prev start\", </2>; rel=next",
            "</3>; rel=next; TYPE=text/html, </4>",
        ]));
        assert_eq!(links.len(), 3);
        assert!(!links.is_empty());
        let urls: Vec<_> = links.iter().map(Link::url).collect();
        assert_eq!(urls, ["/1", "/3", "/4"]);
        let table = [
            ("next", Some("/3")),
            ("NEXT", Some("/3")),
            ("start", Some("/1")),
            ("prev start", Some("/1")),
            ("/4", Some("/4")),
            ("/1", None),
            ("", None),
        ];
        for (rel, url) in table {
            assert_eq!(links.get(rel).map(Link::url), url, "{rel}");
        }
        let next = links.get("next").unwrap();
        assert_eq!(
            (next.rel(), next.param("type")),
            (Some("next"), Some("text/html"))
        );
    }

    #[test]
    fn a_link_of_another_document_takes_no_place_among_its_own() {
        let field = "</2>; rel=next, </x>; rel=next; anchor=\"/other\"";
        let headers = headers(&[field]);
        let own = Links::of_the_document(&headers);
        assert_eq!(own.get("next").map(Link::url), Some("/2"));
        assert_eq!(own.len(), 1);
        let all = Links::from_headers(&headers);
        assert_eq!(all.get("next").map(Link::url), Some("/x"));
    }

    #[test]
    fn res_13_long_hostile_fields_take_linear_time() {
        for part in [
            "<", ",", "<a>,", "a,", ";", "<a>;b=\"", "\\\"", "=", ", ", "<a>;b=1;", "'",
        ] {
            let field = part.repeat(256 * 1024 / part.len());
            let _ = Links::from_headers(&headers(&[&field])).get("next");
        }
    }
}
