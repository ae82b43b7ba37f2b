//! Sets of texts, and the shortest texts that tell them apart.
//!
//! Above: the compiler, through the binding. Below: `glob`, `compare` (the same patterns and limits), the regex
//! crates' automata. Pure. All languages are read side by side, byte by byte, so that each way in which a text
//! can be in some of them and not in the others is met once, with a shortest text of that kind.

mod automaton;
mod expression;
mod letters;
mod product;

pub use automaton::Unfit;
pub use expression::Language;
pub use product::{Found, Kind, distinguish};

#[cfg(test)]
mod tests;
