//! Numbers as they are written in JSON: compared, written canonically and added without rounding.
//!
//! Above: `json`, `compare`, `window`. Below: `rust_decimal` for amounts. Pure. A *lexeme* is the text of a
//! JSON number (RFC 8259, section 6) of at most 400 characters whose exponent has at most 18 digits, which
//! is what `json` lets through; functions given another text say so or treat it as zero, and never panic.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;

/// The most significant digits that an [`Amount`] holds.
pub const AMOUNT_DIGITS: usize = 28;

/// A lexeme taken apart: the value is `0.<digits> × 10^point`, negated if `negative`.
///
/// The digits are those of `whole` followed by those of `fraction`, without zeros at either end; both are
/// empty for zero, which is never negative.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    point: i64,
}

impl<'a> Parts<'a> {
    fn of(lexeme: &'a str) -> Self {
        let (negative, unsigned) = match lexeme.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, lexeme),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let exponent: i64 = exponent.parse().unwrap_or(0);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.is_empty() {
            let digits = fraction.trim_start_matches('0');
            let zeros = fraction.len() - digits.len();
            let point = if digits.is_empty() {
                0
            } else {
                exponent - zeros as i64
            };
            let negative = negative && !digits.is_empty();
            return Self {
                negative,
                whole: "",
                fraction: digits,
                point,
            };
        }
        let point = exponent + whole.len() as i64;
        let whole = if fraction.is_empty() {
            whole.trim_end_matches('0')
        } else {
            whole
        };
        Self {
            negative,
            whole,
            fraction,
            point,
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn count(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        match (self.count(), other.count()) {
            (0, 0) => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            _ => self
                .point
                .cmp(&other.point)
                .then_with(|| self.digits().cmp(other.digits())),
        }
    }
}

/// Compares two lexemes by value, exactly: `1.50` equals `15e-1`, `-0` equals `0`.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    if let (Some(left), Some(right)) = (small_integer(left), small_integer(right)) {
        return left.cmp(&right);
    }
    let (left, right) = (Parts::of(left), Parts::of(right));
    match (left.negative, right.negative) {
        (false, false) => left.magnitude(&right),
        (true, true) => right.magnitude(&left),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Most numbers are short integers; these need no taking apart.
fn small_integer(lexeme: &str) -> Option<i64> {
    if lexeme.len() > 18 {
        return None;
    }
    let unsigned = lexeme.strip_prefix('-').unwrap_or(lexeme);
    let mut value = 0_i64;
    for byte in unsigned.bytes() {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(if unsigned.len() == lexeme.len() {
        value
    } else {
        -value
    })
}

/// The one text of a lexeme's value.
///
/// The layout is that of ECMAScript's `Number::toString` (as in RFC 8785) with all digits kept: plain from
/// 1e-6 to below 1e21 (`1200`, `0.00005`, `12.5`), else `d.ddde+n` or `d.ddde-n`. Zero is `0`.
#[must_use]
pub fn canonical(lexeme: &str) -> String {
    let parts = Parts::of(lexeme);
    let digits: String = parts.digits().map(char::from).collect();
    let Some(first) = digits.get(..1) else {
        return "0".to_owned();
    };
    let sign = if parts.negative { "-" } else { "" };
    let length = digits.len() as i64;
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    match parts.point {
        point if length <= point && point <= 21 => {
            format!("{sign}{digits}{}", zeros(point - length))
        }
        point @ 1..=21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            format!("{sign}{whole}.{fraction}")
        }
        point @ -5..=0 => format!("{sign}0.{}{digits}", zeros(-point)),
        point => {
            let rest = digits.get(1..).unwrap_or("");
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{dot}{rest}e{:+}", point - 1)
        }
    }
}

/// A sum of money or of calls: not negative, at most 28 significant digits, and never rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

/// Why a text is not an [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not the text of a JSON number.
    NotANumber,
    /// Below zero.
    Negative,
    /// More than 28 digits before the point, after it, or in all.
    TooManyDigits,
}

impl fmt::Display for AmountError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotANumber => "not a number",
            Self::Negative => "an amount cannot be negative",
            Self::TooManyDigits => "an amount has at most 28 digits",
        })
    }
}

impl std::error::Error for AmountError {}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads a lexeme.
    ///
    /// # Errors
    /// `NotANumber` for a text that is no JSON number, `Negative` below zero (`-0` is zero),
    /// `TooManyDigits` when 28 digits on either side of the point or in all do not hold it exactly.
    pub fn parse(lexeme: &str) -> Result<Self, AmountError> {
        if !is_lexeme(lexeme) {
            return Err(AmountError::NotANumber);
        }
        let parts = Parts::of(lexeme);
        if parts.negative {
            return Err(AmountError::Negative);
        }
        let most = AMOUNT_DIGITS as i64;
        let scale = parts.count() as i64 - parts.point;
        if parts.count() > AMOUNT_DIGITS || parts.point > most || scale > most {
            return Err(AmountError::TooManyDigits);
        }
        let zeros = u32::try_from(-scale).unwrap_or(0);
        let digits = parts
            .digits()
            .fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let scale = u32::try_from(scale).unwrap_or(0);
        Decimal::try_from_i128_with_scale(digits * 10_i128.pow(zeros), scale)
            .map(|decimal| Self(decimal.normalize()))
            .map_err(|_| AmountError::TooManyDigits)
    }

    /// The sum, or none when it has more than 28 digits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.exact(other, self.0.checked_add(other.0)?)
    }

    /// The difference, or none when it would be negative or have more than 28 digits.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        if other > self {
            return None;
        }
        self.exact(other, self.0.checked_sub(other.0)?)
    }

    /// Keeps `result` unless digits were rounded away: those would have shortened its scale.
    fn exact(self, other: Self, result: Decimal) -> Option<Self> {
        let rounded = result.scale() < self.0.scale().max(other.0.scale());
        let result = result.normalize();
        let fits = result.mantissa().unsigned_abs() < 10_u128.pow(AMOUNT_DIGITS as u32);
        (fits && !rounded).then_some(Self(result))
    }

    /// The whole number of units and the scale: the amount is `units / 10^scale`, and `scale` is 28 at most.
    #[must_use]
    pub fn parts(self) -> (i128, u32) {
        (self.0.mantissa(), self.0.scale())
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl From<u64> for Amount {
    fn from(count: u64) -> Self {
        Self(Decimal::from(count).normalize())
    }
}

/// All digits, without an exponent and without zeros at the end.
impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Whether a text is a number by RFC 8259, section 6, within the limits of a lexeme.
fn is_lexeme(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['+', '-']).unwrap_or(exponent),
        ),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let no_leading_zero = whole.len() == 1 || !whole.starts_with('0');
    text.len() <= crate::json::NUMBER_LENGTH
        && exponent.len() <= crate::json::EXPONENT_LENGTH
        && no_leading_zero
        && [whole, fraction, exponent].into_iter().all(digits)
}
