//! Row 15: whatever fails below the store, the state that was committed last holds, whole.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::{
    mount::{MsFlags, mount},
    sys::{
        signal::{SigHandler, Signal, signal},
        statvfs::statvfs,
    },
};
use vpce_tests::{
    Echo, Rig,
    address::endpoint,
    object::{Configured, Object},
    output, port,
    scorecard::report,
    state,
    tcp::Talk,
    unmount,
};

/// Bytes of the disk.
const DISK: usize = 1 << 20;
/// What a tmpfs gives out at once, and what the database writes at once.
const PAGE: usize = 4096;
/// So much further each write gets that is cut off: not a number of pages.
const CUT: u64 = 3000;
/// Endpoints that make a commit some pages long.
const MORE: u32 = 80;
/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn row_15_on_a_disk_full_after_any_page_the_last_committed_state_holds_in_the_file_and_in_the_dataplane() {
    let mut site = Site::build();
    let mut pages = 0;
    loop {
        // What was written before a failure stays in the log: each try gets one page further.
        let full = site.disk.with(Fault::Full { pages: pages.min(1) });
        if site.takes("no room on the disk") {
            break;
        }
        site.stands();
        drop(full);
        pages += 1;
    }
    site.went_on();
    assert!(pages > 3, "the commit is too short to be cut off in different places");
    report(15, format_args!("a disk full after each of {pages} pages: the last committed state held, 0 flows lost"));
}

#[test]
fn row_15_of_a_commit_that_is_cut_off_in_any_place_nothing_holds_in_the_file_or_in_the_dataplane() {
    let mut site = Site::build();
    let mut cuts = 0;
    loop {
        let end = fs::metadata(site.disk.log()).expect("the log").len();
        site.limit(&(end + CUT).to_string());
        let taken = site.takes("disk I/O error");
        site.limit("unlimited");
        if taken {
            break;
        }
        site.stands();
        cuts += 1;
    }
    site.went_on();
    assert!(cuts > 3, "the commit is too short to be cut off in different places");
    report(15, format_args!("writes cut off in {cuts} places: the last committed state held, 0 flows lost"));
}

#[test]
fn row_15_a_store_that_cant_make_its_log_or_synchronise_or_write_at_all_leaves_the_last_committed_state() {
    let mut site = Site::build();
    for (fault, complaint) in [
        (Fault::Log, "state/vpce.db: unable to open database file"),
        (Fault::Sync, "state/vpce.db: disk I/O error"),
        (Fault::ReadOnly, "state/lock is read-only; give the agent a state directory that it may write to"),
    ] {
        // In order, so that all of the state is in the database itself.
        site.rig.agent().stop();
        let broken = site.disk.with(fault);
        if matches!(fault, Fault::Sync) {
            site.start();
            assert!(!site.takes(complaint), "{fault:?} failed, and the change was taken");
            site.stands();
            // Nor does a crash make half a state of it.
            site.rig.agent().kill();
        }
        site.rig.write_config(&site.new);
        let run = &mut site.rig.agent().run_command();
        let said = site.rig.agent().refused(run);
        assert!(said.contains(complaint), "{fault:?}: {said}");
        site.stands();
        drop(broken);
        site.rig.write_config(&site.old);
        site.start();
        site.stands();
    }
    assert!(site.takes(""), "nothing fails any more");
    site.went_on();
    report(15, "a log that can't be made, one that can't be synchronised, a read-only disk: the last state held");
}

/// A gateway whose state is on a disk of its own, with a live connection.
struct Site {
    live: Talk,
    _echo: Echo,
    disk: Disk,
    rig: Rig,
    /// The configuration that was committed last.
    old: String,
    /// One of many more endpoints.
    new: String,
    /// What is in store and dataplane.
    committed: (String, Configured),
}

impl Site {
    fn build() -> Self {
        let rig = Rig::pair().build();
        let disk = Disk(vpce_tests::Disk::mount(rig.home().join("state"), DISK));
        let text = rig.plan().toml();
        let old = text.clone() + &more(1);
        let new = text + &(1..=MORE).map(more).collect::<String>();
        rig.write_config(&old);
        let mut rig = rig;
        start(&mut rig);
        let echo = rig.echo(1);
        let live = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
        let committed = (disk.committed(), Object::of(&rig).configured());
        Self { live, _echo: echo, disk, rig, old, new, committed }
    }

