//! The layers of the agent: imports point downward only.

use std::{fs, path::Path};

use anyhow::{Result, anyhow, ensure};

use super::{
    paths::{self, Name},
    source,
};

/// Modules of one layer, and those they may name.
struct Layer {
    name: &'static str,
    modules: &'static [&'static str],
    /// A module may always name itself.
    imports: &'static [&'static [&'static str]],
}

const APP: &[&str] = &["app"];
const EDGES: &[&str] = &["api", "console", "metrics", "cli", "client", "socket"];
const CLIENT: &[&str] = &["client"];
const SOCKET: &[&str] = &["socket"];
const CONTROL: &[&str] = &["registry", "reconcile", "flow_gc", "dns", "neighbours"];
const PORTS: &[&str] = &["dataplane", "maps", "store", "net"];
const MAPS: &[&str] = &["maps"];
const CONFIG: &[&str] = &["config"];
const MODEL: &[&str] = &["model"];

/// From the top down.
const LAYERS: &[Layer] = &[
    layer("binaries", &["bin"], &[APP, EDGES, CONFIG, MODEL]),
    layer("app", APP, &[EDGES, CONTROL, PORTS, CONFIG, MODEL]),
    // All edges meet their clients on the one socket.
    layer("edges", &["api", "console", "metrics"], &[SOCKET, CONTROL, CONFIG, MODEL]),
    layer("edges", &["cli"], &[CLIENT, SOCKET, CONFIG, MODEL]),
    // As any client of the API would: what the model says of requests and signatures.
    layer("edges", CLIENT, &[MODEL]),
    layer("edges", SOCKET, &[CONTROL, CONFIG, MODEL]),
    // What is written goes to the gateway.
    layer("control", &["registry"], &[&["reconcile"], PORTS, CONFIG, MODEL]),
    // The gateway's loop asks where backends are.
    layer("control", &["reconcile"], &[&["neighbours"], PORTS, CONFIG, MODEL]),
    layer("control", &["flow_gc", "dns", "neighbours"], &[PORTS, CONFIG, MODEL]),
    // Loading the programs opens their maps.
    layer("ports", &["dataplane"], &[MAPS, CONFIG, MODEL]),
    layer("ports", &["maps", "store", "net"], &[CONFIG, MODEL]),
    layer("config", CONFIG, &[MODEL]),
    layer("model", MODEL, &[]),
];

const fn layer(
    name: &'static str,
    modules: &'static [&'static str],
    imports: &'static [&'static [&'static str]],
) -> Layer {
    Layer { name, modules, imports }
}

