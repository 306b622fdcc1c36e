//! Tables, their rows, and writes to them.

/// A table of the store. What its rows say is the business of whoever writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Endpoint services.
    Service,
    /// Endpoints.
    Endpoint,
    /// Registered backends.
    Backend,
    /// Quotas.
    Quota,
    /// Users.
    User,
    /// Access keys.
    AccessKey,
    /// Tokens.
    Token,
    /// Leases: numbers of VPCs.
    LeaseVpc,
    /// Leases: numbers of attachments.
    LeaseLink,
    /// Leases: numbers of backends.
    LeaseBackend,
    /// Leases: what endpoints hold.
    LeaseEndpoint,
    /// Single facts, by their names.
    Meta,
}

impl Table {
    /// Its name in the database: never changed, for old databases have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Endpoint => "endpoint",
            Self::Backend => "backend",
            Self::Quota => "quota",
            Self::User => "user",
            Self::AccessKey => "access_key",
            Self::Token => "token",
            Self::LeaseVpc => "lease_vpc",
            Self::LeaseLink => "lease_link",
            Self::LeaseBackend => "lease_backend",
            Self::LeaseEndpoint => "lease_endpoint",
            Self::Meta => "meta",
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key, once in its table.
    pub key: String,
    /// What it says.
    pub value: Vec<u8>,
}

/// A write to one row. Of two to the same row the later one holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: String,
    /// What the row shall say; `None` removes it. That it is not there is no error.
    pub value: Option<Vec<u8>>,
}
