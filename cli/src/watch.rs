//! What a client tells about its calls, shown as it happens and added up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dimorph::blocking::{ClientBuilder, Response};
use dimorph::{Event, EventKind, Request, TlsInfo, TlsVersion, Version};

use crate::head::{Head, response_head};
use crate::phases::Phases;
use crate::screen::{Notes, Parts};
use crate::terminal::{DIM, escaped, escaped_body};

/// Listens to one client.
#[derive(Clone)]
pub(crate) struct Watch {
    parts: Parts,
    notes: Notes,
    keep_alive: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    phases: Phases,
    /// A request on its way, whose version is known with its answer.
    pending: Option<(Request, Option<Vec<u8>>)>,
}

impl Watch {
    /// Makes one; `keep_alive`: the requests say so.
    pub(crate) fn new(parts: Parts, notes: Notes, keep_alive: bool) -> Self {
        Watch {
            parts,
            notes,
            keep_alive,
            state: Arc::default(),
        }
    }

    /// Listens to the client in the making.
    pub(crate) fn listen(&self, client: ClientBuilder) -> ClientBuilder {
        let watch = self.clone();
        let mut client = client.on_event(move |event| watch.hear(event));
        if self.parts.request_head || self.parts.request_body {
            let watch = self.clone();
            client = client.on_request(move |request: &mut Request| {
                watch.state().pending = shadow(request);
            });
        }
        if self.parts.all && self.parts.head {
            let watch = self.clone();
            client = client.on_response(move |response: &mut Response| watch.answered(response));
        }
        client
    }

    /// Returns the phases so far, and begins anew.
    pub(crate) fn take_phases(&self) -> Phases {
        std::mem::take(&mut self.state().phases)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock that leaves less than the sum so far.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, event: &Event<'_>) {
        self.state().phases.hear(event);
        if self.parts.all {
            match event.kind() {
                EventKind::Connected {
                    remote_addr: Some(to),
                    ..
                } => {
                    self.note(&format!("* Connected to {} port {}", to.ip(), to.port()));
                }
                EventKind::TunnelOpened { proxy, .. } => {
                    self.note(&format!("* The proxy {proxy} opened a tunnel"));
                }
                EventKind::TlsEstablished { server_name, .. } => {
                    self.note(&format!("* TLS established with {server_name}"));
                }
                EventKind::ConnectionAcquired { reused: true, .. } => {
                    self.note("* Using a connection that was open");
                }
                EventKind::Retried => self.note("* Sending it once more"),
                EventKind::Informational { status, .. } => {
                    self.note(&format!("* The server sent {status} first"));
                }
                _ => {}
            }
        }
        match event.kind() {
            EventKind::ResponseStarted { version, .. } => self.show_request(*version),
            EventKind::Failed { .. } => self.show_request(Version::HTTP_11),
            _ => {}
        }
    }

    /// Shows the request that waits to be shown.
    fn show_request(&self, version: Version) {
        let Some((request, content)) = self.state().pending.take() else {
            return;
        };
        let mut text = String::new();
        if self.parts.request_head {
            let head = Head::of(&request, version, self.keep_alive);
            text = head.shown(self.notes.paint, self.parts.secrets);
            text.push('\n');
        }
        if self.parts.request_body {
            match content.as_deref().map(std::str::from_utf8) {
                Some(Ok("")) => {}
                Some(Ok(body)) => text += &format!("{}\n\n", escaped_body(body.trim_end())),
                Some(Err(_)) | None => {
                    let length = request.body().content_length();
                    let length = length.map_or_else(|| "some".into(), crate::phases::counted);
                    text += &format!(
                        "({length} bytes that are no text, or are read as they are sent)\n\n"
                    );
                }
            }
        }
        // A reader who has gone away is noticed with the body.
        let _ = self.notes.write(&text);
    }

    fn answered(&self, response: &mut Response) {
        if let Some(info) = response.extensions().get::<TlsInfo>()
            && let Some(version) = info.version()
        {
            self.note(match version {
                TlsVersion::TLS_1_2 => "* TLS 1.2",
                _ => "* TLS 1.3",
            });
        }
        let text = response_head(response, self.notes.paint) + "\n";
        let _ = self.notes.write(&text);
    }

    fn note(&self, line: &str) {
        self.notes.write_aside(DIM, &escaped(line));
    }
}

/// The request for showing, with its content where that is in memory.
fn shadow(request: &Request) -> Option<(Request, Option<Vec<u8>>)> {
    let content = request.content().map(<[u8]>::to_vec);
    let mut shadow = Request::new(request.method().clone(), request.url()).ok()?;
    *shadow.headers_mut() = request.headers().clone();
    *shadow.body_mut() = match request.body().content_length() {
        Some(length) => dimorph::Body::sized(std::io::empty(), length),
        None => dimorph::Body::from_reader(std::io::empty()),
    };
    Some((shadow, content))
}
