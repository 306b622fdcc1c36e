//! The frame with two operations of the tests' own.

mod answers;
mod credentials;
mod tls;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Frame, Json, Query, server};
use crate::model::{
    Limits,
    rights::{self, Accounts, Caller, KEY_ENTROPY, Origin, Role, Seal, Secret, TOKEN_ENTROPY, User},
};

const LIMITS: Limits = Limits { body: 1024, time: Duration::from_millis(200), requests: 2, per_sec: 1000 };
const WHO: &str = "/v1/p-red/who";

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Paged {
    limit: Option<u16>,
}

/// The user of the tests, its key and its token.
struct Sample {
    accounts: Accounts,
    id: String,
    secret: Secret,
    token: Secret,
}

impl Sample {
    fn new() -> Self {
        let mut accounts = Accounts::default();
        accounts.set_user(User::new("red", "d-red", "p-red", Role::ReadOnlyAccess, 1)).unwrap();
        let (key, secret) = accounts.make_key("red", &[5; KEY_ENTROPY], &seal(), 1).unwrap();
        let (_, token) = accounts.make_token("red", &[6; TOKEN_ENTROPY], 1, u64::MAX).unwrap();
        Self { accounts, id: key.id.clone(), secret, token }
    }

    fn frame(&self) -> Frame {
        let operations = Router::new()
            .route(
                "/v1/{project_id}/who",
                get(async |Extension(caller): Extension<Caller>| {
                    axum::Json(json!({ "user": caller.user, "domain": caller.domain, "project": caller.project }))
                }),
            )
            .route("/v1/{project_id}/name", post(async |Json(Named { name }): Json<Named>| name))
            .route("/v1/{project_id}/page", get(async |Query(Paged { limit }): Query<Paged>| format!("{limit:?}")))
            .route("/v1/{project_id}/sleep", get(async || tokio::time::sleep(Duration::from_mins(1)).await));
        let accounts = self.accounts.clone();
        let document = utoipa::openapi::OpenApi::default();
        Frame { operations, document, accounts: Arc::new(move || accounts.clone()), seal: seal() }
    }

    fn router(&self) -> Router {
        server::router(self.frame(), LIMITS).unwrap()
    }

    /// A request with the token.
    fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
        let request = Request::builder().method(method).uri(path).header("x-auth-token", self.token.reveal());
        request.header("content-type", "application/json").body(body.into()).unwrap()
    }

    /// A request signed just now, on one connection.
    fn signed(&self, method: &str, path: &str, connection: u64) -> Request<Body> {
        let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        let date = now.replace(['-', ':'], "");
        let headers: [(&str, &[u8]); 2] = [("host", b"vpce"), ("x-sdk-date", date.as_bytes())];
        let origin = Origin(connection);
        let request = rights::Request { method, path, query: "", headers: &headers, body: b"", origin };
        let signature = rights::sign(&request, "host;x-sdk-date", &date, &self.secret).unwrap();
        let id = &self.id;
        let value = format!("SDK-HMAC-SHA256 Access={id}, SignedHeaders=host;x-sdk-date, Signature={signature}");
        let request = Request::builder().method(method).uri(path).header("host", "vpce").extension(origin);
        request.header("x-sdk-date", &date).header("authorization", value).body(Body::empty()).unwrap()
    }
}

fn seal() -> Seal {
    Seal::new(&[9; 32])
}

/// The whole answer; each has an id.
async fn answer(router: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let id = parts.headers.get("x-request-id").expect("an id").to_str().unwrap();
    assert_eq!(id.len(), 32, "{id}");
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn ok(router: &Router, request: Request<Body>) -> Value {
    let (status, _, body) = answer(router, request).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap_or(Value::String(body))
}

/// Status, code and message of a failure.
async fn refused(router: &Router, request: Request<Body>) -> (u16, String, String) {
    let (status, headers, body) = answer(router, request).await;
    assert_eq!(headers["content-type"], "application/json");
    let Value::Object(error) = serde_json::from_str(&body).unwrap() else { panic!("no object: {body}") };
    assert_eq!(error.keys().collect::<Vec<_>>(), ["error_code", "error_msg"]);
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    (status.as_u16(), text("error_code"), text("error_msg"))
}
