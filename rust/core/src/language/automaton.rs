//! A language as an automaton whose states are made when they are first met. Above: `product`. Pure.

use std::fmt;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

use crate::compare::REGEX_SIZE;

/// The most bytes that an automaton's states take.
const STATES_SIZE: usize = 1 << 23;

/// Why languages were not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A glob or a regular expression that cannot be read.
    Unreadable,
    /// One of them is too large.
    TooLarge,
    /// Together they have too many states.
    TooMany,
}

impl fmt::Display for Unfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Unreadable => "a pattern cannot be read",
            Self::TooLarge => "a pattern is too large",
            Self::TooMany => "the patterns have too many states together",
        })
    }
}

impl std::error::Error for Unfit {}

/// Whether a text is in a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    In,
    Out,
    /// A Unicode word boundary was asked about beside a character beyond ASCII.
    Unknown,
}

pub(super) struct Automaton {
    dfa: DFA,
    cache: Cache,
}

impl Automaton {
    pub(super) fn new(expression: &Hir) -> Result<Self, Unfit> {
        let nfa: NFA = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(true)
                    .nfa_size_limit(Some(REGEX_SIZE))
                    .which_captures(WhichCaptures::None),
            )
            .build_from_hir(expression)
            .map_err(|_| Unfit::TooLarge)?;
        let dfa = DFA::builder()
            .configure(
                DFA::config()
                    // Every match counts, so that a text is in when one ends with it.
                    .match_kind(MatchKind::All)
                    .unicode_word_boundary(true)
                    .cache_capacity(STATES_SIZE)
                    .minimum_cache_clear_count(Some(0)),
            )
            .build_from_nfa(nfa)
            .map_err(|_| Unfit::TooLarge)?;
        let cache = dfa.create_cache();
        Ok(Self { dfa, cache })
    }

    /// The state before the first byte.
    pub(super) fn start(&mut self) -> Result<LazyStateID, Unfit> {
        let from = start::Config::new().anchored(Anchored::Yes);
        self.dfa
            .start_state(&mut self.cache, &from)
            .map_err(|_| Unfit::TooLarge)
    }

    /// The state after one more byte.
    pub(super) fn step(&mut self, state: LazyStateID, byte: u8) -> Result<LazyStateID, Unfit> {
        if state.is_dead() || state.is_quit() {
            return Ok(state);
        }
        self.dfa
            .next_state(&mut self.cache, state, byte)
            .map_err(|_| Unfit::TooLarge)
    }

    /// Whether the text is in that led to the state.
    pub(super) fn membership(&mut self, state: LazyStateID) -> Result<Membership, Unfit> {
        if state.is_quit() {
            return Ok(Membership::Unknown);
        }
        if state.is_dead() {
            return Ok(Membership::Out);
        }
        let end = self
            .dfa
            .next_eoi_state(&mut self.cache, state)
            .map_err(|_| Unfit::TooLarge)?;
        Ok(if end.is_match() {
            Membership::In
        } else {
            Membership::Out
        })
    }

    /// The class of bytes that it does not tell apart from this one.
    pub(super) fn class(&self, byte: u8) -> u8 {
        self.dfa.byte_classes().get(byte)
    }
}
