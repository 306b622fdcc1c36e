//! Finds whose a request is.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::{Body, Bytes},
    extract::{RawPathParams, Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::{AccountsNow, Error, pace::Pace};
use crate::model::{
    Limits,
    rights::{self, Accounts, Caller, Denied, Origin, Replays, Seal},
};

/// Signatures that are remembered: some 50 MB at most.
const SIGNATURES: usize = 1 << 20;
/// Of a body that is too long, so many times the limit are read, and thrown away: where a connection is
/// closed on a client that still sends, the answer is lost to it.
const READ_ON: usize = 8;
/// What a client that was told no project asks for.
const NO_PROJECT: &str = "{project_id}";

/// Who may come in.
#[derive(Clone)]
pub(super) struct Auth {
    accounts: AccountsNow,
    seal: Seal,
    body: usize,
    time: Duration,
    /// Of this thread alone, but for the types.
    seen: Arc<Mutex<(Replays, Pace)>>,
}

impl Auth {
    pub(super) fn new(accounts: AccountsNow, seal: Seal, limits: Limits) -> Self {
        let seen = (Replays::new(SIGNATURES, unix_now()), Pace::new(limits.per_sec));
        Self { accounts, seal, body: limits.body, time: limits.time, seen: Arc::new(Mutex::new(seen)) }
    }

    /// The whole body, which the signature is over.
    async fn read(&self, body: Body) -> Result<Bytes, Error> {
        let Ok(read) = timeout(self.time, bytes(body, self.body)).await else {
            let message = format!("the body was not there within {} s; send it faster", self.time.as_secs());
            return Err(Error::new(408, "EndPoint.0002", message));
        };
        read.map_err(|error| Error::parameter(format!("the body can't be read: {error}")))?.ok_or_else(|| {
            let message = format!("the body is longer than {} bytes; ask for less at once", self.body);
            Error::new(413, "EndPoint.0002", message)
        })
    }

    fn caller(&self, parts: &Parts, body: &[u8], project: Option<&str>) -> Result<Caller, Error> {
        let authority = parts.uri.authority().filter(|_| !parts.headers.contains_key("host"));
        let mut headers: Vec<(&str, &[u8])> =
            parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        headers.extend(authority.map(|authority| ("host", authority.as_str().as_bytes())));
        let request = rights::Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &headers,
            body,
            origin: parts.extensions.get().copied().unwrap_or(Origin(0)),
        };
        let (accounts, now) = ((self.accounts)(), unix_now());
        let principal = accounts.authenticate(&request, &self.seal, now)?;
        // Nobody else's panic can leave these half done.
        let (replays, pace) = &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // What is refused for its pace had no effect: it may be sent again as it is.
        if !pace.admits(&principal.by, Instant::now()) {
            return Err(Error::too_many(format!("{} asks too often; wait a second", principal.by)));
        }
        Accounts::note(&request, replays, now)?;
        Ok(accounts.caller(&principal, project)?)
    }
}

/// Lets in whom it knows, and says who it is.
pub(super) async fn authenticate(
    State(auth): State<Auth>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let project = params.iter().find_map(|(name, value)| (name == "project_id").then_some(value));
    if project == Some(NO_PROJECT) {
        return Err(Denied::NoProject.into());
    }
    let (mut parts, body) = request.into_parts();
    let body = auth.read(body).await?;
    let caller = auth.caller(&parts, &body, project)?;
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// The bytes of a body; none: there are more than may be.
async fn bytes(mut body: Body, most: usize) -> Result<Option<Bytes>, axum::Error> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if length <= most {
            bytes.extend_from_slice(&data);
        } else if length > most.saturating_mul(READ_ON) {
            break;
        }
    }
    Ok((length <= most).then(|| bytes.into()))
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
