//! The stage of the Python scripts of `tests/sdk`: tenants, a gateway with its API, and what the scripts must know.

use std::{
    env, fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::{Disk, Hook, Place, Rig, address, binary, finish, port};

/// More requests a second than the scripts can ask.
const NO_LIMIT: u32 = 100_000;
/// Bytes of a small disk.
const DISK: usize = 1 << 20;
const URL: &str = "https://127.0.0.1:8443";

/// Name, domain, project and role of each user; of a domain are the VPCs of [`Stage::config`].
const USERS: [(&str, &str, &str, &str); 4] = [
    ("provider", "d-provider", "p-provider", "FullAccess"),
    ("consumer", "d-consumer", "p-consumer", "FullAccess"),
    ("neighbour", "d-neighbour", "p-neighbour", "FullAccess"),
    ("reader", "d-consumer", "p-consumer", "ReadOnlyAccess"),
];

/// Addresses of machines that services of the API may lead to, in the provider's VPC.
const BACKENDS: [(&str, &str); 2] = [("first", "10.0.0.5"), ("second", "10.0.0.6")];

/// The machine behind the operator's service of type gateway, and the network that it offers.
const CLOUD: [u8; 4] = [100, 125, 1, 2];
const PREFIX: &str = "100.125.0.0/16";

/// What a script finds.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    max_flows: u32,
    per_sec: u32,
    requests: u32,
    small_disk: bool,
}

impl Stage {
    /// A gateway of so many flow records.
    #[must_use]
    pub fn new(max_flows: u32) -> Self {
        Self { max_flows, per_sec: NO_LIMIT, requests: 0, small_disk: false }
    }

    /// Admits so many requests of a key in a second.
    #[must_use]
    pub fn per_sec(self, per_sec: u32) -> Self {
        Self { per_sec, ..self }
    }

    /// Has the script ask so many requests at least, where it can ask any number.
    #[must_use]
    pub fn requests(self, requests: u32) -> Self {
        Self { requests, ..self }
    }

    /// Keeps the agent's state on a disk that the script can fill.
    #[must_use]
    pub fn on_a_small_disk(self) -> Self {
        Self { small_disk: true, ..self }
    }

    /// Runs a script on a rig of its own; what it prints is the test's.
    pub fn play(self, script: &str) {
        let python = python();
        let cloud = Place::interface().routed().address(CLOUD);
        let mut rig = Rig::same_cidr().backend(2, cloud).config(&self.config()).build();
        let _disk = self.small_disk.then(|| Disk::mount(rig.home().join("state"), DISK));
        rig.agent().start();
        // One machine with two addresses: when it loses the first it keeps the second.
        rig.backend(1).sysctl("net/ipv4/conf/all/promote_secondaries", "1");
        rig.backend(1).ip("address add 10.0.0.6/24 dev eth0");
        rig.client(1).ip(&format!("route add {PREFIX} via {}", address::GATEWAY));
        let _servers = (rig.echo(1), rig.names(1), rig.echo(2));

        let setting = rig.home().join("setting.json");
        fs::write(&setting, self.setting(&rig).to_string()).expect("the setting");
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk");
        let mut command = rig.gateway().command(python.to_str().expect("a path of Unicode"));
        // The tree stays as it is; and no proxy is between the script and the gateway.
        command.args(["-B", "-W", "ignore"]).arg(scripts.join(script)).arg(&setting).env("NO_PROXY", "*");
        let played = finish(command.current_dir(rig.home()));
        assert!(played.status.success(), "{script}: {}\n{}{}", played.status, played.stdout, played.stderr);
        print!("{}", played.stdout);
    }

