use super::{
    signer::{Ask, Sent},
    *,
};
use crate::model::rights::{AccessKey, SKEW_SECS, Secret, sign};

/// What both vectors are signed with.
const SECRET: &str = "SKABCDEFGHJKLMNPQRSTUVWXYZ23456789ABCDEF";

fn ask(method: &str, path: &[&str], query: &[(&str, &str)], headers: &[(&str, &str)], body: &str) -> Ask {
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let path = path.iter().map(|segment| (*segment).to_owned()).collect();
    Ask {
        method: method.to_owned(),
        path,
        query: owned(query),
        headers: owned(headers),
        body: body.as_bytes().to_vec(),
    }
}

fn list() -> Ask {
    ask("GET", &["v1", "p-red", "vpc-endpoints"], &[("limit", "5")], &[("x-sdk-date", DATE)], "")
}

/// Accounts with a key of user red.
fn keyed() -> (Accounts, String, String) {
    let mut accounts = accounts();
    let random: [u8; KEY_ENTROPY] = std::array::from_fn(|at| u8::try_from(at * 37 % 251).unwrap());
    let (key, secret) = accounts.make_key("red", &random, &seal(), NOW).unwrap();
    (accounts, key.id.clone(), secret.reveal().to_owned())
}

fn let_in(accounts: &Accounts, sent: &Sent, now: u64) -> Result<Principal, Denied> {
    sent.with(|request| accounts.authenticate(request, &seal(), now))
}

/// What the vendor's own signer of Python made (huaweicloudsdkcore 3.1).
#[test]
fn the_vendors_own_signatures_are_made_here_too() {
    let host = ("host", "gateway.example:8443");
    let agent = ("user-agent", "huaweicloud-usdk-python/3.0");
    let (json, date) = (("content-type", "application/json"), ("x-sdk-date", DATE));
    let post = ask(
        "POST",
        &["v1", "p-red", "vpc-endpoint-services"],
        &[],
        &[json, host, agent, ("x-project-id", "p-red"), date],
        r#"{"name": "web"}"#,
    );
    let get = ask(
        "GET",
        &["v1", "p-red", "vpc-endpoint-services", "a b~{x}"],
        &[("flag", "true"), ("limit", "10"), ("name", "a b/c+*"), ("tags", "b"), ("tags", "a")],
        &[json, host, agent, date],
        "",
    );
    for (ask, signature) in [
        (post, "89d1b51b29f163422bb2ffc98e696eca858ac183ef67fa09ba2228fbe997d75b"),
        (get, "35ffd6ab97cb9bb389e86487d39eed53419adcf2dd2752c63da747f051477606"),
    ] {
        let (names, of_test) = ask.signature(SECRET);
        assert_eq!(of_test, signature, "the test's own signer");
        let secret = Secret::new(SECRET.to_owned());
        let ours = ask.sent(None).with(|request| sign(request, &names, DATE, &secret));
        assert_eq!(ours.as_deref(), Ok(signature));
    }
}

#[test]
fn a_signed_request_is_its_users() {
    let (accounts, id, secret) = keyed();
    let found = let_in(&accounts, &list().signed(&id, &secret), NOW).unwrap();
    assert_eq!(found, Principal { user: "red".to_owned(), by: id });
}

#[test]
fn a_space_in_the_query_may_come_as_a_plus() {
    let (accounts, id, secret) = keyed();
    let mut ask = list();
    ask.query = vec![("name".to_owned(), "a b".to_owned())];
    let mut sent = ask.signed(&id, &secret);
    sent.query = "name=a+b".to_owned();
    assert!(let_in(&accounts, &sent, NOW).is_ok());
    // A plus that was signed as one is not a space.
    sent.query = "name=a%2Bb".to_owned();
    assert_eq!(let_in(&accounts, &sent, NOW), Err(Denied::Signature));
}

