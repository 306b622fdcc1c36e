//! What the edges ask of the registry.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
};

use super::State;
use crate::{
    model::{resource::Refusal, rights::Caller},
    store::{Audit, Filter, Record, Recorded},
};

/// Who asks for what, for the audit log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Who.
    pub caller: Caller,
    /// What: the name of the right that it takes.
    pub action: &'static str,
    /// To what: usually an id.
    pub target: String,
    /// Of which request.
    pub request_id: String,
}

impl Entry {
    pub(super) fn record(self, refused: Option<&'static str>, at: u64) -> Record {
        let Self { caller, action, target, request_id } = self;
        Record {
            at,
            domain: caller.domain,
            project: caller.project,
            user: caller.user,
            action: action.to_owned(),
            target,
            result: refused.unwrap_or("ok").to_owned(),
            request_id,
        }
    }
}

/// What a request does to the state, at a time in Unix seconds.
type Work = Box<dyn FnOnce(&mut State, u64) -> Outcome + Send>;

/// A request to be carried out.
pub struct Command {
    pub(super) entry: Entry,
    pub(super) work: Work,
}

/// How it went, not told yet.
pub(super) struct Outcome {
    /// The code of the refusal.
    pub(super) refused: Option<&'static str>,
    /// Tells who asked; why it could not be committed, if so.
    pub(super) tell: Box<dyn FnOnce(Option<Refusal>) + Send>,
}

/// Reads the state, and asks for changes. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    state: watch::Receiver<State>,
    commands: mpsc::Sender<Command>,
    audit: Arc<dyn Audit>,
}

impl Handle {
    pub(super) const fn new(
        state: watch::Receiver<State>,
        commands: mpsc::Sender<Command>,
        audit: Arc<dyn Audit>,
    ) -> Self {
        Self { state, commands, audit }
    }

    /// The state of the last commit.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Records of the audit log that pass a filter, the newest first, so many at most.
    ///
    /// # Errors
    /// [`Refusal::Internal`] where the store can't be read.
    pub async fn records(&self, filter: Filter, limit: usize) -> Result<Vec<Recorded>, Refusal> {
        let audit = Arc::clone(&self.audit);
        // The log may be long: no request and no packet waits for its reading.
        let read = spawn_blocking(move || audit.records(&filter, limit).map_err(|error| error.to_string()));
        let records = read.await.unwrap_or_else(|error| Err(error.to_string()));
        records.map_err(|reason| Refusal::Internal { reason })
    }

    /// Tells of every commit from now on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Has a change carried out; `work` also gets the time, in Unix seconds. On return it is committed and in
    /// the maps.
    ///
    /// # Errors
    /// What `work` refuses; [`Refusal::Internal`] where it could not be committed.
    pub async fn write<T: Send + 'static>(
        &self,
        entry: Entry,
        work: impl FnOnce(&mut State, u64) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |state: &mut State, now| {
            let result = work(state, now);
            let refused = result.as_ref().err().map(Refusal::code);
            let tell = Box::new(move |failed: Option<Refusal>| {
                // Who asked may be gone: then nobody misses the answer.
                let _ = answer.send(failed.map_or(result, Err));
            });
            Outcome { refused, tell: tell as Box<dyn FnOnce(Option<Refusal>) + Send> }
        });
        let stopping = || Refusal::Internal { reason: "the agent is stopping; try again".to_owned() };
        self.commands.send(Command { entry, work }).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}
