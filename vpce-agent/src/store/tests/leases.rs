//! Leases as rows, and those of older agents.

use std::{fs, net::Ipv4Addr};

use super::*;
use crate::model::leases::{BackendLease, EndpointLease, Held, LinkLease};

/// Leases of so many endpoints.
fn sample(endpoints: u32) -> Leases {
    let lease = |number: u32| EndpointLease {
        name: format!("endpoint-{number}"),
        vpc: 1,
        address: Some(Ipv4Addr::from(0x0a00_0000 + number)),
        transit: Ipv4Addr::from(0xc613_8000 + number),
        backend: 0,
        first_slot: number * 64,
        slots: 64,
        generation: number + 1,
        held: Held::Serving,
    };
    let link = |interface: &str, vlan| LinkLease { vpc: 1, interface: interface.to_owned(), vlan, vni: None };
    Leases {
        version: 1,
        next_generation: endpoints + 1,
        vpcs: [("red".to_owned(), 1), ("blue".to_owned(), 2)].into(),
        // More than ten: their numbers are no longer in the order of their texts.
        links: (0..12).map(|n| link(&format!("eth{n}"), (n > 5).then_some(n))).collect(),
        backends: vec![BackendLease { vpc: 2, address: Ipv4Addr::new(10, 0, 0, 5), gateway: false }],
        endpoints: (0..endpoints).map(|number| (number, lease(number))).collect(),
    }
}

#[test]
fn leases_are_loaded_as_they_were_saved_and_there_are_none_before() {
    let (dir, mut store) = fresh();
    assert_eq!(store.leases().unwrap(), None);
    store.replace_leases(&sample(20)).unwrap();
    drop(store);
    let store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(store.leases().unwrap(), Some(sample(20)));
}

#[test]
fn leases_that_are_all_empty_are_some() {
    let (_dir, mut store) = fresh();
    store.replace_leases(&Leases::default()).unwrap();
    assert_eq!(store.leases().unwrap(), Some(Leases { version: 1, ..Leases::default() }));
}

#[test]
fn a_change_writes_the_rows_that_it_changes_and_no_others() {
    let (_dir, mut store) = fresh();
    let before = sample(100);
    store.replace_leases(&before).unwrap();
    let mut now = before.clone();
    now.next_generation += 1;
    now.endpoints.get_mut(&7).unwrap().held = Held::Draining;
    now.endpoints.remove(&8);
    let changed = LeaseDelta::between(&before, &now);
    let written: Vec<_> = changed.writes().into_iter().map(|write| (write.table, write.key)).collect();
    let rows = [(Table::Meta, "next_generation"), (Table::LeaseEndpoint, "7"), (Table::LeaseEndpoint, "8")];
    assert_eq!(written, rows.map(|(table, key)| (table, key.to_owned())));
    store.save_leases(&changed).unwrap();
    assert_eq!(store.leases().unwrap(), Some(now.clone()));
    assert_eq!(LeaseDelta::between(&now, &now).writes(), []);
}

#[test]
fn replaced_leases_leave_none_of_the_old_ones() {
    let (_dir, mut store) = fresh();
    store.replace_leases(&sample(20)).unwrap();
    let fewer = sample(3).without_flows();
    store.replace_leases(&fewer).unwrap();
    assert_eq!(store.leases().unwrap(), Some(fewer));
}

#[test]
fn a_row_that_is_no_lease_or_missing_is_named() {
    for (table, key, value) in [
        (Table::LeaseEndpoint, "3", Some("{}")),
        (Table::LeaseEndpoint, "three", Some("{}")),
        (Table::LeaseLink, "4", None),
        (Table::Meta, "next_generation", Some("many")),
    ] {
        let (_dir, mut store) = fresh();
        store.replace_leases(&sample(5)).unwrap();
        let value = value.map(Into::into);
        store.commit(&[Write { table, key: key.to_owned(), value }], &[]).unwrap();
        let error = store.leases().unwrap_err();
        assert!(matches!(&error, StoreError::Row { key: found, .. } if found == key), "{error}");
    }
}

#[test]
fn the_file_of_an_older_agent_is_taken_over_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("leases.json");
    let text = serde_json::to_vec_pretty(&sample(20)).unwrap();
    fs::write(&file, &text).unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(store.leases().unwrap(), Some(sample(20)));
    assert!(!file.exists());
    assert_eq!(fs::read(dir.path().join("leases.json.imported")).unwrap(), text);

    // It was taken over, and the agent died before it could rename the file.
    drop(store);
    fs::write(&file, &text).unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(store.leases().unwrap(), Some(sample(20)));
    assert!(!file.exists());
}

#[test]
fn the_file_of_an_older_agent_that_ran_afterwards_is_refused_and_kept() {
    let (dir, mut store) = fresh();
    store.replace_leases(&sample(20)).unwrap();
    drop(store);
    let file = dir.path().join("leases.json");
    fs::write(&file, serde_json::to_vec(&sample(21)).unwrap()).unwrap();
    assert!(matches!(Sqlite::open(dir.path()), Err(StoreError::TwoLeases { .. })));
    assert!(file.exists());
}

#[test]
fn a_damaged_file_and_a_newer_one_are_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("leases.json");
    fs::write(&file, "{").unwrap();
    assert!(matches!(Sqlite::open(dir.path()), Err(StoreError::Leases { .. })));
    fs::write(&file, serde_json::to_vec(&Leases { version: 9, ..Leases::default() }).unwrap()).unwrap();
    assert!(matches!(Sqlite::open(dir.path()), Err(StoreError::Version { found: 9, .. })));
    assert!(file.exists());
}
