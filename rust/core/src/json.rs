//! Strict JSON: one pass over the bytes gives a tape of nodes with byte spans; nothing is copied.
//!
//! Above: `call`, `path`, `compare`, `evaluate`, `graph`. Below: nothing. Pure. RFC 8259, and stricter where
//! two readers could disagree: valid UTF-8 without lone surrogates, no byte order mark, no two keys of an
//! object that are equal or that differ by case only, nothing after the value, and bounds on nesting and on
//! the length of numbers.
//!
//! A tape knows spans, not bytes. Whoever keeps it keeps the bytes beside it, and a [`Value`] brings the
//! two together. With other bytes than those parsed, a value's content is wrong or missing, never a panic.

mod canonical;
mod keys;
mod parse;
mod place;
mod steps;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

pub use canonical::{canonical, canonical_text, escaped, write_string};
pub use place::Step;
pub(crate) use steps::Keys;
pub use steps::{Descendants, Elements, Members};
pub(crate) use text::decode_escape;
pub use text::fold;

use parse::Reading;
use steps::Children;

/// The deepest nesting of arrays and objects.
pub const DEPTH: usize = 128;
/// The deepest nesting that a text may have which is not judged.
pub const LENIENT_DEPTH: usize = 1000;
/// The most characters of a number.
pub const NUMBER_LENGTH: usize = 400;
/// The most digits of a number's exponent, without its sign.
pub const EXPONENT_LENGTH: usize = 18;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        })
    }
}

/// A node's place on its tape. The nodes of a subtree follow each other, parents first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The place as an index, below [`Tape::len`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Null,
    False,
    True,
    /// A number without fraction and exponent.
    Integer,
    Number,
    /// A string without escapes.
    Plain,
    Escaped,
    /// A key without escapes; its value is the next node.
    PlainKey,
    EscapedKey,
    Array,
    Object,
}

/// Sixteen bytes: four nodes share a cache line.
#[derive(Clone, Copy, Debug)]
struct Node {
    start: u32,
    end: u32,
    /// Of an array or object: the node after its subtree. Of a key: the hash of its folded text.
    link: u32,
    tag: Tag,
}

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// `parse_error`, `too_deep`, `number_too_long` or `duplicate_key`.
    pub reason: &'static str,
    /// The offset of the byte where it showed.
    pub at: usize,
    /// What was wrong there, for people.
    pub detail: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.detail, self.at)
    }
}

impl std::error::Error for ParseError {}

/// A parsed text: its nodes, parents before children.
#[derive(Clone, Debug)]
pub struct Tape {
    nodes: Vec<Node>,
}

impl Tape {
    /// Parses a whole text of at most 4 GiB.
    ///
    /// # Errors
    /// `parse_error` what is not JSON, `too_deep` nesting over [`DEPTH`], `number_too_long` a number beyond
    /// [`NUMBER_LENGTH`] or [`EXPONENT_LENGTH`], `duplicate_key` two keys of an object that fold alike.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::parse_or_partial(bytes).map_err(|(error, _)| error)
    }

    /// Parses a text that is read but not judged: an upstream's answer. Keys may repeat, surrogates stand
    /// alone, numbers be of any length.
    ///
    /// # Errors
    /// `parse_error` what is not JSON, `too_deep` nesting over [`LENIENT_DEPTH`].
    pub fn parse_lenient(bytes: &[u8]) -> Result<Self, ParseError> {
        parse::parse(bytes, Reading::Lenient).map_err(|(error, _)| error)
    }

    /// Parses a text whose keys may differ by case only: a schema, where `a` and `A` are two properties.
    ///
    /// # Errors
    /// Those of [`Tape::parse`]; `duplicate_key` two keys of an object that are equal.
    pub fn parse_case_sensitive(bytes: &[u8]) -> Result<Self, ParseError> {
        parse::parse(bytes, Reading::CaseSensitive).map_err(|(error, _)| error)
    }

    /// Parses; a failure comes with the tape up to it, whose open arrays and objects end where it ends.
    pub(crate) fn parse_or_partial(bytes: &[u8]) -> Result<Self, (ParseError, Self)> {
        parse::parse(bytes, Reading::Strict)
    }

    /// The whole value over the bytes that were parsed.
    #[must_use]
    pub fn root<'a>(&'a self, bytes: &'a [u8]) -> Value<'a> {
        self.value(bytes, NodeId(0))
    }

    /// The value at a node of this tape.
    #[must_use]
    pub fn value<'a>(&'a self, bytes: &'a [u8], id: NodeId) -> Value<'a> {
        Value {
            nodes: &self.nodes,
            bytes,
            id: id.0,
        }
    }

    /// How many nodes there are, keys included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes, which no parsed tape is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// Stands for a node that is not there, which happens only with another tape's id.
const NULL: Node = Node {
    start: 0,
    end: 0,
    link: 0,
    tag: Tag::Null,
};
const EMPTY_OBJECT: Node = Node {
    start: 0,
    end: 2,
    link: 1,
    tag: Tag::Object,
};

/// The hash by which an object's keys are found, see [`Value::keys`]. Keys that fold alike share it.
pub(crate) fn key_hash(key: &str) -> u32 {
    text::folded_hash(key.as_bytes()).unwrap_or_else(|| text::folded_hash_of_text(key))
}

/// A value on a tape, with its bytes. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    nodes: &'a [Node],
    bytes: &'a [u8],
    id: u32,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&String::from_utf8_lossy(self.raw()))
    }
}

