//! Byte spans of the values inside a message, looked up when they are asked for. Above: `message`. Below: `json`.

use std::ops::Range;

use helio_core::json::{Step, Value};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::internal;
use crate::panic::caught;

/// Where a value's bytes begin, and where they have ended.
pub(crate) type Span = (usize, usize);

/// A member's name, where its key begins with the quote, where its value begins and where it has ended.
pub(crate) type PlacedMember = (String, usize, usize, usize);

/// One part of a path as Python gives it.
#[derive(FromPyObject)]
pub(crate) enum Key<'py> {
    Name(Bound<'py, PyString>),
    Index(i64),
}

fn placed(span: Range<usize>) -> Span {
    (span.start, span.end)
}

impl Key<'_> {
    /// None for what leads nowhere: an index below zero, and a text that is none, with lone surrogates.
    fn step(&self) -> Option<Step<'_>> {
        match self {
            Self::Name(name) => name.to_str().ok().map(Step::Name),
            Self::Index(index) => usize::try_from(*index).ok().map(Step::Index),
        }
    }
}

/// What `found` says of the value at a path, or of none.
fn at<T>(
    root: Value<'_>,
    keys: &[Key<'_>],
    found: impl FnOnce(Option<Value<'_>>) -> T,
) -> PyResult<T> {
    let way: Option<Vec<_>> = keys.iter().map(Key::step).collect();
    caught(|| found(way.and_then(|way| root.locate(way)))).map_err(|panic| internal(&panic))
}

/// The span of the value at a path.
pub(crate) fn span(root: Value<'_>, keys: &[Key<'_>]) -> PyResult<Option<Span>> {
    at(root, keys, |value| value.map(|value| placed(value.span())))
}

/// The members of the object at a path, in the order of the text; none when there is no object.
pub(crate) fn members(root: Value<'_>, keys: &[Key<'_>]) -> PyResult<Vec<PlacedMember>> {
    at(root, keys, |value| {
        let members = value.into_iter().flat_map(|value| value.keyed());
        members
            .map(|(key, member)| {
                let name = key.as_str().unwrap_or_default().into_owned();
                let (start, end) = placed(member.span());
                (name, key.span().start, start, end)
            })
            .collect()
    })
}

/// The spans of the elements of the array at a path; none when there is no array.
pub(crate) fn items(root: Value<'_>, keys: &[Key<'_>]) -> PyResult<Vec<Span>> {
    at(root, keys, |value| {
        let elements = value.into_iter().flat_map(|value| value.elements());
        elements.map(|element| placed(element.span())).collect()
    })
}

/// The spans of one member in every element of the array at a path, none where an element lacks it.
pub(crate) fn column(root: Value<'_>, name: &str, keys: &[Key<'_>]) -> PyResult<Vec<Option<Span>>> {
    at(root, keys, |value| {
        let elements = value.into_iter().flat_map(|value| value.elements());
        elements
            .map(|element| element.locate([Step::Name(name)]))
            .map(|member| member.map(|member| placed(member.span())))
            .collect()
    })
}
