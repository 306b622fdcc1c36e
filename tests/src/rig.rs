//! The rig: everything that a test needs, made in one line and gone when dropped.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use nix::{
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::geteuid,
};
use tempfile::TempDir;

use crate::{
    Agent, Echo, Iperf, Link, Names, Namespace, Plan, Redis, View, Web, Wire, account,
    agent::find_binary,
    fabric::{Fabric, Machine},
    interrupt,
    link::INSIDE,
    namespace,
    process::finish,
    report,
};

/// Rigs of this process have different numbers.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Tenants, a gateway between them, and the place of an agent.
#[derive(Debug)]
pub struct Rig {
    agent: Agent,
    fabric: Fabric,
    clients: Vec<Machine>,
    backends: Vec<Machine>,
    plan: Plan,
    /// Whether the interfaces' figures tell what the program saw.
    outside: AtomicBool,
    home: TempDir,
}

/// Where to look for what a rig may have left.
#[derive(Clone, Debug)]
pub struct Footprint {
    namespaces: Vec<(String, u64)>,
    places: Vec<PathBuf>,
}

impl Rig {
    /// The plan of one client and one provider, in networks of the same addresses.
    #[must_use]
    pub fn pair() -> Plan {
        Plan::tenants(1)
    }

    /// The plan of two such pairs, where all four networks have the same addresses.
    #[must_use]
    pub fn same_cidr() -> Plan {
        Plan::tenants(2)
    }

    /// The plan of so many clients, in networks of the same addresses, and one service for all.
    #[must_use]
    pub fn shared(clients: usize) -> Plan {
        Plan::shared(clients)
    }

    pub(crate) fn build(plan: Plan) -> Self {
        assert!(geteuid().is_root(), "a rig makes network namespaces: run this as root (sudo)");
        interrupt::catch();
        interrupt::check();
        raise_open_files();

        let mark = format!("{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let home = tempfile::Builder::new().prefix("vpce-").tempdir().expect("a temporary directory");
        // Open to read for nginx's and the unprivileged agent's sake.
        fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).expect("its mode");
        fs::create_dir(home.path().join("state")).expect("the agent's state directory");

        let mut fabric = Fabric::new(format!("vpce-{mark}"), plan.hooks());
        let mut machines = |places: &[_], name: &str, interface: &str, answers| -> Vec<Machine> {
            let numbered = (1..).zip(places);
            numbered
                .map(|(n, at)| fabric.machine(&format!("{name}{n}"), format!("{interface}{n}"), at, answers))
                .collect()
        };
        let clients = machines(&plan.clients, "c", "vpce-c", false);
        let backends = machines(&plan.backends, "b", "vpce-p", true);
        let bpf_dir = PathBuf::from(format!("/sys/fs/bpf/vpce-test-{mark}"));
        let agent = Agent::place(&fabric.gateway, home.path(), bpf_dir);
        let rig = Self { agent, fabric, clients, backends, plan, outside: AtomicBool::new(true), home };
        rig.write_config(&rig.plan.toml());
        rig
    }

    /// The gateway's namespace, where the attachments are.
    #[must_use]
    pub fn gateway(&self) -> &Namespace {
        &self.fabric.gateway
    }

    /// The switch of the VLANs, where the plan has any.
    #[must_use]
    pub fn switch(&self) -> &Namespace {
        self.fabric.switch.as_ref().expect("a plan with a VLAN")
    }

    /// Client `n`; the first is 1.
    #[must_use]
    pub fn client(&self, n: usize) -> &Namespace {
        &self.clients[n - 1].namespace
    }

    /// Backend `n`.
    #[must_use]
    pub fn backend(&self, n: usize) -> &Namespace {
        &self.backends[n - 1].namespace
    }

    /// The routers between the gateway and backend `n`, the nearest first.
    #[must_use]
    pub fn backend_routers(&self, n: usize) -> &[Namespace] {
        &self.backends[n - 1].routers
    }

    /// The link of client `n`.
    #[must_use]
    pub fn client_link(&self, n: usize) -> &Link {
        &self.clients[n - 1].link
    }

    /// The link of backend `n`.
    #[must_use]
    pub fn backend_link(&self, n: usize) -> &Link {
        &self.backends[n - 1].link
    }

    /// The agent's place.
    pub fn agent(&mut self) -> &mut Agent {
        &mut self.agent
    }

