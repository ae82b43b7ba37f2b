//! Exact sums of amounts, of any number of them.
//!
//! Above: `window`. Below: `number`. Pure. An [`Amount`] has at most 28 digits on either side of the point, so
//! whole and fraction are kept apart and nothing is ever rounded, whatever is added and taken away again.

use std::fmt;

use crate::number::{AMOUNT_DIGITS, Amount};

/// The largest whole amount.
const LARGEST: i128 = UNIT - 1;

/// How many units of `fraction` make one of `whole`.
const UNIT: i128 = 10_i128.pow(AMOUNT_DIGITS as u32);

/// A sum: `whole + fraction / 10^28`, with `0 <= fraction < 10^28`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Total {
    whole: i128,
    fraction: i128,
}

impl Total {
    pub(super) const ZERO: Self = Self {
        whole: 0,
        fraction: 0,
    };

    /// INVARIANT: saturating never happens below 10^10 amounts of the largest size, which no memory holds;
    /// and a saturated sum is above every maximum, so that it refuses.
    pub(super) fn plus(self, other: Self) -> Self {
        let fraction = self.fraction + other.fraction;
        let carry = i128::from(fraction >= UNIT);
        Self {
            whole: self.whole.saturating_add(other.whole).saturating_add(carry),
            fraction: fraction - carry * UNIT,
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        let fraction = self.fraction - other.fraction;
        let borrow = i128::from(fraction < 0);
        Self {
            whole: self
                .whole
                .saturating_sub(other.whole)
                .saturating_sub(borrow),
            fraction: fraction + borrow * UNIT,
        }
    }

    /// Amounts that add up to this sum: one where one can hold it.
    pub(super) fn amounts(self) -> Vec<Amount> {
        if let Some(amount) = self.to_amount() {
            return vec![amount];
        }
        let (mut whole, mut parts) = (self.whole, vec![]);
        while whole > 0 {
            let part = whole.min(LARGEST);
            parts.push(Self {
                whole: part,
                fraction: 0,
            });
            whole -= part;
        }
        parts.push(Self {
            whole: 0,
            fraction: self.fraction,
        });
        parts.into_iter().filter_map(Self::to_amount).collect()
    }

    fn to_amount(self) -> Option<Amount> {
        Amount::parse(&self.to_string()).ok()
    }

    /// A number of calls.
    pub(super) fn of_count(count: usize) -> Self {
        Self {
            whole: i128::try_from(count).unwrap_or(i128::MAX),
            fraction: 0,
        }
    }

    /// The number of calls that this sum stands for, rounded up; none for a sum below zero.
    pub(super) fn to_count(self) -> Option<usize> {
        usize::try_from(self.whole.saturating_add(i128::from(self.fraction > 0))).ok()
    }
}

impl From<Amount> for Total {
    fn from(amount: Amount) -> Self {
        let (mantissa, scale) = amount.parts();
        if scale == 0 {
            return Self {
                whole: mantissa,
                fraction: 0,
            };
        }
        let divisor = 10_i128.pow(scale);
        Self {
            whole: mantissa / divisor,
            fraction: mantissa % divisor * (UNIT / divisor),
        }
    }
}

/// All digits, without an exponent and without zeros at the end.
impl fmt::Display for Total {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fraction == 0 {
            return write!(out, "{}", self.whole);
        }
        let digits = format!("{:0width$}", self.fraction, width = AMOUNT_DIGITS);
        write!(out, "{}.{}", self.whole, digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(text: &str) -> Total {
        Total::from(Amount::parse(text).unwrap())
    }

    #[test]
    fn adds_and_subtracts_exactly_at_both_ends() {
        let largest = "9999999999999999999999999999";
        let smallest = "0.0000000000000000000000000001";
        let sum = total(largest).plus(total(smallest));
        assert_eq!(sum.to_string(), format!("{largest}.{}", &smallest[2..]));
        assert_eq!(sum.minus(total(largest)), total(smallest));
        assert_eq!(sum.minus(total(smallest)), total(largest));
    }

    #[test]
    fn carries_and_borrows() {
        assert_eq!(total("0.7").plus(total("0.3")), total("1"));
        assert_eq!(total("1.2").minus(total("0.3")), total("0.9"));
        assert_eq!(total("1.05").to_string(), "1.05");
        assert_eq!(total("2.5").minus(total("2.5")), Total::ZERO);
    }

    #[test]
    fn orders_by_value() {
        assert!(total("1.999") < total("2"));
        assert!(total("0.10") == total("0.1"));
        assert!(total("0.3").minus(total("0.5")) < Total::ZERO);
    }

    #[test]
    fn sums_are_amounts_again() {
        let largest = total("9999999999999999999999999999");
        let smallest = total("0.0000000000000000000000000001");
        for sum in [
            Total::ZERO,
            total("12.5"),
            largest.plus(smallest),
            largest.plus(largest).plus(largest).plus(total("0.3")),
        ] {
            let amounts = sum.amounts();
            let back = amounts
                .iter()
                .fold(Total::ZERO, |sum, amount| sum.plus((*amount).into()));
            assert_eq!(back, sum, "{amounts:?}");
        }
        assert_eq!(total("12.5").amounts(), [Amount::parse("12.5").unwrap()]);
    }

    #[test]
    fn counts() {
        assert_eq!(Total::of_count(7).to_count(), Some(7));
        assert_eq!(total("6.5").to_count(), Some(7));
        assert_eq!(total("1").minus(total("3")).to_count(), None);
    }
}
