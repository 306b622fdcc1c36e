//! The list of what the project needs.

use std::{fs, os::unix::fs::MetadataExt, path::PathBuf, process::Command};

use anyhow::{Result, ensure};

use super::item::{
    Item, Plan,
    Purpose::{Build, Lint, Rig},
};
use crate::{
    cmd::{self, command},
    toolchain::{self, Compiler, LINKER, PINNED},
};

/// Order matters: a check may use what stands before it.
pub const ITEMS: &[Item] = &[
    Item::new(Build, "compiler", compiler, pinned_compiler),
    Item::new(Build, "rust-src", rust_src, add_rust_src),
    Item::new(Build, "bpf-linker", linker, install_linker),
    Item::new(Lint, "clippy", clippy, add_clippy),
    Item::new(Lint, "rustfmt", rustfmt, add_rustfmt),
    Item::new(Rig, "root", root, become_root),
    Item::tool("ip", "iproute2"),
    Item::tool("nsenter", "util-linux"),
    Item::tool("ethtool", "ethtool"),
    Item::tool("bpftool", "bpftool"),
    Item::tool("tcpdump", "tcpdump"),
    Item::tool("curl", "curl"),
    Item::tool("ping", "iputils-ping"),
    Item::tool("traceroute", "traceroute"),
    Item::tool("iperf3", "iperf3"),
    Item::tool("nginx", "nginx-light"),
    Item::tool("redis-server", "redis-server"),
    Item::tool("redis-benchmark", "redis-tools"),
    Item::tool("dnsmasq", "dnsmasq-base"),
    Item::tool("dig", "bind9-dnsutils"),
    Item::tool("systemd-analyze", "systemd"),
    Item::new(Rig, "bpffs", bpffs, mount_bpffs),
    Item::new(Rig, "python3-venv", venv, add_venv),
    Item::tool("jq", "jq"),
    Item::new(Rig, "clients of the API", clients, install_clients),
    Item::contestant("nft", "nftables"),
    Item::contestant("haproxy", "haproxy"),
];

/// Packages that bring a service: what it listens on may be in use, and the tests start their own.
pub const SERVICES: &[(&str, &str)] =
    &[("nginx-light", "nginx.service"), ("redis-server", "redis-server.service"), ("haproxy", "haproxy.service")];

fn compiler() -> Result<String> {
    Compiler::pick()?.describe()
}

fn pinned_compiler() -> Plan {
    if cmd::find("rustup").is_none() {
        return Plan::ByHand(format!("install Rust {PINNED} or newer, its LLVM no newer than bpf-linker's"));
    }
    let args = ["toolchain", "install", PINNED, "--profile=minimal", "--no-self-update", "--component=rust-src,clippy"];
    Plan::command(command("rustup", args))
}

fn rust_src() -> Result<String> {
    let library = Compiler::pick()?.library_source()?;
    ensure!(library.join("Cargo.lock").is_file(), "no library source in {}", library.display());
    Ok(library.display().to_string())
}

fn add_rust_src() -> Plan {
    let toolchain = Compiler::pick().ok().and_then(|compiler| compiler.toolchain());
    component("rust-src", toolchain)
}

fn linker() -> Result<String> {
    let linker = toolchain::linker()?;
    // Without a compiler that fits, it is the compiler that is missing.
    if let Ok(compiler) = Compiler::pick() {
        toolchain::try_link(&compiler, &linker)?;
    }
    Ok(linker.display().to_string())
}

/// Prebuilt where cargo-binstall is there; else from source, which takes an LLVM and a minute or two.
fn install_linker() -> Plan {
    if cmd::find("cargo-binstall").is_some() {
        let package = format!("bpf-linker@{LINKER}");
        return Plan::command(command("cargo", ["binstall", "--no-confirm", "--force", &package]));
    }
    let mut install = command("cargo", ["install", "bpf-linker", "--version", LINKER, "--locked", "--force"]);
    install
        .args(["--no-default-features", "--features=llvm-22"])
        .env("LLVM_PREFIX", "/usr/lib/llvm-22")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    Plan::Install {
        packages: vec!["g++", "llvm-22-dev", "libpolly-22-dev", "libzstd-dev", "zlib1g-dev"],
        commands: vec![install],
    }
}

fn clippy() -> Result<String> {
    cmd::output(cmd::cargo().args(["clippy", "--version"])).map(|version| version.trim().into())
}

