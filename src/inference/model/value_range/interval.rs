// SPDX-License-Identifier: MPL-2.0
//! Interval arithmetic.

/// The minimum and maximum of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
    /// Whether the value is the same for every image.
    pub is_constant: bool,
}

impl Interval {
    /// Any value.
    pub const ANY: Self = Self::of(f64::NEG_INFINITY, f64::INFINITY);
    /// Values from 0 to 1.
    pub const UNIT: Self = Self::of(0.0, 1.0);

    /// The values from `low` to `high`.
    pub const fn of(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            is_constant: false,
        }
    }

    /// Values from `low` to `high` that are the same for every image.
    pub fn constant(low: f64, high: f64) -> Self {
        Self {
            is_constant: true,
            ..Self::of(low, high)
        }
    }

    /// Whether the value depends on the image and is always from 0 to 1.
    pub fn is_unit(self) -> bool {
        // For factors such as 0.166667, and for the rounding of sums.
        const TOLERANCE: f64 = 1e-5;
        !self.is_constant && self.low >= -TOLERANCE && self.high <= 1.0 + TOLERANCE
    }

    /// The values of either interval.
    pub fn or(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            is_constant: self.is_constant && other.is_constant,
        }
    }

    /// The results of a function that is monotonically increasing.
    pub fn map_increasing(self, function: impl Fn(f64) -> f64) -> Self {
        self.with_bounds(function(self.low), function(self.high))
    }

    /// These bounds, as constant as `self`.
    pub fn with_bounds(self, low: f64, high: f64) -> Self {
        // NaN comes from infinity - infinity, for example.
        let (low, high) = match low.is_nan() || high.is_nan() {
            true => (f64::NEG_INFINITY, f64::INFINITY),
            false => (low, high),
        };
        Self { low, high, ..self }
    }

    /// The negated values.
    pub fn negated(self) -> Self {
        self.with_bounds(-self.high, -self.low)
    }

    /// The sums of a value of each.
    pub fn plus(self, other: Self) -> Self {
        Self {
            is_constant: self.is_constant && other.is_constant,
            ..self.with_bounds(self.low + other.low, self.high + other.high)
        }
    }

    /// The products of a value of each.
    pub fn times(self, other: Self) -> Self {
        // Zero times infinity counts as zero here: the other factor is finite, however large.
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        let products = [
            product(self.low, other.low),
            product(self.low, other.high),
            product(self.high, other.low),
            product(self.high, other.high),
        ];
        Self {
            is_constant: self.is_constant && other.is_constant,
            ..self.with_bounds(
                products.into_iter().fold(f64::INFINITY, f64::min),
                products.into_iter().fold(f64::NEG_INFINITY, f64::max),
            )
        }
    }

    /// The reciprocals.
    pub fn reciprocal(self) -> Self {
        match (self.low, self.high) {
            (low, high) if low > 0.0 || high < 0.0 => self.with_bounds(1.0 / high, 1.0 / low),
            (0.0, high) => self.with_bounds(1.0 / high, f64::INFINITY),
            _ => self.with_bounds(f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// The absolute values.
    pub fn absolute(self) -> Self {
        let max = self.low.abs().max(self.high.abs());
        let min = if self.low <= 0.0 && self.high >= 0.0 {
            0.0
        } else {
            self.low.abs().min(self.high.abs())
        };
        self.with_bounds(min, max)
    }

    /// The values clipped to bounds that are themselves intervals.
    pub fn clipped(self, low: Self, high: Self) -> Self {
        // A bound that is not known does not limit anything.
        self.with_bounds(
            self.low.max(low.low).min(high.high),
            self.high.min(high.high).max(low.low),
        )
    }
}
