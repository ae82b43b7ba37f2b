//! Public suites: JSONTestSuite and the JSONPath compliance test suite, where their files are at hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::ops::ControlFlow;
use std::path::PathBuf;

use helio_core::json::{Tape, Value};
use helio_core::path::Path;

/// What must parse by RFC 8259 and is refused here, because two readers could disagree.
const REFUSED_DUPLICATES: [&str; 2] = [
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
];

/// Why a filter selector is refused; cases that hold one are left out.
const NO_FILTERS: &str = "filter selectors are not supported";

/// A file of `HELIO_SHARED`, or of `../shared` beside the workspace; none, with a notice, if absent.
fn shared(name: &str) -> Option<Vec<u8>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("HELIO_SHARED").map_or_else(beside, PathBuf::from);
    let file = folder.join("data").join(name);
    if !file.exists() {
        println!(
            "notice: {} is absent, its suite was not run",
            file.display()
        );
        return None;
    }
    Some(std::fs::read(&file).unwrap())
}

fn text(value: Value<'_>, key: &str) -> String {
    value
        .get(key)
        .and_then(|value| value.as_str())
        .unwrap()
        .into_owned()
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let digit = ALPHABET.iter().position(|letter| *letter == byte).unwrap();
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

#[test]
fn json_test_suite() {
    let Some(bytes) = shared("json-parsing.json") else {
        return;
    };
    let tape = Tape::parse(&bytes).unwrap();
    let (mut run, mut wrong) = (0, Vec::new());
    for case in tape.root(&bytes).get("cases").unwrap().elements() {
        let name = text(case, "name");
        let parsed = Tape::parse(&decode_base64(&text(case, "base64")));
        let right = match &parsed {
            Err(error) if REFUSED_DUPLICATES.contains(&name.as_str()) => {
                error.reason == "duplicate_key"
            }
            Ok(_) => !name.starts_with("n_"),
            Err(_) => !name.starts_with("y_"),
        };
        run += 1;
        if !right {
            wrong.push((name, parsed.map(|_| ())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(run, 318);
}

/// The nodelist as raw texts and as normalized paths.
fn selected(path: &Path, root: Value<'_>) -> (Vec<String>, Vec<String>) {
    let (mut values, mut places) = (Vec::new(), Vec::new());
    let flow = path.select(root, &mut |value| {
        values.push(canonical(value));
        places.push(place(root, value).unwrap());
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    (values, places)
}

fn canonical(value: Value<'_>) -> String {
    let mut out = Vec::new();
    helio_core::json::canonical(value, &mut out);
    String::from_utf8(out).unwrap()
}

/// The normalized path from `root` to `target`, by RFC 9535, section 2.7, written without Helio's own writer.
fn place(root: Value<'_>, target: Value<'_>) -> Option<String> {
    fn find(at: Value<'_>, target: Value<'_>, path: &str) -> Option<String> {
        if at.id() == target.id() {
            return Some(path.to_owned());
        }
        let mut elements = at.elements().enumerate();
        elements
            .find_map(|(index, element)| find(element, target, &format!("{path}[{index}]")))
            .or_else(|| {
                at.members().find_map(|(key, member)| {
                    let key = serde_json::to_string(&key).unwrap();
                    let inside = key[1..key.len() - 1]
                        .replace("\\\"", "\"")
                        .replace('\'', "\\'");
                    find(member, target, &format!("{path}['{inside}']"))
                })
            })
    }
    find(root, target, "$")
}

fn alternatives(case: Value<'_>, one: &str, several: &str) -> Vec<Vec<String>> {
    let texts = |list: Value<'_>| -> Vec<String> {
        list.elements()
            .map(|element| match element.as_str() {
                Some(path) if one == "result_paths" => path.into_owned(),
                _ => canonical(element),
            })
            .collect()
    };
    match case.get(one) {
        Some(list) => vec![texts(list)],
        None => case.get(several).unwrap().elements().map(texts).collect(),
    }
}

#[test]
fn jsonpath_compliance() {
    let Some(bytes) = shared("jsonpath-compliance.json") else {
        return;
    };
    let tape = Tape::parse(&bytes).unwrap();
    let (mut run, mut wrong) = (0, Vec::new());
    for case in tape.root(&bytes).get("tests").unwrap().elements() {
        let selector = text(case, "selector");
        let parsed = Path::parse(&selector);
        if parsed
            .as_ref()
            .is_err_and(|error| error.message == NO_FILTERS)
        {
            assert!(selector.contains('?'));
            continue;
        }
        run += 1;
        match (parsed, case.get("invalid_selector").is_some()) {
            (Err(_), true) => {}
            (Ok(path), true) => wrong.push((selector, format!("accepted as {path}"))),
            (Err(error), false) => wrong.push((selector, error.to_string())),
            (Ok(path), false) => {
                let document = case.get("document").unwrap();
                let again = Path::parse(&path.normalized()).unwrap();
                assert_eq!(again, path);
                let (values, places) = selected(&path, document);
                let results = alternatives(case, "result", "results");
                let paths = alternatives(case, "result_paths", "results_paths");
                if !results.contains(&values) || !paths.contains(&places) {
                    wrong.push((selector, format!("{values:?} at {places:?}")));
                }
                check_distinct(&path, document, &places);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(run >= 320, "{run}");
}

/// `visit` goes through the nodelist without its repetitions.
fn check_distinct(path: &Path, document: Value<'_>, nodelist: &[String]) {
    let mut expected: Vec<&String> = Vec::new();
    for place in nodelist {
        if !expected.contains(&place) {
            expected.push(place);
        }
    }
    let mut visited = Vec::new();
    let flow = path.visit(document, &mut |value| {
        visited.push(place(document, value).unwrap());
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    assert_eq!(visited.iter().collect::<Vec<_>>(), expected, "{path}");
}
