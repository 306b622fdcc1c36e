//! vpcectl for what tenants make: over HTTPS with a profile, and over the operator's socket.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use vpce_tests::{
    Finished, Process, Rig, View,
    address::{BACKEND, endpoint},
    binary, finish, port,
    tcp::Talk,
    wait_for,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Two tenants with a profile each, and a backend of the second.
struct Stage {
    rig: Rig,
    profiles: PathBuf,
    backend: String,
    vpcs: View,
}

impl Stage {
    fn set() -> Self {
        let text = Rig::pair().toml();
        let networks = text.split("\n[[service]]").next().expect("the networks of the plan");
        let rig = Rig::pair().config(&format!("{networks}\n[api]\n")).start();
        let told = |words: &str| rig.vpcectl(words).unwrap_or_else(|error| panic!("vpcectl {words}: {error}"));
        let vpcs = told("get vpcs");
        for (n, name) in [(0, "red"), (1, "blue")] {
            let domain = vpcs.text(&format!("vpcs.{n}.domain"));
            told(&format!("create user {name} --domain {domain} --project project-{name}"));
        }
        let token = told("create token red");
        let key = told("create key blue");
        let backend = told(&format!("create backend --vpc provider-1 --kind vm --address {BACKEND}"));
        let ca = rig.home().join("state/api.crt");
        let rest = format!("endpoint = \"https://localhost:8443\"\nca = \"{}\"\n", ca.display());
        let text = format!(
            "[red]\n{rest}project = \"project-red\"\ntoken = \"{}\"\n\n[blue]\n{rest}project = \"project-blue\"\naccess = \"{}\"\nsecret = \"{}\"\n",
            token.text("token"),
            key.text("access"),
            key.text("secret"),
        );
        let profiles = rig.home().join("profiles.toml");
        write_for_me(&profiles, &text);
        let backend = backend.text("id").to_owned();
        Self { rig, profiles, backend, vpcs }
    }

    /// `vpcectl` with a profile, in the gateway's network.
    fn command(&self, profile: &str, words: &str) -> Command {
        let mut command = self.rig.gateway().command(&binary("VPCECTL"));
        command.arg("--profiles").arg(&self.profiles).args(["--profile", profile]).args(words.split_whitespace());
        command
    }

    fn run(&self, profile: &str, words: &str) -> Finished {
        finish(&mut self.command(profile, words))
    }

    /// What is printed by a command that must succeed.
    fn done(&self, profile: &str, words: &str) -> String {
        let done = self.run(profile, words);
        assert!(done.status.success(), "{profile}: {words}: {done:?}");
        done.stdout.trim().to_owned()
    }

    /// The same of JSON.
    fn told(&self, profile: &str, words: &str) -> View {
        View::parse(&self.done(profile, &format!("{words} -o json"))).expect("JSON")
    }

    /// The complaint of a command that must end with 1.
    fn refused(&self, profile: &str, words: &str) -> String {
        let done = self.run(profile, words);
        assert_eq!(done.status.code(), Some(1), "{profile}: {words}: {done:?}");
        done.stderr
    }

    fn operator(&self, words: &str) -> View {
        self.rig.vpcectl(words).unwrap_or_else(|error| panic!("vpcectl {words}: {error}"))
    }

    fn vpc(&self, n: usize, field: &str) -> &str {
        self.vpcs.text(&format!("vpcs.{n}.{field}"))
    }

    /// A file that asks for blue's service of echo.
    fn service_file(&self, ports: &str, tags: &str) -> String {
        let text = format!(
            "- kind: service\n  name: echo\n  vpc: {}\n  backend: {}\n  ports: [{ports}]\n  permissions: [\"iam:domain::{}\"]\n  tags: {{{tags}}}\n  description: says it again\n",
            self.vpc(1, "id"),
            self.backend,
            self.vpc(0, "domain"),
        );
        let file = self.rig.home().join("blue.yaml");
        fs::write(&file, text).expect("a file");
        file.display().to_string()
    }
}

fn write_for_me(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("its mode");
}

fn mapping() -> String {
    format!("\"{}:{}\"", port::ECHO, port::ECHO_SERVER)
}

