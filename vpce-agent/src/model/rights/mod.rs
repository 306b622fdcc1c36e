//! Who asks.

/// Whoever makes a request: known, and allowed to make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub domain: String,
    /// The tenant's project that the request is about.
    pub project: String,
    /// Who of the tenant.
    pub user: String,
    /// Whether it is the operator, who may use and see what is anyone's.
    pub operator: bool,
}
