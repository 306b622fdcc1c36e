//! All users, access keys and tokens of a gateway.

use std::{collections::BTreeSet, sync::Arc};

use imbl::OrdMap;

use super::{
    AccessKey, Caller, Denied, KEY_ENTROPY, Principal, Replays, Request, Role, Seal, Secret, TOKEN_ENTROPY, Token,
    User, key, signature::Signature,
};

/// Why users, keys or tokens can't be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name every field")]
pub enum AccountsError {
    #[error("{what} {value:?} is not allowed; use 1 to 64 of A-Z a-z 0-9 _ -")]
    Name { what: &'static str, value: String },
    #[error("user {name:?} has no project; name at least one")]
    NoProjects { name: String },
    #[error("project {project:?} is of domain {domain:?}; a project has one domain, choose another id")]
    ProjectTaken { project: String, domain: String },
    #[error("there is no user {name:?}; `vpcectl get users` lists them, `vpcectl create user` makes one")]
    NoUser { name: String },
    #[error("there is no access key {id:?}; see `vpcectl get keys`")]
    NoKey { id: String },
    #[error("there is no token {id:?}; see `vpcectl get tokens`")]
    NoToken { id: String },
    #[error("the token would be over before it begins; let it expire later")]
    Expired,
}

/// The keys in the store of what went with a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Ids of access keys.
    pub keys: Vec<String>,
    /// Hashes of tokens.
    pub tokens: Vec<String>,
}

/// Users, access keys and tokens. Cheap to clone: a snapshot shares all that has not changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts {
    users: OrdMap<String, Arc<User>>,
    keys: OrdMap<String, Arc<AccessKey>>,
    tokens: OrdMap<String, Arc<Token>>,
    /// Project to its domain, and how many users act in it.
    projects: OrdMap<String, (String, usize)>,
}

impl Accounts {
    /// What the store kept. Rows of a user that is not there are left out.
    ///
    /// # Errors
    /// Where the users contradict each other.
    pub fn load(
        users: impl IntoIterator<Item = User>,
        keys: impl IntoIterator<Item = AccessKey>,
        tokens: impl IntoIterator<Item = Token>,
    ) -> Result<Self, AccountsError> {
        let mut accounts = Self::default();
        for user in users {
            accounts.set_user(user)?;
        }
        for key in keys.into_iter().filter(|key| accounts.users.contains_key(&key.user)) {
            accounts.keys.insert(key.id.clone(), Arc::new(key));
        }
        for token in tokens.into_iter().filter(|token| accounts.users.contains_key(&token.user)) {
            accounts.tokens.insert(token.hash.clone(), Arc::new(token));
        }
        Ok(accounts)
    }

