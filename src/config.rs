//! Timeouts, pool limits, protocol limits, and every default with its source.

use std::fmt;
use std::time::{Duration, Instant};

/// The default of each of the four inactivity timeouts (HTTPX's `DEFAULT_TIMEOUT_CONFIG`).
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many redirects are followed (HTTPX's `DEFAULT_MAX_REDIRECTS`).
pub(crate) const DEFAULT_MAX_REDIRECTS: usize = 20;
/// The `user-agent` of a client that was given none.
pub(crate) const USER_AGENT: &str = concat!("dimorph/", env!("CARGO_PKG_VERSION"));
/// How long a request with `expect: 100-continue` waits before it sends its body anyway (curl's default).
pub(crate) const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
/// How many bytes of a redirect's body are read to keep its connection.
pub(crate) const REDIRECT_BODY_LIMIT: usize = 64 * 1024;
/// The longest URL taken, in bytes (HTTPX's limit).
pub(crate) const URL_LIMIT: usize = 65_536;

/// How long each step of a request may take.
///
/// `connect` is one deadline for everything until the connection stands: look-up, TCP, TLS. `read` and `write` are limits of inactivity: of one socket operation each, not of
/// the transfer. `pool` limits the wait for a free connection. `total`, off by default, limits the whole exchange, body included; `head`,
/// off by default, everything until the head of the response is there.
/// Zero is an immediate timeout; a duration too long for the clock means none.
///
/// ```
/// use std::time::Duration;
/// use dimorph::Timeout;
///
/// let timeout = Timeout::new(Duration::from_secs(10)).connect(Duration::from_secs(60));
/// assert_eq!(timeout.connect_timeout(), Some(Duration::from_secs(60)));
/// assert_eq!(timeout.read_timeout(), Some(Duration::from_secs(10)));
/// assert_eq!(timeout.total_timeout(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    connect: Option<Duration>,
    read: Option<Duration>,
    write: Option<Duration>,
    pool: Option<Duration>,
    total: Option<Duration>,
    head: Option<Duration>,
}

impl Timeout {
    /// Sets `connect`, `read`, `write` and `pool` to one value; `None` means no limit. `total` and `head` are off.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dimorph::Timeout;
    ///
    /// let timeout = Timeout::new(Duration::from_secs(10)).read(None);
    /// assert_eq!(timeout.write_timeout(), Some(Duration::from_secs(10)));
    /// assert_eq!(timeout.read_timeout(), None);
    /// ```
    pub fn new(each: impl Into<Option<Duration>>) -> Self {
        let each = each.into();
        Timeout {
            connect: each,
            read: each,
            write: each,
            pool: each,
            total: None,
            head: None,
        }
    }

    /// Makes a configuration without any limit; the same as `Timeout::new(None)`.
    pub fn none() -> Self {
        Timeout::new(None)
    }

    /// Limits the time until a connection stands, with look-up, TCP, the proxy's tunnel and TLS: `ConnectTimeout` beyond it. Default: 5 seconds.
    ///
    /// Each attempt of the builder's `retries` has it anew. A connection that is used again takes none of it.
    #[must_use]
    pub fn connect(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.connect = limit.into();
        self
    }

    /// Limits the time without receiving anything: `ReadTimeout` beyond it. Default: 5 seconds.
    ///
    /// A body that comes in drips may take much longer; [`total`](Timeout::total) limits that.
    #[must_use]
    pub fn read(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.read = limit.into();
        self
    }

    /// Limits the time without being able to send anything: `WriteTimeout` beyond it. Default: 5 seconds.
    #[must_use]
    pub fn write(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.write = limit.into();
        self
    }

    /// Limits the wait for a connection from the pool, or a stream of one: `PoolTimeout` beyond it. Default: 5 seconds.
    #[must_use]
    pub fn pool(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.pool = limit.into();
        self
    }

    /// Limits the whole exchange, from the call to the end of the body, redirects and authentication included: `TotalTimeout` beyond it. Default: none.
    ///
    /// HTTPX has no such limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dimorph::Timeout;
    ///
    /// let timeout = Timeout::default().total(Duration::from_secs(30));
    /// assert_eq!(timeout.total_timeout(), Some(Duration::from_secs(30)));
    /// assert_eq!(timeout.read_timeout(), Some(Duration::from_secs(5)));
    /// ```
    #[must_use]
    pub fn total(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.total = limit.into();
        self
    }

