//! One request on its way through a recorder or replayer.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::content::take_coding_off;
use super::failure::Failure;
use super::har::Timing;
use super::recorded::{Answer, Recorded};
use super::settings::Settings;
use super::tape::Tape;
use crate::body::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::request::Request;
use crate::transport::{Next, Response};

/// Reads the body of a request into memory, where it is not there yet: a file, a reader, a stream. It is sent as bytes then.
pub(super) async fn hold_body(request: &mut Request, most: u64, next: Next) -> Result<Bytes> {
    if request
        .body()
        .content_length()
        .is_some_and(|length| length > most)
    {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "the body of the request has more than {most} bytes, which is what a recording holds"
            ),
        ));
    }
    if let Some(bytes) = request.body().in_memory() {
        return Ok(bytes);
    }
    let body = std::mem::take(request.body_mut());
    let announced = body.content_length();
    let mut holder = Response::new(StatusCode::OK);
    holder.set_body(body);
    let bytes = next.read_up_to(&mut holder, most).await?;
    if let Some(announced) = announced.filter(|&length| length != bytes.len() as u64) {
        return Err(Error::new(
            ErrorKind::LocalProtocolError,
            format!(
                "the body has {} bytes, and {announced} were announced",
                bytes.len()
            ),
        ));
    }
    *request.body_mut() = Body::from(bytes.clone());
    Ok(bytes)
}

/// Sends a request on, and takes the exchange up.
pub(super) async fn record(
    tape: &Tape,
    settings: &Settings,
    request: Request,
    body: Bytes,
    next: Next,
) -> Result<Response> {
    let mut recorded = Recorded::asked(&request, body);
    let ticket = tape.begin();
    let (started, begun) = (next.date(), next.now());
    let sent = next.send(request).await;
    let head = next.now();
    let read = match sent {
        // What follows is no body, and is for the caller alone.
        Ok(response) if is_switched(recorded.method(), response.status()) => return Ok(response),
        Ok(mut response) => {
            let read = next.read_up_to(&mut response, settings.max_body).await;
            read.map(|raw| (response, raw))
        }
        Err(error) => Err(error),
    };
    let timing = Timing {
        started,
        wait: head.saturating_duration_since(begun),
        receive: next.now().saturating_duration_since(head),
    };
    match read {
        Ok((response, raw)) => {
            recorded.answer = answer(&response, raw, settings);
            settings.rules.apply(&mut recorded);
            tape.add(ticket, &recorded, &timing)?;
            Ok(response)
        }
        Err(error) => {
            if settings.errors {
                recorded.answer = Answer::failed(Failure::of(&error));
                settings.rules.apply(&mut recorded);
                tape.add(ticket, &recorded, &timing)?;
            }
            Err(error)
        }
    }
}

/// Tells whether the connection speaks another protocol from here on.
fn is_switched(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || (*method == Method::CONNECT && status.is_success())
}

fn answer(response: &Response, raw: Bytes, settings: &Settings) -> Answer {
    let mut answer = Answer::new(response.status());
    answer.version = response.version();
    answer.reason = response.reason().to_owned();
    answer.headers = response.headers().clone();
    answer.received = Some(raw.len());
    answer.body = raw;
    take_coding_off(&mut answer, settings.max_body);
    answer
}

/// Answers out of the tape, if it can.
pub(super) fn replay(
    tape: &Tape,
    settings: &Settings,
    request: &Request,
) -> Option<Result<Response>> {
    let recorded = tape.find(&settings.matching, request)?;
    Some(recorded.answer())
}