    /// Tenants of equal networks, the operator's two cloud services, and a service of the file.
    fn config(self) -> String {
        let Self { max_flows, per_sec, .. } = self;
        let vpc = |name: &str, interface: &str, more: &str| {
            format!(
                r#"
[[vpc]]
name = "{name}"
attach = {{ interface = "{interface}" }}
address = "{}/24"
subnets = [{{ name = "default", cidr = "10.0.0.0/25" }}, {{ name = "tiny", cidr = "10.0.0.252/30" }}]
{more}
"#,
                address::GATEWAY
            )
        };
        let service = |name: &str, vpc: &str, more: &str| {
            format!("\n[[service]]\nname = \"{name}\"\nvpc = \"{vpc}\"\npermissions = [\"*\"]\n{more}\n")
        };
        let dns = r#"backend = { address = "10.0.0.5" }
ports = [{ client = 53, server = 5353, protocol = "udp" }]"#;
        [
            format!(
                "[gateway]\nregion = \"region-1\"\nmax_flows = {max_flows}\nmode = \"{}\"\n",
                Hook::of_tests().mode()
            ),
            format!("[api]\nrequests_per_sec = {per_sec}\n"),
            vpc("consumer", "vpce-c1", "domain = \"d-consumer\""),
            vpc("neighbour", "vpce-c2", "domain = \"d-neighbour\""),
            vpc("provider", "vpce-p1", "domain = \"d-provider\""),
            vpc("cloud", "vpce-p2", &format!("next_hop = \"{}\"", address::ROUTER)),
            service("cloud-dns", "cloud", dns),
            service("cloud-store", "cloud", &format!("type = \"gateway\"\nprefixes = [\"{PREFIX}\"]")),
            service("of-the-file", "neighbour", dns),
        ]
        .concat()
    }

    /// Who and what is there, for the scripts.
    fn setting(self, rig: &Rig) -> Value {
        let told = |words: &str| rig.vpcectl(words).unwrap_or_else(|error| panic!("vpcectl {words}: {error}"));
        let mut users = Map::new();
        for (user, domain, project, role) in USERS {
            told(&format!("create user {user} --domain {domain} --project {project} --role {role}"));
            let key = told(&format!("create key {user}"));
            let (access, secret) = (key.text("access"), key.text("secret"));
            users.insert(user.into(), json!({ "domain": domain, "project": project, "key": access, "secret": secret }));
        }
        let backend = |(name, address): (&str, &str)| {
            let made = told(&format!("create backend --vpc provider --kind vm --address {address}"));
            (name.to_owned(), made.at("id").clone())
        };
        let vpcs = told("get vpcs");
        let vpc = |vpc: &Value| {
            let name = vpc["name"].as_str().expect("a name").to_owned();
            (name, json!({ "id": vpc["id"], "subnets": vpc["subnet_ids"] }))
        };
        let vpcs: Map<_, _> = vpcs.at("vpcs").as_array().expect("a list of VPCs").iter().map(vpc).collect();
        json!({
            "url": URL,
            "certificate": rig.home().join("state/api.crt"),
            "region": "region-1",
            "users": users,
            "token": told("create token consumer").text("token"),
            "vpcs": vpcs,
            "backends": BACKENDS.map(backend).into_iter().collect::<Map<_, _>>(),
            "cloud": Ipv4Addr::from(CLOUD),
            "dns": { "client": port::NAMES, "server": port::NAMES_SERVER },
            "echo": { "client": port::ECHO, "server": port::ECHO_SERVER },
            "client_network": format!("/run/netns/{}", rig.client(1).name()),
            "backend_network": format!("/run/netns/{}", rig.backend(1).name()),
            "requests": self.requests,
            "state": rig.home().join("state"),
            "socket": socket(rig),
            "vpcectl": [binary("VPCECTL"), "--socket".to_owned(), socket(rig)],
        })
    }
}

/// Where the agent listens for `vpcectl`.
fn socket(rig: &Rig) -> String {
    rig.home().join("vpce.sock").display().to_string()
}

/// The Python that has the SDK: beside what cargo builds, as this program is.
#[must_use]
pub fn python() -> PathBuf {
    let this = env::current_exe().expect("the path of this test");
    let target = this.ancestors().nth(3).expect("the folder of all that cargo builds");
    let python = target.join("sdk/bin/python");
    assert!(python.exists(), "{} is not there: run `cargo xtask setup`", python.display());
    python
}
