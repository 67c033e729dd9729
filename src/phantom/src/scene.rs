//! The options of a fetal-head scene and their ranges.

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::field::ScanField;
use crate::motion::ProbeMotion;
use crate::render::FetalHeadPhantom;

/// Smallest side of a picture in pixels.
pub const MIN_SIDE_PX: u32 = 16;
/// Largest side of a picture in pixels.
pub const MAX_SIDE_PX: u32 = 4096;
/// A fetal head in a trans-thalamic plane, as a convex or linear probe shows it.
///
/// Every field has a default: `FetalHeadScene { head_circumference_mm: 300.0, ..Default::default() }`. Nothing is checked
/// before [`prepare`](Self::prepare). The same scene gives the same bytes on every machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetalHeadScene {
    /// Picture width in pixels (16 to 4096). Default 800.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 540.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.2.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20), which may differ from the horizontal. Default 0.2.
    pub mm_per_px_y: f64,
    /// Frames per second (0.1 to 1000), which turns frame numbers into time. Default 30.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,

    /// Head circumference in mm on the outer skull border, by Ramanujan II (10 to 600). Default 250.
    pub head_circumference_mm: f64,
    /// Short over long axis in per cent (40 to 100). Default 78.3, Hadlock's mean.
    pub cephalic_index_percent: f64,
    /// Direction of the long axis in mm space, degrees clockwise from +x (−360 to 360). Default −6.
    pub angle_deg: f64,
    /// Centre of the head relative to the picture's centre, `[x, y]` in mm (each −10000 to 10000). Default `[0, 4]`.
    pub center_offset_mm: [f64; 2],

    /// Shape of the scanned field.
    pub field: ScanField,
    /// Middle of the probe's face relative to the middle of the picture's top edge, `[x, y]` in mm (each −1000 to 1000).
    /// A negative y cuts the near field off. Default `[0, 0]`.
    pub probe_offset_mm: [f64; 2],

    /// The skull's echo.
    pub skull: SkullRing,
    /// What surrounds and fills the skull.
    pub tissue: Tissue,
    /// Speckle and resolution.
    pub speckle: Speckle,
    /// Gain, depth and display.
    pub receiver: Receiver,
    /// Wedges without sound (at most 64).
    pub shadows: Vec<AcousticShadow>,
    /// Movement over time.
    pub motion: ProbeMotion,
    /// What a scanner burns into the picture.
    pub annotations: Annotations,
}

/// The echo of the skull bone between the outer border (the truth) and the inner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkullRing {
    /// Thickness of the bone in mm (0.2 to 10). Default 2.5.
    pub thickness_mm: f64,
    /// Level where the beam meets the bone at right angles, in dB over soft tissue (−20 to 60). Default 30.
    pub echo_db: f64,
    /// How fast the echo fades with obliqueness: amplitude goes with `|cos incidence|` to this power (0 to 8). Default 2.
    pub specularity: f64,
    /// Loss through one wall at right angles, in dB both ways (0 to 60). Default 3. Oblique paths lose up to 12 dB more.
    pub wall_loss_db: f64,
    /// Gaps in the echo: sutures, fontanelles, drop-outs (at most 64).
    pub dropouts: Vec<Dropout>,
}

impl Default for SkullRing {
    fn default() -> Self {
        Self {
            thickness_mm: 2.5,
            echo_db: 30.0,
            specularity: 2.0,
            wall_loss_db: 3.0,
            dropouts: vec![Dropout { center_deg: 200.0, width_deg: 14.0, depth_db: 18.0 }],
        }
    }
}

/// A stretch of skull that echoes less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Middle, as parametric angle of the ellipse from its long axis, in degrees (−360 to 360).
    pub center_deg: f64,
    /// Full width in degrees (0.1 to 360).
    pub width_deg: f64,
    /// Loss in dB (0 to 80).
    pub depth_db: f64,
}

/// Echogenicity of what is not bone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tissue {
    /// Level of the brain in dB over the uterine wall (−60 to 20). Default −9.
    pub brain_db: f64,
    /// Level of mid-line, ventricle walls and other thin reflectors in dB (−60 to 50). Default 17.
    pub midline_db: f64,
    /// Spread of the uterine and placental texture in dB (0 to 30). Default 8.
    pub background_spread_db: f64,
    /// How much amniotic fluid there is, 0 (none) to 1 (mostly fluid). Default 0.35.
    pub fluid: f64,
    /// Thickness of scalp and fluid film around the skull in mm (0 to 20). Default 3.
    pub scalp_mm: f64,
}

impl Default for Tissue {
    fn default() -> Self {
        Self { brain_db: -9.0, midline_db: 17.0, background_spread_db: 8.0, fluid: 0.35, scalp_mm: 3.0 }
    }
}

