//! The number of a stream, for those who read it in traces of the wire.

use std::sync::OnceLock;

use http::Extensions;

/// The stream on which a response came over HTTP/2 (RFC 9113 section 5.1.1); the response's `extensions` have it.
/// HTTPX's counterpart is the extension `stream_id`.
///
/// ```
/// use dimorph::StreamId;
///
/// # let mock = dimorph::transport::Mock::routes().get("*", "hello");
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// let response = client.get("https://example.org/").send()?;
/// if let Some(stream) = response.extensions().get::<StreamId>() {
///     println!("stream {}", stream.get());
/// }
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// Returns the number: odd, and growing with each request on a connection.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// The extensions of a response, with the stream's number in them for who asks: few do, and a map costs more than the number.
#[derive(Debug, Default)]
pub(crate) struct StreamExtensions {
    stream: Option<StreamId>,
    map: OnceLock<Extensions>,
}

impl StreamExtensions {
    pub(crate) fn set_stream(&mut self, stream: StreamId) {
        self.stream = Some(stream);
    }

    pub(crate) fn get(&self) -> &Extensions {
        self.map.get_or_init(|| {
            let mut map = Extensions::new();
            if let Some(stream) = self.stream {
                map.insert(stream);
            }
            map
        })
    }

    pub(crate) fn get_mut(&mut self) -> &mut Extensions {
        self.get();
        self.map.get_mut().expect("it was made in the line above")
    }

    pub(crate) fn take(&mut self) -> Extensions {
        std::mem::take(self.get_mut())
    }
}

impl From<Extensions> for StreamExtensions {
    fn from(map: Extensions) -> Self {
        StreamExtensions {
            stream: None,
            map: OnceLock::from(map),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_there_for_who_asks_and_others_stay() {
        let mut extensions = StreamExtensions::default();
        assert!(extensions.get().is_empty());
        let mut extensions = StreamExtensions::from(std::mem::take(extensions.get_mut()));
        extensions.get_mut().insert("other");
        assert_eq!(extensions.get().get::<&str>(), Some(&"other"));
        let mut extensions = StreamExtensions::default();
        extensions.set_stream(StreamId(3));
        assert_eq!(extensions.get().get::<StreamId>(), Some(&StreamId(3)));
        extensions.get_mut().insert("other");
        assert_eq!(extensions.take().len(), 2);
        assert!(extensions.get().is_empty());
    }
}
