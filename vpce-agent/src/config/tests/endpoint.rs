use super::{VALID, accepted, assert_told, followed_by, with};
use crate::model::{Place, slots, transit_addresses};

#[test]
fn every_key_reaches_the_model() {
    let desired = accepted(&followed_by("max_connections = 7\ntags = { env = \"demo\" }\ndns = false\n"));
    let endpoint = &desired.endpoints["web"];
    assert_eq!((endpoint.service.as_str(), endpoint.vpc.as_str()), ("web", "red"));
    let address = Some("10.0.0.100".parse().unwrap());
    assert_eq!(endpoint.place, Some(Place { subnet: "default".to_owned(), address }));
    assert_eq!(endpoint.max_connections, 7);
    assert_eq!(endpoint.tags["env"], "demo");
}

#[test]
fn without_address_and_limit_it_takes_the_next_free_one_and_3000() {
    let endpoint = &accepted(&with(&[(32, "")])).endpoints["web"];
    assert_eq!((endpoint.asked(), endpoint.max_connections), (None, 3000));
}

#[test]
fn name_service_and_vpc_are_required() {
    assert_told(
        &with(&[(28, ""), (29, ""), (30, ""), (31, "")]),
        &[
            r#"line 27: [[endpoint]]: name is missing; add name = "web""#,
            r#"line 27: [[endpoint]]: vpc is missing; add vpc = "red""#,
            r#"line 27: [[endpoint]]: service is missing; add service = "web""#,
        ],
    );
}

#[test]
fn a_subnet_is_required_of_an_endpoint_that_is_known_to_need_one() {
    assert_told(
        &with(&[(28, ""), (31, "")]),
        &[
            r#"line 27: [[endpoint]]: name is missing; add name = "web""#,
            r#"line 27: [[endpoint]]: subnet is missing; add subnet = "default""#,
        ],
    );
}

