//! The hooks: chosen, mixed, changed, taken away.

use std::{fs, path::PathBuf, process::Command};

use aya::maps::{Array, Map, MapData};
use nix::net::if_::if_nametoindex;
use vpce_common::layout::Link;
use vpce_tests::{
    Bulk, Crowd, Deaf, Hook, Place, Rig, View,
    address::{ENDPOINT, endpoint},
    output, port,
    tcp::{PATIENCE, Talk},
    wait_until,
};

const PAGE: &str = "http://10.0.0.100/";

/// What is told of the attachment of the only consumer.
fn attachment(rig: &Rig) -> View {
    rig.vpcectl("describe vpc consumer-1").expect("the VPC").part("attachments.0")
}

/// The pin of a machine's attachment.
fn pin(rig: &mut Rig, interface: &str) -> PathBuf {
    let index = rig.gateway().run(|| if_nametoindex(interface).expect("an interface"));
    rig.agent().bpf_dir().join("links").join(index.to_string())
}

#[test]
fn the_client_and_the_backend_may_be_on_different_hooks() {
    for (client, backend) in [(Hook::Xdp, Hook::Tc), (Hook::Tc, Hook::Xdp)] {
        let plan = Rig::pair().client(1, Place::interface().hook(client));
        let rig = plan.backend(1, Place::interface().hook(backend)).start();
        // Every byte is looked at.
        let _ = Bulk::connect(&rig, 1).both_ways(8 << 20);
        let told = rig.endpoint(1);
        assert_eq!((told.number("connections.peak"), told.drops()), (1, 0), "from {client:?} to {backend:?}: {told}");

        let hook = |vpc: &str| {
            let told = rig.vpcectl(&format!("describe vpc {vpc}")).expect("the VPC");
            told.text("attachments.0.hook").to_owned()
        };
        assert_eq!([hook("consumer-1"), hook("provider-1")], [client.name(), backend.name()]);
    }
}

#[test]
fn auto_takes_tc_on_a_veth_and_says_why() {
    let mut rig = Rig::pair().hook(Hook::Tc).mode("auto").start();
    let _web = rig.web(1);
    assert_eq!(rig.client(1).get(PAGE).status, 200);
    let told = attachment(&rig);
    assert_eq!((told.text("hook"), told.at("cost").is_null()), ("tc", true), "{told}");
    assert!(told.text("why").contains("auto") && told.text("why").contains("veth"), "{told}");
    let log = rig.agent().log();
    assert!(log.lines().any(|line| line.contains("attached") && line.contains("stay whole")), "{log}");
}

#[test]
fn xdp_that_is_asked_for_on_a_veth_says_what_it_costs() {
    let mut rig = Rig::pair().hook(Hook::Xdp).start();
    let told = attachment(&rig);
    assert_eq!((told.text("hook"), told.text("why")), ("native", "mode = \"xdp\""), "{told}");
    assert!(told.text("cost").contains("TSO"), "{told}");
    let log = rig.agent().log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("TSO")), "{log}");
}

#[test]
fn packets_of_64_kilobytes_pass_tc_whole_both_ways() {
    let rig = Rig::pair().hook(Hook::Tc).publish("tcp", port::IPERF, port::IPERF).start();
    let _iperf = rig.iperf(1);
    for (direction, way) in [("forward", None), ("reply", Some("--reverse"))] {
        let before = rig.endpoint(1);
        let mut iperf3 = rig.client(1).command("iperf3");
        iperf3.args(["--client", &ENDPOINT.to_string(), "--json", "--time", "2"]).args(way);
        let sum = View::parse(&output(&mut iperf3)).expect("what iperf3 tells").part("end.sum_received");
        let told = rig.endpoint(1);
        let grown = |count: &str| {
            let counter = format!("{direction}.{count}");
            told.number(&counter) - before.number(&counter)
        };
        let (packets, bytes) = (grown("packets"), grown("bytes"));
        assert!(bytes >= sum.number("bytes") && sum.number("bytes") > 0, "{direction}: {bytes} bytes of {sum}");
        // Those of handshakes and of the tool's own words are small; cut up, none were larger than 1,514.
        let mean = bytes / packets;
        println!("{direction}: {bytes} bytes in {packets} packets, {mean} bytes each");
        assert!(mean > 15_000, "{direction}: {bytes} bytes in {packets} packets");
        assert_eq!(told.drops(), 0, "{told}");
    }
}

