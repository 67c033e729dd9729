//! Single frames of an input, in the form that the chain would be given them, and as people see them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst_video::prelude::*;
use vesalius_dicom::Recording;
use vesalius_measure::frame::Frame;

use crate::bus::{BusError, error_told};
use crate::encode::make;
use crate::error::ReplayError;
use crate::input::{Input, file_name};
use crate::source::{self, Met};
use crate::{dicom, stills};

/// Longest time that one frame may take to come.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);

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
    let pipeline = gst::Pipeline::new();
    let convert = make("videoconvert", "gstreamer1.0-plugins-base")?;
    let sink =
        gst_app::AppSink::builder().caps(&gstvesalius::template_caps()).sync(false).max_buffers(2).build();
    let refused = |_| ReplayError::Pipeline {
        path: path.to_owned(),
        message: "its elements cannot be linked".to_owned(),
    };
    let parts = [&convert, sink.upcast_ref::<gst::Element>()];
    pipeline.add_many(parts).map_err(refused)?;
    gst::Element::link_many(parts).map_err(refused)?;
    let met = Arc::new(Met::default());
    let entry = convert.clone();
    let attach = move |pad: &gst::Pad| entry.static_pad("sink").is_some_and(|sink| pad.link(&sink).is_ok());
    let fed = source::add(&pipeline, path, recording, &met, attach)?;
    let stop = Arc::new(AtomicBool::new(false));
    // What does not start says so on the bus.
    let started = pipeline.set_state(gst::State::Playing);
    let feeder = fed.map(|fed| fed.feed(stop.clone(), met.clone())).transpose()?;
    let (mut seen, mut taken) = (0, Ok(()));
    while started.is_ok() && taken.is_ok() && seen <= number {
        match sink.try_pull_sample(PATIENCE) {
            Some(sample) => {
                taken = take(seen, sample);
                seen += 1;
            }
            None => break,
        }
    }
    let error = first_error(&pipeline);
    stop.store(true, Ordering::Release);
    let _ = pipeline.set_state(gst::State::Null);
    if let Some(feeder) = feeder {
        let _ = feeder.join();
    }
    taken?;
    match error {
        Some(error) if seen == 0 => Err(met.undecodable(path.to_owned(), &error)),
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

fn first_error(pipeline: &gst::Pipeline) -> Option<BusError> {
    let bus = pipeline.bus()?;
    let message = bus.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error_told(error)),
        _ => None,
    }
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
