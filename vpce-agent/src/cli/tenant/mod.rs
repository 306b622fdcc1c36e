//! What tenants make: endpoint services and endpoints, in projects.

mod act;
mod change;
mod create;
mod list;
mod resource;
mod set;
mod wait;
mod watch;

pub(super) use self::{
    act::{Act, delete, verify},
    change::{Permit, Standby, Tagged, Upgrade, quota},
    create::{CreateEndpoint, CreateService},
    list::{Listed, describe, list},
    resource::{Of, Resource, service_names, short_name, tags},
    set::Set,
    wait::Wait,
    watch::Watch,
};