    /// Limits the exchange from the call to the head of the response, redirects and authentication included: `TotalTimeout` beyond it. The body has
    /// its own time. Default: none.
    #[must_use]
    pub fn head(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.head = limit.into();
        self
    }

    /// Returns the limit of connecting.
    pub fn connect_timeout(&self) -> Option<Duration> {
        self.connect
    }

    /// Returns the limit of inactivity in receiving.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.read
    }

    /// Returns the limit of inactivity in sending.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.write
    }

    /// Returns the limit of waiting for the pool.
    pub fn pool_timeout(&self) -> Option<Duration> {
        self.pool
    }

    /// Returns the limit of everything until the head of the response.
    pub fn head_timeout(&self) -> Option<Duration> {
        self.head
    }

    /// The limit that comes first of everything until the head of the response.
    pub(crate) fn until_head(&self) -> Option<Duration> {
        [self.head, self.total].into_iter().flatten().min()
    }

    /// Returns the limit of the whole exchange.
    pub fn total_timeout(&self) -> Option<Duration> {
        self.total
    }
}

impl Default for Timeout {
    /// Five seconds each for connect, read, write and pool.
    fn default() -> Self {
        Timeout::new(DEFAULT_TIMEOUT)
    }
}

impl From<Duration> for Timeout {
    fn from(each: Duration) -> Self {
        Timeout::new(each)
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(each: Option<Duration>) -> Self {
        Timeout::new(each)
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Timeout");
        for (name, limit) in [
            ("connect", self.connect),
            ("read", self.read),
            ("write", self.write),
            ("pool", self.pool),
            ("total", self.total),
            ("head", self.head),
        ] {
            match limit {
                Some(limit) => debug.field(name, &limit),
                None => debug.field(name, &format_args!("None")),
            };
        }
        debug.finish()
    }
}

/// How long one wait may last: an inactivity limit and an absolute deadline, either or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) each: Option<Duration>,
    pub(crate) until: Option<Instant>,
}

impl Wait {
    /// The moment at which a wait that begins `now` ends; `None`: never.
    pub(crate) fn deadline(self, now: Instant) -> Option<Instant> {
        let each = self.each.and_then(|each| now.checked_add(each));
        match (each, self.until) {
            (Some(each), Some(until)) => Some(each.min(until)),
            (each, until) => each.or(until),
        }
    }

    /// Tells whether a timeout at `now` is the deadline's rather than the inactivity limit's.
    pub(crate) fn is_past(self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// How many connections a client keeps and opens.
///
/// At the hard limit an idle connection to another origin is closed to make room; if there is none, the request waits its turn, first come,
/// first served, until `PoolTimeout`. HTTPX's `max_keepalive_connections` and `max_connections` are the soft and the hard limit.
///
/// ```
/// use std::time::Duration;
/// use dimorph::{Client, PoolLimits};
///
/// let limits = PoolLimits::new()
///     .soft_limit(5)
///     .hard_limit(10)
///     .keepalive_expiry(Duration::from_secs(30));
/// assert_eq!((limits.soft(), limits.hard()), (Some(5), Some(10)));
/// let client = Client::builder().pool_limits(limits).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    soft_limit: Option<usize>,
    hard_limit: Option<usize>,
    keepalive_expiry: Option<Duration>,
    http2_connections: usize,
}

impl PoolLimits {
    /// Makes the defaults: 10 idle connections kept, 100 open, idle ones kept for 5 seconds, one HTTP/2 connection to each origin.
    pub fn new() -> Self {
        PoolLimits {
            soft_limit: Some(10),
            hard_limit: Some(100),
            keepalive_expiry: Some(Duration::from_secs(5)),
            http2_connections: 1,
        }
    }

    /// Limits the idle connections kept; `None`: all are. Default: 10. 0 closes each connection after its request.
    #[must_use]
    pub fn soft_limit(mut self, limit: impl Into<Option<usize>>) -> Self {
        self.soft_limit = limit.into();
        self
    }

