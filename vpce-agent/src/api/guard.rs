//! What every request passes, whatever it asks: an id, the limits, and one form for every error.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    body::{self, Body},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::{sync::Semaphore, time::timeout};
use uuid::Uuid;

use super::Error;
use crate::model::Limits;

const REQUEST_ID: &str = "x-request-id";
/// The most that is read of an error's text.
const MAX_TEXT: usize = 4096;

/// The id of a request: in the answer, the audit log and the agent's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// Room for requests, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    room: Arc<Semaphore>,
    most: usize,
    time: Duration,
}

impl Guard {
    pub(super) fn new(limits: Limits) -> Self {
        // The body has half of it.
        Self { room: Arc::new(Semaphore::new(limits.requests)), most: limits.requests, time: limits.time * 2 }
    }
}

/// Answers a request within the limits. Outermost: nothing that is answered goes by.
pub(super) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::new_v4());
    request.extensions_mut().insert(id);
    let answer = if let Ok(_held) = guard.room.try_acquire() {
        timeout(guard.time, next.run(request)).await.unwrap_or_else(|_| {
            let message = format!("there was no answer within {} s; ask what became of it", guard.time.as_secs());
            Error::internal(message).into_response()
        })
    } else {
        let message = format!("the gateway has {} requests to answer already; ask again soon", guard.most);
        Error::too_many(message).into_response()
    };
    let mut answer = uniform(answer).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    answer
}

/// The form of errors, also for those that a library made.
async fn uniform(answer: Response) -> Response {
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let json = HeaderValue::from_static("application/json");
    if !is_error || answer.headers().get(header::CONTENT_TYPE) == Some(&json) {
        return answer;
    }
    let (mut parts, text) = answer.into_parts();
    let text = body::to_bytes(text, MAX_TEXT).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let told = if text.is_empty() { status.canonical_reason().unwrap_or("failed") } else { &*text };
    let error = match status {
        StatusCode::NOT_FOUND => Error::not_found(told),
        StatusCode::TOO_MANY_REQUESTS => Error::too_many(told),
        status if status.is_server_error() => Error::new(status.as_u16(), "EndPoint.0001", told),
        status => Error::new(status.as_u16(), "EndPoint.0002", told),
    };
    let (new, body) = error.into_response().into_parts();
    parts.status = new.status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(new.headers);
    Response::from_parts(parts, Body::new(body))
}
