//! Where VPCs meet the gateway.

use super::{accepted, assert_told, with};
use crate::model::{Attachment, Mode, Segment, Vxlan};

/// The valid file with these attachments of red, on line 7, and of blue, on line 14.
fn attached(red: &str, blue: &str) -> String {
    with(&[(7, &format!("attach = {red}")), (14, &format!("attach = {blue}"))])
}

fn vxlan(settings: &str) -> String {
    format!("{{ vxlan = {{ {settings} }} }}")
}

const TUNNEL: &str = r#"{ vxlan = { vni = 42, local = "192.0.2.1", interface = "eth0", remotes = ["192.0.2.2"] } }"#;
const OTHER: &str = r#"{ vxlan = { vni = 43, local = "192.0.2.1", interface = "eth0" } }"#;

#[test]
fn whole_interfaces_vlans_and_tunnels_may_be_mixed() {
    let text = attached(r#"{ interface = "eth1", vlan = 100 }"#, &format!(r#"[{{ interface = "tap0" }}, {TUNNEL}]"#));
    let desired = accepted(&text);
    let vlan = Attachment { interface: "eth1".to_owned(), segment: Segment::Vlan(100), mode: Mode::Auto };
    assert_eq!(desired.vpcs["red"].attach, [vlan]);
    let [local, remote] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
    let tunnel = Segment::Vxlan(Vxlan { vni: 42, local, remotes: vec![remote] });
    let tunnel = Attachment { interface: "eth0".to_owned(), segment: tunnel, mode: Mode::Auto };
    assert_eq!(desired.vpcs["blue"].attach, [Attachment::untagged("tap0"), tunnel]);
}

#[test]
fn operators_see_an_attachment_by_its_interface_and_part() {
    let shown = |attach| accepted(&attached(attach, r#"{ interface = "tap0" }"#)).vpcs["red"].attach[0].to_string();
    assert_eq!(shown(r#"{ interface = "eth1" }"#), "eth1");
    assert_eq!(shown(r#"{ interface = "eth1", vlan = 100 }"#), "eth1 vlan 100");
    assert_eq!(shown(TUNNEL), "eth0 vni 42");
}

#[test]
fn an_interface_carries_any_number_of_vlans_and_tunnels() {
    accepted(&attached(
        &format!(r#"[{{ interface = "eth0", vlan = 1 }}, {OTHER}]"#),
        &format!(r#"[{{ interface = "eth0", vlan = 4094 }}, {TUNNEL}]"#),
    ));
    // By another address of the host.
    accepted(&attached(OTHER, &TUNNEL.replace("192.0.2.1", "192.0.2.9")));
}

#[test]
fn a_vlan_or_a_tunnel_is_attached_once_in_the_whole_file() {
    assert_told(
        &attached(r#"{ interface = "eth0", vlan = 9 }"#, r#"{ interface = "eth0", vlan = 9 }"#),
        &[r#"line 14: [[vpc]] "blue": vlan 9 of interface "eth0" is taken by line 7; choose another"#],
    );
    assert_told(
        &attached(&TUNNEL.replace("192.0.2.1", "192.0.2.9"), TUNNEL),
        &[r#"line 14: [[vpc]] "blue": vni 42 of interface "eth0" is taken by line 7; choose another"#],
    );
    assert_told(
        &attached(&TUNNEL.replace("eth0", "eth1"), TUNNEL),
        &[r#"line 14: [[vpc]] "blue": vni 42 of local 192.0.2.1 is taken by line 7; choose another"#],
    );
    accepted(&attached(r#"{ interface = "eth0", vlan = 9 }"#, r#"{ interface = "eth1", vlan = 9 }"#));
}

#[test]
fn an_interface_is_attached_whole_or_in_parts() {
    let whole = r#"{ interface = "eth0" }"#;
    for part in [r#"{ interface = "eth0", vlan = 9 }"#, TUNNEL] {
        assert_told(
            &attached(whole, part),
            &[
                r#"line 14: [[vpc]] "blue": interface "eth0" is attached whole on line 7; give it a vlan there, or use another interface"#,
            ],
        );
        assert_told(
            &attached(part, whole),
            &[
                r#"line 14: [[vpc]] "blue": interface "eth0" carries the VLAN or VXLAN of line 7; give it a vlan here, or use another interface"#,
            ],
        );
    }
}

#[test]
fn a_tunnel_needs_its_identifier_its_own_address_and_its_interface() {
    assert_told(
        &attached(&vxlan(""), r#"{ interface = "tap0" }"#),
        &[
            r#"line 7: [[vpc]] "red": vni is missing; add vni = 42"#,
            r#"line 7: [[vpc]] "red": local is missing; add local = "192.0.2.1""#,
            r#"line 7: [[vpc]] "red": interface is missing; add interface = "eth0""#,
        ],
    );
    assert_told(
        &attached("{}", r#"{ interface = "tap0" }"#),
        &[r#"line 7: [[vpc]] "red": interface is missing; add interface = "eth1""#],
    );
}

#[test]
fn tags_and_identifiers_have_ranges() {
    for (attach, told) in [
        (r#"{ interface = "eth0", vlan = 0 }"#.to_owned(), "vlan = 0 is out of range; choose one of 1-4094"),
        (r#"{ interface = "eth0", vlan = 4095 }"#.to_owned(), "vlan = 4095 is out of range; choose one of 1-4094"),
        (TUNNEL.replace("42", "0"), "vni = 0 is out of range; choose one of 1-16777215"),
        (TUNNEL.replace("42", "16777216"), "vni = 16777216 is out of range; choose one of 1-16777215"),
    ] {
        assert_told(&attached(&attach, r#"{ interface = "tap0" }"#), &[&format!("line 7: [[vpc]] \"red\": {told}")]);
    }
    accepted(&attached(&TUNNEL.replace("42", "16777215"), r#"{ interface = "tap0" }"#));
}

#[test]
fn what_is_of_a_tunnel_is_written_within_it() {
    let beside = format!(r#"{{ interface = "eth1", vlan = 9, {}"#, &TUNNEL[2..]);
    assert_told(
        &attached(&beside, r#"{ interface = "tap0" }"#),
        &[
            r#"line 7: [[vpc]] "red": interface is not for an attachment by VXLAN; write it within: vxlan = { interface = "eth0" }"#,
            r#"line 7: [[vpc]] "red": vlan is not for an attachment by VXLAN; leave it out"#,
        ],
    );
}

#[test]
fn the_ends_of_a_tunnel_are_hosts_of_the_underlay() {
    let told = |from: &str, to: &str, told: &str| {
        let told = format!("line 7: [[vpc]] \"red\": {told}");
        assert_told(&attached(&TUNNEL.replace(from, to), r#"{ interface = "tap0" }"#), &[&told]);
    };
    let host = "is not an IPv4 address of one host; write one such as 10.0.0.5";
    told("192.0.2.1", "224.0.0.1", &format!("local \"224.0.0.1\" {host}"));
    told("192.0.2.2", "239.0.0.1", &format!("remotes \"239.0.0.1\" {host}"));
    let transit = "is in the transit range 198.19.128.0/17; use an address of the underlay";
    told("192.0.2.1", "198.19.128.1", &format!("local 198.19.128.1 {transit}"));
    told("192.0.2.2", "198.19.128.2", &format!("remotes 198.19.128.2 {transit}"));
    told("192.0.2.2", "192.0.2.1", "address 192.0.2.1 is held by the gateway itself; choose another");
    let twice = r#""192.0.2.2", "192.0.2.2""#;
    told("\"192.0.2.2\"", twice, "remotes 192.0.2.2 is taken by line 7; choose another");
}

#[test]
fn an_attachment_has_the_mode_of_the_gateway_unless_it_has_its_own() {
    let text = attached(
        r#"{ interface = "eth1", vlan = 100, mode = "tc" }"#,
        &format!(r#"[{{ interface = "tap0" }}, {}, mode = "generic" }}]"#, &TUNNEL[..TUNNEL.len() - 2]),
    );
    let text = text.replacen("region-1\"", "region-1\"\nmode = \"xdp\"", 1);
    let vpcs = accepted(&text).vpcs;
    let modes = |vpc: &str| vpcs[vpc].attach.iter().map(|is| is.mode).collect::<Vec<_>>();
    assert_eq!((modes("red"), modes("blue")), (vec![Mode::Tc], vec![Mode::Xdp, Mode::Generic]));
    assert_told(
        &attached(r#"{ interface = "eth1", mode = "fast" }"#, r#"{ interface = "tap0" }"#),
        &[r#"line 7: [[vpc]] "red": mode = "fast" is not known; choose one of "auto", "xdp", "generic", "tc""#],
    );
}

#[test]
fn all_attachments_of_an_interface_have_the_same_mode() {
    let vlan = |vlan: u16, more: &str| format!(r#"{{ interface = "eth1", vlan = {vlan}{more} }}"#);
    accepted(&attached(&vlan(1, r#", mode = "tc""#), &vlan(2, r#", mode = "tc""#)));
    let cure = "the program is there once, write the same mode at each of its attachments";
    assert_told(
        &attached(&vlan(1, r#", mode = "tc""#), &vlan(2, r#", mode = "xdp""#)),
        &[&format!(r#"line 14: [[vpc]] "blue": interface "eth1" has mode "xdp" here and "tc" on line 7; {cure}"#)],
    );
    // The one without a word has the gateway's.
    assert_told(
        &attached(
            &vlan(1, ""),
            &format!(r#"[{}, {{ interface = "tap0", mode = "xdp" }}]"#, vlan(2, r#", mode = "tc""#)),
        ),
        &[&format!(r#"line 14: [[vpc]] "blue": interface "eth1" has mode "tc" here and "auto" on line 7; {cure}"#)],
    );
    let tunnel = format!(r#"{}, mode = "tc" }}"#, &TUNNEL[..TUNNEL.len() - 2]);
    assert_told(
        &attached(&tunnel, OTHER),
        &[&format!(r#"line 14: [[vpc]] "blue": interface "eth0" has mode "auto" here and "tc" on line 7; {cure}"#)],
    );
    accepted(&attached(&vlan(1, ""), &vlan(2, r#", mode = "auto""#)));
}
