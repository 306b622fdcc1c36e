//! Why there is no answer.

use std::{io, path::PathBuf};

use hyper::StatusCode;
use serde_json::Value;

/// Why there is no answer, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket, or we may not.
    #[error("can't reach the agent at {path}: {source}; is vpce-agent running, and are you root? Elsewhere than on the gateway, ask with --profile", path = .path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nobody listens at the profile's address.
    #[error(
        "can't reach the API at {endpoint}: {source}; is `endpoint` of the profile right, and does the gateway listen there ([api] in its file)?"
    )]
    Reach {
        /// The address.
        endpoint: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The gateway's certificate is not what the profile trusts.
    #[error(
        "the certificate of {endpoint} is not trusted: {source}; copy api.crt of the gateway's state directory and name it as `ca` of the profile, and use a name or an address that it is made for"
    )]
    Untrusted {
        /// The address.
        endpoint: String,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The other side speaks no TLS, or another one.
    #[error("there is no TLS at {endpoint}: {source}; is that the port of the API?")]
    Tls {
        /// The address.
        endpoint: String,
        /// What failed.
        source: io::Error,
    },
    /// What is to be trusted can't be read.
    #[error("{path}: {reason}; `ca` of a profile is a file of certificates in PEM", path = .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS can't be set up.
    #[error("can't set up TLS: {source}")]
    Setup {
        /// Why.
        source: rustls::Error,
    },
    /// The request can't be signed.
    #[error("can't sign the request: {reason}")]
    Unsigned {
        /// Why.
        reason: String,
    },
    /// The request is no HTTP.
    #[error("the request can't be sent: {source}")]
    Unsendable {
        /// Why.
        source: hyper::http::Error,
    },
    /// The talk broke off.
    #[error("the gateway broke off: {source}; ask what became of it")]
    Talk {
        /// Where.
        #[from]
        source: hyper::Error,
    },
    /// No answer came.
    #[error("there was no answer within {secs} s; ask what became of it")]
    Late {
        /// How long it was waited for.
        secs: u64,
    },
    /// The answer is no.
    #[error("{code}: {text}{cure}", cure = cure(.code))]
    Refused {
        /// The status.
        status: StatusCode,
        /// The API's code, or the status where there is none.
        code: String,
        /// What was wrong, and what is allowed.
        text: String,
    },
}

impl ClientError {
    /// What the body of a refusal says.
    pub(super) fn refused(status: StatusCode, body: &[u8]) -> Self {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let field = |name| told.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = field("error_code").unwrap_or_else(|| status.to_string());
        let text = field("error_msg").or_else(|| field("error"));
        Self::Refused { status, code, text: text.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()) }
    }

    /// Whether there is no such thing.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

/// What to do about refusals whose text leaves that open.
fn cure(code: &str) -> &'static str {
    match code {
        "EndPoint.0001" => "; nothing was changed, the agent's log tells more",
        "EndPoint.0003" => "; the profile has the credentials",
        _ => "",
    }
}
