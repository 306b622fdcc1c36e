//! What an operation fails with.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{resource::Refusal, rights::Denied};

/// A failure as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The status.
    pub status: StatusCode,
    /// The vendor's code, such as `EndPoint.0002`.
    pub code: &'static str,
    /// What was wrong, and what is allowed.
    pub message: String,
}

/// The body of a failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The vendor's code.
    #[schema(examples("EndPoint.0002"))]
    error_code: String,
    /// What was wrong, and what is allowed.
    error_msg: String,
}

impl Error {
    /// A failure of this status and code; a status that is none of HTTP's is an internal error.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.into() }
    }

    /// A parameter that can't be used.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::new(400, "EndPoint.0002", message)
    }

    /// Something that is not there, or not for the caller to see.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "EndPoint.0005", message)
    }

    /// More requests than are allowed. Never 429: clients lose its body, or sleep for minutes.
    pub fn too_many(message: impl Into<String>) -> Self {
        Self::new(400, "EndPoint.0022", message)
    }

    /// What is not the caller's fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "EndPoint.0001", message)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::new(denied.status(), denied.code(), denied.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status(), refusal.code(), refusal.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = ErrorBody { error_code: self.code.to_owned(), error_msg: self.message };
        (self.status, Json(body)).into_response()
    }
}
