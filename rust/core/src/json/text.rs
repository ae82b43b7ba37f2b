//! The text of JSON strings: escapes decoded, case folded. Above: `json`. Pure.

/// The inside of a quoted string.
pub(super) fn unquote(quoted: &str) -> &str {
    quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default()
}

/// The inside of a quoted string, as bytes.
pub(super) fn unquote_bytes(quoted: &[u8]) -> &[u8] {
    quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default()
}

/// Decodes the inside of a string that was parsed; what no parsed string holds becomes U+FFFD.
pub(super) fn decode(inside: &str) -> String {
    let mut decoded = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(place) = rest.find('\\') {
        let (before, escape) = rest.split_at_checked(place).unwrap_or((rest, ""));
        let (character, length) = decode_escape(escape);
        decoded.push_str(before);
        decoded.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// The character of the escape that `text` begins with, and how many bytes the escape takes.
pub(crate) fn decode_escape(text: &str) -> (char, usize) {
    let mut characters = text.chars();
    characters.next();
    let escape = characters.next().unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut rest = characters.as_str();
    let character = match escape {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => code_point(&mut rest),
        itself => itself,
    };
    (character, text.len() - rest.len())
}

/// The character of `XXXX` or of a surrogate pair `XXXX\uXXXX` at the front of `rest`, which moves on.
fn code_point(rest: &mut &str) -> char {
    let unit = take_unit(rest);
    if let 0xD800..=0xDBFF = unit
        && let Some(after) = rest.strip_prefix("\\u")
    {
        *rest = after;
        let low = take_unit(rest);
        let pair = 0x10000 + ((unit - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF);
        return char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn take_unit(rest: &mut &str) -> u32 {
    let (digits, after) = rest.split_at_checked(4).unwrap_or((rest, ""));
    *rest = after;
    u32::from_str_radix(digits, 16).unwrap_or(0xFFFD)
}

/// Folds case: every character in upper case, then that in lower case. `K` (Kelvin) and `k` fold alike.
#[must_use]
pub fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// A hash of a key that keys which fold alike share, or none when the key is not ASCII.
///
/// Setting bit 5 of each byte folds ASCII letters (and merges a few other characters, which is harmless:
/// equal hashes are followed by a comparison).
pub(super) fn folded_hash(ascii: &[u8]) -> Option<u32> {
    let mut hash = ascii.len() as u64;
    let mut seen = 0_u64;
    let mut mix = |word: u64| {
        seen |= word;
        hash = (hash.rotate_left(5) ^ (word | 0x2020_2020_2020_2020)).wrapping_mul(MULTIPLIER);
    };
    let (words, rest) = ascii.as_chunks::<8>();
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    // The last eight bytes overlap the words before; shorter texts are their bytes.
    match ascii.last_chunk::<8>() {
        Some(_) if rest.is_empty() => {}
        Some(last) => mix(u64::from_le_bytes(*last)),
        None => mix(short_word(rest)),
    }
    (seen & 0x8080_8080_8080_8080 == 0).then_some((hash >> 32) as u32)
}

/// Up to seven bytes as one word, read in halves that may overlap; with the length it tells them apart.
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    match bytes {
        [first, .., last] => {
            let middle = bytes.get(bytes.len() / 2).copied().unwrap_or_default();
            u64::from(*first) << 16 | u64::from(middle) << 8 | u64::from(*last)
        }
        [only] => u64::from(*only),
        [] => 0,
    }
}

/// The hash of a key in general: of its folded text, whatever its characters.
pub(super) fn folded_hash_of_text(decoded: &str) -> u32 {
    let folded = fold(decoded);
    folded_hash(folded.as_bytes()).unwrap_or_else(|| {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(MULTIPLIER);
        (folded.bytes().fold(0, mix) >> 32) as u32
    })
}
