//! Asks on the socket.

use std::{
    io,
    path::{Path, PathBuf},
};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
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
    let failed = |source| ClientError::Connect { path: socket.to_owned(), source };
    let stream = UnixStream::connect(socket).await.map_err(failed)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(resource).header(header::HOST, "vpce").body(Empty::<Bytes>::new());
    let request = request.map_err(|error| failed(io::Error::other(error)))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status.is_success() {
        Ok(body)
    } else {
        Err(ClientError::Refused { status, text: String::from_utf8_lossy(&body).into_owned() })
    }
}
