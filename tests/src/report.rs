//! What one would ask for when a test fails.

use std::{fmt::Write, fs, process::Command};

use crate::{Rig, process::finish};

/// Describes the rig: namespaces, agent, dataplane, logs.
pub fn of(rig: &Rig) -> String {
    let mut report = String::new();
    for namespace in rig.namespaces() {
        for words in ["address", "-d link", "neighbour", "route"] {
            let title = format!("{}: ip {words}", namespace.name());
            add(&mut report, &title, namespace.command("ip").args(words.split(' ')));
        }
    }
    add(&mut report, "pins", Command::new("find").arg(rig.bpf_dir()));
    add(&mut report, "programs on interfaces", rig.gateway().command("bpftool").args(["net"]));
    for words in ["get endpoints", "get drops"] {
        let told = rig.vpcectl(words);
        let text = told.map_or_else(|error| error, |view| view.to_string());
        section(&mut report, &format!("vpcectl {words}"), &text);
    }
    for entry in fs::read_dir(rig.home()).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| error.to_string());
            section(&mut report, &entry.file_name().display().to_string(), &text);
        }
    }
    report
}

fn add(report: &mut String, title: &str, command: &mut Command) {
    let done = finish(command);
    section(report, title, &(done.stdout + &done.stderr));
}

fn section(report: &mut String, title: &str, text: &str) {
    writeln!(report, "--- {title}\n{}", text.trim_end()).expect("a String takes all");
}
