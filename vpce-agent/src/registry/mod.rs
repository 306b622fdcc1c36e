//! The one writer of what tenants made.
//!
//! Requests come from the edges as [`Handle::write`]: each is carried out on a copy of the state, which is
//! dropped where it is refused. Many at a time are committed at once, with a record each for the audit log;
//! then the gateway takes what changed, then they are answered. Readers have the state of the last commit.

mod command;
mod rows;

use std::collections::BTreeMap;

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use self::command::{Command, Outcome};
pub use self::{
    command::{Entry, Handle},
    rows::RowsError,
};
pub use crate::store::{Filter, Recorded};
use crate::{
    model::{
        Desired, Part,
        leases::LeaseError,
        resource::{Key, Refusal, Resources, ServiceId},
        rights::Accounts,
    },
    reconcile::Gateway,
    store::{Record, Store, StoreError},
};

/// Requests that are committed together, at most.
const TOGETHER: usize = 256;

/// What tenants made, and who may.
#[derive(Debug, Clone)]
pub struct State {
    /// Their resources, beside the file's.
    pub resources: Resources,
    /// Users, keys and tokens.
    pub accounts: Accounts,
}

/// The owner of the [`State`].
pub struct Registry {
    state: State,
    published: watch::Sender<State>,
    commands: mpsc::Receiver<Command>,
    handle: Handle,
    /// Whether the gateway has all that it was given.
    is_applied: bool,
}

impl Registry {
    /// Takes what a store holds, beside what the file has now. Unix seconds.
    ///
    /// # Errors
    /// When a row can't be read.
    pub fn open(store: &dyn Store, desired: &Desired, now: u64) -> Result<Self, RowsError> {
        let state = rows::load(store, desired, now)?;
        let (published, reader) = watch::channel(state.clone());
        let (sender, commands) = mpsc::channel(TOGETHER);
        let handle = Handle::new(reader, sender, store.audit());
        Ok(Self { state, published, commands, handle, is_applied: false })
    }

    /// For the edges.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What the gateway shall do for all that tenants made.
    #[must_use]
    pub fn guests(&self) -> Part {
        self.state.resources.desired(&self.state.resources.keys())
    }

    /// The file is another one: what tenants made is beside it from now on. Take it by [`Registry::took`]
    /// once the gateway has it.
    #[must_use]
    pub fn beside(&self, desired: &Desired, now: u64) -> (Resources, Part) {
        let resources = self.state.resources.with_file(desired, now);
        let part = resources.desired(&resources.keys());
        (resources, part)
    }

    /// The gateway took the file with these resources beside it, all but some.
    pub fn took(&mut self, resources: Resources, refused: &BTreeMap<String, LeaseError>) {
        let before = std::mem::replace(&mut self.state.resources, resources).failed();
        self.is_applied = false;
        self.note_refused(refused);
        for (key, reason) in self.state.resources.failed() {
            if !before.contains_key(&key) {
                tracing::warn!(resource = key.text(), "not served any more: {reason}");
            }
        }
        self.publish();
    }

    /// The gateway could not serve these.
    pub fn note_refused(&mut self, refused: &BTreeMap<String, LeaseError>) {
        for (name, error) in refused {
            if let Ok(id) = name.parse() {
                self.state.resources.set_applied(id, Err(error.to_string()));
            }
        }
    }

    /// Requests to carry out, once there are any.
    pub async fn asked(&mut self) -> Vec<Command> {
        let mut asked = Vec::new();
        self.commands.recv_many(&mut asked, TOGETHER).await;
        asked
    }

    /// Carries requests out, as they came, and answers them.
    pub fn carry_out(&mut self, asked: Vec<Command>, gateway: &mut Gateway, now: u64) {
        let mut next = self.state.clone();
        let (mut records, mut answers) = (Vec::new(), Vec::new());
        for Command { entry, work } in asked {
            let mut tried = next.clone();
            let Outcome { refused, tell } = work(&mut tried, now);
            if refused.is_none() {
                next = tried;
            }
            records.push(entry.record(refused, now));
            answers.push(tell);
        }
        let failed = self.commit(next, &[], &records, gateway).err().map(|error| {
            tracing::error!("not committed, nothing changed: {error}");
            Refusal::Internal { reason: error.to_string() }
        });
        for tell in answers {
            tell(failed.clone());
        }
    }

