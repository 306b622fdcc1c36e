//! Whatever of a signed request is changed on the way: it is let in no more.

use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{FileFailurePersistence, TestRunner},
};

use super::{
    signer::{Ask, Sent},
    *,
};

/// A hundred times as many in the long run of the scorecard.
fn cases() -> u32 {
    let long = std::env::var_os("VPCE_LONG").is_some_and(|value| value == "1");
    if long { 1_000_000 } else { 10_000 }
}

/// Any text, most of it of the characters that are encoded in one place and not in another.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9-]{1,12}", "[ -~é/+%&=;]{1,8}"]
}

/// Segments of a path: none holds a separator.
fn segment() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace('/', "-"))
}

fn ask() -> impl Strategy<Value = Ask> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]);
    let header = ("x-[a-c]{1,3}", "[!-~]{0,8}");
    (method, vec(segment(), 1..5), vec((text(), text()), 0..4), vec(header, 0..3), vec(any::<u8>(), 0..20)).prop_map(
        |(method, path, query, mut headers, body)| {
            headers.sort();
            headers.dedup_by(|one, other| one.0 == other.0);
            headers.push(("x-sdk-date".to_owned(), DATE.to_owned()));
            Ask { method: method.to_owned(), path, query, headers, body }
        },
    )
}

/// Changes one place of a signed request; what it means is another thing then.
fn mutate(ask: &Ask, sent: &Sent, what: u8, at: Index, to: &str) -> Sent {
    let mut other = ask.clone();
    let authorization = sent.headers.last().unwrap().1.clone();
    match what {
        0 => other.method = format!("{}X", ask.method),
        1 => other.path[at.index(ask.path.len())].push('x'),
        2 => other.path.push(to.replace('/', "-")),
        3 => other.query.push((to.to_owned(), String::new())),
        4 if !ask.query.is_empty() => drop(other.query.remove(at.index(ask.query.len()))),
        5 if !ask.query.is_empty() => other.query[at.index(ask.query.len())].1.push_str(to),
        6 => other.headers[at.index(ask.headers.len())].1.push('1'),
        7 if !ask.body.is_empty() => other.body[at.index(ask.body.len())] ^= 1 << (to.len() % 8),
        8 => other.body.extend(to.as_bytes()),
        _ => {
            // One byte of the header itself, of whatever part.
            let mut bytes = authorization.clone().into_bytes();
            let at = at.index(bytes.len());
            let by = to.as_bytes()[0] & 0x7f;
            bytes[at] = if bytes[at] == by { by ^ 1 } else { by };
            let mut sent = sent.clone();
            sent.headers.last_mut().unwrap().1 = String::from_utf8(bytes).unwrap();
            return sent;
        }
    }
    other.sent(Some(authorization))
}

#[test]
fn row_17_a_request_that_was_changed_after_it_was_signed_is_refused() {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: cases(),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    });
    let any = (ask(), 0_u8..16, any::<Index>(), text(), any::<[u8; 16]>());
    let outcome = runner.run(&any, |(ask, what, at, to, random)| {
        let mut accounts = accounts();
        let random: [u8; KEY_ENTROPY] = std::array::from_fn(|at| random[at % 16].rotate_left(3));
        let (key, secret) = accounts.make_key("red", &random, &seal(), NOW).unwrap();
        let sent = ask.signed(&key.id, secret.reveal());
        let found = sent.with(|request| accounts.authenticate(request, &seal(), NOW));
        prop_assert_eq!(found.map(|principal| principal.user), Ok("red".to_owned()));

        let changed = mutate(&ask, &sent, what, at, &to);
        let found = changed.with(|request| accounts.authenticate(request, &seal(), NOW));
        prop_assert!(found.is_err(), "let in: {:?}", changed);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    println!("row 17: {} signed requests, each let in as it was, 0 let in with one place changed", cases());
}
