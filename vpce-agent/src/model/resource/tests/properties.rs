use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What a tenant or the operator does; numbers name few things, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Backend { number: u8, removed: bool },
    Service { number: u8, backend: u8, port: u16, approval: bool },
    Update { number: u8, backend: u8, port: u16, approval: Option<bool> },
    Standby { number: u8, backend: u8 },
    Endpoint { number: u8, service: u8, small: bool, address: Option<u8> },
    Gateway { number: u8 },
    Act { service: u8, endpoint: u8, accept: bool },
    Permit { number: u8, add: bool },
    Upgrade { number: u8 },
    Applied { number: u8, fails: bool },
    AppliedEndpoint { number: u8, fails: bool },
    DeleteService { number: u8 },
    DeleteEndpoint { number: u8 },
    Release,
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    let (few, port) = (0..4_u8, 1..4_u16);
    prop_oneof![
        (few.clone(), any::<bool>()).prop_map(|(number, removed)| Step::Backend { number, removed }),
        (few.clone(), few.clone(), port.clone(), any::<bool>())
            .prop_map(|(number, backend, port, approval)| Step::Service { number, backend, port, approval }),
        (few.clone(), few.clone(), port, any::<Option<bool>>())
            .prop_map(|(number, backend, port, approval)| Step::Update { number, backend, port, approval }),
        (few.clone(), few.clone()).prop_map(|(number, backend)| Step::Standby { number, backend }),
        (0..9_u8, few.clone(), any::<bool>(), proptest::option::of(0..9_u8))
            .prop_map(|(number, service, small, address)| Step::Endpoint { number, service, small, address }),
        (0..9_u8).prop_map(|number| Step::Gateway { number }),
        (few.clone(), 0..9_u8, any::<bool>()).prop_map(|(service, endpoint, accept)| Step::Act {
            service,
            endpoint,
            accept
        }),
        (few.clone(), any::<bool>()).prop_map(|(number, add)| Step::Permit { number, add }),
        few.clone().prop_map(|number| Step::Upgrade { number }),
        (few.clone(), any::<bool>()).prop_map(|(number, fails)| Step::Applied { number, fails }),
        (0..9_u8, any::<bool>()).prop_map(|(number, fails)| Step::AppliedEndpoint { number, fails }),
        few.prop_map(|number| Step::DeleteService { number }),
        (0..9_u8).prop_map(|number| Step::DeleteEndpoint { number }),
        Just(Step::Release),
        Just(Step::Reload),
    ]
}

fn service_id(number: u8) -> ServiceId {
    ServiceId(id(1000 + u64::from(number)))
}

fn endpoint_id(number: u8) -> EndpointId {
    EndpointId(id(2000 + u64::from(number)))
}

fn backend_id(number: u8) -> BackendId {
    BackendId(id(u64::from(number)))
}

fn run(resources: &mut Resources, step: &Step, at: u64) -> Result<(), Refusal> {
    let (red, blue) = (&tenant("red"), &tenant("blue"));
    let ports = |port: u16| json!([{ "client_port": port, "server_port": port }]);
    let outcome = |fails: bool| if fails { Err("no room".to_owned()) } else { Ok(()) };
    match *step {
        Step::Backend { number, removed: true } => resources.delete_backend(&operator(), backend_id(number)),
        Step::Backend { number, removed: false } => {
            let address = format!("10.0.0.{}", 10 + number);
            let request = body(json!({ "vpc_id": vpc("blue"), "server_type": "VM", "address": address }));
            resources.create_backend(&operator(), at, backend_id(number), &request).map(drop)
        }
        Step::Service { number, backend, port, approval } => {
            let request = body(json!({
                "vpc_id": vpc("blue"), "port_id": backend_id(backend), "server_type": "VM",
                "approval_enabled": approval, "ports": ports(port),
            }));
            resources.create_service(blue, at, service_id(number), &request).map(drop)
        }
        Step::Update { number, backend, port, approval } => {
            let fields = json!({ "port_id": backend_id(backend), "approval_enabled": approval, "ports": ports(port) });
            resources.update_service(blue, at, service_id(number), &body(fields)).map(drop)
        }
        Step::Standby { number, backend } => {
            let request = body(json!({ "server_resources": [{ "resource_id": backend_id(backend) }] }));
            resources.add_server_resources(blue, at, service_id(number), &request)
        }
        Step::Endpoint { number, service, small, address } => {
            let (name, net) = if small { ("small", 1) } else { ("a", 0) };
            let mut request = endpoint_request(service_id(service));
            request.subnet_id = Some(subnet("red", name));
            request.port_ip = address.map(|last| format!("10.0.{net}.{last}"));
            resources.create_endpoint(red, at, endpoint_id(number), &request).map(drop)
        }
        Step::Gateway { number } => {
            let obs = ServiceId::of_file("region-1", "obs");
            let request = body(json!({ "endpoint_service_id": obs, "vpc_id": vpc("red") }));
            resources.create_endpoint(red, at, endpoint_id(number), &request).map(drop)
        }
        Step::Act { service, endpoint, accept } => {
            let action = if accept { "receive" } else { "reject" };
            act(resources, service_id(service), endpoint_id(endpoint), action)
        }
        Step::Permit { number, add } => {
            let action = if add { "add" } else { "remove" };
            let request = body(json!({ "permissions": ["iam:domain::red"], "action": action }));
            resources.change_permissions(blue, at, service_id(number), &request).map(drop)
        }
        Step::Upgrade { number } => resources.upgrade_service(blue, at, service_id(number)),
        Step::Applied { number, fails } => {
            let id = service_id(number);
            if resources.services.contains_key(&id) {
                resources.set_applied(id.0, outcome(fails));
            }
            Ok(())
        }
        Step::AppliedEndpoint { number, fails } => {
            let id = endpoint_id(number);
            if resources.endpoints.contains_key(&id) {
                resources.set_applied(id.0, outcome(fails));
            }
            Ok(())
        }
        Step::DeleteService { number } => resources.delete_service(blue, at, service_id(number)),
        Step::DeleteEndpoint { number } => resources.delete_endpoint(red, at, endpoint_id(number)),
        Step::Release => {
            for key in resources.deleting().collect::<Vec<_>>() {
                if let Key::Service(ServiceId(id)) | Key::Endpoint(EndpointId(id)) = key {
                    resources.released(id);
                }
            }
            Ok(())
        }
        Step::Reload => {
            *resources = resources.with_file(&desired(FILE), at);
            Ok(())
        }
    }
}

