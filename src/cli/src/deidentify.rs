//! `vesalius deidentify`.

use anyhow::Context;
use vesalius_exchange::deidentify::{DeidentifyOptions, Done, LOG, deidentify};

use crate::args::DeidentifyArgs;

/// Runs the command.
pub fn run(args: &DeidentifyArgs) -> anyhow::Result<u8> {
    gst::init().context("GStreamer cannot be started")?;
    let options = DeidentifyOptions {
        key: args.key.clone(),
        map: args.map.clone(),
        keep: args.keep,
        strip_top: args.strip_top,
        blank_text: args.blank_text,
        endoscopy: args.endoscopy,
    };
    let result = deidentify(&args.inputs, &args.out, &options, |done| match done {
        Ok(done) if !args.json => people(done),
        Ok(_) => {}
        Err(error) => complain!("vesalius: {error}"),
    })?;
    let to_look_at = result.done.iter().filter(|d| !d.text_left.is_empty()).count();
    if args.json {
        say!("{}", serde_json::to_string(&result)?);
    } else {
        say!(
            "{} files written, {} refused; {}",
            result.done.len(),
            result.failed,
            args.out.join(LOG).display()
        );
        if to_look_at > 0 {
            say!(
                "{to_look_at} of them show what looks like text: look at them in review/ before you hand them on"
            );
        }
    }
    Ok(if result.failed > 0 { crate::FAILED } else { crate::OK })
}

/// A file in a line or two, without its name.
fn people(done: &Done) {
    say!(
        "input {}: {}, {} {} frames, {:.0} % of the picture kept, {} attributes removed or changed",
        done.input,
        done.output,
        done.kind,
        done.frames,
        100.0 * done.kept_fraction,
        done.header.len()
    );
    for note in &done.notes {
        say!("  note: {note}");
    }
}
