//! Finds what is missing on this machine, and installs it.

mod item;
mod list;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

pub use self::item::Purpose;
use self::{
    item::{Item, Plan},
    list::{AS_ROOT, ITEMS, SERVICES, is_root},
};
use crate::cmd;

/// Tells what is there and what is not, with the cure; changes nothing.
pub fn check() -> ExitCode {
    let missing = look(ITEMS.iter(), Verbosity::All);
    for (item, plan) in &missing {
        println!("{}: to mend it: {plan}", item.name);
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells what is there and installs what is not.
pub fn install() -> Result<()> {
    mend(look(ITEMS.iter(), Verbosity::All))
}

/// Installs what these purposes lack; silent when that is nothing.
pub fn ensure(purposes: &[Purpose]) -> Result<()> {
    let items = ITEMS.iter().filter(|item| purposes.contains(&item.purpose));
    mend(look(items, Verbosity::MissingOnly))
}

#[derive(Clone, Copy, PartialEq)]
enum Verbosity {
    All,
    MissingOnly,
}

fn look(items: impl Iterator<Item = &'static Item>, verbosity: Verbosity) -> Vec<(&'static Item, Plan)> {
    let mut missing = Vec::new();
    for item in items {
        match item.check() {
            Ok(found) if verbosity == Verbosity::All => {
                println!("ok       {:<16} {found}", item.name);
            }
            Ok(_) => {}
            Err(why) => {
                let why = format!("{why:#}");
                println!("missing  {:<16} {}", item.name, why.lines().next().unwrap_or_default());
                missing.push((item, item.plan()));
            }
        }
    }
    missing
}

/// All packages in one call, then the commands in the order of the list, then a second look.
fn mend(missing: Vec<(&Item, Plan)>) -> Result<()> {
    // Before anything is changed: what only a human can do.
    for (item, plan) in &missing {
        if let Plan::ByHand(cure) = plan {
            bail!("{}: {cure}", item.name);
        }
    }
    let packages: Vec<_> = missing.iter().flat_map(|(_, plan)| plan.packages()).copied().collect();
    if !packages.is_empty() {
        apt_install(&packages)?;
    }
    for (item, plan) in missing {
        // What came before may have brought it along.
        if item.check().is_err()
            && let Plan::Install { commands, .. } = plan
        {
            for mut command in commands {
                cmd::run(&mut command)?;
            }
        }
        item.check().with_context(|| format!("{} is still missing after its cure", item.name))?;
    }
    Ok(())
}

fn apt_install(packages: &[&str]) -> Result<()> {
    if cmd::find("apt-get").is_none() {
        bail!("no apt-get here: install what provides {} by your own package manager", packages.join(", "));
    }
    if !is_root() {
        bail!("to install {}: {}", packages.join(" "), AS_ROOT);
    }
    cmd::run(apt_get().arg("update"))?;
    cmd::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages))?;
    for (package, unit) in SERVICES {
        if packages.contains(package) {
            cmd::run(offline(&mut cmd::command("systemctl", ["disable", unit])))?;
        }
    }
    Ok(())
}

fn apt_get() -> Command {
    let mut apt_get = Command::new("apt-get");
    offline(&mut apt_get).env("DEBIAN_FRONTEND", "noninteractive");
    apt_get
}

/// Keeps systemctl, also the one in a package's scripts, from starting anything: as in a chroot, it then only
/// touches files.
fn offline(command: &mut Command) -> &mut Command {
    command.env("SYSTEMD_OFFLINE", "1")
}