/// Point-spread function and statistics of the speckle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speckle {
    /// Full width at half maximum of the point-spread function along the beam, in mm (0.01 to 50). Default 0.55.
    /// Below two pixels the picture cannot show it: the width of two pixels is used then. In pictures of many megapixels
    /// a fine function may be widened to bound the memory.
    pub axial_mm: f64,
    /// The same across the beam, at the depth of the head (0.01 to 100). Default 1.5. In a fan it grows with depth.
    pub lateral_mm: f64,
    /// Independent looks averaged in power, as spatial compounding does (1 to 16). Default 3. 1 is fully developed
    /// speckle with a Rayleigh envelope.
    pub compounding: u8,
    /// How far speckle turns into another realisation from frame to frame, 0 (frozen into the tissue, the default) to 1
    /// (unrelated): speckle of frames n apart correlates as `cos(n · value · π/2)`. Needs `compounding = 1`.
    pub decorrelation_per_frame: f64,
}

impl Default for Speckle {
    fn default() -> Self {
        Self { axial_mm: 0.55, lateral_mm: 1.5, compounding: 3, decorrelation_per_frame: 0.0 }
    }
}

/// Receiver and display.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receiver {
    /// Overall gain in dB (−60 to 60). Default 0.
    pub gain_db: f64,
    /// Loss in tissue, both ways, in dB per cm of depth (0 to 20). Default 3.5: 0.5 dB/cm/MHz at 3.5 MHz.
    pub attenuation_db_per_cm: f64,
    /// Time-gain compensation in dB per cm of depth (0 to 20), which lifts the noise with the signal. Default 3.3.
    pub tgc_db_per_cm: f64,
    /// Electronic noise before compensation, in dB relative to soft tissue at the probe (−200 to 20). Default −68.
    pub noise_db: f64,
    /// Displayed dynamic range in dB (20 to 120). Default 60.
    pub dynamic_range_db: f64,
    /// Level of display white in dB over soft tissue (0 to 80). Default 31.
    pub white_db: f64,
    /// Gray map: display value goes with the logarithmic level to this power (0.2 to 5). 1 is linear in dB. Default 1.2.
    pub gray_gamma: f64,
    /// Uneven contact of the probe: spread of the gain across the field in dB (0 to 20). Default 1.5.
    pub contact_spread_db: f64,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            gain_db: 0.0,
            attenuation_db_per_cm: 3.5,
            tgc_db_per_cm: 3.3,
            noise_db: -68.0,
            dynamic_range_db: 60.0,
            white_db: 31.0,
            gray_gamma: 1.2,
            contact_spread_db: 1.5,
        }
    }
}

/// A wedge (fan) or strip (linear) that sound does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcousticShadow {
    /// Middle, as position across the field: −1 left edge, 0 axis, 1 right edge (−2 to 2).
    pub center: f64,
    /// Full width in the same measure (0.001 to 4).
    pub width: f64,
    /// Loss in dB (0 to 80).
    pub loss_db: f64,
    /// Where it starts.
    pub origin: ShadowOrigin,
}

/// Where a shadow starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowOrigin {
    /// Behind the near skull wall; it moves with the head, and only beams that hit the head have it.
    Skull,
    /// At the probe (a rib, poor contact); it stays where it is in the picture.
    Probe,
}

/// What a scanner burns into the picture. Nothing by default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Annotations {
    /// A depth ruler with a tick every 10 mm along the right edge.
    pub depth_ruler: bool,
    /// A gray scale bar in the upper left corner.
    pub gray_bar: bool,
    /// Lines of letter-like blocks in the upper left corner (0 to 12), drawn outside the field only.
    pub text_lines: u8,
    /// Black rectangles over the picture, as anonymisation leaves them (at most 64).
    pub black_outs: Vec<BlackOut>,
}

/// A black rectangle in fractions of the picture, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlackOut {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Bottom edge.
    pub bottom: f64,
}

impl Default for FetalHeadScene {
    fn default() -> Self {
        Self {
            width_px: 800,
            height_px: 540,
            mm_per_px_x: 0.2,
            mm_per_px_y: 0.2,
            frame_rate_hz: 30.0,
            seed: 1,
            head_circumference_mm: 250.0,
            cephalic_index_percent: 78.3,
            angle_deg: -6.0,
            center_offset_mm: [0.0, 4.0],
            field: ScanField::default(),
            probe_offset_mm: [0.0, 0.0],
            skull: SkullRing::default(),
            tissue: Tissue::default(),
            speckle: Speckle::default(),
            receiver: Receiver::default(),
            shadows: Vec::new(),
            motion: ProbeMotion::default(),
            annotations: Annotations::default(),
        }
    }
}

impl FetalHeadScene {
    /// Checks the scene and computes what does not change from frame to frame (a few tenths of a second at 800×540).
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds.
    pub fn prepare(&self) -> Result<FetalHeadPhantom, PhantomError> {
        self.validate()?;
        Ok(FetalHeadPhantom::new(self))
    }
}
