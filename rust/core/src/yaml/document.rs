//! What was read: nodes in the order in which they end. Above: `reading`, the binding. Below: nothing.

/// A stretch of the text: lines and columns count from 1, columns count characters, and the end is the column after
/// the last character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first line.
    pub line: u32,
    /// The column in it.
    pub column: u32,
    /// The last line.
    pub end_line: u32,
    /// The column in it that is no longer part.
    pub end_column: u32,
}

/// What a scalar says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number of JSON, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// A key: its text is this one of the document's `keys`.
    Key(usize),
}

/// A single value or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// What it says.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
    /// How many characters of the span come before the value's first one, where the value's characters are those of
    /// the text one by one.
    pub lead: Option<u8>,
    /// Whether there is a `#` in it.
    pub holds_hash: bool,
}

/// A node. The parts of a collection are the nodes that have ended before it and belong to no other collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A single value or a key.
    Scalar(Scalar),
    /// A list of so many items.
    Sequence {
        /// How many.
        items: usize,
        /// Where it stands.
        span: Span,
    },
    /// A mapping of so many entries; its parts are keys and values in turn. Its keys differ.
    Mapping {
        /// How many.
        entries: usize,
        /// Where it stands.
        span: Span,
    },
}

/// A document. The last of its nodes is its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// All nodes; parts stand before what they are parts of.
    pub nodes: Vec<Node>,
    /// The texts of all keys, each once.
    pub keys: Vec<String>,
}

/// A node that is not part of another yet: where the scalars in it begin among all that are no keys, and which key it
/// is.
struct Open {
    scalars: usize,
    key: Option<usize>,
}

impl Document {
    /// Where the values stand that are not to be shown: texts that hold credentials, and all scalars below a key that
    /// is `secret`, in the order in which texts and mappings end.
    pub fn secrets(
        &self,
        secret: &[bool],
        mut holds_credentials: impl FnMut(&str) -> bool,
    ) -> Vec<Span> {
        let is_secret = |open: &Open| open.key.and_then(|key| secret.get(key)) == Some(&true);
        let any = secret.contains(&true);
        let mut secrets = Vec::new();
        let mut scalars: Vec<Span> = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        for node in &self.nodes {
            let mut next = Open {
                scalars: scalars.len(),
                key: None,
            };
            match node {
                Node::Scalar(scalar) => {
                    if self.text(scalar).is_some_and(&mut holds_credentials) {
                        secrets.push(scalar.span);
                    }
                    match scalar.value {
                        Value::Key(key) => next.key = Some(key),
                        _ => scalars.push(scalar.span),
                    }
                }
                Node::Sequence { items, .. } => {
                    let parts = open.drain(open.len().saturating_sub(*items)..);
                    next.scalars = parts
                        .map(|part| part.scalars)
                        .next()
                        .unwrap_or(next.scalars);
                }
                Node::Mapping { entries, .. } => {
                    let first = open.len().saturating_sub(2 * entries);
                    let parts = open.get(first..).unwrap_or_default();
                    let ends = parts.iter().skip(2).step_by(2).map(|key| key.scalars);
                    let ends = ends.chain([scalars.len()]);
                    for (entry, end) in parts.chunks_exact(2).zip(ends) {
                        if let [key, value] = entry
                            && any
                            && is_secret(key)
                        {
                            secrets.extend(scalars.get(value.scalars..end).unwrap_or_default());
                        }
                    }
                    next.scalars = parts.first().map_or(next.scalars, |part| part.scalars);
                    open.truncate(first);
                }
            }
            open.push(next);
        }
        secrets
    }

    /// The text of a key or value that is one.
    fn text<'a>(&'a self, scalar: &'a Scalar) -> Option<&'a str> {
        match &scalar.value {
            Value::Text(text) => Some(text),
            Value::Key(key) => self.keys.get(*key).map(String::as_str),
            _ => None,
        }
    }
}
