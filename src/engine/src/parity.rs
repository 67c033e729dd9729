//! How far a model may be from itself: in fewer bits, and on another provider, from f32 on the processor.
//!
//! Two things are kept apart. A **gate** holds the figures that an engine's maker measured on a whole data set and wrote into
//! the manifest; a precision that misses one is not chosen by itself, and `vesalius engine verify` fails. A **tolerance** holds
//! what is measured anew, here and now, on a few pictures. docs/parity.md has both tables and their reasons.

use std::fmt;

use vesalius_measure::result::ClassResult;

use crate::manifest::{Manifest, Precision, PrecisionSection};
use crate::provider::Provider;

/// What a figure of a manifest's `parity` must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The figure's name; `*` stands for a measure's, such as `hc`.
    pub figure: &'static str,
    /// The least that passes.
    pub least: f64,
    /// The most that passes.
    pub most: f64,
}

const fn gate(figure: &'static str, least: f64, most: f64) -> Gate {
    Gate { figure, least, most }
}

/// The median over pictures of the Dice of the masks with those of f32; the Dice that 99 % reach; the part of the pictures in
/// which one alone finds a structure; bias and 95 % limits of agreement of a measure; and the lower 95 % limit of how the
/// Dice with the truth changes.
const F16: [Gate; 6] = [
    gate("dice_median", 0.998, 1.0),
    gate("dice_p1", 0.98, 1.0),
    gate("presence_flips", 0.0, 0.001),
    gate("*_bias_percent", -0.5, 0.5),
    gate("*_loa_percent", 0.0, 2.0),
    gate("dice_change_low", -0.002, f64::INFINITY),
];

const INT8: [Gate; 6] = [
    gate("dice_median", 0.99, 1.0),
    gate("dice_p1", 0.95, 1.0),
    gate("presence_flips", 0.0, 0.005),
    gate("*_bias_percent", -1.0, 1.0),
    gate("*_loa_percent", 0.0, 4.0),
    gate("dice_change_low", -0.01, f64::INFINITY),
];

/// The gates of a precision; none for f32, which the others are compared with.
pub const fn gates(precision: Precision) -> &'static [Gate] {
    match precision {
        Precision::F32 => &[],
        Precision::F16 => &F16,
        Precision::Int8 => &INT8,
    }
}

/// A gate that is missed.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// The gate.
    pub gate: Gate,
    /// The figure as the manifest names it and what it says; `None` where it says nothing.
    pub found: Option<(String, f64)>,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gate { figure, least, most } = self.gate;
        match &self.found {
            None => write!(f, "{figure} is not given"),
            Some((name, value)) if most.is_finite() => {
                write!(f, "{name} is {value}, not in {least} to {most}")
            }
            Some((name, value)) => write!(f, "{name} is {value}, below {least}"),
        }
    }
}

/// The gates that a precision's figures miss, those without a figure among them.
pub fn missed(section: &PrecisionSection) -> Vec<Missed> {
    let misses = |gate: &Gate| {
        let names = |name: &str| match gate.figure.strip_prefix('*') {
            Some(ending) => name.len() > ending.len() && name.ends_with(ending),
            None => name == gate.figure,
        };
        let mut figures = section.parity.iter().filter(|(name, _)| names(name)).peekable();
        if figures.peek().is_none() {
            return vec![Missed { gate: *gate, found: None }];
        }
        figures
            // Also true for NaN.
            .filter(|(_, value)| !(gate.least..=gate.most).contains(*value))
            .map(|(name, value)| Missed { gate: *gate, found: Some((name.clone(), *value)) })
            .collect()
    };
    gates(section.name).iter().flat_map(misses).collect()
}

/// Whether a manifest vouches for a precision: it is f32, or listed with figures that pass every gate.
pub fn is_vouched_for(manifest: &Manifest, precision: Precision) -> bool {
    precision == Precision::F32
        || manifest.precision(precision).is_some_and(|section| missed(section).is_empty())
}

/// How far results on a few pictures may be from those of f32 on the processor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Largest difference of a probability; infinite where it says nothing, for numbers of few bits.
    pub probability: f32,
    /// Least Dice of a class's mask with its mask in f32, in the worst picture.
    pub dice: f64,
}

/// The tolerance of a provider and precision.
pub const fn tolerance(provider: Provider, precision: Precision) -> Tolerance {
    match (provider, precision) {
        // The same library, the same order of the same operations.
        (Provider::Cpu, Precision::F32) => Tolerance { probability: 0.0, dice: 1.0 },
        // Another order of summation in f32 moves a probability by some 10⁻⁶.
        (Provider::OpenVino, Precision::F32) => Tolerance { probability: 1e-4, dice: 0.999 },
        // Nor has anybody measured a GPU yet: room for other algorithms of convolution.
        (_, Precision::F32) => Tolerance { probability: 2e-3, dice: 0.998 },
        // The gates that 99 % of pictures pass.
        (_, Precision::F16) => Tolerance { probability: f32::INFINITY, dice: 0.98 },
        (_, Precision::Int8) => Tolerance { probability: f32::INFINITY, dice: 0.95 },
    }
}

