//! Operation 29: tags of a resource.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::resource::{
    Caller, Endpoint, EndpointId, Refusal, Resources, Service, ServiceId, Write, check, request::TagsAction,
};

impl Resources {
    /// Operation 29, for a service.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, or the tags aren't allowed.
    pub fn tag_service(&mut self, by: &Caller, at: u64, id: ServiceId, request: &TagsAction) -> Write<()> {
        let service = self.service_to_change(by, id)?;
        let tags = self.tagged(service.tags.clone(), request)?;
        self.put_service(Service { tags, updated_at: at, ..service });
        Ok(())
    }

    /// Operation 29, for an endpoint.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's or is the file's, or the tags aren't allowed.
    pub fn tag_endpoint(&mut self, by: &Caller, at: u64, id: EndpointId, request: &TagsAction) -> Write<()> {
        let endpoint = self.endpoint_to_change(by, id)?;
        let tags = self.tagged(endpoint.tags.clone(), request)?;
        self.put_endpoint(Endpoint { tags, updated_at: at, ..endpoint });
        Ok(())
    }

    /// Tags after an action: one that is there gets the new value, one that isn't can be deleted too.
    fn tagged(
        &self,
        mut tags: BTreeMap<String, String>,
        request: &TagsAction,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let creates = check::action(request.action.as_deref(), ["create", "delete"], "create or delete")?;
        if request.tags.is_empty() {
            return Err(Refusal::TagsEmpty {});
        }
        if creates {
            tags.extend(self.limits.tags(&request.tags)?);
            self.limits.check_count(&tags)?;
            return Ok(tags);
        }
        let mut keys = BTreeSet::new();
        for tag in &request.tags {
            self.limits.check_key(&tag.key)?;
            if !keys.insert(&tag.key) {
                return Err(Refusal::TagKeyRepeated { key: tag.key.clone() });
            }
            tags.remove(&tag.key);
        }
        Ok(tags)
    }
}
