//! `vpce-agent run`: starts in order, then one loop that owns the gateway.

use std::{
    collections::BTreeSet,
    io,
    net::Ipv4Addr,
    os::fd::OwnedFd,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::unix::AsyncFd,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::LocalSet,
    time::{MissedTickBehavior, interval, sleep_until},
};

use super::{
    InputError,
    input::{self, Watched},
};
use crate::{
    api::{self, Frame, ServeError, Server},
    dataplane::{self, Dataplane, DataplaneError},
    model::{
        Api, Segment,
        difference::{Between, Difference, Fault},
        rights::Seal,
    },
    net::{Interfaces, NetError, Speaker},
    reconcile::{Against, Gateway, ReconcileError, Word},
    registry::{Registry, RowsError},
    socket::{self, Asked, SocketError},
    store::{self, Sqlite, Store as _, StoreError},
};

/// The reaper looks at a share of the flow records this often, while one is due.
const REAP: Duration = Duration::from_millis(50);
/// And this often where none is: what was heard must not wait for ever, should a wake-up be lost.
const AT_LEAST: Duration = Duration::from_secs(1);
/// The file and the backends are looked at this often.
const LOOK: Duration = Duration::from_millis(500);
/// Causes of alarms are looked for this often.
const WATCH: Duration = Duration::from_secs(1);
/// News of interfaces that were not told are looked for this often.
const NEWS: Duration = Duration::from_secs(5);
/// Drift in the maps is looked for this often.
const DRIFT: Duration = Duration::from_secs(15);
/// A start waits this long for backends to answer ARP; one that is down must not hold up the others.
const FIND: Duration = Duration::from_secs(1);

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file.
    pub config: PathBuf,
    /// Where programs, links and maps are pinned.
    pub bpf_dir: PathBuf,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// The operator's socket.
    pub socket: PathBuf,
    /// Whether the programs log each packet that they drop.
    pub log_drops: bool,
}

