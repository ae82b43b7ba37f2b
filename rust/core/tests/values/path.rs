//! Paths beyond the compliance suite: short forms, canonical text, limits, cost.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use helio_core::json::Tape;
use helio_core::path::Path;

fn normalized(text: &str) -> String {
    Path::parse(text).unwrap().normalized()
}

fn selected(path: &str, document: &str) -> Vec<String> {
    let tape = Tape::parse(document.as_bytes()).unwrap();
    let mut found = Vec::new();
    let flow = Path::parse(path)
        .unwrap()
        .select(tape.root(document.as_bytes()), &mut |value| {
            found.push(String::from_utf8(value.raw().to_vec()).unwrap());
            ControlFlow::Continue(())
        });
    assert!(flow.is_continue());
    found
}

#[test]
fn texts_that_mean_the_same_are_equal() {
    let same: [(&str, &[&str]); 8] = [
        ("$", &["$"]),
        (
            "$['amount']",
            &[
                "amount",
                "$.amount",
                "$[\"amount\"]",
                "$[ 'amount' ]",
                "$ .amount",
            ],
        ),
        (
            "$['order']['id']",
            &["order.id", "$.order['id']", "$['\\u006frder'].id"],
        ),
        ("$['items'][0]['x']", &["items[0].x", "$.items[0]['x']"]),
        ("$[*]", &["*", "$.*", "$[*]"]),
        (
            "$..['a'][1:]",
            &["$..a[1:]", "$..['a'][1::]", "$..a[ 1 : : 1 ]"],
        ),
        (
            "$[::-1,-1,'\\'\"\\\\\\n\\u0001']",
            &["$[::-1,-1,\"'\\\"\\\\\\n\\u0001\"]"],
        ),
        ("$['\u{e9}t\u{e9}']", &["\u{e9}t\u{e9}", "$.\u{e9}t\u{e9}"]),
    ];
    for (expected, texts) in same {
        for text in texts {
            assert_eq!(normalized(text), expected, "{text}");
            assert_eq!(Path::parse(text), Path::parse(expected));
        }
        assert_eq!(normalized(expected), expected);
    }
}

#[test]
fn refusals_say_where_and_why() {
    let cases = [
        ("", 0, "expected a name"),
        ("$.items[?@.x]", 8, "filter selectors are not supported"),
        ("items[?(@.x > 1)]", 6, "filter selectors are not supported"),
        ("$.a ", 3, "without spaces"),
        (" $.a", 0, "expected a name"),
        (".a", 0, "expected a name"),
        ("[0]", 0, "expected a name"),
        ("a-b", 1, "expected `.`, `..` or `[`"),
        ("$.1a", 2, "expected a name"),
        ("$['a'", 5, "expected `,` or `]`"),
        ("$['a", 4, "does not end"),
        ("$[01]", 2, "leading zero"),
        ("$[-]", 2, "digit after `-`"),
        ("$[9007199254740992]", 2, "2^53"),
        ("$['\\ud800']", 3, "escape"),
        ("$['\\x']", 3, "escape"),
        ("$[]", 2, "expected a quoted name"),
        ("$.\u{e9}[?1]", 5, "filter"),
    ];
    for (text, offset, message) in cases {
        let error = Path::parse(text).unwrap_err();
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }
}

#[test]
fn length_is_bounded() {
    assert!(Path::parse(&"a".repeat(1000)).is_ok());
    assert!(
        Path::parse(&"a".repeat(1001))
            .unwrap_err()
            .message
            .contains("1000 characters")
    );
    assert!(Path::parse(&format!("${}", ".a".repeat(64))).is_ok());
    let error = Path::parse(&format!("${}", ".a".repeat(65))).unwrap_err();
    assert!(error.message.contains("64 segments"));
}

#[test]
fn singular_paths() {
    for path in ["$", "a.b[0]['c']", "$[-1]"] {
        assert!(Path::parse(path).unwrap().is_singular(), "{path}");
    }
    for path in ["$.*", "$..a", "$[0,1]", "$[0:1]", "$['a','b'].c"] {
        assert!(!Path::parse(path).unwrap().is_singular(), "{path}");
    }
}

#[test]
fn selection() {
    let document = r#"{"items":[{"x":1},{"x":2,"y":{"x":[3]}},"x"],"\u0061b":4}"#;
    let cases: [(&str, &[&str]); 9] = [
        ("items[*].x", &["1", "2"]),
        ("$..x", &["1", "2", "[3]"]),
        ("items[-1]", &["\"x\""]),
        ("items[-4]", &[]),
        ("items[::-2].x", &["1"]),
        ("ab", &["4"]),
        ("items.x", &[]),
        ("items[0]['x','x','z']", &["1", "1"]),
        ("ab[0]", &[]),
    ];
    for (path, expected) in cases {
        assert_eq!(selected(path, document), expected, "{path}");
    }
}

#[test]
fn a_break_stops_the_walk() {
    let tape = Tape::parse(b"[1,2,3]").unwrap();
    let path = Path::parse("$..*").unwrap();
    let mut count = 0;
    let flow = path.visit(tape.root(b"[1,2,3]"), &mut |_| {
        count += 1;
        if count == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!((flow, count), (ControlFlow::Break(()), 2));
    assert_eq!(
        path.first(tape.root(b"[1,2,3]")).map(|value| value.raw()),
        Some(&b"1"[..])
    );
}

/// Their nodelists are longer than anybody could wait for.
#[test]
fn each_value_is_visited_once() {
    let deep = "{\"a\":[".repeat(60) + "1" + &"]}".repeat(60);
    let tape = Tape::parse(deep.as_bytes()).unwrap();
    let start = Instant::now();
    for (path, expected) in [
        ("$..*..*..*..*..*..*..*", 114),
        ("$..a..a..a..a..a..a..a", 54),
    ] {
        let mut count = 0;
        let flow = Path::parse(path)
            .unwrap()
            .visit(tape.root(deep.as_bytes()), &mut |_| {
                count += 1;
                ControlFlow::Continue(())
            });
        assert_eq!(
            (flow, count),
            (ControlFlow::Continue(()), expected),
            "{path}"
        );
    }
    let doubled = format!("${}", "['a','a'][0,0]".repeat(30));
    let mut count = 0;
    let flow = Path::parse(&doubled)
        .unwrap()
        .visit(tape.root(deep.as_bytes()), &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        });
    assert_eq!((flow, count), (ControlFlow::Continue(()), 1));
    assert!(start.elapsed() < Duration::from_secs(5));
}