/// Who may name an outside library.
enum Only {
    These(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

const LIBRARIES: &[(&str, Only)] = &[
    ("aya", Only::These(&["dataplane", "maps"])),
    ("aya_log", Only::These(&["dataplane", "maps"])),
    ("aya_obj", Only::These(&["dataplane", "maps"])),
    ("rusqlite", Only::These(&["store"])),
    ("tokio", Only::AllBut(&["model", "config"])),
    ("getrandom", Only::AllBut(&["model", "config"])),
    ("axum", Only::These(EDGES)),
    ("axum_server", Only::These(EDGES)),
    ("rustls", Only::These(EDGES)),
    ("tokio_rustls", Only::These(CLIENT)),
    ("rcgen", Only::These(EDGES)),
    ("utoipa_axum", Only::These(EDGES)),
];

/// Fails if a file below `src` reaches up or sideways; names every place.
pub fn check(src: &Path) -> Result<()> {
    let mut faults = Vec::new();
    for path in source::files(src)? {
        let inside = path.strip_prefix(src)?.with_extension("");
        for (line, fault) in faults_of(&inside, &fs::read_to_string(&path)?)? {
            faults.push(format!("\n    {}:{line}: {fault}", path.display()));
        }
    }
    ensure!(faults.is_empty(), "imports that do not point downward:{}", faults.concat());
    Ok(())
}

/// The faults of one file, given by its path in `src` without the `.rs`, each with its line.
fn faults_of(path: &Path, text: &str) -> Result<Vec<(usize, String)>> {
    let path = path.display().to_string();
    let segments: Vec<&str> = path.split('/').filter(|segment| *segment != "mod").collect();
    let module = match segments[..] {
        // The crate's root only lists the modules; a test may take what it tests from whoever makes it.
        [] | ["lib"] | [_, "tests", ..] | [_, _, "tests", ..] => return Ok(Vec::new()),
        [module, ..] => module,
    };
    let Some(layer) = LAYERS.iter().find(|layer| layer.modules.contains(&module)) else {
        return Ok(vec![(1, format!("{module} belongs to no layer: add it to xtask/src/lint/layers.rs"))]);
    };
    let tokens = text.parse().map_err(|error| anyhow!("{path}.rs: {error}"))?;
    let names = paths::names(tokens, segments.len());
    Ok(names.into_iter().filter_map(|name| Some((name.line, fault(layer, module, &name)?))).collect())
}

fn fault(layer: &Layer, module: &str, name: &Name) -> Option<String> {
    let Name { first: name, of_crate, .. } = name;
    if *of_crate {
        // What is in no layer is an item of the crate's root.
        let other = LAYERS.iter().find(|other| other.modules.contains(&name.as_str()))?;
        let may = name == module || layer.imports.iter().any(|modules| modules.contains(&name.as_str()));
        return (!may).then(|| format!("{module} ({}) may not name {name} ({})", layer.name, other.name));
    }
    let (_, only) = LIBRARIES.iter().find(|(library, _)| library == name)?;
    let may = match only {
        Only::These(modules) => modules.contains(&module),
        Only::AllBut(modules) => !modules.contains(&module),
    };
    (!may).then(|| format!("{module} ({}) may not name the library {name}", layer.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let faults = faults_of(Path::new(path), text).expect("the sample is Rust");
        faults.into_iter().map(|(line, fault)| format!("{line}: {fault}")).collect()
    }

    #[test]
    fn an_edge_may_not_name_a_port() {
        let sample = "use crate::model::Endpoint;\nuse crate::{\n    config::Config,\n    maps::{Flows, Slots},\n};";
        assert_eq!(faults("api/routes", sample), ["4: api (edges) may not name maps (ports)"]);
        assert_eq!(faults("app", sample), [""; 0]);
    }

    #[test]
    fn tests_may_name_whoever_makes_what_they_test() {
        assert_eq!(faults("model/resource/tests/mod", "use crate::config;"), [""; 0]);
        assert_eq!(faults("model/tests", "use crate::config;"), [""; 0]);
    }

    #[test]
    fn nothing_points_upward() {
        assert_eq!(
            faults("model/mod", "use crate::config::Config;"),
            ["1: model (model) may not name config (config)"]
        );
        assert_eq!(faults("store", "fn f(app: &crate::app::App) {}"), ["1: store (ports) may not name app (app)"]);
        assert_eq!(
            faults("maps/mod", "use super::reconcile::Plan;"),
            ["1: maps (ports) may not name reconcile (control)"]
        );
    }

    #[test]
    fn a_module_may_name_itself_but_not_its_neighbour() {
        assert_eq!(faults("maps/flows", "use crate::maps::MapError;"), [""; 0]);
        assert_eq!(faults("maps/flows", "use crate::store::Store;"), ["1: maps (ports) may not name store (ports)"]);
    }

    #[test]
    fn only_the_ports_of_the_kernel_name_aya() {
        assert_eq!(faults("dataplane/load", "use aya::Ebpf;"), [""; 0]);
        assert_eq!(faults("store", "use aya::Ebpf;"), ["1: store (ports) may not name the library aya"]);
        assert_eq!(faults("app", "fn f(e: aya::Ebpf) {}"), ["1: app (app) may not name the library aya"]);
    }

    #[test]
    fn only_the_store_names_the_database() {
        assert_eq!(faults("store/sqlite", "use rusqlite::Connection;"), [""; 0]);
        assert_eq!(faults("app", "use rusqlite::Error;"), ["1: app (app) may not name the library rusqlite"]);
    }

    #[test]
    fn the_model_and_the_config_know_no_tokio() {
        assert_eq!(faults("api/mod", "use tokio::net::UnixListener;"), [""; 0]);
        assert_eq!(faults("config/mod", "use tokio::fs;"), ["1: config (config) may not name the library tokio"]);
    }

    #[test]
    fn only_the_edges_speak_http() {
        assert_eq!(faults("api/server", "use axum::Router;\nuse rustls::ServerConfig;"), [""; 0]);
        assert_eq!(
            faults("reconcile/mod", "use axum::Router;"),
            ["1: reconcile (control) may not name the library axum"]
        );
    }

    #[test]
    fn a_binary_starts_the_app_and_reaches_no_further() {
        assert_eq!(faults("bin/vpce-agent", "use vpce_agent::app;"), [""; 0]);
        assert_eq!(faults("bin/vpcectl", "use vpce_agent::maps;"), ["1: bin (binaries) may not name maps (ports)"]);
    }

    #[test]
    fn a_module_that_the_table_lacks_is_a_fault() {
        let fault = "1: helpers belongs to no layer: add it to xtask/src/lint/layers.rs";
        assert_eq!(faults("helpers", ""), [fault]);
        assert_eq!(faults("lib", "pub mod helpers;"), [""; 0]);
    }
}
