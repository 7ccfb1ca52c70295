// SPDX-License-Identifier: MPL-2.0
//! The signal-to-noise ratio of rounded values.

/// The ratio of the power of exact values to that of the errors, over any number of tensors.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Snr {
    signal: f64,
    noise: f64,
}

impl Snr {
    /// Takes two tensors of the same shape.
    pub fn add(&mut self, exact: &[f32], rounded: &[f32]) {
        for (exact, rounded) in exact.iter().zip(rounded) {
            let exact = f64::from(*exact);
            self.signal += exact * exact;
            self.noise += (exact - f64::from(*rounded)).powi(2);
        }
    }

    /// In decibels: `10 log10(sum x^2 / sum (x - y)^2)`; infinite without errors.
    pub fn decibels(&self) -> f64 {
        if self.noise == 0.0 {
            return f64::INFINITY;
        }
        10.0 * (self.signal / self.noise).log10()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels() {
        let mut snr = Snr::default();
        snr.add(&[1.0, -2.0], &[1.0, -2.0]);
        assert_eq!(snr.decibels(), f64::INFINITY);
        let mut tenth = Snr::default();
        tenth.add(&[10.0], &[9.0]);
        assert!((tenth.decibels() - 20.0).abs() < 1e-9);
    }
}
