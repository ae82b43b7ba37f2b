//! Every operator against every kind of value, and selections joined.

use std::str::FromStr;
use std::time::{Duration, Instant};

use helio_core::compare::{
    OPERATORS, OperandError, Operator, Quantifier, Test, compile_regex, judge_selection,
};
use helio_core::json::{Kind, Tape};
use helio_core::path::Path;
use helio_core::truth::Truth::{self, False, Indeterminate, True};

fn test(operator: &str, operand: &str) -> Test {
    Test::new(Operator::from_str(operator).unwrap(), operand.as_bytes()).unwrap()
}

fn judge(value: &str, operator: &str, operand: &str) -> Truth {
    let tape = Tape::parse(value.as_bytes()).unwrap();
    test(operator, operand).judge(tape.root(value.as_bytes()))
}

/// Operators with their operands.
type Tests<'a> = &'a [(&'a str, &'a str)];

fn select(tests: Tests<'_>, quantifier: Quantifier, path: &str, document: &str) -> Truth {
    let tests: Vec<_> = tests
        .iter()
        .map(|(operator, operand)| test(operator, operand))
        .collect();
    let tape = Tape::parse(document.as_bytes()).unwrap();
    let path = Path::parse(path).unwrap();
    judge_selection(&tests, quantifier, &path, tape.root(document.as_bytes()))
}

#[test]
fn equality_and_its_negation() {
    let cases = [
        ("1.0", "1", True),
        ("1e400", "1e401", False),
        ("9007199254740993", "9007199254740992", False),
        ("\"a\"", "\"\\u0061\"", True),
        ("\"a\"", "\"A\"", False),
        ("true", "true", True),
        ("true", "false", False),
        ("null", "null", True),
        ("\"5\"", "5", Indeterminate),
        ("1", "true", Indeterminate),
        ("null", "false", Indeterminate),
        ("null", "\"\"", Indeterminate),
        ("[]", "{}", Indeterminate),
        ("[1,2]", "[1.0,2e0]", True),
        ("[1,2]", "[1,2,3]", False),
        ("[1,\"2\"]", "[1,2]", Indeterminate),
        ("[0,\"2\"]", "[1,2]", False),
        ("{\"a\":1,\"b\":[]}", "{\"b\":[],\"a\":1}", True),
        ("{\"a\":\"1\",\"b\":2}", "{\"a\":1,\"c\":2}", False),
        ("{\"a\":\"1\"}", "{\"a\":1}", Indeterminate),
        ("{\"a\":1}", "{\"A\":1}", False),
        ("{}", "{}", True),
    ];
    for (value, operand, expected) in cases {
        assert_eq!(
            judge(value, "eq", operand),
            expected,
            "{value} eq {operand}"
        );
        assert_eq!(
            judge(operand, "eq", value),
            expected,
            "{operand} eq {value}"
        );
        assert_eq!(
            judge(value, "neq", operand),
            expected.not(),
            "{value} neq {operand}"
        );
    }
}

#[test]
fn membership_and_its_negation() {
    let cases = [
        ("\"GBP\"", "[\"EUR\",\"GBP\"]", True),
        ("\"USD\"", "[\"EUR\",\"GBP\"]", False),
        ("1", "[\"1\",1.0]", True),
        ("1", "[\"1\",2]", Indeterminate),
        ("null", "[]", False),
        ("[1]", "[[1],2]", True),
    ];
    for (value, operand, expected) in cases {
        assert_eq!(
            judge(value, "in", operand),
            expected,
            "{value} in {operand}"
        );
        assert_eq!(
            judge(value, "not_in", operand),
            expected.not(),
            "{value} not_in {operand}"
        );
    }
}

#[test]
fn order() {
    let cases = [
        ("1000", "1000", [False, True, False, True]),
        ("1000.01", "1e3", [True, True, False, False]),
        ("-5", "0", [False, False, True, True]),
        ("1e400", "1", [True, True, False, False]),
        ("\"5000\"", "1000", [Indeterminate; 4]),
        ("null", "1000", [Indeterminate; 4]),
        ("true", "0", [Indeterminate; 4]),
        ("[2000]", "1000", [Indeterminate; 4]),
        ("{}", "1000", [Indeterminate; 4]),
    ];
    for (value, operand, expected) in cases {
        let judged = ["gt", "gte", "lt", "lte"].map(|operator| judge(value, operator, operand));
        assert_eq!(judged, expected, "{value} {operand}");
    }
}

#[test]
fn texts_and_containment() {
    let cases = [
        ("\"hello\"", "contains", "\"ell\"", True),
        ("\"hello\"", "contains", "\"ELL\"", False),
        ("\"h\\u0065llo\"", "contains", "\"hel\"", True),
        ("\"5\"", "contains", "5", Indeterminate),
        ("[\"a\",\"b\"]", "contains", "\"b\"", True),
        ("[\"a\"]", "contains", "\"b\"", False),
        ("[1,\"a\"]", "contains", "\"b\"", Indeterminate),
        ("[1,\"b\"]", "contains", "\"b\"", True),
        ("[]", "contains", "\"b\"", False),
        ("{\"b\":1}", "contains", "\"b\"", Indeterminate),
        ("12", "contains", "1", Indeterminate),
        ("null", "contains", "\"n\"", Indeterminate),
        ("\"abc123\"", "regex", "\"[0-9]+\"", True),
        ("\"abc\"", "regex", "\"^b\"", False),
        ("\"a\\nb\"", "regex", "\"^b\"", False),
        ("123", "regex", "\"1\"", Indeterminate),
        ("[\"a\"]", "regex", "\"a\"", Indeterminate),
        ("\"http://x\"", "starts_with", "\"http:\"", True),
        ("\"xhttp:\"", "starts_with", "\"http:\"", False),
        ("null", "starts_with", "\"\"", Indeterminate),
        ("\"x.exe\"", "ends_with", "\".exe\"", True),
        ("\"x.exe \"", "ends_with", "\".exe\"", False),
        ("7", "ends_with", "\"7\"", Indeterminate),
        ("null", "exists", "true", True),
        ("0", "exists", "false", False),
    ];
    for (value, operator, operand, expected) in cases {
        assert_eq!(
            judge(value, operator, operand),
            expected,
            "{value} {operator} {operand}"
        );
    }
}

