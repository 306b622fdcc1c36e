//! What a process takes of the machine.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::{Pid, SysconfVar, sysconf},
};

/// Percent of one CPU that a process uses in so long a time, what the kernel does for it included.
#[must_use]
pub fn cpu_percent(pid: Pid, lasting: Duration) -> f64 {
    let (before, start) = (cpu_secs(pid), Instant::now());
    thread::sleep(lasting);
    (cpu_secs(pid) - before) / start.elapsed().as_secs_f64() * 100.0
}

/// Keeps a process on one CPU, with the threads that it has and will have.
///
/// # Panics
/// Where there is no such CPU.
pub fn pin(pid: Pid, cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu).expect("a CPU number");
    for task in fs::read_dir(format!("/proc/{pid}/task")).expect("a running process").flatten() {
        let task = task.file_name().into_string().expect("a number").parse().expect("a number");
        sched_setaffinity(Pid::from_raw(task), &set).expect("a machine of two CPUs or more");
    }
}

/// Megabytes of a process that are in memory.
#[must_use]
pub fn resident_mb(pid: Pid) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes / 1024.0
}

/// CPU time of a process until now, in user space and in the kernel, in seconds.
#[must_use]
pub fn cpu_secs(pid: Pid) -> f64 {
    // The scheduler's own figure: ticks are too coarse for what hardly runs.
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a running process");
    let of_task = |task: std::io::Result<fs::DirEntry>| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let nanoseconds: Vec<f64> = tasks.filter_map(of_task).collect();
    if !nanoseconds.is_empty() {
        return nanoseconds.iter().sum::<f64>() / 1e9;
    }
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    // After the name, which may hold anything: state is the first, user and system time the 12th and 13th.
    let fields = text.rsplit(')').next().expect("what follows the name").split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).map(|field| field.parse::<f64>().expect("ticks")).sum();
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let hertz = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    ticks / hertz
}
