//! From events to a document. Above: `yaml`. Below: `libyaml-safer`, `guard`, `scalar`.

use std::collections::HashMap;

use libyaml_safer::{Event, EventData, Mark, Parser, ScalarStyle};

use super::document::{Document, Node, Scalar, Span, Value};
use super::guard::{is_fit, line_count};
use super::scalar::resolved;

/// The most collections inside each other.
const MAXIMUM_DEPTH: usize = 64;

/// A plain document; None for a text that is another's to read.
pub fn read(text: &str) -> Option<Document> {
    if !is_fit(text) {
        return None;
    }
    let mut bytes = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input(&mut bytes);
    let mut reader = Reader::new(line_count(text));
    loop {
        let event = parser.parse().ok()?;
        if let EventData::StreamEnd = event.data {
            return reader.ended();
        }
        reader.take(event)?;
    }
}

/// A collection that is still open.
struct Frame {
    is_mapping: bool,
    start: Span,
    parts: usize,
    /// Where the last of its parts ends.
    last: (u32, u32),
    /// Where its keys begin among the open ones.
    keys: usize,
}

struct Reader {
    line_count: usize,
    documents: usize,
    nodes: Vec<Node>,
    frames: Vec<Frame>,
    /// The texts of keys and which mapping had one last, by its number.
    keys: HashMap<String, usize>,
    used: Vec<usize>,
    /// The keys of the open mappings.
    open_keys: Vec<usize>,
    mappings: usize,
}

impl Reader {
    fn new(line_count: usize) -> Self {
        Self {
            line_count,
            documents: 0,
            nodes: Vec::new(),
            frames: Vec::new(),
            keys: HashMap::new(),
            used: Vec::new(),
            open_keys: Vec::new(),
            mappings: 0,
        }
    }

    /// None for what is not plain.
    fn take(&mut self, event: Event) -> Option<()> {
        let span = span(event.start_mark, event.end_mark)?;
        match event.data {
            EventData::Scalar {
                anchor: None,
                tag: None,
                value,
                style,
                ..
            } => self.scalar(value, span, style == ScalarStyle::Plain),
            EventData::SequenceStart {
                anchor: None,
                tag: None,
                ..
            } => self.open(false, span),
            EventData::MappingStart {
                anchor: None,
                tag: None,
                ..
            } => self.open(true, span),
            EventData::SequenceEnd | EventData::MappingEnd => self.close(span),
            EventData::DocumentStart {
                version_directive: None,
                tag_directives,
                ..
            } if tag_directives.is_empty() => {
                self.documents += 1;
                (self.documents == 1).then_some(())
            }
            EventData::StreamStart { .. } | EventData::DocumentEnd { .. } => Some(()),
            _ => None,
        }
    }

    fn scalar(&mut self, text: String, span: Span, is_plain: bool) -> Option<()> {
        // An absent value may be reported beyond the end of the text.
        if text.is_empty() && usize::try_from(span.end_line).ok()? > self.line_count {
            return None;
        }
        let holds_hash = text.contains('#');
        let lead = u8::from(!is_plain);
        let width = u32::try_from(text.chars().count()).ok()? + 2 * u32::from(lead);
        let is_exact =
            span.line == span.end_line && span.end_column.checked_sub(span.column) == Some(width);
        let value = if is_plain {
            resolved(text)?
        } else {
            Value::Text(text)
        };
        let value = match self.frames.last() {
            Some(frame) if frame.is_mapping && frame.parts.is_multiple_of(2) => {
                self.key(value, is_plain)?
            }
            _ => value,
        };
        let node = Node::Scalar(Scalar {
            value,
            span,
            lead: is_exact.then_some(lead),
            holds_hash,
        });
        self.place(node, (span.end_line, span.end_column))
    }

    /// A key: a text, and not the one that merges.
    fn key(&mut self, value: Value, is_plain: bool) -> Option<Value> {
        let Value::Text(text) = value else {
            return None;
        };
        if is_plain && text == "<<" {
            return None;
        }
        let next = self.keys.len();
        let key = *self.keys.entry(text).or_insert(next);
        if key == next {
            self.used.push(0);
        }
        self.open_keys.push(key);
        Some(Value::Key(key))
    }

    fn open(&mut self, is_mapping: bool, start: Span) -> Option<()> {
        if self.frames.len() >= MAXIMUM_DEPTH {
            return None;
        }
        if let Some(around) = self.frames.last() {
            let is_key = around.is_mapping && around.parts.is_multiple_of(2);
            // Of `[a: b]` libyaml and its port end the mapping in different places.
            let is_pair = is_written(around.start) && !is_written(start);
            if is_key || is_pair {
                return None;
            }
        }
        self.frames.push(Frame {
            is_mapping,
            start,
            parts: 0,
            last: (start.end_line, start.end_column),
            keys: self.open_keys.len(),
        });
        Some(())
    }

    fn close(&mut self, end: Span) -> Option<()> {
        let frame = self.frames.pop()?;
        let start = frame.start;
        let (end_line, end_column) = if (end.line, end.column) == (end.end_line, end.end_column) {
            // A block collection ends where the next token begins: rather end it with its last part.
            if frame.last < (start.line, start.column) {
                (start.end_line, start.end_column)
            } else {
                frame.last
            }
        } else {
            (end.end_line, end.end_column)
        };
        let span = Span {
            end_line,
            end_column,
            ..start
        };
        let node = if frame.is_mapping {
            self.differ(frame.keys)?;
            Node::Mapping {
                entries: frame.parts / 2,
                span,
            }
        } else {
            Node::Sequence {
                items: frame.parts,
                span,
            }
        };
        self.place(node, (end_line, end_column))
    }

    /// Closes the keys of a mapping; None when one of them stands twice.
    fn differ(&mut self, first: usize) -> Option<()> {
        self.mappings += 1;
        for key in self.open_keys.drain(first..) {
            let used = self.used.get_mut(key)?;
            if *used == self.mappings {
                return None;
            }
            *used = self.mappings;
        }
        Some(())
    }

    fn place(&mut self, node: Node, end: (u32, u32)) -> Option<()> {
        self.nodes.push(node);
        if let Some(frame) = self.frames.last_mut() {
            frame.parts += 1;
            frame.last = end;
        }
        Some(())
    }

    fn ended(self) -> Option<Document> {
        if self.nodes.is_empty() || !self.frames.is_empty() {
            return None;
        }
        let mut keys = vec![String::new(); self.keys.len()];
        for (text, key) in self.keys {
            *keys.get_mut(key)? = text;
        }
        Some(Document {
            nodes: self.nodes,
            keys,
        })
    }
}

/// Whether a collection begins with a bracket: in flow style, that is.
fn is_written(start: Span) -> bool {
    (start.line, start.column) != (start.end_line, start.end_column)
}

fn span(start: Mark, end: Mark) -> Option<Span> {
    let counted = |from_zero: u64| u32::try_from(from_zero + 1).ok();
    Some(Span {
        line: counted(start.line)?,
        column: counted(start.column)?,
        end_line: counted(end.line)?,
        end_column: counted(end.column)?,
    })
}
