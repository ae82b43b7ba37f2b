//! One document under the rules that count for it: the walk, and the texts in it. Above: `redact`. Below: `span`,
//! `text`, `rule`, `json`. Pure.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::json::{Kind, Tape, Value, fold};

use super::rule::{PathRule, Rule};
use super::span::{self, Edit};
use super::{Action, EMBEDDED_DEPTH, Place, Redactor, Unreadable, plain_number, secret, text};

/// The rules for one tool, ready to go over documents.
pub(super) struct Documents<'r> {
    redactor: &'r Redactor,
    rules: &'r [&'r Rule],
    /// Whether paths and keys count.
    places: bool,
    has_paths: bool,
    has_keys: bool,
}

/// What is inside a document that paths select: the node's place on the tape, and what becomes of it.
type Selected = HashMap<usize, Action>;

impl<'r> Documents<'r> {
    pub(super) fn new(redactor: &'r Redactor, rules: &'r [&'r Rule]) -> Self {
        Self {
            redactor,
            rules,
            places: true,
            has_paths: rules.iter().any(|rule| !rule.paths.is_empty()),
            has_keys: rules
                .iter()
                .any(|rule| rule.secrets || !rule.keys.is_empty()),
        }
    }

    /// The same without paths and keys.
    pub(super) fn without_places(mut self) -> Self {
        (self.places, self.has_paths, self.has_keys) = (false, false, false);
        self
    }

    /// The document with everything hidden; none when nothing is.
    pub(super) fn redacted(
        &self,
        place: Place,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        let edits = self.edits(place, bytes, 0)?;
        Ok((!edits.is_empty()).then(|| applied(bytes, &edits)))
    }

    /// The text with everything hidden; none when nothing is.
    pub(super) fn redacted_text(&self, text: &str) -> Option<String> {
        let edits = self.text_edits(text, 0);
        let bytes = (!edits.is_empty()).then(|| applied(text.as_bytes(), &edits))?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn edits(&self, place: Place, bytes: &[u8], depth: usize) -> Result<Vec<Edit>, Unreadable> {
        let tape = self.tape(place, bytes)?;
        let root = tape.root(bytes);
        let mut walk = Walk {
            documents: self,
            selected: self.selected(place, root),
            depth,
            edits: Vec::new(),
        };
        walk.value(root);
        Ok(walk.edits)
    }

    /// Where keys repeat, a path may mean another value to whoever reads the document; in a request, which may
    /// have been refused for that, also where they differ by case only.
    fn tape(&self, place: Place, bytes: &[u8]) -> Result<Tape, Unreadable> {
        let read = match place {
            Place::Request => Tape::parse,
            Place::Arguments | Place::Answer => Tape::parse_case_sensitive,
        };
        match read(bytes) {
            Ok(tape) => Ok(tape),
            Err(_) if self.has_paths => Err(Unreadable),
            Err(_) => Tape::parse_lenient(bytes).map_err(|_| Unreadable),
        }
    }

    fn selected(&self, place: Place, root: Value<'_>) -> Selected {
        let mut selected = Selected::new();
        if !self.has_paths {
            return selected;
        }
        for rule in self.rules {
            for path in &rule.paths {
                for start in starts(place, path, root) {
                    let _ = path.path.visit(start, &mut |value| {
                        selected.entry(value.id().index()).or_insert(rule.action);
                        ControlFlow::Continue(())
                    });
                }
            }
        }
        selected
    }

    /// What becomes of the value of a member with this key.
    fn key_action(&self, key: &str) -> Option<Action> {
        if !self.has_keys {
            return None;
        }
        let folded = fold(key);
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| {
            rule.keys.iter().any(|glob| glob.matches(&folded))
                || (rule.secrets && secret::is_key(&folded))
        })?;
        Some(rule.action)
    }

    /// What is hidden in a text. One that is an object or array in JSON is a document of its own.
    fn text_edits(&self, text: &str, depth: usize) -> Vec<Edit> {
        if text.trim_start().starts_with(['{', '[']) && !span::is_mark(text) {
            let bytes = text.as_bytes();
            let read = if depth < EMBEDDED_DEPTH {
                self.edits(Place::Arguments, bytes, depth + 1)
            } else {
                Err(Unreadable)
            };
            match read {
                Ok(edits) => return edits,
                // JSON that is too deep inside, or that may be read in two ways.
                Err(_) if self.has_places() && Tape::parse_lenient(bytes).is_ok() => {
                    let action = self.first_action();
                    return vec![Edit {
                        range: 0..text.len(),
                        text: self.redactor.mark(action, bytes),
                    }];
                }
                Err(_) => {}
            }
        }
        span::edits(self.redactor, self.rules, text)
    }

    fn has_places(&self) -> bool {
        self.has_paths || self.has_keys
    }

    fn first_action(&self) -> Action {
        self.rules.first().map_or(Action::Mask, |rule| rule.action)
    }
}

/// The values that `$` of a path stands for.
fn starts<'a>(place: Place, path: &PathRule, root: Value<'a>) -> Vec<Value<'a>> {
    let at = |names: &[&str]| {
        let mut steps = names.iter();
        steps.try_fold(root, |value, name| value.get(name))
    };
    let found = match place {
        Place::Arguments => [Some(root), None, None],
        Place::Request => [at(&["params", "arguments"]), None, None],
        Place::Answer => [
            at(&["result", "structuredContent"]),
            at(&["error", "data"]),
            path.of_answer.then_some(root),
        ],
    };
    found.into_iter().flatten().collect()
}

