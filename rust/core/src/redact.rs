//! Redaction: JSON bytes in, JSON bytes out, in which only what rules hide is replaced.
//!
//! Above: the binding. Below: `json`, `path`, `glob`, `compare` (regular expressions), `keyed_hash`. Pure.
//! What is replaced leaves a keyed hash behind, so that equal values can be found; every other byte stays as it
//! came. One pass over a document for each path and one for all else, in linear time.

mod card;
mod document;
mod rule;
mod secret;
mod span;
mod text;

use std::fmt;

use regex::Regex;

use crate::json::{self, Kind, Tape, Value};
use crate::keyed_hash::KeyedHash;
use crate::number;

use document::Documents;
use rule::Rule;
pub use rule::RuleError;

/// How deep JSON texts may stand within JSON texts. A deeper one is hidden whole where paths or keys are.
pub const EMBEDDED_DEPTH: usize = 4;
/// The shortest configured secret that is looked for, in bytes.
pub const SHORTEST_SECRET: usize = 8;
const SHORT_HASH: usize = 8;
const LEAF_HASH: usize = 12;
const LARGEST_LITERALS: usize = 64 * 1024 * 1024;

/// What becomes of what a rule hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `[redacted:<16 hex>]`, the beginning of the keyed hash.
    Mask,
    /// `[hmac-sha256:<64 hex>]`, the whole keyed hash.
    Hash,
}

/// What a document is, which says where its paths begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The arguments of a call: `$` is the whole.
    Arguments,
    /// A JSON-RPC answer: `$` is `result.structuredContent` and `error.data`; a path that begins with `result`
    /// or `error` counts from the whole, too.
    Answer,
    /// A JSON-RPC request: `$` is `params.arguments`.
    Request,
}

/// A document that cannot be read as the rules need it: nothing of it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("it is not JSON in which rules can be applied")
    }
}

impl std::error::Error for Unreadable {}

/// Compiled rules, with the key of the hashes and the configured secrets, which are hidden everywhere.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<Rule>,
    literals: Option<Regex>,
    secrets_are_plain: bool,
    key: KeyedHash,
}

impl Redactor {
    /// Compiles rules, a JSON array of `{"path", "key", "pattern", "detect", "tool", "action"}`, in each of which
    /// the first five are lists of texts.
    ///
    /// # Errors
    /// [`RuleError`] for what is no such array, and for a path, glob, pattern or detector that is none.
    pub fn new(rules: &[u8], key: &[u8], secrets: &[&str]) -> Result<Self, RuleError> {
        Ok(Self {
            rules: rule::read(rules)?,
            literals: literals(secrets)?,
            secrets_are_plain: secrets.iter().all(|secret| is_plain(secret)),
            key: KeyedHash::new(key),
        })
    }

    /// Hides these secrets from now on, in place of those that were known.
    ///
    /// # Errors
    /// [`RuleError`] for too many; then those that were known stay.
    pub fn know(&mut self, secrets: &[&str]) -> Result<(), RuleError> {
        self.literals = literals(secrets)?;
        self.secrets_are_plain = secrets.iter().all(|secret| is_plain(secret));
        Ok(())
    }

