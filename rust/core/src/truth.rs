//! Three-valued truth, the result of every condition.
//!
//! Above: `compare` and `evaluate`. Below: nothing. Pure.

/// What a condition comes to. The order is the order of certainty that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It cannot be judged: a value of another type, or a fact that is unknown.
    Indeterminate,
    /// It holds.
    True,
}

impl Truth {
    /// Any false, else any indeterminate, else true.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Any true, else any indeterminate, else false.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// True and false change places; indeterminate stays.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "`and`, `or` and `not` belong together"
    )]
    pub fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Indeterminate => Self::Indeterminate,
            Self::True => Self::False,
        }
    }

    /// The `and` of all, true for none. Stops at the first false.
    pub fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::True;
        for truth in truths {
            joined = joined.and(truth);
            if joined == Self::False {
                break;
            }
        }
        joined
    }

    /// The `or` of all, false for none. Stops at the first true.
    pub fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::False;
        for truth in truths {
            joined = joined.or(truth);
            if joined == Self::True {
                break;
            }
        }
        joined
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::True } else { Self::False }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, Indeterminate, True};

    const EACH: [Truth; 3] = [False, Indeterminate, True];

    #[test]
    fn tables() {
        let and = EACH.map(|left| EACH.map(|right| left.and(right)));
        assert_eq!(
            and,
            [
                [False, False, False],
                [False, Indeterminate, Indeterminate],
                [False, Indeterminate, True]
            ]
        );
        let or = EACH.map(|left| EACH.map(|right| left.or(right)));
        assert_eq!(
            or,
            [
                [False, Indeterminate, True],
                [Indeterminate, Indeterminate, True],
                [True, True, True]
            ]
        );
        assert_eq!(EACH.map(Truth::not), [True, Indeterminate, False]);
    }

    #[test]
    fn joins_stop_when_nothing_can_change() {
        let mut rest = EACH.into_iter();
        assert_eq!(Truth::all(rest.by_ref()), False);
        assert_eq!(rest.next(), Some(Indeterminate));
        let mut rest = [True, False].into_iter();
        assert_eq!(Truth::any(rest.by_ref()), True);
        assert_eq!(rest.next(), Some(False));
    }

    #[test]
    fn joins_of_nothing() {
        assert_eq!(Truth::all([]), True);
        assert_eq!(Truth::any([]), False);
    }
}
