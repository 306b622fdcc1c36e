//! Row 4: tenants of equal addresses never meet.

use vpce_tests::{
    Rig,
    address::{BACKEND, ENDPOINT},
    frames::flag::{ACK, SYN},
    object::{Connection, Object, Runner, Sides, action},
    scorecard::{figure, report},
};

use crate::{on_two_cpus, turn};

/// Packets of one pair of connections, those that try to cross among them.
const PACKETS: u64 = 2 * (3 + 2 * EXCHANGES + 3) + 4;
/// Packets each way on an open connection.
const EXCHANGES: u64 = 6;

#[test]
fn row_04_two_tenants_of_equal_addresses_never_get_each_others_packets() {
    let _turn = turn();
    let rig = Rig::same_cidr().start();
    let object = Object::of(&rig);
    let sides = [Sides::of(&rig, 1), Sides::of(&rig, 2)];
    assert_ne!(sides[0].transit, sides[1].transit, "what tells the tenants apart behind the gateway");
    assert_ne!(sides[0].backend_mac, sides[1].backend_mac);

    let packets: u64 = figure(10_000_000, 1_000_000_000);
    let pairs = packets.div_ceil(2 * PACKETS);
    let sent: u64 = on_two_cpus(&rig, |cpu| {
        let mut runner = object.runner();
        // Client and port of every pair are different on the two CPUs, and equal on the two tenants.
        (0..pairs).map(|pair| meet(&sides, pair * 2 + cpu as u64, &mut runner)).sum::<u64>()
    })
    .iter()
    .sum();
    assert!(sent >= packets, "{sent}");
    for tenant in &sides {
        assert_eq!(object.open(tenant.endpoint), 0, "open connections");
    }
    report(4, format_args!("{sent} packets of two tenants with equal addresses, 0 crossings"));
}

/// Lives two connections of equal addresses and ports side by side; answers how many packets that
/// took. Every packet must come out as its own tenant's: that is what a [`Connection`] checks.
fn meet(sides: &[Sides; 2], pair: u64, runner: &mut Runner<'_>) -> u64 {
    // All clients and ports come round; a connection of a round before is long closed.
    let number = u32::try_from(pair % 6_000_000).expect("less");
    let mut both = [1, 2].map(|n| Connection::new(&sides[n - 1], n, number, ENDPOINT, BACKEND));
    for connection in &mut both {
        connection.open(runner);
    }
    for _ in 0..EXCHANGES {
        for connection in &mut both {
            connection.say(runner, ACK);
        }
        for connection in &mut both {
            connection.hear(runner, ACK);
        }
    }
    for (n, connection) in both.iter().enumerate() {
        // By the other backend's interface: as its gateway's frame, and as it stands.
        let elsewhere = &sides[1 - n];
        let mut crossing = connection.from_backend(SYN | ACK, 0);
        crossing[..6].copy_from_slice(&elsewhere.backend.1);
        assert_eq!(runner.run(&crossing, elsewhere.backend.0).0, action::DROP, "{crossing:02x?}");
        // By the other backend's interface, from the client's side of it.
        crossing[..6].copy_from_slice(&elsewhere.client.1);
        assert_eq!(runner.run(&crossing, elsewhere.client.0).0, action::DROP, "{crossing:02x?}");
    }
    for connection in &mut both {
        connection.finish(runner);
    }
    PACKETS
}
