//! What the kernel makes of the product's programs, held to what was committed: a change that makes one
//! larger, or dearer to verify, is to be seen where it is made.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    programs::{Program, ProgramError, ProgramInfo},
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::binary;

/// Parts in a hundred that a figure may be off where it was committed on such a kernel and machine.
const TOLERANCE: u64 = 5;
/// The same on another kernel or machine, whose verifier and compiler are others.
const ELSEWHERE: u64 = 30;

/// The committed file, in the workspace.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vpce-ebpf/budget.toml");
/// What stands in front of it.
const HEADER: &str = "# What the kernel makes of each program: held by tests/tests/budget.rs, written by\n\
                      # `cargo xtask bench --budget`.\n\n";

/// What all programs of the object take.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Budget {
    /// Major and minor version of the kernel that the figures are of.
    pub kernel: String,
    /// Architecture of its machine.
    pub machine: String,
    /// Each program.
    #[serde(flatten)]
    pub programs: BTreeMap<String, Figures>,
}

/// What one program takes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figures {
    /// Instructions that the verifier walked, of a million.
    pub verified_instructions: u64,
    /// Bytes of the program as verified.
    pub translated_bytes: u64,
    /// Bytes of machine code.
    pub jited_bytes: u64,
    /// Bytes of stack, of all its functions together.
    pub stack_bytes: u64,
}

/// A figure that is not what was committed.
#[derive(Debug, PartialEq)]
pub struct Difference {
    program: String,
    figure: &'static str,
    committed: u64,
    now: u64,
}

impl Budget {
    /// What was committed.
    #[must_use]
    pub fn committed() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}"))
    }

    /// Writes what is to be committed.
    pub fn commit(&self) {
        let text = toml::to_string(self).expect("plain data");
        fs::write(FILE, format!("{HEADER}{text}")).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    }

    /// Loads every program of the object, on maps of its own, and asks the kernel.
    ///
    /// For moments this process can open no file.
    #[must_use]
    pub fn measured() -> Self {
        let pins = Pins::new();
        let mut object = load(&pins);
        let names: Vec<String> = object.programs().map(|(name, _)| name.to_owned()).collect();
        let programs = names.into_iter().map(|name| {
            let program = object.program_mut(&name).expect("a program of the object");
            let log = log_of(program);
            insert(program).unwrap_or_else(|error| panic!("{name}: {error}"));
            let info = program.info().expect("what the kernel knows of it");
            let figures = figures(&info, &log);
            (name, figures)
        });
        let programs = programs.collect();
        let release = nix::sys::utsname::uname().expect("the kernel's name");
        let text = |field: &std::ffi::OsStr| field.to_string_lossy().into_owned();
        let kernel = text(release.release()).split('.').take(2).collect::<Vec<_>>().join(".");
        Self { kernel, machine: text(release.machine()), programs }
    }

    /// Where `now` differs by more than the tolerance, to either side.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let here = self.kernel == now.kernel && self.machine == now.machine;
        let tolerance = if here { TOLERANCE } else { ELSEWHERE };
        let mut differences = Vec::new();
        let names = self.programs.keys().chain(now.programs.keys().filter(|name| !self.programs.contains_key(*name)));
        for program in names {
            // A program that is missing on one side takes nothing there.
            let of = |budget: &Self| budget.programs.get(program).map_or([0; 4], Figures::all);
            for ((figure, committed), now) in NAMES.into_iter().zip(of(self)).zip(of(now)) {
                if committed.abs_diff(now) * 100 > committed * tolerance {
                    differences.push(Difference { program: program.clone(), figure, committed, now });
                }
            }
        }
        differences
    }
}

const NAMES: [&str; 4] = ["verified instructions", "translated bytes", "JITed bytes", "stack bytes"];

impl Figures {
    fn all(&self) -> [u64; 4] {
        [self.verified_instructions, self.translated_bytes, self.jited_bytes, self.stack_bytes]
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, figure, committed, now } = self;
        let how = if now > committed { "more than committed: is it worth it?" } else { "fewer: well done" };
        write!(f, "{program}: {now} {figure}, {committed} committed; {how}")
    }
}

