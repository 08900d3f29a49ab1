//! The client that the arguments ask for, and what it sends.

use std::time::Duration;

use dimorph::blocking::{ClientBuilder, RequestBuilder};
use dimorph::{Client, Request, Url};

use crate::args::Args;
use crate::failure::Result;
use crate::plan::Plan;
use crate::session::{Saved, Session};

/// Everything that was read before anything is sent.
pub(crate) struct Setup {
    pub(crate) plan: Plan,
    pub(crate) session: Option<Session>,
    saved: Option<Saved>,
    /// A download wants the bytes of the file itself: their number is known, and one can go on from any of them.
    identity: bool,
}

impl Setup {
    /// Reads the arguments, and the files that they name.
    pub(crate) fn new(args: &Args) -> Result<Setup> {
        let mut plan = Plan::new(args)?;
        let url = url_of(&plan)?;
        let mut session = Session::open(args)?;
        let saved = session.as_ref().map(|session| session.saved(&url));
        if let Some(session) = &mut session {
            session.remember(&mut plan, &url)?;
        }
        Ok(Setup {
            plan,
            session,
            saved,
            identity: args.download.is_some(),
        })
    }

    /// Begins the client.
    pub(crate) fn client(&self, args: &Args) -> ClientBuilder {
        let timeout = (args.timeout > 0.0)
            .then(|| Duration::try_from_secs_f64(args.timeout).unwrap_or(Duration::MAX));
        let mut client = Client::builder()
            .timeout(timeout)
            .http2(args.http2)
            .follow_redirects(args.follow_redirects || args.download.is_some())
            .tls_info(args.verbose > 0);
        if args.no_verify {
            client = client.verify(false);
        }
        if let Some(path) = &args.verify {
            client = client.verify(path);
        }
        if let Some(path) = &args.cert {
            client = client.cert(path.clone());
        }
        if let Some(proxy) = &args.proxy {
            client = client.proxy(proxy.as_str());
        }
        if let Some(session) = &self.session {
            client = client.cookie_jar(session.cookies.clone());
        }
        // What the session adds by itself stays with its origin, wherever the server sends on to.
        if let Some(saved) = &self.saved {
            client = client.sensitive_headers(saved.headers.iter().map(|(name, _)| name.as_str()));
        }
        client
    }

    /// Makes the request.
    pub(crate) fn request(&mut self, client: &Client) -> Result<RequestBuilder> {
        let request = self.plan.request(client, self.saved.as_ref())?;
        let given = self.plan.headers.iter().map(|(name, _)| name);
        let says_coding = given
            .chain(&self.plan.removed)
            .any(|name| name.eq_ignore_ascii_case("accept-encoding"));
        Ok(match self.identity && !says_coding {
            true => request.header("accept-encoding", "identity"),
            false => request,
        })
    }

    /// Tells whether requests say `connection: keep-alive`, as the client's own do.
    pub(crate) fn keeps_alive(&self) -> bool {
        let mut removed = self.plan.removed.iter();
        !removed.any(|name| name.eq_ignore_ascii_case("connection"))
    }

    /// Saves the session, if there is one.
    pub(crate) fn save_session(&self) -> Result<()> {
        self.session.as_ref().map_or(Ok(()), Session::save)
    }
}

fn url_of(plan: &Plan) -> Result<Url> {
    let request = Request::new(plan.method.clone(), &plan.url)?;
    Ok(request.url().clone())
}
