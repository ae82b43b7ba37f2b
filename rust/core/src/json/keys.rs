//! The keys of an object that is being read: whether one repeats another. Above: `json::parse`. Pure.

use super::{Node, Tag, text};

/// The keys of the object that is being read.
pub(super) struct Keys {
    /// Index of the first key's node.
    pub(super) first: usize,
    pub(super) count: usize,
    /// One bit for each of the top six bits of the keys' hashes.
    pub(super) filter: u64,
}

/// The indices of an object's keys, from its first key on to the end of the nodes.
struct KeyIndices<'a> {
    nodes: &'a [Node],
    next: usize,
}

impl<'a> KeyIndices<'a> {
    fn new(nodes: &'a [Node], first: usize) -> Self {
        Self { nodes, next: first }
    }
}

impl Iterator for KeyIndices<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let key = self.next;
        let value = self.nodes.get(key + 1)?;
        self.next = match value.tag {
            Tag::Array | Tag::Object => value.link as usize,
            _ => key + 2,
        };
        Some(key)
    }
}

/// Keys over the bytes that they came in, to be compared.
pub(super) struct Comparison<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) nodes: &'a [Node],
    /// Whether keys that differ by case only are the same.
    pub(super) folding: bool,
}

impl Comparison<'_> {
    /// Whether the key that was pushed last is the same as one of its object before it.
    pub(super) fn last_repeats(&self, first: usize) -> bool {
        let Some((last, before)) = self.nodes.split_last() else {
            return false;
        };
        KeyIndices::new(before, first)
            .filter_map(|index| before.get(index))
            .any(|key| key.link == last.link && self.same(key, last))
    }

    /// The place of a key that is the same as another, given the index of an object's first key: they are
    /// sorted by hash, then by text, so that keys chosen to collide cost no more than a sort.
    pub(super) fn repeated(&self, first: usize) -> Option<usize> {
        let mut keys: Vec<&Node> = KeyIndices::new(self.nodes, first)
            .filter_map(|index| self.nodes.get(index))
            .collect();
        keys.sort_unstable_by_key(|key| key.link);
        for alike in keys.chunk_by_mut(|left, right| left.link == right.link) {
            if alike.len() < 2 {
                continue;
            }
            alike.sort_by_cached_key(|key| (self.compared(key), key.start));
            for pair in alike.windows(2) {
                if let [left, right] = pair
                    && self.same(left, right)
                {
                    return Some(right.start as usize);
                }
            }
        }
        None
    }

    fn inside(&self, key: &Node) -> &[u8] {
        self.bytes
            .get(key.start as usize + 1..key.end as usize - 1)
            .unwrap_or_default()
    }

    /// The text by which a key is compared.
    fn compared(&self, key: &Node) -> String {
        let text = decoded(self.inside(key), key.tag == Tag::EscapedKey);
        if self.folding {
            text::fold(&text)
        } else {
            text
        }
    }

    fn same(&self, left: &Node, right: &Node) -> bool {
        let (left_inside, right_inside) = (self.inside(left), self.inside(right));
        let plain = left.tag == Tag::PlainKey && right.tag == Tag::PlainKey;
        if plain && self.folding && left_inside.is_ascii() && right_inside.is_ascii() {
            return left_inside.eq_ignore_ascii_case(right_inside);
        }
        if plain && !self.folding {
            return left_inside == right_inside;
        }
        self.compared(left) == self.compared(right)
    }
}

/// The text of a key, given what is between its quotes.
pub(super) fn decoded(inside: &[u8], escaped: bool) -> String {
    let inside = std::str::from_utf8(inside).unwrap_or_default();
    if escaped {
        text::decode(inside)
    } else {
        inside.to_owned()
    }
}
