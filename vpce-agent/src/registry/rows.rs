//! The state as rows of the store.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use super::State;
use crate::{
    model::{
        Desired,
        resource::{Key, Resources, RowError},
        rights::{Accounts, AccountsError},
    },
    store::{Row, Store, StoreError, Table, Write},
};

/// The row of [`Table::Meta`] with the number of the next endpoint.
const MARKER: &str = "marker";

/// Why what is stored can't be taken.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(missing_docs, reason = "one for each layer; the layers say what each means")]
pub enum RowsError {
    Store(#[from] StoreError),
    Row(#[from] RowError),
    Accounts(#[from] AccountsError),
}

/// What a store holds, beside the file.
pub(super) fn load(store: &dyn Store, desired: &Desired, now: u64) -> Result<State, RowsError> {
    let mut rows = Vec::new();
    for table in [Table::Service, Table::Endpoint, Table::Backend, Table::Quota] {
        for row in store.load(table)? {
            rows.push((Key::parse(table.name(), &row.key)?, parse(table, &row)?));
        }
    }
    if let Some(row) = store.load(Table::Meta)?.iter().find(|row| row.key == MARKER) {
        rows.push((Key::Marker, parse(Table::Meta, row)?));
    }
    let resources = Resources::load(desired, now, rows)?;
    let accounts = Accounts::load(all(store, Table::User)?, all(store, Table::AccessKey)?, all(store, Table::Token)?)?;
    Ok(State { resources, accounts })
}

/// The rows of resources that changed.
pub(super) fn of_resources(resources: &Resources, keys: &[Key]) -> Vec<Write> {
    let write = |key: &Key| {
        let (table, text) = match key {
            Key::Service(id) => (Table::Service, id.to_string()),
            Key::Endpoint(id) => (Table::Endpoint, id.to_string()),
            Key::Backend(id) => (Table::Backend, id.to_string()),
            Key::Quota(domain) => (Table::Quota, domain.clone()),
            Key::Marker => (Table::Meta, MARKER.to_owned()),
        };
        Write { table, key: text, value: resources.row(key).map(|row| row.to_string().into_bytes()) }
    };
    keys.iter().map(write).collect()
}

/// The rows of accounts that differ. Seldom any: all are compared.
pub(super) fn of_accounts(was: &Accounts, is: &Accounts) -> Vec<Write> {
    if was == is {
        return Vec::new();
    }
    let of = |accounts: &Accounts| {
        [
            (Table::User, rows(accounts.users().map(|user| &**user), |user| user.name.clone())),
            (Table::AccessKey, rows(accounts.keys().map(|key| &**key), |key| key.id.clone())),
            (Table::Token, rows(accounts.tokens().map(|token| &**token), |token| token.hash.clone())),
        ]
    };
    let mut writes = Vec::new();
    for ((table, was), (_, is)) in of(was).into_iter().zip(of(is)) {
        let gone = was.keys().filter(|key| !is.contains_key(*key)).map(|key| (key.clone(), None));
        let other = is.iter().filter(|(key, row)| was.get(*key) != Some(row));
        let changed = gone.chain(other.map(|(key, row)| (key.clone(), Some(row.clone()))));
        writes.extend(changed.map(|(key, value)| Write { table, key, value }));
    }
    writes
}

/// Rows by their keys.
fn rows<'a, T: Serialize + 'a>(
    all: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> String,
) -> BTreeMap<String, Vec<u8>> {
    let json = |row: &T| serde_json::to_vec(row).expect("a row of numbers and text is JSON");
    all.map(|row| (key(row), json(row))).collect()
}

fn all<T: DeserializeOwned>(store: &dyn Store, table: Table) -> Result<Vec<T>, StoreError> {
    store.load(table)?.iter().map(|row| parse(table, row)).collect()
}

fn parse<T: DeserializeOwned>(table: Table, row: &Row) -> Result<T, StoreError> {
    let failed = |source| StoreError::Row { table: table.name(), key: row.key.clone(), source };
    serde_json::from_slice(&row.value).map_err(failed)
}