#[test]
fn a_date_may_be_fifteen_minutes_off_and_no_second_more() {
    let (accounts, id, secret) = keyed();
    let sent = list().signed(&id, &secret);
    for now in [NOW - SKEW_SECS, NOW + SKEW_SECS] {
        assert!(let_in(&accounts, &sent, now).is_ok());
    }
    let secs = SKEW_SECS + 1;
    assert_eq!(let_in(&accounts, &sent, NOW + secs), Err(Denied::Skew { secs, from: "behind" }));
    assert_eq!(let_in(&accounts, &sent, NOW - secs), Err(Denied::Skew { secs, from: "ahead of" }));
}

#[test]
fn a_body_must_be_signed() {
    let (accounts, id, secret) = keyed();
    let mut ask = list();
    ask.body = b"{}".to_vec();
    ask.headers.push(("x-sdk-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
    assert_eq!(let_in(&accounts, &ask.signed(&id, &secret), NOW), Err(Denied::UnsignedPayload));
    // The hash of another body.
    ask.headers[1].1 = "0".repeat(64);
    assert_eq!(let_in(&accounts, &ask.signed(&id, &secret), NOW), Err(Denied::PayloadHash));
    ask.headers[1].1 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a".to_owned();
    assert!(let_in(&accounts, &ask.signed(&id, &secret), NOW).is_ok());
}

#[test]
fn what_is_not_signed_as_it_should_be_is_told() {
    let (accounts, id, secret) = keyed();
    let right = list().signed(&id, &secret);
    let told = |change: &dyn Fn(&mut Sent)| {
        let mut sent = right.clone();
        change(&mut sent);
        let_in(&accounts, &sent, NOW).unwrap_err()
    };
    let authorization = |text: &'static str| told(&|sent| sent.headers[1].1 = text.to_owned());
    assert_eq!(told(&|sent| sent.headers.truncate(1)), Denied::NoCredentials);
    for text in ["", "Bearer", "SDK-HMAC-SHA256 Access=a", "SDK-HMAC-SHA256 Access=a, Signature=b, SignedHeaders=c"] {
        assert_eq!(authorization(text), Denied::BadAuthorization, "{text}");
    }
    assert_eq!(authorization("AWS4 x"), Denied::Algorithm { algorithm: "AWS4".to_owned() });
    assert_eq!(authorization("SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=b"), Denied::DateNotSigned);
    let unknown = authorization("SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=b");
    assert_eq!(unknown, Denied::UnknownKey { id: "a".to_owned() });
    assert_eq!(told(&|sent| drop(sent.headers.remove(0))), Denied::BadDate { found: "missing" });
    for date in ["", "20261122", "2026-11-22T12:00:00Z", "20261322T120000Z", "20261122t120000z", "19691231T235959Z"] {
        let denied = told(&|sent| sent.headers[0].1 = date.to_owned());
        assert_eq!(denied, Denied::BadDate { found: "no date of that form" }, "{date}");
    }
    let twice = told(&|sent| sent.headers.push(("x-sdk-date".to_owned(), DATE.to_owned())));
    assert_eq!(twice, Denied::BadDate { found: "there more than once" });
    let absent = told(&|sent| sent.headers[1].1 = sent.headers[1].1.replace("=x-sdk-date", "=host;x-sdk-date"));
    assert_eq!(absent, Denied::SignedHeader { name: "host".to_owned(), count: 0 });
}

#[test]
fn a_secret_that_was_sealed_with_another_key_or_for_another_row_is_no_secret() {
    let (accounts, id, secret) = keyed();
    let sent = list().signed(&id, &secret);
    let other = Seal::new(&[8; 32]);
    let denied = sent.with(|request| accounts.authenticate(request, &other, NOW));
    assert_eq!(denied, Err(Denied::Sealed { id: id.clone() }));

    let row = accounts.keys().next().unwrap();
    assert!(!row.sealed.contains(&hex::encode(&secret)), "the secret is not in the row");
    let moved = AccessKey { id: "OTHER".to_owned(), ..AccessKey::clone(row) };
    let users = accounts.users().map(|user| User::clone(user));
    let moved = Accounts::load(users, [moved], []).unwrap();
    let denied = let_in(&moved, &list().signed("OTHER", &secret), NOW);
    assert_eq!(denied, Err(Denied::Sealed { id: "OTHER".to_owned() }));
}
