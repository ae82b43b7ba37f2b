//! The iterators over a tape: members, elements, keys, descendants. Above: `json`. Pure.

use std::borrow::Cow;

use super::{Node, Tag, Value};

/// Steps over the direct children of an array or the keys of an object.
#[derive(Clone)]
pub(super) struct Children<'a> {
    pub(super) next: Value<'a>,
    pub(super) end: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.next.id >= self.end {
            return None;
        }
        let child = self.next;
        let value = match child.node().tag {
            Tag::PlainKey | Tag::EscapedKey => child.at(child.id + 1),
            _ => child,
        };
        self.next.id = value.after();
        Some(child)
    }
}

/// Steps over the keys of an object by their nodes alone.
pub(crate) struct Keys<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) next: u32,
    pub(super) end: u32,
}

impl Iterator for Keys<'_> {
    type Item = (u32, u32);

    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        let place = self.next;
        if place >= self.end {
            return None;
        }
        let [key, value] = self.nodes.get(place as usize..)?.first_chunk::<2>()?;
        self.next = match value.tag {
            // On a partial tape what is open links to the end of all.
            Tag::Array | Tag::Object => value.link,
            _ => place + 2,
        };
        Some((key.link, place))
    }
}

/// The members of an object: decoded key and value.
#[derive(Clone)]
pub struct Members<'a> {
    pub(super) children: Children<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.children.next()?;
        Some((key.as_str().unwrap_or_default(), key.at(key.id + 1)))
    }
}

/// The elements of an array.
#[derive(Clone)]
pub struct Elements<'a> {
    pub(super) children: Children<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.children.next()
    }
}

/// A value and all values inside it.
#[derive(Clone)]
pub struct Descendants<'a> {
    pub(super) next: Value<'a>,
    pub(super) end: u32,
}

impl Descendants<'_> {
    /// Leaves out what is inside the value that came last.
    pub fn skip_inside(&mut self, last: Value<'_>) {
        self.next.id = self.next.id.max(last.after());
    }
}

impl<'a> Iterator for Descendants<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if matches!(self.next.node().tag, Tag::PlainKey | Tag::EscapedKey) {
            self.next.id += 1;
        }
        if self.next.id >= self.end {
            return None;
        }
        let value = self.next;
        self.next.id += 1;
        Some(value)
    }
}
