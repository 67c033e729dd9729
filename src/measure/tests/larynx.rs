//! The picture analysis and the protocol `endoscopy` on real larynx endoscopy (Laves et al. 2018, arXiv
//! 1807.06081), with the truth masks in the place of a network's. Looked for where `VESALIUS_DATA` says and
//! skipped where it is not.
//!
//! The default limits of sharpness and redness were set on these frames: that all are clear and inside keeps
//! them so, and measures nothing.
#![allow(clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{measured, of_maps, same};
use image::{RgbImage, imageops};
use vesalius_measure::calibration::Scale;
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::picture::{Field, FieldShape, PictureAnalysis, PictureLevels};
use vesalius_measure::protocol::{ProtocolConfig, Session};

/// Colours of the label maps' palette.
const PATHOLOGY: [u8; 3] = [204, 121, 167];
const TOOL: [u8; 3] = [213, 94, 0];

fn folder(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("VESALIUS_DATA").map(PathBuf::from);
    let folder = data.map(|data| data.join(name)).filter(|p| p.is_dir());
    if folder.is_none() {
        println!("skipped: VESALIUS_DATA does not name a folder with {name}");
    }
    folder
}

/// Frames (image, mask, time) of each sequence, in order. The frame number is in the source's 25 frames a
/// second.
fn sequences(folder: &Path) -> BTreeMap<String, Vec<(PathBuf, PathBuf, u64)>> {
    let labels = std::fs::read_to_string(folder.join("labels.csv")).unwrap();
    let mut sequences: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for line in labels.lines().skip(1) {
        let [image, mask, _, sequence, frame] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let number: u64 = frame.get(..4).unwrap().parse().unwrap();
        let paths = (folder.join(image), folder.join(mask), number * 40_000_000);
        sequences.entry(sequence.to_owned()).or_default().push(paths);
    }
    sequences
}

fn open(path: &Path) -> RgbImage {
    image::open(path).unwrap().to_rgb8()
}

fn view(image: &RgbImage) -> Frame<'_> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    Frame::new(PixelFormat::Rgb, width, height, &[(image.as_raw(), 3 * width)]).unwrap()
}

fn look(image: &RgbImage) -> PictureAnalysis {
    let mut analysis = PictureAnalysis::new(PictureLevels::default());
    analysis.look(&view(image), 0);
    analysis
}

#[test]
fn every_frame_is_clear_inside_and_of_the_whole_picture() {
    let Some(folder) = folder("vocalfolds") else { return };
    let (mut frames, mut tips, mut shafts) = (0, 0, 0);
    for (sequence, of_sequence) in sequences(&folder) {
        let mut session = Session::new(&ProtocolConfig::from_name("endoscopy").unwrap());
        for (image, mask, pts_ns) in of_sequence {
            let (image, mask) = (open(&image), open(&mask));
            let map = |color: [u8; 3]| {
                let values: Vec<f32> = mask.pixels().map(|p| f32::from(u8::from(p.0 == color))).collect();
                ProbabilityMap::new(mask.width() as usize, mask.height() as usize, values).unwrap()
            };
            let geometry = same(mask.width(), mask.height());
            let maps = vec![("pathology", map(PATHOLOGY)), ("surgical_tool", map(TOOL))];
            let mut result = of_maps(geometry, pts_ns, maps);
            session.measure(&mut result, &Scale::default(), Some(&view(&image)));
            let field = measured(&result, "field_fraction");
            assert_eq!((field.value, field.method), (Some(100.0), "whole"), "{sequence} {pts_ns}");
            assert_eq!(measured(&result, "clear").value, Some(1.0), "{sequence} {pts_ns}");
            assert_eq!(measured(&result, "inside_body").value, Some(1.0), "{sequence} {pts_ns}");
            frames += 1;
            tips += usize::from(measured(&result, "tip_x").value.is_some());
            shafts += usize::from(measured(&result, "shaft_width").value.is_some());
        }
    }
    println!("larynx: {frames} frames, {tips} with a tool that enters the field, {shafts} with a shaft");
    assert!(frames > 0);
}

#[test]
fn blur_is_seen_and_a_mask_of_the_scope_too() {
    let Some(folder) = folder("vocalfolds") else { return };
    let (mut seen, mut blurred) = (0, 0);
    let mut agreements = Vec::new();
    for (_, of_sequence) in sequences(&folder) {
        for (image, _, _) in of_sequence.iter().step_by(8) {
            let image = open(image);
            let soft = imageops::blur(&image, 3.0);
            blurred += usize::from(look(&soft).quality().sharpness < 0.04);
            seen += 1;
            // As another scope would show it.
            let is_inside = |x: u32, y: u32| (f64::from(x) - 255.5).hypot(f64::from(y) - 255.5) <= 240.0;
            let mut round = image.clone();
            for (x, y, pixel) in round.enumerate_pixels_mut() {
                if !is_inside(x, y) {
                    pixel.0 = [3; 3];
                }
            }
            let analysis = look(&round);
            agreements.push(agreement(analysis.field(), is_inside));
        }
    }
    agreements.sort_by(f64::total_cmp);
    let (worst, middle) = (agreements[0], agreements[agreements.len() / 2]);
    println!("larynx: {blurred} of {seen} blurred by 3 px are unclear");
    println!("larynx: a disc in one frame alone agrees by {worst:.4} or more, {middle:.4} in the middle");
    assert_eq!(blurred, seen);
    // One frame may be dark up to the rim; the frames after it tell.
    assert!(worst > 0.9 && middle > 0.99, "{worst} {middle}");
}

/// Pixels in both over pixels in either.
fn agreement(field: &Field, is_inside: impl Fn(u32, u32) -> bool) -> f64 {
    let (mut both, mut either) = (0.0, 0.0);
    for y in 0..512 {
        for x in 0..512 {
            let (a, b) = (field.contains((x.into(), y.into())), is_inside(x, y));
            both += f64::from(u8::from(a && b));
            either += f64::from(u8::from(a || b));
        }
    }
    both / either
}

#[test]
fn ultrasound_does_not_look_like_the_inside_of_a_body_under_an_endoscope() {
    for name in ["hc18", "usgra"] {
        let Some(folder) = folder(name) else { continue };
        let images = std::fs::read_dir(folder.join("images")).unwrap();
        let mut seen = 0;
        for path in images.map(|entry| entry.unwrap().path()).filter(|p| p.is_file()).step_by(10) {
            let analysis = look(&open(&path));
            assert!(analysis.quality().red_fraction < 0.1, "{name}");
            seen += 1;
        }
        println!("{name}: {seen} pictures");
        assert_ne!(look(&RgbImage::new(64, 64)).field().shape(), FieldShape::Disc);
    }
}
