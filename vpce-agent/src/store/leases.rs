//! Leases as rows: one for each, so that a change costs what it changes.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};

use super::{Row, Store, StoreError, Table, Write};
use crate::model::leases::{Altered, BackendLease, EndpointLease, Leases, LinkLease};

/// The row of [`Table::Meta`] that is there when leases are.
const NEXT_GENERATION: &str = "next_generation";
/// Version of the form that leases have in the model.
pub(super) const VERSION: u32 = 1;

/// What changed among the leases; what is not named stays. `None` removes a lease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the member of that name of the leases")]
pub struct LeaseDelta {
    pub next_generation: Option<u32>,
    pub vpcs: BTreeMap<String, Option<u16>>,
    pub links: BTreeMap<u32, Option<LinkLease>>,
    pub backends: BTreeMap<u32, Option<BackendLease>>,
    pub endpoints: BTreeMap<u32, Option<EndpointLease>>,
}

impl LeaseDelta {
    /// What makes the leases `now` of those `before`.
    #[must_use]
    pub fn between(before: &Leases, now: &Leases) -> Self {
        Self {
            next_generation: (now.next_generation != before.next_generation).then_some(now.next_generation),
            vpcs: changed(&before.vpcs, &now.vpcs),
            links: changed(&numbered(&before.links), &numbered(&now.links)),
            backends: changed(&numbered(&before.backends), &numbered(&now.backends)),
            endpoints: changed(&before.endpoints, &now.endpoints),
        }
    }

    /// What a change of a part made of the leases that are `now`.
    #[must_use]
    pub fn of(altered: &Altered, now: &Leases) -> Self {
        let backends = (0..).zip(&now.backends).skip(altered.backends);
        Self {
            next_generation: Some(now.next_generation),
            backends: backends.map(|(number, lease)| (number, Some(*lease))).collect(),
            endpoints: altered.before.keys().map(|number| (*number, now.endpoints.get(number).cloned())).collect(),
            ..Self::default()
        }
    }

    /// The rows to write: to be committed alone, or together with others.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        let next = self.next_generation.map(|next| write(Table::Meta, &NEXT_GENERATION, Some(&next)));
        let vpcs = self.vpcs.iter().map(|(name, lease)| write(Table::LeaseVpc, name, lease.as_ref()));
        let links = self.links.iter().map(|(number, lease)| write(Table::LeaseLink, number, lease.as_ref()));
        let backends = self.backends.iter().map(|(number, lease)| write(Table::LeaseBackend, number, lease.as_ref()));
        let endpoints =
            self.endpoints.iter().map(|(number, lease)| write(Table::LeaseEndpoint, number, lease.as_ref()));
        next.into_iter().chain(vpcs).chain(links).chain(backends).chain(endpoints).collect()
    }
}

/// The leases of a store.
pub(super) fn load(store: &(impl Store + ?Sized)) -> Result<Option<Leases>, StoreError> {
    let meta = store.load(Table::Meta)?;
    let Some(next) = meta.iter().find(|row| row.key == NEXT_GENERATION) else { return Ok(None) };
    Ok(Some(Leases {
        version: VERSION,
        next_generation: parse(Table::Meta, next)?,
        vpcs: rows(store, Table::LeaseVpc)?,
        links: list(store, Table::LeaseLink)?,
        backends: list(store, Table::LeaseBackend)?,
        endpoints: rows(store, Table::LeaseEndpoint)?,
    }))
}

fn write(table: Table, key: &impl ToString, lease: Option<&impl Serialize>) -> Write {
    let json = |lease| serde_json::to_vec(lease).expect("a lease of numbers and text is JSON");
    Write { table, key: key.to_string(), value: lease.map(json) }
}

/// The rows of a table, by their keys.
fn rows<K: Ord + FromStr, L: DeserializeOwned>(
    store: &(impl Store + ?Sized),
    table: Table,
) -> Result<BTreeMap<K, L>, StoreError> {
    let row = |row: Row| {
        let key = row.key.parse().map_err(|_| unknown(table, &row, "its key is no number"))?;
        Ok((key, parse(table, &row)?))
    };
    store.load(table)?.into_iter().map(row).collect()
}

/// The rows of a table whose keys are places in a list.
fn list<L: DeserializeOwned>(store: &(impl Store + ?Sized), table: Table) -> Result<Vec<L>, StoreError> {
    let rows: BTreeMap<u32, L> = rows(store, table)?;
    let in_place = |(place, (number, lease)): (u32, (u32, L))| {
        let gap = Row { key: place.to_string(), value: Vec::new() };
        if number == place { Ok(lease) } else { Err(unknown(table, &gap, "it is missing")) }
    };
    (0..).zip(rows).map(in_place).collect()
}

fn parse<L: DeserializeOwned>(table: Table, row: &Row) -> Result<L, StoreError> {
    serde_json::from_slice(&row.value).map_err(|source| fault(table, row, source))
}

fn unknown(table: Table, row: &Row, why: &str) -> StoreError {
    fault(table, row, serde::de::Error::custom(why))
}

fn fault(table: Table, row: &Row, source: serde_json::Error) -> StoreError {
    StoreError::Row { table: table.name(), key: row.key.clone(), source }
}

fn numbered<L: Clone>(list: &[L]) -> BTreeMap<u32, L> {
    (0..).zip(list.iter().cloned()).collect()
}

/// What is other now, and what is gone.
fn changed<K: Ord + Clone, L: Clone + PartialEq>(
    before: &BTreeMap<K, L>,
    now: &BTreeMap<K, L>,
) -> BTreeMap<K, Option<L>> {
    let gone = before.keys().filter(|&key| !now.contains_key(key)).map(|key| (key.clone(), None));
    let other = now.iter().filter(|&(key, lease)| before.get(key) != Some(lease));
    gone.chain(other.map(|(key, lease)| (key.clone(), Some(lease.clone())))).collect()
}
