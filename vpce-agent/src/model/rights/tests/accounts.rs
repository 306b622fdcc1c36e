use std::collections::BTreeSet;

use super::{signer::Ask, *};
use crate::model::rights::AccountsError;

fn principal(user: &str) -> Principal {
    Principal { user: user.to_owned(), by: "key".to_owned() }
}

#[test]
fn a_user_acts_in_its_own_projects_alone_and_the_operator_in_all() {
    let accounts = accounts();
    let red = accounts.caller(&principal("red"), Some("p-red")).unwrap();
    assert_eq!((red.domain.as_str(), red.project.as_str(), red.operator), ("d-red", "p-red", false));
    assert_eq!(accounts.caller(&principal("red"), None), Ok(red));

    // One that is there is told no other way than one that is not.
    for project in ["p-blue", "p-none", ""] {
        let denied = accounts.caller(&principal("red"), Some(project)).unwrap_err();
        assert_eq!((denied.status(), denied.code()), (403, "EndPoint.0004"));
        assert_eq!(denied, Denied::ForeignProject { user: "red".to_owned(), project: project.to_owned() });
    }
    let op = accounts.caller(&principal("op"), Some("p-blue")).unwrap();
    assert_eq!((op.domain.as_str(), op.user.as_str(), op.operator), ("d-blue", "op", true));
    assert!(accounts.caller(&principal("op"), Some("p-none")).is_err());
}

#[test]
fn roles_are_made_of_the_vendors_actions() {
    let names: BTreeSet<&str> = Action::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), Action::ALL.len());
    for (index, (name, action)) in Action::ALL.into_iter().enumerate() {
        assert_eq!(action as usize, index);
        assert_eq!((action.name(), Action::named(name)), (name, Some(action)));
        assert_eq!(serde_json::to_value(action).unwrap(), name);
        assert!(Role::FullAccess.rights().has(action));
        assert_eq!(Role::ReadOnlyAccess.rights().has(action), name.ends_with("list") || name.ends_with("get"));
        let single = Role::Actions([action].into()).rights();
        assert!(Action::ALL.into_iter().all(|(_, other)| single.has(other) == (other == action)));
    }
}

#[test]
fn what_a_user_may_not_do_is_forbidden_by_name() {
    let mut accounts = accounts();
    let role = Role::Actions([Action::TagsList].into());
    accounts.set_user(User::new("tagger", "d-red", "p-red", role, NOW)).unwrap();
    let caller = accounts.caller(&principal("tagger"), None).unwrap();
    assert!(caller.may(Action::TagsList));
    assert_eq!(caller.require(Action::TagsList), Ok(()));
    let denied = caller.require(Action::TagsUpdate).unwrap_err();
    assert_eq!((denied.status(), denied.code()), (403, "EndPoint.0004"));
    assert_eq!(denied.to_string(), "user \"tagger\" may not vpcep:tags:update; the operator can give the right to it");
}

#[test]
fn a_project_has_one_domain_for_as_long_as_a_user_acts_in_it() {
    let mut accounts = accounts();
    let thief = User::new("thief", "d-thief", "p-red", Role::FullAccess, NOW);
    let (project, domain) = ("p-red".to_owned(), "d-red".to_owned());
    assert_eq!(accounts.set_user(thief.clone()), Err(AccountsError::ProjectTaken { project, domain }));
    // Its only user may take it along.
    accounts.set_user(User::new("red", "d-new", "p-red", Role::FullAccess, NOW)).unwrap();
    assert_eq!(accounts.domain("p-red"), Some("d-new"));
    accounts.remove_user("red").unwrap();
    assert_eq!(accounts.domain("p-red"), None);
    assert!(accounts.set_user(thief).is_ok());
}

#[test]
fn names_and_projects_are_checked() {
    let mut accounts = Accounts::default();
    for name in ["", "a b", "é", &"x".repeat(65)] {
        let user = User::new(name, "d", "p", Role::FullAccess, NOW);
        assert_eq!(accounts.set_user(user), Err(AccountsError::Name { what: "user", value: name.to_owned() }));
    }
    let user = User::new("a", "d", "p/q", Role::FullAccess, NOW);
    assert_eq!(accounts.set_user(user), Err(AccountsError::Name { what: "project", value: "p/q".to_owned() }));
    let user = User { projects: BTreeSet::new(), ..User::new("a", "d", "p", Role::FullAccess, NOW) };
    assert_eq!(accounts.set_user(user), Err(AccountsError::NoProjects { name: "a".to_owned() }));
    assert_eq!(accounts, Accounts::default());
}

