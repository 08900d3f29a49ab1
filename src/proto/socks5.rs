//! SOCKS5 (RFC 1928) with user and password (RFC 1929), without I/O.
//!
//! ```text
//!   Greet ──▶ Choose ──┬────────────────────────────▶ Connect ──▶ Reply ──┬──▶ Address ──▶ Done
//!             (method) └─▶ Login ──▶ Verdict ────────▶                    └─▶ Name ─▶ ─┘
//! ```
//!
//! Each read is exactly as long as what the proxy owes, so that the first byte of the tunnel stays unread.

use std::fmt;
use std::net::IpAddr;

const VERSION: u8 = 5;
/// The version of the negotiation of RFC 1929, not of SOCKS.
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Where the tunnel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocksTarget<'a> {
    /// A host name of 1 to 255 bytes, looked up by the proxy.
    Name(&'a str),
    Address(IpAddr),
}

/// What to do next.
#[derive(PartialEq, Eq)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Read exactly so many bytes and hand them to [`Socks5::received`].
    Receive(usize),
    /// The tunnel is open.
    Done,
}

/// What is sent may be a password.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Step::Receive(count) => write!(f, "Receive({count})"),
            Step::Done => f.write_str("Done"),
        }
    }
}

/// Why there is no tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Socks5Error {
    #[error("a host name of {0} bytes cannot be sent to a SOCKS5 proxy: 1 to 255 can")]
    NameLength(usize),
    #[error("user and password for a SOCKS5 proxy must have 1 to 255 bytes each")]
    CredentialsLength,
    #[error("the proxy does not speak SOCKS5: its reply begins with {0:#04x}")]
    Version(u8),
    #[error("the proxy wants a user and a password, or another way to log in")]
    LoginRequired,
    #[error("the proxy does not take a user and a password")]
    LoginRefused,
    #[error("the proxy chose a way to log in that was not offered ({0:#04x})")]
    MethodNotOffered(u8),
    #[error("the proxy's answer to user and password begins with {0:#04x}, not 0x01")]
    LoginVersion(u8),
    #[error("invalid username/password for the proxy")]
    BadCredentials,
    #[error("the proxy could not connect: {}", .0.words())]
    Refused(ReplyCode),
    #[error("the proxy's reply has {0:#04x} where RFC 1928 reserves a zero")]
    Reserved(u8),
    #[error("the proxy's reply has an unknown address type ({0:#04x})")]
    AddressType(u8),
    #[error("the proxy's reply was cut short")]
    Truncated,
}

/// The REP field of a reply (RFC 1928 section 6), not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyCode(pub(crate) u8);

impl ReplyCode {
    fn words(self) -> &'static str {
        match self.0 {
            1 => "general SOCKS server failure",
            2 => "connection not allowed by ruleset",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "TTL expired",
            7 => "command not supported",
            8 => "address type not supported",
            _ => "for a reason that RFC 1928 does not know",
        }
    }
}

/// The client's side of one handshake.
pub(crate) struct Socks5 {
    state: State,
    /// The request for a tunnel.
    request: Vec<u8>,
    /// The message of RFC 1929; `None`: no login is offered.
    login: Option<Vec<u8>>,
}

/// Named by what is sent or awaited.
#[derive(Clone, Copy)]
enum State {
    Greet,
    Choose,
    Login,
    Verdict,
    Connect,
    Reply,
    Name,
    /// BND.ADDR and BND.PORT, which nobody needs.
    Address(usize),
    Done,
}

impl Socks5 {
    /// Begins a handshake. With credentials only a login is offered: a proxy that asks for none is not the one they are for.
    pub(crate) fn new(
        target: SocksTarget<'_>,
        port: u16,
        credentials: Option<(&[u8], &[u8])>,
    ) -> Result<Socks5, Socks5Error> {
        let mut request = vec![VERSION, CONNECT, 0];
        match target {
            SocksTarget::Address(IpAddr::V4(address)) => {
                request.push(IPV4);
                request.extend(address.octets());
            }
            SocksTarget::Address(IpAddr::V6(address)) => {
                request.push(IPV6);
                request.extend(address.octets());
            }
            SocksTarget::Name(name) => {
                let length = length(name.as_bytes()).ok_or(Socks5Error::NameLength(name.len()))?;
                request.extend([NAME, length]);
                request.extend(name.bytes());
            }
        }
        request.extend(port.to_be_bytes());
        let login = match credentials {
            None => None,
            Some((user, password)) => {
                let mut login = vec![LOGIN_VERSION];
                for part in [user, password] {
                    login.push(length(part).ok_or(Socks5Error::CredentialsLength)?);
                    login.extend_from_slice(part);
                }
                Some(login)
            }
        };
        Ok(Socks5 {
            state: State::Greet,
            request,
            login,
        })
    }

