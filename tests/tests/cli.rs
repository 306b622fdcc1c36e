//! What the command line says.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use vpce_tests::{Rig, binary, finish, output, wait_for};

/// Every fault stands on a line that ends with `#!` and a word which the complaint must have.
const FAULTS: &str = r#"
[gateway]
region = "region-1"
transit = "198.19.128.0/17"
colour = "blue"                                        #! colour

[[vpc]]
name = "consumer-1"
domain = "1564ec50ef2a47c791ea5536353ed4b9"
attach = { interface = "vpce-c1" }
address = "10.0.0.254/24"
subnets = [
    { name = "default", cidr = "10.0.0.0/24" },
    { name = "inside", cidr = "10.0.0.128/25" },       #! 10.0.0.128/25
    { name = "transit", cidr = "198.19.200.0/24" },    #! 198.19.200.0/24
]

[[vpc]]
name = "provider-1"
domain = "5f2d7c1e9b8a4c07a3d6e4f1b2c39d80"
attach = { interface = "vpce-none" }                   #! vpce-none
address = "10.0.0.254/24"
subnets = [{ name = "default", cidr = "10.0.0.0/24" }]

[[service]]
name = "web-1"
vpc = "provider-1"
type = "interface"
backend = { kind = "vm", address = "10.0.0.5" }
ports = [
    { client = 80, server = 8080, protocol = "tcp" },
    { client = 80, server = 8081, protocol = "tcp" },  #! 80
    { client = 0, server = 8080, protocol = "tcp" },   #! 0
    { client = 81, server = 70000, protocol = "tcp" }, #! 70000
]

[[endpoint]]
name = "web-1"
service = "web-1"
vpc = "consumer-1"
subnet = "default"
address = "10.9.9.9"                                   #! 10.9.9.9

[[endpoint]]
name = "web-2"
service = "nothing"                                    #! nothing
vpc = "consumer-1"
subnet = "default"
address = "10.0.0.100"
"#;

#[test]
fn check_tells_every_error_with_its_line() {
    let mut rig = Rig::pair().build();
    rig.write_config(FAULTS);
    let config = rig.agent().config();
    let checked = finish(rig.agent().command("check").arg("--config").arg(&config));
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");

    let faults = FAULTS.lines().zip(1..).filter_map(|(text, line)| {
        let (_, word) = text.split_once("#! ")?;
        Some((line, word))
    });
    let untold: Vec<(u32, &str)> = faults.filter(|(line, word)| !tells(&checked.stderr, *line, word)).collect();
    assert!(untold.is_empty(), "not told: {untold:?}; told:\n{}", checked.stderr);

    rig.write_config(&rig.plan().toml());
    let checked = finish(rig.agent().command("check").arg("--config").arg(&config));
    assert!(checked.status.success(), "a good file: {checked:?}");
}

#[test]
fn check_reads_the_certificate_that_the_api_shall_show() {
    let mut rig = Rig::pair().build();
    let lost = rig.home().join("lost.crt");
    rig.write_config(&format!(
        "{}\n[api]\ncertificate = \"{path}\"\nkey = \"{path}\"\n",
        rig.plan().toml(),
        path = lost.display()
    ));
    let config = rig.agent().config();
    let mut check =
        |elsewhere: &[&str]| finish(rig.agent().command("check").args(elsewhere).arg("--config").arg(&config));
    let refused = check(&[]);
    assert_eq!((refused.status.code(), refused.stderr.contains("lost.crt")), (Some(1), true), "{refused:?}");
    assert!(check(&["--elsewhere"]).status.success(), "the file is right");
}

/// Whether one line of the complaints has the number of the line, and the word.
fn tells(complaints: &str, line: u32, word: &str) -> bool {
    let is_line = |number: &str| number.parse() == Ok(line);
    complaints
        .lines()
        .any(|complaint| complaint.contains(word) && complaint.split(|c: char| !c.is_ascii_digit()).any(is_line))
}

#[test]
fn a_bad_file_does_not_start_an_agent_and_changes_nothing() {
    let mut rig = Rig::pair().build();
    rig.write_config(FAULTS);
    let run = &mut rig.agent().run_command();
    let complaint = rig.agent().refused(run);
    assert!(tells(&complaint, 5, "colour"), "{complaint}");
    assert!(!rig.agent().bpf_dir().exists(), "the agent has pinned something");
    assert!(!rig.client_link(1).has_program());
}