fn with_token(token: &str) -> Ask {
    let headers = vec![("x-auth-token".to_owned(), token.to_owned())];
    Ask { method: "GET".to_owned(), path: vec!["v1".to_owned()], query: vec![], headers, body: vec![] }
}

#[test]
fn a_token_is_its_users_until_it_expires_or_is_revoked() {
    let mut accounts = accounts();
    let no_time = accounts.make_token("red", &[1; TOKEN_ENTROPY], NOW, NOW);
    assert_eq!(no_time, Err(AccountsError::Expired));
    let (row, secret) = accounts.make_token("red", &[1; TOKEN_ENTROPY], NOW, NOW + 60).unwrap();
    assert!(!serde_json::to_string(&*row).unwrap().contains(secret.reveal()), "the token is not in the row");
    let found = |accounts: &Accounts, token: &str, now| {
        with_token(token).sent(None).with(|request| accounts.authenticate(request, &seal(), now))
    };
    let red = Principal { user: "red".to_owned(), by: row.id().to_owned() };
    assert_eq!(found(&accounts, secret.reveal(), NOW + 59), Ok(red));
    assert_eq!(found(&accounts, secret.reveal(), NOW + 60), Err(Denied::UnknownToken));
    assert_eq!(found(&accounts, &row.hash, NOW), Err(Denied::UnknownToken));

    assert_eq!(accounts.clone().remove_expired(NOW + 60), std::slice::from_ref(&row.hash));
    accounts.remove_token(row.id()).unwrap();
    assert_eq!(found(&accounts, secret.reveal(), NOW), Err(Denied::UnknownToken));
    assert_eq!(accounts.remove_token(row.id()), Err(AccountsError::NoToken { id: row.id().to_owned() }));
}

#[test]
fn keys_and_tokens_go_with_their_user() {
    let mut accounts = accounts();
    let (key, _) = accounts.make_key("red", &[3; KEY_ENTROPY], &seal(), NOW).unwrap();
    let (token, _) = accounts.make_token("red", &[3; TOKEN_ENTROPY], NOW, NOW + 60).unwrap();
    accounts.make_key("blue", &[4; KEY_ENTROPY], &seal(), NOW).unwrap();
    let dropped = accounts.remove_user("red").unwrap();
    assert_eq!((dropped.keys, dropped.tokens), (vec![key.id.clone()], vec![token.hash.clone()]));
    assert_eq!((accounts.keys().count(), accounts.tokens().count()), (1, 0));
    assert_eq!(accounts.remove_key(&key.id), Err(AccountsError::NoKey { id: key.id.clone() }));
    assert_eq!(
        accounts.make_key("red", &[3; KEY_ENTROPY], &seal(), NOW).unwrap_err(),
        AccountsError::NoUser { name: "red".to_owned() }
    );
}

/// What is read of these rows after they were written.
fn kept<'a, T: serde::Serialize + serde::de::DeserializeOwned + 'a>(
    rows: impl Iterator<Item = &'a std::sync::Arc<T>>,
) -> Vec<T> {
    rows.map(|row| serde_json::from_slice(&serde_json::to_vec(&**row).unwrap()).unwrap()).collect()
}

#[test]
fn rows_come_back_as_they_went() {
    let mut accounts = accounts();
    accounts.make_key("red", &[3; KEY_ENTROPY], &seal(), NOW).unwrap();
    accounts.make_token("blue", &[3; TOKEN_ENTROPY], NOW, NOW + 60).unwrap();
    let mut tokens = kept(accounts.tokens());
    let again = Accounts::load(kept(accounts.users()), kept(accounts.keys()), tokens.clone()).unwrap();
    assert_eq!(again, accounts);
    // One whose user is gone is nobody's.
    tokens[0] = Token { user: "gone".to_owned(), ..tokens[0].clone() };
    assert_eq!(Accounts::load(kept(accounts.users()), [], tokens).unwrap().tokens().count(), 0);
}