/// Why the agent can't run.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(missing_docs, reason = "one for each layer; the layers say what each means")]
pub enum RunError {
    Input(#[from] InputError),
    Dataplane(#[from] DataplaneError),
    Store(#[from] StoreError),
    Reconcile(#[from] ReconcileError),
    Rows(#[from] RowsError),
    Net(#[from] NetError),
    Socket(#[from] SocketError),
    Api(#[from] ServeError),
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
    #[error(
        "max_flows is {now} in the running dataplane and can't become {wanted}: run `vpce-agent unload` (flows end) and start again"
    )]
    MaxFlows {
        now: u32,
        wanted: u32,
    },
}

/// Runs until SIGTERM or SIGINT. Packets flow on after it, and by whatever it did not change
/// when it can't start.
///
/// # Errors
/// Only from the start; a running agent reports and goes on.
pub async fn run(options: Options) -> Result<(), RunError> {
    let agent = Box::pin(Agent::start(options)).await?;
    LocalSet::new().run_until(Box::pin(agent.serve())).await
}

struct Agent {
    options: Options,
    gateway: Gateway,
    registry: Registry,
    /// Dropped after the registry: what waits for it is answered then.
    _api: Option<Server>,
    /// How the API is served.
    served: Option<Api>,
    max_flows: u32,
    interfaces: Interfaces,
    ears: AsyncFd<OwnedFd>,
    speaker: Speaker,
    asks: mpsc::Receiver<Asked>,
    file: Watched,
    known: BTreeSet<String>,
    /// What was said of the tunnels last.
    tunnels_failed: Option<String>,
}

impl Agent {
    async fn start(options: Options) -> Result<Self, RunError> {
        dataplane::check_rights()?;
        let store = Sqlite::open(&options.state_dir)?;
        let interfaces = Interfaces::new()?;
        let mut present: BTreeSet<String> = interfaces.all().await?.into_keys().collect();
        // One that was attached before may be away just now: it is attached when it comes back.
        present.extend(store.leases()?.into_iter().flat_map(|leases| leases.links).map(|link| link.interface));
        let file = Watched::new(&options.config);
        let desired = input::read(&options.config, Some(&present))?;
        let (max_flows, served) = (desired.gateway.max_flows, desired.api.clone());

        let speaker = Speaker::new()?;
        let dataplane = Dataplane::load(&options.bpf_dir, max_flows, options.log_drops)?;
        let mut registry = Registry::open(&store, &desired, now())?;
        let (gateway, refused) = Gateway::start(dataplane, Box::new(store), desired, registry.guests())?;
        registry.note_refused(&refused);
        let (asking, asks) = mpsc::channel(16);
        let seal = Seal::new(&store::seal_key(&options.state_dir)?);
        let handle = registry.handle();
        socket::serve(&options.socket, asking, api::operator(handle.clone(), seal.clone())).await?;
        let serve = |api| Server::start(api, &options.state_dir, Frame::new(handle, seal));
        let api = served.as_ref().map(serve).transpose()?;
        // SAFETY: an `OwnedFd` answers the same descriptor for as long as it lives.
        let ears = unsafe { AsyncFd::register(gateway.ears()?) }.map_err(io::Error::from)?;
        Ok(Self {
            options,
            gateway,
            registry,
            _api: api,
            served,
            max_flows,
            interfaces,
            ears,
            speaker,
            asks,
            file,
            known: present,
            tunnels_failed: None,
        })
    }

    async fn serve(mut self) -> Result<(), RunError> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let [mut look, mut watch, mut news, mut drift] = [LOOK, WATCH, NEWS, DRIFT].map(|period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        self.pass(Against::Maps).await?;
        self.find_backends().await;
        tell(&[sd_notify::NotifyState::Ready]);
        give_back();
        tracing::info!(config = %self.options.config.display(), "ready");
        let mut reaped = Instant::now();
        loop {
            let due = self.gateway.due().map_or(reaped + AT_LEAST, |due| due.clamp(reaped + REAP, reaped + AT_LEAST));
            tokio::select! {
                () = sleep_until(due.into()) => {
                    reaped = Instant::now();
                    self.reap();
                    // What was too much at once.
                    self.hear();
                }
                _ = look.tick() => self.look().await,
                _ = watch.tick() => self.watch(),
                _ = news.tick() => self.reconcile(Against::LastPass).await,
                _ = drift.tick() => self.reconcile(Against::Maps).await,
                asked = self.registry.asked() => {
                    self.registry.carry_out(asked, &mut self.gateway, now());
                    self.ask();
                }
                () = self.interfaces.changed() => self.compare().await,
                ready = self.ears.readable() => {
                    ready?.clear_ready();
                    self.hear();
                }
                Some(asked) = self.asks.recv() => self.answer(asked),
                Some(()) = hangup.recv() => self.reload().await,
                Some(()) = terminate.recv() => break,
                Some(()) = interrupt.recv() => break,
            }
        }
        tell(&[sd_notify::NotifyState::Stopping]);
        tracing::info!("stopped; packets flow on, `vpce-agent unload` takes the dataplane off");
        Ok(())
    }

    /// Who asked may be gone: then nobody misses the answer.
    fn answer(&self, asked: Asked) {
        match asked {
            Asked::Status(ask) => drop(ask.send(self.gateway.status().map_err(|error| error.to_string()))),
            Asked::Differences(ask) => {
                let file = input::read(&self.options.config, Some(&self.known));
                let other = |kind: &str, name: String| {
                    Some(Difference { between: Between::File, kind: kind.to_owned(), name, fault: Fault::Other })
                };
                let whole = match &file {
                    Err(error) => other("file", error.to_string()),
                    // It is served as it was at the start.
                    Ok(file) if file.api != self.served => other("section", "[api]".to_owned()),
                    Ok(_) => None,
                };
                let found = self.gateway.differences(file.as_ref().ok(), &self.registry.guests());
                let found = found.map(|found| whole.into_iter().chain(found).collect());
                drop(ask.send(found.map_err(|error| error.to_string())));
            }
        }
    }

    /// Waits until every backend was found, or [`FIND`] is over: ready means that packets flow.
    async fn find_backends(&mut self) {
        let until = tokio::time::Instant::now() + FIND;
        while !self.gateway.all_found() {
            // What was too much at once wakes nobody.
            let soon = until.min(tokio::time::Instant::now() + REAP);
            match tokio::time::timeout_at(soon, self.ears.readable()).await {
                Ok(Ok(mut ready)) => ready.clear_ready(),
                Err(_) if soon < until => {}
                _ => break,
            }
            self.hear();
        }
    }

    /// Notes what was heard.
    fn hear(&mut self) {
        if self.gateway.hear(Instant::now())
            && let Err(error) = self.gateway.meet()
        {
            tracing::error!("{error}; trying again");
        }
    }

    /// One pass of the reconciler.
    async fn pass(&mut self, against: Against) -> Result<(), RunError> {
        let interfaces = self.interfaces.all().await?;
        let writes = self.gateway.pass(interfaces, against)?;
        if writes > 0 {
            tracing::info!(writes, "dataplane brought up to date");
        }
        self.tunnels();
        self.ask();
        self.registry.look(&mut self.gateway);
        Ok(())
    }

    async fn reconcile(&mut self, against: Against) {
        if let Err(error) = self.pass(against).await {
            tracing::error!("{error}; trying again");
        }
    }

    /// Looks at the file and the backends; a pass where one of them changed.
    async fn look(&mut self) {
        if self.file.changed() {
            self.reload().await;
        }
        self.ask();
        if self.gateway.is_stale() {
            self.reconcile(Against::LastPass).await;
        }
    }

    /// Looks at the interfaces; a pass where one of ours is another than before.
    async fn compare(&mut self) {
        match self.interfaces.all().await {
            Ok(interfaces) if self.gateway.differs(&interfaces) => self.reconcile(Against::LastPass).await,
            Ok(_) => {}
            Err(error) => tracing::error!("{error}"),
        }
    }

    fn watch(&mut self) {
        let now = Instant::now();
        self.gateway.wake(now);
        if let Err(error) = self.gateway.watch(now) {
            tracing::error!("{error}");
        }
        if let Err(error) = self.gateway.let_go() {
            tracing::error!("{error}; trying again");
        }
        self.registry.look(&mut self.gateway);
    }

    fn ask(&mut self) {
        let questions = self.gateway.questions(Instant::now());
        self.say(&questions);
    }

    fn reap(&mut self) {
        match self.gateway.reap() {
            Ok(words) => self.say(&words),
            Err(error) => tracing::error!("{error}"),
        }
    }

    /// An interface that is down or gone is no error: who must know asks, or is asked, again.
    fn say(&self, words: &[Word]) {
        for Word { via, frame } in words {
            if let Err(error) = self.speaker.send(*via, frame) {
                tracing::debug!(?via, "not sent: {error}");
            }
        }
    }

    fn tunnels(&mut self) {
        let locals: BTreeSet<Ipv4Addr> = (self.gateway.attachments())
            .filter_map(|attachment| match &attachment.segment {
                Segment::Vxlan(vxlan) => Some(vxlan.local),
                _ => None,
            })
            .collect();
        let failed = self.speaker.tunnels(locals.into_iter()).err().map(|error| error.to_string());
        if let Some(error) = failed.as_ref().filter(|_| failed != self.tunnels_failed) {
            tracing::warn!("{error}; it must be an address of this host, and no VXLAN device of the kernel's be on it");
        }
        self.tunnels_failed = failed;
    }

    /// Takes the file as it is now. A bad one changes nothing.
    async fn reload(&mut self) {
        match sd_notify::NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[sd_notify::NotifyState::Reloading, now]),
            Err(error) => tracing::warn!("can't tell the service manager of the reload: {error}"),
        }
        self.file.take();
        let changed = self.change().await;
        self.gateway.set_reload_failed(changed.is_err(), Instant::now());
        match changed {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(error) => tracing::error!("configuration not reloaded, the old one stands:\n{error}"),
        }
        tell(&[sd_notify::NotifyState::Ready]);
    }

    async fn change(&mut self) -> Result<(), RunError> {
        let mut present: BTreeSet<String> = self.interfaces.all().await?.into_keys().collect();
        present.extend(self.known.iter().cloned());
        let desired = input::read(&self.options.config, Some(&present))?;
        let wanted = desired.gateway.max_flows;
        if wanted != self.max_flows {
            return Err(RunError::MaxFlows { now: self.max_flows, wanted });
        }
        if desired.api != self.served {
            tracing::warn!("[api] was changed: it is served as before until the agent is started again");
        }
        let (resources, guests) = self.registry.beside(&desired, now());
        let refused = self.gateway.change(desired, guests)?;
        self.registry.took(resources, &refused);
        self.known = present;
        // It is taken now: what the kernel refuses is told, and tried again.
        self.reconcile(Against::LastPass).await;
        self.find_backends().await;
        give_back();
        Ok(())
    }
}

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Gives memory back to the host: reading the file of ten thousand endpoints takes several times of what is
/// kept of it.
fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it has no precondition.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Tells the service manager, where there is one.
fn tell(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("can't notify the service manager: {error}");
    }
}
