//! What is hidden in one text: places, joined where they overlap. Above: `document`. Below: `card`, `secret`,
//! `rule`. Pure.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::rule::Rule;
use super::{Action, Redactor, card, secret};

/// One place in a text, and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

#[derive(Clone, Debug)]
struct Hit {
    range: Range<usize>,
    action: Action,
    is_card: bool,
}

/// What stands for something that was hidden already.
static MARKER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\[(?:redacted:[0-9a-f]{16}|hmac-sha256:[0-9a-f]{64})\]").ok());

/// Whether a text is such a mark, and nothing else.
pub(super) fn is_mark(text: &str) -> bool {
    marks(text).first() == Some(&(0..text.len()))
}

fn marks(text: &str) -> Vec<Range<usize>> {
    if !text.contains("[redacted:") && !text.contains("[hmac-sha256:") {
        return Vec::new();
    }
    let marker = MARKER.as_ref();
    marker.map_or_else(Vec::new, |marker| {
        marker.find_iter(text).map(|found| found.range()).collect()
    })
}

/// What the rules' patterns and detectors, and the configured secrets, hide in a text.
pub(super) fn edits(redactor: &Redactor, rules: &[&Rule], text: &str) -> Vec<Edit> {
    let mut hits = hits(redactor, rules, text);
    if hits.is_empty() {
        return Vec::new();
    }
    let marks = marks(text);
    hits.retain(|hit| {
        let inside =
            |mark: &Range<usize>| mark.start <= hit.range.start && hit.range.end <= mark.end;
        !hit.range.is_empty() && !marks.iter().any(inside)
    });
    joined(hits)
        .into_iter()
        .filter_map(|hit| {
            let hidden = text.get(hit.range.clone())?;
            let mark = if hit.is_card {
                redactor.mark(hit.action, card::digits(hidden).as_bytes())
            } else {
                redactor.mark(hit.action, hidden.as_bytes())
            };
            Some(Edit {
                range: hit.range,
                text: mark,
            })
        })
        .collect()
}

fn hits(redactor: &Redactor, rules: &[&Rule], text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut note = |range, action, is_card| {
        hits.push(Hit {
            range,
            action,
            is_card,
        });
    };
    if let Some(literals) = &redactor.literals {
        for found in literals.find_iter(text) {
            note(found.range(), Action::Mask, false);
        }
    }
    for rule in rules {
        for pattern in &rule.patterns {
            pattern.each(text, |range| note(range, rule.action, false));
        }
        if rule.secrets {
            secret::each(text, |range| note(range, rule.action, false));
        }
        if rule.cards {
            card::each(text, |range| note(range, rule.action, true));
        }
    }
    hits
}

/// Overlapping hits as one, with the action of the earliest of them.
fn joined(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.range.start, usize::MAX - hit.range.end));
    let mut joined: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match joined.last_mut() {
            Some(last) if hit.range.start < last.range.end => {
                if hit.range.end > last.range.end {
                    last.range.end = hit.range.end;
                    last.is_card = false;
                }
            }
            _ => joined.push(hit),
        }
    }
    joined
}
