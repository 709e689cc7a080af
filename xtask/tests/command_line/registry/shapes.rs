//! Registries that the standard allows, and those that people have.

use xtask::registry::{PushedTag, TagState, look_at_tags};

use super::*;

#[test]
fn a_tag_leads_to_the_digest_of_its_manifest_where_the_registry_does_not_state_it() {
    for asks in [None, Some(Asks::Basic), Some(Asks::Bearer)] {
        let mut bench = Bench::new(&["worker"]);
        bench.log_in();
        asks.into_iter().for_each(|asks| bench.registry.asks(asks));
        bench.push().succeeds();
        bench.registry.states_no_digest();
        assert_eq!(look_up(&bench, false), (Ok(bench.images[0].digest.clone()), Vec::new()), "{asks:?}");
    }
    for status in [400, 404, 405, 501] {
        let bench = Bench::new(&["worker"]);
        bench.push().succeeds();
        bench.registry.answers("HEAD ", ALWAYS, Reply::Status(status, "", ""));
        assert_eq!(look_up(&bench, false).0, Ok(bench.images[0].digest.clone()), "{status}");
    }
}

#[test]
fn half_a_manifest_has_no_digest() {
    let bench = Bench::new(&["worker"]);
    bench.push().succeeds();
    bench.registry.states_no_digest();
    bench.registry.answers("GET /v2/team/worker/manifests/v1", 1, Reply::Cut);
    assert_eq!(look_up(&bench, false), (Ok(bench.images[0].digest.clone()), vec![1]));
}

#[test]
fn a_blob_is_sent_where_no_token_reads_another_repository() {
    let mut bench = Bench::new(&["server", "worker"]);
    bench.registry.asks(Asks::Bearer);
    bench.registry.issues_narrow_tokens();
    bench.log_in();
    let ended = bench.push().succeeds();
    bench.is_pushed();
    let last = ended.lines.last().expect("says something");
    assert!(last.contains(": 6 blobs sent (") && last.contains(", 0 taken from another image, "), "{last}");
    assert_eq!(ended.pauses, [0; 0]);
}

#[test]
fn an_identity_token_is_exchanged_and_a_registrys_own_is_shown_as_it_is() {
    let log_in = |bench: &mut Bench, entry: &str| {
        bench.log_in();
        let config = format!(r#"{{"auths": {{"{}/team": {entry}}}}}"#, bench.registry.host());
        std::fs::write(bench.folder.join("config.json"), config).expect("writes");
    };
    let mut bench = Bench::new(&["server", "worker"]);
    bench.registry.asks(Asks::Bearer);
    log_in(&mut bench, r#"{"auth": "AAAA", "identitytoken": "identity"}"#);
    bench.push().succeeds();
    bench.is_pushed();
    assert_eq!(bench.registry.requests("POST /token").len(), 3);

    let mut bench = Bench::new(&["worker"]);
    bench.registry.asks(Asks::Bearer);
    log_in(&mut bench, r#"{"registrytoken": "repository:team/worker:pull,push"}"#);
    bench.push().succeeds();
    bench.is_pushed();
    assert_eq!(bench.registry.requests("GET /token"), Vec::<String>::new());

    log_in(&mut bench, r#"{"identitytoken": "old"}"#);
    let failed = bench.push().result.expect_err("is not taken");
    let host = bench.registry.host();
    assert_eq!(
        describe(&failed.error),
        format!(
            "error: no token of {host} for these credentials: the registry answered 401\nhint: `docker login {host}`"
        )
    );
}

#[test]
fn of_several_ways_to_log_in_the_one_with_a_token_is_taken() {
    for header in [
        r#"Basic realm="here", Bearer realm="REALM",service="test""#,
        r#"Bearer realm="REALM",service="test", Basic realm="here""#,
        r#"Negotiate, Bearer scope="repository:a:pull,push", realm="REALM" , Basic realm="a, b""#,
    ] {
        let mut bench = Bench::new(&["worker"]);
        bench.registry.asks(Asks::Bearer);
        bench.registry.asks_by(header);
        bench.log_in();
        bench.push().succeeds();
        bench.is_pushed();
    }
}

#[test]
fn after_a_push_that_failed_the_registry_says_which_tags_are_there() {
    let bench = Bench::new(&["api", "server", "worker"]);
    bench.registry.answers("PUT /v2/team/server/manifests/latest", 1, Reply::Status(400, "", ""));
    let failed = bench.push().result.expect_err("fails");
    assert_eq!(failed.image, "server");
    let tag = |name: &str, tag: &str, digest: &str| PushedTag {
        reference: format!("{}/team/{name}:{tag}", bench.registry.host()).parse().expect("is a name"),
        digests: vec![digest.to_owned()],
    };
    let server = &bench.images[1].digest;
    let tags = [tag("server", "v1", server), tag("server", "latest", server), tag("server", "v1", "sha256:other")];
    let states = |tags: &[PushedTag]| {
        let mut states = Vec::new();
        bench.speak(|session| {
            states = look_at_tags(tags, session);
            Ok(())
        });
        states
    };
    assert_eq!(states(&tags), [TagState::Pushed, TagState::Absent, TagState::OtherImage]);
    // It is asked once, and not for long.
    bench.registry.answers("GET /v2/team/server/manifests/", ALWAYS, Reply::Status(503, "", ""));
    assert_eq!(states(&tags[..1]), [TagState::Unknown("the registry answered 503".to_owned())]);
    assert_eq!(bench.registry.requests("GET /v2/team/server/manifests/").len(), 4);
}
