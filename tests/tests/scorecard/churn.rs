//! Row 4, under change: endpoints come, go and are pointed elsewhere while packets flow.

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

use vpce_tests::{
    Rig,
    address::{BACKEND, ENDPOINT},
    frames::flag::{ACK, SYN},
    object::{Connection, Dialled, Object, Place, Runner, Sides, on_cpu},
    port,
    scorecard::{figure, report},
    wait_until,
};

use crate::{config, turn};

/// Where the first tenant's endpoint is pointed in every other configuration.
const OTHER_BACKEND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);
/// Connections open at once to each endpoint.
const LIVE: usize = 50;
/// Distance of the endpoint that comes and goes.
const GUEST: u32 = 1;
/// Its limit: each that goes keeps its records until its flows are reaped.
const GUESTS: u32 = 200;
/// Rounds of the load under every configuration.
const ROUNDS: u64 = 300;

/// Which configuration holds: even while one does, odd during the change to the next.
#[derive(Default)]
struct Epoch(AtomicU64);

/// Between the load and who changes the configuration under it.
#[derive(Default)]
struct Shared {
    epoch: Epoch,
    rounds: AtomicU64,
    over: AtomicBool,
}

/// What the load saw.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    packets: u64,
    opened: u64,
    cut: u64,
}

#[test]
fn row_04_changes_under_load_lead_no_packet_astray_and_no_two_flows_to_one_port() {
    let _turn = turn();
    let mut rig = Rig::same_cidr().build();
    rig.backend(1).ip(&format!("address add {OTHER_BACKEND}/24 dev eth0"));
    let toml = config::with_max_flows(&rig.plan(), 1 << 17);
    rig.write_config(&configuration(&toml, 0));
    rig.agent().start();
    let changes: u64 = figure(100, 10_000);
    // Both backends must have answered: refusals are to say something about changes alone.
    settle(&mut rig, &toml);
    let (object, sides) = (Object::of(&rig), [Sides::of(&rig, 1), Sides::of(&rig, 2)]);
    let gateway = rig.gateway().clone();

    let shared = Shared::default();
    let seen = thread::scope(|scope| {
        let load = scope.spawn(|| {
            gateway.run(|| {
                on_cpu(1);
                load(&mut object.runner(), &sides, &shared)
            })
        });
        for change in 1..=changes {
            shared.epoch.0.fetch_add(1, SeqCst);
            rig.write_config(&configuration(&toml, change));
            rig.agent().reload();
            shared.epoch.0.fetch_add(1, SeqCst);
            let enough = shared.rounds.load(SeqCst) + ROUNDS;
            let used = || load.is_finished() || shared.rounds.load(SeqCst) >= enough;
            wait_until("a load under every configuration", Duration::from_secs(10), used);
            if load.is_finished() {
                break;
            }
        }
        shared.over.store(true, SeqCst);
        load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    assert!(!rig.agent().log().contains("not reloaded"), "a configuration was refused: {}", rig.agent().log());
    assert!(seen.opened > changes && seen.cut > changes / 4, "there was hardly a load: {seen:?}");
    let Seen { packets, opened, cut } = seen;
    let text = format!("{changes} changes under {packets} packets of {opened} flows, of which {cut} were cut");
    report(4, format_args!("{text}: 0 duplicates, 0 misdelivered"));
}

/// Waits until the agent knows both backends of the first tenant.
fn settle(rig: &mut Rig, toml: &str) {
    for change in [1, 0] {
        rig.write_config(&configuration(toml, change));
        rig.agent().reload();
        let reachable = || rig.endpoint(1).at("backend.mac").is_string();
        wait_until("a backend that answers", Duration::from_secs(5), reachable);
    }
}

/// The n-th configuration: the first endpoint points here or there, a guest comes and goes.
fn configuration(toml: &str, n: u64) -> String {
    let service = toml.find("\n[[service]]").expect("a service");
    let end = toml[service + 1..].find("\n[[").expect("what follows it") + service + 1;
    let other = toml[service..end]
        .replace("web-1", "other-1")
        .replace(&format!("\"{BACKEND}\""), &format!("\"{OTHER_BACKEND}\""));
    let own = "name = \"web-1\"\nservice = \"web-1\"";
    assert!(toml.contains(own), "{toml}");
    let mut text = toml.to_owned() + &other;
    if points_elsewhere(n) {
        text = text.replace(own, "name = \"web-1\"\nservice = \"other-1\"");
    }
    if has_guest(n) {
        text += &config::endpoint("guest", "web-1", config::address(GUEST), GUESTS);
    }
    text
}

/// Both change, one at a time.
fn points_elsewhere(n: u64) -> bool {
    n / 2 % 2 == 1
}

fn has_guest(n: u64) -> bool {
    n.div_ceil(2) % 2 == 1
}

/// The three endpoints under load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Of the first tenant, pointed here and there.
    Pointed,
    /// Of the first tenant, there or not.
    Guest,
    /// Of the second tenant: nobody touches it.
    Steady,
}

/// A connection, and whether it must get through: it was opened under what holds now.
struct Live {
    connection: Connection,
    target: Target,
    opened: u64,
}

/// Opens, uses and closes connections until it is over. Every packet that arrives is checked to
/// arrive where its connection began to lead.
fn load(runner: &mut Runner<'_>, sides: &[Sides; 2], shared: &Shared) -> Seen {
    let Shared { epoch, rounds, over } = shared;
    let mut seen = Seen::default();
    let mut live: Vec<Live> = Vec::new();
    let mut taken: HashSet<Place> = HashSet::new();
    for number in 0.. {
        if over.load(SeqCst) {
            break;
        }
        rounds.fetch_add(1, SeqCst);
        let target = [Target::Pointed, Target::Guest, Target::Steady][number as usize % 3];
        if live.len() < 3 * LIVE {
            seen.packets += 1;
            if let Some(new) = open(runner, sides, target, number % 6_000_000, epoch) {
                let place = new.connection.transit;
                assert!(taken.insert(place), "two live flows of one transit address and port: {place:?}");
                live.push(new);
                seen.opened += 1;
            }
        }
        let at = number as usize % live.len().max(1);
        let Some(one) = live.get_mut(at) else { continue };
        let arrived = one.connection.try_say(runner, ACK) && one.connection.try_hear(runner, ACK);
        seen.packets += 2;
        let now = epoch.0.load(SeqCst);
        if !arrived {
            let unchanged = one.target == Target::Steady || now == one.opened && now.is_multiple_of(2);
            assert!(!unchanged, "a flow that no change concerns was cut: {:?}", one.connection);
            seen.cut += 1;
        }
        if !arrived || number % 5 == 0 {
            if arrived {
                one.connection.try_say(runner, vpce_tests::frames::flag::RST);
            }
            taken.remove(&one.connection.transit);
            live.swap_remove(at);
        }
    }
    seen
}

/// Opens a connection to a target; `None` where the target can't take one now.
fn open(runner: &mut Runner<'_>, sides: &[Sides; 2], target: Target, number: u32, epoch: &Epoch) -> Option<Live> {
    let (tenant, endpoint) = match target {
        Target::Pointed => (1, ENDPOINT),
        Target::Guest => (1, config::address(GUEST)),
        Target::Steady => (2, ENDPOINT),
    };
    let before = epoch.0.load(SeqCst);
    let mut connection = Connection::new(&sides[tenant - 1], tenant, number, endpoint, BACKEND);
    let dialled = connection.dial(runner);
    let stable = before.is_multiple_of(2) && epoch.0.load(SeqCst) == before;
    let Dialled::Open((backend, server_port)) = dialled else {
        let may_refuse = match target {
            Target::Pointed => !stable,
            Target::Guest => !stable || !has_guest(before / 2),
            Target::Steady => false,
        };
        assert!(may_refuse, "{dialled:?} under configuration {before}");
        return None;
    };
    assert_eq!(server_port, port::WEB_SERVER.to_be_bytes());
    // During a change from one configuration to the next either may hold.
    let after = epoch.0.load(SeqCst);
    let elsewhere = |n| target == Target::Pointed && points_elsewhere(n);
    let mut right = (before / 2..=after.div_ceil(2)).map(|n| if elsewhere(n) { OTHER_BACKEND } else { BACKEND });
    assert!(right.any(|right| right.octets() == backend), "configurations {before} to {after} led to {backend:?}");
    connection.led_to(backend.into());
    if !connection.try_hear(runner, SYN | ACK) || !connection.try_say(runner, ACK) {
        let unchanged = target == Target::Steady || stable && epoch.0.load(SeqCst) == before;
        assert!(!unchanged, "a new flow was cut: {connection:?}");
        return None;
    }
    Some(Live { connection, target, opened: before })
}
