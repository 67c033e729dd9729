//! `vesalius show`.

use vesalius_dicom::Recording;
use vesalius_pipeline::Input;

use crate::args::ShowArgs;

/// Runs the command.
pub fn run(args: &ShowArgs) -> anyhow::Result<u8> {
    let mut code = crate::OK;
    for input in &args.inputs {
        let files = match Input::expand(input) {
            Ok(files) => files,
            Err(error) => {
                complain!("vesalius: {error}");
                code = crate::FAILED;
                continue;
            }
        };
        for file in files {
            match Recording::open(&file) {
                Ok(recording) => say!("{}\n{}", file.display(), recording.describe()),
                Err(error) => {
                    complain!("vesalius: {}: {error}", file.display());
                    code = crate::FAILED;
                }
            }
        }
    }
    Ok(code)
}
