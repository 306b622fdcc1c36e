//! Answers on the socket. The gateway has one owner; each request asks it over a channel.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::{Value, json};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};

use super::{DIFFERENCES, STATUS};
use crate::model::{difference::Difference, status::Status};

/// What the gateway's owner is asked, with the place for the answer.
pub enum Asked {
    /// Everything at one moment.
    Status(oneshot::Sender<Result<Status, String>>),
    /// What is not as it is wanted.
    Differences(oneshot::Sender<Result<Vec<Difference>, String>>),
}

/// Why the socket can't be served.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// It can't be made.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Somebody answers there.
    #[error("{path} is in use by another process; give this agent its own --socket", path = .path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{path} is no socket; remove it or give another --socket", path = .path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
}

/// Serves the status, and what the operator can ask, until the runtime ends. Only root, or the agent's user, can open it.
///
/// # Errors
/// When the socket can't be made.
pub async fn serve(path: &Path, asks: mpsc::Sender<Asked>, operator: Router) -> Result<(), SocketError> {
    let failed = |source| SocketError::Io { path: path.to_owned(), source };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    if let Ok(is) = fs::symlink_metadata(path) {
        if !is.file_type().is_socket() {
            return Err(SocketError::NoSocket { path: path.to_owned() });
        }
        if UnixStream::connect(path).await.is_ok() {
            return Err(SocketError::InUse { path: path.to_owned() });
        }
        // Left by an agent that was killed.
        fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let router = Router::new().route(STATUS, get(status)).route(DIFFERENCES, get(differences));
    let router = router.with_state(asks).merge(operator);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

async fn status(asks: State<mpsc::Sender<Asked>>) -> impl IntoResponse {
    ask(asks, Asked::Status).await
}

async fn differences(asks: State<mpsc::Sender<Asked>>) -> impl IntoResponse {
    ask(asks, Asked::Differences).await.map(|Json(differences)| Json(json!({ "differences": differences })))
}

type Failed = (StatusCode, Json<Value>);

async fn ask<T>(
    State(asks): State<mpsc::Sender<Asked>>,
    what: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Asked,
) -> Result<Json<T>, Failed> {
    let (answer, answered) = oneshot::channel();
    let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error })));
    let stopping = || failed("the agent is going down".to_owned());
    asks.send(what(answer)).await.map_err(|_| stopping())?;
    answered.await.map_err(|_| stopping())?.map(Json).map_err(failed)
}
