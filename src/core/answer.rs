//! From the head of a response, and what its body comes on, to the response.

use http::{Method, StatusCode};

use super::body::Incoming;
use super::http2::StreamBody;
use super::pool::Lease;
use super::response::Response;
use super::send::Call;
use super::watch::Watch;
use super::wire_body::WireBody;
use crate::client_config::ClientConfig;
use crate::error::Result;
use crate::proto::h1::{BodyReader, ResponseHead};
use crate::request::Request;

/// What a response's body comes on.
pub(crate) enum Answer {
    Own(Lease, BodyReader),
    Stream(Box<StreamBody>),
}

/// Makes the response of what came over the wire; its body is not decoded yet.
#[inline]
pub(crate) fn respond(
    config: &ClientConfig,
    head: ResponseHead,
    answer: Answer,
    request: Request,
    call: &Call,
) -> Result<Response> {
    let (mut lease, reader) = match answer {
        Answer::Own(lease, reader) => (lease, reader),
        Answer::Stream(body) => return Ok(respond_on_stream(config, head, body, request, call)),
    };
    let remote_addr = lease.remote_addr();
    let tls_info = match config.tls_info {
        true => lease.connection().and_then(|c| c.stream.tls_info()),
        false => None,
    };
    let switched = head.status == StatusCode::SWITCHING_PROTOCOLS
        || (*request.method() == Method::CONNECT && head.status.is_success());
    let mut upgrade = None;
    let mut watch = Watch::new(&request, call.trace());
    let body = if switched {
        upgrade = Some(lease);
        Incoming::whole(bytes::Bytes::new(), call.started, watch)
    } else {
        let mut wire = WireBody::new(lease, reader, call.waits);
        match wire.take_if_complete() {
            Ok(Some(bytes)) => Incoming::whole(bytes, call.started, watch),
            Ok(None) => {
                if let Some(watch) = &mut watch {
                    watch.expect(wire.remaining());
                }
                let total = wire.begin_waiting();
                Incoming::wire(wire, call.started, total, watch)
            }
            Err(error) => return Err(error.with_request(request)),
        }
    };
    let mut response = Response::from_wire(head, body, request);
    response.set_remote_addr(remote_addr);
    if let Some(info) = tls_info {
        response.extensions_mut().insert(info);
    }
    if let Some(lease) = upgrade {
        response.set_upgrade(lease);
    }
    Ok(response)
}

/// As [`respond`], for a stream of HTTP/2.
fn respond_on_stream(
    config: &ClientConfig,
    head: ResponseHead,
    mut body: Box<StreamBody>,
    request: Request,
    call: &Call,
) -> Response {
    let mut watch = Watch::new(&request, call.trace());
    let remote_addr = body.remote_addr();
    let tls_info = body.tls_info().filter(|_| config.tls_info);
    let id = body.stream_id();
    let body = if body.is_over() {
        Incoming::whole(bytes::Bytes::new(), call.started, watch)
    } else {
        if let Some(watch) = &mut watch {
            watch.expect(body.remaining());
        }
        let total = body.begin_waiting();
        Incoming::on_stream(body, call.started, total, watch)
    };
    let mut response = Response::from_wire(head, body, request);
    response.set_remote_addr(remote_addr);
    response.set_stream(id);
    if let Some(info) = tls_info {
        response.extensions_mut().insert(info);
    }
    response
}
