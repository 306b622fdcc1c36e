//! How the HTTPS API is served.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The `[api]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate that it shows; absent: it makes its own.
    pub identity: Option<Identity>,
    /// Names and addresses that its own certificate is for.
    pub names: Vec<String>,
    /// What one client can take of it.
    pub limits: Limits,
    /// What endpoints that it makes have room for.
    pub connections: Connections,
}

/// The files of a certificate, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, with those that lead to a known one behind it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What requests can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// For a body to be there, and as long again for its answer.
    pub time: Duration,
    /// Requests at once, those of all clients.
    pub requests: usize,
    /// Requests of one access key or token in a second; as many can come at once.
    pub per_sec: u32,
}

/// Open connections of an endpoint at most, by what it was made or upgraded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Of a basic one.
    pub basic: u32,
    /// Of a professional one.
    pub professional: u32,
}

impl Default for Connections {
    /// The guide's figures (§1.4).
    fn default() -> Self {
        Self { basic: 3000, professional: 1_000_000 }
    }
}
