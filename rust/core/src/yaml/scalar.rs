//! What a plain scalar means. Above: `reading`. Below: nothing.

use std::sync::LazyLock;

use regex::Regex;

use super::document::Value;

/// The most characters of a number, and of the digits in its exponent.
const MAXIMUM_NUMBER: usize = 400;
const MAXIMUM_EXPONENT: usize = 18;

#[expect(
    clippy::expect_used,
    reason = "a pattern without anything from outside"
)]
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?([0-9]+))?$")
        .expect("it is a pattern")
});
/// Numbers of other languages, about which there is something to say.
#[expect(
    clippy::expect_used,
    reason = "a pattern without anything from outside"
)]
static LIKE_A_NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:[-+]?(?:0[xXoObB][0-9a-fA-F_]+|[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?",
        r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN))$",
    ))
    .expect("it is a pattern")
});

/// The value of a plain scalar; None for what looks like a number and is none of JSON, and for a number too long.
pub(super) fn resolved(text: String) -> Option<Value> {
    match text.as_str() {
        "" | "~" | "null" => return Some(Value::Null),
        "true" => return Some(Value::Boolean(true)),
        "false" => return Some(Value::Boolean(false)),
        _ => {}
    }
    if !text.starts_with([
        '+', '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
    ]) {
        return Some(Value::Text(text));
    }
    if let Some(number) = NUMBER.captures(&text) {
        let exponent = number.get(1).map_or(0, |digits| digits.len());
        let fits = text.len() <= MAXIMUM_NUMBER && exponent <= MAXIMUM_EXPONENT;
        return fits.then_some(Value::Number(text));
    }
    (!LIKE_A_NUMBER.is_match(&text)).then_some(Value::Text(text))
}
