//! Recordings without their patients.
//!
//! A DICOM file is cleaned by the Basic Application Confidentiality Profile (PS3.15, E.2) with the Clean Pixel Data option
//! (E.3.1); of every other file new pictures alone are written. In every frame all is blanked but what the file's regions and the
//! field that the pictures show leave; then what is left is searched for text. Nothing is handed on of which that cannot be said:
//! a file for which nothing tells what to keep is refused, and what was written is read again and held to it.

mod area;
mod error;
mod job;
mod key;
mod pixels;
mod profile;
mod recording;
mod sheet;
mod text;
mod video;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use vesalius_ledger::summary::write_json;
use vesalius_pipeline::Input;

pub use area::{Because, Rectangle};
pub use error::DeidentifyError;
pub use profile::Action;

use key::Key;

/// Name of the log.
pub const LOG: &str = "deidentified.json";
/// Folder of files in which something was found that looks like text.
pub const REVIEW: &str = "review";
/// Folder of the contact sheets.
pub const SHEETS: &str = "qc";

/// How files are cleaned.
#[derive(Clone, Debug)]
pub struct DeidentifyOptions {
    /// The key's file; drawn where there is none.
    pub key: PathBuf,
    /// Where the mapping from files and identifiers to pseudonyms goes.
    pub map: Option<PathBuf>,
    /// What is kept of every picture, as stated.
    pub keep: Option<Rectangle>,
    /// Part of the height at the top that goes where nothing else tells what to keep, 0 to 1.
    pub strip_top: Option<f64>,
    /// Whether what looks like text is blanked too.
    pub blank_text: bool,
    /// Whether frames that do not look like the inside of a body are blanked.
    pub endoscopy: bool,
}

/// What was done to a file. Nothing in it leads back to whom it was of.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    /// Which of the inputs it was, from 1.
    pub input: usize,
    /// The file that was written, within the folder.
    pub output: String,
    /// Its SHA-256.
    pub sha256: String,
    /// `dicom`, `video` or `still`.
    pub kind: &'static str,
    /// What was done to attributes of the header; empty for files without one.
    pub header: Vec<Action>,
    /// Frames.
    pub frames: u64,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// What told which part of the pictures is kept.
    pub kept_because: Because,
    /// Part of the picture that is kept, 0 to 1.
    pub kept_fraction: f64,
    /// Boxes that looked like text and were blanked.
    pub text_blanked: Vec<Rectangle>,
    /// Boxes that look like text and are still there: somebody has to look.
    pub text_left: Vec<Rectangle>,
    /// Frames that were blanked as a whole, for they do not look like the inside of a body.
    pub frames_blanked: u64,
    /// What else to know, a line each.
    pub notes: Vec<String>,
}

/// What came of all files.
#[derive(Debug, Serialize)]
pub struct Deidentified {
    /// Files that were written.
    pub done: Vec<Done>,
    /// How many were refused or failed.
    pub failed: usize,
    /// Why, by input; not part of the log, for it names files.
    #[serde(skip)]
    pub errors: Vec<DeidentifyError>,
}

/// What all files share.
struct Context<'a> {
    options: &'a DeidentifyOptions,
    key: Key,
    out: &'a Path,
}

/// A line of the mapping: what it was, what it is called, before, after.
type Line = (&'static str, String, String);

/// Cleans files into a folder.
///
/// # Errors
///
/// [`DeidentifyError`] where nothing can be begun; what is wrong with single files stands in the result.
pub fn deidentify(
    inputs: &[PathBuf],
    out: &Path,
    options: &DeidentifyOptions,
    mut tell: impl FnMut(&Result<Done, &DeidentifyError>),
) -> Result<Deidentified, DeidentifyError> {
    make_folder(out)?;
    for apart in std::iter::once(&options.key).chain(&options.map) {
        refuse_within(apart, out)?;
    }
    let mut map = options.map.as_deref().map(begin_map).transpose()?;
    let context = Context { options, key: Key::open(&options.key)?, out };
    let mut all = Deidentified { done: Vec::new(), failed: 0, errors: Vec::new() };
    let mut number = 0;
    for input in inputs.iter().flat_map(|input| expand(input)) {
        number += 1;
        let cleaned = job::clean(&context, &input, number).and_then(|(done, lines)| {
            if let (Some(file), Some(path)) = (&mut map, &options.map) {
                write_map(file, &input, &done, &lines)
                    .map_err(|source| DeidentifyError::Map { path: path.clone(), source })?;
            }
            Ok(done)
        });
        match cleaned {
            Ok(done) => {
                tell(&Ok(done.clone()));
                all.done.push(done);
            }
            Err(error) => {
                tell(&Err(&error));
                all.failed += 1;
                all.errors.push(error);
            }
        }
        // As it goes: what was written is in the log, whatever comes.
        let path = out.join(LOG);
        write_json(&path, &all).map_err(|source| DeidentifyError::Folder { path, source })?;
    }
    Ok(all)
}

/// The files of a folder, in name order; of one file that file.
fn expand(input: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(input) else { return vec![input.to_owned()] };
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
    files.sort();
    files
}

fn make_folder(path: &Path) -> Result<(), DeidentifyError> {
    std::fs::create_dir_all(path).map_err(|source| DeidentifyError::Folder { path: path.to_owned(), source })
}

/// Refuses a file that lies in the folder that is handed on.
fn refuse_within(file: &Path, out: &Path) -> Result<(), DeidentifyError> {
    let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), out.canonicalize()) {
        (Ok(folder), Ok(out)) if folder.starts_with(&out) => Err(DeidentifyError::InOut(file.to_owned())),
        _ => Ok(()),
    }
}

fn begin_map(path: &Path) -> Result<std::fs::File, DeidentifyError> {
    let fail = |source| DeidentifyError::Map { path: path.to_owned(), source };
    let mut file = key::private(path).map_err(fail)?;
    file.write_all(b"input,output,what,before,after\n").map_err(fail)?;
    Ok(file)
}

fn write_map(file: &mut std::fs::File, input: &Path, done: &Done, lines: &[Line]) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(&mut *file);
    let path = std::path::absolute(input)?.display().to_string();
    writer.write_record([&path, &done.output, "file", &path, &done.output])?;
    for (what, before, after) in lines {
        writer.write_record([path.as_str(), done.output.as_str(), what, before, after])?;
    }
    writer.flush()?;
    drop(writer);
    file.sync_data()
}

/// Whether a path is something to look at at all.
fn open(path: &Path) -> Result<Input, DeidentifyError> {
    Ok(Input::open(path)?)
}
