//! Who is told of a response's body on its way in: events and download counters.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::events::{Counter, EventKind, Progress, Trace};
use crate::request::Request;

/// Who hears of a body on its way in.
pub(crate) struct Watch {
    trace: Option<Arc<Trace>>,
    counter: Option<Arc<Counter>>,
    total: Option<u64>,
    begun: Instant,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// A watch where there is anybody to tell.
    #[inline]
    pub(crate) fn new(request: &Request, trace: Option<&Arc<Trace>>) -> Option<Box<Watch>> {
        let counter = request.options().on_download.as_ref();
        (trace.is_some() || counter.is_some()).then(|| {
            Box::new(Watch {
                trace: trace.cloned(),
                counter: counter.cloned(),
                total: None,
                begun: Instant::now(),
            })
        })
    }

    /// Notes how much there will be.
    pub(crate) fn expect(&mut self, total: Option<u64>) {
        self.total = total;
    }

    pub(crate) fn progress(&self, bytes: u64) {
        if let Some(count) = &self.counter {
            count(Progress {
                bytes,
                total: self.total,
            });
        }
    }

    /// The body is here; told once.
    pub(crate) fn ended(&mut self, bytes: u64) {
        if let Some(trace) = self.trace.take() {
            let now = Instant::now();
            let took = now - self.begun;
            trace.tell(now, EventKind::ResponseCompleted { bytes, took });
        }
    }

    /// The body does not come to its end; told once.
    pub(crate) fn failed(&mut self, error: &Error) {
        if let Some(trace) = self.trace.take() {
            trace.tell(Instant::now(), EventKind::Failed { error });
        }
    }
}
