//! Alarms: what fills up is told, and harms no live connection.

use std::time::Duration;

use serde_json::Value;
use vpce_tests::{
    Rig,
    address::endpoint,
    binary, finish, port,
    tcp::{Knock, Talk, knock},
    wait_until,
};

/// What the docs promise.
const SOON: Duration = Duration::from_secs(5);

/// Names of the alarms, each with its endpoint.
fn alarms(rig: &Rig) -> Vec<(String, Option<String>)> {
    let view = rig.vpcectl("get alarms").expect("an answer");
    let all = view.at("alarms").as_array().expect("a list").clone();
    let text = |alarm: &Value, key: &str| alarm[key].as_str().map(ToOwned::to_owned);
    all.iter().map(|alarm| (text(alarm, "alarm").expect("its name"), text(alarm, "endpoint"))).collect()
}

#[test]
fn a_limit_that_is_reached_raises_an_alarm_within_5_s_and_touches_no_live_connection() {
    let mut rig = Rig::pair().max_connections(7).start();
    let _echo = rig.echo(1);
    assert_eq!(alarms(&rig), []);
    assert_eq!(rig.endpoint(1).at("alarm"), &Value::Null);
    let mut live = rig.client(1).run(|| {
        let live: Vec<_> = (0..7).map(|_| Talk::open(endpoint(port::ECHO)).expect("a connection")).collect();
        assert_eq!(knock(endpoint(port::ECHO)), Knock::Refused);
        live
    });
    let name = rig.endpoint(1).text("name").to_owned();
    let expected = [("limit-reached".to_owned(), Some(name))];
    wait_until("the alarm", SOON, || alarms(&rig) == expected);
    assert_eq!(rig.endpoint(1).text("alarm"), "limit-reached");
    for talk in &mut live {
        talk.say("still here").expect("a live connection");
    }
    let socket = rig.agent().socket();
    let table =
        finish(std::process::Command::new(binary("VPCECTL")).arg("--socket").arg(socket).args(["get", "endpoints"]));
    assert!(table.stdout.contains("ALARM") && table.stdout.contains("limit-reached"), "{}", table.stdout);
    let log = rig.agent().log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("limit-reached")), "{log}");
}

#[test]
fn a_file_that_is_not_taken_raises_an_alarm_until_one_is() {
    let rig = Rig::pair().start();
    rig.write_config("colour = \"blue\"");
    wait_until("the alarm", SOON, || alarms(&rig) == [("not-reloaded".to_owned(), None)]);
    rig.write_config(&rig.plan().toml());
    wait_until("no alarm", SOON, || alarms(&rig).is_empty());
}

#[test]
fn an_interface_that_can_not_be_attached_raises_an_alarm_and_harms_no_other() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);
    // One whose driver has no native hook.
    rig.gateway().ip("link add plain0 type bridge");
    let served = rig.plan().toml();
    let plain = "\n[[vpc]]\nname = \"plain\"\nattach = { interface = \"plain0\", mode = \"xdp\" }\naddress = \"10.9.0.254/24\"\n\
                 subnets = [{ name = \"default\", cidr = \"10.9.0.0/24\" }]\n";
    rig.write_config(&format!("{served}{plain}"));
    rig.agent().reload();
    wait_until("the alarm", SOON, || alarms(&rig) == [("not-attached".to_owned(), None)]);
    assert_eq!(rig.client(1).get("http://10.0.0.100/").status, 200);
}
