//! The eBPF object, and the agent that carries it.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{cmd, toolchain, toolchain::Compiler};

const TARGET: &str = "bpfel-unknown-none";

/// How the agent is compiled. The eBPF object is the same with both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is installed.
    Release,
    /// With its arithmetic checked, and quickly; in one go with the tests, so that what both depend on is compiled once.
    Checked,
}

/// By this variable `Checked` is asked for: a test that calls `cargo xtask` finds everything built.
pub const PROFILE: &str = "VPCE_BUILD";

impl Profile {
    /// The one that is asked for by [`PROFILE`].
    ///
    /// # Errors
    /// Where it is none.
    pub fn asked() -> Result<Self> {
        match env::var(PROFILE) {
            Err(_) => Ok(Self::Release),
            Ok(name) => {
                let all = [Self::Release, Self::Checked];
                let found = all.into_iter().find(|profile| profile.name() == name);
                found.with_context(|| format!("{PROFILE} is `release` or `checked`, not {name:?}"))
            }
        }
    }

    /// As `Cargo.toml` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Checked => "checked",
        }
    }

    /// A cargo for the host's side of the workspace.
    pub fn cargo(self, subcommand: &str) -> Command {
        let mut cargo = cmd::cargo();
        cargo.args([subcommand, "--profile", self.name()]);
        match self {
            Self::Release => cargo.arg("--package=vpce-agent"),
            Self::Checked => cargo.args(["--workspace", "--exclude=vpce-ebpf"]),
        };
        cargo
    }
}

/// What a build leaves behind; all paths are absolute.
pub struct Built {
    /// How the agent was compiled.
    pub profile: Profile,
    /// The daemon, with the object inside.
    pub agent: PathBuf,
    /// The operator's client.
    pub vpcectl: PathBuf,
    /// The eBPF object by itself.
    pub object: PathBuf,
}

impl Built {
    /// The variables by which the agent's build, the tests and the demo find these files.
    pub fn env(&self) -> [(&'static str, &Path); 3] {
        [("VPCE_AGENT", &self.agent), ("VPCECTL", &self.vpcectl), ("VPCE_EBPF_OBJECT", &self.object)]
    }
}

impl fmt::Display for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}", self.agent.display(), self.vpcectl.display(), self.object.display())
    }
}

/// Builds the object, then the agent and vpcectl around it.
pub fn build(profile: Profile) -> Result<Built> {
    let dir = cmd::target_dir().join(profile.name());
    let built = Built {
        profile,
        agent: dir.join("vpce-agent"),
        vpcectl: dir.join("vpcectl"),
        object: ebpf_target_dir().join(TARGET).join("release/vpce"),
    };
    cmd::run(ebpf_cargo("build")?.arg("--release")).context("the eBPF object did not build")?;
    let mut cargo = profile.cargo("build");
    if profile == Profile::Checked {
        cargo.args(["--lib", "--tests"]);
    }
    cargo.args(["--bin=vpce-agent", "--bin=vpcectl"]).env("VPCE_EBPF_OBJECT", &built.object);
    cmd::run(&mut cargo).context("the agent did not build")?;
    for file in [&built.agent, &built.vpcectl, &built.object] {
        ensure!(file.is_file(), "cargo built no {}; does a setting of yours change where it builds?", file.display());
    }
    Ok(built)
}

/// A cargo that compiles the eBPF crates, the product's and that of the tests beside it, for the kernel: `build`, `clippy`.
///
/// The stable compiler does it too: `RUSTC_BOOTSTRAP` gives it `-Z build-std`, and one compiler makes both sides.
pub fn ebpf_cargo(subcommand: &str) -> Result<Command> {
    let linker = toolchain::linker()?;
    let flags = [
        // 32-bit jumps and the atomics that return what they found.
        "-Ctarget-cpu=v3".into(),
        // BTF, which the kernel and the agent read, is made from the debug information.
        "-Cdebuginfo=2".into(),
        "-Clink-arg=--btf".into(),
        // Headers lie anywhere in a frame, and are read by words all the same, as the kernel's CPUs can.
        "-Clink-arg=--cpu-features=+allows-misaligned-mem-access".into(),
        // Of the stack alone the kernel wants words where they belong: none may be made of two smaller ones.
        "-Clink-arg=--llvm-args=-combiner-store-merging=false".into(),
        format!("-Clinker={}", linker.display()),
    ];
    let mut cargo = Compiler::pick()?.command("cargo");
    cargo
        .current_dir(cmd::workspace())
        .args([subcommand, "--package=vpce-ebpf", "--package=vpce-tests-ebpf", "--target", TARGET, "-Zbuild-std=core"])
        .env("CARGO_TARGET_DIR", ebpf_target_dir())
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        // Who has it on for all would split the program into units, and the verifier refuses what comes of that.
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTC_BOOTSTRAP", "1");
    Ok(cargo)
}

/// Apart from the host's, so that neither's flags make the other build anew.
fn ebpf_target_dir() -> PathBuf {
    cmd::target_dir().join("bpf")
}