/// How two results of one picture agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Largest difference of a probability.
    pub probability: f32,
    /// Dice of the masks of the class that agrees least; 1 where both are empty.
    pub dice: f64,
    /// Classes that one of them alone finds.
    pub flips: usize,
}

impl Agreement {
    /// Of results without a class.
    pub const PERFECT: Self = Self { probability: 0.0, dice: 1.0, flips: 0 };

    /// Compares the classes of two results of one engine on one picture.
    pub fn of(one: &[ClassResult], other: &[ClassResult]) -> Self {
        let agree = |(a, b): (&ClassResult, &ClassResult)| {
            let (x, y) = (a.probability.values(), b.probability.values());
            let differ = |most: f32, (a, b): (&f32, &f32)| most.max((a - b).abs());
            let threshold = a.class.threshold;
            let count = |values: &[f32]| values.iter().filter(|p| **p >= threshold).count();
            let both = x.iter().zip(y).filter(|(p, q)| **p >= threshold && **q >= threshold).count();
            let all = count(x) + count(y);
            Self {
                probability: x.iter().zip(y).fold(0.0, differ),
                dice: if all == 0 { 1.0 } else { 2.0 * both as f64 / all as f64 },
                flips: usize::from(a.contours.is_empty() != b.contours.is_empty()),
            }
        };
        one.iter().zip(other).map(agree).fold(Self::PERFECT, Self::worse)
    }

    /// The worse of two in each respect.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            probability: self.probability.max(other.probability),
            dice: self.dice.min(other.dice),
            flips: self.flips + other.flips,
        }
    }

    /// Whether it is within a tolerance.
    pub fn is_within(&self, tolerance: Tolerance) -> bool {
        self.probability <= tolerance.probability && self.dice >= tolerance.dice
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn section(name: Precision, parity: &[(&str, f64)]) -> PrecisionSection {
        let parity = parity.iter().map(|(name, value)| ((*name).to_owned(), *value));
        PrecisionSection {
            name,
            file: None,
            sha256: None,
            temperature: None,
            unlikeness_threshold: None,
            parity: parity.collect(),
        }
    }

    const GOOD: [(&str, f64); 6] = [
        ("dice_median", 0.9992),
        ("dice_p1", 0.9958),
        ("presence_flips", 0.0),
        ("hc_bias_percent", -0.03),
        ("hc_loa_percent", 0.11),
        ("dice_change_low", -0.0002),
    ];

    #[test]
    fn every_gate_counts_and_a_figure_that_is_missing_is_a_miss() {
        for precision in [Precision::F16, Precision::Int8] {
            assert_eq!(missed(&section(precision, &GOOD)), []);
            for i in 0..GOOD.len() {
                let mut figures = GOOD.to_vec();
                let (name, _) = figures.remove(i);
                let [miss] = &missed(&section(precision, &figures))[..] else { panic!("{name}") };
                assert_eq!(miss.found, None);
                for bad in [f64::NAN, if name.starts_with("dice") { -0.011 } else { 4.1 }] {
                    let mut figures = GOOD.to_vec();
                    figures[i].1 = bad;
                    let [miss] = &missed(&section(precision, &figures))[..] else { panic!("{name} {bad}") };
                    let text = miss.to_string();
                    assert!(text.starts_with(&format!("{name} is {bad}")) && !text.contains('\n'), "{text}");
                }
            }
        }
        assert_eq!(missed(&section(Precision::F32, &[])), []);
    }

    #[test]
    fn f16_is_held_to_more_than_int8() {
        let mut figures = BTreeMap::from(GOOD);
        figures.insert("dice_median", 0.995);
        figures.insert("hc_loa_percent", 3.0);
        let figures: Vec<_> = figures.into_iter().collect();
        assert!(missed(&section(Precision::Int8, &figures)).is_empty());
        assert_eq!(missed(&section(Precision::F16, &figures)).len(), 2);
        // Each of several measures counts.
        let mut two = GOOD.to_vec();
        two.push(("bpd_bias_percent", 1.5));
        let [miss] = &missed(&section(Precision::Int8, &two))[..] else { panic!() };
        assert_eq!(miss.to_string(), "bpd_bias_percent is 1.5, not in -1 to 1");
    }
}
