//! Users, their access keys and their tokens.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{delete, get, post},
};
use serde_json::Value;

use super::{Operator, list, random};
use crate::{
    api::{
        Json,
        ask::{Answer, Ask, Done, Id, Name},
    },
    model::{
        operator::{CreateToken, CreateUser, KeyDetails, Rights, TokenDetails, UserDetails},
        resource::Refusal,
        rights::{KEY_ENTROPY, Role, TOKEN_ENTROPY, User},
    },
};

const DAY_SECS: u64 = 86_400;

pub(super) fn routes() -> Router<Operator> {
    Router::new()
        .route("/operator/users", get(users).post(create_user))
        .route("/operator/users/{name}", delete(delete_user))
        .route("/operator/users/{name}/keys", post(create_key))
        .route("/operator/users/{name}/tokens", post(create_token))
        .route("/operator/keys", get(keys))
        .route("/operator/keys/{name}", delete(delete_key))
        .route("/operator/tokens", get(tokens))
        .route("/operator/tokens/{name}", delete(delete_token))
}

async fn users(ask: Ask) -> Json<Value> {
    let all: Vec<UserDetails> = ask.registry.state().accounts.users().map(|user| (&**user).into()).collect();
    list("users", &all)
}

async fn create_user(ask: Ask, Json(request): Json<CreateUser>) -> Answer<UserDetails> {
    let role = request.role.as_ref().map_or(Ok(Role::FullAccess), Rights::role);
    let role = role.map_err(|error| Refusal::Account { reason: error.to_string() })?;
    let made = ask.change("operator:users:create", request.name.clone(), move |state, _, now| {
        let CreateUser { name, domain, projects, .. } = request;
        let old = state.accounts.users().find(|user| user.name == name);
        let created_at = old.map_or(now, |user| user.created_at);
        let user = state.accounts.set_user(User { name, domain, projects, role, created_at })?;
        Ok(UserDetails::from(&*user))
    });
    made.await.map(Json)
}

async fn delete_user(ask: Ask, Id(Name(name)): Id<Name>) -> Done {
    let deleted = ask.change("operator:users:delete", name.clone(), move |state, _, _| {
        state.accounts.remove_user(&name).map(drop).map_err(Refusal::from)
    });
    deleted.await.map(|()| StatusCode::NO_CONTENT)
}

async fn keys(ask: Ask) -> Json<Value> {
    let all: Vec<KeyDetails> = ask.registry.state().accounts.keys().map(|key| (&**key).into()).collect();
    list("keys", &all)
}

async fn create_key(State(operator): State<Operator>, ask: Ask, Id(Name(user)): Id<Name>) -> Answer<KeyDetails> {
    let random = random::<KEY_ENTROPY>()?;
    let made = ask.change("operator:keys:create", user.clone(), move |state, _, now| {
        let (key, secret) = state.accounts.make_key(&user, &random, &operator.seal, now)?;
        Ok(KeyDetails { secret: Some(secret.reveal().to_owned()), ..(&*key).into() })
    });
    made.await.map(Json)
}

async fn delete_key(ask: Ask, Id(Name(id)): Id<Name>) -> Done {
    let deleted = ask.change("operator:keys:delete", id.clone(), move |state, _, _| {
        state.accounts.remove_key(&id).map(drop).map_err(Refusal::from)
    });
    deleted.await.map(|()| StatusCode::NO_CONTENT)
}

async fn tokens(ask: Ask) -> Json<Value> {
    let all: Vec<TokenDetails> = ask.registry.state().accounts.tokens().map(|token| (&**token).into()).collect();
    list("tokens", &all)
}

async fn create_token(ask: Ask, Id(Name(user)): Id<Name>, Json(request): Json<CreateToken>) -> Answer<TokenDetails> {
    let random = random::<TOKEN_ENTROPY>()?;
    let made = ask.change("operator:tokens:create", user.clone(), move |state, _, now| {
        let expires_at = now.saturating_add(request.expires_in_secs.unwrap_or(DAY_SECS));
        // Those that are over go with the next one made.
        state.accounts.remove_expired(now);
        let (token, secret) = state.accounts.make_token(&user, &random, now, expires_at)?;
        Ok(TokenDetails { token: Some(secret.reveal().to_owned()), ..(&*token).into() })
    });
    made.await.map(Json)
}

async fn delete_token(ask: Ask, Id(Name(id)): Id<Name>) -> Done {
    let deleted = ask.change("operator:tokens:delete", id.clone(), move |state, _, _| {
        state.accounts.remove_token(&id).map(drop).map_err(Refusal::from)
    });
    deleted.await.map(|()| StatusCode::NO_CONTENT)
}
