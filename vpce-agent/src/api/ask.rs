//! A request that was let in: who asks, by which registry it is answered, and the ids in its path.

use std::str::FromStr;

use axum::{
    extract::{FromRef, FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
};

use super::{Error, Json, RequestId};
use crate::{
    model::{
        resource::{EndpointId, PermissionId, Refusal, ResourceType, Resources, ServiceId},
        rights::{Action, Caller},
    },
    registry::{Entry, Handle, State},
};

/// What an operation answers with.
pub(super) type Answer<T> = Result<Json<T>, Error>;
/// What an operation answers with that has nothing to tell.
pub(super) type Done = Result<StatusCode, Error>;

/// Who asks, and what answers.
pub(super) struct Ask {
    pub(super) caller: Caller,
    pub(super) registry: Handle,
    request_id: RequestId,
}

impl Ask {
    /// Reads of the last commit.
    pub(super) fn read<T>(
        &self,
        action: Action,
        read: impl FnOnce(&Resources, &Caller) -> Result<T, Refusal>,
    ) -> Answer<T> {
        self.caller.require(action)?;
        Ok(Json(read(&self.registry.state().resources, &self.caller)?))
    }

    /// Changes resources; what is refused, for want of a right too, is in the audit log as well.
    pub(super) async fn write<T: Send + 'static>(
        self,
        action: Action,
        target: impl ToString + Send,
        work: impl FnOnce(&mut Resources, &Caller, u64) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Error> {
        let work = move |state: &mut State, by: &Caller, at| {
            by.require(action)?;
            work(&mut state.resources, by, at)
        };
        self.change(action.name(), target, work).await
    }

    /// Changes whatever there is, by an action that no right is needed for.
    pub(super) async fn change<T: Send + 'static>(
        self,
        action: &'static str,
        target: impl ToString + Send,
        work: impl FnOnce(&mut State, &Caller, u64) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Error> {
        let Self { caller, registry, request_id } = self;
        let (target, request_id) = (target.to_string(), request_id.to_string());
        let entry = Entry { caller: caller.clone(), action, target, request_id };
        Ok(registry.write(entry, move |state, at| work(state, &caller, at)).await?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ask
where
    Handle: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let Some((caller, request_id)) = caller.zip(parts.extensions.get().copied()) else {
            return Err(Error::internal("it is not known who asks"));
        };
        Ok(Self { caller, registry: Handle::from_ref(state), request_id })
    }
}

/// The id of a path's parameter.
pub(super) struct Id<T>(pub(super) T);

/// What is named in paths.
pub(super) trait InPath: FromStr<Err = Refusal> {
    /// The name of the path's parameter.
    const NAME: &str;
}

impl InPath for ServiceId {
    const NAME: &str = "vpc_endpoint_service_id";
}

impl InPath for EndpointId {
    const NAME: &str = "vpc_endpoint_id";
}

impl InPath for PermissionId {
    const NAME: &str = "permission_id";
}

impl InPath for ResourceType {
    const NAME: &str = "resource_type";
}

/// A name or an id of what has no type of its own.
pub(super) struct Name(pub(super) String);

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        Ok(Self(text.to_owned()))
    }
}

impl InPath for Name {
    const NAME: &str = "name";
}

impl<T: InPath, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|rejection| Error::parameter(rejection.body_text()))?;
        let text = params.iter().find_map(|(name, text)| (name == T::NAME).then_some(text));
        Ok(Self(text.unwrap_or_default().parse()?))
    }
}