#[test]
fn a_live_connection_goes_on_while_the_hook_changes() {
    let plan = Rig::pair().hook(Hook::Xdp);
    let mut rig = plan.start();
    // Each hook counts what it sees; a packet between two is none that an interface tells of.
    rig.without_outside_view();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), 10);
    for (mode, hook) in [
        ("tc", "tc"),
        ("xdp", "native"),
        ("generic", "generic"),
        ("tc", "tc"),
        ("generic", "generic"),
        ("xdp", "native"),
    ] {
        rig.write_config(&rig.plan().mode(mode).toml());
        rig.agent().reload();
        let told = attachment(&rig);
        assert_eq!((told.text("state"), told.text("hook")), ("attached", hook), "{told}");
        let rounds = crowd.rounds() + 2;
        wait_until(&format!("words by {mode}"), PATIENCE, || crowd.rounds() >= rounds);
        // The kernel lets go of a link a moment after its last pin.
        let alone = || [rig.client_link(1), rig.backend_link(1)].iter().all(|link| link.programs().len() == 1);
        wait_until("one program on each attachment", PATIENCE, alone);
    }
    let talked = crowd.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
}

#[test]
fn a_program_that_somebody_detaches_comes_back_on_either_hook() {
    for hook in [Hook::Xdp, Hook::Tc] {
        let mut rig = Rig::pair().hook(hook).start();
        // What comes while no program is there, none counts.
        rig.without_outside_view();
        let _web = rig.web(1);
        let before = rig.client_link(1).programs();
        let pin = pin(&mut rig, "vpce-c1");
        output(Command::new("bpftool").args(["link", "detach", "pinned"]).arg(&pin));
        assert_eq!(rig.client_link(1).programs(), [0; 0], "{hook:?}");
        wait_until("the program", PATIENCE, || rig.client_link(1).programs() == before);
        wait_until("a page", PATIENCE, || rig.client(1).curl(&["--max-time", "1", PAGE]).status == 200);
        assert_eq!(attachment(&rig).text("hook"), hook.name());
    }
}

#[test]
fn unload_takes_the_programs_of_both_hooks_off() {
    let plan = Rig::pair().client(1, Place::interface().hook(Hook::Xdp));
    let mut rig = plan.backend(1, Place::interface().hook(Hook::Tc)).start();
    assert!(rig.client_link(1).has_program() && rig.backend_link(1).has_program());
    rig.agent().stop();
    assert!(rig.agent().unload().status.success());
    let free = || !rig.client_link(1).has_program() && !rig.backend_link(1).has_program();
    wait_until("interfaces without a program", PATIENCE, free);
}

#[test]
fn a_pin_that_is_no_link_is_not_taken_for_one() {
    for hook in [Hook::Xdp, Hook::Tc] {
        let mut rig = Rig::pair().hook(hook).start();
        rig.without_outside_view();
        let _web = rig.web(1);
        let pin = pin(&mut rig, "vpce-c1");
        rig.agent().stop();
        // The kinds of map whose numbers are those of links of XDP and of TCX.
        let (kind, key, flags) = if hook == Hook::Xdp { ("percpu_array", "4", "0") } else { ("lpm_trie", "8", "1") };
        fs::remove_file(&pin).expect("a pin removed");
        let mut create = Command::new("bpftool");
        create.args(["map", "create"]).arg(&pin).args(["type", kind, "name", "foreign"]);
        output(create.args(["key", key, "value", "4", "entries", "1", "flags", flags]));

        rig.agent().start();
        wait_until("a page", PATIENCE, || rig.client(1).curl(&["--max-time", "1", PAGE]).status == 200);
        assert_eq!((rig.client_link(1).programs().len(), attachment(&rig).text("hook")), (1, hook.name()));
        assert!(rig.agent().is_running());
    }
}

