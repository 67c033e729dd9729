//! `vesalius combine`.

use vesalius_pipeline::combine::combine;

use crate::args::CombineArgs;

/// Runs the command.
pub fn run(args: &CombineArgs) -> anyhow::Result<u8> {
    let combined = combine(&args.first, &args.second)?;
    if args.json {
        say!("{}", serde_json::to_string(&combined)?);
        return Ok(crate::OK);
    }
    say!("{} from two planes", combined.protocol);
    for value in &combined.values {
        let uncertainty = value.uncertainty.map_or(String::new(), |u| format!(" ± {u:.1}"));
        let reason = value.reason.as_deref().map_or(String::new(), |r| format!(" ({r})"));
        say!("  {:<20} {:>9.1}{uncertainty} {}{reason}", value.name, value.value, value.unit.display());
    }
    Ok(crate::OK)
}
