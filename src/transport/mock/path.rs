//! Path patterns: `/users/{id}/files/{*rest}`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

/// What the places in a route's path held, by their names: for `/users/{id}`, `id`.
///
/// The values are percent-decoded. A closure gets them as its second argument, or out of the request's extensions.
///
/// ```
/// use dimorph::Request;
/// use dimorph::transport::{Mock, PathParams};
///
/// let mock = Mock::routes()
///     .get("/users/{id}", |_: &Request, params: &PathParams| format!("user {}", &params["id"]));
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// assert_eq!(client.get("http://example.org/users/7").send()?.text()?, "user 7");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PathParams {
    pairs: Arc<[(String, String)]>,
}

impl PathParams {
    /// Returns a value by its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// Returns a value as another type; `None` where there is none of that name, or it does not parse.
    ///
    /// ```
    /// use dimorph::Request;
    /// use dimorph::transport::{Mock, PathParams};
    ///
    /// let mock = Mock::routes().get("/users/{id}", |_: &Request, params: &PathParams| {
    ///     match params.parse::<u32>("id") {
    ///         Some(id) => (200, format!("user {id}")),
    ///         None => (400, "not a number".to_owned()),
    ///     }
    /// });
    /// let client = dimorph::Client::builder().transport(mock).build()?;
    /// assert_eq!(client.get("http://example.org/users/x").send()?.status(), 400);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn parse<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// Walks through names and values, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Tells whether the path had no places.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl std::ops::Index<&str> for PathParams {
    type Output = str;

    /// # Panics
    /// Where the path has no place of that name.
    fn index(&self, name: &str) -> &str {
        match self.get(name) {
            Some(value) => value,
            None => panic!("the route's path has no `{{{name}}}`"),
        }
    }
}

impl fmt::Debug for PathParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A path with places for parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// `{name}`, with what stands around it in the same segment.
    Place {
        before: String,
        name: String,
        after: String,
    },
    /// `{*name}`: everything that is left, slashes included.
    Rest(String),
}

impl PathPattern {
    /// Reads a pattern. `*` for a last segment is `{*}`; alone it stands for every path.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let path = pattern.strip_prefix('/').unwrap_or(pattern);
        let mut segments = Vec::new();
        let mut pieces = path.split('/').peekable();
        while let Some(piece) = pieces.next() {
            let segment = segment(piece)?;
            if matches!(segment, Segment::Rest(_)) && pieces.peek().is_some() {
                return Err(format!(
                    "`{piece}` takes the rest, and something follows it"
                ));
            }
            segments.push(segment);
        }
        let text = match pattern {
            "*" => "*".to_owned(),
            _ => format!("/{path}"),
        };
        Ok(PathPattern { text, segments })
    }

    /// Matches the path of a URL.
    pub(super) fn matches(&self, path: &str) -> Option<PathParams> {
        let mut rest = Some(path.strip_prefix('/').unwrap_or(path));
        let mut pairs = Vec::new();
        let mut keep = |name: &str, value: String| {
            if !name.is_empty() {
                pairs.push((name.to_owned(), value));
            }
        };
        for segment in &self.segments {
            let left = rest?;
            let piece = match left.split_once('/') {
                Some((piece, more)) => {
                    rest = Some(more);
                    piece
                }
                None => {
                    rest = None;
                    left
                }
            };
            match segment {
                Segment::Literal(literal) => {
                    if decode(piece) != *literal {
                        return None;
                    }
                }
                Segment::Place {
                    before,
                    name,
                    after,
                } => {
                    let piece = decode(piece);
                    let value = piece.strip_prefix(before.as_str())?;
                    let value = value.strip_suffix(after.as_str())?;
                    if value.is_empty() {
                        return None;
                    }
                    keep(name, value.to_owned());
                }
                Segment::Rest(name) => {
                    keep(name, decode(left));
                    rest = None;
                }
            }
        }
        rest.is_none().then(|| PathParams {
            pairs: pairs.into(),
        })
    }
}

