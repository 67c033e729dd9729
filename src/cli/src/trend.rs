//! `vesalius trend`.

use vesalius_qa::report::{html, write_file};
use vesalius_qa::score::Settings;
use vesalius_qa::trend::{follow, page};

use crate::args::TrendArgs;

/// Runs the command.
pub fn run(args: &TrendArgs) -> anyhow::Result<u8> {
    let mut settings = Settings::default();
    for limit in &args.limit {
        settings.limit(limit)?;
    }
    let trend = follow(&args.runs, &settings)?;
    if let Some(out) = &args.out {
        write_file(out, &html::page(&page::document(&trend, args.title.as_deref())))?;
    }
    if args.json {
        say!("{}", serde_json::to_string(&trend)?);
    } else {
        say!("{}", page::text(&trend).trim_end());
        if let Some(out) = &args.out {
            say!("\non one page in {}", out.display());
        }
    }
    Ok(crate::OK)
}
