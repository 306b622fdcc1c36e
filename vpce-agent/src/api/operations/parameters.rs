//! What the document says of parameters, and of failures.

use std::collections::BTreeMap;

use utoipa::{
    IntoParams, IntoResponses,
    openapi::{
        Content, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{AnyOfBuilder, SchemaFormat, Type},
    },
};

use crate::model::resource::state::{EndpointState, ServiceState};

const PAGE: [&str; 4] = ["sort_key", "sort_dir", "limit", "offset"];

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident: $path:expr, $query:expr, $page:expr;)*) => {$(
        $(#[$doc])*
        pub(super) enum $name {}

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                let path: &[&str] = &$path;
                let query: Vec<(&str, ObjectBuilder)> = $query.into();
                let page = PAGE.into_iter().filter(|_| $page).map(|name| (name, schema(name)));
                let path = ["project_id"].iter().chain(path).map(|name| parameter(name, schema(name), Required::True));
                let query = query.into_iter().chain(page);
                path.chain(query.map(|(name, schema)| parameter(name, schema, Required::False))).collect()
            }
        }
    )*};
}

parameters! {
    /// The project alone.
    Project: [], [], false;
    /// A service.
    Service: ["vpc_endpoint_service_id"], [], false;
    /// A permission of a service.
    Permission: ["vpc_endpoint_service_id", "permission_id"], [], false;
    /// An endpoint.
    Endpoint: ["vpc_endpoint_id"], [], false;
    /// The services of a project.
    Services: [], [part("endpoint_service_name"), part("id"), ("status", states(&ServiceState::ALL.map(ServiceState::name)))], true;
    /// The services that all may use.
    PublicServices: [], [part("endpoint_service_name"), part("id")], true;
    /// The service that a consumer was told of.
    DescribedService: [], [part("endpoint_service_name"), ("id", schema("vpc_endpoint_service_id"))], false;
    /// The endpoints of a service.
    Connections: ["vpc_endpoint_service_id"],
        [("id", text()), ("marker_id", number(i64::from(u32::MAX))), ("status", states(&EndpointState::ALL.map(EndpointState::name)))], true;
    /// The permissions of a service.
    Permissions: ["vpc_endpoint_service_id"], [part("permission")], true;
    /// The endpoints of a project.
    Endpoints: [], [part("endpoint_service_name"), part("id"), ("vpc_id", uuid())], true;
    /// Quotas.
    Quotas: [], [("type", schema("resource_type"))], false;
    /// Resources of a type.
    OfType: ["resource_type"], [], false;
    /// A resource of a type.
    Resource: ["resource_type", "resource_id"], [], false;
}

fn parameter(name: &str, schema: ObjectBuilder, required: Required) -> Parameter {
    let parameter = ParameterBuilder::new().name(name);
    if required == Required::True {
        return parameter.parameter_in(ParameterIn::Path).required(required).schema(Some(schema)).build();
    }
    // One that is empty is none.
    let empty = ObjectBuilder::new().schema_type(Type::String).max_length(Some(0));
    let schema = AnyOfBuilder::new().item(schema).item(empty);
    parameter.parameter_in(ParameterIn::Query).required(required).schema(Some(schema)).build()
}

/// What a parameter of a name is, wherever it is.
fn schema(name: &str) -> ObjectBuilder {
    match name {
        "sort_key" => states(&["create_at", "update_at", "created_at", "updated_at"]),
        "sort_dir" => states(&["desc", "asc"]),
        "limit" => number(1000).default(Some(10.into())).description(Some("How many at most")),
        "offset" => number(i64::from(i32::MAX)).default(Some(0.into())).description(Some("How many to skip")),
        "resource_type" => states(&["endpoint_service", "endpoint"]),
        "project_id" => text().min_length(Some(1)).description(Some("The project")),
        _ => uuid(),
    }
}

fn states(names: &[&str]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.iter().copied()))
}

fn uuid() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("uuid".to_owned())))
}

fn number(most: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_i64)).maximum(Some(most))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A filter by a part of a text.
fn part(name: &'static str) -> (&'static str, ObjectBuilder) {
    (name, text().description(Some("A part of it, in letters of either case")))
}

/// How every operation can fail.
pub(super) enum Failures {}

impl IntoResponses for Failures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let failure = |(status, what): (&str, &str)| {
            let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
            let response = ResponseBuilder::new().description(what).content("application/json", content);
            (status.to_owned(), response.build().into())
        };
        [
            ("400", "A value is not allowed, or the state of things does not allow it; nothing was changed"),
            ("401", "It is not known who asks"),
            ("403", "Who asks has no right to it"),
            ("404", "There is no such thing in the project"),
            ("default", "It could not be done; nothing was changed"),
        ]
        .map(failure)
        .into()
    }
}
