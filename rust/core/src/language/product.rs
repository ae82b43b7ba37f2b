//! Languages read side by side. Above: `language`. Below: `expression`, `automaton`, `letters`. Pure.

use regex_automata::hybrid::LazyStateID;
use rustc_hash::{FxHashMap, FxHashSet};

use super::automaton::{Automaton, Membership, Unfit};
use super::expression::{Alphabet, Language};
use super::letters::letters;

/// The most languages that a text may be in or not, for all that is known.
const MOST_UNKNOWN: usize = 4;

/// Texts that are in the same languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// For each of the languages whether they are in.
    pub is_in: Vec<bool>,
    /// A shortest one; none where it is not known that there are any.
    pub example: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// All kinds of texts, each once.
    pub kinds: Vec<Kind>,
    /// How many states were looked at from each byte.
    pub steps: usize,
}

/// Every way in which a text can be in some of the sets and not in the others. Each set is the union of its
/// languages. `not_empty` leaves the empty text out; `most` bounds the states that are looked at.
///
/// # Errors
/// [`Unfit`] when a pattern cannot be read, or when that is too much.
pub fn distinguish(sets: &[Vec<Language>], not_empty: bool, most: usize) -> Result<Found, Unfit> {
    let alphabet = Alphabet::of(sets.iter().flatten());
    let automata: Result<Vec<Automaton>, Unfit> = sets
        .iter()
        .map(|set| Automaton::new(&alphabet.of_any(set)?))
        .collect();
    let mut automata = automata?;
    // Takes in every text, and nothing that is no UTF-8.
    automata.push(Automaton::new(&alphabet.anything())?);
    Product::new(automata, most)?.explored(not_empty)
}

struct Product {
    automata: Vec<Automaton>,
    letters: Vec<u8>,
    most: usize,
    known: FxHashSet<Box<[LazyStateID]>>,
    /// The states in the order they were met, each with the one before it and the byte between them.
    met: Vec<(Box<[LazyStateID]>, usize, u8)>,
}

impl Product {
    fn new(mut automata: Vec<Automaton>, most: usize) -> Result<Self, Unfit> {
        let start: Result<Box<[LazyStateID]>, Unfit> =
            automata.iter_mut().map(Automaton::start).collect();
        Ok(Self {
            letters: letters(&automata),
            automata,
            most,
            known: FxHashSet::default(),
            met: vec![(start?, 0, 0)],
        })
    }

    fn explored(mut self, not_empty: bool) -> Result<Found, Unfit> {
        let mut kinds = Kinds::default();
        let mut steps = 0;
        let mut next = 0;
        while let Some((states, _, _)) = self.met.get(next) {
            let states = states.clone();
            // A text may lead back to where the empty one is: then it is met again.
            if next > 0 || !not_empty {
                self.add(&states, next, &mut kinds)?;
            }
            if next == 0 && !not_empty {
                self.known.insert(states.clone());
            }
            steps += self.letters.len();
            self.follow(&states, next)?;
            next += 1;
        }
        Ok(Found {
            kinds: kinds.found,
            steps,
        })
    }

    fn add(
        &mut self,
        states: &[LazyStateID],
        place: usize,
        kinds: &mut Kinds,
    ) -> Result<(), Unfit> {
        let memberships: Result<Vec<Membership>, Unfit> = self
            .automata
            .iter_mut()
            .zip(states)
            .map(|(automaton, state)| automaton.membership(*state))
            .collect();
        let mut memberships = memberships?;
        // The last one takes in what is a text at all.
        if memberships.pop() == Some(Membership::In) {
            kinds.add(&memberships, || self.text(place))?;
        }
        Ok(())
    }

    fn follow(&mut self, states: &[LazyStateID], from: usize) -> Result<(), Unfit> {
        for place in 0..self.letters.len() {
            let Some(letter) = self.letters.get(place).copied() else {
                break;
            };
            let reached: Result<Box<[LazyStateID]>, Unfit> = self
                .automata
                .iter_mut()
                .zip(states)
                .map(|(automaton, state)| automaton.step(*state, letter))
                .collect();
            let reached = reached?;
            // Behind what is no UTF-8 there is no text.
            if reached.last().is_none_or(LazyStateID::is_dead) || self.known.contains(&reached) {
                continue;
            }
            if self.met.len() >= self.most {
                return Err(Unfit::TooMany);
            }
            self.known.insert(reached.clone());
            self.met.push((reached, from, letter));
        }
        Ok(())
    }

    /// The text that led to a place.
    fn text(&self, mut place: usize) -> Option<String> {
        let mut bytes = Vec::new();
        while let Some((_, from, letter)) = self.met.get(place).filter(|_| place > 0) {
            bytes.push(*letter);
            place = *from;
        }
        bytes.reverse();
        String::from_utf8(bytes).ok()
    }
}

/// The kinds so far.
#[derive(Default)]
struct Kinds {
    found: Vec<Kind>,
    places: FxHashMap<Vec<bool>, usize>,
}

impl Kinds {
    /// Adds a kind; each that may be where a membership is not known. The first example is a shortest one.
    fn add(
        &mut self,
        memberships: &[Membership],
        example: impl Fn() -> Option<String>,
    ) -> Result<(), Unfit> {
        let unknown: Vec<usize> = memberships
            .iter()
            .enumerate()
            .filter_map(|(place, found)| (*found == Membership::Unknown).then_some(place))
            .collect();
        if unknown.len() > MOST_UNKNOWN {
            return Err(Unfit::TooMany);
        }
        for choice in 0..1_usize << unknown.len() {
            let is_in = memberships.iter().enumerate().map(|(place, found)| {
                let doubt = unknown.iter().position(|each| *each == place);
                doubt.map_or(*found == Membership::In, |bit| choice >> bit & 1 == 1)
            });
            self.put(is_in.collect(), || {
                unknown.is_empty().then(&example).flatten()
            });
        }
        Ok(())
    }

    fn put(&mut self, is_in: Vec<bool>, example: impl Fn() -> Option<String>) {
        match self.places.get(&is_in) {
            Some(place) => {
                if let Some(kind) = self.found.get_mut(*place) {
                    kind.example = kind.example.take().or_else(example);
                }
            }
            None => {
                self.places.insert(is_in.clone(), self.found.len());
                let example = example();
                self.found.push(Kind { is_in, example });
            }
        }
    }
}
