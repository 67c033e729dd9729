//! `vesalius export`.

use anyhow::Context;
use vesalius_exchange::export::{ExportOptions, export};

use crate::args::ExportArgs;

/// Runs the command.
pub fn run(args: &ExportArgs) -> anyhow::Result<u8> {
    gst::init().context("GStreamer cannot be started")?;
    let options = ExportOptions {
        segmentation: args.dicom_seg,
        report: args.dicom_sr,
        capture: args.dicom_sc,
        source: args.source.clone(),
        modality: args.modality.clone(),
    };
    let out = args.out.clone().unwrap_or_else(|| args.run.join("dicom"));
    let exported = export(&args.run, &out, &options)?;
    if args.json {
        say!("{}", serde_json::to_string(&exported)?);
        return Ok(crate::OK);
    }
    for item in &exported.items {
        let study = if item.generated_study { "a generated study" } else { "the recording's own study" };
        say!("{}: in {study}", item.input);
        for object in &item.objects {
            let counted = if object.kind == "report" { "values" } else { "frames" };
            say!("  {:<13} {} {counted}, {}", object.kind, object.count, object.file);
        }
        for note in &item.notes {
            say!("  note: {note}");
        }
    }
    say!("all in {}; not for clinical use", exported.folder.display());
    Ok(crate::OK)
}
