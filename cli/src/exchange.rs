//! One request, and its answer shown.

use std::sync::{Arc, OnceLock};

use dimorph::StatusCode;
use dimorph::blocking::{RequestBuilder, Response};

use crate::args::Args;
use crate::bar::Bar;
use crate::failure::{FAILED, Failure, OK, Result};
use crate::head::response_head;
use crate::plan::Payload;
use crate::screen::Screen;
use crate::setup::Setup;
use crate::show::{self, Manner};
use crate::terminal::{DIM, escaped};
use crate::watch::Watch;

/// Sends the request and shows the answer; returns the exit status.
pub(crate) fn run(args: &Args, setup: &mut Setup, screen: &mut Screen) -> Result<u8> {
    let watch = Watch::new(screen.parts, screen.notes.clone(), setup.keeps_alive());
    let client = watch.listen(setup.client(args)).build()?;
    let upload = Upload::new(&setup.plan.payload);
    let request = upload.counted(setup.request(&client)?);
    let sent = request.send();
    upload.clear();
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => {
            times(&watch, screen)?;
            return Err(error.into());
        }
    };
    // Also where the body fails: the cookies have come.
    setup.save_session()?;
    // A file that was there gives way to the answer, be it empty.
    screen.body.write(&[])?;
    head(&response, screen, screen.parts.body)?;
    if screen.parts.body {
        let manner = Manner {
            stream: args.stream,
            json_lines: args.json_lines,
        };
        show::body(&mut response, &mut screen.body, manner)?;
    }
    times(&watch, screen)?;
    status(args, &response, screen)
}

/// Shows the response's head, unless the watch has done so.
pub(crate) fn head(response: &Response, screen: &Screen, with_body: bool) -> Result<()> {
    if screen.parts.head && !screen.parts.all {
        let mut text = response_head(response, screen.notes.paint);
        if with_body {
            text.push('\n');
        }
        screen.notes.write(&text)?;
    }
    Ok(())
}

/// Shows where the time went.
pub(crate) fn times(watch: &Watch, screen: &Screen) -> Result<()> {
    if screen.parts.times {
        let line = format!("* {}", watch.take_phases().line());
        let line = screen.notes.paint.text(DIM, &line);
        screen.notes.write(&format!("{line}\n"))?;
    }
    Ok(())
}

/// The exit status by `--check-status`.
pub(crate) fn status(args: &Args, response: &Response, screen: &Screen) -> Result<u8> {
    if !args.check_status || response.is_success() {
        return Ok(OK);
    }
    match screen.parts.head {
        // It can be seen.
        true => Ok(FAILED),
        false => Err(Failure::failed(format!(
            "the answer is {}",
            named(response)
        ))),
    }
}

/// A status with its reason.
pub(crate) fn named(response: &Response) -> String {
    let text = match (response.reason(), response.status()) {
        ("", status) => spelled(status),
        (reason, status) => format!("{} {reason}", status.as_u16()),
    };
    escaped(&text).into_owned()
}

/// A status with the reason that it usually has.
pub(crate) fn spelled(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// The bar of a body that is sent.
pub(crate) struct Upload {
    is_watched: bool,
    bar: Arc<OnceLock<Bar>>,
}

impl Upload {
    /// Makes one; what was typed needs no bar.
    pub(crate) fn new(payload: &Payload) -> Upload {
        Upload {
            is_watched: !matches!(payload, Payload::None | Payload::Bytes(..)),
            bar: Arc::default(),
        }
    }

    /// Counts what the request sends.
    pub(crate) fn counted(&self, request: RequestBuilder) -> RequestBuilder {
        if !self.is_watched {
            return request;
        }
        let bar = Arc::clone(&self.bar);
        request.on_upload(move |progress| {
            let bar = bar.get_or_init(|| Bar::new("Sending", 0, progress.total));
            bar.set(progress.bytes);
        })
    }

    /// Takes the bar away: the answer is what counts.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar.get() {
            bar.clear();
        }
    }
}
