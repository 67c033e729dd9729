//! A run as DICOM objects.
//!
//! Of a DICOM recording the objects belong to its own patient and study. A recording that is none gets a generated study
//! that says so, and is itself turned into an image of it, for masks and values have to refer to something. Stills get a
//! study each: nobody knows whether they are of one patient.
//!
//! The same run gives the same bytes: dates are those of the run, and UIDs follow from the content.

mod captures;
mod error;
mod item;
mod masks;
mod values;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::dicom::{Algorithm, Belonging, Made, Series, Software, SourceImage, Uid, WriteError};
use serde::Serialize;
use vesalius_ledger::digest::FileDigest;
use vesalius_ledger::summary::write_json;
use vesalius_ledger::writer::RESULTS;

pub use error::ExportError;

use crate::run::Run;
use item::Item;

/// Name of the page about what was written.
pub const EXPORT: &str = "export.json";

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// Masks as a Segmentation.
    pub segmentation: bool,
    /// Values as a Structured Report.
    pub report: bool,
    /// Annotated pictures as a Secondary Capture.
    pub capture: bool,
    /// The run's input, where it is not where it was.
    pub source: Option<PathBuf>,
    /// Modality of a generated study, such as `US` or `ES`.
    pub modality: String,
}

/// An object that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// What it is: `segmentation`, `report`, `capture` or `source`.
    pub kind: &'static str,
    /// The file, within the folder.
    pub file: String,
    /// Its SOP Instance UID.
    pub instance_uid: String,
    /// How many frames, or values, it has.
    pub count: usize,
}

/// What was made of one recording or still.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedItem {
    /// The input by name.
    pub input: String,
    /// Whether patient and study were generated, for the input is no DICOM file.
    pub generated_study: bool,
    /// The objects.
    pub objects: Vec<Written>,
    /// What should be known, a line each.
    pub notes: Vec<String>,
}

/// What an export has written.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// Recordings or stills, in the run's order.
    pub items: Vec<ExportedItem>,
    /// Always true.
    pub not_for_clinical_use: bool,
}

/// What all objects of a run share.
struct Context {
    run: Run,
    /// SHA-256 of the run's records.
    digest: [u8; 32],
    made: Made,
    software: Software,
    algorithm: Algorithm,
}

impl Context {
    /// The UID of an object of an item.
    fn uid(&self, item: &Item, kind: &str, content: &[u8]) -> Uid {
        Uid::of([
            kind.as_bytes(),
            &self.digest,
            item.origin.image.instance_uid.as_bytes(),
            self.software.version.as_bytes(),
            content,
        ])
    }

    /// A series of one kind of result of an item.
    fn series(&self, item: &Item, kind: &str, number: u32, description: &str) -> Series {
        Series {
            uid: self.uid(item, &format!("series {kind}"), &[]),
            number,
            description: format!("Vesalius {description}, not for clinical use"),
            instance: 1,
        }
    }

    /// What an object of an item belongs to.
    fn belonging<'a>(&'a self, item: &'a Item, series: &'a Series, instance_uid: &'a Uid) -> Belonging<'a> {
        Belonging {
            origin: &item.origin,
            series,
            instance_uid,
            made: &self.made,
            software: &self.software,
            algorithm: &self.algorithm,
        }
    }
}

/// Writes what is asked for into a folder, which is made where it is missing.
///
/// # Errors
///
/// [`ExportError`]. Objects that were whole before it stay.
pub fn export(run: &Path, out: &Path, options: &ExportOptions) -> Result<Exported, ExportError> {
    let run = Run::read(run)?;
    let digest = hash_file(&run.folder.join(RESULTS))?;
    let head = &run.head;
    let bad_time = || ExportError::Record {
        path: run.folder.join(RESULTS),
        line: 1,
        message: "started_utc is no time".to_owned(),
    };
    let context = Context {
        digest,
        made: Made::from_utc(&head.started_utc).ok_or_else(bad_time)?,
        software: Software {
            version: head.software.get("vesalius").cloned().unwrap_or_else(|| "unknown".to_owned()),
        },
        algorithm: Algorithm {
            name: head.engine.name.clone(),
            version: head.engine.version.clone(),
            sha256: head.engine.sha256.clone(),
            precision: head.engine.precision.clone(),
            backend: head.engine.backend.clone(),
        },
        run,
    };
    if options.segmentation && !context.run.folder.join("masks").is_dir() {
        return Err(ExportError::NoMasks(context.run.folder.clone()));
    }
    let items = item::find(&context, options)?;
    make_folder(out)?;
    let several = items.len() > 1;
    let mut exported = Exported { folder: out.to_owned(), items: Vec::new(), not_for_clinical_use: true };
    for item in &items {
        let sub = several.then(|| item.folder_name.clone());
        exported.items.push(export_item(&context, item, out, sub.as_deref(), options)?);
    }
    let path = out.join(EXPORT);
    write_json(&path, &exported).map_err(|source| ExportError::Folder { path, source })?;
    Ok(exported)
}

fn export_item(
    context: &Context,
    item: &Item,
    out: &Path,
    sub: Option<&str>,
    options: &ExportOptions,
) -> Result<ExportedItem, ExportError> {
    let name = |file: &str| sub.map_or_else(|| file.to_owned(), |sub| format!("{sub}/{file}"));
    if let Some(sub) = sub {
        make_folder(&out.join(sub))?;
    }
    let mut exported = ExportedItem {
        input: item.input.clone(),
        generated_study: item.is_generated,
        objects: Vec::new(),
        notes: Vec::new(),
    };
    let mut item = item.clone();
    if item.is_generated {
        let file = name("source.dcm");
        let written = captures::source(context, &mut item, &out.join(&file))?;
        exported.objects.push(Written { file, ..written });
    }
    let mut masks: Option<SourceImage> = None;
    if options.segmentation {
        let file = name("segmentation.dcm");
        match masks::write(context, &mut item, &out.join(&file))? {
            Some((written, image)) => {
                masks = Some(image);
                exported.objects.push(Written { file, ..written });
            }
            None => {
                exported.notes.push("nothing was found in any frame: there is no Segmentation".to_owned())
            }
        }
    }
    if options.report {
        let file = name("report.dcm");
        let written = values::write(context, &item, masks.as_ref(), &out.join(&file))?;
        exported.objects.push(Written { file, ..written });
    }
    if options.capture {
        let file = name("capture.dcm");
        let written = captures::annotated(context, &item, &out.join(&file))?;
        exported.objects.push(Written { file, ..written });
    }
    Ok(exported)
}

fn make_folder(path: &Path) -> Result<(), ExportError> {
    std::fs::create_dir_all(path).map_err(|source| ExportError::Folder { path: path.to_owned(), source })
}

/// Writes a file in one step: whoever looks sees none or the whole.
fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let fail =
        |source: std::io::Error| ExportError::Write { path: path.to_owned(), source: WriteError::Io(source) };
    let partial = path.with_extension("dcm.partial");
    let written = File::create(&partial).map_err(fail).and_then(|file| {
        let mut file = BufWriter::new(file);
        fill(&mut file)?;
        file.flush().map_err(fail)
    });
    written.and_then(|()| std::fs::rename(&partial, path).map_err(fail)).inspect_err(|_| {
        let _ = std::fs::remove_file(&partial);
    })
}

fn hash_file(path: &Path) -> Result<[u8; 32], ExportError> {
    let digest = FileDigest::of(path);
    Ok(digest.map_err(|source| ExportError::Folder { path: path.to_owned(), source })?.sha256)
}
