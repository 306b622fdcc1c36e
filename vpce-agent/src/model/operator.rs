//! What the operator asks for, and is answered: users with their keys and tokens, backends, the audit log.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    resource::Time,
    rights::{AccessKey, Action, Role, Token, User},
};

/// What a user may do: `Administrator`, `FullAccess`, `ReadOnlyAccess`, or a list of actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rights {
    /// The name of a role.
    Role(String),
    /// The names of actions.
    Actions(BTreeSet<String>),
}

/// What a role can be, for messages.
const ROLES: &str = "Administrator, FullAccess, ReadOnlyAccess, or a list of actions such as vpcep:endpoints:list";

/// A role or an action that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("role: {value:?} isn't allowed; use {ROLES}")]
pub struct UnknownRights {
    value: String,
}

impl Rights {
    /// The role.
    ///
    /// # Errors
    /// Where a name is not known.
    pub fn role(&self) -> Result<Role, UnknownRights> {
        let unknown = |value: &str| UnknownRights { value: value.to_owned() };
        match self {
            Self::Role(name) => match name.as_str() {
                "Administrator" => Ok(Role::Administrator),
                "FullAccess" => Ok(Role::FullAccess),
                "ReadOnlyAccess" => Ok(Role::ReadOnlyAccess),
                name => Err(unknown(name)),
            },
            Self::Actions(names) => {
                let actions = names.iter().map(|name| Action::named(name).ok_or_else(|| unknown(name)));
                Ok(Role::Actions(actions.collect::<Result<_, _>>()?))
            }
        }
    }
}

impl From<&Role> for Rights {
    fn from(role: &Role) -> Self {
        match role {
            Role::Administrator => Self::Role("Administrator".to_owned()),
            Role::FullAccess => Self::Role("FullAccess".to_owned()),
            Role::ReadOnlyAccess => Self::Role("ReadOnlyAccess".to_owned()),
            Role::Actions(actions) => Self::Actions(actions.iter().map(|action| action.name().to_owned()).collect()),
        }
    }
}

/// Makes a user, or changes the one of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateUser {
    /// Unique on the gateway.
    pub name: String,
    /// The tenant: as `domain` of its VPCs.
    pub domain: String,
    /// The projects that the user acts in: at least one.
    pub projects: BTreeSet<String>,
    /// `FullAccess` where absent.
    pub role: Option<Rights>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in CreateUser")]
pub struct UserDetails {
    pub name: String,
    pub domain: String,
    pub projects: BTreeSet<String>,
    pub role: Rights,
    pub created_at: Time,
}

impl From<&User> for UserDetails {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            domain: user.domain.clone(),
            projects: user.projects.clone(),
            role: (&user.role).into(),
            created_at: Time(user.created_at),
        }
    }
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDetails {
    /// The AK.
    pub access: String,
    /// The SK; shown once, when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whose it is.
    pub user: String,
    /// When it was made.
    pub created_at: Time,
}

impl From<&AccessKey> for KeyDetails {
    fn from(key: &AccessKey) -> Self {
        let (access, user) = (key.id.clone(), key.user.clone());
        Self { access, secret: None, user, created_at: Time(key.created_at) }
    }
}

/// Makes a token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateToken {
    /// How long it is good; a day where absent.
    pub expires_in_secs: Option<u64>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenDetails {
    /// What it is called in lists.
    pub id: String,
    /// The token itself; shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whose it is.
    pub user: String,
    /// When it was made.
    pub created_at: Time,
    /// From then on it is not taken.
    pub expires_at: Time,
}

impl From<&Token> for TokenDetails {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id().to_owned(),
            token: None,
            user: token.user.clone(),
            created_at: Time(token.created_at),
            expires_at: Time(token.expires_at),
        }
    }
}

/// Registers a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateBackend {
    /// The VPC's name or id.
    pub vpc: String,
    /// `vm`, `lb` or `bms`.
    pub kind: String,
    /// Its address in the VPC.
    pub address: String,
}

/// A record of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the store's Record")]
pub struct AuditRecord {
    /// Its number.
    pub seq: u64,
    pub at: Time,
    pub domain: String,
    pub project: String,
    pub user: String,
    pub action: String,
    pub target: String,
    /// `ok`, or the code of the error.
    pub result: String,
    pub request_id: String,
    /// SHA-256 over it and all before it, in hex.
    pub hash: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_role_is_told_as_makes_it_again() {
        let some = Role::Actions(BTreeSet::from([Action::EndpointsList, Action::QuotasGet]));
        for role in [Role::Administrator, Role::FullAccess, Role::ReadOnlyAccess, some] {
            let told = serde_json::to_value(Rights::from(&role)).unwrap();
            let again: Rights = serde_json::from_value(told).unwrap();
            assert_eq!(again.role().unwrap(), role);
        }
    }

    #[test]
    fn a_role_or_an_action_that_is_not_known_is_refused_by_name() {
        for rights in [Rights::Role("root".to_owned()), Rights::Actions(BTreeSet::from(["root".to_owned()]))] {
            assert!(rights.role().unwrap_err().to_string().contains("\"root\""));
        }
    }
}
