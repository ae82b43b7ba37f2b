//! Payment card numbers in texts. Above: `redact`. Pure.
//!
//! A card number has 13 to 19 digits, a first part that a network issues (ISO/IEC 7812-1), and Luhn's check
//! digit. In a text its digits stand together, or in groups of three and more with one space or hyphen between.

use std::ops::Range;

const LEAST: usize = 13;
const MOST: usize = 19;
const LEAST_OF_GROUP: usize = 3;

/// Where card numbers stand in a text, in order, none overlapping another.
pub(super) fn each(text: &str, mut found: impl FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(group) = next_group(bytes, at) {
        at = match card_from(bytes, group.clone()) {
            Some(end) => {
                found(group.start..end);
                end
            }
            None => group.end,
        };
    }
}

/// The digits of a card number, without what separates them.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The next run of digits.
fn next_group(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = bytes.get(from..)?;
    let start = from + rest.iter().position(u8::is_ascii_digit)?;
    Some(start..end_of_digits(bytes, start))
}

fn end_of_digits(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !byte.is_ascii_digit());
    start + length.unwrap_or(rest.len())
}

/// The end of the longest card number that begins with this group.
fn card_from(bytes: &[u8], first: Range<usize>) -> Option<usize> {
    if is_fraction(bytes, first.start) {
        return None;
    }
    let mut collected = Vec::with_capacity(MOST);
    let mut group = first;
    let mut separator = None;
    let mut longest = None;
    loop {
        collected.extend_from_slice(bytes.get(group.clone())?);
        if collected.len() > MOST {
            break;
        }
        if is_card(&collected) {
            longest = Some(group.end);
        }
        let Some(next) = bytes.get(group.end).copied() else {
            break;
        };
        let fits = matches!(next, b' ' | b'-') && separator.is_none_or(|one| one == next);
        let start = group.end + 1;
        let following = start..end_of_digits(bytes, start);
        if !fits || group.len() < LEAST_OF_GROUP || following.len() < LEAST_OF_GROUP {
            break;
        }
        separator = Some(next);
        group = following;
    }
    longest
}

/// Whether digits stand behind the point of a decimal number.
fn is_fraction(bytes: &[u8], start: usize) -> bool {
    let before = bytes.get(..start).unwrap_or_default();
    matches!(before, [.., digit, b'.'] if digit.is_ascii_digit())
}

fn is_card(digits: &[u8]) -> bool {
    (LEAST..=MOST).contains(&digits.len()) && is_issued(digits) && passes_luhn(digits)
}

/// The ranges of the networks: American Express, Diners Club, JCB, Mastercard, Maestro, Visa, Discover, UnionPay,
/// Mir, RuPay, Troy.
fn is_issued(digits: &[u8]) -> bool {
    let front = digits.iter().take(4);
    let front = front.fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    match front {
        2014 | 2149 | 3400..=3499 | 3700..=3799 => digits.len() == 15,
        3000..=3099 | 3600..=3699 | 3800..=3999 => digits.len() >= 14,
        4000..=4999 => matches!(digits.len(), 13 | 16 | 18 | 19),
        5100..=5599 => digits.len() == 16,
        2200..=2204 | 2221..=2720 | 3500..=3599 | 8100..=8299 | 9792 => digits.len() >= 16,
        5000..=5099 | 5600..=6999 => true,
        _ => false,
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0');
            match place % 2 {
                0 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