    /// The plan that this rig was made from.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.plan.clone()
    }

    /// A directory for the test's files.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Serves pages with nginx in backend `n`.
    #[must_use]
    pub fn web(&self, n: usize) -> Web {
        Web::serve(self.backend(n), &format!("backend-{n}"), self.home())
    }

    /// Runs a redis server in backend `n`.
    #[must_use]
    pub fn redis(&self, n: usize) -> Redis {
        Redis::serve(self.backend(n), self.home())
    }

    /// Runs a name server in backend `n`.
    #[must_use]
    pub fn names(&self, n: usize) -> Names {
        Names::serve(self.backend(n), self.home())
    }

    /// Runs an iperf3 server in backend `n`.
    #[must_use]
    pub fn iperf(&self, n: usize) -> Iperf {
        Iperf::serve(self.backend(n), self.home())
    }

    /// Serves echo in backend `n`.
    #[must_use]
    pub fn echo(&self, n: usize) -> Echo {
        Echo::serve(self.backend(n), &format!("backend-{n}"))
    }

    /// The raw interface of a client or a backend.
    #[must_use]
    pub fn wire(&self, machine: &Namespace) -> Wire {
        Wire::open(machine, INSIDE)
    }

    /// Writes the agent's configuration, as editors do: whole, by a rename.
    pub fn write_config(&self, text: &str) {
        let (new, config) = (self.home().join("vpce.toml.new"), self.agent.config());
        fs::write(&new, text).and_then(|()| fs::rename(&new, config)).expect("the configuration");
    }

    /// Runs `vpcectl -o json` with these words.
    ///
    /// # Errors
    /// What `vpcectl` said when it failed.
    pub fn vpcectl(&self, words: &str) -> Result<View, String> {
        let mut command = Command::new(find_binary("VPCECTL")?);
        command.arg("--socket").arg(self.agent.socket()).args(["-o", "json"]);
        let done = finish(command.args(words.split_whitespace()));
        if done.status.success() { View::parse(&done.stdout) } else { Err(done.stderr) }
    }

    /// What `vpcectl` tells of endpoint `n`.
    #[must_use]
    pub fn endpoint(&self, n: usize) -> View {
        let told = self.vpcectl(&format!("describe endpoint web-{n}"));
        told.unwrap_or_else(|error| panic!("vpcectl tells nothing of web-{n}: {error}"))
    }

    /// What `vpcectl` tells of the gateway's packets.
    #[must_use]
    pub fn counts(&self) -> View {
        let told = self.vpcectl("get drops");
        told.unwrap_or_else(|error| panic!("vpcectl tells nothing of drops: {error}"))
    }

    /// Where the agent pins, for those who run its program on frames that no interface received.
    pub(crate) fn bpf_dir(&self) -> &Path {
        self.without_outside_view();
        self.agent.bpf_dir()
    }

    /// Holds the program's counters to each other at the end, but not to the interfaces' own: for
    /// tests that take the driver's hook away, which counts beside the program.
    pub fn without_outside_view(&self) {
        self.outside.store(false, Ordering::Relaxed);
    }

    /// Where to look, once the rig is dropped, for what it left.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        let namespaces = self.namespaces().map(|one| (one.name().to_owned(), one.inode())).collect();
        let places = vec![self.agent.bpf_dir().to_owned(), self.home().to_owned()];
        Footprint { namespaces, places }
    }

    /// All namespaces, the gateway first.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        let Fabric { gateway, switch, hypervisor, .. } = &self.fabric;
        let machines = self.clients.iter().chain(&self.backends);
        let behind = machines.flat_map(|machine| machine.routers.iter().chain([&machine.namespace]));
        std::iter::once(gateway).chain(switch).chain(hypervisor).chain(behind)
    }

    /// The packets that came in, each accounted for: at a rig's end this is looked at by itself.
    pub fn balance(&self) -> u64 {
        let outside = self.agent.outside().filter(|_| self.outside.load(Ordering::Relaxed));
        account::check(&self.agent.bpf_dir().join("maps"), self.gateway(), outside)
    }

    fn report(&self) {
        // A second panic that left this place would end all tests at once.
        let report = catch_unwind(AssertUnwindSafe(|| report::of(self)));
        eprintln!("{}", report.unwrap_or_else(|_| "the report failed too".to_owned()));
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let balance = if thread::panicking() {
            self.report();
            Ok(0)
        } else {
            catch_unwind(AssertUnwindSafe(|| self.balance())).inspect_err(|_| self.report())
        };
        self.agent.clear();
        if let Err(panic) = balance {
            resume_unwind(panic);
        }
    }
}

impl Footprint {
    /// The namespaces, pins, files and processes that are still there.
    #[must_use]
    pub fn remains(&self) -> Vec<String> {
        let names = self.namespaces.iter().map(|(name, _)| namespace::path(name));
        let places = names.chain(self.places.iter().cloned()).filter(|path| path.exists());
        places.map(|path| path.display().to_string()).chain(self.processes()).collect()
    }

    fn processes(&self) -> impl Iterator<Item = String> {
        let all = fs::read_dir("/proc").expect("the list of processes").flatten();
        all.filter(|process| {
            // Most entries of /proc are no processes, and a process may end while we look.
            let inside = fs::metadata(process.path().join("ns/net")).map(|net| net.ino());
            inside.is_ok_and(|inside| self.namespaces.iter().any(|(_, inode)| *inode == inside))
        })
        .map(|process| format!("process {}", process.file_name().display()))
    }
}

/// Raises this process's limit of open files as far as it goes: the connections of a test and
/// of the echo server share one process.
fn raise_open_files() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of open files");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("a higher limit of open files");
}
