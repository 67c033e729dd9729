//! Whether a picture shows the inside of a body, as its colours tell, and a gate that lets nothing else pass.
//!
//! Colour is no classifier that learned: brown wood and skin from near can pass for the inside, and stained or specially lit tissue
//! for the outside. `docs/live.md` says what it was tried on.

use super::quality::Quality;

/// What a frame must be like. Limits to be taken for the inside at first, and lower ones to stay so, so that a frame near a limit does
/// not flicker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BodyRule {
    /// Least part of the field, 0 to 1, that is lit: less tells nothing.
    pub min_lit: f64,
    /// Least part of the lit pixels, 0 to 1, that are as red as tissue: at first, and afterwards.
    pub min_red: [f64; 2],
    /// Least part of the lit pixels, 0 to 1, that are [of tissue's deep red](Quality::deep_red_fraction): at first, and afterwards.
    pub min_deep_red: [f64; 2],
}

impl Default for BodyRule {
    fn default() -> Self {
        Self { min_lit: 0.1, min_red: [0.65, 0.55], min_deep_red: [0.45, 0.3] }
    }
}

/// Why a picture is not known to show the inside of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsure {
    /// Not enough has been seen yet.
    Starting,
    /// Its colours are not those of tissue.
    Outside,
    /// It is too dark to tell.
    Dark,
    /// The engine calls it unlike what it was trained on.
    Unlike,
    /// It cannot be looked at.
    Unseen,
}

impl Unsure {
    /// In words for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "not known yet",
            Self::Outside => "outside of the body",
            Self::Dark => "too dark to tell",
            Self::Unlike => "unlike the engine's training data",
            Self::Unseen => "cannot be looked at",
        }
    }
}

impl BodyRule {
    /// Looks at one frame. `was_inside`: it is held to the lower limits.
    ///
    /// # Errors
    ///
    /// Why it is not known to show the inside.
    pub fn look(&self, quality: &Quality, was_inside: bool) -> Result<(), Unsure> {
        let limit = |[first, then]: [f64; 2]| if was_inside { then } else { first };
        if quality.lit_fraction < self.min_lit {
            return Err(Unsure::Dark);
        }
        let is_red = quality.red_fraction >= limit(self.min_red)
            && quality.deep_red_fraction >= limit(self.min_deep_red);
        if is_red { Ok(()) } else { Err(Unsure::Outside) }
    }
}

/// Lets pictures pass that show the inside of a body, and nothing that is not known to. One frame that does not closes it at once; it
/// opens when all frames have for long enough.
#[derive(Clone, Debug)]
pub struct BodyGate {
    rule: BodyRule,
    open_after_ns: u64,
    /// Since when all frames have shown the inside.
    inside_since_ns: Option<u64>,
    is_open: bool,
}

impl BodyGate {
    /// Closed; opens when all frames have shown the inside for `open_after_ns`.
    pub fn new(rule: BodyRule, open_after_ns: u64) -> Self {
        Self { rule, open_after_ns, inside_since_ns: None, is_open: false }
    }

    /// Takes the next frame: what it is like (`None`: nobody could look), and whether an engine calls it unlike its training data.
    ///
    /// # Errors
    ///
    /// Why it may not pass.
    pub fn frame(&mut self, at_ns: u64, quality: Option<&Quality>, is_unlike: bool) -> Result<(), Unsure> {
        let look = match quality {
            None => Err(Unsure::Unseen),
            Some(_) if is_unlike => Err(Unsure::Unlike),
            Some(quality) => self.rule.look(quality, self.is_open),
        };
        if let Err(why) = look {
            (self.inside_since_ns, self.is_open) = (None, false);
            return Err(why);
        }
        let since = *self.inside_since_ns.get_or_insert(at_ns);
        self.is_open |= at_ns.saturating_sub(since) >= self.open_after_ns;
        if self.is_open { Ok(()) } else { Err(Unsure::Starting) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn quality(lit: f64, red: f64, deep: f64) -> Quality {
        Quality { lit_fraction: lit, red_fraction: red, deep_red_fraction: deep, ..Quality::default() }
    }

    fn gate() -> BodyGate {
        BodyGate::new(BodyRule::default(), 1000 * MS)
    }

    #[test]
    fn it_is_closed_until_the_inside_was_seen_for_long_enough_and_closes_at_once() {
        let (mut gate, tissue, room) = (gate(), quality(0.9, 0.95, 0.9), quality(0.9, 0.2, 0.1));
        let mut told = Vec::new();
        for i in 0..60_u64 {
            let seen = if i == 40 { &room } else { &tissue };
            told.push(gate.frame(40 * i * MS, Some(seen), false));
        }
        assert!(told[..25].iter().all(|t| *t == Err(Unsure::Starting)), "{told:?}");
        assert!(told[25..40].iter().all(Result::is_ok), "{told:?}");
        assert_eq!(told[40], Err(Unsure::Outside));
        assert!(told[41..].iter().all(|t| *t == Err(Unsure::Starting)), "{told:?}");
    }

    #[test]
    fn what_is_not_known_does_not_pass() {
        let tissue = quality(0.9, 0.95, 0.9);
        for (seen, unlike, why) in [
            (None, false, Unsure::Unseen),
            (Some(quality(0.05, 1.0, 1.0)), false, Unsure::Dark),
            (Some(tissue), true, Unsure::Unlike),
            (Some(quality(0.9, f64::NAN, 0.9)), false, Unsure::Outside),
            // As red as tissue, and as pale as skin.
            (Some(quality(0.9, 0.95, 0.1)), false, Unsure::Outside),
        ] {
            let mut gate = gate();
            (0..30_u64).for_each(|i| {
                let _ = gate.frame(40 * i * MS, Some(&tissue), false);
            });
            assert!(gate.frame(1200 * MS, Some(&tissue), false).is_ok());
            assert_eq!(gate.frame(1240 * MS, seen.as_ref(), unlike), Err(why));
        }
    }

    #[test]
    fn a_frame_near_the_limit_does_not_flicker() {
        let (mut gate, tissue, paler) = (gate(), quality(0.9, 0.95, 0.9), quality(0.9, 0.6, 0.4));
        assert_eq!(gate.frame(0, Some(&paler), false), Err(Unsure::Outside));
        (1..40_u64).for_each(|i| {
            let _ = gate.frame(40 * i * MS, Some(&tissue), false);
        });
        assert!((40..80_u64).all(|i| gate.frame(40 * i * MS, Some(&paler), false).is_ok()));
    }
}
