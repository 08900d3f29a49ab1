//! Tests that are the same for both clients.

/// Waits for the async client.
macro_rules! awaited {
    ($outcome:expr) => {
        $outcome.await
    };
}

/// The blocking client has waited.
macro_rules! returned {
    ($outcome:expr) => {
        $outcome
    };
}

/// Makes each function a test of the async and one of the blocking client. In it `wait!` stands around what the one awaits.
macro_rules! both {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {
        mod asynchronous {
            #![allow(unused_imports, reason = "one list for all files")]
            use super::*;
            use crate::faces::{asynchronous::*, awaited as wait};
            $($(#[$attribute])* #[tokio::test] async fn $name() $body)*
        }
        mod blocking {
            #![allow(unused_imports, reason = "one list for all files")]
            use super::*;
            use crate::faces::{blocking::*, returned as wait};
            $($(#[$attribute])* #[test] fn $name() $body)*
        }
    };
}

pub(crate) use {awaited, returned};

pub(crate) mod asynchronous {
    pub(crate) use reqwest::{Body, Client, ClientBuilder};

    pub(crate) fn builder() -> ClientBuilder {
        Client::builder().no_proxy()
    }

    /// A body that can be sent once.
    pub(crate) fn streamed(bytes: Vec<u8>) -> Body {
        Body::wrap_stream(tokio_util::io::ReaderStream::new(std::io::Cursor::new(
            bytes,
        )))
    }
}

pub(crate) mod blocking {
    pub(crate) use reqwest::blocking::{Body, Client, ClientBuilder};

    pub(crate) fn builder() -> ClientBuilder {
        Client::builder().no_proxy()
    }

    /// A body that can be sent once.
    pub(crate) fn streamed(bytes: Vec<u8>) -> Body {
        Body::new(std::io::Cursor::new(bytes))
    }
}
