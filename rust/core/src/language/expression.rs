//! Languages as expressions of `regex-syntax`. Above: `automaton`. Below: `glob`. Pure.

use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, Repetition,
};

use super::Unfit;
use crate::glob::{Alternative, Glob, Token};

/// A set of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Language {
    /// What a glob describes.
    Glob(String),
    /// This text alone.
    Exact(String),
    /// The texts that start so.
    StartsWith(String),
    /// The texts that end so.
    EndsWith(String),
    /// The texts that hold this one.
    Contains(String),
    /// The texts in which a regular expression is found.
    Regex(String),
}

/// The characters that texts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// All of them.
    Unicode,
    /// Those of ASCII, where one of them stands for all others: then there is much less to look at.
    Ascii,
}

impl Alphabet {
    /// The smallest one in which languages show all that they can tell apart.
    pub(super) fn of<'a>(languages: impl Iterator<Item = &'a Language>) -> Self {
        let mut named = [false; 128];
        for language in languages {
            let (Language::Glob(text)
            | Language::Exact(text)
            | Language::StartsWith(text)
            | Language::EndsWith(text)
            | Language::Contains(text)) = language
            else {
                return Self::Unicode;
            };
            let has_sets = matches!(language, Language::Glob(_)) && text.contains('[');
            if has_sets || !text.is_ascii() {
                return Self::Unicode;
            }
            for byte in text.bytes() {
                if let Some(known) = named.get_mut(usize::from(byte)) {
                    *known = true;
                }
            }
        }
        // What none of them names is like any character beyond ASCII to all of them.
        let is_free = |byte: u8| named.get(usize::from(byte)) == Some(&false);
        if (b'0'..=b'z').any(|byte| byte.is_ascii_alphanumeric() && is_free(byte)) {
            Self::Ascii
        } else {
            Self::Unicode
        }
    }

    /// The texts that are in any of the languages, each described from its beginning to its end.
    pub(super) fn of_any(self, languages: &[Language]) -> Result<Hir, Unfit> {
        let choices: Result<Vec<Hir>, Unfit> =
            languages.iter().map(|each| self.language(each)).collect();
        Ok(Hir::alternation(choices?))
    }

    fn language(self, language: &Language) -> Result<Hir, Unfit> {
        let anything = || self.anything();
        Ok(match language {
            Language::Glob(pattern) => self.glob(pattern)?,
            Language::Exact(text) => literal(text),
            Language::StartsWith(text) => Hir::concat(vec![literal(text), anything()]),
            Language::EndsWith(text) => Hir::concat(vec![anything(), literal(text)]),
            Language::Contains(text) => Hir::concat(vec![anything(), literal(text), anything()]),
            Language::Regex(pattern) => {
                Hir::concat(vec![anything(), searched(pattern)?, anything()])
            }
        })
    }

    /// Any text at all.
    pub(super) fn anything(self) -> Hir {
        Hir::repetition(Repetition {
            min: 0,
            max: None,
            greedy: true,
            sub: Box::new(self.any_character()),
        })
    }

    fn any_character(self) -> Hir {
        let sequence = |bytes: &&[(u8, u8)]| Hir::concat(bytes.iter().map(any_byte).collect());
        let kinds = match self {
            Self::Unicode => CHARACTERS.len(),
            Self::Ascii => 1,
        };
        Hir::alternation(CHARACTERS.iter().take(kinds).map(sequence).collect())
    }

    fn glob(self, pattern: &str) -> Result<Hir, Unfit> {
        let glob = Glob::parse(pattern).map_err(|_| Unfit::Unreadable)?;
        let choices = glob
            .alternatives()
            .iter()
            .map(|alternative| match alternative {
                Alternative::Exact(text) => literal(text),
                Alternative::Prefix(text) => Hir::concat(vec![literal(text), self.anything()]),
                Alternative::Suffix(text) => Hir::concat(vec![self.anything(), literal(text)]),
                Alternative::Other(sequence) => {
                    let tokens = sequence.tokens().iter();
                    Hir::concat(tokens.map(|token| self.token(token)).collect())
                }
            });
        Ok(Hir::alternation(choices.collect()))
    }

    fn token(self, token: &Token) -> Hir {
        match token {
            Token::Character(character) => literal(character.encode_utf8(&mut [0; 4])),
            Token::Any => self.any_character(),
            Token::Many => self.anything(),
            Token::Set { negated, ranges } => {
                let ranges = ranges
                    .iter()
                    .map(|(low, high)| ClassUnicodeRange::new(*low, *high));
                let mut class = ClassUnicode::new(ranges);
                if *negated {
                    class.negate();
                }
                Hir::class(Class::Unicode(class))
            }
        }
    }
}

/// The UTF-8 of a character: the ranges of its bytes ("Well-Formed UTF-8 Byte Sequences" in the Unicode
/// standard). A class of characters would mean the same and cost the regex crate's UTF-8 compiler.
const CHARACTERS: [&[(u8, u8)]; 9] = [
    &[(0x00, 0x7F)],
    &[(0xC2, 0xDF), (0x80, 0xBF)],
    &[(0xE0, 0xE0), (0xA0, 0xBF), (0x80, 0xBF)],
    &[(0xE1, 0xEC), (0x80, 0xBF), (0x80, 0xBF)],
    &[(0xED, 0xED), (0x80, 0x9F), (0x80, 0xBF)],
    &[(0xEE, 0xEF), (0x80, 0xBF), (0x80, 0xBF)],
    &[(0xF0, 0xF0), (0x90, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
    &[(0xF1, 0xF3), (0x80, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
    &[(0xF4, 0xF4), (0x80, 0x8F), (0x80, 0xBF), (0x80, 0xBF)],
];

fn any_byte((low, high): &(u8, u8)) -> Hir {
    Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(
        *low, *high,
    )])))
}

fn literal(text: &str) -> Hir {
    Hir::literal(text.as_bytes())
}

fn searched(pattern: &str) -> Result<Hir, Unfit> {
    regex_syntax::parse(pattern).map_err(|_| Unfit::Unreadable)
}
