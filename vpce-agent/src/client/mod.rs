//! The client of the API: on the operator's socket, or over HTTPS as a tenant's user.

mod error;
mod https;
mod profile;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use http_body_util::{BodyExt as _, Full};
pub use hyper::Method;
use hyper::{Request as HttpRequest, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    time::timeout,
};

use self::https::Https;
pub use self::{
    error::ClientError,
    profile::{Credentials, Profile, ProfileError},
};

/// An answer must be there within this time.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do there.
    pub method: Method,
    /// The path, with the query if there is one.
    pub path: String,
    /// JSON, or nothing.
    pub body: Option<Value>,
}

impl Request {
    /// Asks to see something.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    /// Asks for something to be deleted.
    #[must_use]
    pub fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, path: path.into(), body: None }
    }

    /// Sends a body.
    #[must_use]
    pub fn with(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self { method, path: path.into(), body: Some(body) }
    }

    fn bytes(&self) -> Bytes {
        self.body.as_ref().map(Value::to_string).unwrap_or_default().into()
    }
}

/// Whom to ask, and as whom. Each request is a connection of its own.
#[derive(Debug)]
pub struct Client(Way);

#[derive(Debug)]
enum Way {
    Socket(PathBuf),
    Https(Box<Https>),
}

impl Client {
    /// As the operator, on the agent's socket.
    #[must_use]
    pub const fn on_socket(path: PathBuf) -> Self {
        Self(Way::Socket(path))
    }

    /// As the user whose credentials a profile has.
    ///
    /// # Errors
    /// When the certificates to trust can't be read.
    pub fn over_https(profile: Profile) -> Result<Self, ClientError> {
        Ok(Self(Way::Https(Box::new(Https::new(profile)?))))
    }

    /// Whether it is the operator who asks.
    #[must_use]
    pub const fn is_operator(&self) -> bool {
        matches!(self.0, Way::Socket(_))
    }

    /// Asks; answers the body.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn send(&self, request: &Request) -> Result<Bytes, ClientError> {
        let asked = async {
            match &self.0 {
                Way::Socket(path) => {
                    let failed = |source| ClientError::Connect { path: path.clone(), source };
                    let stream = UnixStream::connect(path).await.map_err(failed)?;
                    ask(stream, request, "vpce", &[]).await
                }
                Way::Https(https) => {
                    let signed = https.headers(request)?;
                    ask(https.connect().await?, request, https.authority(), &signed).await
                }
            }
        };
        let late = |_| ClientError::Late { secs: PATIENCE.as_secs() };
        let (status, body) = timeout(PATIENCE, asked).await.map_err(late)??;
        if status.is_success() { Ok(body) } else { Err(ClientError::refused(status, &body)) }
    }
}

/// One request on a stream.
async fn ask<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: &Request,
    host: &str,
    headers: &[(&'static str, String)],
) -> Result<(StatusCode, Bytes), ClientError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let builder = HttpRequest::builder().method(&request.method).uri(&request.path).header(header::HOST, host);
    let builder = builder.header(header::CONTENT_TYPE, "application/json");
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value));
    let sent = builder.body(Full::new(request.bytes())).map_err(|source| ClientError::Unsendable { source })?;
    let answer = sender.send_request(sent).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}
