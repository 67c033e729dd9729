//! From how far inside a line a pixel lies to its colour.

use crate::color::{Color, Pixel, over};

/// A pixel on which nothing is drawn.
pub(crate) const CLEAR: Pixel = [0; 4];

/// What a line is drawn with.
#[derive(Clone)]
pub(crate) struct Ink {
    core: Color,
    halo: Color,
    /// The halo's width, 1/256 px.
    halo_reach: u16,
    /// What each reach comes to on a clear pixel, which most are; from the last on all are the same.
    alone: Vec<Pixel>,
}

impl Ink {
    pub(crate) fn new(core: Color, halo: Color, halo_reach: u16) -> Self {
        let mut ink = Self { core, halo, halo_reach, alone: Vec::new() };
        let drawn = (1..=halo_reach.saturating_add(256)).map(|reach| ink.on(CLEAR, reach));
        ink.alone = std::iter::once(CLEAR).chain(drawn).collect();
        ink
    }

    /// Whether it is the ink of these colours and this halo.
    pub(crate) fn is_of(&self, core: Color, halo: Color, halo_reach: u16) -> bool {
        self.core == core && self.halo == halo && self.halo_reach == halo_reach
    }

    /// A clear pixel that a line of this reach is drawn on.
    #[inline]
    pub(crate) fn alone(&self, reach: u16) -> Pixel {
        self.alone.get(usize::from(reach)).or(self.alone.last()).copied().unwrap_or(CLEAR)
    }

    /// A pixel that a line of this reach, above 0, is drawn on.
    ///
    /// Coverage (0..=256) of the halo is the reach itself, that of the core the reach less the halo's width. The halo
    /// goes beneath everything already drawn, so that it never darkens a neighbouring line; the core goes over.
    #[inline]
    pub(crate) fn on(&self, pixel: Pixel, reach: u16) -> Pixel {
        let inner = reach.saturating_sub(self.halo_reach);
        if inner >= 256 {
            return over(self.core.cover(256), pixel);
        }
        let pixel = if self.halo_reach > 0 { over(pixel, self.halo.cover(reach)) } else { pixel };
        if inner > 0 { over(self.core.cover(inner), pixel) } else { pixel }
    }
}
