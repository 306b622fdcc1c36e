//! What is installed and what is written about it: the unit, the examples, the tables.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use vpce_common::reason::DropReason;
use vpce_tests::{Finished, Process, Rig, binary, finish, output, wait_for, wait_until};

/// A boot, or a start after a failure, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const UNIT: &str = include_str!("../../deploy/vpce-agent.service");
/// What the unit gets beside it for VXLAN.
const VXLAN: &str = include_str!("../../deploy/vxlan.conf");
/// And for the HTTPS API.
const API: &str = include_str!("../../deploy/api.conf");
/// `CAP_BPF`, `CAP_PERFMON`, `CAP_NET_RAW`, `CAP_NET_ADMIN`, as `/proc` writes them.
const FOUR_RIGHTS: &str = "000000c000003000";

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `systemd-analyze` on the unit, with a drop-in or none, as it would be where the agent is installed.
fn analyze(arguments: &[&str], drop_in: Option<&str>) -> Finished {
    let home = tempfile::tempdir().expect("a temporary directory");
    let unit = home.path().join("vpce-agent.service");
    fs::write(&unit, UNIT.replace("/usr/bin/vpce-agent", &binary("VPCE_AGENT"))).expect("a copy of the unit");
    if let Some(drop_in) = drop_in {
        let beside = home.path().join("vpce-agent.service.d");
        fs::create_dir(&beside).expect("a folder");
        fs::write(beside.join("drop-in.conf"), drop_in).expect("a copy of the drop-in");
    }
    finish(Command::new("systemd-analyze").args(arguments).arg(unit))
}

#[test]
fn systemd_finds_nothing_to_complain_about_in_the_unit_and_its_drop_ins() {
    for drop_in in [None, Some(VXLAN), Some(API)] {
        let verified = analyze(&["verify"], drop_in);
        assert!(verified.status.success(), "{verified:?}");
        // It loads what ours depends on too, and other units of this host are not our matter.
        let said = verified.stdout + &verified.stderr;
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("vpce-agent")).collect();
        assert!(ours.is_empty(), "{ours:#?}");
    }
}

#[test]
fn the_unit_is_exposed_to_little_and_opens_ip_sockets_only_where_it_is_told_to() {
    let judge = |threshold, drop_in| {
        let judged = analyze(&["security", "--offline=true", threshold, "--no-pager"], drop_in);
        assert!(judged.status.success(), "{}{}", judged.stdout, judged.stderr);
        judged.stdout.contains("may allocate Internet sockets")
    };
    assert!(!judge("--threshold=20", None));
    for drop_in in [VXLAN, API] {
        assert!(judge("--threshold=25", Some(drop_in)));
    }
}

#[test]
fn the_unit_runs_under_systemd_with_four_rights_and_comes_back_when_killed() {
    let rig = Rig::pair().build();
    let _web = rig.web(1);
    let mut boot = rig.gateway().command("sh");
    boot.arg(workspace().join("deploy/try-unit.sh")).args([binary("VPCE_AGENT"), binary("VPCECTL")]);
    boot.arg(rig.home().join("vpce.toml"));
    let mut systemd = Process::spawn(&mut boot, &rig.home().join("systemd.log"));
    let process = wait_for("a systemd", PATIENCE, || {
        let ended = systemd.ended();
        assert!(ended.is_none(), "systemd ended: {ended:?}:\n{}", systemd.log());
        systemd
            .log()
            .lines()
            .find_map(|line| line.strip_prefix("systemd is process ").map(str::to_owned))
            .ok_or("not yet")
    });
    let inside = |words: &str| {
        let mut command = Command::new("nsenter");
        command.args(["--target", &process, "--mount", "--pid", "--net", "--"]).args(words.split(' '));
        finish(&mut command)
    };
    let shown =
        |property: &str| inside(&format!("systemctl show --value -p {property} vpce-agent")).stdout.trim().to_owned();
    let active = || shown("ActiveState") == "active";
    let page = || rig.client(1).get("http://10.0.0.100/");

    wait_until("the unit active", PATIENCE, active);
    // Active means that packets flow.
    assert_eq!(page().status, 200, "{}", inside("cat /run/agent.log").stdout);
    let agent = shown("MainPID");
    let status = inside(&format!("cat /proc/{agent}/status")).stdout;
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t{FOUR_RIGHTS}")), "{status}");
    }

    let limit = || inside("vpcectl get endpoints").stdout.contains(" 7 ");
    assert!(inside("sed -i s/^service.*/&\\nmax_connections=7/ /etc/vpce/vpce.toml").status.success());
    let reloaded = inside("systemctl reload vpce-agent");
    assert!(reloaded.status.success(), "{reloaded:?}");
    wait_until("the new limit", PATIENCE, limit);

    assert!(inside("systemctl kill --signal=KILL vpce-agent").status.success());
    assert_eq!(page().status, 200, "with no agent");
    wait_until("another agent", PATIENCE, || shown("MainPID") != agent && active());
    assert_eq!(page().status, 200);

    systemd.signal(Signal::SIGTERM);
    let ended = systemd.wait(PATIENCE);
    assert!(ended.success(), "{ended}: {}", systemd.log());
}

