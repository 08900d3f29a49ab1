//! The request where nothing is sent: caught by a transport in place of the network, merged and authenticated.

use std::sync::{Arc, Mutex, PoisonError};

use dimorph::blocking::{Response, Transport};
use dimorph::{Request, Version};

use crate::args::Args;
use crate::failure::{Failure, Result};
use crate::head::Head;
use crate::screen::Screen;
use crate::setup::Setup;
use crate::show::{self, Manner};

/// What the network would have got.
pub(crate) struct Caught {
    pub(crate) request: Request,
    pub(crate) head: Head,
    /// Its body is the request's.
    pub(crate) body: Response,
}

/// Makes the request, and catches it.
pub(crate) fn catch(args: &Args, setup: &mut Setup) -> Result<Caught> {
    let keep_alive = setup.keeps_alive();
    let caught = Arc::new(Mutex::new(None));
    let net = Net {
        keep_alive,
        caught: Arc::clone(&caught),
    };
    // A proxy would be asked for a tunnel before any transport is.
    let client = setup.client(args).no_proxy().transport(net).build()?;
    let body = setup.request(&client)?.send()?;
    let mut caught = caught.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((request, head)) = caught.take() else {
        return Err(Failure::failed("there is no request"));
    };
    Ok(Caught {
        request,
        head,
        body,
    })
}

/// `--offline`: prints it, heads for people on a terminal and the bytes of HTTP/1.1 into a pipe.
pub(crate) fn print(args: &Args, setup: &mut Setup, screen: &mut Screen) -> Result<()> {
    let mut caught = catch(args, setup)?;
    let parts = screen.parts;
    // There is one message: the letters of the response mean it, too.
    let head = !screen.explicit || parts.request_head || parts.head;
    let body = !screen.explicit || parts.request_body || parts.body;
    let out = &mut screen.body;
    match out.for_people {
        _ if !head => {}
        true => out.write((caught.head.shown(out.paint, true) + "\n").as_bytes())?,
        false => out.write(&caught.head.wire())?,
    }
    if !body {
        return Ok(());
    }
    if let Some(content_type) = caught.request.headers().get("content-type") {
        let headers = caught.body.headers_mut();
        headers.insert("content-type", content_type.clone());
    }
    let manner = Manner {
        stream: false,
        json_lines: false,
    };
    show::body(&mut caught.body, out, manner)
}

struct Net {
    keep_alive: bool,
    caught: Arc<Mutex<Option<(Request, Head)>>>,
}

impl Transport for Net {
    fn send(&self, mut request: Request) -> dimorph::Result<Response> {
        let head = Head::of(&request, Version::HTTP_11, self.keep_alive);
        let body = std::mem::replace(request.body_mut(), dimorph::Body::empty());
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        *caught = Some((request, head));
        Ok(Response::from(http::Response::new(body)))
    }
}
