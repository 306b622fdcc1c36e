//! Operations 28, 30 and 31: quotas, and resources by tags.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    page::{Page, given, has_part},
    service::tags,
};
use crate::model::resource::{
    Caller, Endpoint, Limits, Refusal, Resources, Service,
    answer::{Instances, ProjectTags, Quota as Shown, QuotaResources, Quotas, ResourceInstance},
    check,
    request::{QueryInstances, TagValues},
};

/// What can have tags, and a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceType {
    /// `endpoint_service`
    Service,
    /// `endpoint`
    Endpoint,
}

impl std::str::FromStr for ResourceType {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "endpoint_service" => Ok(Self::Service),
            "endpoint" => Ok(Self::Endpoint),
            _ => Err(Refusal::ResourceType { value: text.to_owned() }),
        }
    }
}

/// Keys of a filter by tags, and values of each key.
const MAX_FILTERS: usize = 10;

/// A resource as filters see it: its id as text, when it was made, its name and its tags.
type Tagged<'a> = (Uuid, u64, String, &'a BTreeMap<String, String>);

impl Resources {
    /// Operation 28.
    ///
    /// # Errors
    ///
    /// There is no such type.
    pub fn quotas(&self, by: &Caller, kind: Option<&str>) -> Result<Quotas, Refusal> {
        let (used, quota) = (self.index.used(&by.domain), self.quota(&by.domain));
        let shown = |kind: &str, used, quota| Shown { kind: kind.to_owned(), used, quota };
        let mut resources = vec![
            shown("endpoint_service", used.services, quota.services),
            shown("endpoint", used.endpoints, quota.endpoints),
        ];
        if let Some(kind) = kind.filter(|kind| !kind.is_empty()) {
            resources.retain(|quota| quota.kind == kind);
            if resources.is_empty() {
                let allowed = "endpoint_service or endpoint".to_owned();
                return Err(Refusal::Parameter { field: "type", value: kind.to_owned(), allowed });
            }
        }
        Ok(Quotas { quotas: QuotaResources { resources } })
    }

    /// Operation 30.
    #[must_use]
    pub fn project_tags(&self, by: &Caller, kind: ResourceType) -> ProjectTags {
        let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (.., tags) in self.tagged_of(by, kind) {
            for (key, value) in tags {
                keys.entry(key).or_default().insert(value);
            }
        }
        let values = |values: BTreeSet<&str>| values.into_iter().map(str::to_owned).collect();
        ProjectTags {
            tags: keys.into_iter().map(|(key, all)| TagValues { key: key.to_owned(), values: values(all) }).collect(),
        }
    }

    /// Operation 31.
    ///
    /// # Errors
    ///
    /// A filter isn't allowed.
    pub fn query_instances(
        &self,
        by: &Caller,
        kind: ResourceType,
        query: &QueryInstances,
    ) -> Result<Instances, Refusal> {
        let lists = check::action(query.action.as_deref(), ["filter", "count"], "filter or count")?;
        let page = Page::by_id(query.limit.as_ref().filter(|_| lists), query.offset.as_ref().filter(|_| lists))?;
        let filter = Filter::new(query)?;
        let found: BTreeMap<Uuid, Tagged<'_>> = self
            .tagged_of(by, kind)
            .into_iter()
            .filter(|tagged| filter.admits(tagged))
            .map(|tagged| (tagged.0, tagged))
            .collect();
        let (ids, total_count) = page.cut(found.values().map(|(id, at, ..)| (*at, *id)).collect(), |_| 0);
        let instance = |(id, _, name, labels): &Tagged<'_>| ResourceInstance {
            resource_id: id.to_string(),
            tags: tags(labels),
            resource_name: name.clone(),
        };
        let resources = lists.then(|| ids.iter().filter_map(|id| found.get(id)).map(instance).collect());
        Ok(Instances { resources, total_count })
    }

    fn tagged_of(&self, by: &Caller, kind: ResourceType) -> Vec<Tagged<'_>> {
        match kind {
            ResourceType::Service => {
                let tagged = |service: &Arc<Service>| service.full_name(&self.world.region);
                self.services_of(by)
                    .map(|service| (service.id.0, service.created_at, tagged(service), &service.tags))
                    .collect()
            }
            ResourceType::Endpoint => {
                let tagged = |endpoint: &Arc<Endpoint>| self.service_name(endpoint);
                self.endpoints_of(by)
                    .map(|endpoint| (endpoint.id.0, endpoint.created_at, tagged(endpoint), &endpoint.tags))
                    .collect()
            }
        }
    }
}