#[test]
fn a_tenant_applies_a_service_another_dials_it_and_it_goes_again() {
    let stage = Stage::set();
    let _echo = stage.rig.echo(1);
    let file = stage.service_file(&mapping(), "team: a");
    let diff = stage.run("blue", &format!("diff -f {file}"));
    assert_eq!((diff.status.code(), diff.stdout.trim()), (Some(1), "create service echo"));
    assert_eq!(stage.done("blue", &format!("apply -f {file}")), "service echo created");
    stage.done("blue", "wait service echo --for available");
    let service = stage.told("blue", "describe service echo");
    let name = service.text("service_name");

    // Red knows no more than the name that it was told.
    assert_eq!(stage.refused("red", "describe service echo"), "there is no service \"echo\"; there are none\n");
    assert_eq!(stage.told("red", &format!("verify {name}")).at("found"), &json!(true));
    let absent = stage.run("red", &format!("verify {name}0"));
    assert_eq!((absent.status.code(), absent.stdout.contains("not found")), (Some(1), true), "{absent:?}");
    let (vpc, subnet) = (stage.vpc(0, "id"), stage.vpc(0, "subnet_ids.default"));
    let address = endpoint(port::ECHO).ip().to_string();
    let words = format!("create endpoint --service {name} --vpc {vpc} --subnet {subnet} --address {address} --tag a=b");
    let made = stage.told("red", &words);
    assert_eq!(made.text("status"), "pendingAcceptance");
    let complaint = stage.refused("red", "wait endpoint echo --for accepted --timeout 1");
    assert_eq!(complaint, "endpoint echo is pendingAcceptance, not accepted after 1 s\n");

    let connections = stage.told("blue", "get connections echo");
    assert_eq!(connections.text("connections.0.domain_id"), stage.vpc(0, "domain"));
    stage.done("blue", &format!("accept echo {}", connections.number("connections.0.marker_id")));
    stage.done("red", "wait endpoint echo --for=accepted");
    let mut talk = stage.rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    talk.say("hello").expect("an echo");

    stage.done("red", &format!("set endpoint {address} --whitelist 10.0.0.77"));
    talk.say("shut out").expect_err("the client is not listed");
    stage.done("red", &format!("set endpoint {address} --no-whitelist"));
    let mut talk = stage.rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    stage.done("blue", &format!("reject echo {}", made.text("id")));
    talk.say("rejected").expect_err("a rejected endpoint carries nothing");
    let again = stage.rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).is_ok());
    assert!(!again, "a rejected endpoint takes no connections");

    stage.done("red", "delete endpoint echo");
    stage.done("red", &format!("wait endpoint {} --for deleted", made.text("id")));
    stage.done("blue", "delete service echo");
    stage.done("blue", &format!("wait service {} --for deleted", service.text("id")));
    let never = stage.refused("blue", "wait service echo --for deleted");
    assert_eq!(never, "there is no service \"echo\"; there are none\n");
    assert_eq!(stage.told("blue", "get services").at("services"), &json!([]));
}

