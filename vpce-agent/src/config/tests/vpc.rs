use super::{VALID, accepted, assert_told, with};
use crate::model::Attachment;

#[test]
fn every_key_reaches_the_model() {
    let vpcs = accepted(VALID).vpcs;
    assert_eq!(vpcs.keys().collect::<Vec<_>>(), ["blue", "red"]);
    let blue = &vpcs["blue"];
    assert_eq!(blue.domain.as_deref(), Some("d-blue"));
    assert_eq!(blue.attach, ["tap0", "tap1"].map(Attachment::untagged));
    assert_eq!(blue.address, "10.0.0.254/24".parse().unwrap());
    assert_eq!(blue.subnets["more"], "10.0.1.0/24".parse().unwrap());
    assert_eq!(blue.next_hop, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(vpcs["red"].next_hop, None);
}

#[test]
fn name_attachment_address_and_subnets_are_required() {
    assert_told(
        "[gateway]\nregion = \"r\"\n[[vpc]]\n",
        &[
            r#"line 3: [[vpc]]: name is missing; add name = "blue""#,
            r#"line 3: [[vpc]]: address is missing; add address = "10.0.0.254/24""#,
            r#"line 3: [[vpc]]: attach is missing; add attach = { interface = "eth1" }"#,
            r#"line 3: [[vpc]]: subnets is missing; add subnets = [{ name = "default", cidr = "10.0.0.0/24" }]"#,
        ],
    );
    assert_told(
        &with(&[(16, "subnets = [{}]")]),
        &[
            r#"line 16: [[vpc]] "blue": name is missing; add name = "default""#,
            r#"line 16: [[vpc]] "blue": cidr is missing; add cidr = "10.0.0.0/24""#,
        ],
    );
}

#[test]
fn a_domain_is_letters_digits_and_dashes() {
    assert_told(
        &with(&[(6, r#"domain = "d_red""#)]),
        &[r#"line 6: [[vpc]] "red": domain "d_red" is not allowed; use 1 to 64 of A-Z a-z 0-9 -"#],
    );
}

#[test]
fn an_interface_has_a_name_that_linux_takes() {
    accepted(&with(&[(7, r#"attach = { interface = "fifteen@chars.0" }"#)]));
    for name in ["", ".", "..", "a b", "a/b", "eth0:1", "sixteen-chars-00"] {
        assert_told(
            &with(&[(7, &format!("attach = {{ interface = {name:?} }}"))]),
            &[&format!(
                "line 7: [[vpc]] \"red\": interface {name:?} is not allowed; \
                 use 1 to 15 visible ASCII characters without / and :, but not . or .."
            )],
        );
    }
}

#[test]
fn an_interface_is_attached_once_in_the_whole_file() {
    assert_told(
        &with(&[(14, r#"attach = [{ interface = "tap0" }, { interface = "vpce-r" }, { interface = "tap0" }]"#)]),
        &[
            r#"line 14: [[vpc]] "blue": interface "vpce-r" is taken by line 7; choose another"#,
            r#"line 14: [[vpc]] "blue": interface "tap0" is taken by line 14; choose another"#,
        ],
    );
}

#[test]
fn a_vpc_has_at_least_one_attachment() {
    assert_told(
        &with(&[(7, "attach = []")]),
        &[r#"line 7: [[vpc]] "red": attach is empty; write attach = { interface = "eth1" }"#],
    );
    assert_told(
        &with(&[(7, r#"attach = "eth1""#)]),
        &[r#"line 7: [[vpc]] "red": attach wants a list here, not string; write attach = { interface = "eth1" }"#],
    );
}

#[test]
fn the_gateways_address_is_on_link_with_a_subnet_or_a_router() {
    let address = |line| with(&[(8, line)]);
    assert_told(
        &address(r#"address = "10.9.0.1/24""#),
        &[
            r#"line 8: [[vpc]] "red": address 10.9.0.1/24 is on link with none of the subnets; choose one of a subnet, or set next_hop"#,
        ],
    );
    accepted(&address("address = \"10.9.0.1/24\"\nnext_hop = \"10.9.0.2\""));
    accepted(&address(r#"address = "10.0.0.254/8""#));
    accepted(&address(r#"address = "10.0.0.253/30""#));
}

#[test]
fn an_own_address_is_not_judged_by_subnets_that_could_not_be_read() {
    assert_told(
        &with(&[(9, r#"subnets = [{ name = "default", cidr = "10.0.0.1/24" }]"#), (8, r#"address = "10.9.0.1/24""#)]),
        &[r#"line 9: [[vpc]] "red": 10.0.0.1/24 has bits set behind its prefix; write 10.0.0.0/24"#],
    );
}

#[test]
fn the_gateways_address_is_one_of_a_host() {
    for (address, net, hosts) in [
        ("10.0.0.0/24", "10.0.0.0/24", "10.0.0.1-10.0.0.254"),
        ("10.0.0.255/24", "10.0.0.0/24", "10.0.0.1-10.0.0.254"),
        ("10.0.0.3/30", "10.0.0.0/30", "10.0.0.1-10.0.0.2"),
    ] {
        let host = address.split('/').next().unwrap();
        assert_told(
            &with(&[(8, &format!("address = {address:?}"))]),
            &[&format!(
                "line 8: [[vpc]] \"red\": address {host} is the network or broadcast address of {net}; choose one of {hosts}"
            )],
        );
    }
}

#[test]
fn prefixes_of_31_and_32_bits_have_only_hosts() {
    accepted(&with(&[(8, r#"address = "10.0.0.0/31""#)]));
    accepted(&with(&[(8, r#"address = "10.0.0.0/32""#)]));
}

#[test]
fn a_subnet_has_nothing_behind_its_prefix() {
    assert_told(
        &with(&[(9, r#"subnets = [{ name = "default", cidr = "10.0.0.1/24" }]"#)]),
        &[r#"line 9: [[vpc]] "red": 10.0.0.1/24 has bits set behind its prefix; write 10.0.0.0/24"#],
    );
}

#[test]
fn subnets_of_one_vpc_are_apart_but_vpcs_may_have_the_same() {
    accepted(VALID);
    assert_told(
        &with(&[(
            16,
            r#"subnets = [{ name = "default", cidr = "10.0.0.0/24" }, { name = "all", cidr = "10.0.0.0/8" }]"#,
        )]),
        &[
            r#"line 16: [[vpc]] "blue": 10.0.0.0/8 overlaps subnet 10.0.0.0/24 of line 16; keep the subnets of a VPC apart"#,
        ],
    );
}

#[test]
fn subnets_and_the_gateways_prefix_are_apart_from_the_transit_range() {
    assert_told(
        &with(&[
            (15, r#"address = "198.19.200.1/24""#),
            (
                16,
                r#"subnets = [{ name = "default", cidr = "10.0.0.0/24" }, { name = "more", cidr = "198.19.0.0/16" }]"#,
            ),
            (17, ""),
        ]),
        &[
            r#"line 15: [[vpc]] "blue": 198.19.200.0/24 overlaps the transit range 198.19.128.0/17; choose a network apart from it"#,
            r#"line 16: [[vpc]] "blue": 198.19.0.0/16 overlaps the transit range 198.19.128.0/17; choose a network apart from it"#,
        ],
    );
}

#[test]
fn the_next_hop_is_another_host_on_the_gateways_link() {
    for (next_hop, told) in [
        ("10.0.1.1", "next_hop 10.0.1.1 is not on the link of 10.0.0.0/24; choose one of 10.0.0.1-10.0.0.254"),
        ("10.0.0.254", "address 10.0.0.254 is held by the gateway itself; choose another"),
        (
            "10.0.0.255",
            "address 10.0.0.255 is the network or broadcast address of 10.0.0.0/24; choose one of 10.0.0.1-10.0.0.254",
        ),
        ("127.0.0.1", r#"next_hop "127.0.0.1" is not an IPv4 address of one host; write one such as 10.0.0.5"#),
    ] {
        assert_told(
            &with(&[(17, &format!("next_hop = {next_hop:?}"))]),
            &[&format!("line 17: [[vpc]] \"blue\": {told}")],
        );
    }
}
