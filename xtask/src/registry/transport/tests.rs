use std::collections::BTreeMap;

use super::*;

#[test]
fn this_machine_and_what_the_settings_name_is_spoken_to_in_plain_http() {
    let (environment, insecure) = (BTreeMap::new(), ["registry.internal:5000".parse().expect("is a registry")]);
    let session = Session::new(&environment, &insecure, &|_| {});
    let client = Client::new(&session);
    for (registry, expected) in [
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5100", "http://127.0.0.1:5100"),
        ("127.8.9.1", "http://127.8.9.1"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("ghcr.io", "https://ghcr.io"),
        ("localhost.example.com:5000", "https://localhost.example.com:5000"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
        ("docker.io", "https://registry-1.docker.io"),
        ("registry.internal:5000", "http://registry.internal:5000"),
        ("Registry.internal:5000", "http://Registry.internal:5000"),
        ("registry.internal", "https://registry.internal"),
    ] {
        let repository = Repository { registry, path: "a", actions: Actions::Pull };
        assert_eq!(client.origin(&repository), expected);
    }
}

#[test]
fn a_name_that_leads_nowhere_is_told_from_a_server_of_names_that_fails() {
    for (words, expected) in [
        ("Name or service not known", true),
        ("No address associated with hostname", true),
        ("Name does not resolve", true),
        ("nodename nor servname provided, or not known", true),
        ("Temporary failure in name resolution", false),
        ("Try again", false),
        ("Non-recoverable failure in name resolution", false),
    ] {
        let text = format!("failed to lookup address information: {words}");
        assert_eq!(is_unknown_name(&std::io::Error::other(text)), expected, "{words}");
        assert!(!is_unknown_name(&std::io::Error::other(words)), "something else failed with {words}");
    }
}

#[test]
fn a_name_that_leads_nowhere_is_asked_for_once() {
    let request = Request::new(Method::GET, String::new(), "", Body::Nothing);
    let fault = |words: &str| {
        let error = std::io::Error::other(format!("failed to lookup address information: {words}"));
        Fault::of_connection("ghcr.oi", ureq::Error::Io(error), &request)
    };
    let unknown = fault("Name or service not known");
    assert!(retry::pause(1, unknown.cause, None).is_none() && unknown.cause.is_silence());
    assert_eq!(
        crate::error::describe(&unknown.error),
        "error: there is no host ghcr.oi\nhint: is its name right, and is there a network?"
    );
    assert!(retry::pause(1, fault("Temporary failure in name resolution").cause, None).is_some());
}

#[test]
fn a_token_goes_only_to_its_registry() {
    let origin = "https://ghcr.io";
    for (url, expected) in [
        ("https://ghcr.io/v2/a", true),
        ("https://GHCR.io:443/v2/a", true),
        ("http://ghcr.io/v2/a", false),
        ("https://ghcr.io:444/v2/a", false),
        ("https://storage.example.com/v2/a", false),
        ("https://ghcr.io@storage.example.com/", false),
        ("nonsense", false),
    ] {
        assert_eq!(is_same_origin(url, origin), expected, "{url}");
    }
}

#[test]
fn a_registry_says_why_in_words_that_a_terminal_can_bear() {
    let answer = |status, body: &str| Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
    let text = |answer: Answer| {
        let error =
            answer.refusal(&Repository { registry: "ghcr.io", path: "team/a", actions: Actions::PullAndPush }).error;
        crate::error::describe(&error)
    };
    assert_eq!(
        text(answer(403, r#"{"errors":[{"code":"DENIED","message":"not\u001b[31m you\n"}]}"#)),
        "error: the registry answered 403 (DENIED: not[31m you)\nhint: `docker login ghcr.io` as somebody who may \
         push to team/a"
    );
    assert_eq!(text(answer(401, "<html>")), "error: the registry answered 401\nhint: `docker login ghcr.io`");
}