#[test]
fn operands_have_kinds() {
    let cases = [
        ("gt", "\"1\"", Kind::Number, Kind::String),
        ("gte", "null", Kind::Number, Kind::Null),
        ("lt", "[1]", Kind::Number, Kind::Array),
        ("lte", "true", Kind::Number, Kind::Bool),
        ("in", "1", Kind::Array, Kind::Number),
        ("not_in", "{}", Kind::Array, Kind::Object),
        ("regex", "1", Kind::String, Kind::Number),
        ("starts_with", "[]", Kind::String, Kind::Array),
        ("ends_with", "null", Kind::String, Kind::Null),
        ("exists", "1", Kind::Bool, Kind::Number),
    ];
    for (name, operand, expected, found) in cases {
        let operator = Operator::from_str(name).unwrap();
        let error = Test::new(operator, operand.as_bytes()).unwrap_err();
        assert_eq!(
            error,
            OperandError::Kind {
                operator,
                expected,
                found
            },
            "{name}"
        );
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    for name in ["eq", "neq", "contains"] {
        for operand in ["null", "1", "\"a\"", "[]", "{}", "true"] {
            test(name, operand);
        }
    }
    let broken = Test::new(Operator::Equal, b"{\"a\":1,\"a\":2}").unwrap_err();
    assert!(matches!(broken, OperandError::Json(error) if error.reason == "duplicate_key"));
}

#[test]
fn names_go_both_ways() {
    for (name, operator) in OPERATORS {
        assert_eq!(Operator::from_str(name), Ok(operator));
        assert_eq!(operator.to_string(), name);
    }
    let error = Operator::from_str("EQ").unwrap_err();
    assert_eq!(error.to_string(), "unknown operator `EQ`");
}

#[test]
fn regular_expressions_are_bounded() {
    assert!(compile_regex(&"a".repeat(1000)).is_ok());
    for pattern in [
        "a".repeat(1001),
        "(".to_owned(),
        "(?=a)".to_owned(),
        r"\w{1000}{1000}".to_owned(),
    ] {
        assert!(
            matches!(compile_regex(&pattern), Err(OperandError::Regex(_))),
            "{pattern}"
        );
    }
    let hostile = format!("\"{}!\"", "a".repeat(100_000));
    let start = Instant::now();
    assert_eq!(judge(&hostile, "regex", "\"(a+)+$\""), False);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn selections_are_joined() {
    use Quantifier::{Every, Some};
    let document = r#"{"items":[{"p":5},{"p":50},{"p":"x"}],"none":[],"null":null}"#;
    let cases: [(Tests, Quantifier, &str, Truth); 17] = [
        (&[("gt", "10")], Some, "items[*].p", True),
        (&[("gt", "100")], Some, "items[*].p", Indeterminate),
        (&[("gt", "100")], Some, "items[0:2].p", False),
        (&[("gt", "1")], Every, "items[*].p", Indeterminate),
        (&[("gt", "10")], Every, "items[*].p", False),
        (&[("gt", "1")], Every, "items[0:2].p", True),
        // Both hold, but of different values.
        (&[("lt", "10"), ("gt", "10")], Some, "items[0:2].p", False),
        (&[("gt", "1"), ("lt", "10")], Some, "items[0:2].p", True),
        (&[("exists", "true")], Some, "null", True),
        (&[("exists", "false")], Some, "absent", True),
        (&[("exists", "true")], Some, "absent", False),
        (&[("neq", "1")], Some, "absent", Indeterminate),
        (&[("not_in", "[1]")], Some, "none[*]", Indeterminate),
        (
            &[("exists", "false"), ("neq", "1")],
            Some,
            "absent",
            Indeterminate,
        ),
        (&[("neq", "1"), ("eq", "1")], Some, "absent", False),
        (&[("neq", "1")], Every, "absent", False),
        (&[("exists", "false")], Every, "none[*]", False),
    ];
    for (tests, quantifier, path, expected) in cases {
        let judged = select(tests, quantifier, path, document);
        assert_eq!(judged, expected, "{quantifier:?} {path} {tests:?}");
    }
}

#[test]
fn nothing_selected_by_every_other_operator_is_false() {
    for (name, operand) in [
        ("eq", "null"),
        ("gt", "0"),
        ("gte", "0"),
        ("lt", "0"),
        ("lte", "0"),
        ("in", "[null]"),
        ("contains", "\"\""),
        ("regex", "\"\""),
        ("starts_with", "\"\""),
        ("ends_with", "\"\""),
    ] {
        assert_eq!(test(name, operand).judge_absence(), False, "{name}");
        assert_eq!(
            select(&[(name, operand)], Quantifier::Some, "absent", "{}"),
            False
        );
    }
}
