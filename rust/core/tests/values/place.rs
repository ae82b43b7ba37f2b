//! Ways to values, and texts whose keys may differ by case only.

use helio_core::call::{Answer, Message};
use helio_core::json::{Step, Tape, canonical_text};

use Step::{Index, Name};

fn found<'t>(text: &'t str, way: &[Step<'_>]) -> Option<&'t str> {
    let tape = Tape::parse_lenient(text.as_bytes()).unwrap();
    let value = tape.root(text.as_bytes()).locate(way.iter().copied())?;
    Some(&text[value.span()])
}

#[test]
fn a_way_goes_by_names_and_indices() {
    let text = r#" {"a":[1,{"\u0062":"x"}],"A":{}} "#;
    assert_eq!(found(text, &[]), Some(text.trim()));
    assert_eq!(
        found(text, &[Name("a"), Index(1), Name("b")]),
        Some("\"x\"")
    );
    assert_eq!(found(text, &[Name("A")]), Some("{}"));
    for way in [
        &[Name("b")][..],
        &[Index(0)],
        &[Name("a"), Index(2)],
        &[Name("a"), Index(usize::MAX)],
        &[Name("a"), Name("0")],
        &[Name("a"), Index(0), Name("x")],
        &[Name("A"), Index(0)],
    ] {
        assert_eq!(found(text, way), None, "{way:?}");
    }
}

#[test]
fn the_last_of_repeated_keys_counts() {
    let text = r#"{"a":{"x":1},"b":0,"\u0061":{"y":2},"c":0}"#;
    assert_eq!(found(text, &[Name("a")]), Some(r#"{"y":2}"#));
    assert_eq!(found(text, &[Name("a"), Name("x")]), None);
}

#[test]
fn messages_and_answers_have_ways() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"k":[true]}}"#;
    let way = [Name("params"), Name("k"), Index(0)];
    let message = Message::parse(text.as_bytes()).unwrap();
    let value = message.root(text.as_bytes()).locate(way).unwrap();
    assert_eq!(&text[value.span()], "true");
    let answer = Answer::inspect(text.as_bytes()).unwrap();
    let value = answer.root(text.as_bytes()).locate(way).unwrap();
    assert_eq!(&text[value.span()], "true");
}

#[test]
fn what_an_answer_says_is_what_its_last_keys_say() {
    let text = r#"{"id":1,"result":{"isError":false,"isError":true}}"#;
    assert!(Answer::inspect(text.as_bytes()).unwrap().is_error);
    let text = r#"{"id":1,"error":{"code":1,"code":2,"message":"a","message":"b"}}"#;
    let answer = Answer::inspect(text.as_bytes()).unwrap();
    assert_eq!(
        (answer.error_code, answer.error_message.as_deref()),
        (Some(2), Some("b"))
    );
}

#[test]
fn keys_may_differ_by_case_where_that_is_asked_for() {
    let text = br#"{"a":1,"A":2,"K":3,"k":4}"#;
    assert_eq!(Tape::parse(text).unwrap_err().reason, "duplicate_key");
    assert!(Tape::parse_case_sensitive(text).is_ok());
    assert_eq!(
        canonical_text(text).unwrap(),
        br#"{"A":2,"K":3,"a":1,"k":4}"#
    );
}

#[test]
fn equal_keys_repeat_however_they_are_written() {
    for text in [r#"{"a":1,"a":2}"#, r#"[{"b":0,"a":1,"\u0061":2}]"#] {
        let error = Tape::parse_case_sensitive(text.as_bytes()).unwrap_err();
        assert_eq!(error.reason, "duplicate_key", "{text}");
    }
    // Objects of many keys are looked through by another way.
    let many = |last: &str| {
        let keys: String = (0..30).map(|key| format!("\"k{key}\":0,")).collect();
        format!("{{{keys}\"{last}\":1}}")
    };
    for (last, repeats) in [("k7", true), ("\\u006b7", true), ("K7", false)] {
        let parsed = Tape::parse_case_sensitive(many(last).as_bytes());
        assert_eq!(
            parsed.err().map(|error| error.reason),
            repeats.then_some("duplicate_key"),
            "{last}"
        );
        assert!(Tape::parse(many(last).as_bytes()).is_err());
    }
}
