//! Reads a glob and expands its braces. Above: `glob`. Pure.

use super::{ALTERNATIVES, GLOB_LENGTH, GlobError, Token};

type Parsed<T> = Result<T, GlobError>;

/// The most tokens of all alternatives together; it bounds memory, where braces multiply long texts.
const EXPANDED_LENGTH: usize = 64 * 1024;

pub(super) fn parse(pattern: &str) -> Parsed<Vec<Vec<Token>>> {
    let mut parser = Parser {
        pattern,
        rest: pattern,
        depth: 0,
    };
    if pattern.is_empty() {
        return parser.fault("an empty glob matches nothing");
    }
    if pattern.chars().nth(GLOB_LENGTH).is_some() {
        return parser.fault(&format!("a glob has at most {GLOB_LENGTH} characters"));
    }
    let alternatives = parser.sequence()?;
    match parser.rest.chars().next() {
        None => Ok(alternatives),
        Some(_) => parser.fault("a `}` without its `{` (itself, it is written `\\}`)"),
    }
}

struct Parser<'a> {
    pattern: &'a str,
    rest: &'a str,
    /// How many braces are open.
    depth: usize,
}

impl Parser<'_> {
    fn fault<T>(&self, message: &str) -> Parsed<T> {
        let offset = self.pattern.len() - self.rest.len();
        Err(GlobError {
            offset,
            message: message.to_owned(),
        })
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, expected: char) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The expansion of what stands here, up to the end, a `}`, or a `,` inside braces.
    fn sequence(&mut self) -> Parsed<Vec<Vec<Token>>> {
        let mut expanded = vec![Vec::new()];
        while let Some(character) = self.peek() {
            if character == '}' || (character == ',' && self.depth > 0) {
                break;
            }
            if character == '{' {
                let choices = self.braces()?;
                expanded = self.product(&expanded, &choices)?;
            } else {
                let token = self.token(character)?;
                for alternative in &mut expanded {
                    // `**` is `*`.
                    if token != Token::Many || alternative.last() != Some(&Token::Many) {
                        alternative.push(token.clone());
                    }
                }
                self.check_size(expanded.len(), total(&expanded))?;
            }
        }
        Ok(expanded)
    }

    fn braces(&mut self) -> Parsed<Vec<Vec<Token>>> {
        let open = self.rest;
        self.take('{');
        self.depth += 1;
        let mut choices = Vec::new();
        loop {
            choices.extend(self.sequence()?);
            self.check_size(choices.len(), total(&choices))?;
            if self.take('}') {
                self.depth -= 1;
                return Ok(choices);
            }
            if !self.take(',') {
                self.rest = open;
                return self.fault("a `{` without its `}`");
            }
        }
    }

    /// Every text of `fronts` followed by every one of `choices`.
    fn product(&self, fronts: &[Vec<Token>], choices: &[Vec<Token>]) -> Parsed<Vec<Vec<Token>>> {
        let tokens = total(fronts) * choices.len() + total(choices) * fronts.len();
        self.check_size(fronts.len() * choices.len(), tokens)?;
        let follow = |front: &Vec<Token>| -> Vec<Vec<Token>> {
            choices
                .iter()
                .map(|choice| [front.as_slice(), choice].concat())
                .collect()
        };
        Ok(fronts.iter().flat_map(follow).collect())
    }

    fn check_size(&self, alternatives: usize, tokens: usize) -> Parsed<()> {
        if alternatives > ALTERNATIVES || tokens > EXPANDED_LENGTH {
            return self.fault(&format!(
                "braces expand to more than {ALTERNATIVES} texts or too long ones"
            ));
        }
        Ok(())
    }

    fn token(&mut self, character: char) -> Parsed<Token> {
        match character {
            '[' => return self.set(),
            ']' => return self.fault("a `]` without its `[` (itself, it is written `\\]`)"),
            _ => {}
        }
        let literal = self.character()?;
        Ok(match character {
            '*' => Token::Many,
            '?' => Token::Any,
            _ => Token::Character(literal),
        })
    }

    /// One character, or the one after a backslash.
    fn character(&mut self) -> Parsed<char> {
        let escaped = self.take('\\');
        match self.peek() {
            Some(character) => {
                self.take(character);
                Ok(character)
            }
            None if escaped => self.fault("a `\\` with nothing after it"),
            None => self.fault("the glob ends too early"),
        }
    }

    fn set(&mut self) -> Parsed<Token> {
        let open = self.rest;
        self.take('[');
        let negated = self.take('!');
        if self.rest.starts_with('^') {
            return self.fault("a negated set is written `[!…]`, the character itself `\\^`");
        }
        let mut ranges = Vec::new();
        while !self.take(']') {
            if self.rest.is_empty() {
                self.rest = open;
                return self.fault("a `[` without its `]`");
            }
            ranges.push(self.range()?);
        }
        if ranges.is_empty() {
            self.rest = open;
            return self.fault("an empty set");
        }
        Ok(Token::Set { negated, ranges })
    }

    fn range(&mut self) -> Parsed<(char, char)> {
        let start = self.rest;
        let low = self.character()?;
        let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        if !is_range {
            return Ok((low, low));
        }
        self.take('-');
        let high = self.character()?;
        if high < low {
            self.rest = start;
            return self.fault("a range that goes down");
        }
        Ok((low, high))
    }
}

fn total(alternatives: &[Vec<Token>]) -> usize {
    alternatives.iter().map(Vec::len).sum()
}
