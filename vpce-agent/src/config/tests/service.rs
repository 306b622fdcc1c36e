use super::{VALID, accepted, assert_told, followed_by, with};
use crate::model::{Backend, BackendKind, Permission, Service, Target, Timers};

fn backend(address: &str) -> String {
    format!("backend = {{ address = {address:?} }}")
}

fn led_to(service: &Service) -> Backend {
    match service.target {
        Target::Backend(backend) => backend,
        Target::Routed(_) => panic!("it leads to networks"),
    }
}

#[test]
fn every_key_reaches_the_model() {
    let service = &accepted(VALID).services["web"];
    assert_eq!(service.vpc, "blue");
    assert_eq!(led_to(service), Backend { kind: BackendKind::Lb, address: "10.0.0.5".parse().unwrap() });
    let ports: Vec<_> = service.ports.iter().map(|(dial, server)| (dial.port.0.get(), server.0.get())).collect();
    assert_eq!(ports, [(80, 8080)]);
    assert_eq!(service.permissions, [Permission::Domain("d-red".to_owned())]);
    assert_eq!(service.tags["env"], "demo");
}

#[test]
fn a_backend_is_a_virtual_machine_unless_said_otherwise() {
    let kind = |line| led_to(&accepted(&with(&[(22, line)])).services["web"]).kind;
    assert_eq!(kind(r#"backend = { address = "10.0.0.5" }"#), BackendKind::Vm);
    assert_eq!(kind(r#"backend = { kind = "vm", address = "10.0.0.5" }"#), BackendKind::Vm);
    assert_eq!(kind(r#"backend = { kind = "bms", address = "10.0.0.5" }"#), BackendKind::Bms);
}

#[test]
fn name_vpc_backend_and_ports_are_required() {
    assert_told(
        "[gateway]\nregion = \"r\"\n[[service]]\n",
        &[
            r#"line 3: [[service]]: name is missing; add name = "web""#,
            r#"line 3: [[service]]: vpc is missing; add vpc = "blue""#,
            r#"line 3: [[service]]: backend is missing; add backend = { kind = "vm", address = "10.0.0.5" }"#,
            "line 3: [[service]]: ports is missing; add ports = [{ client = 80, server = 8080 }]",
        ],
    );
}

#[test]
fn a_service_name_has_at_most_16_characters() {
    accepted(&with(&[(20, r#"name = "sixteen_chars-00""#), (29, r#"service = "sixteen_chars-00""#)]));
    assert_told(
        &with(&[(20, r#"name = "seventeen-chars-0""#), (29, r#"service = "seventeen-chars-0""#)]),
        &[
            r#"line 20: [[service]] "seventeen-chars-0": name "seventeen-chars-0" is not allowed; use 1 to 16 of A-Z a-z 0-9 _ -"#,
        ],
    );
}

#[test]
fn timers_are_those_of_the_gateway_where_the_service_has_none() {
    let text = followed_by("[gateway.timers]\nestablished_secs = 100\nudp_secs = 50\n");
    let seconds = |text: &str| {
        let Timers { opening, established, closing, udp } = accepted(text).services["web"].timers;
        [opening, established, closing, udp].map(|timer| timer.as_secs())
    };
    assert_eq!(seconds(&text), [240, 100, 240, 50]);
    let own = "tags = { env = \"demo\" }\ntimers = { opening_secs = 1, udp_secs = 7 }";
    assert_eq!(seconds(&text.replace("tags = { env = \"demo\" }", own)), [1, 100, 240, 7]);
}

#[test]
fn timers_of_a_service_keep_the_rules_of_the_gateways() {
    assert_told(
        &with(&[(25, "timers = { udp_secs = 0, idle_secs = 1 }"), (3, "timers = { closing_secs = 0 }")]),
        &[
            "line 3: [gateway.timers]: closing_secs = 0 is out of range; choose one of 1-86400",
            r#"line 25: [[service]] "web": udp_secs = 0 is out of range; choose one of 1-86400"#,
            r#"line 25: [[service]] "web": unknown key "idle_secs"; known are "opening_secs", "established_secs", "closing_secs", "udp_secs""#,
        ],
    );
}

#[test]
fn approval_is_not_built_yet() {
    accepted(&with(&[(26, "approval = false")]));
    assert_told(
        &with(&[(26, "approval = true")]),
        &[r#"line 26: [[service]] "web": approval = true is not built yet; leave it out"#],
    );
}

#[test]
fn a_backend_is_in_a_subnet_or_behind_the_next_hop() {
    accepted(&with(&[(22, &backend("10.0.1.5")), (17, "")]));
    accepted(&with(&[(22, &backend("172.16.0.5"))]));
    assert_told(
        &with(&[(22, &backend("172.16.0.5")), (17, "")]),
        &[
            r#"line 22: [[service]] "web": address 172.16.0.5 is in no subnet of vpc "blue"; choose one that is, or set the next_hop of the VPC"#,
        ],
    );
}

#[test]
fn a_backend_has_an_address_of_its_own() {
    for (address, told) in [
        ("10.0.0.254", "address 10.0.0.254 is held by the gateway itself; choose another"),
        (
            "198.19.255.255",
            "address 198.19.255.255 is in the transit range 198.19.128.0/17; choose one of a subnet of the VPC",
        ),
        (
            "10.0.1.0",
            "address 10.0.1.0 is the network or broadcast address of 10.0.1.0/24; choose one of 10.0.1.1-10.0.1.254",
        ),
        (
            "10.0.1.255",
            "address 10.0.1.255 is the network or broadcast address of 10.0.1.0/24; choose one of 10.0.1.1-10.0.1.254",
        ),
        (
            "255.255.255.255",
            r#"address "255.255.255.255" is not an IPv4 address of one host; write one such as 10.0.0.5"#,
        ),
        ("web.example", r#"address "web.example" is not an IPv4 address of one host; write one such as 10.0.0.5"#),
    ] {
        assert_told(&with(&[(22, &backend(address))]), &[&format!("line 22: [[service]] \"web\": {told}")]);
    }
}

#[test]
fn a_backend_is_not_judged_by_subnets_that_could_not_be_read() {
    assert_told(
        &with(&[(16, r#"subnets = [{ name = "default", cidr = "10.0.1.1/24" }]"#), (17, "")]),
        &[r#"line 16: [[vpc]] "blue": 10.0.1.1/24 has bits set behind its prefix; write 10.0.1.0/24"#],
    );
}

#[test]
fn somebody_of_the_backends_network_can_be_asked_for_it() {
    let vxlan = r#"{ vxlan = { vni = 42, local = "192.0.2.1", interface = "eth0" } }"#;
    let attach = |more: &str| with(&[(14, &format!("attach = [{vxlan}{more}]"))]);
    let told = r#"line 21: [[service]] "web": vpc "blue" is attached by VXLAN alone, and nobody there can be asked for the service; add remotes = ["192.0.2.2"] to its vxlan"#;
    assert_told(&attach(""), &[told]);
    assert_told(&attach("").replace(" } }]", ", remotes = [] } }]"), &[told]);
    accepted(&attach(r#", { interface = "eth1" }"#));
    accepted(&attach("").replace(" } }]", r#", remotes = ["192.0.2.2"] } }]"#));
    // Clients are learned from their packets.
    accepted(&with(&[(7, &format!("attach = {vxlan}"))]));
}

#[test]
fn ports_are_1_to_65535() {
    accepted(&with(&[(23, "ports = [{ client = 1, server = 65535, protocol = \"tcp\" }]")]));
    assert_told(
        &with(&[(23, "ports = [{ client = 0, server = 65536 }]")]),
        &[
            r#"line 23: [[service]] "web": client = 0 is out of range; choose one of 1-65535"#,
            r#"line 23: [[service]] "web": server = 65536 is out of range; choose one of 1-65535"#,
        ],
    );
    assert_told(
        &with(&[(23, "ports = [{}]")]),
        &[
            r#"line 23: [[service]] "web": client is missing; add client = 80"#,
            r#"line 23: [[service]] "web": server is missing; add server = 8080"#,
        ],
    );
}

#[test]
fn a_client_port_and_a_server_port_are_mapped_once() {
    assert_told(
        &with(&[(
            23,
            "ports = [\n{ client = 80, server = 8080 },\n{ client = 81, server = 8080 },\n{ client = 80, server = 8081 }]",
        )]),
        &[
            r#"line 25: [[service]] "web": server 8080 is taken by line 24; choose another"#,
            r#"line 26: [[service]] "web": client 80 is taken by line 24; choose another"#,
        ],
    );
}

#[test]
fn tcp_and_udp_share_no_ports() {
    let dns = "{ client = 53, server = 53";
    accepted(&with(&[(23, &format!("ports = [{dns} }}, {dns}, protocol = \"udp\" }}]"))]));
    assert_told(
        &with(&[(23, &format!("ports = [{dns}, protocol = \"sctp\" }}]"))]),
        &[r#"line 23: [[service]] "web": protocol = "sctp" is not known; choose one of "tcp", "udp""#],
    );
}

#[test]
fn a_service_has_1_to_50_ports() {
    let ports = |count: u16| {
        let entries = (1..=count).map(|port| format!("{{ client = {port}, server = {port} }}"));
        format!("ports = [{}]", entries.collect::<Vec<_>>().join(", "))
    };
    accepted(&with(&[(23, &ports(50))]));
    assert_told(
        &with(&[(23, &ports(51))]),
        &[r#"line 23: [[service]] "web": ports has 51 entries; at most 50 are allowed"#],
    );
    assert_told(
        &with(&[(23, &ports(0))]),
        &[r#"line 23: [[service]] "web": ports is empty; write ports = [{ client = 80, server = 8080 }]"#],
    );
}

#[test]
fn a_permission_is_a_domain_or_a_star() {
    let permissions = |line| accepted(&with(&[(24, line)])).services["web"].permissions.clone();
    assert_eq!(permissions(r#"permissions = ["*"]"#), [Permission::Anyone]);
    for permission in ["", "iam:domain::", "iam:domain::a b", "iam:user::a", "**"] {
        assert_told(
            &with(&[(24, &format!("permissions = [{permission:?}, \"*\"]"))]),
            &[&format!(
                "line 24: [[service]] \"web\": permissions {permission:?} is not allowed; \
                 use \"*\" or \"iam:domain::\" and a domain: 1 to 64 of A-Z a-z 0-9 -"
            )],
        );
    }
}

#[test]
fn tags_are_counted_and_their_characters_limited() {
    let (key, value) = ("ü".repeat(36), "ü".repeat(43));
    accepted(&with(&[(25, &format!("tags = {{ \"{key}\" = \"{value}\", \"a b\" = \"c d\" }}"))]));
    let eleven: Vec<_> = (0..11).map(|index| format!("k{index} = \"v\"")).collect();
    assert_told(
        &with(&[(25, &format!("tags = {{ {} }}", eleven.join(", ")))]),
        &[r#"line 25: [[service]] "web": tags has 11 entries; at most 10 are allowed"#],
    );
    for (bad_key, bad_value) in [
        ("", ""),
        (" a", "a "),
        ("a=", "a*"),
        ("<a", ">a"),
        ("a,", "a|"),
        ("a/b", r"a\b"),
        (&format!("{key}a"), &format!("{value}a")),
    ] {
        assert_told(
            &with(&[(25, &format!("tags = {{ {bad_key:?} = {bad_value:?} }}"))]),
            &[
                &format!(
                    "line 25: [[service]] \"web\": tag {bad_key:?} is not allowed; \
                     use 1 to 36 characters, none of = * < > \\ , | / and no space at either end"
                ),
                &format!(
                    "line 25: [[service]] \"web\": {bad_key} {bad_value:?} is not allowed; \
                     use 1 to 43 characters, none of = * < > \\ , | / and no space at either end"
                ),
            ],
        );
    }
}