    fn start(&mut self) {
        start(&mut self.rig);
    }

    /// Gives the agent the new configuration; answers whether it was taken. Where not, it must have
    /// said why.
    fn takes(&mut self, complaint: &str) -> bool {
        let logged = self.rig.agent().log().len();
        self.rig.write_config(&self.new);
        self.rig.agent().reload();
        let log = self.rig.agent().log().split_off(logged);
        let refused = log.contains("not reloaded, the old one stands");
        assert!(refused != log.contains("configuration reloaded"), "{log}");
        assert!(!refused || log.contains(complaint), "{log}");
        !refused
    }

    /// Asserts that store and maps are what was committed, and that packets flow.
    fn stands(&mut self) {
        assert_eq!(self.disk.committed(), self.committed.0);
        assert_eq!(Object::of(&self.rig).configured(), self.committed.1);
        self.live.say("still here").expect("a live flow");
        let new = self.rig.client(1).run(|| Talk::open(endpoint(port::ECHO)));
        new.expect("a new connection").say("as before").expect("an echo");
    }

    /// Asserts that the new configuration is there, whole.
    fn went_on(&mut self) {
        assert_ne!(self.disk.committed(), self.committed.0);
        let names: Vec<_> = self.rig.vpcectl("get endpoints").expect("endpoints").names();
        assert_eq!(names.len(), MORE as usize + 1, "all endpoints and no other: {names:?}");
        self.live.say("still here").expect("a live flow");
    }

    /// Lets no file of the agent grow larger.
    fn limit(&mut self, bytes: &str) {
        let pid = self.rig.agent().pid().to_string();
        output(Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]));
    }
}

/// Starts an agent that is told of a file too large by an error, not by a signal.
fn start(rig: &mut Rig) {
    let mut command = rig.agent().run_command();
    let ignore = || {
        // SAFETY: it sets no handler.
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.map(drop).map_err(io::Error::from)
    };
    // SAFETY: between fork and exec only a system call is made.
    unsafe { command.pre_exec(ignore) };
    rig.agent().start_as(&mut command, PATIENCE);
}

/// A further endpoint.
fn more(n: u32) -> String {
    format!(
        "\n[[endpoint]]\nname = \"more-{n}\"\nservice = \"web-1\"\nvpc = \"consumer-1\"\nsubnet = \"default\"\n\
         max_connections = 10\n"
    )
}

/// What fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The log can't be made.
    Log,
    /// The log can be written, and not synchronised.
    Sync,
    ReadOnly,
    /// There is room for no more than this.
    Full {
        pages: usize,
    },
}

/// A disk of the test's own, mounted where the agent keeps its state.
struct Disk(vpce_tests::Disk);

/// It fails until this is dropped.
struct Broken(PathBuf, Fault);

impl Disk {
    fn committed(&self) -> String {
        state::committed(self.0.path())
    }

    fn log(&self) -> PathBuf {
        log(self.0.path())
    }

    fn with(&self, fault: Fault) -> Broken {
        let log = self.log();
        match fault {
            Fault::Log => fs::create_dir(&log).expect("a directory in the way"),
            Fault::Sync => {
                File::create(&log).expect("a place to mount on");
                bind("/dev/null".as_ref(), &log);
            }
            Fault::ReadOnly => {
                bind(self.0.path(), self.0.path());
                let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
                mount(None::<&str>, self.0.path(), None::<&str>, flags, None::<&str>).expect("a read-only disk");
            }
            Fault::Full { pages } => {
                let free = usize::try_from(statvfs(self.0.path()).expect("a disk").blocks_free()).expect("few pages");
                fs::write(self.0.path().join("ballast"), vec![1; (free - pages) * PAGE]).expect("a full disk");
            }
        }
        Broken(self.0.path().to_owned(), fault)
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        let Self(disk, fault) = self;
        match fault {
            Fault::Log => fs::remove_dir(log(disk)).expect("the directory removed"),
            Fault::Sync => unmount(&log(disk)),
            Fault::ReadOnly => unmount(disk),
            Fault::Full { .. } => fs::remove_file(disk.join("ballast")).expect("room again"),
        }
    }
}

/// The database's log.
fn log(disk: &Path) -> PathBuf {
    disk.join("vpce.db-wal")
}

fn bind(what: &Path, on: &Path) {
    mount(Some(what), on, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("a bind mount");
}
