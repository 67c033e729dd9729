//! Recordings and stills that nobody on this project made: lung ultrasound clips at odd rates, fetal heads that
//! sonographers measured, larynges that experts labelled, DICOM. They are looked for where `VESALIUS_DATA` says, and skipped where they are not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vesalius_tests::program::{self, decode, public_data, replay, results, run, value, vesalius};

/// Files of a folder in name order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn every_clip_runs_to_its_end() {
    let Some(data) = public_data() else { return };
    let clips = files(&data.join("clips"));
    assert!(!clips.is_empty(), "there are clips");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(vesalius().arg("replay").args(&clips).arg("--out").arg(&out)).ok();
    for clip in &clips {
        let name = clip.file_name().unwrap().to_str().unwrap();
        let out = out.join(clip.file_stem().unwrap());
        let before = decode(clip);
        program::assert_whole(&out, before.len());
        let after = decode(&out.join("annotated.mp4"));
        assert_eq!(before.len(), after.len(), "{name}: frames");
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.size, after.size, "{name}");
            // The clock of the MP4 file counts microseconds.
            let shift = before.shown_ns.abs_diff(after.shown_ns);
            assert!(shift <= 1_000, "{name}: a frame at {} ns is shown {shift} ns off", before.shown_ns);
        }
    }
}

#[test]
fn heads_are_measured_as_sonographers_did() {
    const STILLS: usize = 20;
    /// Smoke bounds; what the engine reaches on subjects it has not seen stands in its card.
    const MEAN_ERROR_MM: f64 = 4.0;
    const MEAN_DICE: f64 = 0.95;
    let Some(data) = public_data() else { return };
    let hc18 = data.join("hc18");
    let mut labels = csv::Reader::from_path(hc18.join("labels.csv")).unwrap();
    let header = labels.headers().unwrap().clone();
    let column = |name: &str| {
        header.iter().position(|h| h == name).unwrap_or_else(|| panic!("no {name} in {header:?}"))
    };
    let (image, scale, hc) = (column("image"), column("pixel_size_mm"), column("head_circumference_mm"));
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let mut table = "file,mm_per_px_x,mm_per_px_y\n".to_owned();
    let mut truths = Vec::new();
    // Spread over the set, so that more than the first subjects are met.
    for row in labels.records().map(Result::unwrap).step_by(40).take(STILLS) {
        let file = row[image].rsplit('/').next().unwrap().to_owned();
        std::os::unix::fs::symlink(
            hc18.join("images").join(&file).canonicalize().unwrap(),
            pictures.join(&file),
        )
        .unwrap();
        table += &format!("{file},{0},{0}\n", &row[scale]);
        truths.push((file, row[hc].parse::<f64>().unwrap()));
    }
    truths.sort_by(|a, b| a.0.cmp(&b.0));
    let scales = folder.path().join("scales.csv");
    std::fs::write(&scales, table).unwrap();
    let out = folder.path().join("out");
    replay(&pictures, &out, &["--masks", "--calibration", scales.to_str().unwrap()]).ok();

    let frames = results(&out);
    let (mut errors, mut overlaps) = (Vec::new(), Vec::new());
    for (frame, (file, true_hc)) in frames[1..].iter().zip(&truths) {
        assert_eq!(frame["input"], *file);
        let (hc, unit, _) = value(frame, "head_circumference");
        assert_eq!(unit, "mm");
        errors.push(hc.map_or(*true_hc, |hc| (hc - true_hc).abs()));
        let stem = Path::new(file).file_stem().unwrap();
        let mask = image::open(out.join("masks").join(stem).with_extension("png")).unwrap().into_luma8();
        overlaps.push(program::dice(&mask, &true_mask(&hc18, stem.to_str().unwrap())));
    }
    assert_eq!(errors.len(), STILLS);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    println!("mean HC error {:.2} mm, mean Dice {:.4}", mean(&errors), mean(&overlaps));
    assert!(mean(&errors) <= MEAN_ERROR_MM, "{errors:?}");
    assert!(mean(&overlaps) >= MEAN_DICE, "{overlaps:?}");
}

