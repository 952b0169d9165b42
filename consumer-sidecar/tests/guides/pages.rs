//! The pages of `docs/guides`: what they show is what runs.

use std::fs;

use serde::Deserialize as _;
use serde_json::Value;

use crate::service::{Language, workspace};

const MANIFEST: &str = "examples/guides/receipts.yaml";

/// How the inbox of the manifest forwards.
pub(crate) fn forward() -> Value {
    let documents = serde_yaml_ng::Deserializer::from_str(&read(MANIFEST))
        .map(|document| Value::deserialize(document).unwrap())
        .collect::<Vec<_>>();
    let inbox = documents.iter().find(|object| object["kind"] == "InboxQueue").unwrap();
    inbox["spec"]["forward"].clone()
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks of a page that are marked with this word.
fn blocks<'a>(page: &'a str, marked: &str) -> Vec<&'a str> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced
        .filter_map(|block| block.split_once('\n'))
        .filter(|(mark, _)| *mark == marked)
        .map(|(_, text)| text)
        .collect()
}

#[test]
fn a_guide_shows_its_service_as_it_runs() {
    for language in Language::ALL {
        let page = read(&format!("docs/guides/{}.md", language.name()));
        let (mark, file) = language.source();
        let source = fs::read_to_string(language.folder().join(file)).unwrap();
        let blocks = blocks(&page, mark);
        assert!(blocks.contains(&source.as_str()), "{} does not show {file} as it is", language.name());
        for block in blocks {
            assert!(source.contains(block), "{} shows what is not in {file}:\n{block}", language.name());
        }
    }
}

#[test]
fn a_guide_shows_the_manifest_as_it_is_applied() {
    let manifest = read(MANIFEST);
    let common = read("docs/guides/README.md");
    assert!(blocks(&common, "yaml").contains(&manifest.as_str()), "docs/guides/README.md does not show {MANIFEST}");
    for language in Language::ALL {
        let page = read(&format!("docs/guides/{}.md", language.name()));
        let blocks = blocks(&page, "yaml");
        assert!(!blocks.is_empty(), "{} shows no annotations", language.name());
        for block in blocks {
            assert!(manifest.contains(block), "{} shows what is not in {MANIFEST}:\n{block}", language.name());
        }
    }
}

#[test]
fn the_reference_has_each_code_that_the_api_answers() {
    let reference = read("docs/sidecar.md");
    let mut codes = 0;
    for file in ["api.rs", "content.rs", "guard.rs", "publishing.rs"] {
        let source = read(&format!("consumer-sidecar/src/{file}"));
        for code in source.split('"').filter(|text| is_code(text)) {
            assert!(reference.contains(&format!("`{code}`")), "docs/sidecar.md says nothing of {code} ({file})");
            codes += 1;
        }
    }
    // Sources that are written in another way would pass unread.
    assert!(codes > 10, "{codes}");
}

fn is_code(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
