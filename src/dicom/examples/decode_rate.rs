//! Frames per second that one thread decodes of a DICOM file.
//!
//! ```text
//! cargo run --release -p vesalius-dicom --example decode_rate -- FILE [SECONDS]
//! ```
//!
//! Opens the file, decodes all frames to what is shown, and again until the time is over (3 s). Reading from the file is
//! part of it; frames are not drawn.

use std::time::{Duration, Instant};

use vesalius_dicom::Recording;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let path = args.next().ok_or("usage: decode_rate FILE [SECONDS]")?;
    let seconds = args.next().map_or(Ok(3.0), |s| s.to_string_lossy().parse())?;
    let mut recording = Recording::open(path.as_ref())?;
    let (width, height) = recording.size();
    let limit = Duration::try_from_secs_f64(seconds)?;
    let (start, mut frames) = (Instant::now(), 0u32);
    while start.elapsed() < limit {
        for frame in recording.frames() {
            std::hint::black_box(frame?);
            frames += 1;
        }
    }
    let rate = f64::from(frames) / start.elapsed().as_secs_f64();
    let megapixels = rate * f64::from(width) * f64::from(height) / 1e6;
    println!("{rate:.0} frames/s of {width}x{height}, {megapixels:.1} megapixels/s");
    Ok(())
}
