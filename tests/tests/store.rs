//! Row 15: whatever fails below the store, the state that was committed last holds, whole.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::statvfs::statvfs,
};
use vpce_tests::{
    Rig,
    address::endpoint,
    object::{Configured, Object},
    port,
    scorecard::report,
    tcp::Talk,
};

/// Bytes of the disk: room for two files of leases.
const DISK: usize = 128 << 10;
/// What a tmpfs gives out at once.
const PAGE: usize = 4096;
/// Endpoints that make the leases some pages long.
const MORE: u32 = 40;

#[test]
fn row_15_a_store_that_fails_leaves_the_last_committed_state_in_the_file_and_in_the_dataplane() {
    let mut rig = Rig::pair().build();
    let disk = Disk::mount(rig.home().join("state"));
    let text = rig.plan().toml();
    let old = text.clone() + &more(1);
    let new = text + &(2..=MORE).map(more).collect::<String>();
    rig.write_config(&old);
    rig.agent().start();
    let _echo = rig.echo(1);
    let mut live = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let committed = (disk.leases(), Object::of(&rig).configured());

    let mut faults = 0;
    for fault in [Fault::Create, Fault::Write, Fault::Sync, Fault::Rename, Fault::ReadOnly] {
        let broken = disk.with(fault);
        assert!(!takes(&mut rig, &new), "{fault:?} failed, and the change was taken");
        stands(&mut rig, &disk, &committed, &mut live);
        // Nor does a crash make half a state of it.
        rig.agent().kill();
        let run = &mut rig.agent().run_command();
        let said = rig.agent().refused(run);
        assert!(said.contains("state/"), "the agent tells which file failed: {said}");
        stands(&mut rig, &disk, &committed, &mut live);
        rig.write_config(&old);
        if matches!(fault, Fault::ReadOnly) {
            drop(broken);
        }
        rig.agent().start();
        stands(&mut rig, &disk, &committed, &mut live);
        faults += 1;
    }
    let mut pages = 0;
    loop {
        let _broken = disk.with(Fault::Full { pages });
        if takes(&mut rig, &new) {
            break;
        }
        stands(&mut rig, &disk, &committed, &mut live);
        pages += 1;
    }
    assert!(pages > 2, "the leases are too short to be cut off in different places");
    assert_ne!(disk.leases(), committed.0);
    let names: Vec<_> = rig.vpcectl("get endpoints").expect("endpoints").names();
    assert_eq!(names.len(), MORE as usize, "the endpoints of the new configuration, and no other: {names:?}");
    live.say("still here").expect("a live flow");
    let text = format!("{faults} failing steps and a disk full after each of {pages} pages");
    report(15, format_args!("{text}: the last committed state held in file and dataplane, 0 flows lost"));
}

/// A further endpoint.
fn more(n: u32) -> String {
    format!(
        "\n[[endpoint]]\nname = \"more-{n}\"\nservice = \"web-1\"\nvpc = \"consumer-1\"\nsubnet = \"default\"\n\
         max_connections = 10\n"
    )
}

/// Gives the agent another configuration; answers whether it was taken.
fn takes(rig: &mut Rig, config: &str) -> bool {
    let logged = rig.agent().log().len();
    rig.write_config(config);
    rig.agent().reload();
    let log = rig.agent().log().split_off(logged);
    let refused = log.contains("not reloaded, the old one stands");
    assert!(refused != log.contains("configuration reloaded"), "{log}");
    !refused
}

/// Asserts that file and maps are what was committed, and that packets flow.
fn stands(rig: &mut Rig, disk: &Disk, committed: &(String, Configured), live: &mut Talk) {
    assert_eq!(disk.leases(), committed.0);
    assert_eq!(Object::of(rig).configured(), committed.1);
    live.say("still here").expect("a live flow");
    let new = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)));
    new.expect("a new connection").say("as before").expect("an echo");
}

/// A step of a save that fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Create,
    Write,
    Sync,
    Rename,
    ReadOnly,
    /// There is room for no more than this.
    Full {
        pages: usize,
    },
}

/// A disk of the test's own, mounted where the agent keeps its state.
struct Disk(PathBuf);

/// It fails until this is dropped.
struct Broken<'d>(&'d Disk, Fault);

impl Disk {
    fn mount(dir: PathBuf) -> Self {
        let options = format!("size={DISK},mode=755");
        mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).expect("a disk");
        Self(dir)
    }

    fn leases(&self) -> String {
        fs::read_to_string(self.0.join("leases.json")).expect("the leases")
    }

    /// The file that leases are written to before they are renamed.
    fn new_leases(&self) -> PathBuf {
        self.0.join("leases.new")
    }

    fn with(&self, fault: Fault) -> Broken<'_> {
        let new = self.new_leases();
        let _ = fs::remove_file(&new);
        match fault {
            Fault::Create => fs::create_dir(&new).expect("a directory in the way"),
            Fault::Write => self.cover("/dev/full".as_ref()),
            // It can't be synchronised.
            Fault::Sync => self.cover("/dev/null".as_ref()),
            Fault::Rename => {
                let other = self.0.join("other");
                File::create(&other).expect("another file");
                self.cover(&other);
            }
            Fault::ReadOnly => {
                bind(&self.0, &self.0);
                let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
                mount(None::<&str>, &self.0, None::<&str>, flags, None::<&str>).expect("a read-only disk");
            }
            Fault::Full { pages } => {
                let free = usize::try_from(statvfs(&self.0).expect("a disk").blocks_free()).expect("few pages");
                let ballast = vec![1; (free - pages) * PAGE];
                fs::write(self.0.join("ballast"), ballast).expect("a full disk");
            }
        }
        Broken(self, fault)
    }

    /// Puts another file where new leases go.
    fn cover(&self, by: &Path) {
        let new = self.new_leases();
        File::create(&new).and_then(|mut file| file.flush()).expect("a place to mount on");
        bind(by, &new);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        let Self(disk, fault) = self;
        match fault {
            Fault::Create => fs::remove_dir(disk.new_leases()).expect("the directory removed"),
            Fault::Write | Fault::Sync | Fault::Rename => unmount(&disk.new_leases()),
            Fault::ReadOnly => unmount(&disk.0),
            Fault::Full { .. } => fs::remove_file(disk.0.join("ballast")).expect("room again"),
        }
    }
}

fn bind(what: &Path, on: &Path) {
    mount(Some(what), on, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("a bind mount");
}

fn unmount(place: &Path) {
    // The agent may still have files open there.
    umount2(place, MntFlags::MNT_DETACH).unwrap_or_else(|error| eprintln!("{} stays: {error}", place.display()));
}
