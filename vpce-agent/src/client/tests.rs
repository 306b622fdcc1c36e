use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use hyper::StatusCode;

use super::*;
use crate::model::rights::Secret;

const GOOD: &str = "[red]\nendpoint = \"https://gateway:8443\"\nproject = \"p\"\nca = \"/ca.crt\"\ntoken = \"t\"\n";

/// A profile of a file of this text and mode.
fn load(text: &str, mode: u32, name: &str) -> Result<Profile, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
    Profile::load(file.path(), name).map_err(|error| error.to_string())
}

#[test]
fn a_profile_says_where_and_as_whom() {
    let profile = load(GOOD, 0o600, "red").unwrap();
    let expected = Profile {
        endpoint: "https://gateway:8443".to_owned(),
        host: "gateway".to_owned(),
        port: 8443,
        project: Some("p".to_owned()),
        ca: Some(PathBuf::from("/ca.crt")),
        credentials: Credentials::Token(Secret::new("t".to_owned())),
    };
    assert_eq!(profile, expected);
    let key = load("[k]\nendpoint = \"https://[::1]\"\naccess = \"a\"\nsecret = \"s\"\n", 0o400, "k").unwrap();
    assert_eq!((key.host.as_str(), key.port), ("::1", 443));
    assert_eq!(key.credentials, Credentials::Key { access: "a".to_owned(), secret: Secret::new("s".to_owned()) });
}

#[test]
fn a_profile_that_others_can_read_is_refused_with_the_cure() {
    for mode in [0o640, 0o604, 0o620] {
        let error = load(GOOD, mode, "red").unwrap_err();
        assert!(error.contains("chmod 600"), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_profile_is_told() {
    for (text, word) in [
        (GOOD.replace("token", "tokin"), "tokin"),
        (GOOD.replace("token = \"t\"", ""), "either token"),
        (format!("{GOOD}access = \"a\"\nsecret = \"s\"\n"), "either token"),
        (GOOD.replace("token", "access"), "either token"),
        (GOOD.replace("https", "http"), "https://HOST"),
        (GOOD.replace("8443", "8443/v1"), "https://HOST"),
        (GOOD.replace("[red]", "[blue]"), "there are blue"),
        (String::new(), "there are none"),
    ] {
        let error = load(&text, 0o600, "red").unwrap_err();
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn what_is_wrong_with_a_profile_is_told_without_its_secrets() {
    for (text, line, word) in [
        (GOOD.replace("\"t\"", "\"hush"), 5, "invalid basic string"),
        (GOOD.replace("\"t\"", "hush"), 5, "must be quoted"),
        (GOOD.replace("token = \"t\"", "tokin = \"hush\""), 5, "`tokin`"),
        (GOOD.replace("\"t\"", "\"t\"\ntoken = \"hush\""), 6, "duplicate key"),
        // No quotes, and no [NAME] above.
        (GOOD.replace("\"t\"", "4711"), 5, "should be a string"),
        ("token = \"hush, expected\"".to_owned(), 1, "[NAME]"),
    ] {
        let error = load(&text, 0o600, "red").unwrap_err();
        assert!(error.contains(&format!(", line {line}: ")) && error.contains(word), "{word}: {error}");
        assert!(!error.contains("hush") && !error.contains("4711"), "{error}");
    }
}

#[test]
fn a_refusal_is_told_with_its_code_and_the_cure() {
    let told = |status, body: &str| ClientError::refused(status, body.as_bytes()).to_string();
    let body = r#"{"error_code": "EndPoint.0003", "error_msg": "the token is not known"}"#;
    let text = told(StatusCode::UNAUTHORIZED, body);
    assert!(text.starts_with("EndPoint.0003: the token is not known; "), "{text}");
    assert_eq!(told(StatusCode::BAD_GATEWAY, "from a proxy"), "502 Bad Gateway: from a proxy");
}

#[test]
fn no_request_is_signed_as_another_one_was() {
    let mut profile = load(GOOD, 0o600, "red").unwrap();
    profile.ca = None;
    profile.credentials = Credentials::Key { access: "AK".to_owned(), secret: Secret::new("SK".to_owned()) };
    let https = Https::new(profile).unwrap();
    let sign = || https.headers(&Request::get("/v1/p/quotas?type=endpoint")).unwrap();
    let (first, second) = (sign(), sign());
    assert_ne!(first[2], second[2]);
    assert!(first[2].1.starts_with("SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;"), "{}", first[2].1);
}
