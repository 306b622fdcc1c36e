//! `cargo xtask build-and-load`, as a user runs it.

use std::{path::Path, time::Duration};

use vpce_tests::Rig;

/// It may build everything first.
const BUILD: Duration = Duration::from_mins(10);

#[test]
fn a_config_for_interfaces_that_somebody_else_made_runs() {
    let mut rig = Rig::pair().build();
    let _web = rig.web(1);

    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut cargo = rig.gateway().command(env!("CARGO"));
    cargo.current_dir(workspace).args(["run", "--quiet", "--package", "xtask", "--"]);
    cargo.args(["build-and-load", "--config"]).arg(rig.agent().config());
    cargo.arg("--").args(rig.agent().places());
    rig.agent().start_as(&mut cargo, BUILD);

    let page = rig.client(1).get("http://10.0.0.100/");
    assert!(page.body.starts_with("backend-1 saw 198.19."), "{page:?}");
    rig.agent().stop();
}
