//! Texts that are left to the other reader before anything is read. Above: `reading`. Below: nothing.

use std::sync::LazyLock;

use regex::Regex;

/// The most bytes of a text.
const MAXIMUM_BYTES: usize = 4 * 1024 * 1024;
/// How far a key may reach in one line. libyaml counts characters, its port bytes.
const MAXIMUM_KEY: usize = 1024;

/// Line breaks of YAML 1.1 alone, and the byte order mark.
const ODD: [char; 4] = ['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'];

/// What may be a tag before a comma, which the port of libyaml does not expect.
#[expect(
    clippy::expect_used,
    reason = "a pattern without anything from outside"
)]
static TAG_BEFORE_COMMA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^0-9A-Za-z])![-0-9A-Za-z_;/?:@&=+$.%!~*'()]*,").expect("it is a pattern")
});

/// A question mark where a value may begin: in `[?a]` libyaml takes it for a part of the text, its port for a key.
#[expect(
    clippy::expect_used,
    reason = "a pattern without anything from outside"
)]
static OPENING_QUESTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[\s\[\]{},])\?").expect("it is a pattern"));

/// Whether a text may be read here: not when it is too large, and not where libyaml and its port are known to differ.
pub(super) fn is_fit(text: &str) -> bool {
    let is_cut_short = !text.ends_with(['\n', '\r']) && text.contains(['|', '>', '\\']);
    let has_odd_tags = text.contains('!') && TAG_BEFORE_COMMA.is_match(text);
    let has_odd_letters = !text.is_ascii() && (text.contains(ODD) || has_long_lines(text));
    let has_odd_keys = text.contains('?') && OPENING_QUESTION.is_match(text);
    let is_odd = is_cut_short || has_odd_tags || has_odd_letters || has_odd_keys;
    text.len() <= MAXIMUM_BYTES && !is_odd
}

fn has_long_lines(text: &str) -> bool {
    text.split(['\n', '\r'])
        .any(|line| line.len() > MAXIMUM_KEY)
}

/// How many lines there are; a final line break opens an empty one.
pub(super) fn line_count(text: &str) -> usize {
    let bytes = text.as_bytes();
    let breaks = memchr::memchr2_iter(b'\n', b'\r', bytes)
        .filter(|&at| bytes.get(at..at + 2) != Some(b"\r\n"))
        .count();
    breaks + 1
}