    /// Whether there is any rule.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether any rule goes by path or key, which count in JSON alone.
    #[must_use]
    pub fn has_places(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| !rule.paths.is_empty() || !rule.keys.is_empty())
    }

    /// A document with everything hidden that rules hide for `tool`, none being one that is not known, for which
    /// all rules count. None: nothing is hidden.
    ///
    /// # Errors
    /// [`Unreadable`] for what is not JSON, and, where paths are among the rules, for JSON that may be read in
    /// more than one way.
    pub fn document(
        &self,
        place: Place,
        tool: Option<&str>,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        let rules = self.rules_for(tool);
        if rules.is_empty() && self.holds_no_secret(bytes) {
            return Ok(None);
        }
        Documents::new(self, &rules).redacted(place, bytes)
    }

    /// A text with everything hidden; in one that is JSON, by path and key, too. None: nothing is hidden.
    #[must_use]
    pub fn text(&self, tool: Option<&str>, text: &str) -> Option<String> {
        let rules = self.rules_for(tool);
        if rules.is_empty() && self.holds_no_secret(text.as_bytes()) {
            return None;
        }
        Documents::new(self, &rules).redacted_text(text)
    }

    /// A document of Helio's own, whose keys mean nothing to the rules: only its texts and numbers are looked at.
    ///
    /// # Errors
    /// [`Unreadable`] for what is not JSON.
    pub fn notes(&self, tool: Option<&str>, bytes: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        let rules = self.rules_for(tool);
        Documents::new(self, &rules)
            .without_places()
            .redacted(Place::Arguments, bytes)
    }

    /// A document as far as it can be compared: its canonical text, in which every text, number, boolean and null
    /// is a keyed hash of itself, and the keys stay. Equal values, and only these, are equal in it.
    ///
    /// Without rules only configured secrets are hidden.
    ///
    /// # Errors
    /// [`Unreadable`] for what is not JSON with different keys.
    pub fn sealed(&self, bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let canonical = json::canonical_text(bytes).map_err(|_| Unreadable)?;
        if self.rules.is_empty() {
            let hidden = self.notes(None, &canonical)?;
            return Ok(hidden.unwrap_or(canonical));
        }
        let tape = Tape::parse_case_sensitive(&canonical).map_err(|_| Unreadable)?;
        let rules = self.rules_for(None);
        let keys = Documents::new(self, &rules).without_places();
        let mut sealed = Vec::with_capacity(canonical.len());
        self.seal(tape.root(&canonical), &keys, &mut sealed);
        Ok(sealed)
    }

    /// The keyed hash of bytes, 64 hex digits.
    #[must_use]
    pub fn digest(&self, bytes: &[u8]) -> String {
        self.key.hex(bytes, 32)
    }

    /// Whether one look at the bytes shows that no configured secret is there, whatever they are: what is
    /// written in one way only, at any depth of JSON in JSON, unless by `\u` escapes.
    fn holds_no_secret(&self, bytes: &[u8]) -> bool {
        let Some(literals) = &self.literals else {
            return true;
        };
        self.secrets_are_plain
            && memchr::memmem::find(bytes, b"\\u").is_none()
            && std::str::from_utf8(bytes).is_ok_and(|text| !literals.is_match(text))
    }

    fn rules_for(&self, tool: Option<&str>) -> Vec<&Rule> {
        self.rules.iter().filter(|rule| rule.is_for(tool)).collect()
    }

    fn seal(&self, value: Value<'_>, keys: &Documents<'_>, out: &mut Vec<u8>) {
        match value.kind() {
            Kind::Array => {
                out.push(b'[');
                for (index, element) in value.elements().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.seal(element, keys, out);
                }
                out.push(b']');
            }
            Kind::Object => {
                out.push(b'{');
                for (index, (key, member)) in value.members().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    let hidden = keys.redacted_text(&key);
                    json::write_string(hidden.as_deref().unwrap_or(&key), out);
                    out.push(b':');
                    self.seal(member, keys, out);
                }
                out.push(b'}');
            }
            _ => {
                // A quote is in no number or word, so texts and others never hash alike.
                let hash = self.key.hex(value.raw(), LEAF_HASH);
                json::write_string(&hash, out);
            }
        }
    }

    /// What stands for a hidden text.
    fn mark(&self, action: Action, text: &[u8]) -> String {
        match action {
            Action::Mask => format!("[redacted:{}]", self.key.hex(text, SHORT_HASH)),
            Action::Hash => format!("[hmac-sha256:{}]", self.key.hex(text, 32)),
        }
    }

    /// What stands for a hidden value: equal texts and numbers are found whatever way they are written.
    fn mark_of(&self, action: Action, value: Value<'_>) -> String {
        match (value.as_str(), value.number_text()) {
            (Some(text), _) => self.mark(action, text.as_bytes()),
            (_, Some(lexeme)) => self.mark(action, plain_number(lexeme).as_bytes()),
            _ => {
                let mut text = Vec::new();
                json::canonical(value, &mut text);
                self.mark(action, &text)
            }
        }
    }
}

/// A number as it is looked at: canonical, unless it is longer than numbers may be.
fn plain_number(lexeme: &str) -> String {
    if lexeme.len() > json::NUMBER_LENGTH {
        return lexeme.to_owned();
    }
    number::canonical(lexeme).to_string()
}

/// Whether JSON has one way to write a text, but for `\u` escapes.
fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'/'))
}

/// One expression for all configured secrets, the longest first, since one may begin another; and for the forms
/// that they have in JSON, which may stand in texts that are not JSON as a whole.
fn literals(secrets: &[&str]) -> Result<Option<Regex>, RuleError> {
    let mut texts: Vec<String> = secrets
        .iter()
        .filter(|secret| secret.len() >= SHORTEST_SECRET)
        .flat_map(|secret| {
            let written = json::escaped(secret);
            [written.replace('/', "\\/"), written, (*secret).to_owned()]
        })
        .collect();
    if texts.is_empty() {
        return Ok(None);
    }
    texts.sort_unstable_by(|left, right| right.len().cmp(&left.len()).then(left.cmp(right)));
    texts.dedup();
    let alternatives: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
    let expression = regex::RegexBuilder::new(&alternatives.join("|"))
        .size_limit(LARGEST_LITERALS)
        .dfa_size_limit(LARGEST_LITERALS)
        .build();
    expression
        .map(Some)
        .map_err(|_| RuleError::new("the configured secrets are too many or too long to be hidden"))
}
