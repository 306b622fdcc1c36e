//! How fast the API answers, and how soon what it made carries packets.
//!
//! The agent has one CPU for all that it does, the clients have the other one. Each client has a connection and
//! asks the next when it was answered.

mod client;
mod tenant;

use std::{
    net::UdpSocket,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::unistd::Pid;
use vpce_tests::{Rig, interrupt, object::on_cpu};

use self::{client::Client, tenant::Tenant};
use super::town::{self, ENDPOINTS, GUEST};
use crate::{
    effort::Effort,
    row::{Goal, Row},
    usage,
};

const AGENT_CPU: usize = 0;
const CLIENTS_CPU: usize = 1;
/// Connections at once.
const CONNECTIONS: usize = 16;
/// Endpoints are made in so many rounds.
const ROUNDS: u32 = 5;
/// A packet that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// Figures of all rounds of one kind of request.
#[derive(Default)]
struct Load {
    per_sec: Vec<f64>,
    p99_ms: Vec<f64>,
    agent_percent: Vec<f64>,
}

/// Measures the section.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    notes.push(format!(
        "API: HTTPS/1.1, {CONNECTIONS} connections kept alive, each request signed; the agent on CPU {AGENT_CPU}, \
         the clients on CPU {CLIENTS_CPU}"
    ));
    let mut rig = town::build(&town::config_for_api());
    // Its machine has a smaller network than the VPC.
    rig.client(1).ip("route add 10.0.0.0/16 dev eth0");
    rig.agent().start();
    let pid = rig.agent().pid();
    usage::pin(pid, AGENT_CPU);
    let tenant = Tenant::make(&mut rig);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|number| tenant.connect(&rig, number)).collect();

    let ids = Mutex::new(Vec::new());
    let mut creates = Load::default();
    for round in 0..ROUNDS {
        let first = round * (ENDPOINTS / ROUNDS);
        creates.round(pid, &mut clients, ENDPOINTS / ROUNDS, |client, n| {
            let id = tenant.create(client, first + n);
            ids.lock().expect("no panic").push(id);
        });
    }
    let ids = ids.into_inner().expect("no panic");
    let (mut reads, mut lists) = (Load::default(), Load::default());
    for _ in 0..effort.rounds() {
        next_second();
        reads.round(pid, &mut clients, ENDPOINTS, |client, n| Tenant::show(client, &ids[n as usize]));
        lists.round(pid, &mut clients, ENDPOINTS / 2, |client, _| Tenant::list(client));
    }
    let mut first_ms = first_packets(&rig, &tenant, &mut clients[0], effort.pick(300, 1000));
    drop(clients);
    thread::sleep(Duration::from_secs(2));
    let idle = usage::cpu_percent(pid, Duration::from_secs(effort.pick(15, 60)));
    let resident = usage::resident_mb(pid);
    first_ms.sort_by(f64::total_cmp);
    let p99 = p99(&first_ms);
    let mut rows = vec![
        Row::new("create an endpoint to first packet, p99", "ms").goal(Goal::at_most(10.0)).measured(vec![p99]),
        Row::new("create an endpoint to first packet, each", "ms").measured(first_ms),
    ];
    rows.extend(creates.rows("API creates", 1_000.0));
    rows.extend(reads.rows("API reads", 5_000.0));
    rows.extend(lists.rows("API lists of ten", 5_000.0));
    rows.extend([
        Row::new("resident memory with 10,000 endpoints", "MB").goal(Goal::at_most(64.0)).measured(vec![resident]),
        Row::new("idle with 10,000 endpoints, of a CPU", "%").goal(Goal::at_most(0.5)).measured(vec![idle]),
    ]);
    rows
}

impl Load {
    /// Has so many requests asked by all clients at once, each with its number.
    fn round(&mut self, agent: Pid, clients: &mut [Client], count: u32, ask: impl Fn(&mut Client, u32) + Sync) {
        interrupt::check();
        let next = AtomicU32::new(0);
        let (busy, start) = (usage::cpu_secs(agent), Instant::now());
        let mut took = thread::scope(|scope| {
            let client = |client: &mut Client| {
                on_cpu(CLIENTS_CPU);
                let mut took = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return took;
                    }
                    let start = Instant::now();
                    ask(client, n);
                    took.push(start.elapsed().as_secs_f64() * 1e3);
                }
            };
            let clients: Vec<_> = clients.iter_mut().map(|each| scope.spawn(move || client(each))).collect();
            clients.into_iter().flat_map(|each| each.join().expect("a client")).collect::<Vec<_>>()
        });
        let secs = start.elapsed().as_secs_f64();
        took.sort_by(f64::total_cmp);
        self.per_sec.push(f64::from(count) / secs);
        self.p99_ms.push(p99(&took));
        self.agent_percent.push((usage::cpu_secs(agent) - busy) / secs * 100.0);
    }

    fn rows(self, name: &str, goal: f64) -> [Row; 3] {
        [
            Row::new(format!("{name} on one core"), "/s").goal(Goal::at_least(goal)).measured(self.per_sec),
            Row::new(format!("{name}, p99"), "ms").goal(Goal::at_most(20.0)).measured(self.p99_ms),
            Row::new(format!("{name}, the agent's share of its core"), "%").measured(self.agent_percent),
        ]
    }
}

/// Milliseconds from asking for an endpoint to its first packet at the backend, which the client sends when it
/// was answered; each.
fn first_packets(rig: &Rig, tenant: &Tenant, api: &mut Client, count: u32) -> Vec<f64> {
    let (port, server_port) = town::PORTS;
    let bind = |port| move || UdpSocket::bind(("0.0.0.0", port)).expect("a free port");
    let (backend, client) = (rig.backend(1).run(bind(server_port)), rig.client(1).run(bind(0)));
    backend.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let first_packet = |n: u32| {
        interrupt::check();
        let start = Instant::now();
        tenant.create(api, n);
        client.send_to(&n.to_ne_bytes(), (town::endpoint(n), port)).expect("a way to the endpoint");
        let mut seen = [0; 4];
        backend.recv(&mut seen).expect("the first packet arrives");
        let took = start.elapsed();
        assert_eq!(u32::from_ne_bytes(seen), n, "one that was lost before");
        took.as_secs_f64() * 1e3
    };
    (GUEST..GUEST + count).map(first_packet).collect()
}

/// Waits for the next second of the clock: what was signed alike in the last one, by another client, is not refused
/// then.
fn next_second() {
    let into = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set").subsec_nanos();
    thread::sleep(Duration::from_nanos((1_000_000_000 - into).into()));
}

/// Of sorted figures.
fn p99(sorted: &[f64]) -> f64 {
    sorted[sorted.len() * 99 / 100]
}