    /// Limits the connections open at once; further requests wait their turn. `None`: no limit. Default: 100.
    #[must_use]
    pub fn hard_limit(mut self, limit: impl Into<Option<usize>>) -> Self {
        self.hard_limit = limit.into();
        self
    }

    /// Limits how long an idle connection is kept; `None`: until the server closes it. Default: 5 seconds.
    #[must_use]
    pub fn keepalive_expiry(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.keepalive_expiry = limit.into();
        self
    }

    /// Limits the HTTP/2 connections to one origin by one way; 0 counts as 1, the default (RFC 9113 section 9.1).
    ///
    /// Requests share a connection by its streams, as many as the server allows at once (`SETTINGS_MAX_CONCURRENT_STREAMS`). Further
    /// ones open another connection if this limit lets them, else they wait for a stream. `hard_limit` counts connections, not streams.
    ///
    /// ```
    /// use dimorph::PoolLimits;
    ///
    /// let limits = PoolLimits::new().http2_connections(4);
    /// assert_eq!(limits.http2(), 4);
    /// ```
    #[must_use]
    pub fn http2_connections(mut self, limit: usize) -> Self {
        self.http2_connections = limit.max(1);
        self
    }

    /// Returns the number of idle connections kept.
    pub fn soft(&self) -> Option<usize> {
        self.soft_limit
    }

    /// Returns the number of connections open at once.
    pub fn hard(&self) -> Option<usize> {
        self.hard_limit
    }

    /// Returns how long an idle connection is kept.
    pub fn expiry(&self) -> Option<Duration> {
        self.keepalive_expiry
    }

    /// Returns the number of HTTP/2 connections to one origin.
    pub fn http2(&self) -> usize {
        self.http2_connections
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        PoolLimits::new()
    }
}

impl From<Option<PoolLimits>> for PoolLimits {
    /// `None`: as many connections as there are requests, all kept, for as long as the server does. HTTP/2 still makes do with one to each origin.
    fn from(limits: Option<PoolLimits>) -> Self {
        let unlimited = PoolLimits {
            soft_limit: None,
            hard_limit: None,
            keepalive_expiry: None,
            http2_connections: 1,
        };
        limits.unwrap_or(unlimited)
    }
}

/// A request's own setting, or the client's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Setting<T> {
    /// Whatever the client says.
    #[default]
    UseClient,
    /// This, whatever the client says.
    Set(T),
}

impl<T: Copy> Setting<T> {
    pub(crate) fn or(self, client: T) -> T {
        match self {
            Setting::UseClient => client,
            Setting::Set(own) => own,
        }
    }
}

/// A count of what a client's pool holds at one moment.
///
/// ```
/// let client = dimorph::Client::new();
/// let stats = client.pool_stats();
/// println!("{} of {} connections are idle", stats.idle, stats.connections);
/// println!("{} requests wait", stats.waiting);
/// assert_eq!((stats.opened, stats.reused), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Connections that are open or being opened: `active + idle`.
    pub connections: usize,
    /// Connections that serve a request, or a response that is not read to its end.
    pub active: usize,
    /// Connections that wait for their next request.
    pub idle: usize,
    /// Requests that wait for a connection, or for a stream of one.
    pub waiting: usize,
    /// Connections opened since the client was made.
    pub opened: u64,
    /// Requests that found a connection, or got a stream of one, since the client was made.
    pub reused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_the_earlier_of_its_two_limits() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let cases = [
            (None, None, None),
            (Some(second), None, Some(now + second)),
            (None, Some(now + second), Some(now + second)),
            (Some(second), Some(now + 2 * second), Some(now + second)),
            (
                Some(3 * second),
                Some(now + 2 * second),
                Some(now + 2 * second),
            ),
            (Some(Duration::MAX), None, None),
        ];
        for (each, until, expected) in cases {
            assert_eq!(Wait { each, until }.deadline(now), expected);
        }
    }

    #[test]
    fn timeouts_come_from_durations_and_none() {
        fn take(t: impl Into<Timeout>) -> Timeout {
            t.into()
        }
        assert_eq!(take(None), Timeout::none());
        assert_eq!(take(Duration::from_secs(5)), Timeout::default());
        assert_eq!(PoolLimits::new().soft_limit(None).soft(), None);
        assert_eq!(PoolLimits::new().http2_connections(0).http2(), 1);
    }
}
