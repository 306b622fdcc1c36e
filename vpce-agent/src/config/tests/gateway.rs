use std::time::Duration;

use super::{accepted, assert_told, followed_by, with};
use crate::model::Refuse;

fn gateway(settings: &str) -> String {
    format!("[gateway]\nregion = \"region-1\"\n{settings}\n")
}

#[test]
fn defaults_are_those_of_the_guide_and_of_rfc_5382() {
    let gateway = accepted(&gateway("")).gateway;
    assert_eq!(gateway.region, "region-1");
    assert_eq!(gateway.transit, "198.19.128.0/17".parse().unwrap());
    assert_eq!((gateway.refuse, gateway.max_flows), (Refuse::Reset, 1_048_576));
    assert_eq!(gateway.icmp_per_sec, 1000);
    let timers = gateway.timers;
    assert_eq!([timers.opening, timers.established, timers.closing].map(|t| t.as_secs()), [240, 7440, 240]);
}

#[test]
fn every_setting_reaches_the_model() {
    let text = gateway(
        r#"transit = "100.64.0.0/24"
mode = "generic"
refuse = "drop"
icmp_per_sec = 0
max_flows = 0x1000
timers = { opening_secs = 1, established_secs = 86_400, closing_secs = 3 }"#,
    );
    let gateway = accepted(&text).gateway;
    assert_eq!(gateway.transit, "100.64.0.0/24".parse().unwrap());
    assert_eq!((gateway.refuse, gateway.max_flows), (Refuse::Drop, 4096));
    assert_eq!(gateway.icmp_per_sec, 0);
    let timers = gateway.timers;
    assert_eq!([timers.opening, timers.established, timers.closing], [1, 86_400, 3].map(Duration::from_secs));
    assert_eq!(accepted(&self::gateway("refuse = \"icmp\"")).gateway.refuse, Refuse::Icmp);
}

#[test]
fn the_region_is_required() {
    assert_told("[gateway]\n", &[r#"line 1: [gateway]: region is missing; add region = "region-1""#]);
}

#[test]
fn the_transit_range_is_a_network_of_17_to_24_bits() {
    let example = "write one such as 10.0.0.0/24";
    for (transit, told) in [
        ("198.18.0.0/16", "transit 198.18.0.0/16 is not of a usable size; choose a prefix length of 17-24".to_owned()),
        // No network of that size is advised.
        ("198.18.0.1/16", "transit 198.18.0.1/16 is not of a usable size; choose a prefix length of 17-24".to_owned()),
        ("198.18.0.0/25", "transit 198.18.0.0/25 is not of a usable size; choose a prefix length of 17-24".to_owned()),
        ("198.18.0.1/24", "198.18.0.1/24 has bits set behind its prefix; write 198.18.0.0/24".to_owned()),
        ("198.18.0.0", format!(r#"transit "198.18.0.0" is not an IPv4 address with a prefix length; {example}"#)),
        (
            "198.018.0.0/24",
            format!(r#"transit "198.018.0.0/24" is not an IPv4 address with a prefix length; {example}"#),
        ),
        ("224.0.0.0/24", format!(r#"transit "224.0.0.0/24" is not an IPv4 address with a prefix length; {example}"#)),
    ] {
        let text = gateway(&format!("transit = {transit:?}"));
        assert_told(&text, &[&format!("line 3: [gateway]: {told}")]);
    }
}

#[test]
fn a_word_that_is_not_known_is_answered_by_those_that_are() {
    assert_told(
        &gateway("mode = \"fast\"\nrefuse = \"never\""),
        &[
            r#"line 3: [gateway]: mode = "fast" is not known; choose one of "auto", "xdp", "generic", "tc""#,
            r#"line 4: [gateway]: refuse = "never" is not known; choose one of "reset", "icmp", "drop""#,
        ],
    );
}

#[test]
fn numbers_have_ranges() {
    for number in ["4095", "16777217", "-1", "99999999999999999999"] {
        assert_told(
            &gateway(&format!("max_flows = {number}")),
            &[&format!("line 3: [gateway]: max_flows = {number} is out of range; choose one of 4096-16777216")],
        );
    }
    assert_told(
        &gateway("icmp_per_sec = 1000001"),
        &["line 3: [gateway]: icmp_per_sec = 1000001 is out of range; choose one of 0-1000000"],
    );
    assert_told(
        &gateway("[gateway.timers]\nestablished_secs = 86401\nclosing_secs = 1.5"),
        &[
            "line 4: [gateway.timers]: established_secs = 86401 is out of range; choose one of 1-86400",
            "line 5: [gateway.timers]: closing_secs wants an integer here, not float; write closing_secs = 240",
        ],
    );
}

#[test]
fn endpoints_need_no_more_flow_records_than_there_are() {
    let more = "[[endpoint]]\nname = \"more\"\nservice = \"web\"\nvpc = \"red\"\nsubnet = \"default\"\n";
    accepted(&followed_by(more).replace("region-1\"", "region-1\"\nmax_flows = 8192"));
    assert_told(
        &followed_by(more).replace("region-1\"", "region-1\"\nmax_flows = 8191"),
        &["line 3: [gateway]: the endpoints' max_connections take 8192 flow records, more than max_flows = 8191; \
           set max_flows = 8192, or lower max_connections"],
    );
}

#[test]
fn more_flow_records_than_any_gateway_has_are_told_at_the_section_where_no_number_is_set() {
    let endpoint = |index| {
        format!(
            "[[endpoint]]\nname = \"e{index}\"\nservice = \"web\"\nvpc = \"red\"\nsubnet = \"default\"\nmax_connections = 26214\n"
        )
    };
    let many: String = (0..512).map(endpoint).collect();
    assert_told(
        &followed_by(&many),
        &[
            "line 1: [gateway]: the endpoints' max_connections take 16781312 flow records, more than max_flows = 1048576; \
           lower max_connections (max_flows is at most 16777216)",
        ],
    );
}

#[test]
fn a_broken_transit_range_makes_no_other_error() {
    assert_told(
        &with(&[(3, "transit = \"10.0.0.1/17\"")]),
        &["line 3: [gateway]: 10.0.0.1/17 has bits set behind its prefix; write 10.0.0.0/17"],
    );
}
