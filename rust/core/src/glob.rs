//! Globs over names: `*`, `?`, `[set]`, `[!set]`, `{a,b}`, and `\` before a character that stands for itself.
//!
//! Above: `index`, `evaluate` and, through the binding, the compiler. Below: nothing. Pure. A glob is judged
//! against a whole text, character by character and case-sensitively; `*` also crosses `/` and `.`. Braces
//! nest and are expanded when a glob is read, so that matching never tries one alternative inside another.

mod parse;

use std::fmt;

/// The most characters of a glob.
pub const GLOB_LENGTH: usize = 1000;
/// The most texts that a glob's braces expand to.
pub const ALTERNATIVES: usize = 1024;

/// A glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    alternatives: Vec<Alternative>,
}

/// One of the texts without braces that a glob stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// Exactly this text.
    Exact(String),
    /// Any text that starts so: one `*` at the end.
    Prefix(String),
    /// Any text that ends so: one `*` at the front.
    Suffix(String),
    /// Anything else.
    Other(Sequence),
}

/// Wildcards and characters, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Character(char),
    /// `?`
    Any,
    /// `*`
    Many,
    /// `[a-z]`, `[!a-z]`: inclusive ranges.
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Why a text is not a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobError {
    /// The byte of the text where it showed.
    pub offset: usize,
    /// What was wrong there.
    pub message: String,
}

impl fmt::Display for GlobError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for GlobError {}

impl Glob {
    /// Reads a glob.
    ///
    /// In a set, `]` and `\` are written after `\`, `-` stands for itself at either end, and ranges go
    /// upwards.
    ///
    /// # Errors
    /// [`GlobError`] for an empty glob, brackets or braces without their partner, an empty set, a range
    /// that goes down, `[^…]` (which other tools read in two ways), a `\` at the end, and beyond
    /// [`GLOB_LENGTH`] or [`ALTERNATIVES`].
    pub fn parse(pattern: &str) -> Result<Self, GlobError> {
        let alternatives = parse::parse(pattern)?
            .into_iter()
            .map(Alternative::of)
            .collect();
        Ok(Self {
            pattern: pattern.to_owned(),
            alternatives,
        })
    }

    /// The text it was read from.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether it describes the whole of `text`.
    ///
    /// Costs at most the length of the glob's expansion times the length of the text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.alternatives
            .iter()
            .any(|alternative| alternative.matches(text))
    }

    /// The only text that it matches, if there is one.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.alternatives.as_slice() {
            [Alternative::Exact(text)] => Some(text),
            _ => None,
        }
    }

    /// The texts without braces that it stands for; it matches what any of them matches.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }
}

impl Alternative {
    fn of(tokens: Vec<Token>) -> Self {
        let (body, shape): (_, fn(String) -> Self) = match tokens.as_slice() {
            [body @ .., Token::Many] => (body, Self::Prefix),
            [Token::Many, body @ ..] => (body, Self::Suffix),
            body => (body, Self::Exact),
        };
        match plain_text(body) {
            Some(text) => shape(text),
            None => Self::Other(Sequence { tokens }),
        }
    }

    /// Whether it describes the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::Other(sequence) => sequence.matches(text),
        }
    }
}

fn plain_text(tokens: &[Token]) -> Option<String> {
    tokens.iter().map(Token::character).collect()
}

impl Token {
    fn character(&self) -> Option<char> {
        match self {
            Self::Character(character) => Some(*character),
            _ => None,
        }
    }

    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Character(expected) => *expected == character,
            Self::Any => true,
            Self::Many => false,
            Self::Set { negated, ranges } => {
                let inside = |(low, high): &(char, char)| (*low..=*high).contains(&character);
                ranges.iter().any(inside) != *negated
            }
        }
    }
}

impl Sequence {
    /// Its parts, one after the other.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The characters that every described text starts with.
    pub(crate) fn head(&self) -> String {
        self.tokens.iter().map_while(Token::character).collect()
    }

    /// The characters that every described text ends with.
    pub(crate) fn tail(&self) -> String {
        let reversed: Vec<char> = self
            .tokens
            .iter()
            .rev()
            .map_while(Token::character)
            .collect();
        reversed.into_iter().rev().collect()
    }

    /// When a character does not fit, only the last `*` takes one more: what earlier ones took can stay, since
    /// the last can take all that they could have.
    fn matches(&self, text: &str) -> bool {
        let mut tokens = self.tokens.as_slice();
        let mut rest = text.chars();
        let mut retry = None;
        loop {
            let before = rest.clone();
            match (tokens.split_first(), rest.next()) {
                (Some((Token::Many, after)), _) => {
                    rest = before;
                    tokens = after;
                    retry = Some((after, rest.clone()));
                }
                (Some((token, after)), Some(character)) if token.accepts(character) => {
                    tokens = after;
                }
                (None, None) => return true,
                // Characters that are used up come back to no token.
                (Some(_), None) => return false,
                _ => {
                    let Some((after, start)) = retry.as_mut() else {
                        return false;
                    };
                    start.next();
                    tokens = after;
                    rest = start.clone();
                }
            }
        }
    }
}
