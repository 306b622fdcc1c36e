use super::*;

fn red() -> Value {
    json!({ "user": "red", "domain": "d-red", "project": "p-red" })
}

#[tokio::test]
async fn a_signature_or_a_token_says_who_asks() {
    let sample = Sample::new();
    let router = sample.router();
    assert_eq!(ok(&router, sample.ask("GET", WHO, "")).await, red());
    assert_eq!(ok(&router, sample.signed("GET", WHO, 1)).await, red());
}

#[tokio::test]
async fn nobody_comes_in_without() {
    let sample = Sample::new();
    let router = sample.router();
    let denied = |request| async {
        let (status, code, message) = refused(&router, request).await;
        assert_eq!((status, code.as_str()), (401, "EndPoint.0003"), "{message}");
        message
    };
    let message = denied(Request::get(WHO).body(Body::empty()).unwrap()).await;
    assert!(message.starts_with("the request has no credentials"), "{message}");

    let mut flipped = sample.signed("GET", WHO, 1);
    let value = flipped.headers()["authorization"].to_str().unwrap();
    let last = if value.ends_with('0') { "1" } else { "0" };
    let value = format!("{}{last}", &value[..value.len() - 1]);
    flipped.headers_mut().insert("authorization", value.parse().unwrap());
    let message = denied(flipped).await;
    assert!(message.starts_with("the signature does not match"), "{message}");

    let mut other = sample.ask("GET", WHO, "");
    other.headers_mut().insert("x-auth-token", "0".repeat(64).parse().unwrap());
    let message = denied(other).await;
    assert!(message.starts_with("the token is not known"), "{message}");
}

#[tokio::test]
async fn a_replay_is_refused_but_for_a_read_on_its_own_connection() {
    let sample = Sample::new();
    let router = sample.router();
    let first = sample.signed("GET", WHO, 1);
    let again = |connection| {
        let mut again = Request::get(WHO).extension(Origin(connection)).body(Body::empty()).unwrap();
        *again.headers_mut() = first.headers().clone();
        again
    };
    assert_eq!(ok(&router, again(1)).await, red());
    assert_eq!(ok(&router, again(1)).await, red());
    let (status, code, message) = refused(&router, again(2)).await;
    assert_eq!((status, code.as_str()), (401, "EndPoint.0003"));
    assert!(message.starts_with("a request with this signature was taken before"), "{message}");
}

#[tokio::test]
async fn of_http_2_the_authority_counts_as_the_host() {
    let sample = Sample::new();
    let mut request = sample.signed("GET", WHO, 1);
    request.headers_mut().remove("host");
    *request.uri_mut() = format!("https://vpce{WHO}").parse().unwrap();
    assert_eq!(ok(&sample.router(), request).await, red());
}

#[tokio::test]
async fn a_foreign_project_is_forbidden_and_a_missing_one_told_how_to_set() {
    let sample = Sample::new();
    let router = sample.router();
    let (status, code, _) = refused(&router, sample.ask("GET", "/v1/p-blue/who", "")).await;
    assert_eq!((status, code.as_str()), (403, "EndPoint.0004"));
    // Also of one that signs for nobody: the message matters more.
    let literal = Request::get("/v1/%7Bproject_id%7D/who").body(Body::empty()).unwrap();
    let (status, code, message) = refused(&router, literal).await;
    assert_eq!((status, code.as_str()), (400, "EndPoint.0014"));
    assert!(message.contains("BasicCredentials(ak, sk, project_id)"), "{message}");
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_answered_400() {
    let sample = Sample::new();
    let router = server::router(sample.frame(), Limits { per_sec: 3, ..LIMITS }).unwrap();
    for _ in 0..3 {
        ok(&router, sample.ask("GET", WHO, "")).await;
    }
    let (status, code, _) = refused(&router, sample.ask("GET", WHO, "")).await;
    assert_eq!((status, code.as_str()), (400, "EndPoint.0022"));
    // Another key has its own share.
    assert_eq!(ok(&router, sample.signed("GET", WHO, 1)).await, red());
}
