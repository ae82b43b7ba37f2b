use super::{Kind, Language, Unfit, distinguish};

const MOST: usize = 10_000;

fn kinds(sets: &[Language]) -> Vec<(Vec<bool>, Option<String>)> {
    let sets: Vec<_> = sets.iter().map(|language| vec![language.clone()]).collect();
    let found = distinguish(&sets, false, MOST).unwrap();
    let mut kinds: Vec<_> = found
        .kinds
        .into_iter()
        .map(|Kind { is_in, example }| (is_in, example))
        .collect();
    kinds.sort();
    kinds
}

fn regex(pattern: &str) -> Language {
    Language::Regex(pattern.to_owned())
}

fn known(is_in: &[bool], example: &str) -> (Vec<bool>, Option<String>) {
    (is_in.to_vec(), Some(example.to_owned()))
}

#[test]
fn a_glob_within_another() {
    let sets = [
        Language::Glob("pay_*".to_owned()),
        Language::Glob("pay_?{a,b}".to_owned()),
    ];
    let expected = [
        known(&[false, false], ""),
        known(&[true, false], "pay_"),
        known(&[true, true], "pay_xa"),
    ];
    assert_eq!(kinds(&sets), expected);
}

#[test]
fn a_regex_is_searched_for() {
    let sets = [regex("b+"), Language::Exact("abc".to_owned())];
    let expected = [
        known(&[false, false], ""),
        known(&[true, false], "b"),
        known(&[true, true], "abc"),
    ];
    assert_eq!(kinds(&sets), expected);
}

#[test]
fn anchors_hold_at_the_ends_of_the_text() {
    let sets = [regex("^GB(P|X)$"), regex("(?m)^GBP$"), regex(r"\AGBP\z")];
    let examples: Vec<_> = kinds(&sets).into_iter().map(|(is_in, _)| is_in).collect();
    let expected = [
        vec![false, false, false],
        vec![false, true, false],
        vec![true, false, false],
        vec![true, true, true],
    ];
    assert_eq!(examples, expected);
}

#[test]
fn examples_are_texts_and_match() {
    let pattern = r"[^\x00-\x7F]{2}\p{Greek}$";
    let found = kinds(&[regex(pattern)]);
    let (_, example) = found.iter().find(|(is_in, _)| is_in == &[true]).unwrap();
    let example = example.as_ref().unwrap();
    assert!(regex::Regex::new(pattern).unwrap().is_match(example));
    assert_eq!(example.chars().count(), 3);
}

#[test]
fn word_boundaries_are_decided_in_ascii_and_left_open_beyond_it() {
    let sets = [regex(r"\bdrop\b"), Language::Exact("drop".to_owned())];
    let expected = [
        known(&[false, false], ""),
        known(&[true, false], "drop "),
        known(&[true, true], "drop"),
    ];
    let found = kinds(&sets);
    let shown: Vec<_> = found.iter().map(|(is_in, _)| is_in.clone()).collect();
    assert_eq!(shown, expected.map(|(is_in, _)| is_in));
    assert!(found.iter().all(|(_, example)| example.is_some()));
    let beyond = kinds(&[regex(r"^é\b.")]);
    assert_eq!(beyond.len(), 2);
    assert!(beyond.contains(&(vec![true], None)));
}

#[test]
fn the_empty_text_may_be_left_out() {
    let sets = [vec![Language::Glob("*".to_owned())]];
    let found = distinguish(&sets, true, MOST).unwrap();
    assert_eq!(found.kinds.len(), 1);
    assert_eq!(found.kinds[0].example.as_deref(), Some("x"));
}

#[test]
fn too_much_is_refused() {
    let large = [vec![regex(r"(a|b)*a(a|b){18}$")]];
    assert_eq!(distinguish(&large, false, MOST), Err(Unfit::TooMany));
    let huge = [vec![regex(r"\w{1000}")]];
    assert_eq!(distinguish(&huge, false, MOST), Err(Unfit::TooLarge));
    let wrong = [vec![regex("(")]];
    assert_eq!(distinguish(&wrong, false, MOST), Err(Unfit::Unreadable));
}
