//! What is said of sizes: of files, archives, layouts and the last run's images.

use std::fs;

use serde_json::Value;

use crate::support::{Docker, Repository, saved_image};

/// All parts of a document of `explain --json`, with their bytes and those of what they are made of.
fn check_sums(part: &Value) {
    let Some(parts) = part["parts"].as_array() else { return };
    let sum: u64 = parts.iter().map(|inner| inner["bytes"].as_u64().expect("is a number")).sum();
    assert_eq!(Some(sum), part["bytes"].as_u64(), "{}", part["name"]);
    parts.iter().for_each(check_sums);
}

fn names(part: &Value) -> Vec<&str> {
    part["parts"].as_array().expect("is divided").iter().map(|part| part["name"].as_str().expect("is a name")).collect()
}

#[test]
fn an_image_is_divided_into_layers_and_files() {
    let repository = Repository::with_services(&[]);
    let archive = saved_image(&[&[("etc/base", 10_000), ("worker", 500)]], &[("worker", 20_000)]);
    repository.write("worker.tar", &archive);
    let document = repository.xtask(&["sizes", "explain", "worker.tar", "--json"]).succeeds().json();
    assert_eq!(document["version"], 1);
    let whole = &document["explanations"][0]["whole"];
    check_sums(whole);
    assert_eq!(whole["name"], "worker.tar linux/amd64");
    // Headers of 512 bytes, contents in blocks of 512, two blocks at the end.
    assert_eq!(whole["bytes"], (512 + 10_240 + 512 + 512 + 1_024) + (512 + 20_480 + 1_024));
    let own = &whole["parts"][0];
    assert_eq!(names(own), ["COPY /out/ /", "base"]);
    assert_eq!(names(&own["parts"][0]), ["/worker", "headers and padding of the archive"]);
    let remark = document["explanations"][0]["remarks"][0]["text"].as_str().expect("there is a remark");
    assert_eq!(remark, "/worker was in an earlier layer too, where its bytes remain");
}

#[test]
fn the_last_image_of_a_service_is_found_wherever_it_is() {
    for beside_the_engine in [false, true] {
        let repository = Repository::with_services(&["api"]);
        let docker = Docker::working(&repository);
        if beside_the_engine {
            docker.beside_the_engine();
        }
        let hint = repository.xtask(&["sizes", "explain", "api"]).fails(2);
        assert!(hint.contains("run `cargo xtask image api` first"), "{hint}");
        let measured = repository.xtask(&["images", "--json"]).succeeds().json()["images"][0]["unpacked_bytes"].clone();
        let document = repository.xtask(&["sizes", "explain", "api", "--json"]).succeeds().json();
        let whole = &document["explanations"][0]["whole"];
        check_sums(whole);
        assert_eq!(whole["bytes"], measured);
        let text = repository.xtask(&["sizes", "explain", "api"]).succeeds().stdout;
        assert!(text.contains("image api linux/amd64") && text.contains("file /worker"), "{text}");
    }
}

#[test]
fn what_grew_is_shown_and_adds_up() {
    let repository = Repository::with_services(&[]);
    repository.write("old.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_000), ("gone", 3)]));
    repository.write("new.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_100), ("flags.json", 7)]));
    let ended = repository.xtask(&["sizes", "diff", "old.tar", "new.tar"]).succeeds();
    assert!(ended.stdout.contains("+100 B  file /worker: 20.00 kB → 20.10 kB"), "{ended}");
    assert!(ended.stdout.contains("+7 B  file /flags.json, new"), "{ended}");
    assert!(ended.stdout.contains("-3 B  file /gone, gone"), "{ended}");
    let document = repository.xtask(&["sizes", "diff", "old.tar", "new.tar", "--json"]).succeeds().json();
    // The archives are made of whole blocks.
    assert_eq!(document["difference"], 0);
    let same = repository.xtask(&["sizes", "diff", "new.tar", "new.tar"]).succeeds();
    assert!(same.stdout.starts_with("the same: "), "{same}");
}

#[test]
fn every_report_is_a_page_too() {
    let repository = Repository::with_services(&["api"]);
    Docker::working(&repository);
    repository.write("old.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_000)]));
    repository.write("new.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 21_000)]));
    for (words, title) in [
        (["images"].as_slice(), "Images: 1 image, 1 without a budget"),
        (&["sizes", "check"], "Images: 1 image, 1 without a budget"),
        (&["sizes", "explain", "api"], "What api linux/amd64 is made of"),
        (&["sizes", "diff", "old.tar", "new.tar"], "What changed from old.tar linux/amd64 to new.tar linux/amd64"),
    ] {
        let without = repository.xtask(words).succeeds();
        // Once more: the first run of images knows none before it.
        let without = if words == ["images"] { repository.xtask(words).succeeds() } else { without };
        let ended = repository.xtask(&[words, &["--html", "out/page.html"]].concat()).succeeds();
        assert!(ended.stderr.contains("wrote out/page.html\n"), "{ended}");
        assert_eq!(ended.stdout, without.stdout);
        let page = repository.read("out/page.html");
        assert!(page.contains(&format!("<h1>{title}</h1>")) && page.ends_with("</html>\n"), "{page}");
        let cells: usize =
            page.split("data-cells=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse().ok()).expect("is there");
        assert_eq!(page.matches("role=\"treeitem\"").count(), cells);
        fs::remove_dir_all(repository.root.join("out")).expect("removes");
    }
    // The answer is not lost where the page is.
    repository.write("out", "in the way");
    let ended = repository.xtask(&["images", "--html", "out/page.html", "--json"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert_eq!(ended.json()["images"][0]["name"], "api");
    assert!(ended.stderr.contains("error: cannot create the folder "), "{ended}");
}

#[test]
fn what_cannot_be_explained_is_said() {
    let repository = Repository::with_services(&["api", "worker"]);
    let archive = saved_image(&[], &[("worker", 20_000)]);
    repository.write("cut.tar", &archive[..archive.len() / 2]);
    assert!(repository.xtask(&["sizes", "explain", "cut.tar"]).fails(3).contains("cut.tar is no image's archive"));
    let unknown = repository.xtask(&["sizes", "explain", "worke"]).fails(2);
    assert!(unknown.contains("neither a file nor a service is named `worke`"), "{unknown}");
    assert!(unknown.contains("did you mean `worker`?"), "{unknown}");
    // A file of another kind is one part.
    fs::write(repository.root.join("notes"), "text").expect("writes");
    let text = repository.xtask(&["sizes", "explain", "notes"]).succeeds().stdout;
    assert!(text.contains("4 B 100.0%  file notes"), "{text}");
}