    /// Looks at what the gateway has done since: what it let go of is gone, what it could not write once is
    /// written now. For once a second.
    pub fn look(&mut self, gateway: &mut Gateway) {
        if !self.is_applied && gateway.is_written() {
            let mut part = self.guests();
            for key in self.state.resources.refused() {
                part.services.remove(&key.text());
                part.endpoints.remove(&key.text());
            }
            self.note(gateway, &part, &BTreeMap::new());
            self.note_file(gateway);
            self.is_applied = true;
            self.publish();
        }
        self.turn_from_silent(gateway);
        self.forget_deleted(gateway);
        self.try_again(gateway);
    }

    /// Commits another state, with records of who had it become so, and has the gateway take what changed.
    /// `turned` are kept as they were, and lead elsewhere.
    fn commit(
        &mut self,
        mut next: State,
        turned: &[Key],
        records: &[Record],
        gateway: &mut Gateway,
    ) -> Result<(), StoreError> {
        let keys = next.resources.take_changed();
        let mut writes = rows::of_resources(&next.resources, &keys);
        writes.extend(rows::of_accounts(&self.state.accounts, &next.accounts));
        let part = next.resources.desired(keys.iter().chain(turned));
        let refused = gateway.alter(part.clone(), &writes, records)?;
        self.state = next;
        self.note(gateway, &part, &refused);
        self.publish();
        Ok(())
    }

    /// Leads services whose backend does not answer to the other one that they have.
    fn turn_from_silent(&mut self, gateway: &mut Gateway) {
        let services = self.state.resources.with_standby();
        let silent: Vec<ServiceId> = services.filter(|id| gateway.is_silent(&id.to_string())).collect();
        if silent.is_empty() {
            return;
        }
        let mut next = self.state.clone();
        for &service in &silent {
            next.resources.turn(service);
        }
        let turned: Vec<Key> = silent.iter().copied().map(Key::Service).collect();
        match self.commit(next, &turned, &[], gateway) {
            Ok(()) => tracing::warn!(?silent, "their backends do not answer: new connections go to the other ones"),
            Err(error) => tracing::error!("services stay with backends that do not answer: {error}"),
        }
    }

    /// What was deleted is gone once nothing of it is held.
    fn forget_deleted(&mut self, gateway: &mut Gateway) {
        let let_go: Vec<Key> = self.state.resources.deleting().filter(|key| !gateway.holds(&key.text())).collect();
        if let_go.is_empty() {
            return;
        }
        let mut next = self.state.clone();
        for id in let_go.iter().filter_map(|key| key.text().parse().ok()) {
            next.resources.released(id);
        }
        if let Err(error) = self.commit(next, &[], &[], gateway) {
            tracing::error!("deleted resources stay for now: {error}");
        }
    }

    /// What there was no room for is tried again: something may have gone since.
    fn try_again(&mut self, gateway: &mut Gateway) {
        let part = self.state.resources.desired(&self.state.resources.refused());
        if !self.is_applied || part == Part::default() {
            return;
        }
        match gateway.alter(part.clone(), &[], &[]) {
            Ok(refused) if refused.len() < part.services.len() + part.endpoints.len() => {
                self.note(gateway, &part, &refused);
                self.publish();
            }
            Ok(_) => (),
            Err(error) => tracing::error!("nothing changed: {error}"),
        }
    }

    /// Notes what the gateway said of a part.
    fn note(&mut self, gateway: &Gateway, part: &Part, refused: &BTreeMap<String, LeaseError>) {
        self.note_refused(refused);
        if gateway.is_written() {
            // What was refused may be served still, as it was before.
            let names = part.services.keys().chain(part.endpoints.keys());
            let names = names.filter(|name| gateway.serves(name) && !refused.contains_key(*name));
            for id in names.filter_map(|name| name.parse().ok()) {
                self.state.resources.set_applied(id, Ok(()));
            }
        } else {
            self.is_applied = false;
        }
    }

    /// Notes what the gateway has of the file.
    fn note_file(&mut self, gateway: &Gateway) {
        let resources = &mut self.state.resources;
        let of_file = resources.of_file().filter(|(name, _)| gateway.serves(name));
        let served: Vec<Uuid> = of_file.map(|(_, id)| id).collect();
        for id in served {
            resources.set_applied(id, Ok(()));
        }
        for (id, address) in gateway.addresses() {
            resources.set_address(id, address);
        }
    }

    fn publish(&self) {
        self.published.send_replace(self.state.clone());
    }
}
