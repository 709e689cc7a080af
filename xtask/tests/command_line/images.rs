//! Runs that build, on a docker that does what the test wants.

use crate::support::{Docker, Repository};

#[test]
fn every_image_is_built_measured_and_listed() {
    let repository = Repository::with_services(&["api", "worker"]);
    Docker::working(&repository);
    let ended = repository.xtask(&["images"]).succeeds();
    assert!(ended.stdout.contains("api") && ended.stdout.contains("worker"), "{ended}");
    assert_eq!(repository.bakes().len(), 1, "{:?}", repository.docker_log());
}
