//! `vesalius report`.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::Context;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use vesalius_pipeline::{Input, frames};
use vesalius_qa::compare::{self, Choice};
use vesalius_qa::report::{Options, Picture, Pictures, Study, html, markdown, write_file};
use vesalius_qa::score::Settings;
use vesalius_qa::score::run::Run;

use crate::args::ReportArgs;

/// Name of the page where no other is asked for.
const PAGE: &str = "report.html";
/// Folder of a Markdown report's figures, beside it.
const IMAGES: &str = "images";
/// Longest side of a picture on the page, pixels, and quality of its JPEG.
const MOST_SIDE: u32 = 720;
const QUALITY: u8 = 82;

/// Runs the command.
pub fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    let study = Study::read(&args.runs, &options(args)?)?;
    let pictures = if args.pictures.is_empty() { Pictures::new() } else { pictures(&study, &args.pictures)? };
    let document = study.document(&pictures);
    let beside = args.runs.last().map_or(Path::new("."), PathBuf::as_path);
    let out = args.out.clone().unwrap_or_else(|| beside.join(PAGE));
    write_file(&out, &html::page(&document))?;
    say!("{}", out.display());
    if let Some(path) = &args.markdown {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let written = markdown::write(&document, IMAGES, &stem);
        let images = path.parent().unwrap_or(Path::new("")).join(IMAGES);
        for (name, svg) in &written.figures {
            write_file(&images.join(name), svg)?;
        }
        write_file(path, &written.text)?;
        say!("{}", path.display());
    }
    Ok(crate::OK)
}

fn options(args: &ReportArgs) -> anyhow::Result<Options> {
    crate::score::check_frame_rate(args.frame_rate)?;
    let mut settings =
        Settings { by: args.by.clone(), frame_rate_hz: args.frame_rate, ..Settings::default() };
    args.agreement.read(&mut settings)?;
    let Ok(gates) = args.gates.parse::<Choice>();
    let same = crate::compare::same_structures(&args.structures)?;
    let compare = compare::Options { gates, truth: None, same, values_only: args.values_only, settings };
    Ok(Options { truth: args.truth.clone(), scores: args.scores.clone(), compare, title: args.title.clone() })
}

/// Finds the recordings and reads the frames that the report shows.
fn pictures(study: &Study, paths: &[PathBuf]) -> anyhow::Result<Pictures> {
    gst::init().context("GStreamer cannot be started")?;
    let mut pictures = Pictures::new();
    let mut found = 0;
    for (number, wanted) in study.wanted() {
        let Some(run) = study.runs.get(number) else { continue };
        let Some(path) = recording(run, paths)? else { continue };
        found += 1;
        let files: BTreeMap<u64, String> = run
            .frames
            .iter()
            .filter(|f| wanted.contains(&f.number))
            .map(|f| (f.number, f.input.clone()))
            .collect();
        let mut bad = None;
        frames::pictures(&path, &files, &mut |frame, picture| match jpeg(&picture) {
            Ok(picture) => drop(pictures.insert((number, frame), picture)),
            Err(error) => bad = Some(error),
        })?;
        if let Some(error) = bad {
            return Err(error)
                .with_context(|| format!("{}: a frame cannot be put on the page", path.display()));
        }
    }
    anyhow::ensure!(
        found > 0 || study.wanted().is_empty(),
        "no recording of the runs is among --pictures: give the files or folders that they were made of, under their names, such as '{}'",
        study.runs.first().map_or("", |run| run.input.as_str())
    );
    Ok(pictures)
}

/// The recording of a run: a path of its name, or what a folder holds under its name; held to its SHA-256.
pub fn recording(run: &Run, paths: &[PathBuf]) -> anyhow::Result<Option<PathBuf>> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy() == run.input);
    let inside = || paths.iter().map(|path| path.join(&run.input)).find(|path| path.exists());
    let Some(path) = paths.iter().find(|path| named(path)).cloned().or_else(inside) else { return Ok(None) };
    let is = Input::open(&path)?.record()?.sha256;
    let was = run.head.pointer("/input/sha256").and_then(serde_json::Value::as_str).unwrap_or_default();
    anyhow::ensure!(
        is == was,
        "{}: is not what the run was made of, for its SHA-256 is another: give the recording itself, or replay it again",
        path.display()
    );
    Ok(Some(path))
}

fn jpeg(picture: &image::RgbImage) -> image::ImageResult<Picture> {
    let (width, height) = picture.dimensions();
    let shrink = f64::from(MOST_SIDE) / f64::from(width.max(height).max(1));
    let side = |side: u32| ((f64::from(side) * shrink).round() as u32).max(1);
    let small = (shrink < 1.0).then(|| resize(picture, side(width), side(height), FilterType::Triangle));
    let mut bytes = Cursor::new(Vec::new());
    small
        .as_ref()
        .unwrap_or(picture)
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok(Picture { jpeg: bytes.into_inner().into() })
}
