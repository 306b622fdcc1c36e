//! `vpcectl wait`: until something is in a state.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Of, Resource};
use crate::{
    cli::{CliError, session::Session},
    model::resource::answer::{EndpointDetails, ServiceDetails},
};

/// How often it is looked.
const PACE: Duration = Duration::from_millis(200);
/// No state of the API's: it is not there any more.
const DELETED: &str = "deleted";

/// What is waited for.
#[derive(Debug, Args)]
pub(in crate::cli) struct Wait {
    /// What it is.
    of: Of,
    /// Its name or id.
    name: String,
    /// The state that it shall have.
    #[arg(long = "for", value_name = "STATE", value_parser =
        ["creating", "available", "pendingAcceptance", "accepted", "rejected", "failed", "deleting", DELETED])]
    state: String,
    /// Seconds to wait at most.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    timeout: u64,
}

impl Wait {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        match self.of {
            Of::Service => self.wait::<ServiceDetails>(session).await,
            Of::Endpoint => self.wait::<EndpointDetails>(session).await,
        }
    }

    async fn wait<T: Resource>(&self, session: &Session) -> Result<String, CliError> {
        let begun = Instant::now();
        let what = format!("{} {}", T::KIND, self.name);
        let other = |state: &str, why: String| CliError::Waited {
            what: what.clone(),
            state: state.to_owned(),
            wanted: self.state.clone(),
            why,
        };
        // Later it may not be known by its name any more.
        let mut id: Option<Uuid> = None;
        loop {
            let found = match id {
                Some(id) => session.one::<T>(id).await,
                None => session.find::<T>(&self.name).await,
            };
            let now = match found {
                Ok(now) => now,
                Err(error) if is_absent(&error) && self.state == DELETED => {
                    let told = json!({ "kind": T::KIND, "name": self.name, "status": DELETED });
                    return session.output.show(&told, || format!("{what}: {DELETED}"));
                }
                Err(error) if is_absent(&error) && id.is_some() => return Err(other(DELETED, String::new())),
                Err(error) => return Err(error),
            };
            id = Some(now.id());
            let state = now.state();
            if state == self.state {
                return session.output.show(&now, || format!("{what}: {state}"));
            }
            if state == "failed" && self.state != DELETED {
                return Err(other(state, now.failure().map(|why| format!(": {why}")).unwrap_or_default()));
            }
            if begun.elapsed() >= Duration::from_secs(self.timeout) {
                return Err(other(state, format!(" after {} s", self.timeout)));
            }
            sleep(PACE).await;
        }
    }
}

/// Whether there is no such thing any more. A name is looked up once only: nobody knows whether one of it ever was.
fn is_absent(error: &CliError) -> bool {
    matches!(error, CliError::Client(error) if error.is_absent())
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;
    use crate::{cli::select::unknown, client::ClientError};

    #[test]
    fn what_has_an_id_is_gone_where_it_is_not_found_but_a_name_is_a_mistake() {
        let (code, text) = (String::new(), String::new());
        let gone = ClientError::Refused { status: StatusCode::NOT_FOUND, code, text };
        assert!(is_absent(&gone.into()));
        assert!(!is_absent(&unknown("service", "wbe", ["web"].into_iter())));
    }
}