/// The TOML blocks of a text, one after another.
fn toml_blocks(text: &str) -> String {
    let mut blocks = String::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```toml" => inside = true,
            "```" => inside = false,
            line if inside => writeln!(blocks, "{line}").expect("a String takes all"),
            _ => {}
        }
    }
    blocks
}

/// The files below a folder that end so.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace().join(folder)).expect("a folder").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = files("docs", ".md");
    pages.push(workspace().join("README.md"));
    pages
}

#[test]
fn every_example_passes_the_check() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut examples = files("examples", ".toml");
    for page in pages() {
        let blocks = toml_blocks(&fs::read_to_string(&page).expect("a page"));
        if !blocks.is_empty() {
            let name = page.file_stem().expect("a name").to_string_lossy();
            let example = home.path().join(format!("{name}.toml"));
            fs::write(&example, blocks).expect("a file");
            examples.push(example);
        }
    }
    assert!(examples.len() > 2, "{examples:?}");
    for example in examples {
        output(Command::new(binary("VPCE_AGENT")).args(["check", "--elsewhere", "--config"]).arg(example));
    }
}

#[test]
fn the_table_of_drop_reasons_is_the_list_of_the_code() {
    let operations = read("docs/operations.md");
    let rows = operations.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number: usize = cells.get(1)?.parse().ok()?;
        Some((number, cells.get(2)?.trim_matches('`').to_owned()))
    });
    let told: Vec<(usize, String)> = rows.collect();
    let known: Vec<(usize, String)> =
        DropReason::ALL.iter().map(|reason| (*reason as usize, reason.name().to_owned())).collect();
    assert_eq!(told, known);
}

#[test]
fn every_test_that_the_pages_promise_is_there() {
    let mut tests = String::new();
    for folder in ["vpce-common/src", "vpce-agent/src", "tests/tests", "tests/sdk"] {
        sources(&workspace().join(folder), &mut tests);
    }
    for page in ["docs/conformance.md", "docs/features.md", "docs/reliability.md"] {
        let text = read(page);
        // Names of tests are sentences, those of other things are not.
        let names = text.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 2);
        let names: Vec<&str> = names.collect();
        assert!(names.len() > 10, "{page}: {names:?}");
        for name in names {
            let is_there = ["fn", "def"].iter().any(|word| tests.contains(&format!("{word} {name}(")));
            assert!(is_there, "{page}: no test {name}");
        }
    }
}

/// Everything that is written under a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let to = if file.is_empty() { page.clone() } else { page.parent().expect("a folder").join(file) };
            assert!(to.exists(), "{}: {link}", page.display());
            let there = |line: &str| line.starts_with('#') && anchor(line) == heading;
            let found = heading.is_empty() || fs::read_to_string(&to).expect("a page").lines().any(there);
            assert!(found, "{}: {link}", page.display());
        }
    }
}

/// The anchor of a heading: `## Drop reasons` is `drop-reasons`.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}
