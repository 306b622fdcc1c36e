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
    // The client asks no longer who has the address: a question between the agent's start and the program's would be
    // one that the interface received and the program did not see.
    rig.client(1).ip("neighbour flush all");
    rig.agent().start();
    wait_until("a page", PATIENCE, || rig.client(1).get("http://10.0.0.100/").status == 200);
}

#[test]
fn programs_are_not_taken_over_where_their_maps_were_taken_off() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);
    let before = rig.client_link(1).programs();
    rig.agent().stop();
    rig.agent().forget("links");
    rig.agent().forget("maps");

    rig.agent().start();
    wait_until("a page", PATIENCE, || rig.client(1).get("http://10.0.0.100/").status == 200);
    assert_ne!(rig.client_link(1).programs(), before);
    let programs = fs::read_dir(rig.agent().bpf_dir().join("programs")).expect("pinned programs");
    assert_eq!(programs.count(), 2, "the walk's and one hook's, none of before");
}

#[test]
fn a_program_that_tells_what_it_drops_tells_the_agent_that_loaded_it() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);
    let mut before = rig.client_link(1).programs();
    for is_told in [true, false, true, true] {
        rig.agent().stop();
        let mut run = rig.agent().run_command();
        if is_told {
            run.arg("--log-drops");
        }
        let logged = rig.agent().log().len();
        rig.agent().start_as(&mut run, PATIENCE);
        let now = rig.client_link(1).programs();
        assert_ne!(now, before, "told: {is_told}");
        before = now;
        assert_ne!(rig.client(1).run(|| knock(endpoint(port::UNPUBLISHED))), Knock::Open);
        let tells = |rig: &mut Rig| rig.agent().log()[logged..].contains("no-mapping");
        if is_told {
            wait_until("the drop in the log", PATIENCE, || tells(&mut rig));
        }
    }
}

#[test]
fn an_agent_starts_on_pins_of_one_that_kept_no_programs_and_unload_takes_them() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);
    for unload in [false, true] {
        rig.agent().stop();
        rig.agent().forget("programs");
        fs::remove_dir(rig.agent().bpf_dir().join("programs")).expect("an empty directory");
        if unload {
            assert!(rig.agent().unload().status.success());
        }
        rig.agent().start();
        wait_until("a page", PATIENCE, || rig.client(1).get("http://10.0.0.100/").status == 200);
    }
}

#[test]
fn unload_is_refused_while_an_agent_runs_and_where_no_pins_can_be() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);
    let refused = rig.agent().unload();
    assert!(!refused.status.success() && refused.stderr.contains("stop it first"), "{refused:?}");
    assert_eq!(rig.client(1).get("http://10.0.0.100/").status, 200);

    let plain = rig.home().join("plain");
    fs::create_dir_all(plain.join("maps")).expect("a directory");
    fs::write(plain.join("maps").join("mine"), "precious").expect("a file");
    let refused = finish(rig.agent().command("unload").arg("--bpf-dir").arg(&plain));
    assert!(!refused.status.success() && refused.stderr.contains("BPF file system"), "{refused:?}");
    assert_eq!(fs::read_to_string(plain.join("maps").join("mine")).ok().as_deref(), Some("precious"));
}

#[test]
fn unload_removes_nothing_where_something_of_others_lies() {
    let mut rig = Rig::pair().start();
    rig.agent().stop();
    for (part, name) in [("maps", "of_others"), ("programs", "vpce-0"), ("programs", "others-0")] {
        let foreign = rig.agent().bpf_dir().join(part).join(name);
        let mut create = Command::new("bpftool");
        create.arg("map").arg("create").arg(&foreign).args(["type", "array", "name", "foreign"]);
        output(create.args(["key", "4", "value", "4", "entries", "1"]));
        let refused = rig.agent().unload();
        assert!(!refused.status.success() && refused.stderr.contains("nothing was removed"), "{refused:?}");
        assert!(foreign.exists() && rig.client_link(1).has_program());
        fs::remove_file(&foreign).expect("a pin removed");
    }
    assert!(rig.agent().unload().status.success());
}

#[test]
fn an_attachment_that_somebody_took_off_is_attached_again() {
    let mut rig = Rig::pair().start();
    // What comes meanwhile no program sees.
    rig.without_outside_view();
    let _web = rig.web(1);
    rig.agent().forget("links");
    let through = || rig.client(1).curl(&["--max-time", "1", "http://10.0.0.100/"]).status == 200;
    wait_until("attached and carrying traffic again", PATIENCE, || rig.client_link(1).has_program() && through());
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