#[test]
fn a_file_is_applied_once_and_again_only_where_it_differs() {
    let stage = Stage::set();
    let file = stage.service_file(&mapping(), "team: a");
    stage.done("blue", &format!("apply -f {file}"));
    assert_eq!(stage.done("blue", &format!("apply -f {file}")), "service echo unchanged");
    let same = stage.run("blue", &format!("diff -f {file}"));
    assert_eq!((same.status.code(), same.stdout.as_str()), (Some(0), ""));

    stage.service_file(&format!("{}, \"53:5353/udp\"", mapping()), "team: b, owner: x");
    let differs = "(ports 7:7007/tcp -> 53:5353/udp, 7:7007/tcp; tags team=a -> owner=x, team=b)";
    let diff = stage.run("blue", &format!("diff -f {file}"));
    assert_eq!((diff.status.code(), diff.stdout.trim()), (Some(1), &*format!("change service echo {differs}")));
    assert_eq!(stage.done("blue", &format!("apply -f {file}")), format!("service echo changed {differs}"));
    assert_eq!(stage.run("blue", &format!("diff -f {file}")).status.code(), Some(0));

    // On the socket the operator names networks, and a file has a service and its endpoint.
    let text = json!([
        { "kind": "endpoint", "service": "web", "vpc": "provider-1", "subnet": "default", "address": "10.0.0.100" },
        { "kind": "service", "name": "web", "vpc": "provider-1", "backend": stage.backend, "ports": ["80:8080"],
          "permissions": ["*"] },
    ]);
    fs::write(&file, text.to_string()).expect("a file");
    let applied = stage.operator(&format!("apply -f {file} --prune --project project-blue"));
    let does: Vec<&Value> = (0..3).map(|n| applied.at(&format!("steps.{n}.does"))).collect();
    assert_eq!(does, ["create", "create", "delete"]);
    assert_eq!(applied.text("steps.2.what"), "service echo");
    let again = stage.operator(&format!("apply -f {file} --project project-blue"));
    assert_eq!((again.text("steps.0.does"), again.text("steps.1.does")), ("keep", "keep"));
    let elsewhere = "create endpoint --service web --vpc consumer-1 --subnet default --project project-blue";
    let refused = stage.rig.vpcectl(elsewhere).expect_err("neither tenant would see it");
    assert!(refused.contains("EndPoint.2001"), "{refused}");
}

#[test]
fn tags_permissions_quotas_and_editions_are_told_and_changed() {
    let stage = Stage::set();
    let file = stage.service_file(&mapping(), "team: a");
    stage.done("blue", &format!("apply -f {file}"));
    stage.done("blue", "tag service echo owner=x team-");
    assert_eq!(stage.told("blue", "get tags").at("tags.service"), &json!([{ "key": "owner", "values": ["x"] }]));
    stage.done("blue", "permit echo --add * --description everyone");
    stage.done("blue", &format!("permit echo --remove iam:domain::{}", stage.vpc(0, "domain")));
    let permissions = stage.told("blue", "get permissions echo");
    assert_eq!(permissions.at("permissions").as_array().map(Vec::len), Some(1), "{permissions}");
    assert_eq!(permissions.text("permissions.0.description"), "everyone");
    stage.done("blue", "permit echo --describe * --description all");
    assert_eq!(stage.told("blue", "get permissions echo").text("permissions.0.description"), "all");
    for (tags, found) in [("owner", 1), ("owner=x", 1), ("owner=y", 0), ("owner=x team", 0)] {
        let tagged = stage.told("blue", &format!("get tagged services {tags}"));
        assert_eq!(tagged.at("services").as_array().map(Vec::len), Some(found), "{tags}: {tagged}");
    }
    stage.done("blue", "set service echo --name other --port 9:9009 --no-approval");
    let service = stage.told("blue", "describe service other");
    assert_eq!((service.at("approval_enabled"), service.number("ports.0.client_port")), (&json!(false), 9));
    stage.done("blue", "upgrade service other");
    assert!(stage.done("blue", "get services -o wide").contains("basic, professional"));
    let standby = stage.operator("create backend --vpc provider-1 --kind vm --address 10.0.0.77");
    stage.done("blue", &format!("standby other {}", standby.text("id")));

    let domain = stage.vpc(1, "domain");
    let set = stage.operator(&format!("quota {domain} --services 1"));
    assert_eq!(set.number("quotas.resources.0.quota"), 1);
    assert_eq!(stage.told("blue", "get quotas").number("quotas.resources.0.used"), 1);
    let words = format!("create service more --vpc {} --backend {} --port 5:5", stage.vpc(1, "id"), stage.backend);
    let refused = stage.refused("blue", &words);
    assert!(refused.starts_with("Endpoint.1018: quota of endpoint"), "{refused}");
    assert!(stage.refused("blue", &format!("quota {domain}")).contains("the operator's"));

    let yaml = stage.done("blue", "get services -o yaml");
    assert!(yaml.contains("approval_enabled: false"), "{yaml}");
}

