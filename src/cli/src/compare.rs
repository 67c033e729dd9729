//! `vesalius compare`.

use vesalius_qa::compare::verdict::Outcome;
use vesalius_qa::compare::{self, Choice, Options, table};
use vesalius_qa::score::Settings;

use crate::args::CompareArgs;

/// A gate is missed.
const MISSED: u8 = 1;
/// The runs cannot be compared, as for a command line that is not understood: no verdict is not a bad one.
const NO_VERDICT: u8 = 2;

/// Runs the command.
pub fn run(args: &CompareArgs) -> u8 {
    match outcome(args) {
        Ok(Outcome::Missed) => MISSED,
        Ok(Outcome::Undecided) if args.complete => {
            complain!("vesalius: gates cannot be decided, and --complete asks for all");
            MISSED
        }
        Ok(Outcome::Parity | Outcome::Undecided) => crate::OK,
        Err(error) => {
            complain!("vesalius: {}", crate::say::one_line(&error));
            NO_VERDICT
        }
    }
}

fn outcome(args: &CompareArgs) -> anyhow::Result<Outcome> {
    let compared = compare::compare(&args.reference, &args.candidate, &options(args)?)?;
    let files = args.out.as_deref().map(|out| compare::write(&compared, out)).transpose()?;
    let report = &compared.report;
    if args.json {
        say!("{}", serde_json::to_string(report)?);
    } else {
        say!("{}", table::text(report).trim_end());
        if let Some([report, masks, values]) = files.map(|files| files.map(|f| f.display().to_string())) {
            say!("\nall of it in {report}, frame by frame in {masks} and {values}");
        }
    }
    Ok(report.outcome)
}

fn options(args: &CompareArgs) -> anyhow::Result<Options> {
    let mut settings = Settings::default();
    args.agreement.read(&mut settings)?;
    let Ok(gates) = args.gates.parse::<Choice>();
    Ok(Options {
        gates,
        truth: args.truth.clone(),
        same: same_structures(&args.structures)?,
        values_only: args.values_only,
        settings,
    })
}

/// Reads `REFERENCE=CANDIDATE` each.
pub fn same_structures(texts: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let named = |text: &String| match text.split_once('=') {
        Some((a, b)) if !a.trim().is_empty() && !b.trim().is_empty() => {
            Ok((a.trim().to_owned(), b.trim().to_owned()))
        }
        _ => anyhow::bail!("--structures '{text}' is not understood: write it like head=fetal_head"),
    };
    texts.iter().map(named).collect()
}
