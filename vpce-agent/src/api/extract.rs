//! Bodies and queries, read into types; what is wrong is told by its field.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Error, strict::Strict};

/// A body of JSON.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            let message = "the body is of another type than JSON; send Content-Type: application/json";
            return Err(Error::new(415, "EndPoint.0002", message));
        }
        let unread = |rejection: BytesRejection| Error::parameter(rejection.body_text());
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let axum::Json(value) = axum::Json::<Value>::from_bytes(&bytes)
            .map_err(|rejection| Error::parameter(told("body", &rejection.body_text())))?;
        let value = serde_path_to_error::deserialize(Strict(value));
        let value = value.map_err(|error| Error::parameter(format!("body: {error}")))?;
        Ok(Self(value))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The query behind the path.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        let axum::extract::Query(value) =
            query.map_err(|rejection| Error::parameter(told("query", &rejection.body_text())))?;
        Ok(Self(value))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The field and what is wrong with it, without what the library says before.
fn told(what: &str, text: &str) -> String {
    format!("{what}: {}", text.split_once(": ").map_or(text, |(_, told)| told))
}
