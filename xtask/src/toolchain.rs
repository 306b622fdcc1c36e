//! The compiler and the linker of the eBPF object, and whether they fit each other.
//!
//! bpf-linker reads the bitcode rustc writes, so its LLVM must not be older than rustc's. No version number tells
//! which LLVM a prebuilt linker holds; a small link does, in a tenth of a second.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::cmd;

/// The compiler the project is known to build with, used where the current one is too new for the linker.
pub const PINNED: &str = "1.95.0";
/// The bpf-linker that setup installs.
pub const LINKER: &str = "0.13.0";
/// The oldest bpf-linker that writes what the agent can load.
const LINKER_MIN: (u32, u32) = (0, 13);
/// The LLVM of the bpf-linker that setup installs.
const LINKER_LLVM: u32 = 22;

/// A Rust compiler with its cargo.
pub struct Compiler {
    /// `None`: the one that runs this xtask.
    toolchain: Option<&'static str>,
}

impl Compiler {
    /// The current compiler if the linker can read what it writes, else the pinned one.
    pub fn pick() -> Result<Self> {
        let current = Self { toolchain: None };
        let llvm = current.llvm()?;
        let fits = match linker() {
            Ok(linker) => try_link(&current, &linker),
            // Then setup brings the one whose LLVM is known.
            Err(_) if llvm <= LINKER_LLVM => Ok(()),
            Err(none) => Err(none),
        };
        let Err(why) = fits else { return Ok(current) };
        let pinned = Self { toolchain: Some(PINNED) };
        if cmd::find("rustup").is_some() && pinned.llvm().is_ok() {
            return Ok(pinned);
        }
        bail!(
            "bpf-linker cannot read what this rustc (LLVM {llvm}) writes; \
             `rustup toolchain install {PINNED}` brings one that fits: {why:#}"
        )
    }

    /// `rustc`, `cargo` … of this compiler's toolchain.
    pub fn command(&self, program: &str) -> Command {
        match (self.toolchain, program) {
            (Some(toolchain), _) => cmd::command("rustup", ["run", toolchain, program]),
            (None, "cargo") => cmd::cargo(),
            (None, _) => Command::new(program),
        }
    }

    /// The version, and the LLVM inside.
    pub fn describe(&self) -> Result<String> {
        let version = cmd::output(self.command("rustc").arg("--version"))?;
        Ok(format!("{}, LLVM {}", version.trim(), self.llvm()?))
    }

    /// Where `-Z build-std` looks for the source of `core`.
    pub fn library_source(&self) -> Result<PathBuf> {
        let sysroot = cmd::output(self.command("rustc").args(["--print", "sysroot"]))?;
        Ok(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library"))
    }

    /// The toolchain's name, where it is not the current one.
    pub fn toolchain(&self) -> Option<&'static str> {
        self.toolchain
    }

    fn llvm(&self) -> Result<u32> {
        let verbose = cmd::output(self.command("rustc").arg("-vV"))?;
        llvm_major(&verbose).with_context(|| format!("no LLVM version in `rustc -vV`: {verbose}"))
    }
}

/// The first bpf-linker that is new enough.
pub fn linker() -> Result<PathBuf> {
    let (major, minor) = LINKER_MIN;
    let mut said = format!("no bpf-linker {major}.{minor} or newer");
    for path in cmd::candidates("bpf-linker") {
        match cmd::output(Command::new(&path).arg("--version")) {
            Ok(text) if version(&text) >= Some(LINKER_MIN) => return Ok(path),
            Ok(text) => said = format!("{said}; {} is {}", path.display(), text.trim()),
            Err(error) => said = format!("{said}; {error}"),
        }
    }
    bail!(said)
}

/// Links two lines of Rust, to see whether this linker reads what this compiler writes.
pub fn try_link(compiler: &Compiler, linker: &Path) -> Result<()> {
    const SOURCE: &[u8] = b"#![no_std]\n#[unsafe(no_mangle)] pub extern \"C\" fn probe(x: u32) -> u32 { x + 1 }\n";

    let dir = cmd::target_dir();
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let stem = dir.join(format!("probe-{}", process::id()));
    let (bitcode, object) = (stem.with_extension("bc"), stem.with_extension("o"));

    let mut compile = compiler.command("rustc");
    compile.args(["-", "--edition=2024", "--crate-type=lib", "--crate-name=probe", "--emit=llvm-bc"]);
    // An older LLVM still reads a newer one's plain code; it is the debug information that it stumbles over.
    compile.args(["-Copt-level=3", "-Cdebuginfo=2", "-o"]).arg(&bitcode);
    let mut link = Command::new(linker);
    link.args(["--target=bpfel", "--btf", "--export=probe", "-o"]).args([&object, &bitcode]);
    let outcome = feed(&mut compile, SOURCE).and_then(|()| cmd::output(&mut link));

    for file in [bitcode, object] {
        // What was never written need not go.
        let _ = fs::remove_file(file);
    }
    outcome.map(drop)
}

fn feed(command: &mut Command, input: &[u8]) -> Result<()> {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("a piped stdin")?.write_all(input)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}: {}", cmd::line(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The LLVM major version in the answer to `rustc -vV`.
fn llvm_major(verbose: &str) -> Option<u32> {
    let version = verbose.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

/// Major and minor in the answer to `bpf-linker --version`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_of_a_compiler_is_read_from_its_verbose_version() {
        let stable = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        assert_eq!(llvm_major(stable), Some(22));
        assert_eq!(llvm_major("LLVM version: 23"), Some(23));
        assert_eq!(llvm_major("rustc 1.95.0\nrelease: 1.95.0\n"), None);
    }

    #[test]
    fn a_linker_is_judged_by_major_and_minor_version() {
        assert_eq!(version("bpf-linker 0.13.0\n"), Some((0, 13)));
        assert!(version("bpf-linker 0.9.15") < Some(LINKER_MIN));
        assert!(version("bpf-linker 0.14.0-dev") > Some(LINKER_MIN));
        assert!(version("bpf-linker 1.0.0") > Some(LINKER_MIN));
        assert_eq!(version("bpf-linker"), None);
    }

    #[test]
    fn a_linker_that_cannot_read_the_bitcode_is_found_out() {
        let current = Compiler { toolchain: None };
        try_link(&current, Path::new("/bin/false")).expect_err("false links nothing");
    }
}