    /// Tells what to do next; what it says to send, it says once.
    pub(crate) fn step(&mut self) -> Step {
        let (state, step) = match self.state {
            State::Greet => {
                let method = if self.login.is_some() {
                    LOGIN
                } else {
                    NO_LOGIN
                };
                (State::Choose, Step::Send(vec![VERSION, 1, method]))
            }
            State::Login => (
                State::Verdict,
                Step::Send(self.login.take().unwrap_or_default()),
            ),
            State::Connect => (State::Reply, Step::Send(std::mem::take(&mut self.request))),
            State::Choose | State::Verdict => (self.state, Step::Receive(2)),
            State::Reply => (self.state, Step::Receive(4)),
            State::Name => (self.state, Step::Receive(1)),
            State::Address(count) => (self.state, Step::Receive(count)),
            State::Done => (self.state, Step::Done),
        };
        self.state = state;
        step
    }

    /// Takes the bytes that the last [`Step::Receive`] asked for.
    pub(crate) fn received(&mut self, bytes: &[u8]) -> Result<(), Socks5Error> {
        self.state = match (self.state, bytes) {
            (State::Choose, &[version, method]) => self.chosen(version, method)?,
            (State::Verdict, &[LOGIN_VERSION, 0]) => State::Connect,
            (State::Verdict, &[LOGIN_VERSION, _]) => return Err(Socks5Error::BadCredentials),
            (State::Verdict, &[version, _]) => return Err(Socks5Error::LoginVersion(version)),
            (State::Reply, &[version, code, reserved, address]) => {
                replied(version, code, reserved, address)?
            }
            (State::Name, &[length]) => State::Address(usize::from(length) + PORT),
            (State::Address(count), bytes) if bytes.len() == count => State::Done,
            _ => return Err(Socks5Error::Truncated),
        };
        Ok(())
    }

    /// RFC 1928 section 3: the method must be one of those offered.
    fn chosen(&self, version: u8, method: u8) -> Result<State, Socks5Error> {
        match (version, method, self.login.is_some()) {
            (VERSION, NO_LOGIN, false) => Ok(State::Connect),
            (VERSION, LOGIN, true) => Ok(State::Login),
            (VERSION, NO_ACCEPTABLE_METHOD, false) => Err(Socks5Error::LoginRequired),
            (VERSION, NO_ACCEPTABLE_METHOD, true) => Err(Socks5Error::LoginRefused),
            (VERSION, other, _) => Err(Socks5Error::MethodNotOffered(other)),
            (other, ..) => Err(Socks5Error::Version(other)),
        }
    }
}

/// The size of BND.PORT.
const PORT: usize = 2;

/// RFC 1928 section 6.
fn replied(version: u8, code: u8, reserved: u8, address: u8) -> Result<State, Socks5Error> {
    if version != VERSION {
        return Err(Socks5Error::Version(version));
    }
    if code != 0 {
        return Err(Socks5Error::Refused(ReplyCode(code)));
    }
    if reserved != 0 {
        return Err(Socks5Error::Reserved(reserved));
    }
    match address {
        IPV4 => Ok(State::Address(4 + PORT)),
        IPV6 => Ok(State::Address(16 + PORT)),
        NAME => Ok(State::Name),
        other => Err(Socks5Error::AddressType(other)),
    }
}

/// The length of what one byte of length must hold.
fn length(bytes: &[u8]) -> Option<u8> {
    u8::try_from(bytes.len()).ok().filter(|&length| length > 0)
}

#[cfg(test)]
mod tests;
