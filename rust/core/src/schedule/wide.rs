//! Whole numbers of 256 bits, as far as the ramp's formula needs them: one product, one sum or difference, one root.
//!
//! A library of big numbers would allocate for each of them, and its root takes longer than all the rest of a look-up.

use std::cmp::Ordering;

const HALF: u32 = 64;
const LOW: u128 = (1 << HALF) - 1;

/// An unsigned number of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    /// `a * b`, which always fits.
    pub(super) fn product(a: u128, b: u128) -> Self {
        let (a1, a0, b1, b0) = (a >> HALF, a & LOW, b >> HALF, b & LOW);
        let (low, cross) = (a0 * b0, a1 * b0);
        let middle = (low >> HALF) + (cross & LOW) + ((a0 * b1) & LOW);
        let high = a1 * b1 + (cross >> HALF) + ((a0 * b1) >> HALF) + (middle >> HALF);
        Self { high, low: (middle << HALF) | (low & LOW) }
    }

    /// The sum; what does not fit is lost.
    pub(super) fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Self { high: self.high.wrapping_add(other.high).wrapping_add(carry.into()), low }
    }

    /// The difference; `other` is not greater.
    pub(super) fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self { high: self.high.wrapping_sub(other.high).wrapping_sub(borrow.into()), low }
    }

    /// The square root, rounded down.
    ///
    /// Zimmermann, "Karatsuba Square Root" (INRIA RR-3805, 1999): the root of the upper half, then one division.
    pub(super) fn root(self) -> u128 {
        if self.high == 0 {
            return self.low.isqrt();
        }
        // The algorithm wants one of the upper two bits set; an even shift halves in the root.
        let shift = self.high.leading_zeros() & !1;
        let high = if shift == 0 { self.high } else { (self.high << shift) | (self.low >> (128 - shift)) };
        let low = self.low << shift;
        let upper = high.isqrt();
        let (quotient, _) = divided(high - upper * upper, low >> HALF, 2 * upper);
        // The quotient may be one too high, never too low.
        let mut root = (upper << HALF).saturating_add(quotient);
        let shifted = Self { high, low };
        while Self::product(root, root).cmp(&shifted) == Ordering::Greater {
            root -= 1;
        }
        root >> (shift / 2)
    }

    /// The square root, rounded up.
    pub(super) fn root_up(self) -> u128 {
        let root = self.root();
        root + u128::from(Self::product(root, root) != self)
    }
}

/// Quotient and remainder of `remainder * 2^64 + digit` by `divisor`, where `remainder <= divisor < 2^66`.
fn divided(remainder: u128, digit: u128, divisor: u128) -> (u128, u128) {
    // Half a digit at a time stays below 128 bits.
    let step = |remainder: u128, digit: u128| {
        let value = (remainder << 32) | digit;
        (value / divisor, value % divisor)
    };
    let (upper, rest) = step(remainder, digit >> 32);
    let (lower, rest) = step(rest, digit & 0xFFFF_FFFF);
    ((upper << 32) + lower, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;
    use proptest::prelude::*;

    fn big(wide: Wide) -> BigUint {
        (BigUint::from(wide.high) << 128_u32) + wide.low
    }

    proptest! {
        #[test]
        fn products_sums_and_differences_are_those_of_big_numbers(a: u128, b: u128, c in 0..u128::MAX >> 1, d in 0..u128::MAX >> 1) {
            let (one, two) = (Wide::product(a, b), Wide::product(c, d));
            prop_assert_eq!(big(one), BigUint::from(a) * b);
            let (small, large) = (two.min(Wide::product(c, c)), two.max(Wide::product(c, c)));
            prop_assert_eq!(big(large.minus(small)), big(large) - big(small));
            prop_assert_eq!(big(large.plus(small)), big(large) + big(small));
        }

        #[test]
        fn the_root_is_that_of_big_numbers(a: u128, b: u128, bits in 0_u32..128) {
            let wide = Wide::product(a >> bits, b >> (bits / 2));
            prop_assert_eq!(BigUint::from(wide.root()), big(wide).sqrt());
        }

        #[test]
        fn the_root_of_a_square_and_its_neighbours_is_exact(a in 2_u128.., bits in 0_u32..127) {
            let a = (a >> bits).max(2);
            let square = Wide::product(a, a);
            prop_assert_eq!(square.root(), a);
            prop_assert_eq!(square.root_up(), a);
            let below = square.minus(Wide { high: 0, low: 1 });
            prop_assert_eq!(below.root(), a - 1);
            prop_assert_eq!(below.root_up(), a);
        }
    }
}
