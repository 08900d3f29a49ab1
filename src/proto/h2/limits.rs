//! How long a header list may be.

use http::HeaderMap;

/// What is counted for each field beside its name and value (RFC 9113 section 6.5.2).
const FIELD: usize = 32;

/// The limits on one header list or trailer section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListLimits {
    /// Bytes, as SETTINGS_MAX_HEADER_LIST_SIZE counts them.
    pub(crate) size: u32,
    pub(crate) fields: usize,
    /// Informational responses to one request.
    pub(crate) informational: usize,
}

impl ListLimits {
    /// Tells whether a header block of so many bytes, which h2 calls malformed, is rather one that it found too long: it has one word for
    /// both. Compression takes most of a long list of small fields away.
    pub(crate) fn suspects(&self, header_block: usize) -> bool {
        header_block > self.size as usize / 8
    }

    /// Says what was wrong then.
    pub(crate) fn suspicion(&self) -> String {
        format!(
            "the header list is longer than the {} bytes allowed by http2_max_header_list_size, or long and malformed",
            self.size
        )
    }

    /// Says which limit a list exceeds.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        if headers.len() > self.fields {
            return Err(format!("more than {} header fields", self.fields));
        }
        let size: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + FIELD)
            .sum();
        match size > self.size as usize {
            true => Err(format!(
                "the header list is longer than the {} bytes allowed by http2_max_header_list_size",
                self.size
            )),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn lists_are_measured_as_settings_count_them() {
        let limits = ListLimits {
            size: 100,
            fields: 2,
            informational: 64,
        };
        for (fields, expected) in [
            (&[][..], None),
            (&[("a", 67)], None),
            (&[("a", 68)], Some("longer than the 100 bytes")),
            (&[("a", 17), ("b", 17)], None),
            (&[("a", 17), ("b", 18)], Some("longer than")),
            (
                &[("a", 0), ("a", 0), ("a", 0)],
                Some("more than 2 header fields"),
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, size) in fields {
                let value = HeaderValue::from_str(&"v".repeat(*size)).unwrap();
                headers.append(HeaderName::from_static(name), value);
            }
            let told = limits.check(&headers).err();
            match (expected, told) {
                (None, None) => {}
                (Some(part), Some(told)) => assert!(told.contains(part), "{told}"),
                (expected, told) => panic!("{fields:?}: {expected:?} {told:?}"),
            }
        }
    }
}
