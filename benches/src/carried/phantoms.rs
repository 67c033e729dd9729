//! Phantoms that move, with exactly known masks.

use vesalius_measure::flow::{Gray, Motion};
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_phantom::scenes::{PixelFormat as Layout, SceneOptions};

use super::score::{Picture, Table, pyramid};

/// Frames of each.
const FRAMES: u64 = 40;

/// A probe that is moved by hand's pace over a head, a beating ventricle, an endoscope with a tool.
const SCENES: [(&str, &str); 3] = [
    (
        "fetal-head, moved",
        r#"{"scene": "fetal-head", "motion": {"translation_mm": 20, "rotation_deg": 6, "period_s": 1.5}}"#,
    ),
    ("lv", r#"{"scene": "lv"}"#),
    ("endoscope", r#"{"scene": "endoscope"}"#),
];

pub fn run() -> anyhow::Result<()> {
    let mut table = Table::default();
    for (name, options) in SCENES {
        let options: SceneOptions = serde_json::from_str(options)?;
        let phantom = options.prepare()?;
        let [width, height] = phantom.size_px().map(|side| side as usize);
        let mut pictures = Vec::new();
        for number in 0..FRAMES {
            let rendered = phantom.render(number);
            let (format, bytes) = match rendered.format {
                Layout::Gray8 => (PixelFormat::Gray8, 1),
                Layout::Rgb24 => (PixelFormat::Rgb, 3),
            };
            let frame = Frame::new(format, width, height, &[(rendered.pixels.as_slice(), width * bytes)])?;
            let pyramid = pyramid(&Gray::of_frame(&frame, Motion::SIDE))?;
            pictures.push(Picture { number, size: (width, height), pyramid, labels: rendered.mask });
        }
        let named: Vec<(u8, String)> =
            options.info().classes.iter().map(|c| (c.index, format!("{name}: {}", c.name))).collect();
        table.add(&pictures, &named)?;
    }
    table.print("phantom");
    Ok(())
}
