//! The agent under test: started, signalled and killed by the rig.

use std::{
    env, fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::Pid};

use crate::{
    Namespace,
    account::Outside,
    process::{Finished, Process, finish},
    wait::wait_for,
};

/// How long a start, a reload or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The absolute path of a binary of the project, which `cargo xtask` tells by a variable.
#[must_use]
pub fn binary(variable: &str) -> String {
    find_binary(variable).unwrap_or_else(|cure| panic!("{cure}"))
}

/// The same, where absence is no failure by itself.
pub(crate) fn find_binary(variable: &str) -> Result<String, String> {
    let cure = "is not set: run this by `cargo xtask test` or `cargo xtask demo`";
    env::var(variable).map_err(|_| format!("{variable} {cure}"))
}

/// The place of an agent, whether one runs there or not.
#[derive(Debug)]
pub struct Agent {
    gateway: Namespace,
    home: PathBuf,
    bpf_dir: PathBuf,
    readiness: UnixDatagram,
    process: Option<Process>,
    /// What the interfaces had received before the dataplane was loaded.
    outside: Option<Outside>,
}

impl Agent {
    /// A place for an agent in the gateway's namespace, with its files in `home`.
    pub(crate) fn place(gateway: &Namespace, home: &Path, bpf_dir: PathBuf) -> Self {
        let readiness = UnixDatagram::bind(home.join("notify")).expect("the socket for readiness");
        readiness.set_read_timeout(Some(Duration::from_millis(20))).expect("a time to look up");
        let (gateway, home) = (gateway.clone(), home.to_owned());
        Self { gateway, home, bpf_dir, readiness, process: None, outside: None }
    }

    /// The file that the agent runs with.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.home.join("vpce.toml")
    }

    /// Where it pins.
    #[must_use]
    pub fn bpf_dir(&self) -> &Path {
        &self.bpf_dir
    }

    /// Removes what it pinned as `links`, `maps` or `programs`. Without its programs the next agent is as one of
    /// another build.
    ///
    /// # Panics
    /// When there is no such directory, or a pin can't be removed.
    pub fn forget(&self, part: &str) {
        for pin in fs::read_dir(self.bpf_dir.join(part)).expect("what is pinned") {
            fs::remove_file(pin.expect("a pin").path()).expect("a pin removed");
        }
    }

    /// Where it listens for `vpcectl`.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.home.join("vpce.sock")
    }

    /// `vpce-agent <subcommand>` inside the gateway.
    #[must_use]
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = self.gateway.command(&binary("VPCE_AGENT"));
        command.arg(subcommand);
        command
    }

    /// The command that runs the agent here.
    #[must_use]
    pub fn run_command(&self) -> Command {
        let mut command = self.command("run");
        command.arg("--config").arg(self.config()).args(self.places());
        command
    }

    /// The arguments of `run` that keep this agent apart from all others.
    #[must_use]
    pub fn places(&self) -> [PathBuf; 6] {
        let state = self.home.join("state");
        let [bpf, state_dir, socket] = ["--bpf-dir", "--state-dir", "--socket"].map(PathBuf::from);
        [bpf, self.bpf_dir.clone(), state_dir, state, socket, self.socket()]
    }

    /// Starts the agent, and waits until packets can flow.
    pub fn start(&mut self) {
        self.start_as(&mut self.run_command(), PATIENCE);
    }

    /// Starts the agent by another command.
    pub fn start_as(&mut self, command: &mut Command, limit: Duration) {
        self.forget_readiness();
        if !self.bpf_dir.join("maps").join("TOTALS").exists() {
            self.outside = Some(Outside::of(&self.gateway));
        }
        command.env("NOTIFY_SOCKET", self.home.join("notify"));
        self.process = Some(Process::spawn(command, &self.home.join("agent.log")));
        self.wait_until_ready(limit);
    }

    /// Runs an agent that must not start, and gives what it complained.
    #[must_use]
    pub fn refused(&self, command: &mut Command) -> String {
        let mut process = Process::spawn(command, &self.home.join("refused.log"));
        let status = process.wait(PATIENCE);
        assert!(!status.success(), "an agent that should be refused ended with {status}");
        process.log()
    }

    /// Ends the agent with no warning (SIGKILL).
    pub fn kill(&mut self) {
        drop(self.process.take().expect("a running agent"));
    }

    /// Asks the agent to end (SIGTERM), and waits for it.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("a running agent");
        process.signal(Signal::SIGTERM);
        let status = process.wait(PATIENCE);
        assert!(status.success(), "the agent ended with {status}:\n{}", process.log());
    }

    /// Asks for a reload as systemd does (SIGHUP), and waits until the agent is ready again.
    pub fn reload(&mut self) {
        self.begin_reload();
        self.finish_reload();
    }

    /// Asks for a reload; what waits for its end is [`Agent::finish_reload`].
    pub fn begin_reload(&mut self) {
        self.forget_readiness();
        self.process.as_ref().expect("a running agent").signal(Signal::SIGHUP);
    }

    /// Waits until the agent is ready after a reload.
    pub fn finish_reload(&mut self) {
        self.wait_until_ready(PATIENCE);
    }

    /// Takes the dataplane off.
    #[must_use]
    pub fn unload(&self) -> Finished {
        finish(self.command("unload").arg("--bpf-dir").arg(&self.bpf_dir))
    }

    /// What the interfaces had received when the dataplane began to count; `None`: none did.
    pub(crate) fn outside(&self) -> Option<&Outside> {
        self.outside.as_ref()
    }

    /// The process id of the agent that runs.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.as_ref().expect("a running agent").pid()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// What all agents in this place have logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.join("agent.log")).unwrap_or_default()
    }

    /// Kills the agent, if one runs, and removes the pins.
    pub(crate) fn clear(&mut self) {
        self.process = None;
        if self.bpf_dir.exists() {
            let removed = fs::remove_dir_all(&self.bpf_dir);
            removed.unwrap_or_else(|error| eprintln!("{} stays: {error}", self.bpf_dir.display()));
        }
    }

    fn wait_until_ready(&mut self, limit: Duration) {
        wait_for("READY=1 from the agent", limit, || {
            assert!(self.is_running(), "the agent ended:\n{}", self.log());
            self.hear().filter(|said| said.lines().any(|line| line == "READY=1")).ok_or("not yet")
        });
    }

    /// What it notified before is of no interest now.
    fn forget_readiness(&self) {
        while self.hear().is_some() {}
    }

    fn hear(&self) -> Option<String> {
        let mut buffer = [0; 1024];
        let length = self.readiness.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}
