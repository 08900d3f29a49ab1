//! Drives an authentication flow: sends what it asks for, and resumes it with what came back.

use std::sync::Arc;

use super::body::Incoming;
use super::client::Client;
use super::dual;
use super::response::Response;
use super::send::Call;
use crate::auth::{self, Auth, BasicAuth, Choice, IntoAuth, Step};
use crate::config::REDIRECT_BODY_LIMIT;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::history::HistoryEntry;
use crate::merge;
use crate::request::Request;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

impl Client {
    /// Tells at once, for most requests, that nobody has credentials for them.
    #[inline]
    pub(crate) fn has_no_auth_for(&self, request: &Request) -> bool {
        let config = self.config();
        config.netrc.is_read()
            && !config.netrc.has_entries()
            && config.auth.is_none()
            && !matches!(request.options().auth, Choice::Set(_))
            && request.location().userinfo().is_none()
    }
}

#[dual]
impl Client {
    /// Which credentials a request goes with: its own, the client's, its URL's, netrc's (S12).
    pub(crate) async fn auth_for(&self, request: &Request) -> Result<Option<Arc<dyn Auth>>> {
        let headers = request.request_headers();
        match &request.options().auth {
            Choice::Set(auth) => return Ok(Some(auth.clone())),
            Choice::Client => {
                if let Some(auth) = &self.config().auth
                    && !headers.own_contains(&AUTHORIZATION)
                {
                    return Ok(Some(auth.clone()));
                }
            }
            Choice::Off => {}
        }
        if let Some((user, password)) = request.location().userinfo() {
            return Ok(Some(from_userinfo(user, password)?.into_auth()));
        }
        self.auth_from_netrc(request).await
    }

    async fn auth_from_netrc(&self, request: &Request) -> Result<Option<Arc<dyn Auth>>> {
        let netrc = &self.config().netrc;
        if !netrc.is_read() {
            let unread = netrc.clone();
            super::rt::off_loop(move || unread.read()).await;
        }
        let wanted = matches!(request.options().auth, Choice::Client)
            && !request.request_headers().contains(&AUTHORIZATION);
        match wanted && netrc.has_entries() {
            true => {
                let found = netrc.find(request.location().origin().host_name())?;
                Ok(found.map(IntoAuth::into_auth))
            }
            false => Ok(None),
        }
    }

    /// Sends a request through a flow; what the flow sent last is the response.
    pub(crate) async fn authenticate(
        &self,
        auth: Arc<dyn Auth>,
        mut request: Request,
        call: &mut Call,
    ) -> Result<Response> {
        if auth.requires_request_body() && request.content().is_none() {
            let body = std::mem::take(request.body_mut());
            let mut body = Incoming::custom(body, call.started).until(call.waits.total);
            match body.collect().await {
                Ok(bytes) => request.set_body(bytes.into()),
                Err(error) => {
                    let error = match error.kind() {
                        ErrorKind::TotalTimeout => call.waits.total_timeout(),
                        _ => error,
                    };
                    return Err(call.failed(error.in_phase(Phase::Auth).with_request(request)));
                }
            }
        }
        let url = request.url().clone();
        let mut flow = auth.auth_flow(request);
        let mut last: Option<Response> = None;
        let mut seen = None;
        loop {
            let mut next = match flow.resume(seen.take()) {
                Ok(Step::Send(next)) => next,
                Ok(Step::Done) => {
                    return last.ok_or_else(|| call.failed(sent_nothing().with_url(&url)));
                }
                Err(error) => {
                    return Err(call.failed(match &last {
                        Some(response) => response.locate(error),
                        None => error.with_url(&url),
                    }));
                }
            };
            if let Some(previous) = last.take() {
                self.renew_cookies(&previous, &call.history, &mut next);
                call.history
                    .push(previous.drain(REDIRECT_BODY_LIMIT, call.waits.total).await);
            }
            let mut response = self.follow(next, call).await?;
            if !flow.is_single() {
                if auth.requires_response_body() {
                    response.inner.body.limit(call.waits.total);
                    response.buffer().await?;
                }
                seen = Some(auth::Response::new(
                    response.request().shadow(),
                    response.status(),
                    response.headers().clone(),
                    response.content().cloned(),
                ));
            }
            last = Some(response);
        }
    }
}

impl Client {
    /// The next request carries what the responses before it set, as the rest of the conversation will.
    fn renew_cookies(&self, previous: &Response, history: &[HistoryEntry], next: &mut Request) {
        if next.prepare().is_err() || !merge::cookies_are_ours(next) {
            return;
        }
        let origin = next.url().origin();
        let mut asked = history.iter().map(HistoryEntry::url);
        if previous.url().origin() == origin || asked.any(|url| url.origin() == origin) {
            merge::put_cookies(self.config(), next);
        }
    }
}

fn from_userinfo(user: &str, password: &str) -> Result<BasicAuth> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|error| {
            Error::new(
                ErrorKind::InvalidUrl,
                "user name and password of the URL are not percent-encoded UTF-8",
            )
            .with_source(error)
            .in_phase(Phase::Auth)
        })
    };
    Ok(BasicAuth::new(decode(user)?, decode(password)?))
}

fn sent_nothing() -> Error {
    Error::new(
        ErrorKind::LocalProtocolError,
        "the auth flow ended without sending a request",
    )
    .in_phase(Phase::Auth)
}