struct Walk<'w> {
    documents: &'w Documents<'w>,
    selected: Selected,
    depth: usize,
    /// In the order of the text.
    edits: Vec<Edit>,
}

impl Walk<'_> {
    fn value(&mut self, value: Value<'_>) {
        if let Some(action) = self.selected.get(&value.id().index()) {
            return self.hide(*action, value);
        }
        match value.kind() {
            Kind::String => self.string(value),
            Kind::Number => self.number(value),
            Kind::Array => value.elements().for_each(|element| self.value(element)),
            Kind::Object => {
                for (key, member) in value.keyed() {
                    self.member(key, member);
                }
            }
            Kind::Null | Kind::Bool => {}
        }
    }

    fn member(&mut self, key: Value<'_>, member: Value<'_>) {
        self.string(key);
        let name = key.as_str().unwrap_or_default();
        match self.documents.key_action(&name) {
            Some(action) => self.hide(action, member),
            None => self.value(member),
        }
    }

    fn string(&mut self, value: Value<'_>) {
        let Some(decoded) = value.as_str() else {
            return;
        };
        let edits = self.documents.text_edits(&decoded, self.depth);
        if edits.is_empty() {
            return;
        }
        let start = value.span().start + 1;
        let raw = value.raw();
        let inside = raw.get(1..raw.len() - 1).unwrap_or_default();
        let inside = std::str::from_utf8(inside).unwrap_or_default();
        for edit in text::as_written(inside, edits) {
            self.edits.push(Edit {
                range: start + edit.range.start..start + edit.range.end,
                text: edit.text,
            });
        }
    }

    /// A number is hidden whole, since no part of one is JSON; as it came and as it is written in short.
    fn number(&mut self, value: Value<'_>) {
        let lexeme = value.number_text().unwrap_or_default();
        let plain = plain_number(lexeme);
        let documents = self.documents;
        let found = |text: &str| span::edits(documents.redactor, documents.rules, text).pop();
        let hit = found(lexeme).or_else(|| if plain == lexeme { None } else { found(&plain) });
        if let Some(edit) = hit {
            let action = if edit.text.starts_with("[redacted:") {
                Action::Mask
            } else {
                Action::Hash
            };
            self.hide(action, value);
        }
    }

    /// Null hides nothing, and what is hidden already stays.
    fn hide(&mut self, action: Action, value: Value<'_>) {
        let is_hidden = value.as_str().is_some_and(|text| span::is_mark(&text));
        if value.kind() == Kind::Null || is_hidden {
            return;
        }
        self.edits.push(Edit {
            range: value.span(),
            text: format!("\"{}\"", self.documents.redactor.mark_of(action, value)),
        });
    }
}

fn applied(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for edit in edits {
        out.extend_from_slice(bytes.get(done..edit.range.start).unwrap_or_default());
        out.extend_from_slice(edit.text.as_bytes());
        done = edit.range.end;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    out
}
