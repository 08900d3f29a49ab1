//! How an answer is played: framed as a server would, in pieces, up to its fault.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{Method, StatusCode};

use super::fault::Fault;
use super::response::MockResponse;
use crate::config::Timeout;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;
use crate::transport::Response;
use crate::transport::script::{Script, Step};

/// What of a request an answer depends on.
pub(super) struct Asked {
    pub(super) head_only: bool,
    pub(super) timeout: Option<Timeout>,
    /// The moment at which the exchange must be over.
    pub(super) total: Option<Instant>,
}

impl Asked {
    pub(super) fn new(request: &Request, now: Instant) -> Self {
        let timeout = request.timeout().copied();
        Asked {
            head_only: *request.method() == Method::HEAD,
            timeout,
            total: timeout.and_then(|timeout| now.checked_add(timeout.total_timeout()?)),
        }
    }

    fn read(&self) -> Option<Duration> {
        self.timeout?.read_timeout()
    }

    pub(super) fn read_timeout(&self) -> Error {
        Error::timeout(ErrorKind::ReadTimeout, self.read())
    }
}

impl MockResponse {
    /// The response as it comes off the wire.
    pub(super) fn answer(mut self, asked: &Asked) -> Result<Response> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let timeout = asked.timeout.as_ref();
        if let Some(fault) = self.fault
            && fault.after().is_none()
        {
            return Err(fault.error(timeout, 0));
        }
        let bodiless = self.status.is_informational()
            || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&self.status);
        let framed = [CONTENT_LENGTH, TRANSFER_ENCODING]
            .iter()
            .any(|name| self.headers.contains_key(name));
        if !bodiless && !framed {
            if self.trailers.is_some() {
                let chunked = HeaderValue::from_static("chunked");
                self.headers.insert(TRANSFER_ENCODING, chunked);
            } else if let Some(length) = self.body.content_length() {
                self.headers.insert(CONTENT_LENGTH, length.into());
            }
        }
        let mut response = Response::new(self.status);
        if let Some(reason) = self.reason {
            response.set_reason(reason);
        }
        *response.version_mut() = self.version;
        *response.headers_mut() = self.headers;
        *response.extensions_mut() = self.extensions;
        if bodiless || asked.head_only {
            return Ok(response);
        }
        if self.pace.is_none() && self.trailers.is_none() && self.fault.is_none() {
            response.set_body(self.body);
            return Ok(response);
        }
        let Some(bytes) = self.body.in_memory() else {
            return Err(Error::new(
                ErrorKind::App,
                "only a body in memory takes a pace, trailers, or a fault of the mock",
            ));
        };
        let mut script = script(&bytes, self.pace, self.fault, asked);
        script.trailers = self.trailers.map(Box::new);
        response.play(script);
        Ok(response)
    }
}

/// Plays a body in pieces, up to its fault, under the request's timeouts.
fn script(
    bytes: &Bytes,
    pace: Option<(usize, Duration)>,
    fault: Option<Fault>,
    asked: &Asked,
) -> Script {
    let mut script = Script::until(asked.total);
    let end = fault.and_then(Fault::after).unwrap_or(usize::MAX);
    let mut left = bytes.slice(..bytes.len().min(end));
    let (size, wait) = pace.unwrap_or((usize::MAX, Duration::ZERO));
    while !left.is_empty() {
        match asked.read() {
            Some(limit) if wait > limit => {
                script.push(Step::Wait(limit));
                let timeout = asked.read_timeout().in_phase(Phase::ReceiveBody);
                script.push(Step::Fail(timeout));
                return script;
            }
            _ if wait.is_zero() => {}
            _ => script.push(Step::Wait(wait)),
        }
        script.push(Step::Piece(left.split_to(left.len().min(size))));
    }
    if let Some(fault) = fault {
        let error = fault.error(asked.timeout.as_ref(), bytes.len());
        script.push(Step::Fail(error));
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;
    use crate::transport::script::Play;

    const MS: Duration = Duration::from_millis(1);

    fn asked(read: Duration) -> Asked {
        Asked {
            head_only: false,
            timeout: Some(Timeout::new(read)),
            total: None,
        }
    }

    fn played(mut script: Script) -> Vec<String> {
        let mut now = Instant::now();
        let mut steps = Vec::new();
        loop {
            steps.push(match script.next(now) {
                Play::Piece(piece) => String::from_utf8_lossy(&piece).into_owned(),
                Play::Wait(until) => {
                    let time = until - now;
                    now = until;
                    format!("{time:?}")
                }
                Play::Fail(error) => {
                    steps.push(format!("{:?}", error.kind()));
                    return steps;
                }
                Play::End => return steps,
            });
        }
    }

    #[test]
    fn bodies_are_played_by_pace_and_fault() {
        type Case<'a> = (Option<(usize, Duration)>, Option<Fault>, &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (None, None, &["abcdef"]),
            (Some((4, MS)), None, &["1ms", "abcd", "1ms", "ef"]),
            (Some((9, Duration::ZERO)), None, &["abcdef"]),
            (
                None,
                Some(Fault::BodyCutShort(2)),
                &["ab", "RemoteProtocolError"],
            ),
            (None, Some(Fault::BodyStalls(0)), &["ReadTimeout"]),
            (None, Some(Fault::BodyReset(99)), &["abcdef", "ReadError"]),
            (
                Some((1, MS)),
                Some(Fault::BodyReset(1)),
                &["1ms", "a", "ReadError"],
            ),
            (Some((1, 9 * MS)), None, &["5ms", "ReadTimeout"]),
        ];
        for (pace, fault, expected) in cases {
            let bytes = Bytes::from_static(b"abcdef");
            let steps = played(script(&bytes, *pace, *fault, &asked(5 * MS)));
            assert_eq!(steps, *expected, "{pace:?} {fault:?}");
        }
    }

    #[test]
    fn lengths_are_announced_as_a_server_would() {
        let length = |response: MockResponse| {
            let response = response.answer(&asked(MS)).unwrap();
            let headers = response.headers();
            let length = headers.get(CONTENT_LENGTH);
            let length = length.map(|l| l.to_str().unwrap().to_owned());
            (length, headers.contains_key(TRANSFER_ENCODING))
        };
        let new = MockResponse::new;
        let some = |n: &str| Some(n.to_owned());
        let reader = || Body::from_reader(&b"x"[..]);
        let cases = [
            (new(200), (some("0"), false)),
            (new(200).body("abc"), (some("3"), false)),
            (new(204).body("abc"), (None, false)),
            (new(304), (None, false)),
            (
                new(200).header("content-length", "9").body("a"),
                (some("9"), false),
            ),
            (new(200).body(reader()), (None, false)),
            (new(200).body(Body::sized(&b"x"[..], 1)), (some("1"), false)),
            (new(200).body("a").trailer("x-t", "1"), (None, true)),
        ];
        for (response, expected) in cases {
            let what = format!("{response:?}");
            assert_eq!(length(response), expected, "{what}");
        }
    }
}
