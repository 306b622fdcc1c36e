//! The HTTPS API: what all its operations share.
//!
//! A request comes in through [`guard`] (an id, limits, one form for every error), then [`auth`] finds
//! whose it is; an operation gets a `Caller`, and answers or fails with an [`Error`].

mod ask;
mod auth;
mod certificate;
mod document;
mod error;
mod extract;
mod guard;
mod operations;
mod operator;
mod pace;
mod server;
mod strict;
#[cfg(test)]
mod tests;
mod versions;

use std::sync::Arc;

use axum::Router;

pub use self::{
    certificate::{CertificateError, Fingerprint, check as check_certificate},
    error::{Error, ErrorBody},
    extract::{Json, Query},
    guard::RequestId,
    operator::operator,
    server::{ServeError, Server},
};
use crate::{
    model::rights::{Accounts, Seal},
    registry::Handle,
};

/// Answers the accounts as they are now.
pub type AccountsNow = Arc<dyn Fn() -> Accounts + Send + Sync>;

/// What is served.
pub struct Frame {
    /// The operations. Each is asked with a `Caller` and a [`RequestId`] as extensions; the project is
    /// the path's parameter `project_id`.
    pub operations: Router,
    /// What is said of them.
    pub document: utoipa::openapi::OpenApi,
    /// Whose keys and tokens count.
    pub accounts: AccountsNow,
    /// What the secrets of keys are sealed with.
    pub seal: Seal,
}

impl Frame {
    /// The API of a registry.
    #[must_use]
    pub fn new(registry: Handle, seal: Seal) -> Self {
        let (operations, document) = operations::routes(registry.clone());
        Self { operations, document, accounts: Arc::new(move || registry.state().accounts), seal }
    }
}