/// On frames of the last fifth of each sequence, which the engine has not seen.
#[test]
fn the_larynx_is_segmented_as_experts_did() {
    /// Every so many of the 84 frames.
    const STEP: usize = 5;
    /// Smoke bounds; what the engine reaches on all of these frames stands in its card.
    const MEAN_IOU: f64 = 0.80;
    const IOU_OF_FOLDS: f64 = 0.85;
    const IOU_OF_GLOTTIS: f64 = 0.65;
    let Some(data) = public_data() else { return };
    let data = data.join("vocalfolds");
    let split = program::project().join("engines/training/larynx/split.csv");
    let firsts: BTreeMap<String, String> = csv::Reader::from_path(split)
        .unwrap()
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[0].to_owned(), row[4].to_owned()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let mut truths = Vec::new();
    let mut labels = csv::Reader::from_path(data.join("labels.csv")).unwrap();
    // In a sequence names are in order of time: image, mask, patient, sequence, frame.
    let rows = labels.records().map(Result::unwrap).filter(|row| row[0] >= firsts[&row[3]][..]);
    for row in rows.step_by(STEP) {
        let stem = row[0].replace('/', "-").replace(".webp", "");
        let to = pictures.join(&stem).with_extension("webp");
        std::os::unix::fs::symlink(data.join(&row[0]).canonicalize().unwrap(), to).unwrap();
        truths.push((stem, data.join(&row[1])));
    }
    assert_eq!(truths.len(), 17);
    let out = folder.path().join("out");
    replay(&pictures, &out, &["--engine", "larynx", "--masks", "--no-video"]).ok();

    let (mut both, mut either) = ([0_u64; 7], [0_u64; 7]);
    for (stem, truth) in &truths {
        let found = image::open(out.join("masks").join(stem).with_extension("png")).unwrap().into_luma8();
        let truth = image::open(truth).unwrap().into_rgb8();
        assert_eq!(found.dimensions(), truth.dimensions());
        for (found, truth) in found.pixels().zip(truth.pixels()) {
            let (found, truth) = (usize::from(found.0[0]), larynx_class(truth.0));
            either[truth] += 1;
            if found == truth {
                both[found] += 1;
            } else {
                either[found] += 1;
            }
        }
    }
    let ious: Vec<f64> = both.iter().zip(either).skip(1).map(|(b, e)| *b as f64 / e as f64).collect();
    let mean = ious.iter().sum::<f64>() / ious.len() as f64;
    println!("mean IoU {mean:.4}, of the classes {ious:.3?}");
    assert!(mean >= MEAN_IOU, "{ious:?}");
    assert!(ious[0] >= IOU_OF_FOLDS && ious[2] >= IOU_OF_GLOTTIS, "{ious:?}");
}

/// The label of a colour in the palette of the larynx masks.
fn larynx_class(colour: [u8; 3]) -> usize {
    const COLOURS: [[u8; 3]; 7] = [
        [0, 0, 0],
        [0, 158, 115],
        [230, 159, 0],
        [86, 180, 233],
        [204, 121, 167],
        [213, 94, 0],
        [240, 228, 66],
    ];
    COLOURS.iter().position(|c| *c == colour).unwrap_or_else(|| panic!("{colour:?} is no label's colour"))
}

/// The mask that a sonographer drew. It is a palette picture; where the index is not 0, the colour is not black.
fn true_mask(hc18: &Path, stem: &str) -> Vec<u8> {
    let mask = image::open(hc18.join("masks").join(stem).with_extension("png")).unwrap().into_rgb8();
    mask.pixels().map(|pixel| u8::from(pixel.0 != [0, 0, 0])).collect()
}
