//! Numbers by value, whatever their text.

use std::cmp::Ordering::{Equal, Greater, Less};

use helio_core::number::{Amount, AmountError, canonical, compare};

#[test]
fn numbers_compare_by_value() {
    let long = "9".repeat(400);
    let longer_tail = format!("0.{}1", "0".repeat(300));
    let cases = [
        ("0", "-0", Equal),
        ("0.000", "0e999999999999999999", Equal),
        ("1.50", "15e-1", Equal),
        ("1e2", "100", Equal),
        ("1E+2", "0.01e4", Equal),
        ("-100.0", "-1e2", Equal),
        ("9007199254740993", "9007199254740992", Greater),
        ("0.1", "0.10000000000000000000000000000000000001", Less),
        ("1e400", "1e401", Less),
        ("-1e400", "-1e401", Greater),
        ("1e-400", "0", Greater),
        ("-1e-400", "0", Less),
        ("-1", "1", Less),
        ("1e999999999999999999", long.as_str(), Greater),
        ("1e-999999999999999999", longer_tail.as_str(), Less),
        ("999999999999999999", "1000000000000000000", Less),
        ("-999999999999999999", "-1000000000000000000", Greater),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890.0",
            Equal,
        ),
        ("12", "120e-1", Equal),
        ("10", "1", Greater),
        ("0.05", "0.5", Less),
    ];
    for (left, right, expected) in cases {
        assert_eq!(compare(left, right), expected, "{left} {right}");
        assert_eq!(compare(right, left), expected.reverse(), "{right} {left}");
    }
}

#[test]
fn equal_numbers_have_one_canonical_text() {
    let cases: [(&str, &[&str]); 13] = [
        ("0", &["0", "-0", "0.0", "-0e5", "0e-999999999999999999"]),
        ("1", &["1", "1.0", "10e-1", "0.1e1", "1e0"]),
        ("-1.5", &["-1.5", "-15e-1", "-0.15E+1", "-1.500"]),
        ("1200", &["1200", "1.2e3", "12e2"]),
        (
            "100000000000000000000",
            &["1e20", "100000000000000000000.0"],
        ),
        ("1e+21", &["1e21", "1000000000000000000000"]),
        ("1.5e+21", &["15e20", "1500000000000000000000"]),
        ("0.000001", &["1e-6", "0.000001"]),
        ("1e-7", &["0.0000001", "10e-8"]),
        ("1.25e-7", &["0.000000125"]),
        ("123456789012345678901.5", &["1234567890123456789015e-1"]),
        ("1.234567890123456789012e+21", &["1234567890123456789012"]),
        ("1e+999999999999999999", &["1e999999999999999999"]),
    ];
    for (expected, texts) in cases {
        for text in texts {
            assert_eq!(canonical(text), expected, "{text}");
            assert_eq!(compare(text, expected), Equal, "{text}");
        }
    }
}

#[test]
fn amounts_keep_all_digits() {
    let cases = [
        ("0", "0"),
        ("-0.00", "0"),
        ("10", "10"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        ("1.5e-3", "0.0015"),
        ("1e27", "1000000000000000000000000000"),
        (
            "9999999999999999999999999999",
            "9999999999999999999999999999",
        ),
        (
            "0.0000000000000000000000000001",
            "0.0000000000000000000000000001",
        ),
        (
            "12345678901234.56789012345678",
            "12345678901234.56789012345678",
        ),
        ("1.00000000000000000000000000000000000000", "1"),
    ];
    for (lexeme, expected) in cases {
        assert_eq!(
            Amount::parse(lexeme).unwrap().to_string(),
            expected,
            "{lexeme}"
        );
    }
}

#[test]
fn what_is_no_amount_is_refused() {
    let long = "1".repeat(401);
    let cases = [
        ("-1", AmountError::Negative),
        ("-0.0001", AmountError::Negative),
        ("1e28", AmountError::TooManyDigits),
        ("1e400", AmountError::TooManyDigits),
        ("1e-29", AmountError::TooManyDigits),
        ("1e999999999999999999", AmountError::TooManyDigits),
        ("12345678901234567890123456789", AmountError::TooManyDigits),
        ("1.2345678901234567890123456789", AmountError::TooManyDigits),
        ("", AmountError::NotANumber),
        ("-", AmountError::NotANumber),
        ("01", AmountError::NotANumber),
        ("+1", AmountError::NotANumber),
        ("1.", AmountError::NotANumber),
        (".5", AmountError::NotANumber),
        ("1e", AmountError::NotANumber),
        ("1e+-1", AmountError::NotANumber),
        ("1_000", AmountError::NotANumber),
        ("NaN", AmountError::NotANumber),
        ("Infinity", AmountError::NotANumber),
        ("\"5\"", AmountError::NotANumber),
        ("1e1234567890123456789", AmountError::NotANumber),
        (long.as_str(), AmountError::NotANumber),
    ];
    for (lexeme, expected) in cases {
        assert_eq!(Amount::parse(lexeme), Err(expected), "{lexeme}");
    }
}

fn amount(lexeme: &str) -> Amount {
    Amount::parse(lexeme).unwrap()
}

#[test]
fn sums_are_exact_or_none() {
    let cases = [
        ("0.1", "0.2", Some("0.3")),
        ("1.25", "0.75", Some("2")),
        (
            "9999999999999999999999999998",
            "1",
            Some("9999999999999999999999999999"),
        ),
        ("9999999999999999999999999999", "1", None),
        ("9999999999999999999999999999", "2", None),
        ("1e27", "0.1", None),
        ("1e27", "1e-28", None),
        ("1e26", "0.1", Some("100000000000000000000000000.1")),
    ];
    for (left, right, expected) in cases {
        let sum = amount(left)
            .checked_add(amount(right))
            .map(|sum| sum.to_string());
        assert_eq!(sum.as_deref(), expected, "{left} {right}");
        if let Some(sum) = amount(left).checked_add(amount(right)) {
            assert_eq!(sum.checked_sub(amount(right)), Some(amount(left)));
        }
    }
    assert_eq!(amount("1").checked_sub(amount("1.1")), None);
    assert_eq!(
        amount("1").checked_sub(amount("1e-28")),
        Some(amount("0.9999999999999999999999999999"))
    );
    assert!(amount("3").checked_sub(amount("3.0")).unwrap().is_zero());
}

#[test]
fn amounts_are_ordered_and_equal_by_value() {
    assert_eq!(amount("1.50"), amount("15e-1"));
    assert!(amount("10") > amount("9.99"));
    assert_eq!(Amount::from(1000), amount("1e3"));
    assert_eq!(Amount::ZERO, amount("0.00"));
    assert_eq!(Amount::default(), Amount::ZERO);
}
