//! Recordings that are one video stream (PS3.5, 8.2.5 to 8.2.8 and Annex A.4.5 to A.4.8).

use crate::transfer_syntax::Coding;

/// How the pictures of a stream are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// MPEG-2 video.
    Mpeg2,
    /// H.264.
    H264,
    /// HEVC.
    Hevc,
}

/// What the stream is wrapped in, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoContainer {
    /// Nothing: start codes and what they start.
    Elementary,
    /// MPEG-2 transport stream.
    MpegTs,
    /// MPEG-2 program stream.
    MpegPs,
    /// MP4.
    Mp4,
    /// None of these.
    Unknown,
}

/// A video stream as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoStream {
    /// How its pictures are encoded, by the transfer syntax.
    pub codec: VideoCodec,
    /// What it is wrapped in.
    pub container: VideoContainer,
    /// Its bytes. One zero may follow the stream: DICOM pads to an even length.
    pub bytes: Vec<u8>,
}

impl VideoStream {
    pub(crate) fn new(coding: Coding, bytes: Vec<u8>) -> Option<Self> {
        let codec = match coding {
            Coding::Mpeg2 => VideoCodec::Mpeg2,
            Coding::H264 { .. } => VideoCodec::H264,
            Coding::Hevc => VideoCodec::Hevc,
            _ => return None,
        };
        Some(Self { codec, container: container(&bytes), bytes })
    }
}

fn container(bytes: &[u8]) -> VideoContainer {
    const TS_PACKET: usize = 188;
    match bytes {
        [0, 0, 1, 0xBA, ..] => VideoContainer::MpegPs,
        [0, 0, 1, ..] | [0, 0, 0, 1, ..] => VideoContainer::Elementary,
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => VideoContainer::Mp4,
        [0x47, ..] if bytes.get(TS_PACKET).is_none_or(|b| *b == 0x47) => VideoContainer::MpegTs,
        _ => VideoContainer::Unknown,
    }
}
