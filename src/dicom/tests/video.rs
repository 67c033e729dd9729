//! Video streams go through a DICOM file byte for byte.
//!
//! GStreamer makes the streams; encoders that this machine lacks are skipped aloud. The MPEG-2 stream was made
//! beforehand (`… ! mpeg2enc ! filesink`), for GStreamer 1.22's two encoders hang now and then or do not start.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::Made;
use dicom_core::value::PixelFragmentSequence;
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use vesalius_dicom::{DicomError, Recording, Timebase, VideoCodec, VideoContainer};

const FRAMES: u32 = 12;

fn has(element: &str) -> bool {
    let status = Command::new("gst-inspect-1.0").args(["--exists", element]).status();
    status.is_ok_and(|s| s.success())
}

/// A stream of so many pictures of 64×48.
fn stream(chain: &str, path: &Path) -> Vec<u8> {
    let pipeline = format!(
        "videotestsrc num-buffers={FRAMES} pattern=ball ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! \
         {chain} ! filesink location={}",
        path.display(),
    );
    let mut command = Command::new("gst-launch-1.0");
    let status = command.arg("-q").args(pipeline.split_whitespace()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{pipeline}");
    std::fs::read(path).unwrap()
}

fn recording(uid: &str, fragments: Vec<Vec<u8>>) -> Made {
    let mut made = Made::grey(1);
    made.syntax = uid.into();
    made.put(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.77.1.1.1");
    made.put(tags::MODALITY, VR::CS, "ES");
    made.put(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "YBR_PARTIAL_420");
    made.put(tags::SAMPLES_PER_PIXEL, VR::US, PrimitiveValue::from(3u16));
    made.put(tags::PLANAR_CONFIGURATION, VR::US, PrimitiveValue::from(0u16));
    made.put(tags::ROWS, VR::US, PrimitiveValue::from(48u16));
    made.put(tags::COLUMNS, VR::US, PrimitiveValue::from(64u16));
    made.put(tags::NUMBER_OF_FRAMES, VR::IS, FRAMES.to_string());
    made.put(tags::FRAME_TIME, VR::DS, "40");
    made.put(tags::FRAME_INCREMENT_POINTER, VR::AT, PrimitiveValue::from(tags::FRAME_TIME));
    let pixels = PixelFragmentSequence::new_fragments(fragments);
    made.object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    made
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

#[test]
fn streams_come_out_as_they_went_in() {
    use VideoCodec::{H264, Hevc, Mpeg2};
    use VideoContainer::{Elementary, Mp4, MpegTs};
    let h264 = "x264enc speed-preset=ultrafast";
    let cases: [(&str, &[&str], VideoCodec, VideoContainer); 6] = [
        ("1.2.840.10008.1.2.4.100", &[], Mpeg2, Elementary),
        ("1.2.840.10008.1.2.4.101", &[], Mpeg2, Elementary),
        ("1.2.840.10008.1.2.4.102", &[h264, "video/x-h264,stream-format=byte-stream"], H264, Elementary),
        ("1.2.840.10008.1.2.4.103", &[h264, "h264parse", "mpegtsmux"], H264, MpegTs),
        ("1.2.840.10008.1.2.4.104", &[h264, "h264parse", "mp4mux"], H264, Mp4),
        ("1.2.840.10008.1.2.4.107", &["x265enc speed-preset=ultrafast", "h265parse"], Hevc, Elementary),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for (uid, elements, codec, container) in cases {
        // Caps are no element, and elements may have settings.
        let is_there = |e: &str| e.split(' ').next().filter(|e| !e.contains('/')).is_none_or(has);
        if !elements.iter().all(|e| is_there(e)) {
            println!("skipped: GStreamer lacks one of {elements:?}");
            continue;
        }
        let stream = match elements {
            [] => include_bytes!("streams/mpeg2.m2v").to_vec(),
            _ => stream(&elements.join(" ! "), &folder.path().join(uid)),
        };
        tried += 1;
        for (syntax, pieces) in [(uid.to_owned(), 1), (format!("{uid}.1"), 4)] {
            // HEVC has no variant in fragments.
            if codec == Hevc && pieces > 1 {
                continue;
            }
            let size = (stream.len().div_ceil(pieces) + 1) & !1;
            let fragments = stream.chunks(size).map(|c| padded(c.to_vec())).collect();
            let mut recording = Recording::from_bytes(recording(&syntax, fragments).bytes()).unwrap();
            assert_eq!(recording.frame_count(), FRAMES as usize);
            assert_eq!(recording.times().timebase, Timebase::FrameTime);
            assert!(matches!(recording.frame(0), Err(DicomError::IsVideo { .. })));
            let found = recording.video().unwrap().unwrap();
            assert_eq!((found.codec, found.container), (codec, container), "{syntax}");
            assert!(found.bytes == padded(stream.clone()), "{syntax}: {} bytes", found.bytes.len());
        }
    }
    assert!(tried > 0, "GStreamer has none of the encoders");
}

/// Two views in one picture: no scale is either's.
#[test]
fn stereo_is_noted_and_makes_no_scale() {
    let mut made = recording("1.2.840.10008.1.2.4.105", vec![vec![0, 0, 0, 1, 9, 16]]);
    made.put(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.3.1");
    made.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![common::region()]);
    let recording = Recording::from_bytes(made.bytes()).unwrap();
    assert_eq!(recording.calibration().unwrap_err().code(), "STEREOSCOPIC");
    assert!(recording.describe().to_string().contains("stereoscopic"));
}

#[test]
fn a_stream_without_bytes_is_refused() {
    let error = Recording::from_bytes(recording("1.2.840.10008.1.2.4.102", vec![]).bytes()).unwrap_err();
    assert!(matches!(error, DicomError::FrameCount { .. }), "{error}");
}