#[test]
fn without_root_one_line_says_which_right_is_missing() {
    let mut rig = Rig::pair().build();
    // A copy where anybody may run it; the original may be below somebody's home.
    let agent = rig.home().join("vpce-agent");
    fs::copy(binary("VPCE_AGENT"), &agent).expect("a copy of the agent");
    let open_to_all = PermissionsExt::from_mode(0o777);
    fs::set_permissions(rig.home().join("state"), open_to_all).expect("a state directory for all");

    let mut command = rig.gateway().command("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(agent);
    command.arg("run").arg("--config").arg(rig.agent().config()).args(rig.agent().places());
    let complaint = rig.agent().refused(&mut command);
    assert_eq!(complaint.trim().lines().count(), 1, "{complaint}");
    assert!(complaint.contains("CAP_") || complaint.contains("root"), "{complaint}");
}

#[test]
fn vpcectl_without_an_agent_says_so_in_one_line() {
    let rig = Rig::pair().build();
    let error = rig.vpcectl("get endpoints").expect_err("no agent, no answer");
    assert_eq!(error.trim().lines().count(), 1, "{error}");
    assert!(error.contains("vpce.sock"), "{error}");
}

#[test]
fn vpcectl_tells_of_what_the_file_has() {
    let rig = Rig::same_cidr().max_connections(7).start();
    for (kind, names) in [
        ("vpcs", &["consumer-1", "provider-1", "consumer-2", "provider-2"][..]),
        ("services", &["web-1", "web-2"]),
        ("endpoints", &["web-1", "web-2"]),
    ] {
        let told = rig.vpcectl(&format!("get {kind}")).expect("an answer");
        let list = told.at(kind).as_array().expect("a list");
        let told: Vec<_> = list.iter().filter_map(|one| one["name"].as_str()).collect();
        assert!(names.iter().all(|name| told.contains(name)), "{kind}: {told:?}");
        assert_eq!(told.len(), names.len(), "{kind}: {told:?}");
    }
    let endpoint = rig.endpoint(2);
    assert_eq!(endpoint.text("address"), "10.0.0.100");
    assert_eq!(endpoint.text("service"), "web-2");
    assert_eq!(endpoint.text("vpc"), "consumer-2");
    assert_eq!(endpoint.text("subnet"), "default");
    assert_eq!(endpoint.text("backend.address"), "10.0.0.5");
    assert_eq!(endpoint.text("backend.vpc"), "provider-2");
    assert_eq!(endpoint.number("connections.limit"), 7);
}

#[test]
fn vpcectl_diff_tells_of_a_bad_file_and_of_what_others_wrote_into_the_maps() {
    let mut rig = Rig::pair().start();
    let socket = rig.agent().socket();
    let differ = || {
        let mut vpcectl = Command::new(binary("VPCECTL"));
        let told = finish(vpcectl.arg("--socket").arg(&socket).arg("diff"));
        if told.status.success() { Err(told.stdout) } else { Ok(told.stdout) }
    };
    assert_eq!(differ(), Err("all is as it is wanted\n".to_owned()));
    let addresses = rig.agent().bpf_dir().join("maps/ADDRESSES");
    let told = wait_for("an entry that nobody wants", Duration::from_secs(5), || {
        let mut forge = rig.gateway().command("bpftool");
        forge.args(["map", "update", "pinned"]).arg(&addresses);
        output(forge.args("key 9 0 0 0 10 0 9 9 value 0 0 0 0".split(' ')));
        // Unless the agent was quicker.
        differ()
    });
    assert!(
        ["gateway and kernel", "ADDRESSES", "10.0.9.9", "not wanted"].iter().all(|part| told.contains(part)),
        "{told}"
    );
    wait_for("the agent's mending", Duration::from_secs(20), || differ().err().ok_or("it differs"));

    fs::write(rig.agent().config(), "[gateway]\ncolour = \"blue\"\n").expect("another file");
    let told = differ().expect("a bad file");
    assert!(told.contains("file and gateway") && told.contains("colour"), "{told}");
}
