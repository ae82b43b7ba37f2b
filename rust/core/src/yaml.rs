//! Plain YAML documents as values with places, read fast.
//!
//! Above: the reader of `helio.yaml`, through the binding. Below: `libyaml-safer`, the events of libyaml. Pure. What
//! YAML is and how its faults are told is the business of that reader: here is read only what is plain, which is what
//! most files are, and of that exactly what the reader says. At the first thing that is not (a fault, an anchor, a
//! tag, a key that is no text or stands twice, whatever is near a cap) there is no answer, and the reader looks at
//! the text itself.

mod document;
mod guard;
mod reading;
mod scalar;

pub use document::{Document, Node, Scalar, Span, Value};
pub use reading::read;

#[cfg(test)]
mod tests;
