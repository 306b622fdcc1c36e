//! Network namespaces, and running things inside.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::{fd::AsFd, unix::fs::MetadataExt},
    panic::resume_unwind,
    path::PathBuf,
    process::Command,
    sync::Arc,
    thread,
};

use nix::sched::{CloneFlags, setns};

use crate::process::{Finished, finish, output, prepare};

/// A network namespace of the rig's own, with its loopback up and IPv6 off.
///
/// Clones are the same namespace; it goes with the last of them.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<Named>);

#[derive(Debug)]
struct Named {
    name: String,
    handle: Arc<File>,
}

/// A web page as `curl` saw it.
#[derive(Debug)]
pub struct Page {
    /// The HTTP status; 0 where there was no answer.
    pub status: u16,
    /// The page.
    pub body: String,
    /// What `curl` complained about.
    pub error: String,
}

impl Namespace {
    /// Makes the namespace.
    #[must_use]
    pub fn make(name: String) -> Self {
        output(Command::new("ip").args(["netns", "add", &name]));
        let handle = File::open(path(&name)).expect("the namespace just made");
        let namespace = Self(Arc::new(Named { name, handle: Arc::new(handle) }));
        namespace.ip("link set lo up");
        // Else each interface talks by itself: router solicitations, duplicate detection.
        namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
        namespace
    }

    /// Its name, as `ip netns` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What the kernel knows it by: the same for every process inside.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.0.handle.metadata().expect("the namespace's inode").ino()
    }

    /// Runs `work` on a thread inside. Sockets that it makes stay inside for ever.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            setns(self.0.handle.as_fd(), CloneFlags::CLONE_NEWNET).expect("the way in (are you root?)");
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// A command that will run inside and die with the calling thread.
    ///
    /// Only the network differs: the file systems, with bpffs among them, are the host's.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let handle = Arc::clone(&self.0.handle);
        let mut command = Command::new(program);
        prepare(&mut command, move || setns(handle.as_fd(), CloneFlags::CLONE_NEWNET));
        command
    }

    /// Runs `ip` with these words, and gives what it prints.
    #[expect(clippy::must_use_candidate, reason = "mostly run for what it does")]
    pub fn ip(&self, words: &str) -> String {
        output(self.command("ip").args(words.split_whitespace()))
    }

    /// Sets `/proc/sys/<key>` inside. A key that this kernel lacks needs no setting.
    pub fn sysctl(&self, key: &str, value: &str) {
        let set = self.run(|| fs::write(format!("/proc/sys/{key}"), value));
        match set {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other.unwrap_or_else(|error| panic!("sysctl {key}={value}: {error}")),
        }
    }

    /// Fetches a page with `curl`.
    #[must_use]
    pub fn get(&self, url: &str) -> Page {
        self.curl(&["--max-time", "10", url])
    }

    /// Runs `curl` with further arguments.
    #[must_use]
    pub fn curl(&self, arguments: &[&str]) -> Page {
        let mut command = self.command("curl");
        command.args(["--silent", "--show-error", "--write-out", "\n%{http_code}"]).args(arguments);
        let Finished { stdout, stderr, .. } = finish(&mut command);
        let (body, status) = stdout.rsplit_once('\n').unwrap_or(("", "0"));
        Page { status: status.parse().unwrap_or(0), body: body.to_owned(), error: stderr.trim().to_owned() }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let done = finish(Command::new("ip").args(["netns", "delete", &self.name]));
        if !done.status.success() {
            eprintln!("the namespace {} stays: {}", self.name, done.stderr.trim());
        }
    }
}

/// Where `ip netns` keeps the namespace.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(name)
}
