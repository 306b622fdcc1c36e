use proptest::{collection::vec, prelude::*, sample::select};

use super::{VALID, parse};

/// Fragments that make the parser see more than syntax errors.
const FRAGMENTS: &[&str] = &[
    "[gateway]",
    "[[vpc]]",
    "[[service]]",
    "[[endpoint]]",
    "[gateway.timers]",
    "name",
    "vpc",
    "service",
    "subnets",
    "attach",
    "interface",
    "vlan",
    "vxlan",
    "type",
    "\"gateway\"",
    "prefixes",
    "timers",
    "address",
    "ports",
    "tags",
    "region",
    " = ",
    "\n",
    "\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "\"web\"",
    "\"red\"",
    "\"10.0.0.5\"",
    "\"10.0.0.0/24\"",
    "\"0.0.0.0/0\"",
    "80",
    "-1",
    "0x",
    "1979-05-27",
    "inf",
    "true",
    "#",
    "\r",
    "\t",
    "\0",
    "ü",
    "\u{feff}",
];

/// Every error is on a line of the text.
fn assert_sound(text: &str) {
    if let Err(errors) = parse(text) {
        let lines = 1 + text.matches('\n').count();
        assert!(!errors.errors.is_empty());
        for error in &errors.errors {
            assert!((1..=lines).contains(&error.line), "{error}");
        }
        assert_eq!(errors.to_string().lines().count(), errors.errors.len(), "{errors}");
        assert!(errors.errors.is_sorted_by_key(|error| (error.line, error.column)));
    }
}

/// A configuration by its numbers: VPCs with their subnets, services with their ports, endpoints.
#[derive(Debug)]
struct Shape {
    subnets_of_vpcs: Vec<u8>,
    ports_of_services: Vec<u16>,
    limits_of_endpoints: Vec<u32>,
}

fn shape() -> impl Strategy<Value = Shape> {
    (vec(1_u8..5, 1..6), vec(1_u16..=50, 1..6), vec(1_u32..=3000, 0..40)).prop_map(
        |(subnets_of_vpcs, ports_of_services, limits_of_endpoints)| Shape {
            subnets_of_vpcs,
            ports_of_services,
            limits_of_endpoints,
        },
    )
}

fn written(shape: &Shape) -> String {
    let vpcs = shape.subnets_of_vpcs.len();
    let services = shape.ports_of_services.len();
    let mut text = "[gateway]\nregion = \"region-1\"\n".to_owned();
    text.extend(shape.subnets_of_vpcs.iter().enumerate().map(|(n, &subnets)| vpc(n, subnets)));
    text.extend(shape.ports_of_services.iter().enumerate().map(|(n, &ports)| service(n, n % vpcs, ports)));
    text.extend(
        shape.limits_of_endpoints.iter().enumerate().map(|(n, &limit)| endpoint(n, n % services, n % vpcs, limit)),
    );
    text
}

fn vpc(number: usize, subnets: u8) -> String {
    let subnet = |n| format!(r#"{{ name = "s{n}", cidr = "10.0.{n}.0/24" }}"#);
    let subnets = (0..subnets).map(subnet).collect::<Vec<_>>().join(", ");
    format!(
        r#"
[[vpc]]
name = "v{number}"
attach = {{ interface = "eth{number}" }}
address = "10.0.0.254/24"
subnets = [{subnets}]
"#
    )
}

fn service(number: usize, vpc: usize, ports: u16) -> String {
    let port = |n| format!("{{ client = {n}, server = {} }}", n + 8000);
    let ports = (1..=ports).map(port).collect::<Vec<_>>().join(", ");
    format!(
        r#"
[[service]]
name = "w{number}"
vpc = "v{vpc}"
backend = {{ address = "10.0.0.5" }}
ports = [{ports}]
"#
    )
}

fn endpoint(number: usize, service: usize, vpc: usize, limit: u32) -> String {
    let host = number + 100;
    format!(
        r#"
[[endpoint]]
name = "e{number}"
service = "w{service}"
vpc = "v{vpc}"
subnet = "s0"
address = "10.0.0.{host}"
max_connections = {limit}
"#
    )
}

proptest! {
    #[test]
    fn any_text_is_answered_without_a_panic(text in any::<String>()) {
        assert_sound(&text);
    }

    #[test]
    fn any_text_of_fragments_is_answered_without_a_panic(fragments in vec(select(FRAGMENTS), 0..60)) {
        assert_sound(&fragments.concat());
    }

    #[test]
    fn a_valid_file_with_a_hole_or_a_fragment_in_it_is_answered_without_a_panic(
        at in 0..VALID.len(), length in 0..40_usize, fragment in select(FRAGMENTS)
    ) {
        let end = (at + length).min(VALID.len());
        assert_sound(&format!("{}{}", &VALID[..at], &VALID[end..]));
        assert_sound(&format!("{}{fragment}{}", &VALID[..at], &VALID[at..]));
    }

    #[test]
    fn what_keeps_the_rules_is_accepted_whole(shape in shape()) {
        let desired = parse(&written(&shape)).unwrap();
        prop_assert_eq!(desired.vpcs.len(), shape.subnets_of_vpcs.len());
        prop_assert_eq!(desired.services.len(), shape.ports_of_services.len());
        prop_assert_eq!(desired.endpoints.len(), shape.limits_of_endpoints.len());
    }
}
