//! State is carried away and put back.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use vpce_tests::{Finished, Rig, address::endpoint, binary, finish, port, state, tcp::Talk};

#[test]
fn a_gateway_is_what_it_was_after_its_state_was_lost_and_restored_from_a_backup() {
    let mut rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let mut live = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let (dir, file) = (rig.home().join("state"), rig.home().join("backup"));
    let before = (state::committed(&dir), rig.endpoint(1).text("transit_address").to_owned());

    let made = backup(&dir, &file);
    assert!(made.status.success(), "{made:?}");
    assert_eq!(made.stdout, format!("{}: backup of {}\n", file.display(), dir.display()));
    assert_eq!(fs::metadata(&file).expect("a backup").permissions().mode() & 0o777, 0o600);

    let refused = restore(&file, &dir);
    assert!(!refused.status.success() && refused.stderr.contains("is in use by another vpce-agent"), "{refused:?}");
    rig.agent().kill();
    fs::remove_dir_all(&dir).expect("a state that is lost");
    let restored = restore(&file, &dir);
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(fs::metadata(&dir).expect("a directory").permissions().mode() & 0o777, 0o700);
    rig.agent().start();
    assert_eq!((state::committed(&dir), rig.endpoint(1).text("transit_address").to_owned()), before);
    live.say("still here").expect("a live flow");
}

#[test]
fn a_state_that_is_older_than_the_dataplane_is_refused_until_that_was_taken_off() {
    let mut rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let (dir, file) = (rig.home().join("state"), rig.home().join("backup"));
    assert!(backup(&dir, &file).status.success());
    let one_more = rig.plan().toml()
        + "\n[[endpoint]]\nname = \"later\"\nservice = \"web-1\"\nvpc = \"consumer-1\"\nsubnet = \"default\"\n";
    rig.write_config(&one_more);
    rig.agent().reload();
    let mut live = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    rig.agent().stop();
    assert!(restore(&file, &dir).status.success());

    for config in [one_more, rig.plan().toml()] {
        rig.write_config(&config);
        let run = &mut rig.agent().run_command();
        let said = rig.agent().refused(run);
        assert!(said.contains("this state directory does not know") && said.contains("vpce-agent unload"), "{said}");
        live.say("still here").expect("a live flow");
    }
    assert!(rig.agent().unload().status.success());
    rig.agent().start();
}

#[test]
fn a_backup_is_made_of_a_state_that_no_agent_uses_and_replaces_the_one_before() {
    let mut rig = Rig::pair().start();
    let (dir, file) = (rig.home().join("state"), rig.home().join("backup"));
    rig.agent().stop();
    let before = state::committed(&dir);
    fs::write(&file, "an older one").expect("a file");
    let made = backup(&dir, &file);
    assert!(made.status.success(), "{made:?}");
    let other = rig.home().join("other");
    assert!(restore(&file, &other).status.success());
    assert_eq!(state::committed(&other), before);
}

#[test]
fn what_is_no_backup_is_refused_and_the_state_stays() {
    let mut rig = Rig::pair().start();
    let (dir, file) = (rig.home().join("state"), rig.home().join("backup"));
    rig.agent().stop();
    let before = state::committed(&dir);
    fs::write(&file, "no backup").expect("a file");
    let refused = restore(&file, &dir);
    assert!(!refused.status.success() && refused.stderr.contains("backup"), "{refused:?}");
    let none = backup(&rig.home().join("nowhere"), &file);
    assert!(!none.status.success() && none.stderr.contains("nowhere/vpce.db"), "{none:?}");
    assert_eq!(state::committed(&dir), before);
    rig.agent().start();
}

#[test]
fn an_agent_whose_database_is_damaged_tells_the_cure() {
    let mut rig = Rig::pair().start();
    let (dir, file) = (rig.home().join("state"), rig.home().join("backup"));
    assert!(backup(&dir, &file).status.success());
    rig.agent().stop();
    fs::write(dir.join("vpce.db"), "x".repeat(9000)).expect("a damaged database");
    let run = &mut rig.agent().run_command();
    let said = rig.agent().refused(run);
    assert!(said.contains("vpce.db is damaged") && said.contains("vpce-agent restore --from FILE"), "{said}");
    assert!(restore(&file, &dir).status.success());
    rig.agent().start();
}

fn backup(dir: &Path, to: &Path) -> Finished {
    finish(Command::new(binary("VPCECTL")).arg("backup").arg(to).arg("--state-dir").arg(dir))
}

fn restore(from: &Path, dir: &Path) -> Finished {
    let mut command = Command::new(binary("VPCE_AGENT"));
    finish(command.arg("restore").arg("--from").arg(from).arg("--state-dir").arg(dir))
}
