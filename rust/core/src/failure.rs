//! What can go wrong with a request, as stable names.

/// Why a request failed. The names are part of the run folder's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FailureKind {
    /// The host name could not be resolved.
    Dns,
    /// The host refused the connection.
    Refused,
    /// The connection could not be made for another reason.
    Connect,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The whole request was not done in time.
    Timeout,
    /// The connection was reset or closed before a response came.
    Reset,
    /// The response is not HTTP.
    Malformed,
    /// The connection ended in the middle of a response.
    Truncated,
    /// The body is longer than the script allows.
    TooLarge,
    /// A redirect leads nowhere, or to a host that may not be put under load.
    Redirect,
    /// The status is not an expected one.
    Status,
    /// A check on the response failed.
    Check,
    /// The script gave up on the request, for example by its own time-out.
    Cancelled,
}

impl FailureKind {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::TooLarge => "too_large",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::Check => "check",
            Self::Cancelled => "cancelled",
        }
    }
}
