//! Two runs of the same inputs: is one as good as the other, in place of the other.
//!
//! * [`pairing`]: which frame is which, and which frames one run lacks; [`masks`]: each pair of masks, [`values`]: each pair of
//!   values; [`identity`]: in what the runs differ;
//! * [`gates`]: what counts as parity, read from a file; [`verdict`]: each gate met or not;
//! * [`report`], [`value_report`]: summed up; [`table`]: for people; [`write`](mod@write): `compare.json` and two tables.
//!
//! The first run is the reference, the second the candidate. Differences are the candidate's less the reference's.

pub mod error;
pub mod gates;
pub mod identity;
pub mod masks;
pub mod pairing;
pub mod report;
pub mod table;
pub mod value_report;
pub mod values;
pub mod verdict;
pub mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use error::CompareError;
pub use gates::{Choice, Gates};
pub use report::Report;
pub use write::write;

use crate::score::{self, Settings, run::Run, truth::Truth};
use masks::FrameDifference;
use pairing::Pairing;
use values::ValueStudy;

/// How two runs are compared.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which gates.
    pub gates: Choice,
    /// Truth of both, a folder or a table: the change of the Dice with it is a gate then, and patients are known.
    pub truth: Option<PathBuf>,
    /// Structures of the reference and what the candidate calls them, where the names differ.
    pub same: Vec<(String, String)>,
    /// Whether masks are left out, and presence is what the records say.
    pub values_only: bool,
    /// Tolerances, limits of values, classes of the truth, intervals.
    pub settings: Settings,
}

/// Two runs compared: frame by frame, and summed up.
#[derive(Debug)]
pub struct Compared {
    /// Every frame that both have.
    pub frames: Vec<FrameDifference>,
    /// Every value that one of them has.
    pub values: Vec<ValueStudy>,
    /// All of it.
    pub report: Report,
}

/// Compares two runs' folders, or two folders of runs' folders.
///
/// # Errors
///
/// [`CompareError`].
pub fn compare(reference: &Path, candidate: &Path, options: &Options) -> Result<Compared, CompareError> {
    compare_runs(&[Run::read_all(reference)?, Run::read_all(candidate)?], options)
}

/// Compares runs that were read: the reference's and the candidate's.
///
/// # Errors
///
/// [`CompareError`].
pub fn compare_runs(runs: &[Vec<Run>; 2], options: &Options) -> Result<Compared, CompareError> {
    let gates = options.gates.gates(runs)?;
    let structures = masks::structures(runs, &options.same)?;
    let mut pairing = Pairing::of(&runs[0], &runs[1])?;
    let truth = match &options.truth {
        Some(truth) => {
            let truth = Truth::read(truth, options.settings.by.as_deref())?;
            let [reference, candidate] = runs;
            let scored = |runs: &[Run]| score::score_runs(runs, &truth, &options.settings, None);
            Some([scored(reference)?, scored(candidate)?])
        }
        None => None,
    };
    if let Some([scored, _]) = &truth
        && scored.report.unit == "patient"
    {
        let patient: HashMap<(usize, u64), usize> =
            scored.frames.frames.iter().map(|f| ((f.run, f.frame), f.patient)).collect();
        pairing.take_patients(&patient);
    }
    let difference = masks::Comparison::new(runs, &structures, options);
    let frames = difference.frames(&pairing)?;
    let values = values::studies(&pairing, &structures);
    let report = report::report(&report::Parts {
        runs,
        pairing: &pairing,
        structures: &structures,
        in_mm: difference.in_mm(),
        frames: &frames,
        values: &values,
        truth: truth.as_ref(),
        gates,
        options,
    })?;
    Ok(Compared { frames, values, report })
}
