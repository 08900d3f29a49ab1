//! The blocking client: no runtime, no hidden thread but the resolver's, and an application's under the feature `tower-tokio`.
//!
//! `asynchronous` has the same names, methods and rules; what is here waits on the calling thread. [`Client`] and the functions stand at
//! the root of the crate, too.
//!
//! | to | there is |
//! |---|---|
//! | make one request | [`get`], [`post`] and the like |
//! | make more of them, configured alike | [`Client`], built by a [`ClientBuilder`] |
//! | say more about one | [`RequestBuilder`] |
//! | read what came | [`Response`], [`Iter`]; after a switch of protocols [`Upgraded`] |
//! | read a listing in pages, or a feed of events | [`Pages`], [`EventSource`] |
//! | send elsewhere than over the network | [`Transport`], and those of [`transport`](crate::transport) |
//!
//! ```no_run
//! use dimorph::blocking::Client;
//!
//! let client = Client::new();
//! let mut response = client
//!     .get("https://example.com/large.csv")
//!     .send()?
//!     .error_for_status()?;
//! for line in response.iter_lines() {
//!     println!("{}", line?);
//! }
//! # Ok::<(), dimorph::Error>(())
//! ```
//!
//! Inside an async runtime it works as well, and blocks the thread that it is called on, as [`std::fs`] does.

pub(crate) use maybe_async::must_be_sync as dual;

/// An example for both documentations: `.await` stands between the pieces in the other one.
///
/// One that is `running` runs as a test; one that is `answering` too, with a `client` in hidden lines and a mock behind it, whose routes the first
/// literal has; the others are compiled. A `call` is one of the top-level functions.
macro_rules! example {
    (call $name:ident) => {
        concat!(
            "```no_run\n# fn main() -> dimorph::Result<()> {\nlet response = dimorph::blocking::",
            stringify!($name),
            "(\"https://example.com\").send()?;\nprintln!(\"{}\", response.status());\n# Ok(())\n# }\n```"
        )
    };
    (answering $routes:literal: $first:literal $(, $more:literal)*) => {
        concat!(
            "```\n# fn main() -> Result<(), Box<dyn std::error::Error>> {\n# use dimorph::blocking::Client;\n# let mock = dimorph::transport::Mock::routes()",
            $routes,
            ";\n# let client = Client::builder().transport(mock.clone()).build()?;\n",
            $first, $($more,)*
            "\n# Ok(())\n# }\n```"
        )
    };
    ($first:literal $(, $more:literal)*) => {
        concat!(
            "```no_run\n# fn main() -> Result<(), Box<dyn std::error::Error>> {\nuse dimorph::blocking::Client;\n",
            $first, $($more,)*
            "\n# Ok(())\n# }\n```"
        )
    };
    (running $first:literal $(, $more:literal)*) => {
        concat!(
            "```\n# fn main() -> Result<(), Box<dyn std::error::Error>> {\nuse dimorph::blocking::Client;\n",
            $first, $($more,)*
            "\n# Ok(())\n# }\n```"
        )
    };
}

mod connecting;
#[path = "core/mod.rs"]
mod core;
#[path = "rt/blocking.rs"]
pub(crate) mod rt;
mod transports;

use std::io::{self, Read, Write};

use bytes::Buf;

pub(crate) use self::connecting::AroundConnect;
pub use self::core::builder::ClientBuilder;
pub use self::core::client::Client;
pub use self::core::event_source::EventSource;
pub use self::core::iter::Iter;
pub use self::core::pages::Pages;
pub use self::core::request_builder::RequestBuilder;
pub use self::core::response::Response;
pub use self::core::upgraded::Upgraded;
pub use self::transports::Transport;
use crate::body::{Body, writer_failed};
use crate::config::Wait;
use crate::error::Result;
use crate::shapes::Shape;
use crate::sse;

crate::top_level::calls!();

/// Reads the body, decoded.
impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_into(buffer).map_err(io::Error::from)
    }
}

impl Response {
    /// Writes the rest of the body, decoded, to a writer; returns how many bytes that were.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes); `WriteError` where the writer fails.
    ///
    /// # Example
    ///
    /// ```
    /// # use dimorph::blocking::Client;
    /// # let mock = dimorph::transport::Mock::routes().get("*", "hello");
    /// # let client = Client::builder().transport(mock).build()?;
    /// let mut response = client.get("https://example.org/").send()?;
    /// let mut written = Vec::new();
    /// assert_eq!(response.copy_to(&mut written)?, 5);
    /// assert_eq!(written, b"hello");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn copy_to<W: Write + ?Sized>(&mut self, writer: &mut W) -> Result<u64> {
        let mut copied = 0;
        let mut buffer = self.copy_buffer();
        loop {
            let read = self.read_into(&mut buffer)?;
            if read == 0 {
                return Ok(copied);
            }
            writer
                .write_all(&buffer[..read])
                .map_err(|error| self.locate(writer_failed(error)))?;
            copied += read as u64;
        }
    }
}

impl<S: Shape> Iterator for Iter<'_, S> {
    type Item = Result<S::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        Iter::next(self)
    }
}

impl Iterator for EventSource {
    type Item = Result<sse::Event>;

    fn next(&mut self) -> Option<Self::Item> {
        EventSource::next(self)
    }
}

/// Gives the pages.
impl Iterator for Pages {
    type Item = Result<Response>;

    fn next(&mut self) -> Option<Self::Item> {
        Pages::next(self)
    }
}

/// The body can be read on through the new form.
impl From<Response> for Body {
    fn from(response: Response) -> Self {
        let length = response.inner.body.remaining();
        Body::from_reader(response).with_length(length)
    }
}

impl Read for Upgraded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let connection = self.connection()?;
        if !connection.received.is_empty() {
            let length = buffer.len().min(connection.received.len());
            connection.received.copy_to_slice(&mut buffer[..length]);
            return Ok(length);
        }
        connection.stream.read(buffer, Wait::default())
    }
}

impl Write for Upgraded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection()?.stream.send_all(bytes, Wait::default())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection()?.stream.flush(Wait::default())
    }
}
