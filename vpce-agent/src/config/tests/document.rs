use super::{VALID, accepted, assert_told, followed_by, parse, with};
use crate::config::{Cause, ConfigError, ConfigErrors, Place, text};

#[test]
fn every_error_of_all_sections_is_told_in_one_run_with_its_line() {
    let text = r#"
[gateway]
region = "Region 1"
transit = "198.19.128.1/17"
mode = "fast"
max_flow = 4096
[gateway.timers]
opening_secs = 0

[[vpc]]
name = "red"
attach = { interface = "eth1", vlan = 4095 }
address = "10.0.0.0/24"
subnets = [{ name = "a", cidr = "10.0.0.0/24" },
           { name = "b", cidr = "10.0.0.128/25" }]

[[vpc]]
name = "blue"
attach = { interface = "a-name-that-is-too-long" }
address = 10
subnets = []

[[service]]
name = "web"
vpc = "blu"
type = "interface"
backend = { kind = "vn", address = "10.0.0" }
ports = [
  { client = 80, server = 8080 },
  { client = 80, server = 70000 },
]
approval = true
permissions = ["d-red"]

[[endpoint]]
name = "web"
service = "wep"
vpc = "red"
subnet = "c"
dns = "yes"
max_connections = 2000000

[dns]
"#;
    assert_told(
        text,
        &[
            r#"line 3: [gateway]: region "Region 1" is not allowed; use a-z 0-9 -"#,
            "line 4: [gateway]: 198.19.128.1/17 has bits set behind its prefix; write 198.19.128.0/17",
            r#"line 5: [gateway]: mode = "fast" is not known; choose one of "auto", "xdp", "generic", "tc""#,
            r#"line 6: [gateway]: unknown key "max_flow"; known are "region", "transit", "mode", "refuse", "icmp_per_sec", "max_flows", "timers""#,
            "line 8: [gateway.timers]: opening_secs = 0 is out of range; choose one of 1-86400",
            r#"line 12: [[vpc]] "red": vlan = 4095 is out of range; choose one of 1-4094"#,
            r#"line 13: [[vpc]] "red": address 10.0.0.0 is the network or broadcast address of 10.0.0.0/24; choose one of 10.0.0.1-10.0.0.254"#,
            r#"line 15: [[vpc]] "red": 10.0.0.128/25 overlaps subnet 10.0.0.0/24 of line 14; keep the subnets of a VPC apart"#,
            r#"line 19: [[vpc]] "blue": interface "a-name-that-is-too-long" is not allowed; use 1 to 15 visible ASCII characters without / and :, but not . or .."#,
            r#"line 20: [[vpc]] "blue": address wants a string here, not integer; write address = "10.0.0.254/24""#,
            r#"line 21: [[vpc]] "blue": subnets is empty; write subnets = [{ name = "default", cidr = "10.0.0.0/24" }]"#,
            r#"line 25: [[service]] "web": there is no vpc "blu"; known are "blue", "red""#,
            r#"line 27: [[service]] "web": kind = "vn" is not known; choose one of "vm", "lb", "bms""#,
            r#"line 27: [[service]] "web": address "10.0.0" is not an IPv4 address of one host; write one such as 10.0.0.5"#,
            r#"line 30: [[service]] "web": client 80 is taken by line 29; choose another"#,
            r#"line 30: [[service]] "web": server = 70000 is out of range; choose one of 1-65535"#,
            r#"line 32: [[service]] "web": approval = true is not built yet; leave it out"#,
            r#"line 33: [[service]] "web": permissions "d-red" is not allowed; use "*" or "iam:domain::" and a domain: 1 to 64 of A-Z a-z 0-9 -"#,
            r#"line 37: [[endpoint]] "web": there is no service "wep"; known are "web""#,
            r#"line 39: [[endpoint]] "web": there is no subnet "c"; known are "a", "b""#,
            r#"line 40: [[endpoint]] "web": dns wants true or false here, not string; write dns = false"#,
            r#"line 41: [[endpoint]] "web": max_connections = 2000000 is out of range; choose one of 1-1000000"#,
            r#"line 43: unknown key "dns"; known are "gateway", "vpc", "service", "endpoint", "api""#,
        ],
    );
}

