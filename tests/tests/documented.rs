//! What `docs/api.md` shows is run as it is written there.

use std::{fs, path::Path};

use vpce_tests::{Hook, Rig, binary, finish, story};

/// The tenants of the page.
const NETWORKS: &str = r#"
[[vpc]]
name = "red"
domain = "tenant-red"
attach = { interface = "vpce-c1" }
address = "10.1.0.254/24"
subnets = [{ name = "default", cidr = "10.1.0.0/24" }]

[[vpc]]
name = "blue"
domain = "tenant-blue"
attach = { interface = "vpce-p1" }
address = "10.2.0.254/24"
subnets = [{ name = "default", cidr = "10.2.0.0/24" }]
"#;

/// The places of an agent of the unit, those of this rig's in them; nobody else sees it. Whatever is
/// answered with an error fails.
const PLACES: &str = r#"
mount -t tmpfs tmpfs /run && mkdir /run/vpce && mount --bind "$RIG" /run/vpce
mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/vpce && mount --bind "$RIG/state" /var/lib/vpce
mount -t tmpfs tmpfs /etc/systemd
ln -s "$PWD/deploy" "$RIG" && cd "$RIG"
curl() { command curl --silent --show-error --fail-with-body "$@"; echo; }
"#;

#[test]
fn every_example_of_the_api_page_runs_as_it_is_written() {
    let page = fs::read_to_string(workspace().join("docs/api.md")).expect("the page");
    let blocks = blocks(&page);
    let (file, rest): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| block.starts_with('['));
    let mode = Hook::of_tests().mode();
    let gateway = format!("[gateway]\nregion = \"region-1\"\nmax_flows = 32768\nmode = \"{mode}\"\n");
    let rig = Rig::pair().config(&format!("{gateway}{NETWORKS}{}", file.concat())).start();

    let mut script = PLACES.to_owned();
    for block in &rest {
        if block.starts_with("import ") {
            script.extend(["python - <<'END'\n", block, "END\n"]);
        } else {
            script += block;
        }
    }
    let (python, vpcectl) = (story::python(), binary("VPCECTL"));
    let tools = [&python, Path::new(&vpcectl)].map(|tool| tool.parent().expect("a folder").display().to_string());
    let path = format!("{}:{}", tools.join(":"), std::env::var("PATH").expect("PATH"));
    let mut shell = rig.gateway().command("unshare");
    shell.args(["--mount", "bash", "-euo", "pipefail", "-c", &script]).current_dir(workspace());
    shell.env("PATH", path).env("RIG", rig.home()).env("NO_PROXY", "*");
    let ran = finish(&mut shell);
    assert!(ran.status.success(), "{}\n{}{}", ran.status, ran.stdout, ran.stderr);
    // By curl, by the SDK, and on the socket.
    assert_eq!(ran.stdout.matches("\"endpoint_services\"").count(), 2, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("\"endpoints\"").count(), 1, "{}", ran.stdout);
}

/// The indented blocks of a page, without their indent.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in page.lines() {
        let within = blocks.last_mut().expect("a block");
        match line.strip_prefix("    ") {
            Some(code) => within.extend([code, "\n"]),
            None if line.is_empty() && !within.is_empty() => within.push('\n'),
            None if within.is_empty() => {}
            None => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}
