//! Asks on the socket.

use std::{
    io,
    path::{Path, PathBuf},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or we may not.
    #[error("can't reach the agent at {path}: {source}; is vpce-agent running, and are you root?", path = .path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The talk broke off.
    #[error("the agent broke off: {source}")]
    Talk {
        /// Where.
        #[from]
        source: hyper::Error,
    },
    /// The agent could not answer.
    #[error("the agent answered {status}: {text}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it said.
        text: String,
    },
}

/// Gets one resource as it comes.
///
/// # Errors
/// [`ClientError`]
pub async fn get(socket: &Path, resource: &str) -> Result<Bytes, ClientError> {
    ask(socket, Method::GET, resource, None).await
}

/// Asks for something, with a body or without.
///
/// # Errors
/// [`ClientError`]
pub async fn ask(socket: &Path, method: Method, resource: &str, body: Option<&Value>) -> Result<Bytes, ClientError> {
    let failed = |source| ClientError::Connect { path: socket.to_owned(), source };
    let stream = UnixStream::connect(socket).await.map_err(failed)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(resource).header(header::HOST, "vpce");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Full::<Bytes>::from(body.map(Value::to_string).unwrap_or_default()));
    let request = request.map_err(|error| failed(io::Error::other(error)))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status.is_success() {
        Ok(body)
    } else {
        let told = serde_json::from_slice::<Value>(&body).ok();
        let told = told.and_then(|told| Some(told.get("error_msg")?.as_str()?.to_owned()));
        let text = told.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        Err(ClientError::Refused { status, text })
    }
}
