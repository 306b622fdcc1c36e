//! The operator's side of the API: the agent's socket, without credentials.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who asks on the socket of an agent, whether one is there or not.
#[derive(Clone, Debug)]
pub struct Operator(PathBuf);

impl Operator {
    /// On this socket.
    #[must_use]
    pub fn on(socket: &Path) -> Self {
        Self(socket.to_owned())
    }

    /// The status and the body of an answer; `None` where none came, whole.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let body = body.to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: vpce\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = UnixStream::connect(&self.0).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).ok()? };
        Some((status, body))
    }

    /// The body of an answer of status 200.
    #[must_use]
    pub fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        match self.ask(method, path, body) {
            Some((200, answer)) => answer,
            other => panic!("{method} {path}: {other:?}"),
        }
    }
}