fn add_clippy() -> Plan {
    component("clippy", None)
}

fn rustfmt() -> Result<String> {
    cmd::output(cmd::cargo().args(["fmt", "--version"])).map(|version| version.trim().into())
}

fn add_rustfmt() -> Plan {
    component("rustfmt", None)
}

/// A part of a Rust toolchain: the current one, unless told.
fn component(name: &str, toolchain: Option<&str>) -> Plan {
    if cmd::find("rustup").is_none() {
        return Plan::ByHand(format!("install {name} from where this rustc came (`rustc --print sysroot` says)"));
    }
    let mut add = command("rustup", ["component", "add", name]);
    if let Some(toolchain) = toolchain {
        add.args(["--toolchain", toolchain]);
    }
    Plan::command(add)
}

/// Whether this process may install packages, make namespaces and load programs.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// How to get the rights.
pub const AS_ROOT: &str = "run it as root: `sudo env \"PATH=$PATH\" cargo xtask …`";

fn root() -> Result<String> {
    ensure!(is_root(), "not root; network namespaces and bpf programs take it");
    Ok("uid 0".into())
}

fn become_root() -> Plan {
    Plan::ByHand(AS_ROOT.into())
}

const BPFFS: &str = "/sys/fs/bpf";

fn bpffs() -> Result<String> {
    ensure!(has_bpffs(&fs::read_to_string("/proc/self/mounts")?), "no bpf file system on {BPFFS}");
    Ok(BPFFS.into())
}

fn mount_bpffs() -> Plan {
    Plan::command(command("mount", ["-t", "bpf", "bpf", BPFFS]))
}

/// Whether a mount table has a bpf file system in its place.
fn has_bpffs(mounts: &str) -> bool {
    mounts.lines().any(|line| line.split(' ').skip(1).take(2).eq([BPFFS, "bpf"]))
}

fn venv() -> Result<String> {
    cmd::output(&mut command("python3", ["-c", "import ensurepip, venv, sys; print(sys.version.split()[0])"]))
        .map(|version| version.trim().into())
}

fn add_venv() -> Plan {
    Plan::Install { packages: vec!["python3-venv"], commands: Vec::new() }
}

/// What tests the API: the vendor's own client and its core, in one version, and what makes requests up.
const PACKAGES: [(&str, &str); 3] =
    [("huaweicloudsdkvpcep", "3.1.219"), ("huaweicloudsdkcore", "3.1.219"), ("schemathesis", "4.32.5")];

fn clients() -> Result<String> {
    ensure!(clients_dir().is_dir(), "no {}", clients_dir().display());
    let mut python = Command::new(clients_dir().join("bin/python"));
    python.args(["-c", "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"]);
    let versions = cmd::output(python.args(PACKAGES.map(|(name, _)| name)))?;
    let wanted = PACKAGES.map(|(_, version)| version);
    ensure!(versions.split_whitespace().eq(wanted), "versions {}, not {}", versions.trim(), wanted.join(" "));
    Ok(clients_dir().display().to_string())
}

fn install_clients() -> Plan {
    let dir = clients_dir();
    let mut venv = command("python3", ["-m", "venv", "--clear"]);
    venv.arg(&dir);
    // By `env`, so that it is shown which Python that is.
    let mut pip = command("env", [dir.join("bin/python")]);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(PACKAGES.map(|(name, version)| format!("{name}=={version}")));
    Plan::Install { packages: Vec::new(), commands: vec![venv, pip] }
}

/// A Python of its own, beside what cargo builds.
fn clients_dir() -> PathBuf {
    cmd::target_dir().join("sdk")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Purpose::Bench;

    #[test]
    fn only_a_bpf_file_system_in_its_place_will_do() {
        assert!(has_bpffs("proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw,nosuid 0 0\n"));
        assert!(!has_bpffs("none /mnt bpf rw 0 0\nsysfs /sys sysfs rw 0 0\n"));
        assert!(!has_bpffs("tmpfs /sys/fs/bpf tmpfs rw 0 0\n"));
    }

    #[test]
    fn every_service_belongs_to_a_package_of_the_list() {
        let started = |item: &&Item| matches!(item.purpose, Rig | Bench);
        let packages: Vec<_> = ITEMS.iter().filter(started).map(Item::plan).collect();
        for (package, _) in SERVICES {
            assert!(packages.iter().any(|plan| plan.packages().contains(package)), "{package} is not installed");
        }
    }
}
