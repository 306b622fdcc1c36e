//! Commands and servers: run to the end, or killed and reaped by the rig.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::{
        prctl,
        signal::{Signal, killpg},
    },
    unistd::Pid,
};

use crate::wait::wait_for;

/// What a command left when it ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Runs a command to its end, whatever that is.
pub fn finish(command: &mut Command) -> Finished {
    let done = command.stdin(Stdio::null()).output();
    let done = done.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    Finished {
        status: done.status,
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Runs a command that must succeed, and gives its output.
pub fn output(command: &mut Command) -> String {
    let Finished { status, stdout, stderr } = finish(command);
    assert!(status.success(), "{command:?} ended with {status}:\n{stdout}{stderr}");
    stdout
}

/// A process in the background, in a process group of its own. Dropping it kills the group, and
/// reaps it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command; what it prints goes to the end of the file `log`.
    #[must_use]
    pub fn spawn(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        let both = file.try_clone().expect("a second handle of the log");
        command.stdin(Stdio::null()).stdout(both).stderr(file).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    /// What it has printed until now.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child")
    }

    /// Sends a signal to it and to what it started.
    pub fn signal(&self, signal: Signal) {
        killpg(self.pid(), signal).unwrap_or_else(|error| panic!("{signal} to a child: {error}"));
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait_for("the end of a process", limit, || self.ended().ok_or("it still runs"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // This fails only where all of the group has ended: just what is wanted.
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Makes the command's process do `first` before it becomes the program, and die with the
/// thread that starts it.
pub fn prepare<F>(command: &mut Command, first: F)
where
    F: Fn() -> nix::Result<()> + Send + Sync + 'static,
{
    let steps = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        first().map_err(io::Error::from)
    };
    // SAFETY: between fork and exec only system calls are made, no allocation and no lock.
    unsafe { command.pre_exec(steps) };
}