    /// All users by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// All access keys by id.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.keys.values()
    }

    /// All tokens by hash.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.values()
    }

    /// The domain of a project.
    #[must_use]
    pub fn domain(&self, project: &str) -> Option<&str> {
        self.projects.get(project).map(|(domain, _)| domain.as_str())
    }

    /// Adds a user, or changes the one of that name; keys and tokens go on with the new rights.
    ///
    /// # Errors
    /// A name that is not allowed; no project, or one of another domain.
    pub fn set_user(&mut self, user: User) -> Result<Arc<User>, AccountsError> {
        check("user", &user.name)?;
        check("domain", &user.domain)?;
        user.projects.iter().try_for_each(|project| check("project", project))?;
        if user.projects.is_empty() {
            return Err(AccountsError::NoProjects { name: user.name });
        }
        let mut projects = self.projects.clone();
        if let Some(old) = self.users.get(&user.name) {
            leave(&mut projects, old);
        }
        for project in &user.projects {
            match projects.get_mut(project) {
                Some((domain, _)) if *domain != user.domain => {
                    return Err(AccountsError::ProjectTaken { project: project.clone(), domain: domain.clone() });
                }
                Some((_, users)) => *users += 1,
                None => drop(projects.insert(project.clone(), (user.domain.clone(), 1))),
            }
        }
        self.projects = projects;
        let user = Arc::new(user);
        self.users.insert(user.name.clone(), Arc::clone(&user));
        Ok(user)
    }

    /// Removes a user with its keys and tokens.
    ///
    /// # Errors
    /// [`AccountsError::NoUser`]
    pub fn remove_user(&mut self, name: &str) -> Result<Dropped, AccountsError> {
        let user = self.users.remove(name).ok_or_else(|| AccountsError::NoUser { name: name.to_owned() })?;
        leave(&mut self.projects, &user);
        let keys = self.keys.values().filter(|key| key.user == name).map(|key| key.id.clone()).collect();
        let tokens = self.tokens.values().filter(|token| token.user == name).map(|token| token.hash.clone()).collect();
        let dropped = Dropped { keys, tokens };
        for id in &dropped.keys {
            self.keys.remove(id);
        }
        for hash in &dropped.tokens {
            self.tokens.remove(hash);
        }
        Ok(dropped)
    }

    /// Makes an access key from random bytes. Its secret is shown this once.
    ///
    /// # Errors
    /// [`AccountsError::NoUser`]
    pub fn make_key(
        &mut self,
        user: &str,
        random: &[u8; KEY_ENTROPY],
        seal: &Seal,
        now: u64,
    ) -> Result<(Arc<AccessKey>, Secret), AccountsError> {
        self.user(user)?;
        let (id, secret, sealed) = key::pair(random, seal);
        let key = Arc::new(AccessKey { id, user: user.to_owned(), sealed, created_at: now });
        self.keys.insert(key.id.clone(), Arc::clone(&key));
        Ok((key, secret))
    }

    /// Revokes an access key.
    ///
    /// # Errors
    /// [`AccountsError::NoKey`]
    pub fn remove_key(&mut self, id: &str) -> Result<Arc<AccessKey>, AccountsError> {
        self.keys.remove(id).ok_or_else(|| AccountsError::NoKey { id: id.to_owned() })
    }

    /// Makes a token from random bytes, good until a time in Unix seconds. It is shown this once.
    ///
    /// # Errors
    /// [`AccountsError::NoUser`], [`AccountsError::Expired`]
    pub fn make_token(
        &mut self,
        user: &str,
        random: &[u8; TOKEN_ENTROPY],
        now: u64,
        expires_at: u64,
    ) -> Result<(Arc<Token>, Secret), AccountsError> {
        self.user(user)?;
        if expires_at <= now {
            return Err(AccountsError::Expired);
        }
        let (secret, hash) = key::token(random);
        let token = Arc::new(Token { hash, user: user.to_owned(), created_at: now, expires_at });
        self.tokens.insert(token.hash.clone(), Arc::clone(&token));
        Ok((token, secret))
    }

    /// Revokes a token by its id.
    ///
    /// # Errors
    /// [`AccountsError::NoToken`]
    pub fn remove_token(&mut self, id: &str) -> Result<Arc<Token>, AccountsError> {
        let hash = self.tokens.values().find(|token| token.id() == id).map(|token| token.hash.clone());
        hash.and_then(|hash| self.tokens.remove(&hash)).ok_or_else(|| AccountsError::NoToken { id: id.to_owned() })
    }

    /// Removes the tokens that are over; answers their hashes.
    pub fn remove_expired(&mut self, now: u64) -> Vec<String> {
        let over: Vec<String> =
            self.tokens.values().filter(|token| token.expires_at <= now).map(|token| token.hash.clone()).collect();
        for hash in &over {
            self.tokens.remove(hash);
        }
        over
    }

    /// Finds whose signature or token a request has; a signature wins. Whether it was seen before,
    /// [`Accounts::note`] says.
    ///
    /// # Errors
    /// What code 0003 is for.
    pub fn authenticate(&self, request: &Request<'_>, seal: &Seal, now: u64) -> Result<Principal, Denied> {
        if let Some(signature) = Signature::of(request)? {
            let unknown = || Denied::UnknownKey { id: signature.key.to_owned() };
            let key = self.keys.get(signature.key).ok_or_else(unknown)?;
            let secret = seal.open(&key.id, &key.sealed).map_err(|_| Denied::Sealed { id: key.id.clone() })?;
            signature.check(request, &secret, now)?;
            return Ok(Principal { user: key.user.clone(), by: key.id.clone() });
        }
        let token = request.value("x-auth-token").map_err(|_| Denied::UnknownToken)?.ok_or(Denied::NoCredentials)?;
        let token = str::from_utf8(token).map_err(|_| Denied::UnknownToken)?;
        let token = self.tokens.get(&key::hash(token)).filter(|token| now < token.expires_at);
        let token = token.ok_or(Denied::UnknownToken)?;
        Ok(Principal { user: token.user.clone(), by: token.id().to_owned() })
    }

    /// Notes the signature of a request that was found right.
    ///
    /// # Errors
    /// Where it was seen before.
    pub fn note(request: &Request<'_>, replays: &mut Replays, now: u64) -> Result<(), Denied> {
        match Signature::of(request)? {
            Some(Signature { text, signed_at, .. }) => {
                replays.note(text, signed_at, (request.origin, request.reads()), now)
            }
            None => Ok(()),
        }
    }

    /// The caller in the project that the request is about; where it names none, in the user's first.
    ///
    /// # Errors
    /// Where the project is none of the user's; the operator may act in every project that some user has.
    pub fn caller(&self, principal: &Principal, project: Option<&str>) -> Result<Caller, Denied> {
        // Removed since: as if its keys had gone first.
        let user = self.users.get(&principal.user).ok_or_else(|| Denied::UnknownKey { id: principal.by.clone() })?;
        let first = user.projects.first().map(String::as_str);
        let project = project.or(first).unwrap_or_default();
        let operator = user.role == Role::Administrator;
        let foreign = || Denied::ForeignProject { user: user.name.clone(), project: project.to_owned() };
        let domain = self.domain(project).filter(|_| operator || user.projects.contains(project));
        Ok(Caller {
            domain: domain.ok_or_else(foreign)?.to_owned(),
            project: project.to_owned(),
            user: user.name.clone(),
            operator,
            rights: user.role.rights(),
        })
    }

    fn user(&self, name: &str) -> Result<&Arc<User>, AccountsError> {
        self.users.get(name).ok_or_else(|| AccountsError::NoUser { name: name.to_owned() })
    }
}

/// Takes a user out of its projects.
fn leave(projects: &mut OrdMap<String, (String, usize)>, user: &User) {
    for project in &user.projects {
        if let Some((_, users)) = projects.get_mut(project) {
            *users -= 1;
            if *users == 0 {
                projects.remove(project);
            }
        }
    }
}

fn check(what: &'static str, value: &str) -> Result<(), AccountsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&value.len()) && value.chars().all(allowed) {
        return Ok(());
    }
    Err(AccountsError::Name { what, value: value.to_owned() })
}

impl User {
    /// A user that acts in one project.
    #[must_use]
    pub fn new(name: &str, domain: &str, project: &str, role: Role, now: u64) -> Self {
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            projects: BTreeSet::from([project.to_owned()]),
            role,
            created_at: now,
        }
    }
}