impl<'a> Value<'a> {
    /// The object without members, for what is absent.
    #[must_use]
    pub fn empty_object() -> Value<'static> {
        Value {
            nodes: &[EMPTY_OBJECT],
            bytes: b"{}",
            id: 0,
        }
    }

    fn node(&self) -> Node {
        self.nodes.get(self.id as usize).copied().unwrap_or(NULL)
    }

    fn at(&self, id: u32) -> Self {
        Self { id, ..*self }
    }

    /// The node after this one's subtree.
    fn after(&self) -> u32 {
        let node = self.node();
        match node.tag {
            // On a partial tape what is open ends with the tape.
            Tag::Array | Tag::Object => node.link.min(self.nodes.len() as u32).max(self.id + 1),
            _ => self.id + 1,
        }
    }

    /// How many nodes it and all inside it take, keys included.
    pub(crate) fn extent(&self) -> usize {
        (self.after() - self.id) as usize
    }

    /// Where it stands on its tape.
    #[must_use]
    pub fn id(&self) -> NodeId {
        NodeId(self.id)
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.node().tag {
            Tag::Null => Kind::Null,
            Tag::False | Tag::True => Kind::Bool,
            Tag::Integer | Tag::Number => Kind::Number,
            Tag::Plain | Tag::Escaped | Tag::PlainKey | Tag::EscapedKey => Kind::String,
            Tag::Array => Kind::Array,
            Tag::Object => Kind::Object,
        }
    }

    /// Its bytes' place; a string's quotes are included.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its bytes as they came; a string's quotes are included.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.bytes.get(self.span()).unwrap_or_default()
    }

    fn raw_text(&self) -> &'a str {
        std::str::from_utf8(self.raw()).unwrap_or_default()
    }

    /// The text of a string, decoded; none for other kinds.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match self.node().tag {
            Tag::Plain | Tag::PlainKey => Some(Cow::Borrowed(text::unquote(self.raw_text()))),
            Tag::Escaped | Tag::EscapedKey => {
                Some(Cow::Owned(text::decode(text::unquote(self.raw_text()))))
            }
            _ => None,
        }
    }

    /// The decoded text of a string as bytes, which spares a second check of their encoding.
    pub(crate) fn text_bytes(&self) -> Option<Cow<'a, [u8]>> {
        match self.node().tag {
            Tag::Plain | Tag::PlainKey => Some(Cow::Borrowed(text::unquote_bytes(self.raw()))),
            Tag::Escaped | Tag::EscapedKey => {
                let decoded = text::decode(text::unquote(self.raw_text()));
                Some(Cow::Owned(decoded.into_bytes()))
            }
            _ => None,
        }
    }

    /// Whether it is a string that holds no escapes.
    fn is_plain(&self) -> bool {
        matches!(self.node().tag, Tag::Plain | Tag::PlainKey)
    }

    /// Whether it is a string of exactly this text; does not allocate for strings without escapes.
    #[must_use]
    pub fn is_text(&self, expected: &str) -> bool {
        self.text_bytes()
            .is_some_and(|text| *text == *expected.as_bytes())
    }

    /// The lexeme of a number; none for other kinds.
    #[must_use]
    pub fn number_text(&self) -> Option<&'a str> {
        matches!(self.node().tag, Tag::Integer | Tag::Number).then(|| self.raw_text())
    }

    /// Whether it is a number written without fraction and exponent.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        self.node().tag == Tag::Integer
    }

    /// The value of a boolean; none for other kinds.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.node().tag {
            Tag::True => Some(true),
            Tag::False => Some(false),
            _ => None,
        }
    }

    /// The members of an object in the order of the text; none for other kinds.
    #[must_use]
    pub fn members(&self) -> Members<'a> {
        Members {
            children: self.children(Tag::Object),
        }
    }

    /// The keys of an object: the hash of the folded text, as [`key_hash`] makes it, and the key's place.
    pub(crate) fn keys(&self) -> Keys<'a> {
        let children = self.children(Tag::Object);
        Keys {
            nodes: self.nodes,
            next: children.next.id,
            end: children.end,
        }
    }

    /// The value of the member whose key stands at a place of [`Value::keys`], when it is exactly this text.
    pub(crate) fn member_at(&self, place: u32, key: &str) -> Option<Value<'a>> {
        self.at(place)
            .is_text(key)
            .then(|| self.at(place.saturating_add(1)))
    }

    /// The elements of an array; none for other kinds.
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        Elements {
            children: self.children(Tag::Array),
        }
    }

    /// The members with keys that are not decoded yet; none for other kinds.
    pub fn keyed(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> + use<'a> {
        self.children(Tag::Object)
            .map(|key| (key, key.at(key.id + 1)))
    }

    fn children(&self, tag: Tag) -> Children<'a> {
        let end = if self.node().tag == tag {
            self.after()
        } else {
            0
        };
        Children {
            next: self.at(self.id + 1),
            end,
        }
    }

    /// The elements of an array or the members' values of an object; none for other kinds.
    pub fn nested(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.elements()
            .chain(self.keyed().map(|(_, member)| member))
    }

    /// The member of an object by its decoded key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let wanted = key_hash(key);
        self.keys()
            .filter(|(hash, _)| *hash == wanted)
            .find_map(|(_, place)| self.member_at(place, key))
    }

    /// How many elements or members there are; zero for other kinds. Costs a step for each.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.node().tag {
            Tag::Array => self.elements().count(),
            Tag::Object => self.keyed().count(),
            _ => 0,
        }
    }

    /// Whether [`Value::len`] is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.after() <= self.id + 1
    }

    /// It and all values inside it, parents first, in the order of the text.
    #[must_use]
    pub fn descendants(&self) -> Descendants<'a> {
        Descendants {
            next: *self,
            end: self.after(),
        }
    }
}
