//! The bytes to try: one of each class that no automaton tells apart. Above: `product`. Pure.

use std::cmp::Reverse;

use rustc_hash::FxHashSet;

use super::automaton::Automaton;

/// What stands for a class of bytes, where it can.
const LIKED: &[u8] = b"xabcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
/// Make letters that can be shown out of bytes beyond ASCII: `é`, `漢` begin and go on so.
const SHOWN: &[u8] = &[0xC3, 0xA9, 0xE6, 0xBC, 0xA2];

/// One byte of each class, those that people like to read first.
pub(super) fn letters(automata: &[Automaton]) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=u8::MAX).collect();
    bytes.sort_by_key(|byte| liking(*byte));
    let mut known = FxHashSet::default();
    bytes.retain(|byte| {
        let classes: Vec<u8> = automata.iter().map(|each| each.class(*byte)).collect();
        known.insert(classes)
    });
    bytes
}

fn liking(byte: u8) -> (usize, Reverse<bool>, u8) {
    let place = LIKED.iter().chain(SHOWN).position(|liked| *liked == byte);
    (
        place.unwrap_or(usize::MAX),
        Reverse(byte.is_ascii_graphic()),
        byte,
    )
}
