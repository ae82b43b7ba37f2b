//! The grammar of RFC 9535, appendix A, without filter selectors. Above: `path`. Pure.

use super::{PATH_LENGTH, PathError, SEGMENTS, Segment, Selector};

type Parsed<T> = Result<T, PathError>;

/// I-JSON's range of integers (RFC 7493, section 2.2), which indices and slices keep to.
const LARGEST_INTEGER: i64 = (1 << 53) - 1;

pub(super) fn parse(text: &str) -> Parsed<Vec<Segment>> {
    if text.chars().nth(PATH_LENGTH).is_some() {
        let message = format!("a path has at most {PATH_LENGTH} characters");
        return Err(PathError { offset: 0, message });
    }
    let mut parser = Parser { text, rest: text };
    let mut segments = Vec::new();
    if !parser.take('$') {
        segments.push(parser.dotted(false)?);
    }
    loop {
        let before = parser.rest;
        parser.skip_space();
        if parser.rest.is_empty() {
            parser.rest = before;
            return if before.is_empty() {
                Ok(segments)
            } else {
                parser.fault("a path ends without spaces")
            };
        }
        if segments.len() == SEGMENTS {
            return parser.fault(&format!("a path has at most {SEGMENTS} segments"));
        }
        segments.push(parser.segment()?);
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn fault<T>(&self, message: &str) -> Parsed<T> {
        let offset = self.text.len() - self.rest.len();
        Err(PathError {
            offset,
            message: message.to_owned(),
        })
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn take(&mut self, expected: char) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
    }

    fn segment(&mut self) -> Parsed<Segment> {
        if self.take('[') {
            return Ok(Segment {
                descends: false,
                selectors: self.bracketed()?,
            });
        }
        if !self.take('.') {
            return self.fault("expected `.`, `..` or `[`");
        }
        if !self.take('.') {
            return self.dotted(false);
        }
        if self.take('[') {
            return Ok(Segment {
                descends: true,
                selectors: self.bracketed()?,
            });
        }
        self.dotted(true)
    }

    /// What follows a dot: `*` or a name without quotes.
    fn dotted(&mut self, descends: bool) -> Parsed<Segment> {
        if self.take('*') {
            return Ok(Segment {
                descends,
                selectors: vec![Selector::Wildcard],
            });
        }
        let may_start = |character: char| {
            character == '_' || character.is_ascii_alphabetic() || !character.is_ascii()
        };
        let end = self
            .rest
            .find(|character: char| !may_start(character) && !character.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if !name.starts_with(may_start) {
            return self.fault("expected a name or `*` (other names are written `['…']`)");
        }
        self.rest = rest;
        Ok(Segment {
            descends,
            selectors: vec![Selector::Name(name.to_owned())],
        })
    }

    fn bracketed(&mut self) -> Parsed<Vec<Selector>> {
        let mut selectors = Vec::new();
        loop {
            self.skip_space();
            selectors.push(self.selector()?);
            self.skip_space();
            if self.take(']') {
                return Ok(selectors);
            }
            if !self.take(',') {
                return self.fault("expected `,` or `]`");
            }
        }
    }

    fn selector(&mut self) -> Parsed<Selector> {
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.name(quote).map(Selector::Name),
            Some('*') => {
                self.next();
                Ok(Selector::Wildcard)
            }
            Some('?') => self.fault("filter selectors are not supported"),
            Some('-' | ':' | '0'..='9') => self.index_or_slice(),
            _ => self.fault("expected a quoted name, `*`, an index or a slice"),
        }
    }

    fn index_or_slice(&mut self) -> Parsed<Selector> {
        let start = self.bound()?;
        let after_start = self.rest;
        self.skip_space();
        if !self.take(':') {
            self.rest = after_start;
            return match start {
                Some(index) => Ok(Selector::Index(index)),
                None => self.fault("expected an index"),
            };
        }
        self.skip_space();
        let end = self.bound()?;
        self.skip_space();
        let mut step = None;
        if self.take(':') {
            self.skip_space();
            step = self.bound()?;
        }
        Ok(Selector::Slice {
            start,
            end,
            step: step.unwrap_or(1),
        })
    }

    /// An integer, if one stands here.
    fn bound(&mut self) -> Parsed<Option<i64>> {
        let unsigned = self.rest.strip_prefix('-').unwrap_or(self.rest);
        let digits = unsigned
            .find(|digit: char| !digit.is_ascii_digit())
            .unwrap_or(unsigned.len());
        let sign = self.rest.len() - unsigned.len();
        if sign + digits == 0 {
            return Ok(None);
        }
        let (integer, rest) = self.rest.split_at(sign + digits);
        if digits == 0 {
            return self.fault("expected a digit after `-`");
        }
        if integer == "-0" || (digits > 1 && unsigned.starts_with('0')) {
            return self.fault("an integer has no leading zero and no `-0`");
        }
        match integer.parse::<i64>() {
            Ok(value) if value.abs() <= LARGEST_INTEGER => {
                self.rest = rest;
                Ok(Some(value))
            }
            _ => self.fault("an integer lies between -(2^53)+1 and 2^53-1"),
        }
    }

    fn name(&mut self, quote: char) -> Parsed<String> {
        self.next();
        let mut name = String::new();
        loop {
            match self.peek() {
                None => return self.fault("a name that does not end"),
                Some('\u{0}'..'\u{20}') => {
                    return self.fault("a control character inside a name");
                }
                Some('\\') => name.push(self.escape(quote)?),
                Some(character) => {
                    self.next();
                    if character == quote {
                        return Ok(name);
                    }
                    name.push(character);
                }
            }
        }
    }

    fn escape(&mut self, quote: char) -> Parsed<char> {
        let start = self.rest;
        self.next();
        let decoded = match self.next() {
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some(itself @ ('/' | '\\')) => Some(itself),
            Some(itself) if itself == quote => Some(itself),
            Some('u') => self.code_point(),
            _ => None,
        };
        decoded.map_or_else(
            || {
                self.rest = start;
                self.fault("an unknown or incomplete escape")
            },
            Ok,
        )
    }

    /// The character of `XXXX` or of `XXXX\uXXXX`; none for lone surrogates.
    fn code_point(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if !(0xD800..0xDC00).contains(&unit) {
            return char::from_u32(unit);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let low = self.unit().filter(|low| (0xDC00..0xE000).contains(low))?;
        char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
    }

    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = rest;
        u32::from_str_radix(digits, 16).ok()
    }
}
