use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};

use super::*;

async fn code(router: &Router, request: Request<Body>) -> (u16, String) {
    let (status, code, _) = refused(router, request).await;
    (status, code)
}

fn told(status: u16, number: &str) -> (u16, String) {
    (status, format!("EndPoint.{number}"))
}

#[tokio::test]
async fn what_is_not_there_is_an_error_of_the_one_form() {
    let sample = Sample::new();
    let router = sample.router();
    for path in ["/a/b", "/v2", "/v1/p-red", "/v1/p-red/who/", "//"] {
        assert_eq!(code(&router, sample.ask("GET", path, "")).await, told(404, "0005"), "{path}");
    }
    // No text in UTF-8.
    assert_eq!(code(&router, sample.ask("GET", "/%ff", "")).await, told(400, "0002"));
    for (method, path) in [("POST", "/"), ("DELETE", "/v1"), ("PUT", WHO), ("GET", "/v1/p-red/name")] {
        assert_eq!(code(&router, sample.ask(method, path, "")).await, told(405, "0002"), "{method} {path}");
    }
    let (_, headers, _) = answer(&router, sample.ask("PUT", "/openapi.json", "")).await;
    assert_eq!(headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_bad_body_is_told_by_its_field() {
    let sample = Sample::new();
    let router = sample.router();
    for (body, status, expected) in [
        (r#"{"name": 1}"#, 400, "body: name: invalid type: integer `1`, expected a string"),
        ("{}", 400, "body: missing field `name`"),
        ("[]", 400, "body: it is a list; send an object"),
        (r#"{"name": "#, 400, "body: name: EOF while parsing a value at line 1 column 9"),
        ("[", 400, "body: EOF while parsing a list at line 1 column 1"),
        ("", 400, "body: EOF while parsing a value at line 1 column 0"),
    ] {
        let (told, code, message) = refused(&router, sample.ask("POST", "/v1/p-red/name", body)).await;
        assert_eq!((told, code.as_str()), (status, "EndPoint.0002"), "{body}");
        assert_eq!(message, expected, "{body}");
    }
    let mut request = sample.ask("POST", "/v1/p-red/name", r#"{"name": "a"}"#);
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(code(&router, request).await, told(415, "0002"));
    let mut request = sample.ask("POST", "/v1/p-red/name", r#"{"name": "a", "more": 1}"#);
    request.headers_mut().insert("content-type", "application/json; charset=UTF-8".parse().unwrap());
    assert_eq!(ok(&router, request).await, "a");
}

#[tokio::test]
async fn a_bad_query_is_told_by_its_field() {
    let sample = Sample::new();
    let (status, code, message) = refused(&sample.router(), sample.ask("GET", "/v1/p-red/page?limit=x", "")).await;
    assert_eq!((status, code.as_str()), (400, "EndPoint.0002"));
    assert_eq!(message, "query: limit: invalid digit found in string");
}

#[tokio::test]
async fn a_body_has_a_longest_length_and_a_longest_time() {
    let sample = Sample::new();
    let router = sample.router();
    let name = |length: usize| format!(r#"{{"name": "{}"}}"#, "a".repeat(length));
    let room = 1024 - name(0).len();
    ok(&router, sample.ask("POST", "/v1/p-red/name", name(room))).await;
    let long = sample.ask("POST", "/v1/p-red/name", name(room + 1));
    assert_eq!(code(&router, long).await, told(413, "0002"));

    // Read on to its end: who still sends would see no answer.
    let frames = Arc::new(AtomicUsize::new(0));
    let taken = Arc::clone(&frames);
    let frame = move |_| {
        taken.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![b'a'; 512])
    };
    let long = Body::from_stream(stream::iter(0..8).map(frame.clone()));
    assert_eq!(code(&router, sample.ask("POST", "/v1/p-red/name", long)).await, told(413, "0002"));
    assert_eq!(frames.load(Ordering::Relaxed), 8);
    let endless = Body::from_stream(stream::repeat(0).map(frame));
    assert_eq!(code(&router, sample.ask("POST", "/v1/p-red/name", endless)).await, told(413, "0002"));

    let never = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let slow = sample.ask("POST", "/v1/p-red/name", never);
    assert_eq!(code(&router, slow).await, told(408, "0002"));
}

#[tokio::test]
async fn requests_have_a_longest_time_and_a_most_at_once() {
    let sample = Sample::new();
    let router = sample.router();
    let sleep = || code(&router, sample.ask("GET", "/v1/p-red/sleep", ""));
    let (one, two, third) = tokio::join!(sleep(), sleep(), sleep());
    assert_eq!([one, two], [told(500, "0001"), told(500, "0001")]);
    assert_eq!(third, told(400, "0022"));
    ok(&router, sample.ask("GET", WHO, "")).await;
}

#[tokio::test]
async fn versions_and_the_document_are_open_to_all() {
    let router = Sample::new().router();
    let get = |path: &str| Request::get(path).header("host", "vpce:8443").body(Body::empty()).unwrap();
    let v1 = json!({
        "id": "v1", "status": "CURRENT", "updated": "2018-09-30T00:00:00Z", "version": "", "min_version": "",
        "links": [{ "href": "https://vpce:8443/v1/", "type": "application/json", "rel": "self" }],
    });
    assert_eq!(ok(&router, get("/")).await, json!({ "versions": [v1] }));
    assert_eq!(ok(&router, get("/v1")).await, json!({ "version": v1 }));
    let document = ok(&router, get("/openapi.json")).await;
    assert_eq!(document["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    assert_eq!(document["paths"]["/{version}"]["get"]["operationId"], "list_specified_version_details");
    assert_eq!(document["paths"]["/"]["get"]["security"], json!([{}]));
    assert_eq!(document["security"], json!([{ "signature": [] }, { "token": [] }]));
}
