//! JSONPath (RFC 9535) without filter selectors.
//!
//! Above: `compare`, `evaluate`, `graph` and, through the binding, the compiler. Below: `json`. Pure.

mod parse;
mod walk;

use std::fmt;
use std::ops::ControlFlow;

use crate::json::{self, Value};

/// The most characters of a path's text.
pub const PATH_LENGTH: usize = 1000;
/// The most segments of a path.
pub const SEGMENTS: usize = 64;

/// One selector of a segment (RFC 9535, section 2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Selector {
    Name(String),
    Wildcard,
    Index(i64),
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
}

/// One segment (RFC 9535, section 2.5): its selectors apply to a value or to all that is inside it too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Segment {
    pub(crate) descends: bool,
    pub(crate) selectors: Vec<Selector>,
}

/// A path. Paths that mean the same are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    segments: Vec<Segment>,
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// The byte of the text where it showed.
    pub offset: usize,
    /// What was wrong there.
    pub message: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads a path. A text that does not start with `$` means the same after `$.`: `order.id`,
    /// `items[0].price`, `*`.
    ///
    /// # Errors
    /// [`PathError`] for what RFC 9535 does not allow, for filter selectors, and beyond [`PATH_LENGTH`] or
    /// [`SEGMENTS`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parse::parse(text).map(|segments| Self { segments })
    }

    /// The one text of this path: `$['order']['items'][0]`, in the manner of RFC 9535's normalized paths.
    ///
    /// A step of 1 and an open start or end of a slice are left out: `[1:]`, `[::-1]`.
    #[must_use]
    pub fn normalized(&self) -> String {
        self.to_string()
    }

    /// Whether it selects at most one value, in whatever document (RFC 9535, section 2.3.5.1).
    #[must_use]
    pub fn is_singular(&self) -> bool {
        self.segments.iter().all(|segment| {
            let one = matches!(
                segment.selectors.as_slice(),
                [Selector::Name(_) | Selector::Index(_)]
            );
            one && !segment.descends
        })
    }

    /// Whether it selects the root and nothing else.
    pub(crate) fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// The name of the member of the root that all else is inside of, and the path from there on; none when the
    /// path starts otherwise.
    pub(crate) fn split_name(&self) -> Option<(&str, Self)> {
        let (first, rest) = self.segments.split_first()?;
        match first.selectors.as_slice() {
            [Selector::Name(name)] if !first.descends => {
                let segments = rest.to_vec();
                Some((name, Self { segments }))
            }
            _ => None,
        }
    }

    /// Visits the nodelist of RFC 9535, in its order and with its repetitions, until `visit` breaks.
    ///
    /// The nodelist may be exponentially longer than the document (`$..*..*`), see [`Path::visit`].
    pub fn select<'a>(
        &self,
        root: Value<'a>,
        visit: &mut dyn FnMut(Value<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        walk::walk(&self.segments, root, None, visit)
    }

    /// Visits each selected value once, in the order of the nodelist, until `visit` breaks.
    ///
    /// Costs at most a step for each segment, selector and value, whatever the document.
    pub fn visit<'a>(
        &self,
        root: Value<'a>,
        visit: &mut dyn FnMut(Value<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let seen = self
            .may_repeat()
            .then(|| walk::Seen::new(root, self.segments.len()));
        walk::walk(&self.segments, root, seen, visit)
    }

    /// The value that a singular path selects; of another path, the first.
    #[must_use]
    pub fn first<'a>(&self, root: Value<'a>) -> Option<Value<'a>> {
        let mut found = None;
        let _ = self.select(root, &mut |value| {
            found = Some(value);
            ControlFlow::Break(())
        });
        found
    }

    /// Whether a nodelist can hold a value twice: by two selectors, or by descending twice.
    fn may_repeat(&self) -> bool {
        let descents = self
            .segments
            .iter()
            .filter(|segment| segment.descends)
            .count();
        descents > 1
            || self
                .segments
                .iter()
                .any(|segment| segment.selectors.len() > 1)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("$")?;
        for segment in &self.segments {
            out.write_str(if segment.descends { "..[" } else { "[" })?;
            for (index, selector) in segment.selectors.iter().enumerate() {
                if index > 0 {
                    out.write_str(",")?;
                }
                selector.fmt(out)?;
            }
            out.write_str("]")?;
        }
        Ok(())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = |bound: &Option<i64>| bound.map_or_else(String::new, |bound| bound.to_string());
        match self {
            Self::Name(name) => write!(out, "'{}'", quoted(name)),
            Self::Wildcard => out.write_str("*"),
            Self::Index(index) => write!(out, "{index}"),
            Self::Slice {
                start,
                end,
                step: 1,
            } => write!(out, "{}:{}", bound(start), bound(end)),
            Self::Slice { start, end, step } => {
                write!(out, "{}:{}:{step}", bound(start), bound(end))
            }
        }
    }
}

/// The inside of a name between single quotes, escaped as in RFC 9535, section 2.7.
fn quoted(name: &str) -> String {
    json::escaped(name)
        .replace("\\\"", "\"")
        .replace('\'', "\\'")
}