#[test]
fn service_vpc_and_subnet_exist() {
    assert_told(
        &with(&[(29, r#"service = "wep""#), (31, r#"subnet = "more""#)]),
        &[
            r#"line 29: [[endpoint]] "web": there is no service "wep"; known are "web""#,
            r#"line 31: [[endpoint]] "web": there is no subnet "more"; known are "default""#,
        ],
    );
    assert_told(
        &with(&[(30, r#"vpc = "green""#)]),
        &[r#"line 30: [[endpoint]] "web": there is no vpc "green"; known are "blue", "red""#],
    );
}

#[test]
fn the_address_is_a_free_one_of_the_subnet() {
    for (address, told) in [
        ("10.0.1.9", r#"address 10.0.1.9 is not in subnet "default" (10.0.0.0/24); choose one of 10.0.0.1-10.0.0.254"#),
        (
            "10.0.0.0",
            "address 10.0.0.0 is the network or broadcast address of 10.0.0.0/24; choose one of 10.0.0.1-10.0.0.254",
        ),
        (
            "10.0.0.255",
            "address 10.0.0.255 is the network or broadcast address of 10.0.0.0/24; choose one of 10.0.0.1-10.0.0.254",
        ),
        ("10.0.0.254", "address 10.0.0.254 is held by the gateway itself; choose another"),
        ("::1", r#"address "::1" is not an IPv4 address of one host; write one such as 10.0.0.5"#),
    ] {
        assert_told(
            &with(&[(32, &format!("address = {address:?}"))]),
            &[&format!("line 32: [[endpoint]] \"web\": {told}")],
        );
    }
}

#[test]
fn the_address_is_not_the_next_hop_nor_a_backend_of_the_same_vpc() {
    accepted(&with(&[(32, r#"address = "10.0.0.5""#)]));
    assert_told(
        &with(&[(30, r#"vpc = "blue""#), (32, r#"address = "10.0.0.5""#)]),
        &[r#"line 32: [[endpoint]] "web": address 10.0.0.5 is held by the backend of service "web"; choose another"#],
    );
    assert_told(
        &with(&[(30, r#"vpc = "blue""#), (32, r#"address = "10.0.0.1""#)]),
        &[r#"line 32: [[endpoint]] "web": address 10.0.0.1 is held by the VPC's next_hop; choose another"#],
    );
}

#[test]
fn an_address_is_given_out_once_in_a_vpc() {
    let again = |vpc| {
        followed_by(&format!(
            "[[endpoint]]\nname = \"again\"\nservice = \"web\"\nvpc = {vpc:?}\nsubnet = \"default\"\naddress = \"10.0.0.100\"\n"
        ))
    };
    accepted(&again("blue"));
    assert_told(
        &again("red"),
        &[r#"line 38: [[endpoint]] "again": address 10.0.0.100 is held by the endpoint of line 32; choose another"#],
    );
}

#[test]
fn a_vpc_may_be_consumer_and_provider_of_the_same_service() {
    assert_eq!(accepted(&with(&[(30, r#"vpc = "blue""#)])).endpoints["web"].vpc, "blue");
}

#[test]
fn dns_is_not_built_yet() {
    assert_told(
        &followed_by("dns = true\n"),
        &[r#"line 33: [[endpoint]] "web": dns = true is not built yet; leave it out"#],
    );
}

#[test]
fn the_limit_is_1_to_1000000() {
    accepted(&followed_by("max_connections = 1_000_000\n"));
    assert_told(
        &followed_by("max_connections = 0\n"),
        &[r#"line 33: [[endpoint]] "web": max_connections = 0 is out of range; choose one of 1-1000000"#],
    );
}

#[test]
fn only_admitted_domains_have_endpoints() {
    let refused = r#"line 29: [[endpoint]] "web": service "web" does not admit"#;
    assert_told(
        &with(&[(24, "")]),
        &[&format!(r#"{refused} domain "d-red"; add "iam:domain::d-red" to its permissions"#)],
    );
    assert_told(
        &with(&[(6, "")]),
        &[&format!(r#"{refused} the operator (a VPC without domain); add "*" to its permissions"#)],
    );
}

#[test]
fn the_services_own_domain_and_with_a_star_every_domain_is_admitted() {
    accepted(&with(&[(24, ""), (13, r#"domain = "d-red""#)]));
    accepted(&with(&[(24, ""), (6, ""), (13, "")]));
    accepted(&with(&[(24, r#"permissions = ["*"]"#)]));
    accepted(&with(&[(24, r#"permissions = ["*"]"#), (6, "")]));
}

#[test]
fn what_a_faulty_vpc_or_service_admits_is_not_judged() {
    assert_told(
        &with(&[(24, "permissions = 1")]),
        &[
            r#"line 24: [[service]] "web": permissions wants a list here, not integer; write permissions = ["iam:domain::1564ec50ef2a47c791ea5536353ed4b9"]"#,
        ],
    );
    assert_told(
        &with(&[(6, "domain = \"\"")]),
        &[r#"line 6: [[vpc]] "red": domain "" is not allowed; use 1 to 64 of A-Z a-z 0-9 -"#],
    );
}

#[test]
fn a_block_is_the_next_power_of_two_of_five_quarters_from_64_on() {
    for (connections, block) in [(1, 64), (51, 64), (52, 128), (3000, 4096), (3277, 4096), (26_214, 32_768)] {
        assert_eq!(slots(connections), block, "{connections}");
    }
    assert_eq!(accepted(VALID).endpoints["web"].slots(), 4096);
}

#[test]
fn a_block_of_more_than_26214_connections_is_that_of_33_parts_in_32() {
    for (connections, block) in
        [(26_215, 32_768), (31_775, 32_768), (31_776, 65_536), (32_768, 65_536), (1_000_000, 1_048_576)]
    {
        assert_eq!(slots(connections), block, "{connections}");
    }
    assert_eq!((slots(u32::MAX), transit_addresses(slots(u32::MAX))), (1 << 20, 64));
    assert_eq!([64, 16_384, 32_768].map(transit_addresses), [1, 1, 2]);
}

#[test]
fn more_port_mappings_than_a_gateway_has_are_told_once() {
    // 50 ports: 1310 endpoints have 65500 mappings, one more 65550.
    let ports: Vec<_> = (1..=50).map(|port| format!("{{ client = {port}, server = {port} }}")).collect();
    let valid = with(&[(23, &format!("ports = [{}]", ports.join(", ")))])
        .replace("region-1\"", "region-1\"\nmax_flows = 16777216")
        .replace(
            "[{ name = \"default\", cidr = \"10.0.0.0/24\" }]\n\n[[vpc",
            "[{ name = \"default\", cidr = \"10.0.0.0/16\" }]\n\n[[vpc",
        );
    let more = |count| -> String {
        let endpoint = |n| {
            format!(
                "[[endpoint]]\nname = \"e{n}\"\nservice = \"web\"\nvpc = \"red\"\nsubnet = \"default\"\nmax_connections = 1\n"
            )
        };
        (1..count).map(endpoint).collect()
    };
    accepted(&(valid.clone() + &more(1310)));
    assert_told(
        &(valid + &more(1312)),
        &[
            r#"line 7890: [[endpoint]] "e1310": the endpoints up to this one have 65550 port mappings, and a gateway has room for 65536; move some to another gateway"#,
        ],
    );
}
