//! Errors of the transport beneath, by name: recorded, and raised again.

use crate::error::{Error, ErrorKind, Phase};

/// How an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) phase: Option<Phase>,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Failure {
        Failure {
            kind: error.kind(),
            phase: error.phase(),
            message: error.message().to_owned(),
        }
    }

    pub(super) fn raise(&self) -> Error {
        let error = Error::new(self.kind, self.message.clone());
        match self.phase {
            Some(phase) => error.in_phase(phase),
            None => error,
        }
    }
}

macro_rules! by_name {
    ($function:ident, $type:ident: $($name:ident)+) => {
        pub(super) fn $function(name: &str) -> Option<$type> {
            match name {
                $(stringify!($name) => Some($type::$name),)+
                _ => None,
            }
        }
    };
}

by_name! {
    kind, ErrorKind:
    ConnectTimeout ReadTimeout WriteTimeout PoolTimeout TotalTimeout ConnectError ReadError WriteError CloseError
    LocalProtocolError RemoteProtocolError ProxyError UnsupportedProtocol DecodingError TooManyRedirects HttpStatus Json
    LimitExceeded ClientClosed BodyNotReplayable InvalidUrl CookieConflict StreamConsumed StreamClosed ResponseNotRead
    RequestNotRead Builder App
}

by_name! {
    phase, Phase:
    Build Pool Resolve Connect Tls Send ReceiveHead ReceiveBody Decode Redirect Proxy Auth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_raised_again_as_it_was() {
        let error = Error::new(ErrorKind::ConnectTimeout, "no connection").in_phase(Phase::Tls);
        let failure = Failure::of(&error);
        assert_eq!(kind(&format!("{:?}", failure.kind)), Some(failure.kind));
        assert_eq!(phase(&format!("{:?}", Phase::Tls)), failure.phase);
        assert_eq!(failure.raise().to_string(), error.to_string());
        assert_eq!(kind("Sunshine"), None);
        assert_eq!(phase(""), None);
    }
}
