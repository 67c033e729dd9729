//! Arguments of what leaves the house: DICOM objects, de-identified copies, the audit log.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(group = clap::ArgGroup::new("objects").required(true).multiple(true))]
pub struct ExportArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Masks as a Segmentation; the run must have been made with --masks
    #[arg(long, group = "objects")]
    pub dicom_seg: bool,
    /// Values as a Structured Report (TID 1500)
    #[arg(long, group = "objects")]
    pub dicom_sr: bool,
    /// Annotated pictures as a Secondary Capture
    #[arg(long, group = "objects")]
    pub dicom_sc: bool,
    /// The run's input, where it is not where it was; it is held to its hash
    #[arg(long, value_name = "INPUT")]
    pub source: Option<PathBuf>,
    /// Modality of the generated study of an input that is no DICOM file, such as US or ES
    #[arg(long, value_name = "CODE", default_value = "OT", value_parser = modality)]
    pub modality: String,
    /// Folder for the objects; without it, `dicom` in the run's
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn modality(text: &str) -> Result<String, String> {
    let fits =
        (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("write a code of DICOM's in capitals, such as US or ES".to_owned())
    }
}

#[derive(Debug, Parser)]
pub struct DeidentifyArgs {
    /// DICOM files, recordings, stills, or folders of such
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Folder for what can be handed on
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// File with the key that pseudonyms are made with; drawn where there is none. Keep it apart: it must not lie in --out
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Write which file, patient and study became which, for yourself alone; must not lie in --out
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// What is kept of every picture: first and last column and row, in pixels. Without it the file's regions and the field
    /// that the pictures show tell; where neither does, the file is refused
    #[arg(long, value_name = "X0,Y0,X1,Y1", value_parser = rectangle)]
    pub keep: Option<vesalius_exchange::deidentify::Rectangle>,
    /// Where nothing else tells, keep all but so many per cent of the height at the top
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub strip_top: Option<f64>,
    /// Blank what looks like text within what is kept, too
    #[arg(long)]
    pub blank_text: bool,
    /// Blank frames that do not look like the inside of a body. Told by colour alone: look through the result
    #[arg(long)]
    pub endoscopy: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn rectangle(text: &str) -> Result<vesalius_exchange::deidentify::Rectangle, String> {
    let numbers: Vec<u32> = text.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    match numbers[..] {
        [x0, y0, x1, y1] if x0 <= x1 && y0 <= y1 && text.matches(',').count() == 3 => {
            Ok(vesalius_exchange::deidentify::Rectangle { x0, y0, x1, y1 })
        }
        _ => Err("write first and last column and row, such as 80,40,719,559 for X0,Y0,X1,Y1".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent < 100.0 => Ok(percent / 100.0),
        _ => Err("write per cent, above 0 and below 100".to_owned()),
    }
}

#[derive(Debug, Parser)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Find out whether lines were altered, removed or put elsewhere. Ends with 1 where some were
    Verify {
        /// The log; without it, that of VESALIUS_AUDIT
        #[arg(value_name = "FILE")]
        log: Option<PathBuf>,
        /// A hash that was noted earlier: its line must still be there
        #[arg(long, value_name = "HASH")]
        expect: Option<String>,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}
