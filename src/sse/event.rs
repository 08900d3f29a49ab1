//! One event.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a server sent by one event of a `text/event-stream`.
///
/// `Debug` shows its type, and of data and id how long they are: they are content, which may be secret.
///
/// ```
/// use dimorph::transport::Mock;
///
/// let body = "id: 7\nevent: price\ndata: {\"eur\": 12}\n\n";
/// let mock = Mock::new(move |_: &dimorph::Request| {
///     http::Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
/// });
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let mut response = client.get("http://shop.test/prices").send()?;
/// let event = response.iter_sse().next().unwrap()?;
/// assert_eq!((event.event(), event.data(), event.id()), ("price", "{\"eur\": 12}", "7"));
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Empty: `message`.
    pub(super) event: String,
    pub(super) data: String,
    pub(super) id: Arc<str>,
    pub(super) retry: Option<Duration>,
}

impl Event {
    /// Returns the type of the event: its `event` field, `message` where there is none.
    pub fn event(&self) -> &str {
        match self.event.as_str() {
            "" => "message",
            named => named,
        }
    }

    /// Returns the data: the `data` fields, one line each, joined by line feeds.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Takes the data out.
    pub fn into_data(self) -> String {
        self.data
    }

    /// Returns the last event ID: that of this event, or where it has none, of the last one before it that had; empty where none had.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns how long to wait before connecting again, where this event says so.
    ///
    /// A `retry` field may also stand alone, without data; an `EventSource` keeps to it, though no event shows it.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Reads the data as JSON.
    ///
    /// # Errors
    /// `Json` where the data is not what `T` takes, with the place and the path in it; no value of the data is repeated.
    ///
    /// # Example
    ///
    /// ```
    /// # let events = (200, [("content-type", "text/event-stream")], "data: {\"eur\": 12}\n\n");
    /// # let mock = dimorph::transport::Mock::routes().get("*", events);
    /// # let client = dimorph::Client::builder().transport(mock).build()?;
    /// let mut response = client.get("https://example.org/prices").send()?;
    /// let event = response.iter_sse().next().unwrap()?;
    /// assert_eq!(event.json::<serde_json::Value>()?["eur"], 12);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> crate::error::Result<T> {
        crate::json::read("the data of the event", self.data.as_bytes(), None)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Event");
        debug.field("event", &self.event());
        debug.field("data", &format_args!("{} bytes", self.data.len()));
        debug.field("id", &format_args!("{} bytes", self.id.len()));
        if let Some(retry) = &self.retry {
            debug.field("retry", retry);
        }
        debug.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> Event {
        Event {
            event: String::new(),
            data: data.to_owned(),
            id: "s3cret".into(),
            retry: Some(Duration::from_millis(5)),
        }
    }

    #[test]
    fn debug_shows_sizes_and_no_content() {
        assert_eq!(
            format!("{:?}", event("s3cret")),
            "Event { event: \"message\", data: 6 bytes, id: 6 bytes, retry: 5ms }"
        );
    }

    #[test]
    #[cfg(feature = "json")]
    fn data_is_read_as_json() {
        assert_eq!(event("[1, 2]").json::<Vec<u8>>().unwrap(), [1, 2]);
        let error = event("[1, \"s3cret\"]").json::<Vec<u8>>().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Json);
        let text = error.to_string();
        assert!(
            text.starts_with("Json: the data of the event is not the JSON expected: "),
            "{text}"
        );
        assert!(text.contains("[1]") && !text.contains("s3cret"), "{text}");
    }
}
