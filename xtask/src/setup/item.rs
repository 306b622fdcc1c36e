//! One thing the project needs: how to see whether it is there, and how to get it.

use std::{fmt, process::Command};

use anyhow::{Context, Result};

use crate::cmd;

/// What an item is needed for.
#[derive(Clone, Copy, PartialEq)]
pub enum Purpose {
    /// To build the eBPF object and the agent.
    Build,
    /// To check formatting and style.
    Lint,
    /// To run the agent, the demo and the end-to-end tests.
    Rig,
    /// To measure what others reach on the same rig.
    Bench,
}

/// One thing the project needs.
pub struct Item {
    /// What it is called here.
    pub name: &'static str,
    /// What it is needed for.
    pub purpose: Purpose,
    kind: Kind,
}

enum Kind {
    /// A program that a Debian package brings.
    Tool { package: &'static str },
    /// Anything else.
    Other { check: Check, plan: fn() -> Plan },
}

/// Says what was found, or what is wrong.
type Check = fn() -> Result<String>;

/// How an item is got.
pub enum Plan {
    /// Debian packages, then commands.
    Install { packages: Vec<&'static str>, commands: Vec<Command> },
    /// Not ours to do.
    ByHand(String),
}

impl Item {
    /// An item with a check and a cure of its own.
    pub const fn new(purpose: Purpose, name: &'static str, check: Check, plan: fn() -> Plan) -> Self {
        Self { name, purpose, kind: Kind::Other { check, plan } }
    }

    /// A program that the rig calls.
    pub const fn tool(name: &'static str, package: &'static str) -> Self {
        Self { name, purpose: Purpose::Rig, kind: Kind::Tool { package } }
    }

    /// A program that is measured beside ours.
    pub const fn contestant(name: &'static str, package: &'static str) -> Self {
        Self { name, purpose: Purpose::Bench, kind: Kind::Tool { package } }
    }

    /// What was found, or what is wrong.
    pub fn check(&self) -> Result<String> {
        match self.kind {
            Kind::Tool { .. } => {
                let path = cmd::find(self.name).context("no program of this name")?;
                Ok(path.display().to_string())
            }
            Kind::Other { check, .. } => check(),
        }
    }

    /// How to get it.
    pub fn plan(&self) -> Plan {
        match self.kind {
            Kind::Tool { package } => Plan::Install { packages: vec![package], commands: Vec::new() },
            Kind::Other { plan, .. } => plan(),
        }
    }
}

impl Plan {
    /// A plan of one command.
    pub fn command(command: Command) -> Self {
        Self::Install { packages: Vec::new(), commands: vec![command] }
    }

    /// The Debian packages of the plan.
    pub fn packages(&self) -> &[&'static str] {
        match self {
            Self::Install { packages, .. } => packages,
            Self::ByHand(_) => &[],
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install { packages, commands } => {
                let apt_get = (!packages.is_empty()).then(|| format!("apt-get install {}", packages.join(" ")));
                let steps: Vec<_> = apt_get.into_iter().chain(commands.iter().map(cmd::line)).collect();
                f.write_str(&steps.join(" && "))
            }
            Self::ByHand(cure) => f.write_str(cure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_shown_as_one_would_type_it() {
        let plan = Plan::Install { packages: vec!["curl"], commands: vec![cmd::command("mount", ["-t", "bpf"])] };
        assert_eq!(plan.to_string(), "apt-get install curl && mount -t bpf");
    }

    #[test]
    fn a_tool_is_found_by_its_name_and_got_by_its_package() {
        Item::tool("sh", "dash").check().expect("a shell is there");
        let unheard_of = Item::tool("vpce-unheard-of", "unheard-of");
        unheard_of.check().expect_err("no such program");
        assert_eq!(unheard_of.plan().packages(), ["unheard-of"]);
    }
}
