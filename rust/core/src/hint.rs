//! Tool annotations: what a tool says of itself, and MCP's defaults for what it does not say.
//!
//! Above: `graph`, `evaluate`, `index`. Below: nothing. Pure. Source: MCP's `ToolAnnotations`; product rule:
//! `destructiveHint` counts only where `readOnlyHint` is false.

use serde::Deserialize;

/// An MCP tool annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Hint {
    /// The tool changes nothing.
    #[serde(rename = "readOnlyHint")]
    ReadOnly,
    /// What the tool changes cannot be undone.
    #[serde(rename = "destructiveHint")]
    Destructive,
    /// A second call with the same arguments changes nothing more.
    #[serde(rename = "idempotentHint")]
    Idempotent,
    /// The tool reaches beyond a closed domain.
    #[serde(rename = "openWorldHint")]
    OpenWorld,
}

impl Hint {
    /// All of them, in the order of packed masks and of reports.
    pub const ALL: [Self; 4] = [
        Self::ReadOnly,
        Self::Destructive,
        Self::Idempotent,
        Self::OpenWorld,
    ];

    /// The name in MCP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnlyHint",
            Self::Destructive => "destructiveHint",
            Self::Idempotent => "idempotentHint",
            Self::OpenWorld => "openWorldHint",
        }
    }

    /// What MCP takes for an unknown one.
    fn default_value(self) -> bool {
        matches!(self, Self::Destructive | Self::OpenWorld)
    }
}

/// The annotations that are known of a tool: two bits for each hint in [`Hint::ALL`]'s order, the lower one
/// says that it is known, the higher one its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations(u8);

impl Annotations {
    /// Of a packed mask; the value of an unknown hint says nothing.
    #[must_use]
    pub fn new(mask: u8) -> Self {
        Self(mask)
    }

    /// What is known of a hint.
    #[must_use]
    pub fn known(self, hint: Hint) -> Option<bool> {
        let bits = self.0 >> (2 * hint as u8);
        (bits & 1 == 1).then_some(bits & 2 == 2)
    }

    /// The value that conditions see: the known one or MCP's default, and `destructiveHint` is false for a
    /// tool that only reads.
    #[must_use]
    pub fn effective(self, hint: Hint) -> bool {
        let only_reads = self.known(Hint::ReadOnly) == Some(true);
        if hint == Hint::Destructive && only_reads {
            return false;
        }
        self.known(hint).unwrap_or(hint.default_value())
    }

    /// All effective values, one bit each.
    #[must_use]
    pub fn effective_bits(self) -> u8 {
        Hint::ALL.iter().fold(0, |bits, hint| {
            bits | u8::from(self.effective(*hint)) << *hint as u8
        })
    }

    /// Whether the effective value is MCP's default for want of a known one.
    #[must_use]
    pub fn is_assumed(self, hint: Hint) -> bool {
        let only_reads = self.known(Hint::ReadOnly) == Some(true);
        self.known(hint).is_none() && !(hint == Hint::Destructive && only_reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN_READ_ONLY: u8 = 0b01;
    const READ_ONLY: u8 = 0b11;
    const KNOWN_DESTRUCTIVE: u8 = 0b01 << 2;
    const DESTRUCTIVE: u8 = 0b11 << 2;

    #[test]
    fn unknown_hints_take_defaults() {
        let unknown = Annotations::default();
        let values = Hint::ALL.map(|hint| unknown.effective(hint));
        assert_eq!(values, [false, true, false, true]);
        assert!(Hint::ALL.iter().all(|hint| unknown.is_assumed(*hint)));
        assert_eq!(unknown.effective_bits(), 0b1010);
    }

    #[test]
    fn a_tool_that_only_reads_destroys_nothing() {
        let liar = Annotations::new(READ_ONLY | DESTRUCTIVE);
        assert!(!liar.effective(Hint::Destructive));
        let reader = Annotations::new(READ_ONLY);
        assert!(!reader.effective(Hint::Destructive));
        assert!(!reader.is_assumed(Hint::Destructive));
    }

    #[test]
    fn known_hints_stand() {
        let writer = Annotations::new(KNOWN_READ_ONLY | KNOWN_DESTRUCTIVE);
        assert!(!writer.effective(Hint::ReadOnly));
        assert!(!writer.effective(Hint::Destructive));
        assert!(!writer.is_assumed(Hint::ReadOnly));
        assert!(!writer.is_assumed(Hint::Destructive));
        let unsaid = Annotations::new(KNOWN_READ_ONLY);
        assert!(unsaid.effective(Hint::Destructive));
        assert!(unsaid.is_assumed(Hint::Destructive));
    }
}
