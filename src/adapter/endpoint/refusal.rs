//! Why the door stays shut.

use hyper::StatusCode;

/// Why a request is not let in. It is for the log: whoever called learns the status and nothing more. No variant
/// carries what the caller wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it brings no token")]
    NoToken,
    #[error("it brings more than one Authorization header")]
    SeveralTokens,
    #[error("its Authorization header is not of the Bearer scheme")]
    NotBearer,
    #[error("its token is longer than any that Teams sends")]
    TooLong,
    /// What of it can't be read.
    #[error("its token can't be read: {0}")]
    Malformed(&'static str),
    /// `none` and the algorithms with a shared secret among them.
    #[error("its token is not signed with RS256, RS384 or RS512")]
    Algorithm,
    #[error("its token is signed with a key that is not among the published ones")]
    UnknownKey,
    /// Not the caller's fault: nobody can be let in before the keys are there.
    #[error("the keys by which tokens are judged could not be had yet")]
    NoKeys,
    #[error("the signature of its token is not by the key that it names")]
    Signature,
    #[error("its token is of another issuer")]
    Issuer,
    #[error("its token is for another bot")]
    Audience,
    #[error("its token has expired")]
    Expired,
    #[error("its token is not good yet")]
    NotYet,
    #[error("its token names no service URL")]
    NoServiceUrl,
    #[error("its token is for another service URL than that of the activity")]
    OtherServiceUrl,
    #[error("the key of its token is not endorsed for the channel of the activity")]
    NotEndorsed,
    #[error("the activity is of a tenant that is not allowed")]
    Tenant,
}

impl Refusal {
    /// What the caller learns: 401 where the token is no good, 403 where a good token does not go with the activity,
    /// 503 where we can't tell.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Refusal::NoToken
            | Refusal::SeveralTokens
            | Refusal::NotBearer
            | Refusal::TooLong
            | Refusal::Malformed(_)
            | Refusal::Algorithm
            | Refusal::UnknownKey
            | Refusal::Signature
            | Refusal::Issuer
            | Refusal::Audience
            | Refusal::Expired
            | Refusal::NotYet => StatusCode::UNAUTHORIZED,
            Refusal::NoServiceUrl | Refusal::OtherServiceUrl | Refusal::NotEndorsed | Refusal::Tenant => {
                StatusCode::FORBIDDEN
            }
            Refusal::NoKeys => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
