//! One line for each exchange.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::{Handler, Handling, Next};
use crate::error::ErrorKind;
use crate::request::{Request, shown};

/// A layer that gives a [`LogLine`] of each exchange to a function.
///
/// An exchange is one request and one response: each redirect and each request of an authentication has a line of its own, and so has each attempt, where
/// [`Retry`](super::Retry) stands above. A request that is given up on its way has none.
///
/// ```
/// use dimorph::transport::{Handler, Logging};
///
/// let logging = Logging::new(|line| eprintln!("{line}"));
/// let engine = dimorph::Client::new();
/// let client = dimorph::Client::builder().transport(logging.over(engine)).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct Logging {
    log: Arc<dyn Fn(&LogLine) + Send + Sync>,
}

/// What became of one request. Nothing in it is secret: no userinfo, no header, and of the query only the names.
///
/// `Display` writes it as `GET https://example.org/a?b=REDACTED 200 12.3ms`, with the error's kind where there was no status.
///
/// ```
/// use dimorph::transport::{Handler, LogLine, Logging, Mock};
///
/// fn slow_ones(line: &LogLine) {
///     if line.took().as_millis() > 500 {
///         eprintln!("{} {} took {:?}", line.method(), line.url(), line.took());
///     }
/// }
///
/// let engine = Mock::routes().get("*", "hello");
/// let client = dimorph::Client::builder()
///     .transport(Logging::new(slow_ones).over(engine))
///     .build()?;
/// client.get("http://example.org/?key=secret").send()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    method: Method,
    url: String,
    outcome: Result<StatusCode, ErrorKind>,
    took: Duration,
}

impl Logging {
    /// Makes a layer from a function that takes each line.
    pub fn new(log: impl Fn(&LogLine) + Send + Sync + 'static) -> Self {
        Logging { log: Arc::new(log) }
    }
}

impl Handler for Logging {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let method = request.method().clone();
            let url = shown(request.url());
            let begun = next.now();
            let answer = next.send(request).await;
            (self.log)(&LogLine {
                method,
                url,
                outcome: match &answer {
                    Ok(response) => Ok(response.status()),
                    Err(error) => Err(error.kind()),
                },
                took: next.now().saturating_duration_since(begun),
            });
            answer
        })
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logging")
    }
}

impl LogLine {
    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the URL; userinfo and the values of the query are replaced by `REDACTED`, the fragment is left out.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the status, where there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.outcome.ok()
    }

    /// Returns the kind of the error, where there was none.
    pub fn error(&self) -> Option<ErrorKind> {
        self.outcome.err()
    }

    /// Returns the time until the head of the response, or until the error.
    pub fn took(&self) -> Duration {
        self.took
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.method, self.url)?;
        match self.outcome {
            Ok(status) => write!(f, "{}", status.as_u16())?,
            Err(kind) => write!(f, "{kind:?}")?,
        }
        write!(f, " {:.1?}", self.took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_what_was_asked_and_what_came() {
        for (outcome, expected) in [
            (
                Ok(StatusCode::OK),
                "GET http://h.test/?a=REDACTED 200 12.3ms",
            ),
            (
                Err(ErrorKind::ReadTimeout),
                "GET http://h.test/?a=REDACTED ReadTimeout 12.3ms",
            ),
        ] {
            let line = LogLine {
                method: Method::GET,
                url: "http://h.test/?a=REDACTED".to_owned(),
                outcome,
                took: Duration::from_micros(12_345),
            };
            assert_eq!(line.to_string(), expected);
        }
    }
}
