//! The OpenAPI document, made from the code of the operations.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
    },
};

use super::{error::ErrorBody, versions};

#[derive(OpenApi)]
#[openapi(
    info(title = "VPC endpoints", description = "Endpoint services and endpoints, as VPCEP v1 has them."),
    paths(versions::list, versions::one),
    components(schemas(ErrorBody)),
    modifiers(&Credentials)
)]
struct Document;

/// A signature or a token, for all operations that don't say otherwise.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let header = |name, says| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, says)));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "signature",
            header("Authorization", "SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…, with X-Sdk-Date"),
        );
        components.add_security_scheme("token", header("X-Auth-Token", "A token that the operator made"));
        let either = ["signature", "token"].map(|name| SecurityRequirement::new(name, [""; 0]));
        document.security = Some(either.into());
    }
}

/// The whole document: of the operations, and of what the frame adds.
pub(super) fn whole(operations: openapi::OpenApi) -> openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(operations);
    document
}
