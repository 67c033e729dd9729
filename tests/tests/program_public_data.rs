//! Recordings and stills that nobody on this project made: lung ultrasound clips at odd rates, fetal heads that
//! sonographers measured, DICOM. They are looked for where `VESALIUS_DATA` says, and skipped where they are not.

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

/// The mask that a sonographer drew. It is a palette picture; where the index is not 0, the colour is not black.
fn true_mask(hc18: &Path, stem: &str) -> Vec<u8> {
    let mask = image::open(hc18.join("masks").join(stem).with_extension("png")).unwrap().into_rgb8();
    mask.pixels().map(|pixel| u8::from(pixel.0 != [0, 0, 0])).collect()
}
