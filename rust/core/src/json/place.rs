//! Ways to a value by names and indices, for those who replace it where it stands. Above: `json`. Pure.

use super::{Value, key_hash};

/// One step from a value to a value inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// To the member of an object by its decoded key.
    Name(&'a str),
    /// To the element of an array, counted from 0.
    Index(usize),
}

impl<'a> Value<'a> {
    /// The value at the end of a way; the value itself at the end of the empty one.
    ///
    /// Of a key that repeats the last member counts.
    #[must_use]
    pub fn locate<'s>(self, way: impl IntoIterator<Item = Step<'s>>) -> Option<Value<'a>> {
        way.into_iter().try_fold(self, |value, step| match step {
            Step::Name(name) => value.get_last(name),
            Step::Index(index) => value.elements().nth(index),
        })
    }

    /// The last member of an object by its decoded key, which counts for nearly all readers of JSON. Keys
    /// repeat only on a tape of [`super::Tape::parse_lenient`]; on all others it is [`Value::get`].
    pub(crate) fn get_last(&self, name: &str) -> Option<Value<'a>> {
        let wanted = key_hash(name);
        self.keys()
            .filter(|(hash, _)| *hash == wanted)
            .filter_map(|(_, place)| self.member_at(place, name))
            .last()
    }
}