#[test]
fn a_dry_run_prints_the_requests_and_sends_none() {
    let stage = Stage::set();
    let file = stage.service_file(&mapping(), "team: a");
    let newest = || stage.operator("get audit --limit 1").number("records.0.seq");
    let before = newest();
    let told = stage.told("blue", &format!("apply -f {file} --dry-run"));
    assert_eq!(told.text("requests.0.path"), "/v1/project-blue/vpc-endpoint-services");
    assert_eq!(
        told.text("requests.1.path"),
        "/v1/project-blue/vpc-endpoint-services/<id of service echo>/permissions/action"
    );
    let words =
        format!("create service x --vpc provider-1 --backend {} --port 80 --project project-blue", stage.backend);
    let told = stage.operator(&format!("{words} --dry-run"));
    assert_eq!((told.text("requests.0.method"), told.text("requests.0.body.vpc_id")), ("POST", stage.vpc(1, "id")));
    for words in ["create user x --domain d --project p", "delete user red", "quota d --services 1", "create key red"] {
        assert_eq!(stage.operator(&format!("{words} --dry-run")).at("requests").as_array().map(Vec::len), Some(1));
    }
    assert_eq!(newest(), before);
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let stage = Stage::set();
    let file = stage.service_file(&mapping(), "team: a");
    stage.done("blue", &format!("apply -f {file}"));
    assert_eq!(stage.refused("blue", "describe service ekko"), "there is no service \"ekko\"; there are echo\n");
    let complaint = stage.refused("blue", "create endpoint --service echo --vpc consumer-1");
    assert!(complaint.contains("vpcectl describe vpc NAME"), "{complaint}");
    assert!(stage.refused("blue", "get vpcs").contains("without --profile"));
    assert!(stage.refused("green", "get services").contains("there are blue, red"));
    assert!(stage.refused("blue", "get services --project project-red").starts_with("EndPoint.0004: "));
    let complaint = stage.rig.vpcectl("delete service echo").expect_err("no project is named");
    assert!(complaint.contains("--project"), "{complaint}");
    assert_eq!(stage.run("blue", "wait service echo --for gone").status.code(), Some(2));

    let text = fs::read_to_string(&stage.profiles).expect("the profiles");
    let with = |from: &str, to: &str| write_for_me(&stage.profiles, &text.replace(from, to));
    with("token = \"", "token = \"0");
    assert!(stage.refused("red", "get endpoints").starts_with("EndPoint.0003: the token is not known"));
    with(":8443", ":8444");
    assert!(stage.refused("red", "get endpoints").contains("is `endpoint` of the profile right"));
    let other = stage.rig.home().join("other.crt");
    let request =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other"];
    let key = stage.rig.home().join("other.key");
    let made = finish(Command::new("openssl").args(request).arg("-keyout").arg(key).arg("-out").arg(&other));
    assert!(made.status.success(), "{made:?}");
    with("state/api.crt", "other.crt");
    let complaint = stage.refused("red", "get endpoints");
    assert!(complaint.contains("is not trusted") && complaint.contains("api.crt"), "{complaint}");
    with("", "");
    fs::set_permissions(&stage.profiles, PermissionsExt::from_mode(0o644)).expect("its mode");
    assert!(stage.refused("red", "get endpoints").contains("chmod 600"));
}

#[test]
fn a_watch_tells_each_change_until_nobody_reads() {
    let stage = Stage::set();
    let log = stage.rig.home().join("watch.log");
    let watch = Process::spawn(&mut stage.command("blue", "watch services --interval 0.2"), &log);
    let wait_until_told = |word: &str| {
        wait_for(word, PATIENCE, || if watch.log().contains(word) { Ok(()) } else { Err(watch.log()) });
    };
    wait_until_told("NAME");
    let file = stage.service_file(&mapping(), "team: a");
    stage.done("blue", &format!("apply -f {file}"));
    wait_until_told("added    service echo");
    stage.done("blue", "set service echo --description other");
    wait_until_told("description says it again -> other");
    stage.done("blue", "delete service echo");
    wait_until_told("deleted  service echo");

    let mut command = stage.command("blue", "get services");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("vpcectl");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("its end");
    assert_eq!((done.status.code(), done.stderr.len()), (Some(0), 0), "{done:?}");
}

#[test]
fn each_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let done = finish(Command::new(binary("VPCECTL")).args(["completions", shell]));
        assert!(done.status.success() && done.stdout.contains("dry-run"), "{shell}: {done:?}");
    }
}