/// A directory for pinned maps that goes with this.
struct Pins(PathBuf);

impl Pins {
    fn new() -> Self {
        let pins = PathBuf::from(format!("/sys/fs/bpf/vpce-budget-{}", std::process::id()));
        fs::create_dir(&pins).expect("a directory for pins");
        Self(pins)
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        // What stays can be seen by its name.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(pins: &Pins) -> Ebpf {
    let mut loader = EbpfLoader::new();
    loader.default_map_pin_directory(&pins.0);
    loader.verifier_log_level(VerifierLogLevel::STATS);
    // As the agent does that is not told to log.
    loader.override_global(aya_log::LEVEL, &0u8, true);
    loader.load_file(binary("VPCE_EBPF_OBJECT")).expect("the object")
}

fn insert(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::Xdp(program) => program.load(),
        Program::SchedClassifier(program) => program.load(),
        other => panic!("a program of type {:?}", other.prog_type()),
    }
}

/// What the verifier says of a program that it takes.
///
/// aya hands that over only where the kernel refuses the program. So it may, for the one thing that
/// comes after the verifier: there is no descriptor left.
fn log_of(program: &mut Program) -> String {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of open files");
    setrlimit(Resource::RLIMIT_NOFILE, 0, hard).expect("a lower limit");
    let loaded = insert(program);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("the limit that was");
    match loaded {
        Err(ProgramError::LoadError { verifier_log, .. }) => verifier_log.to_string(),
        other => panic!("a program was loaded without a descriptor: {other:?}"),
    }
}

fn figures(info: &ProgramInfo, log: &str) -> Figures {
    Figures {
        verified_instructions: info.verified_instruction_count().expect("a kernel of 5.16 or later").into(),
        translated_bytes: info.size_translated().expect("the right to see it").into(),
        jited_bytes: info.size_jitted().into(),
        stack_bytes: stack(log).unwrap_or_else(|| panic!("no stack depth in the verifier's words: {log}")),
    }
}

/// The sum of `stack depth 48+304+200`, one for each function.
fn stack(log: &str) -> Option<u64> {
    let depths = log.lines().find_map(|line| line.strip_prefix("stack depth "))?;
    depths.split('+').map(|depth| depth.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(verified: u64) -> Budget {
        let figures =
            Figures { verified_instructions: verified, translated_bytes: 100, jited_bytes: 100, stack_bytes: 64 };
        let programs = BTreeMap::from([("vpce".to_owned(), figures)]);
        Budget { kernel: "6.18".to_owned(), machine: "x86_64".to_owned(), programs }
    }

    #[test]
    fn the_stack_is_that_of_all_functions_together() {
        assert_eq!(stack("verification time 9 usec\nstack depth 48+304+0\nprocessed 7 insns"), Some(352));
        assert_eq!(stack("processed 7 insns"), None);
    }

    #[test]
    fn a_figure_within_the_tolerance_is_no_difference_and_one_beyond_is_to_either_side() {
        for now in [950, 1000, 1050] {
            assert_eq!(budget(1000).differences(&budget(now)), []);
        }
        for now in [949, 1051] {
            let differences = budget(1000).differences(&budget(now));
            assert_eq!(differences.len(), 1, "{differences:?}");
            assert_eq!((differences[0].figure, differences[0].now), ("verified instructions", now));
        }
    }

    #[test]
    fn another_kernel_may_differ_by_more() {
        let elsewhere = Budget { kernel: "6.1".to_owned(), ..budget(1250) };
        assert_eq!(budget(1000).differences(&elsewhere), []);
    }

    #[test]
    fn a_program_that_was_not_committed_is_a_difference() {
        let mut more = budget(1000);
        more.programs.insert("new".to_owned(), more.programs["vpce"]);
        assert_eq!(budget(1000).differences(&more).len(), 4);
        assert_eq!(more.differences(&budget(1000)).len(), 4);
    }

    #[test]
    fn what_was_committed_is_read_as_it_was_written() {
        let text = toml::to_string(&budget(1)).expect("plain data");
        assert_eq!(toml::from_str::<Budget>(&text).expect("the same"), budget(1));
    }
}
