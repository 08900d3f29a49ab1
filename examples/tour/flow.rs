//! An authentication scheme of the tour's own: one type, which serves both clients.

use std::sync::Mutex;

use dimorph::{Auth, AuthFlow, Error, HeaderValue, Method, Request, Result};

/// Shows a token. Where that is refused, it asks for another one, and shows that.
pub(crate) struct Refreshing {
    token: Mutex<String>,
    refresh_url: String,
}

impl Refreshing {
    pub(crate) fn new(refresh_url: String) -> Self {
        Self {
            token: Mutex::new("stale".to_owned()),
            refresh_url,
        }
    }

    fn shown(&self) -> Result<HeaderValue> {
        let token = self.token.lock().map_err(|_| Error::other("poisoned"))?;
        token.parse().map_err(Error::other)
    }

    fn keep(&self, token: String) -> Result<()> {
        *self.token.lock().map_err(|_| Error::other("poisoned"))? = token;
        Ok(())
    }
}

impl Auth for Refreshing {
    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            request.headers_mut().insert("x-token", self.shown()?);
            let response = exchange.send(request.try_clone()?).await?;
            if response.status() == 401 {
                let refresh = Request::new(Method::POST, &self.refresh_url)?;
                self.keep(exchange.send(refresh).await?.text()?)?;
                request.headers_mut().insert("x-token", self.shown()?);
                exchange.send(request).await?;
            }
            Ok(())
        })
    }
}
