//! Whom a request is of.

use super::{Action, Denied, Rights};

/// Who asks, where, and with what rights. Owned: it travels with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that owns the project.
    pub domain: String,
    /// The project acted in.
    pub project: String,
    /// The user's name.
    pub user: String,
    /// Whether it is the operator, in whosever project.
    pub operator: bool,
    /// What the user may do there.
    pub rights: Rights,
}

impl Caller {
    /// Whether the user may do this in the project.
    #[must_use]
    pub const fn may(&self, action: Action) -> bool {
        self.operator || self.rights.has(action)
    }

    /// Refuses what the user may not do.
    ///
    /// # Errors
    /// [`Denied::NoRight`]
    pub fn require(&self, action: Action) -> Result<(), Denied> {
        if self.may(action) { Ok(()) } else { Err(Denied::NoRight { user: self.user.clone(), action: action.name() }) }
    }
}

/// A user whom a request was shown to be of, before it is known which project it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's name.
    pub user: String,
    /// The access key's id, or the token's: what limits of pace count by.
    pub by: String,
}
