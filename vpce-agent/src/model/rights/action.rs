//! The vendor's actions, and the roles that sum them up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One kind of thing to do; its name is the vendor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Action {
    #[serde(rename = "vpcep:epservices:create")]
    ServicesCreate,
    #[serde(rename = "vpcep:epservices:list")]
    ServicesList,
    #[serde(rename = "vpcep:epservices:get")]
    ServicesGet,
    #[serde(rename = "vpcep:epservices:update")]
    ServicesUpdate,
    #[serde(rename = "vpcep:epservices:delete")]
    ServicesDelete,
    #[serde(rename = "vpcep:endpoints:create")]
    EndpointsCreate,
    #[serde(rename = "vpcep:endpoints:list")]
    EndpointsList,
    #[serde(rename = "vpcep:endpoints:get")]
    EndpointsGet,
    #[serde(rename = "vpcep:endpoints:delete")]
    EndpointsDelete,
    #[serde(rename = "vpcep:connections:list")]
    ConnectionsList,
    #[serde(rename = "vpcep:connections:update")]
    ConnectionsUpdate,
    #[serde(rename = "vpcep:permissions:list")]
    PermissionsList,
    #[serde(rename = "vpcep:permissions:update")]
    PermissionsUpdate,
    #[serde(rename = "vpcep:tags:list")]
    TagsList,
    #[serde(rename = "vpcep:tags:update")]
    TagsUpdate,
    #[serde(rename = "vpcep:quotas:get")]
    QuotasGet,
}

impl Action {
    /// All, each with its name, in the order of the enum.
    pub const ALL: [(&'static str, Self); 16] = [
        ("vpcep:epservices:create", Self::ServicesCreate),
        ("vpcep:epservices:list", Self::ServicesList),
        ("vpcep:epservices:get", Self::ServicesGet),
        ("vpcep:epservices:update", Self::ServicesUpdate),
        ("vpcep:epservices:delete", Self::ServicesDelete),
        ("vpcep:endpoints:create", Self::EndpointsCreate),
        ("vpcep:endpoints:list", Self::EndpointsList),
        ("vpcep:endpoints:get", Self::EndpointsGet),
        ("vpcep:endpoints:delete", Self::EndpointsDelete),
        ("vpcep:connections:list", Self::ConnectionsList),
        ("vpcep:connections:update", Self::ConnectionsUpdate),
        ("vpcep:permissions:list", Self::PermissionsList),
        ("vpcep:permissions:update", Self::PermissionsUpdate),
        ("vpcep:tags:list", Self::TagsList),
        ("vpcep:tags:update", Self::TagsUpdate),
        ("vpcep:quotas:get", Self::QuotasGet),
    ];

    /// The vendor's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The action of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, action)| (known == name).then_some(action))
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn reads(self) -> bool {
        self.name().ends_with(":list") || self.name().ends_with(":get")
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u16);

impl Rights {
    /// Whether the action is among them.
    #[must_use]
    pub const fn has(self, action: Action) -> bool {
        self.0 & (1 << action as u16) != 0
    }
}

impl FromIterator<Action> for Rights {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |rights, action| rights | 1 << action as u16))
    }
}

/// What a user may do in the user's projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The operator's: every action, in every project.
    Administrator,
    /// Every action.
    FullAccess,
    /// Every action that changes nothing.
    ReadOnlyAccess,
    /// These actions alone.
    Actions(BTreeSet<Action>),
}

impl Role {
    /// The actions of the role.
    #[must_use]
    pub fn rights(&self) -> Rights {
        let all = Action::ALL.into_iter().map(|(_, action)| action);
        match self {
            Self::Administrator | Self::FullAccess => all.collect(),
            Self::ReadOnlyAccess => all.filter(|action| action.reads()).collect(),
            Self::Actions(actions) => actions.iter().copied().collect(),
        }
    }
}