/// Which resources are asked for.
struct Filter<'q> {
    all: &'q [TagValues],
    any: &'q [TagValues],
    not_all: &'q [TagValues],
    not_any: &'q [TagValues],
    without: bool,
    name: Option<&'q str>,
    id: Option<&'q str>,
}

impl<'q> Filter<'q> {
    fn new(query: &'q QueryInstances) -> Result<Self, Refusal> {
        let without = query.without_any_tag.unwrap_or(false);
        let list = |list: &'q Option<Vec<TagValues>>| match list.as_deref().filter(|_| !without) {
            None => Ok(&[][..]),
            Some(list) => check_filter(list).map(|()| list),
        };
        let sys_tags = query.sys_tags.as_deref().unwrap_or_default().first();
        check::none("sys_tags", sys_tags.map(|tag| tag.key.as_str()))?;
        let (mut name, mut id) = (None, None);
        for entry in query.matches.as_deref().unwrap_or_default() {
            let slot = match entry.key.as_str() {
                "resource_name" => &mut name,
                "resource_id" => &mut id,
                key => {
                    let allowed = "resource_name or resource_id".to_owned();
                    return Err(Refusal::Parameter { field: "matches.key", value: key.to_owned(), allowed });
                }
            };
            if slot.replace(entry.value.as_str()).is_some() {
                let allowed = "each once".to_owned();
                return Err(Refusal::Parameter { field: "matches.key", value: entry.key.clone(), allowed });
            }
        }
        Ok(Self {
            all: list(&query.tags)?,
            any: list(&query.tags_any)?,
            not_all: list(&query.not_tags)?,
            not_any: list(&query.not_tags_any)?,
            without,
            name,
            id,
        })
    }

    fn admits(&self, (id, _, name, tags): &Tagged<'_>) -> bool {
        let has = |filter: &TagValues| {
            let value = tags.get(&filter.key);
            value.is_some_and(|value| filter.values.is_empty() || filter.values.contains(value))
        };
        (!self.without || tags.is_empty())
            && self.all.iter().all(has)
            && (self.any.is_empty() || self.any.iter().any(has))
            && (self.not_all.is_empty() || !self.not_all.iter().all(has))
            && !self.not_any.iter().any(has)
            // An empty name is no part of one: every resource has a name.
            && self.name.is_none_or(|part| !part.is_empty() && has_part(name, Some(part)))
            && self.id.is_none_or(|wanted| given(Some(&id.to_string())) == Some(wanted))
    }
}

fn check_filter(list: &[TagValues]) -> Result<(), Refusal> {
    if list.len() > MAX_FILTERS {
        return Err(Refusal::TagsTooMany { count: list.len(), most: MAX_FILTERS });
    }
    let mut keys = BTreeSet::new();
    for TagValues { key, values } in list {
        if key.is_empty() {
            return Err(Refusal::TagKeySize { key: String::new(), most: Limits::default().tag_key });
        }
        if !keys.insert(key) {
            return Err(Refusal::TagKeyRepeated { key: key.clone() });
        }
        if values.len() > MAX_FILTERS {
            return Err(Refusal::TagsTooMany { count: values.len(), most: MAX_FILTERS });
        }
        let mut seen = BTreeSet::new();
        if let Some(value) = values.iter().find(|value| !seen.insert(*value)) {
            return Err(Refusal::TagValueRepeated { key: key.clone(), value: value.clone() });
        }
    }
    Ok(())
}
