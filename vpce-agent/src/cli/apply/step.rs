//! The steps of a plan.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    cli::tenant::{Of, Resource},
    client::Method,
    model::resource::answer::{EndpointDetails, ServiceDetails},
};

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Create,
    Change,
    Delete,
    /// Nothing: it is as it shall be.
    Keep,
}

impl Does {
    /// As an order, and as what was done.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("create", "created"),
            Self::Change => ("change", "changed"),
            Self::Delete => ("delete", "deleted"),
            Self::Keep => ("keep", "unchanged"),
        }
    }
}

/// What is done about one service or endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) does: Does,
    pub(super) of: Of,
    pub(super) name: String,
    /// None: it is to be made.
    pub(super) id: Option<Uuid>,
    /// Of an endpoint: the name of its service, where that is to be made by a step before.
    pub(super) service: Option<String>,
    pub(super) differs: Vec<Difference>,
    pub(super) asks: Vec<Ask>,
}

/// A field that is not as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) field: &'static str,
    pub(super) from: String,
    pub(super) to: String,
}

/// A request, without what is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) at: Place,
    pub(super) body: Option<Value>,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// All of its kind.
    All,
    Itself,
    Permissions,
    Tags,
}

impl Ask {
    /// Adds or removes permissions.
    pub(super) fn permissions<'p>(action: &str, all: impl IntoIterator<Item = &'p String>) -> Self {
        let all: Vec<&String> = all.into_iter().collect();
        let body = Some(json!({ "action": action, "permissions": all }));
        Self { method: Method::POST, at: Place::Permissions, body }
    }

    /// The path in the project.
    pub(super) fn path(&self, of: Of, id: &str) -> String {
        let (path, tagged) = match of {
            Of::Service => (ServiceDetails::PATH, ServiceDetails::TAGGED),
            Of::Endpoint => (EndpointDetails::PATH, EndpointDetails::TAGGED),
        };
        match self.at {
            Place::All => path.to_owned(),
            Place::Itself => format!("{path}/{id}"),
            Place::Permissions => format!("{path}/{id}/permissions/action"),
            Place::Tags => format!("{tagged}/{id}/tags/action"),
        }
    }
}

impl Step {
    /// `service web`
    pub(super) fn what(&self) -> String {
        let kind = match self.of {
            Of::Service => ServiceDetails::KIND,
            Of::Endpoint => EndpointDetails::KIND,
        };
        format!("{kind} {}", self.name)
    }

    /// `service web created`
    pub(super) fn done(&self) -> String {
        format!("{} {}{}", self.what(), self.does.words().1, self.how())
    }

    /// `(ports 80:80/tcp -> 81:80/tcp)`, or nothing.
    pub(super) fn how(&self) -> String {
        let told = |one: &Difference| format!("{} {} -> {}", one.field, one.from, one.to);
        let all: Vec<String> = self.differs.iter().map(told).collect();
        if all.is_empty() { String::new() } else { format!(" ({})", all.join("; ")) }
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let told = |one: &Difference| json!({ "field": one.field, "from": one.from, "to": one.to });
        json!({
            "does": self.does.words().0,
            "what": self.what(),
            "id": self.id,
            "differs": self.differs.iter().map(told).collect::<Vec<_>>(),
        })
    }
}
