//! The parser behind [`Tape`]: one pass, bounded depth. Above: `json`. Pure.

use super::keys::{Comparison, Keys, decoded};
use super::{
    DEPTH, EXPONENT_LENGTH, LENIENT_DEPTH, NUMBER_LENGTH, Node, ParseError, Tag, Tape, text,
};

/// How much is refused of what two readers could read differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// All of it.
    Strict,
    /// All but keys that differ by case only.
    CaseSensitive,
    /// Nothing: only the grammar counts.
    Lenient,
}

/// A failure; its [`ParseError`] waits in the parser, so that results stay small enough for registers.
struct Failed;

type Parsed<T> = Result<T, Failed>;

/// Up to so many keys, an object's keys are compared as they come; beyond, they are sorted at its end.
const FEW_KEYS: usize = 16;

/// Parses a whole text; a failure comes with the tape up to it.
pub(super) fn parse(bytes: &[u8], reading: Reading) -> Result<Tape, (ParseError, Tape)> {
    let nodes = Vec::with_capacity((bytes.len() / 8 + 16).min(4096));
    let mut parser = Parser {
        bytes,
        at: 0,
        nodes,
        error: NO_ERROR,
        strict: reading != Reading::Lenient,
        folding: reading == Reading::Strict,
    };
    let parsed = parser.document();
    let tape = Tape {
        nodes: parser.nodes,
    };
    match parsed {
        Ok(()) => Ok(tape),
        Err(Failed) => Err((parser.error, tape)),
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    error: ParseError,
    /// Looked at only where a strict reader would refuse, so that it costs the common text nothing.
    strict: bool,
    /// Whether keys that differ by case only are the same.
    folding: bool,
}

const NO_ERROR: ParseError = ParseError {
    reason: "",
    at: 0,
    detail: "",
};

impl Parser<'_> {
    fn document(&mut self) -> Parsed<()> {
        if u32::try_from(self.bytes.len()).is_err() {
            return self.fault("parse_error", 0, "a text over 4 GiB");
        }
        // Nearly all messages are ASCII, which is told several times faster.
        if !self.bytes.is_ascii()
            && let Err(error) = std::str::from_utf8(self.bytes)
        {
            return self.fault("parse_error", error.valid_up_to(), "invalid UTF-8");
        }
        if self.bytes.starts_with("\u{feff}".as_bytes()) {
            return self.fault("parse_error", 0, "a byte order mark");
        }
        self.skip_space();
        self.value(0)?;
        self.skip_space();
        if self.at < self.bytes.len() {
            return self.unexpected("something after the value");
        }
        Ok(())
    }

    #[cold]
    fn fault<T>(&mut self, reason: &'static str, at: usize, detail: &'static str) -> Parsed<T> {
        self.error = ParseError { reason, at, detail };
        Err(Failed)
    }

    #[cold]
    fn unexpected<T>(&mut self, detail: &'static str) -> Parsed<T> {
        self.fault("parse_error", self.at, detail)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Most messages have no spaces, so that the first look decides.
    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn push(&mut self, start: usize, tag: Tag, link: u32) {
        // INVARIANT: `document` refused texts whose offsets do not fit.
        self.nodes.push(Node {
            start: start as u32,
            end: self.at as u32,
            link,
            tag,
        });
    }

    fn value(&mut self, depth: usize) -> Parsed<()> {
        match self.peek() {
            Some(b'"') => {
                let start = self.at;
                let escaped = self.string()?;
                self.push(start, if escaped { Tag::Escaped } else { Tag::Plain }, 0);
                Ok(())
            }
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true", Tag::True),
            Some(b'f') => self.literal(b"false", Tag::False),
            Some(b'n') => self.literal(b"null", Tag::Null),
            Some(_) => self.unexpected("no JSON value starts so"),
            None => self.unexpected("the text ends where a value should be"),
        }
    }

    fn literal(&mut self, word: &[u8], tag: Tag) -> Parsed<()> {
        let start = self.at;
        if self.bytes.get(start..start + word.len()) != Some(word) {
            return self.unexpected("no JSON value starts so");
        }
        self.at += word.len();
        self.push(start, tag, 0);
        Ok(())
    }

    /// Opens an array or object; its node is finished by `close`, and until then ends where it starts.
    fn open(&mut self, tag: Tag, depth: usize) -> Parsed<usize> {
        if depth > if self.strict { DEPTH } else { LENIENT_DEPTH } {
            return self.fault("too_deep", self.at, "nesting over 128");
        }
        let index = self.nodes.len();
        self.push(self.at, tag, u32::MAX);
        self.at += 1;
        self.skip_space();
        Ok(index)
    }

    fn close(&mut self, index: usize) {
        self.at += 1;
        let after = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = self.at as u32;
            node.link = after;
        }
    }

    fn array(&mut self, depth: usize) -> Parsed<()> {
        let index = self.open(Tag::Array, depth)?;
        if self.peek() == Some(b']') {
            self.close(index);
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break self.close(index),
                _ => return self.unexpected("expected `,` or `]`"),
            }
            self.skip_space();
        }
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Parsed<()> {
        let index = self.open(Tag::Object, depth)?;
        if self.peek() == Some(b'}') {
            self.close(index);
            return Ok(());
        }
        let mut keys = Keys {
            first: index + 1,
            count: 0,
            filter: 0,
        };
        loop {
            self.key(&mut keys)?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.unexpected("expected `:`");
            }
            self.at += 1;
            self.skip_space();
            self.value(depth)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.unexpected("expected `,` or `}`"),
            }
            self.skip_space();
        }
        self.close(index);
        if keys.count > FEW_KEYS
            && self.strict
            && let Some(at) = self.comparison().repeated(keys.first)
        {
            return self.duplicate(at);
        }
        Ok(())
    }

    fn key(&mut self, keys: &mut Keys) -> Parsed<()> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.unexpected("expected a key in double quotes");
        }
        let escaped = self.string()?;
        let tag = if escaped {
            Tag::EscapedKey
        } else {
            Tag::PlainKey
        };
        let inside = self.bytes.get(start + 1..self.at - 1).unwrap_or_default();
        let ascii = if escaped {
            None
        } else {
            text::folded_hash(inside)
        };
        let hash = match ascii {
            Some(hash) => hash,
            None => text::folded_hash_of_text(&decoded(inside, escaped)),
        };
        self.push(start, tag, hash);
        keys.count += 1;
        // A key whose bit is not set yet is new; only the others are compared.
        let bit = 1_u64 << (hash >> 26);
        if keys.count <= FEW_KEYS
            && keys.filter & bit != 0
            && self.strict
            && self.comparison().last_repeats(keys.first)
        {
            return self.duplicate(start);
        }
        keys.filter |= bit;
        Ok(())
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison {
            bytes: self.bytes,
            nodes: &self.nodes,
            folding: self.folding,
        }
    }

    #[cold]
    fn duplicate(&mut self, at: usize) -> Parsed<()> {
        let detail = if self.folding {
            "a key that the object already has, case aside"
        } else {
            "a key that the object already has"
        };
        self.fault("duplicate_key", at, detail)
    }

    /// Steps over a string; whether it holds escapes.
    fn string(&mut self) -> Parsed<bool> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.skip_ordinary();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.unexpected("a control character inside a string"),
                None => return self.unexpected("a string that does not end"),
            }
        }
    }

    /// Moves to the next quote, backslash or control character, eight bytes at a time.
    #[inline]
    fn skip_ordinary(&mut self) {
        let mut at = self.at;
        while let Some(word) = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let marks = special(u64::from_le_bytes(*word));
            if marks != 0 {
                self.at = at + marks.trailing_zeros() as usize / 8;
                return;
            }
            at += 8;
        }
        let ordinary = |byte: &&u8| **byte >= 0x20 && **byte != b'"' && **byte != b'\\';
        let rest = self.bytes.get(at..).unwrap_or_default();
        self.at = at + rest.iter().take_while(ordinary).count();
    }

    fn escape(&mut self) -> Parsed<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unit(self.at)? {
                0xDC00..=0xDFFF if self.strict => self.unexpected("a lone surrogate"),
                0xD800..=0xDBFF if self.strict => match self.unit(self.at + 6) {
                    Ok(0xDC00..=0xDFFF) => {
                        self.at += 12;
                        Ok(())
                    }
                    _ => self.unexpected("a lone surrogate"),
                },
                _ => {
                    self.at += 6;
                    Ok(())
                }
            },
            _ => self.unexpected("an unknown escape"),
        }
    }

    /// The value of `\uXXXX` at an offset.
    fn unit(&mut self, at: usize) -> Parsed<u32> {
        let Some([b'\\', b'u', digits @ ..]) = self.bytes.get(at..at + 6) else {
            return self.fault("parse_error", at, "an incomplete escape");
        };
        let mut unit = 0;
        for digit in digits {
            let Some(digit) = char::from(*digit).to_digit(16) else {
                return self.fault("parse_error", at, "an incomplete escape");
            };
            unit = unit << 4 | digit;
        }
        Ok(unit)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Parsed<()> {
        let start = self.at;
        let mut tag = Tag::Integer;
        let mut exponent = 0;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        match self.digits() {
            0 => return self.unexpected("expected a digit"),
            2.. if leading_zero => {
                return self.fault("parse_error", start, "a number with a leading zero");
            }
            _ => {}
        }
        if self.peek() == Some(b'.') {
            tag = Tag::Number;
            self.at += 1;
            if self.digits() == 0 {
                return self.unexpected("expected a digit");
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            tag = Tag::Number;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            exponent = self.digits();
            if exponent == 0 {
                return self.unexpected("expected a digit");
            }
        }
        if self.at - start > NUMBER_LENGTH && self.strict {
            return self.fault("number_too_long", start, "a number over 400 characters");
        }
        if exponent > EXPONENT_LENGTH && self.strict {
            return self.fault(
                "number_too_long",
                start,
                "a number with an exponent over 18 digits",
            );
        }
        self.push(start, tag, 0);
        Ok(())
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the high bit of bytes that are a quote, a backslash or a control character. The lowest mark is
/// exact; those above it may be false, by the borrow of the subtraction.
fn special(word: u64) -> u64 {
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word;
    let quotes = zero_bytes(word ^ (ONES * b'"' as u64));
    let backslashes = zero_bytes(word ^ (ONES * b'\\' as u64));
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & HIGHS
}
