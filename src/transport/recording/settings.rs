//! What recorders and replayers can be told, by the methods that they have in common.

use super::matching::Matching;
use super::redact::Rules;

/// The largest body that is kept in memory.
const MAX_BODY: u64 = 64 << 20;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) rules: Rules,
    pub(super) matching: Matching,
    pub(super) max_body: u64,
    pub(super) errors: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            rules: Rules::default(),
            matching: Matching::strict(),
            max_body: MAX_BODY,
            errors: false,
        }
    }
}

/// The methods about what is written, for a type with `settings: Arc<Settings>`.
macro_rules! recording_methods {
    ($type:ident) => {
        impl $type {
            /// Redacts a header, whose values become `REDACTED` on both sides. Those of credentials and cookies, and names
            /// such as `x-api-key` and `x-auth-token`, are redacted by default.
            #[must_use]
            pub fn redact_header(mut self, name: impl AsRef<str>) -> Self {
                self.settings_mut().rules.redact_header(name.as_ref());
                self
            }

            /// Keeps a header as it is that would be redacted by default.
            #[must_use]
            pub fn keep_header(mut self, name: impl AsRef<str>) -> Self {
                self.settings_mut().rules.keep_header(name.as_ref());
                self
            }

            /// Redacts a parameter by name: of the URL's query, and of a request's form (a part of a multipart form, too) or JSON
            /// (a value of any kind). Names such as `token`, `api_key`, `client_secret`, `password`, `pin` and `X-Amz-Signature` are
            /// redacted by default.
            #[must_use]
            pub fn redact_param(mut self, name: impl AsRef<str>) -> Self {
                self.settings_mut().rules.redact_param(name.as_ref());
                self
            }

            /// Keeps a parameter as it is that would be redacted by default.
            #[must_use]
            pub fn keep_param(mut self, name: impl AsRef<str>) -> Self {
                self.settings_mut().rules.keep_param(name.as_ref());
                self
            }

            /// Redacts a value in JSON bodies, of requests and responses, by its JSON pointer (RFC 6901); `*` stands for every
            /// item or member: `/users/*/email`. Such a body loses its white space.
            #[must_use]
            pub fn redact_json(mut self, pointer: impl AsRef<str>) -> Self {
                self.settings_mut().rules.redact_json(pointer.as_ref());
                self
            }

            /// Redacts a text wherever it stands: in URLs, headers and bodies.
            #[must_use]
            pub fn redact_text(mut self, secret: impl Into<String>) -> Self {
                self.settings_mut().rules.redact_text(secret.into());
                self
            }

            /// Changes each exchange, once everything else is redacted, before it is written. The caller's response stays as it came.
            #[must_use]
            pub fn redact(
                mut self,
                change: impl Fn(&mut Recorded) + Send + Sync + 'static,
            ) -> Self {
                self.settings_mut().rules.hook(change);
                self
            }

            /// Records exchanges that failed too: the error's kind, phase and message. Default: they are not recorded.
            #[must_use]
            pub fn record_errors(mut self, record: bool) -> Self {
                self.settings_mut().errors = record;
                self
            }

            /// Writes what the file does not have yet. A new file has the mode 0600, for it holds private traffic; one that was
            /// there keeps its mode.
            ///
            /// Small recordings (up to 1 MiB) are written after each exchange, larger ones when they have grown by an eighth, and
            /// all of them when the client is closed and when the last clone is dropped, in a panic as well.
            ///
            /// # Errors
            /// `App`, with the file's name and the reason.
            pub fn save(&self) -> Result<()> {
                self.tape.save()
            }
        }
    };
}

/// The methods about what is replayed.
macro_rules! replaying_methods {
    ($type:ident) => {
        impl $type {
            /// Matches strictly, which is the default: the method, the whole URL with its query in order, the body. Each entry
            /// answers once; equal requests get theirs in order.
            #[must_use]
            pub fn strict(mut self) -> Self {
                self.settings_mut().matching = Matching::strict();
                self
            }

            /// Matches leniently: the method, the path, and the query in any order. Once all entries that match were used, the
            /// last of them answers again.
            #[must_use]
            pub fn lenient(mut self) -> Self {
                self.settings_mut().matching = Matching::lenient();
                self
            }

            /// Matches on these, instead of what [`strict`](Self::strict) or [`lenient`](Self::lenient) look at.
            #[must_use]
            pub fn match_on(mut self, on: impl IntoIterator<Item = MatchOn>) -> Self {
                self.settings_mut().matching.on = on.into_iter().collect();
                self
            }

            /// Matches on a header as well. A name that is none matches nothing.
            #[must_use]
            pub fn match_header(mut self, name: impl AsRef<str>) -> Self {
                let matching = &mut self.settings_mut().matching;
                match HeaderName::from_bytes(name.as_ref().as_bytes()) {
                    Ok(name) => matching.on.push(MatchOn::Header(name)),
                    Err(_) => matching.predicates.push(Arc::new(|_, _| false)),
                }
                self
            }

            /// Matches by a closure as well. What was redacted says `REDACTED` in the entry.
            #[must_use]
            pub fn match_with(
                mut self,
                fits: impl Fn(&Request, &Recorded) -> bool + Send + Sync + 'static,
            ) -> Self {
                self.settings_mut().matching.predicates.push(Arc::new(fits));
                self
            }

            /// Lets entries answer again, or only once.
            #[must_use]
            pub fn repeats(mut self, repeats: bool) -> Self {
                self.settings_mut().matching.repeats = repeats;
                self
            }

            /// Returns the entries that answered nothing so far, each as its number, method and URL.
            pub fn unused(&self) -> Vec<String> {
                self.tape.unused(&self.settings.rules)
            }

            /// Panics, and names them, where entries answered nothing.
            ///
            /// # Panics
            /// Where [`unused`](Self::unused) is not empty.
            #[track_caller]
            pub fn assert_all_used(&self) {
                let unused = self.unused();
                assert!(
                    unused.is_empty(),
                    "recorded in {}, and not asked for:\n  {}",
                    self.tape.path().display(),
                    unused.join("\n  ")
                );
            }
        }
    };
}

/// What all of them have.
macro_rules! common_methods {
    ($type:ident) => {
        impl $type {
            /// Sets how many bytes of a body are kept in memory at the most. Default: 64 MiB; a larger body is a `LimitExceeded`.
            #[must_use]
            pub fn max_body(mut self, bytes: u64) -> Self {
                self.settings_mut().max_body = bytes;
                self
            }

            fn settings_mut(&mut self) -> &mut Settings {
                Arc::make_mut(&mut self.settings)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type))
                    .field("path", &self.tape.path())
                    .field("entries", &self.tape.len())
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(super) use {common_methods, recording_methods, replaying_methods};
