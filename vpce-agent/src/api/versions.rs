//! Which versions of the API there are: the vendor's operations 32 and 33, open to all.

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, header, uri::Authority},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Error, ErrorBody};

/// All versions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Versions {
    versions: Vec<Version>,
}

/// The version that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OneVersion {
    version: Version,
}

/// A version of the API.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VersionObject)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub(super) struct Version {
    /// `CURRENT`: the one to use.
    status: &'static str,
    /// Its name in paths.
    id: &'static str,
    /// When it came out.
    updated: &'static str,
    /// Empty: there are no versions within it.
    version: &'static str,
    /// Likewise.
    min_version: &'static str,
    links: Vec<Link>,
}

/// Where a version is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Link {
    href: String,
    r#type: &'static str,
    rel: &'static str,
}

/// All versions.
#[utoipa::path(get, path = "/", operation_id = "list_version_details", tag = "versions", security(()),
    responses((status = 200, description = "All versions", body = Versions)))]
pub(super) async fn list(headers: HeaderMap) -> Json<Versions> {
    Json(Versions { versions: vec![v1(&headers)] })
}

/// One version.
#[utoipa::path(get, path = "/{version}", operation_id = "list_specified_version_details", tag = "versions", security(()),
    params(("version" = String, Path, description = "v1")),
    responses((status = 200, description = "The version", body = OneVersion),
        (status = 404, description = "No such version", body = ErrorBody)))]
pub(super) async fn one(Path(version): Path<String>, headers: HeaderMap) -> Result<Json<OneVersion>, Error> {
    if version != "v1" {
        return Err(Error::not_found(format!("there is no version {version:?} of the API; there is v1")));
    }
    Ok(Json(OneVersion { version: v1(&headers) }))
}

fn v1(headers: &HeaderMap) -> Version {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let href = host.map_or_else(|| "/v1/".to_owned(), |host| format!("https://{host}/v1/"));
    Version {
        status: "CURRENT",
        id: "v1",
        updated: "2018-09-30T00:00:00Z",
        version: "",
        min_version: "",
        links: vec![Link { href, r#type: "application/json", rel: "self" }],
    }
}
