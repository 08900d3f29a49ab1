//! HAR 1.2: one entry for each exchange. Members of our own begin with `_`:
//!
//! | member | meaning |
//! |---|---|
//! | `request.postData._encoding` | `base64`: how the body stands in `text` |
//! | `….headers[]._encoding` | `latin1`: the value is not UTF-8, each character is a byte |
//! | `response._encoding` | the content coding that was taken off, with its header |
//! | `response.content._raw` | the body stands as it was sent, in the content coding that the headers name |
//! | `response._error` | there was no response: `kind`, `phase` and `message` of the error |

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use read::entry as read;
pub(super) use write::{Timing, entry as write, log};