fn check(resources: &Resources) {
    assert_eq!(resources.index, recount(resources), "the index is what a recount gives");
    let mut taken = BTreeSet::new();
    for endpoint in resources.endpoints.values() {
        let Some(place) = endpoint.place else { continue };
        let address = place.address.unwrap();
        let network = &resources.world.vpcs[&endpoint.vpc];
        let net = network.subnets[&place.subnet].net;
        assert!(net.contains(&address) && address != net.network() && address != net.broadcast());
        assert!(network.own().all(|own| own != address) && !resources.index.addresses.is_fixed(endpoint.vpc, address));
        assert!(taken.insert((endpoint.vpc, address)), "{address} is held twice");
    }
    let mut published = BTreeSet::new();
    for service in resources.services.values() {
        for backend in service.backends() {
            assert!(resources.backends.contains_key(&backend), "a service leads to a backend that is there");
            let fresh = service.ports.iter().all(|mapping| published.insert((backend, mapping.published())));
            assert!(fresh, "a port of a backend is published once");
        }
        let connections = resources.connections_of(service.id);
        let active = connections.iter().filter(|endpoint| resources.is_active(endpoint)).count();
        assert!(!service.deleting || active == 0, "a deleted service has no active endpoint");
        assert_eq!(usize::try_from(resources.index.active(service.id)).unwrap(), active);
    }
    for domain in ["red", "blue"] {
        let (used, quota) = (resources.index.used(domain), resources.quota(domain));
        assert!(used.services <= quota.services && used.endpoints <= quota.endpoints);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// The store and the dataplane are told of changes only, and have all of it in the end.
    #[test]
    fn no_sequence_of_requests_breaks_the_resources_or_is_half_told(steps in prop::collection::vec(step(), 1..60)) {
        let mut resources = resources();
        resources.set_quota(&operator(), "red", &body(json!({ "endpoint": 7 }))).unwrap();
        resources.set_quota(&operator(), "blue", &body(json!({ "endpoint_service": 3 }))).unwrap();
        let mut rows: BTreeMap<Key, Value> = BTreeMap::new();
        let mut part: BTreeMap<String, bool> = BTreeMap::new();
        for (at, step) in (AT..).zip(&steps) {
            let mut working = resources.clone();
            if run(&mut working, step, at).is_ok() {
                resources = working;
            }
            let changed = resources.take_changed();
            for key in &changed {
                match resources.row(key) {
                    Some(row) => drop(rows.insert(key.clone(), row)),
                    None => drop(rows.remove(key)),
                }
            }
            let told = resources.desired(&changed);
            part.extend(told.services.iter().map(|(name, service)| (name.clone(), service.is_some())));
            part.extend(told.endpoints.iter().map(|(name, endpoint)| (name.clone(), endpoint.is_some())));
            check(&resources);
        }
        let whole = resources.desired(&resources.keys());
        let services = whole.services.iter().map(|(name, service)| (name, service.is_some()));
        let wanted: BTreeMap<_, _> =
            services.chain(whole.endpoints.iter().map(|(name, endpoint)| (name, endpoint.is_some()))).filter(|(_, there)| *there).collect();
        prop_assert_eq!(wanted, part.iter().filter(|(_, there)| **there).map(|(name, there)| (name, *there)).collect());
        let read = Resources::load(&desired(FILE), AT, rows).unwrap();
        prop_assert_eq!(&read.services, &resources.services);
        prop_assert_eq!(&read.endpoints, &resources.endpoints);
        prop_assert_eq!(&read.backends, &resources.backends);
        prop_assert_eq!(&read.quotas, &resources.quotas);
        prop_assert_eq!(read.next_marker, resources.next_marker);
        prop_assert_eq!(&read.index, &recount(&read));
    }

    #[test]
    fn the_next_free_address_is_the_lowest_that_nobody_has(steps in prop::collection::vec((any::<bool>(), 0..20_u8), 1..80)) {
        let (vpc, net) = (VpcId(id(1)), "10.0.0.0/28".parse::<ipnet::Ipv4Net>().unwrap());
        let (mut addresses, mut held) = (super::super::addresses::Addresses::default(), BTreeSet::new());
        for (hold, last) in steps {
            let address = std::net::Ipv4Addr::from([10, 0, 0, last]);
            if hold {
                addresses.hold(vpc, address, EndpointId(id(1)));
                held.insert(address);
            } else {
                addresses.release(vpc, address, EndpointId(id(1)));
                held.remove(&address);
            }
            prop_assert_eq!(addresses.next_free(vpc, net), net.hosts().find(|host| !held.contains(host)));
        }
        for address in held {
            addresses.release(vpc, address, EndpointId(id(1)));
        }
        prop_assert_eq!(addresses, super::super::addresses::Addresses::default());
    }
}
