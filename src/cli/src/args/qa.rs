//! Arguments of what compares runs with truth and with each other.

use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
pub struct ScoreArgs {
    /// Folder of a run made with `replay --masks`, or of several runs of one engine
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Label masks: a folder of PNGs named like the pictures (or like the frames' numbers), or a CSV with the header
    /// image,mask and, where known, subject, sequence, pixel_size_mm, and true values as NAME_UNIT
    #[arg(long, value_name = "DIR|CSV")]
    pub truth: PathBuf,
    /// The recordings or folders of stills that the runs are of, or a folder that holds them: masks are held against those of the
    /// frame before moved along with the picture too
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub pictures: Vec<PathBuf>,
    /// Folder for score.json, score.csv and score_values.csv; without it, the run's
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Another run of the same input: is this one better, or as good
    #[arg(long, value_name = "RUN")]
    pub against: Option<PathBuf>,
    /// Difference of Dice and NSD between the two runs that would not matter
    #[arg(long, default_value_t = 0.01, requires = "against", allow_negative_numbers = true)]
    pub margin: f64,
    #[command(flatten)]
    pub agreement: AgreementArgs,
    /// Thresholds of true values at which something is decided, besides the usual ones: ejection_fraction<40 or max_diameter>10
    #[arg(long, value_name = "VALUE<LIMIT", value_delimiter = ',')]
    pub decide: Vec<String>,
    /// Structures of which there may be several, to be counted one by one
    #[arg(long, value_name = "STRUCTURE", value_delimiter = ',')]
    pub objects: Vec<String>,
    /// Column of the truth's table to take the results apart by
    #[arg(long, value_name = "COLUMN")]
    pub by: Option<String>,
    /// Frames a second of the sequences that the stills are from, by the truth's columns sequence and frame: they are then
    /// looked at over time
    #[arg(long, value_name = "HZ", allow_negative_numbers = true)]
    pub frame_rate: Option<f64>,
    /// Part of the intervals that are to hold the truth
    #[arg(long, default_value_t = 0.95, allow_negative_numbers = true)]
    pub confidence: f64,
    /// Times that patients are drawn for an interval
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub resamples: u32,
    /// Seed of the draws
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Fail where a truth has no frame in the run
    #[arg(long)]
    pub complete: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What counts as the same, of two sets of masks and values.
#[derive(Debug, clap::Args)]
pub struct AgreementArgs {
    /// Which class of the truth is which of the engine, where the numbers differ: 255=1,4=0 (0 is background)
    #[arg(long, value_name = "TRUTH=RUN", value_delimiter = ',', requires = "truth")]
    pub classes: Vec<String>,
    /// How far boundaries may lie apart and still agree: head=1.5mm,tool=5px
    #[arg(long, value_name = "STRUCTURE=LENGTH", value_delimiter = ',')]
    pub tolerance: Vec<String>,
    /// Largest difference of a value that would not matter; gates of `compare` may take a part of it: head_circumference=3% or
    /// bpd=2
    #[arg(long, value_name = "VALUE=LIMIT", value_delimiter = ',')]
    pub limit: Vec<String>,
}

impl AgreementArgs {
    /// Reads all of it into settings.
    pub fn read(&self, settings: &mut vesalius_qa::score::Settings) -> anyhow::Result<()> {
        for class in &self.classes {
            settings.class(class)?;
        }
        for tolerance in &self.tolerance {
            settings.tolerance(tolerance)?;
        }
        for limit in &self.limit {
            settings.limit(limit)?;
        }
        Ok(())
    }
}

#[derive(Debug, Parser)]
pub struct CompareArgs {
    /// Folder of the run that is relied on, made with `replay --masks`, or of several such runs of one engine
    #[arg(value_name = "REFERENCE")]
    pub reference: PathBuf,
    /// Folder of the run of the same inputs that is to be as good
    #[arg(value_name = "CANDIDATE")]
    pub candidate: PathBuf,
    /// What counts as parity: exact, f16, int8, or a TOML file with thresholds; auto takes what suits what differs
    #[arg(long, value_name = "NAME|FILE", default_value = "auto")]
    pub gates: String,
    /// Truth of both, as for `score`: what the candidate loses against it is a gate then
    #[arg(long, value_name = "DIR|CSV")]
    pub truth: Option<PathBuf>,
    #[command(flatten)]
    pub agreement: AgreementArgs,
    /// Structures that the two engines call differently: head=fetal_head
    #[arg(long, value_name = "REFERENCE=CANDIDATE", value_delimiter = ',')]
    pub structures: Vec<String>,
    /// Compare values and presence alone, for runs without masks
    #[arg(long)]
    pub values_only: bool,
    /// Take a gate that cannot be decided for one that is missed
    #[arg(long)]
    pub complete: bool,
    /// Folder for compare.json, compare.csv (a row a frame and structure) and compare_values.csv (a row a frame and value)
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
pub struct ReportArgs {
    /// Folders of runs, or folders with such, of one engine. Two of the same inputs are compared, the first being the reference
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Truth, as for `score`: a folder of label masks or a table
    #[arg(long, value_name = "DIR|CSV")]
    pub truth: Option<PathBuf>,
    /// Folder with what `score` left for these runs, so that masks are not scored again
    #[arg(long, value_name = "DIR")]
    pub scores: Option<PathBuf>,
    /// The recordings or folders of stills that the runs are of, or a folder that holds them: frames to look at are shown then.
    /// The page holds those pictures
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub pictures: Vec<PathBuf>,
    /// Page to write; without it, report.html in the folder of the (last) run
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the same as Markdown too, with its figures in the folder images beside it and without any picture of a frame
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Title in place of the engine's name
    #[arg(long)]
    pub title: Option<String>,
    #[command(flatten)]
    pub agreement: AgreementArgs,
    /// Column of the truth's table to take the results apart by
    #[arg(long, value_name = "COLUMN", requires = "truth")]
    pub by: Option<String>,
    /// Frames a second of the sequences that the stills are from, as for `score`
    #[arg(long, value_name = "HZ", requires = "truth", allow_negative_numbers = true)]
    pub frame_rate: Option<f64>,
    /// Of two runs: what counts as parity, as for `compare`
    #[arg(long, value_name = "NAME|FILE", default_value = "auto")]
    pub gates: String,
    /// Of two runs: structures that the two engines call differently: head=fetal_head
    #[arg(long, value_name = "REFERENCE=CANDIDATE", value_delimiter = ',')]
    pub structures: Vec<String>,
    /// Of two runs: compare values and presence alone, for runs without masks
    #[arg(long)]
    pub values_only: bool,
}

#[derive(Debug, Parser)]
pub struct TrendArgs {
    /// Runs of one patient, each with the day of its examination: 2026-03-01=out/march; or all without, in their order
    #[arg(required = true, value_name = "[DATE=]RUN")]
    pub runs: Vec<String>,
    /// Page to write
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What a value differs by without a change, as you have found it yourself: head_circumference=3% or bpd=2
    #[arg(long, value_name = "VALUE=LIMIT", value_delimiter = ',')]
    pub limit: Vec<String>,
    /// Title in place of the dates
    #[arg(long)]
    pub title: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}