#[test]
fn an_error_names_line_column_place_and_cause() {
    let text = with(&[(22, r#"backend = { kind = "lb", address = "198.19.128.1" }"#)]);
    let error = ConfigError {
        line: 22,
        column: 36,
        place: Place::Section { header: "[[service]]", name: Some("web".to_owned()) },
        cause: Cause::BackendInTransit {
            address: "198.19.128.1".parse().unwrap(),
            transit: "198.19.128.0/17".parse().unwrap(),
        },
    };
    assert_eq!(parse(&text), Err(ConfigErrors { errors: vec![error] }));
}

#[test]
fn columns_count_characters() {
    let errors = parse(r#"gateway = { region = "r", "ü" = 1, x = 2 }"#).unwrap_err().errors;
    let places: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(1, 27), (1, 36)]);
}

#[test]
fn every_syntax_error_is_told_and_nothing_that_follows_from_one() {
    let text =
        with(&[(8, "address = 10.0.0.254/24"), (12, "name = "), (23, "ports = [{ client = 0, server = 8080 }]")]);
    assert_told(
        &text,
        &[
            "line 8: not TOML at column 15: invalid float, expected nothing",
            "line 12: not TOML at column 8: string values must be quoted, expected literal string",
            r#"line 23: [[service]] "web": client = 0 is out of range; choose one of 1-65535"#,
        ],
    );
}

#[test]
fn a_key_given_twice_is_told() {
    let told = r#"line 3: key "region" is given twice; leave this one out"#;
    assert_told(&with(&[(3, "region = \"region-2\"")]), &[told]);
    let text = with(&[(22, r#"backend = { address = "10.0.0.5", "address" = "10.0.0.6" }"#)]);
    assert_told(&text, &[r#"line 22: key "\"address\"" is given twice; leave this one out"#]);
    let text = followed_by("[gateway]\n");
    assert_told(&text, &[r#"line 33: key "gateway" is given twice; leave this one out"#]);
}

#[test]
fn the_first_byte_that_is_no_text_is_told_with_its_line() {
    assert_eq!(text(VALID.into()), Ok(VALID.to_owned()));
    for (bytes, told) in [
        (&b"a = 1\n\xc3\xbc\xff"[..], "line 2: byte 0xff is not of any UTF-8 text; save the file in UTF-8"),
        (b"\xfe\xff\0[", "line 1: byte 0xfe is not of any UTF-8 text; save the file in UTF-8"),
        (b"region = \"\xc3", "line 1: byte 0xc3 is not of any UTF-8 text; save the file in UTF-8"),
    ] {
        assert_eq!(text(bytes.to_vec()).unwrap_err().to_string(), told);
    }
    assert_eq!(text(b"a = 1\n\xc3\xbc\xff".to_vec()).unwrap_err().errors[0].column, 2);
}

#[test]
fn the_examples_of_the_documents_are_right() {
    let document = include_str!("../../../../docs/configuration.md");
    let examples: Vec<&str> = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 5);
    let desired = accepted(&examples.concat());
    assert!(desired.endpoints.len() >= 2);
    accepted(include_str!("../../../../examples/gateway.toml"));
    accepted(include_str!("../../../../examples/demo.toml"));
}

#[test]
fn an_empty_file_is_told_what_to_begin_with() {
    assert_told("", &[r#"line 1: gateway is missing; add [gateway] with region = "region-1""#]);
}

#[test]
fn a_gateway_may_have_no_resources_yet() {
    assert!(accepted("[gateway]\nregion = \"region-1\"").vpcs.is_empty());
}

#[test]
fn a_single_bracket_section_is_told_how_it_is_written() {
    assert_told(
        "[gateway]\nregion = \"r\"\n[vpc]\nname = \"a\"\n",
        &["line 3: vpc wants a list here, not table; write [[vpc]]"],
    );
}

#[test]
fn a_section_that_could_not_be_read_makes_no_reference_unknown() {
    assert_told(
        &with(&[(5, "name = 5")]),
        &[r#"line 5: [[vpc]]: name wants a string here, not integer; write name = "blue""#],
    );
    assert_told(&with(&[(12, "")]), &[r#"line 11: [[vpc]]: name is missing; add name = "blue""#]);
}

#[test]
fn a_name_against_the_rule_can_still_be_referred_to() {
    assert_told(
        &with(&[(5, r#"name = "r e d""#), (30, r#"vpc = "r e d""#)]),
        &[r#"line 5: [[vpc]] "r e d": name "r e d" is not allowed; use 1 to 32 of A-Z a-z 0-9 _ -"#],
    );
}

#[test]
fn a_name_is_taken_once_in_each_section() {
    let text = followed_by(
        r#"
[[vpc]]
name = "red"
attach = { interface = "eth7" }
address = "10.7.0.254/24"
subnets = [{ name = "other", cidr = "10.7.0.0/24" }, { name = "other", cidr = "10.7.1.0/24" }]

[[endpoint]]
name = "web"
service = "web"
vpc = "red"
subnet = "other"
"#,
    );
    assert_told(
        &text,
        &[
            r#"line 35: [[vpc]] "red": name "red" is taken by line 5; choose another"#,
            r#"line 38: [[vpc]] "red": name "other" is taken by line 38; choose another"#,
            r#"line 41: [[endpoint]] "web": name "web" is taken by line 28; choose another"#,
        ],
    );
}

#[test]
fn words_of_the_file_are_escaped_so_that_an_error_is_one_line() {
    assert_told(
        &with(&[(2, r#"region = "a\nb""#)]),
        &[r#"line 2: [gateway]: region "a\nb" is not allowed; use a-z 0-9 -"#],
    );
}
