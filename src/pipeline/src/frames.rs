//! Single frames of an input, in the form that the chain would be given them, and as people see them.

use std::collections::BTreeMap;
use std::path::Path;

use gst_video::prelude::*;
use vesalius_dicom::Recording;
use vesalius_measure::frame::Frame;

use crate::error::ReplayError;
use crate::input::{Input, file_name};
use crate::pull::Pull;
use crate::{dicom, stills};

/// A decoded frame.
pub(crate) struct Shown {
    sample: gst::Sample,
    info: gst_video::VideoInfo,
}

/// Reads frame `number` of an input, from 0.
pub(crate) fn read(path: &Path, number: u64) -> Result<Shown, ReplayError> {
    match Input::open(path)? {
        Input::Still(path) if number == 0 => {
            let unreadable = |message| ReplayError::BadStill { path: path.clone(), message };
            let picture = stills::decode(&path).map_err(unreadable)?;
            let (buffer, caps) = stills::sample(picture).map_err(unreadable)?;
            Shown::new(&path, gst::Sample::builder().buffer(&buffer).caps(&caps).build())
        }
        Input::Still(path) => Err(missing(&path, number, 1)),
        Input::Stills { folder, files } => {
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            let file = files.get(index).ok_or_else(|| missing(&folder, number, files.len() as u64))?;
            read(file, 0)
        }
        Input::Dicom(path) => {
            let recording = dicom::open(&path)?;
            decode(&path, Some(recording), number)
        }
        Input::Video(path) => decode(&path, None, number),
    }
}

fn missing(path: &Path, number: u64, count: u64) -> ReplayError {
    let message = format!("it has no frame {number}: it has {count}, counted from 0");
    ReplayError::NoFrame { path: path.to_owned(), message }
}

/// Runs a recording up to a frame.
fn decode(path: &Path, recording: Option<Recording>, number: u64) -> Result<Shown, ReplayError> {
    let mut last = None;
    let seen = decode_to(path, recording, number, &mut |at, sample| {
        if at == number {
            last = Some(sample);
        }
        Ok(())
    })?;
    match last {
        Some(sample) => Shown::new(path, sample),
        None => Err(missing(path, number, seen)),
    }
}

/// Runs a recording up to a frame and hands over every frame on the way; says how many there were.
fn decode_to(
    path: &Path,
    recording: Option<Recording>,
    number: u64,
    take: &mut dyn FnMut(u64, gst::Sample) -> Result<(), ReplayError>,
) -> Result<u64, ReplayError> {
    let pull = Pull::start(path, recording, &gstvesalius::template_caps())?;
    let mut seen = 0;
    while seen <= number
        && let Some(sample) = pull.next()
    {
        take(seen, sample)?;
        seen += 1;
    }
    match pull.error() {
        Some(error) if seen == 0 => Err(pull.met.undecodable(path.to_owned(), &error)),
        _ => Ok(seen),
    }
}

/// Reads frames of an input as people see them: `wanted` has their numbers and, of a folder of stills, the files that they are
/// from. Frames that are not there are left out.
///
/// # Errors
///
/// [`ReplayError`] where the input cannot be read at all.
pub fn pictures(
    path: &Path,
    wanted: &BTreeMap<u64, String>,
    take: &mut dyn FnMut(u64, image::RgbImage),
) -> Result<(), ReplayError> {
    let Some(&last) = wanted.keys().next_back() else { return Ok(()) };
    let mut hand_over = |number: u64, shown: &Shown| shown.rgb().map(|picture| take(number, picture));
    let recording = match Input::open(path)? {
        Input::Still(_) => return hand_over(0, &read(path, 0)?),
        Input::Stills { files, .. } => {
            for (&number, name) in wanted {
                if let Some(file) = files.iter().find(|file| file_name(file) == *name) {
                    hand_over(number, &read(file, 0)?)?;
                }
            }
            return Ok(());
        }
        Input::Dicom(path) => Some(dicom::open(&path)?),
        Input::Video(_) => None,
    };
    decode_to(path, recording, last, &mut |number, sample| {
        if wanted.contains_key(&number) { hand_over(number, &Shown::new(path, sample)?) } else { Ok(()) }
    })?;
    Ok(())
}

impl Shown {
    fn new(path: &Path, sample: gst::Sample) -> Result<Self, ReplayError> {
        let info = sample.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
        let info = info.ok_or_else(|| ReplayError::NoFrame {
            path: path.to_owned(),
            message: "it has no pictures in memory".to_owned(),
        })?;
        Ok(Self { sample, info })
    }

    /// Hands over the frame and its pixel aspect ratio.
    pub(crate) fn with_frame<T>(
        &self,
        look: impl FnOnce(&Frame<'_>, (i32, i32)) -> T,
    ) -> Result<T, ReplayError> {
        let unreadable = |message: String| ReplayError::Element { message };
        let buffer = self.sample.buffer().ok_or_else(|| unreadable("a frame has no memory".to_owned()))?;
        let mapped = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &self.info)
            .map_err(|_| unreadable("a frame's memory cannot be read".to_owned()))?;
        let frame = gstvesalius::view(&mapped).map_err(|error| unreadable(error.to_string()))?;
        let par = self.info.par();
        Ok(look(&frame, (par.numer(), par.denom())))
    }

    /// The frame as people see it.
    pub(crate) fn rgb(&self) -> Result<image::RgbImage, ReplayError> {
        let unreadable = |message: String| ReplayError::Element { message };
        let caps = gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::Rgb).build();
        let converted = gst_video::convert_sample(&self.sample, &caps, gst::ClockTime::NONE)
            .map_err(|error| unreadable(format!("a frame cannot be shown: {error}")))?;
        let info = converted.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
        let mapped = converted
            .buffer()
            .zip(info.as_ref())
            .and_then(|(buffer, info)| gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).ok());
        let mapped = mapped.ok_or_else(|| unreadable("a frame cannot be shown".to_owned()))?;
        let (width, height) = (mapped.width(), mapped.height());
        let stride = mapped.plane_stride().first().and_then(|s| usize::try_from(*s).ok()).unwrap_or(0);
        let data = mapped.plane_data(0).map_err(|error| unreadable(error.to_string()))?;
        let rows = data.chunks(stride.max(1)).take(height as usize);
        let pixels = rows.flat_map(|row| row.iter().take(3 * width as usize).copied()).collect();
        image::RgbImage::from_raw(width, height, pixels)
            .ok_or_else(|| unreadable("a frame cannot be shown".to_owned()))
    }
}
