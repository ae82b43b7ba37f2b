//! Places in a decoded string, found again in the bytes that it came in. Above: `document`. Below: `json`. Pure.

use crate::json::{decode_escape, escaped};

use super::span::Edit;

/// Edits of a string's decoded text as edits of its inside as it stands in JSON.
///
/// `edits` are in order and do not overlap.
pub(super) fn as_written(inside: &str, edits: Vec<Edit>) -> Vec<Edit> {
    let mut places = Places {
        rest: inside,
        decoded: 0,
        raw: 0,
    };
    edits
        .into_iter()
        .map(|edit| {
            let start = places.raw_at(edit.range.start);
            let end = places.raw_at(edit.range.end);
            Edit {
                range: start..end,
                text: escaped(&edit.text),
            }
        })
        .collect()
}

/// Walks the raw text and its decoded form side by side.
struct Places<'a> {
    rest: &'a str,
    decoded: usize,
    raw: usize,
}

impl Places<'_> {
    /// Where the decoded text's byte number `wanted` stands; `wanted` never goes back.
    fn raw_at(&mut self, wanted: usize) -> usize {
        while self.decoded < wanted && !self.rest.is_empty() {
            let plain = self.rest.find('\\').unwrap_or(self.rest.len());
            if plain > 0 {
                let step = plain.min(wanted - self.decoded);
                self.pass(step, step);
            } else {
                let (character, length) = decode_escape(self.rest);
                self.pass(length, character.len_utf8());
            }
        }
        self.raw
    }

    fn pass(&mut self, raw: usize, decoded: usize) {
        self.rest = self.rest.get(raw..).unwrap_or_default();
        self.raw += raw;
        self.decoded += decoded;
    }
}
