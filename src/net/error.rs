//! Why a request did not bring what was asked for.

use std::error::Error as _;
use std::time::Duration;

use crate::fault::Class;

/// `Display` is for the operator: it carries neither a secret nor a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Certificate or handshake.
    #[error("TLS: {0}")]
    Tls(String),
    /// No name, no connection, or it was cut.
    #[error("{0}")]
    Unreachable(String),
    /// Time was up.
    #[error("no answer in time")]
    Deadline,
    /// Told to stop.
    #[error("stopped")]
    Stopped,
    /// An answer that is no success.
    #[error("HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
        /// `Retry-After`, if it was sent.
        retry_after: Option<Duration>,
    },
    /// More than it may be.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// Something else than what was asked for.
    #[error("{0}")]
    Protocol(String),
    /// This machine.
    #[error("{0}")]
    Local(String),
}

impl Error {
    /// What is to be done.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Unreachable(_) | Self::Deadline | Self::Stopped => Class::Retry,
            Self::Status { status: 429, .. } | Self::Status { retry_after: Some(_), .. } => Class::Wait,
            Self::Status { status, .. } if *status >= 500 || *status == 408 => Class::Retry,
            Self::Tls(_) | Self::Status { .. } | Self::TooLarge(_) | Self::Protocol(_) | Self::Local(_) => {
                Class::Operator
            }
        }
    }

    /// The innermost cause, which is the one that helps; reqwest's own words carry the URL.
    #[must_use]
    pub fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Unreachable("the connection timed out".to_owned());
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
        let mut innermost = None;
        while let Some(error) = cause {
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Self::Tls(tls.to_string());
            }
            innermost = Some(error);
            // An `io::Error` hides what it carries from `source`.
            cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        let text = innermost.map_or_else(|| "the request failed".to_owned(), ToString::to_string);
        if error.is_builder() { Self::Local(text) } else { Self::Unreachable(text) }
    }
}
