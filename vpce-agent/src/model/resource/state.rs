//! States of resources (guide §5.4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// State of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ServiceState {
    /// Not in the dataplane yet.
    Creating,
    /// Endpoints can be made.
    Available,
    /// The dataplane couldn't take it.
    Failed,
    /// Leaves the dataplane.
    Deleting,
}

impl ServiceState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Creating, Self::Available, Self::Failed, Self::Deleting];

    /// All, for messages.
    pub const ALLOWED: &str = "creating, available, failed or deleting";

    /// As the API writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Available => "available",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == text)
    }
}

/// State of an endpoint; only an accepted one carries traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum EndpointState {
    /// The service's owner has not said yet.
    PendingAcceptance,
    /// Approved, but not in the dataplane yet.
    Creating,
    /// Approved and in the dataplane.
    Accepted,
    /// The service's owner said no, or the service is gone.
    Rejected,
    /// Approved, but the dataplane couldn't take it.
    Failed,
    /// Leaves the dataplane.
    Deleting,
}

impl EndpointState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::PendingAcceptance, Self::Creating, Self::Accepted, Self::Rejected, Self::Failed, Self::Deleting];

    /// All, for messages.
    pub const ALLOWED: &str = "pendingAcceptance, creating, accepted, rejected, failed or deleting";

    /// As the API writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingAcceptance => "pendingAcceptance",
            Self::Creating => "creating",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == text)
    }

    /// Whether it stands against deleting its service (guide §3.4), and counts as a connection of it.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Creating | Self::Accepted)
    }
}

/// What a service's owner says of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consent {
    /// Nothing yet.
    Pending,
    /// Yes, or approval is off.
    Approved,
    /// No.
    Rejected,
}
