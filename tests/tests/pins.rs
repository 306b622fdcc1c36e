//! What is pinned: taken away when asked, and never misread.

use std::{fs, process::Command};

use vpce_tests::{
    Rig,
    address::endpoint,
    finish, output, port,
    tcp::{Knock, PATIENCE, knock},
    wait_until,
};

#[test]
fn unload_leaves_nothing_behind() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);
    assert!(rig.client_link(1).has_program() && rig.backend_link(1).has_program());
    rig.agent().stop();

    let unloaded = rig.agent().unload();
    assert!(unloaded.status.success(), "{unloaded:?}");

    let pins = fs::read_dir(rig.agent().bpf_dir()).map_or(0, Iterator::count);
    assert_eq!(pins, 0, "pins left in {}", rig.agent().bpf_dir().display());
    // The kernel lets go of a link a moment after its last pin.
    let free = || !rig.client_link(1).has_program() && !rig.backend_link(1).has_program();
    wait_until("interfaces without a program", PATIENCE, free);
    assert_ne!(rig.client(1).run(|| knock(endpoint(port::WEB))), Knock::Open);

    let again = rig.agent().unload();
    assert!(again.status.success(), "nothing to unload is no failure: {again:?}");
    rig.agent().start();
    assert_eq!(rig.client(1).get("http://10.0.0.100/").status, 200);
}

#[test]
fn a_foreign_map_layout_is_refused_with_the_cure() {
    let mut rig = Rig::pair().start();
    rig.agent().stop();
    // Each map gives way to one of another shape, as an older layout would leave.
    let pins = output(Command::new("find").arg(rig.agent().bpf_dir()).args(["-type", "f"]));
    let is_map = |pin: &&str| finish(Command::new("bpftool").args(["map", "show", "pinned", pin])).status.success();
    let maps: Vec<&str> = pins.lines().filter(is_map).collect();
    assert!(!maps.is_empty(), "no pinned map among: {pins}");
    for pin in &maps {
        fs::remove_file(pin).expect("a pin removed");
        let mut create = Command::new("bpftool");
        create.args(["map", "create", pin, "type", "array", "name", "foreign"]);
        output(create.args(["key", "4", "value", "4", "entries", "1"]));
    }

    let another = &mut rig.agent().run_command();
    let complaint = rig.agent().refused(another);
    assert!(complaint.contains("vpce-agent unload"), "no cure in:\n{complaint}");

    // The cure works.
    assert!(rig.agent().unload().status.success());
    rig.agent().start();
}
