//! VLAN tags, put on and taken off by programs on a machine's interface.

use std::path::PathBuf;

use aya::{
    Ebpf, EbpfLoader,
    programs::{SchedClassifier, TcAttachType},
};

use crate::{Namespace, agent::binary};

/// An interface that is in a VLAN and does not know it, for as long as this lives.
#[derive(Debug)]
pub struct Tags {
    _programs: Ebpf,
}

impl Tags {
    /// Puts an interface of a machine into a VLAN.
    #[must_use]
    pub fn put(machine: &Namespace, interface: &str, vlan: u16) -> Self {
        // Built beside the product's.
        let object = PathBuf::from(binary("VPCE_EBPF_OBJECT")).with_file_name("vlan");
        let mut programs = EbpfLoader::new()
            .override_global("VLAN", &vlan, true)
            .load_file(&object)
            .unwrap_or_else(|error| panic!("{}: {error}", object.display()));
        for (name, hook) in [("push", TcAttachType::Egress), ("pop", TcAttachType::Ingress)] {
            let program = programs.program_mut(name).expect("the object's program");
            let program: &mut SchedClassifier = program.try_into().expect("a classifier");
            program.load().unwrap_or_else(|error| panic!("{name} of {}: {error}", object.display()));
            let attached = machine.run(|| program.attach(interface, hook));
            attached.unwrap_or_else(|error| panic!("{name} on {interface}: {error}"));
        }
        Self { _programs: programs }
    }
}