#[test]
fn an_agent_adopts_what_the_last_one_attached_by_either_hook() {
    for hook in [Hook::Xdp, Hook::Tc] {
        let mut rig = Rig::pair().hook(hook).start();
        let _echo = rig.echo(1);
        let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
        let before = rig.client_link(1).programs();
        rig.agent().kill();
        talk.say("without an agent").expect("an echo");
        rig.agent().start();
        talk.say("with another one").expect("an echo");
        assert_eq!(rig.client_link(1).programs(), before, "{hook:?}: of the same build");
        rig.agent().stop();
        rig.agent().forget("programs");
        rig.agent().start();
        talk.say("with one of another build").expect("an echo");
        let now = rig.client_link(1).programs();
        assert!(now.len() == 1 && now != before, "{hook:?}: the program of the new agent alone: {before:?} {now:?}");
    }
}

#[test]
fn tags_are_left_to_a_card_at_tc_and_taken_from_it_by_xdp() {
    for (hook, offload) in [(Hook::Tc, "rx-vlan-offload: on"), (Hook::Xdp, "rx-vlan-offload: off")] {
        let rig = Rig::pair().hook(hook).start();
        let shown = output(rig.gateway().command("ethtool").args(["-k", "vpce-c1"]));
        assert!(shown.contains(offload), "{hook:?}: {shown}");
    }
}

#[test]
fn the_programs_know_which_veths_have_their_other_end_in_another_namespace() {
    let mut rig = Rig::pair().hook(Hook::Tc).build();
    rig.gateway().ip("link add near0 type veth peer far0");
    let near = "\n[[vpc]]\nname = \"near\"\nattach = { interface = \"near0\" }\naddress = \"10.9.0.254/24\"\n\
                subnets = [{ name = \"default\", cidr = \"10.9.0.0/24\" }]\n";
    rig.write_config(&format!("{}{near}", rig.plan().toml()));
    rig.agent().start();
    let index = |interface: &str| rig.gateway().run(|| if_nametoindex(interface).expect("an interface"));
    let indices = ["vpce-c1", "vpce-p1", "near0"].map(index);
    let pin = rig.agent().bpf_dir().join("maps").join("LINKS");
    let map = MapData::from_pin(&pin).unwrap_or_else(|error| panic!("{}: {error}", pin.display()));
    let links: Array<_, Link> = Map::Array(map).try_into().expect("the links");
    let all: Vec<Link> = links.iter().map(|link| link.expect("a link")).collect();
    let peers = indices.map(|index| all.iter().find(|link| link.ifindex == index).expect("the link").peer);
    assert_eq!(peers, [1, 1, 0]);
}

#[test]
fn a_machine_that_has_an_xdp_program_of_its_own_gets_nothing_past_it() {
    let rig = Rig::pair().hook(Hook::Tc).start();
    let _web = rig.web(1);
    let page = |rig: &Rig| rig.client(1).curl(&["--max-time", "1", PAGE]).status;
    assert_eq!(page(&rig), 200);
    let deaf = Deaf::make(rig.backend(1), "eth0");
    wait_until("nothing to get past the program", PATIENCE, || page(&rig) != 200);
    drop(deaf);
    wait_until("a page", PATIENCE, || page(&rig) == 200);
}

#[test]
fn modes_of_one_interface_that_differ_are_refused_and_nothing_changes() {
    let plan = Rig::shared(2).client(1, Place::vlan(100)).client(2, Place::vlan(200));
    let mut rig = plan.start();
    let hook = attachment(&rig).text("hook").to_owned();
    let apart = rig.plan().client(2, Place::vlan(200).hook(if hook == "tc" { Hook::Xdp } else { Hook::Tc }));
    rig.write_config(&apart.toml());
    rig.agent().reload();
    assert!(rig.agent().log().contains("has mode"), "{}", rig.agent().log());
    assert_eq!(attachment(&rig).text("hook"), hook);
}
