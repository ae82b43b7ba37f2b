//! Redaction: what is hidden, what stays as it came, and what is given up.

use helio_core::keyed_hash::KeyedHash;
use helio_core::redact::{Place, Redactor, Unreadable};

const KEY: &[u8] = b"a key for tests";

fn redactor(rules: &str) -> Redactor {
    Redactor::new(rules.as_bytes(), KEY, &[]).unwrap()
}

fn mask(text: &str) -> String {
    format!("[redacted:{}]", KeyedHash::new(KEY).hex(text.as_bytes(), 8))
}

/// `document` with everything hidden; the same again must hide nothing more.
fn hidden(redactor: &Redactor, place: Place, document: &str) -> String {
    let once = redactor.document(place, Some("pay"), document.as_bytes());
    let once = once.unwrap().map_or_else(
        || document.to_owned(),
        |bytes| String::from_utf8(bytes).unwrap(),
    );
    let again = redactor.document(place, Some("pay"), once.as_bytes());
    assert_eq!(again, Ok(None), "{once}");
    once
}

fn of_arguments(rules: &str, document: &str) -> String {
    hidden(&redactor(rules), Place::Arguments, document)
}

#[test]
fn the_hash_is_that_of_rfc_4231() {
    let cases: [(&[u8], &[u8], &str); 4] = [
        (
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            &[0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ];
    for (key, text, expected) in cases {
        assert_eq!(KeyedHash::new(key).hex(text, 32), expected);
    }
}

#[test]
fn a_path_hides_the_values_that_it_selects() {
    let rules = r#"[{"path":["$.card.number","items[*].pin"],"action":"mask"}]"#;
    let document = r#"{ "card": {"number" : "41\u0031", "n": 1.50}, "items":[{"pin":12},{"pin":1.2e1},{"pin":null}] }"#;
    let expected = format!(
        r#"{{ "card": {{"number" : "{}", "n": 1.50}}, "items":[{{"pin":"{}"}},{{"pin":"{}"}},{{"pin":null}}] }}"#,
        mask("411"),
        mask("12"),
        mask("12"),
    );
    assert_eq!(of_arguments(rules, document), expected);
}

#[test]
fn a_key_hides_all_below_it_in_any_case_and_at_any_depth() {
    let rules = r#"[{"key":["*PassWord*"],"action":"mask"}]"#;
    let document =
        r#"{"a":[{"dbPASSWORD":{"b":[1, 2],"a":true}}],"\u0070assword":"x","pass":"word"}"#;
    let expected = format!(
        r#"{{"a":[{{"dbPASSWORD":"{}"}}],"\u0070assword":"{}","pass":"word"}}"#,
        mask(r#"{"a":true,"b":[1,2]}"#),
        mask("x"),
    );
    assert_eq!(of_arguments(rules, document), expected);
}

#[test]
fn a_pattern_hides_what_it_matches_and_leaves_every_other_byte() {
    let rules = r#"[{"pattern":["ACME-[0-9]{8}"],"action":"mask"}]"#;
    let document = r#"{"t":"\ud83d\ude00 \"ACME-\u0031\u0032345678\" \/ \u00e9","n":[1.00,12],"ACME-00000000":1}"#;
    let expected = format!(
        r#"{{"t":"\ud83d\ude00 \"{}\" \/ \u00e9","n":[1.00,12],"{}":1}}"#,
        mask("ACME-12345678"),
        mask("ACME-00000000"),
    );
    assert_eq!(of_arguments(rules, document), expected);
}

#[test]
fn a_group_named_secret_is_hidden_alone() {
    let rules = r#"[{"pattern":["pin is (?<secret>[0-9]+)"],"action":"mask"}]"#;
    let expected = format!(r#"["the pin is {}."]"#, mask("1234"));
    assert_eq!(of_arguments(rules, r#"["the pin is 1234."]"#), expected);
}

#[test]
fn a_number_is_hidden_whole() {
    let rules = r#"[{"pattern":["^42[0-9]$"],"action":"hash"}]"#;
    let hash = KeyedHash::new(KEY).hex(b"421", 32);
    let expected = format!(r#"[42, "[hmac-sha256:{hash}]", "[hmac-sha256:{hash}]", 4210]"#);
    assert_eq!(of_arguments(rules, "[42, 421, 4.21e2, 4210]"), expected);
}

#[test]
fn overlapping_places_are_one() {
    let rules =
        r#"[{"pattern":["abc","cde"],"action":"mask"},{"pattern":["e+f"],"action":"hash"}]"#;
    let expected = format!(r#"["x{}x"]"#, mask("abcdef"));
    assert_eq!(of_arguments(rules, r#"["xabcdefx"]"#), expected);
}

#[test]
fn a_text_that_is_json_is_a_document_of_its_own() {
    let rules = r#"[{"path":["$.card"],"key":["pin"],"action":"mask"}]"#;
    let document = r#"{"text":" {\"card\": \"4\\u0031\", \"pin\":[1], \"other\":\"card\"}","card.":"{\"card\""}"#;
    let expected = format!(
        r#"{{"text":" {{\"card\": \"{}\", \"pin\":\"{}\", \"other\":\"card\"}}","card.":"{{\"card\""}}"#,
        mask("41"),
        mask("[1]"),
    );
    assert_eq!(of_arguments(rules, document), expected);
}

#[test]
fn json_too_deep_in_texts_is_hidden_whole() {
    let rules = r#"[{"key":["pin"],"action":"mask"}]"#;
    let mut document = r#"{"pin":7}"#.to_owned();
    for _ in 0..4 {
        document = serde_json::to_string(&[&document]).unwrap();
    }
    assert!(of_arguments(rules, &document).contains(&mask("7")));
    document = serde_json::to_string(&[&document]).unwrap();
    let deeper = of_arguments(rules, &document);
    assert!(
        deeper.contains("[redacted:") && !deeper.contains("pin"),
        "{deeper}"
    );
    let patterns = r#"[{"pattern":["pin"],"action":"mask"}]"#;
    assert!(of_arguments(patterns, &document).contains(&mask("pin")));
}

#[test]
fn paths_of_answers_begin_at_what_the_tool_returned() {
    let rules = r#"[{"path":["$.card","$.result.content[0].note"],"action":"mask"}]"#;
    let document = r#"{"card":1,"result":{"card":2,"structuredContent":{"card":3},"content":[{"note":4,"text":"{\"card\":5}"}]},"error":{"data":{"card":6}}}"#;
    let expected = format!(
        r#"{{"card":1,"result":{{"card":2,"structuredContent":{{"card":"{}"}},"content":[{{"note":"{}","text":"{{\"card\":\"{}\"}}"}}]}},"error":{{"data":{{"card":"{}"}}}}}}"#,
        mask("3"),
        mask("4"),
        mask("5"),
        mask("6"),
    );
    assert_eq!(hidden(&redactor(rules), Place::Answer, document), expected);
}

#[test]
fn paths_of_requests_begin_at_the_arguments() {
    let rules = r#"[{"path":["$.card"],"action":"mask"}]"#;
    let document = r#"{"params":{"arguments":{"card":1},"card":2}}"#;
    let expected = format!(
        r#"{{"params":{{"arguments":{{"card":"{}"}},"card":2}}}}"#,
        mask("1")
    );
    assert_eq!(hidden(&redactor(rules), Place::Request, document), expected);
}

#[test]
fn a_rule_for_a_tool_counts_for_it_and_for_one_that_is_not_known() {
    let redactor = redactor(r#"[{"key":["pin"],"tool":["pay*"],"action":"mask"}]"#);
    let document = br#"{"pin":1}"#;
    let for_tool = |tool| redactor.document(Place::Arguments, tool, document).unwrap();
    assert!(for_tool(Some("payment")).is_some());
    assert!(for_tool(None).is_some());
    assert_eq!(for_tool(Some("mail")), None);
}

#[test]
fn what_can_be_read_in_two_ways_is_given_up_where_paths_count() {
    let paths = redactor(r#"[{"path":["$.pin"],"action":"mask"}]"#);
    let keys = redactor(r#"[{"key":["pin"],"action":"mask"}]"#);
    let twice = r#"{"pin":1,"pin":2}"#;
    let read =
        |redactor: &Redactor, text: &str| redactor.document(Place::Answer, None, text.as_bytes());
    assert_eq!(read(&paths, twice), Err(Unreadable));
    let both = format!(r#"{{"pin":"{}","pin":"{}"}}"#, mask("1"), mask("2"));
    assert_eq!(read(&keys, twice), Ok(Some(both.into_bytes())));
    for broken in ["", "{", "[1,]", "{\"pin\":1}}", "\u{feff}{}"] {
        assert_eq!(read(&paths, broken), Err(Unreadable), "{broken}");
        assert_eq!(read(&keys, broken), Err(Unreadable), "{broken}");
    }
    let folded = r#"{"params":{"arguments":{"pin":1,"Pin":2}}}"#;
    let request = paths.document(Place::Request, None, folded.as_bytes());
    assert_eq!(request, Err(Unreadable));
    let inside = r#"["{\"pin\":1,\"pin\":2}"]"#;
    assert_eq!(
        hidden(&paths, Place::Arguments, inside),
        format!(r#"["{}"]"#, mask(twice))
    );
}

#[test]
fn configured_secrets_are_hidden_without_rules() {
    let secrets = ["sesame-open-1", "sesame-open-1-longer", "short"];
    let redactor = Redactor::new(b"[]", KEY, &secrets).unwrap();
    assert!(!redactor.has_rules() && !redactor.has_places());
    let document = r#"{"sesame-open-1":"a sesame-open-\u0031-longer b","short":"sesame-open-2"}"#;
    let expected = format!(
        r#"{{"{}":"a {} b","short":"sesame-open-2"}}"#,
        mask("sesame-open-1"),
        mask("sesame-open-1-longer"),
    );
    assert_eq!(hidden(&redactor, Place::Answer, document), expected);
    assert_eq!(
        redactor.text(None, "x sesame-open-1 {"),
        Some(format!("x {} {{", mask("sesame-open-1"))),
    );
    assert_eq!(redactor.text(None, "nothing"), None);
    let nested = r#"["{\"x\":\"sesame-open\u002d1\"}"]"#;
    let nested = hidden(&redactor, Place::Answer, nested);
    assert!(nested.contains(&mask("sesame-open-1")), "{nested}");
    assert_eq!(
        redactor.document(Place::Answer, None, b"not JSON"),
        Ok(None)
    );
    let redactor = Redactor::new(b"[]", KEY, &["a/b\"c\nd-long"]).unwrap();
    for text in [
        r#"{"x":"a\/b\"c\nd-long"#,
        r#"{"x":"a/b\"c\nd-long"#,
        "{a/b\"c\nd-long",
    ] {
        assert!(
            redactor.text(None, text).unwrap().contains("[redacted:"),
            "{text}"
        );
    }
}

#[test]
fn only_what_is_hidden_already_is_left_alone() {
    let rules = r#"[{"key":["pin"],"pattern":["pin=\\S+"],"action":"mask"}]"#;
    let mark = mask("x");
    let document = format!(r#"{{"pin":"{mark}","a":"{mark}","b":"pin={mark}7"}}"#);
    let expected = format!(
        r#"{{"pin":"{mark}","a":"{mark}","b":"{}"}}"#,
        mask(&format!("pin={mark}7"))
    );
    assert_eq!(of_arguments(rules, &document), expected);
    let more = format!(r#"{{"pin":"{mark}7"}}"#);
    assert_eq!(
        of_arguments(rules, &more),
        format!(r#"{{"pin":"{}"}}"#, mask(&format!("{mark}7")))
    );
}

#[test]
fn what_is_sealed_can_be_compared_and_not_read() {
    let redactor = redactor(r#"[{"key":["pin"],"action":"mask"}]"#);
    let seal = |text: &str| String::from_utf8(redactor.sealed(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(
        seal(r#"{"b":[1.0, "x"],"a":null}"#),
        seal(r#"{ "a":null,"b":[1,"\u0078"] }"#)
    );
    assert_ne!(seal(r#"{"a":"1"}"#), seal(r#"{"a":1}"#));
    assert_ne!(seal(r#"{"a":"null"}"#), seal(r#"{"a":null}"#));
    let sealed = seal(r#"{"id":"o-17","n":[1234567]}"#);
    assert!(
        sealed.contains("\"id\"") && !sealed.contains("o-17"),
        "{sealed}"
    );
    assert!(!sealed.contains("1234567"), "{sealed}");
    assert_eq!(redactor.sealed(b"{"), Err(Unreadable));
    let plain = Redactor::new(b"[]", KEY, &["sesame-open-1"]).unwrap();
    let expected = format!(r#"{{"a":"{}","b":1}}"#, mask("sesame-open-1"));
    let document = br#"{"b":1,"a":"sesame-open-1"}"#;
    assert_eq!(plain.sealed(document).unwrap(), expected.into_bytes());
}

#[test]
fn notes_know_no_keys() {
    let redactor =
        redactor(r#"[{"key":["message"],"path":["$"],"pattern":["x+"],"action":"mask"}]"#);
    let notes = redactor.notes(None, br#"{"message":"axa","n":1}"#).unwrap();
    let expected = format!(r#"{{"message":"a{}a","n":1}}"#, mask("x"));
    assert_eq!(notes, Some(expected.into_bytes()));
}

#[test]
fn what_is_no_rule_is_refused() {
    for rules in [
        "{}",
        r#"[{"path":["$["],"action":"mask"}]"#,
        r#"[{"key":["["],"action":"mask"}]"#,
        r#"[{"pattern":["("],"action":"mask"}]"#,
        r#"[{"detect":["faces"],"action":"mask"}]"#,
        r#"[{"key":["a"],"action":"remove"}]"#,
        r#"[{"key":["a"]}]"#,
        r#"[{"keys":["a"],"action":"mask"}]"#,
    ] {
        assert!(
            Redactor::new(rules.as_bytes(), KEY, &[]).is_err(),
            "{rules}"
        );
    }
}

#[test]
fn secrets_that_are_known_later_take_the_place_of_those_before() {
    let mut redactor = Redactor::new(b"[]", KEY, &["sesame-open-1"]).unwrap();
    redactor.know(&["sesame-open-2"]).unwrap();
    assert_eq!(redactor.text(None, "sesame-open-1"), None);
    let hidden = redactor.text(None, "sesame-open-2").unwrap();
    assert!(!hidden.contains("sesame"), "{hidden}");
}
