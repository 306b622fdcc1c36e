//! Profiles: where an API is, and the credentials for it.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use hyper::Uri;
use serde::Deserialize;

use crate::model::rights::Secret;

/// What shows whose a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Sent as it is.
    Token(Secret),
    /// Each request is signed.
    Key {
        /// The AK.
        access: String,
        /// The SK.
        secret: Secret,
    },
}

/// One profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// `https://HOST:PORT`, as it was written.
    pub endpoint: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The project to act in, unless another one is asked for.
    pub project: Option<String>,
    /// Certificates to trust; none: those of the system.
    pub ca: Option<PathBuf>,
    /// Whose it is.
    pub credentials: Credentials,
}

/// Why a profile can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file can't be read.
    #[error("{path}: {source}; write the profile there, or name another file in VPCE_PROFILES", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Others can read the secrets in it.
    #[error("{path} has secrets and is open to others (mode {mode:03o}); chmod 600 {path}", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not as it should be.
    #[error("{path}, line {line}: {reason}", path = .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What, without what is written there: that may be a secret.
        reason: String,
    },
    /// No profile of that name.
    #[error("{path} has no profile {name:?}; {known}", path = .path.display())]
    Absent {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The address is not that of an API.
    #[error("profile {name:?}: endpoint = {value:?} isn't allowed; use https://HOST or https://HOST:PORT")]
    Endpoint {
        /// The profile.
        name: String,
        /// The address.
        value: String,
    },
    /// There are no credentials, or more than one.
    #[error(
        "profile {name:?} needs either token, or access and secret; `vpcectl create token` or `create key` makes them"
    )]
    Credentials {
        /// The profile.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a profile: [NAME], and below it its keys")]
struct Written {
    endpoint: String,
    project: Option<String>,
    ca: Option<PathBuf>,
    token: Option<String>,
    access: Option<String>,
    secret: Option<String>,
}

impl Profile {
    /// Reads a profile of a file, which nobody but its owner may read.
    ///
    /// # Errors
    /// [`ProfileError`]
    pub fn load(path: &Path, name: &str) -> Result<Self, ProfileError> {
        let failed = |source| ProfileError::Read { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(ProfileError::Open { path: path.to_owned(), mode });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let all: Result<BTreeMap<String, Written>, _> = toml::from_str(&text);
        let mut all = all.map_err(|error| unread(path, &text, &error))?;
        let Some(written) = all.remove(name) else {
            let names: Vec<String> = all.into_keys().collect();
            let known =
                if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
            return Err(ProfileError::Absent { path: path.to_owned(), name: name.to_owned(), known });
        };
        Self::checked(name, written)
    }

    fn checked(name: &str, written: Written) -> Result<Self, ProfileError> {
        let Written { endpoint, project, ca, token, access, secret } = written;
        let name = || name.to_owned();
        let Some((host, port)) = place(&endpoint) else {
            return Err(ProfileError::Endpoint { name: name(), value: endpoint });
        };
        let credentials = match (token, access, secret) {
            (Some(token), None, None) => Credentials::Token(Secret::new(token)),
            (None, Some(access), Some(secret)) => Credentials::Key { access, secret: Secret::new(secret) },
            _ => return Err(ProfileError::Credentials { name: name() }),
        };
        Ok(Self { endpoint, host, port, project, ca, credentials })
    }
}

/// Tells what is wrong, and no value: neither the line, as toml's own text does, nor what serde read of another type.
fn unread(path: &Path, text: &str, error: &toml::de::Error) -> ProfileError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let reason = match error.message().rsplit_once(", expected ") {
        Some((told, expected)) if told.starts_with("invalid type: ") => format!("this should be {expected}"),
        _ => error.message().to_owned(),
    };
    ProfileError::Parse { path: path.to_owned(), line: before.split('\n').count(), reason }
}

/// The host and the port of `https://HOST:PORT`.
fn place(endpoint: &str) -> Option<(String, u16)> {
    let uri: Uri = endpoint.parse().ok()?;
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    if uri.scheme_str() != Some("https") || !bare || uri.authority()?.as_str().contains('@') {
        return None;
    }
    // Brackets are for the port's sake.
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some((host, uri.port_u16().unwrap_or(443)))
}
