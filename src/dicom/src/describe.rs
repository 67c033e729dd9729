//! A recording in words, for `vesalius show`.

use std::fmt;

use vesalius_measure::calibration::region::UltrasoundRegion;

use crate::recording::Recording;
use crate::spacing::RowColumnMm;
use crate::times::{NominalRate, Timebase, Times};

/// What a recording is, when its frames were taken and what it says about sizes. Displayed as lines of text, none of which
/// says who, when or where.
#[derive(Debug)]
pub struct Description<'a>(&'a Recording);

impl Recording {
    /// The recording in words.
    pub fn describe(&self) -> Description<'_> {
        Description(self)
    }
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recording = self.0;
        let facts = recording.facts();
        let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "not said".into());
        let said = |flag: Option<bool>| match flag {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not said",
        };
        let uid = if facts.sop_class.uid.is_empty() { "no UID" } else { &facts.sop_class.uid };
        writeln!(
            f,
            "kind          {} ({uid}), modality {}",
            facts.sop_class.name(),
            or_unknown(&facts.modality)
        )?;
        writeln!(f, "scanner       {}, {}", or_unknown(&facts.manufacturer), or_unknown(&facts.model))?;
        let picture = &facts.picture;
        write!(
            f,
            "picture       {}×{} pixels, {}, {} of {} bits",
            picture.columns,
            picture.rows,
            picture.photometric.as_str(),
            picture.bits_stored,
            picture.bits_allocated,
        )?;
        if let Some(aspect) = recording.spacing().aspect {
            write!(f, ", pixel aspect {}:{} (vertical:horizontal)", aspect.vertical, aspect.horizontal)?;
        }
        writeln!(f)?;
        let syntax = facts.transfer_syntax;
        writeln!(f, "encoding      {} ({}); lossy: {}", syntax.name(), syntax.uid, said(facts.lossy))?;
        writeln!(f, "burned-in     text in the pixels: {}", said(facts.burned_in_text))?;
        write_times(f, recording.times(), facts.frames)?;
        if let Some((start, stop)) = facts.trim {
            writeln!(f, "trim          frames {start} to {stop}")?;
        }
        for (i, region) in recording.regions().iter().enumerate() {
            write_region(f, i + 1, region)?;
        }
        if recording.regions().is_empty() {
            writeln!(f, "regions       none")?;
        }
        let spacing = recording.spacing();
        let spacings = [
            ("Pixel Spacing", spacing.pixel_mm),
            ("Imager Pixel Spacing", spacing.imager_mm),
            ("Nominal Scanned Pixel Spacing", spacing.nominal_scanned_mm),
        ];
        for (name, value) in spacings {
            if let Some(RowColumnMm { row, column }) = value {
                writeln!(f, "spacing       {name}: {row} mm between rows, {column} mm between columns")?;
            }
        }
        for note in &facts.notes {
            writeln!(f, "note          {note}")?;
        }
        match recording.calibration() {
            Err(refusal) => writeln!(f, "millimetres   no: {refusal} ({})", refusal.code()),
            Ok(field) => match field.common_scale() {
                Some(scale) => {
                    let (x, y) = (scale.mm_per_px_x().get(), scale.mm_per_px_y().get());
                    writeln!(
                        f,
                        "millimetres   yes, within a region: a pixel is {x:.5} mm wide and {y:.5} mm high"
                    )
                }
                None => writeln!(f, "millimetres   yes, within a region: regions have scales of their own"),
            },
        }
    }
}

fn write_times(f: &mut fmt::Formatter<'_>, times: &Times, frames: usize) -> fmt::Result {
    let source = match times.timebase {
        Timebase::FrameTime => "Frame Time",
        Timebase::FrameTimeVector => "Frame Time Vector",
        Timebase::Nominal(NominalRate::CineRate) => "Cine Rate: a wish for the display, not acquired times",
        Timebase::Nominal(NominalRate::RecommendedDisplayFrameRate) => {
            "Recommended Display Frame Rate: a wish for the display, not acquired times"
        }
        Timebase::None => "no times",
    };
    write!(f, "frames        {frames}; {source}")?;
    let ms = |ns: u64| ns as f64 / 1e6;
    let durations = times.frames.iter().map(|t| t.duration_ns);
    if let (Some(shortest), Some(longest), Some(all)) =
        (durations.clone().min(), durations.max(), times.duration_ns())
    {
        write!(f, "; {:.3} s", ms(all) / 1e3)?;
        if times.is_constant() == Some(true) {
            write!(f, "; constant, {:.3} ms a frame", ms(longest))?;
        } else {
            write!(f, "; variable, {:.3} to {:.3} ms a frame", ms(shortest), ms(longest))?;
        }
    }
    writeln!(f)?;
    if let Some(problem) = times.problem {
        writeln!(f, "note          {problem}")?;
    }
    for note in &times.notes {
        writeln!(f, "note          {note}")?;
    }
    Ok(())
}

fn write_region(f: &mut fmt::Formatter<'_>, number: usize, region: &UltrasoundRegion) -> fmt::Result {
    let UltrasoundRegion { min_x0, min_y0, max_x1, max_y1, .. } = region;
    let (format, data) = (format_name(region.spatial_format), data_name(region.data_type));
    write!(f, "region {number:<6} ({min_x0},{min_y0})–({max_x1},{max_y1}), {format}, {data}; ")?;
    if (region.units_x, region.units_y) == (0, 0) {
        return writeln!(f, "without units");
    }
    let (x, y) = (step(region.delta_x, region.units_x), step(region.delta_y, region.units_y));
    writeln!(f, "a pixel is {x} in x, {y} in y")
}

fn step(delta: f64, units: u16) -> String {
    match units {
        0 => "without unit".to_owned(),
        // Six digits, however small.
        _ if delta.abs() < 1e-3 => format!("{delta:.5e} {}", unit_name(units)),
        _ => format!("{delta:.6} {}", unit_name(units)),
    }
}

/// Region Spatial Format (PS3.3, C.8.5.5.1.1).
fn format_name(code: u16) -> &'static str {
    match code {
        0 => "no format",
        1 => "2D",
        2 => "M-mode",
        3 => "spectral",
        4 => "wave form",
        5 => "graphics",
        _ => "a format that the standard does not know",
    }
}

/// Region Data Type (PS3.3, C.8.5.5.1.2).
fn data_name(code: u16) -> &'static str {
    match code {
        0 => "no data type",
        1 => "tissue",
        2 => "colour flow",
        3 => "pulsed-wave Doppler",
        4 => "continuous-wave Doppler",
        5..=7 => "Doppler trace",
        8 => "volume trace",
        9 => "volume change trace",
        10 => "ECG",
        11 => "pulse",
        12 => "phonocardiogram",
        13 => "grey bar",
        14 => "colour bar",
        15 => "integrated backscatter",
        16 | 17 => "area trace",
        18 => "other physiological",
        _ => "a data type that the standard does not know",
    }
}

/// Physical Units X and Y Direction (PS3.3, C.8.5.5.1.15).
fn unit_name(code: u16) -> &'static str {
    match code {
        1 => "%",
        2 => "dB",
        3 => "cm",
        4 => "s",
        5 => "Hz",
        6 => "dB/s",
        7 => "cm/s",
        8 => "cm²",
        9 => "cm²/s",
        10 => "cm³",
        11 => "cm³/s",
        12 => "°",
        _ => "of a unit that the standard does not know",
    }
}