fn segment(piece: &str) -> Result<Segment, String> {
    if piece == "*" {
        return Ok(Segment::Rest(String::new()));
    }
    let unclosed = || format!("the braces of `{piece}` do not pair: write `{{name}}`");
    let Some((before, rest)) = piece.split_once('{') else {
        return match piece.contains('}') {
            true => Err(unclosed()),
            false => Ok(Segment::Literal(decode(piece))),
        };
    };
    let (name, after) = rest.split_once('}').ok_or_else(unclosed)?;
    if before.contains('}') || name.contains('{') {
        return Err(unclosed());
    }
    if after.contains(['{', '}']) {
        return Err(format!("`{piece}` has more than one place in a segment"));
    }
    match name.strip_prefix('*') {
        Some(_) if !before.is_empty() || !after.is_empty() => Err(format!(
            "`{piece}` takes the rest, and something stands beside it"
        )),
        Some(name) => Ok(Segment::Rest(name.to_owned())),
        None => Ok(Segment::Place {
            before: decode(before),
            name: name.to_owned(),
            after: decode(after),
        }),
    }
}

fn decode(piece: &str) -> String {
    percent_decode_str(piece).decode_utf8_lossy().into_owned()
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths() {
        type Found<'a> = Option<&'a [(&'a str, &'a str)]>;
        let cases: &[(&str, &str, Found<'_>)] = &[
            ("/", "/", Some(&[])),
            ("/", "/a", None),
            ("", "/", Some(&[])),
            ("/a", "/a", Some(&[])),
            ("a", "/a", Some(&[])),
            ("/a", "/a/", None),
            ("/a/", "/a/", Some(&[])),
            ("/a", "/A", None),
            ("/a/b", "/a", None),
            ("/{id}", "/7", Some(&[("id", "7")])),
            ("/{id}", "/", None),
            ("/{id}", "/7/8", None),
            ("/{id}", "/a%2Fb", Some(&[("id", "a/b")])),
            ("/{id}", "/%C3%BC", Some(&[("id", "ü")])),
            ("/{}", "/7", Some(&[])),
            ("/u/{id}.json", "/u/7.json", Some(&[("id", "7")])),
            ("/u/{id}.json", "/u/.json", None),
            ("/v{n}/x", "/v2/x", Some(&[("n", "2")])),
            ("/aa{n}aa", "/aaa", None),
            ("/{a}/{b}", "/1/2", Some(&[("a", "1"), ("b", "2")])),
            ("/f/{*rest}", "/f/a/b", Some(&[("rest", "a/b")])),
            ("/f/{*rest}", "/f/", Some(&[("rest", "")])),
            ("/f/{*rest}", "/f", None),
            ("/f/*", "/f/a/b", Some(&[])),
            ("/f/*", "/f", None),
            ("/f/a*", "/f/ab", None),
            ("*", "/", Some(&[])),
            ("*", "/a/b/c", Some(&[])),
            ("/a b", "/a%20b", Some(&[])),
            ("/a%20b", "/a%20b", Some(&[])),
            ("/ü", "/%C3%BC", Some(&[])),
            ("/%FF", "/%FF", Some(&[])),
        ];
        for (pattern, path, expected) in cases {
            let params = PathPattern::parse(pattern).unwrap().matches(path);
            let found = params.as_ref().map(|p| p.iter().collect::<Vec<_>>());
            assert_eq!(found.as_deref(), *expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn broken_patterns_say_what_is_wrong() {
        let cases = [
            ("/{id", "do not pair"),
            ("/id}", "do not pair"),
            ("/}{", "do not pair"),
            ("/{{id}}", "do not pair"),
            ("/{a}{b}", "more than one place"),
            ("/{*a}/b", "something follows"),
            ("/*/b", "something follows"),
            ("/x{*a}", "stands beside"),
        ];
        for (pattern, expected) in cases {
            let error = PathPattern::parse(pattern).unwrap_err();
            assert!(error.contains(expected), "{pattern}: {error}");
        }
    }

    #[test]
    fn params_are_found_by_name_and_parsed() {
        let pattern = PathPattern::parse("/{id}/{name}").unwrap();
        let params = pattern.matches("/7/x").unwrap();
        assert_eq!((params.get("id"), params.get("no")), (Some("7"), None));
        assert_eq!(params.parse::<u8>("id"), Some(7));
        assert_eq!(params.parse::<u8>("name"), None);
        assert_eq!(&params["name"], "x");
        assert_eq!(format!("{params:?}"), r#"{"id": "7", "name": "x"}"#);
    }
}
