//! Resources as the rows of a store.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{BackendId, EndpointId, Resources, ServiceId, applied::Applied};
use crate::model::Desired;

/// What a row is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A service.
    Service(ServiceId),
    /// An endpoint.
    Endpoint(EndpointId),
    /// A registered backend.
    Backend(BackendId),
    /// How much a tenant may have.
    Quota(String),
    /// The number of the next endpoint.
    Marker,
}

impl Key {
    /// All tables that rows can be of.
    pub const TABLES: [&str; 5] = ["service", "endpoint", "backend", "quota", "marker"];

    /// The table of the row.
    #[must_use]
    pub const fn table(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Endpoint(_) => "endpoint",
            Self::Backend(_) => "backend",
            Self::Quota(_) => "quota",
            Self::Marker => "marker",
        }
    }

    /// The key within the table.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Service(id) => id.to_string(),
            Self::Endpoint(id) => id.to_string(),
            Self::Backend(id) => id.to_string(),
            Self::Quota(domain) => domain.clone(),
            Self::Marker => "next".to_owned(),
        }
    }

    /// The key of a row of a table.
    ///
    /// # Errors
    ///
    /// It is of no table of the model, or not as the table's keys are.
    pub fn parse(table: &str, text: &str) -> Result<Self, RowError> {
        let bad = || RowError { table: table.to_owned(), key: text.to_owned(), reason: "unknown key".to_owned() };
        match table {
            "service" => text.parse().map(Self::Service).map_err(|_| bad()),
            "endpoint" => text.parse().map(Self::Endpoint).map_err(|_| bad()),
            "backend" => text.parse().map(Self::Backend).map_err(|_| bad()),
            "quota" => Ok(Self::Quota(text.to_owned())),
            "marker" if text == "next" => Ok(Self::Marker),
            _ => Err(bad()),
        }
    }
}

/// A row that can't be read: it was written by another version, or damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {key:?} of table {table:?} can't be read: {reason}; restore a backup, or run the version that wrote it")]
pub struct RowError {
    /// Its table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

impl Resources {
    /// The row of a key; None: nothing of that key is stored.
    #[must_use]
    pub fn row(&self, key: &Key) -> Option<Value> {
        let row = match key {
            Key::Service(id) => {
                serde_json::to_value(&**self.services.get(id).filter(|service| service.owner.file.is_none())?)
            }
            Key::Endpoint(id) => {
                serde_json::to_value(&**self.endpoints.get(id).filter(|endpoint| endpoint.owner.file.is_none())?)
            }
            Key::Backend(id) => serde_json::to_value(self.backends.get(id).filter(|backend| !backend.of_file)?),
            Key::Quota(domain) => serde_json::to_value(self.quotas.get(domain)?),
            Key::Marker => serde_json::to_value(self.next_marker),
        };
        // Only maps with keys that are no texts can't be written, and there are none.
        row.ok()
    }

    /// What was stored, with what the file says now. At `at` what the file owns was first seen.
    ///
    /// # Errors
    ///
    /// A row that can't be read.
    pub fn load(desired: &Desired, at: u64, rows: impl IntoIterator<Item = (Key, Value)>) -> Result<Self, RowError> {
        let mut resources = Self::empty(desired);
        let (mut services, mut endpoints) = (Vec::new(), Vec::new());
        for (key, row) in rows {
            match &key {
                Key::Service(_) => services.push(read(&key, row)?),
                Key::Endpoint(_) => endpoints.push(read(&key, row)?),
                Key::Backend(id) => drop(resources.backends.insert(*id, read(&key, row)?)),
                Key::Quota(domain) => drop(resources.quotas.insert(domain.clone(), read(&key, row)?)),
                Key::Marker => resources.next_marker = read(&key, row)?,
            }
        }
        resources.services =
            services.into_iter().map(|service: super::Service| (service.id, Arc::new(service))).collect();
        resources.endpoints =
            endpoints.into_iter().map(|endpoint: super::Endpoint| (endpoint.id, Arc::new(endpoint))).collect();
        resources.applied = Applied::default();
        Ok(resources.with_file(desired, at))
    }
}

fn read<T: DeserializeOwned>(key: &Key, row: Value) -> Result<T, RowError> {
    serde_json::from_value(row).map_err(|error| RowError {
        table: key.table().to_owned(),
        key: key.text(),
        reason: error.to_string(),
    })
}
