//! Why a request is not let in.

use super::SKEW_SECS;

/// Why a request is not let in; the message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name every field")]
pub enum Denied {
    #[error(
        "the request has no credentials; sign it with an access key (Authorization: SDK-HMAC-SHA256 …), or send a token in X-Auth-Token"
    )]
    NoCredentials,
    #[error("the header Authorization is not of the form \"{form}\"", form = super::signature::FORM)]
    BadAuthorization,
    #[error("the algorithm {algorithm:?} is not known; sign with SDK-HMAC-SHA256")]
    Algorithm { algorithm: String },
    #[error("the access key {id:?} is not known; make one with `vpcectl create key`")]
    UnknownKey { id: String },
    #[error("the token is not known, or has expired; make one with `vpcectl create token`")]
    UnknownToken,
    #[error("the header X-Sdk-Date is {found}; send it once, as YYYYMMDDTHHMMSSZ in UTC")]
    BadDate { found: &'static str },
    #[error("SignedHeaders does not name x-sdk-date; sign at least that header")]
    DateNotSigned,
    #[error("SignedHeaders names {name:?}, which the request has {count} times; sign headers that it has once")]
    SignedHeader { name: String, count: usize },
    #[error(
        "X-Sdk-Date is {secs} seconds {from} the gateway's clock, and at most {SKEW_SECS} are allowed; set the clock by NTP"
    )]
    Skew { secs: u64, from: &'static str },
    #[error("UNSIGNED-PAYLOAD is not allowed; sign the hash of the body, with Content-Type: application/json")]
    UnsignedPayload,
    #[error("X-Sdk-Content-Sha256 is not the SHA-256 of the body, in lower-case hex")]
    PayloadHash,
    #[error(
        "the signature does not match; check the secret key, and that method, path, query, signed headers and body are sent as they were signed"
    )]
    Signature,
    #[error("a request with this signature was taken before; sign each request anew")]
    Replayed,
    #[error(
        "X-Sdk-Date is before what the gateway remembers, since it has just started or has many requests; set the clock by NTP and sign anew"
    )]
    Forgotten,
    #[error("the secret of access key {id:?} can't be read on this gateway; make another with `vpcectl create key`")]
    Sealed { id: String },
    #[error("user {user:?} may not {action}; the operator can give the right to it")]
    NoRight { user: String, action: &'static str },
    #[error("project {project:?} is none of user {user:?}; use the id of one that is")]
    ForeignProject { user: String, project: String },
    #[error(
        "the path has no project id but the text {{project_id}}; give it to the client, such as BasicCredentials(ak, sk, project_id)"
    )]
    NoProject,
}

impl Denied {
    /// The vendor's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoProject => "EndPoint.0014",
            Self::NoRight { .. } | Self::ForeignProject { .. } => "EndPoint.0004",
            _ => "EndPoint.0003",
        }
    }

    /// The status of HTTP.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoProject => 400,
            Self::NoRight { .. } | Self::ForeignProject { .. } => 403,
            _ => 401,
        }
    }
}
