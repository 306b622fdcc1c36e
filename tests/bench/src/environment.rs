//! Where a run took place: figures mean nothing without it.

use std::{fs, path::Path, process::Command};

use serde::{Deserialize, Serialize};
use vpce_tests::output;

/// The machine, and what was built for it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Environment {
    /// Day of the run.
    pub date: String,
    /// Commit of the sources, with `-dirty` where they were changed since.
    pub commit: String,
    /// Release of the kernel.
    pub kernel: String,
    /// What the CPU calls itself.
    pub cpu: String,
    /// CPUs that the run could use.
    pub cores: usize,
    /// Congestion control of TCP.
    pub congestion_control: String,
    /// Whether it was a short run: fewer rounds, wider spread.
    pub quick: bool,
    /// What else a section says of how it measured: MTU, offloads, flows.
    pub notes: Vec<String>,
}

impl Environment {
    /// Of this machine, now.
    #[must_use]
    pub fn here(quick: bool) -> Self {
        let git = |words: &[&str]| output(Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(words));
        let file = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default().trim().to_owned();
        let cpu = file("/proc/cpuinfo");
        let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
        Self {
            date: output(Command::new("date").args(["--utc", "+%Y-%m-%d"])).trim().to_owned(),
            commit: git(&["describe", "--always", "--dirty", "--exclude=*"]).trim().to_owned(),
            kernel: file("/proc/sys/kernel/osrelease"),
            cpu: cpu.trim_start_matches([' ', '\t', ':']).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            congestion_control: file("/proc/sys/net/ipv4/tcp_congestion_control"),
            quick,
            notes: Vec::new(),
        }
    }

    /// As a list of names and values.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("date", self.date.clone()),
            ("commit", self.commit.clone()),
            ("kernel", self.kernel.clone()),
            ("CPU", format!("{}, {} cores", self.cpu, self.cores)),
            ("congestion control", self.congestion_control.clone()),
        ];
        if self.quick {
            facts.push(("run", "quick: few rounds".to_owned()));
        }
        facts.extend(self.notes.iter().map(|note| ("measured", note.clone())));
        facts
    }
}
