//! How frames are encoded.

use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

/// How the frames of a file are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// Not at all: one sample after the other.
    Native,
    /// Run lengths (PS3.5 Annex G).
    RunLength,
    /// JPEG with losses, 8 bits (ISO/IEC 10918-1, processes 1, 2 and 4).
    Jpeg,
    /// JPEG without losses (ISO/IEC 10918-1, process 14).
    JpegLossless,
    /// JPEG-LS (ISO/IEC 14495-1).
    JpegLs,
    /// JPEG 2000 (ISO/IEC 15444-1).
    Jpeg2000,
    /// One stream of MPEG-2 video (ISO/IEC 13818-2).
    Mpeg2,
    /// One stream of H.264 (ISO/IEC 14496-10).
    H264 {
        /// Whether every picture shows two views.
        stereo: bool,
    },
    /// One stream of HEVC (ISO/IEC 23008-2).
    Hevc,
}

impl Coding {
    /// Whether all frames are one video stream.
    pub const fn is_video(self) -> bool {
        matches!(self, Self::Mpeg2 | Self::H264 { .. } | Self::Hevc)
    }
}

/// A transfer syntax that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferSyntax {
    /// Its UID.
    pub uid: &'static str,
    /// How it encodes frames.
    pub coding: Coding,
}

const fn ts(uid: &'static str, coding: Coding) -> TransferSyntax {
    TransferSyntax { uid, coding }
}

const H264: Coding = Coding::H264 { stereo: false };
const H264_STEREO: Coding = Coding::H264 { stereo: true };

/// The transfer syntaxes that are read (PS3.5, 10 and Annex A; PS3.6, Table A-1).
const READ: &[TransferSyntax] = &[
    ts("1.2.840.10008.1.2", Coding::Native),
    ts("1.2.840.10008.1.2.1", Coding::Native),
    ts("1.2.840.10008.1.2.5", Coding::RunLength),
    ts("1.2.840.10008.1.2.4.50", Coding::Jpeg),
    ts("1.2.840.10008.1.2.4.51", Coding::Jpeg),
    ts("1.2.840.10008.1.2.4.57", Coding::JpegLossless),
    ts("1.2.840.10008.1.2.4.70", Coding::JpegLossless),
    ts("1.2.840.10008.1.2.4.80", Coding::JpegLs),
    ts("1.2.840.10008.1.2.4.81", Coding::JpegLs),
    ts("1.2.840.10008.1.2.4.90", Coding::Jpeg2000),
    ts("1.2.840.10008.1.2.4.91", Coding::Jpeg2000),
    ts("1.2.840.10008.1.2.4.100", Coding::Mpeg2),
    ts("1.2.840.10008.1.2.4.100.1", Coding::Mpeg2),
    ts("1.2.840.10008.1.2.4.101", Coding::Mpeg2),
    ts("1.2.840.10008.1.2.4.101.1", Coding::Mpeg2),
    ts("1.2.840.10008.1.2.4.102", H264),
    ts("1.2.840.10008.1.2.4.102.1", H264),
    ts("1.2.840.10008.1.2.4.103", H264),
    ts("1.2.840.10008.1.2.4.103.1", H264),
    ts("1.2.840.10008.1.2.4.104", H264),
    ts("1.2.840.10008.1.2.4.104.1", H264),
    ts("1.2.840.10008.1.2.4.105", H264_STEREO),
    ts("1.2.840.10008.1.2.4.105.1", H264_STEREO),
    ts("1.2.840.10008.1.2.4.106", H264_STEREO),
    ts("1.2.840.10008.1.2.4.106.1", H264_STEREO),
    ts("1.2.840.10008.1.2.4.107", Coding::Hevc),
    ts("1.2.840.10008.1.2.4.108", Coding::Hevc),
];

impl TransferSyntax {
    /// The transfer syntax, where it is one that is read.
    pub fn from_uid(uid: &str) -> Option<Self> {
        READ.iter().find(|ts| ts.uid == uid).copied()
    }

    /// All that are read.
    pub const fn all() -> &'static [Self] {
        READ
    }

    /// Its name in the standard.
    pub fn name(self) -> &'static str {
        name(self.uid)
    }
}

/// Name in the standard of a transfer syntax, be it read here or not.
pub(crate) fn name(uid: &str) -> &'static str {
    TransferSyntaxRegistry.get(uid).map_or("unknown", |ts| ts.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syntax_that_is_read_has_a_name_and_stands_once() {
        for (i, ts) in READ.iter().enumerate() {
            assert_ne!(ts.name(), "unknown", "{}", ts.uid);
            assert!(!READ[..i].iter().any(|other| other.uid == ts.uid), "{} stands twice", ts.uid);
        }
    }

    #[test]
    fn others_are_named_and_not_read() {
        assert!(TransferSyntax::from_uid("1.2.840.10008.1.2.4.201").is_none());
        assert!(name("1.2.840.10008.1.2.4.201").contains("High-Throughput JPEG 2000"));
        assert_eq!(name("1.2.3"), "unknown");
    }
}
