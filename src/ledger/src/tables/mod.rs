//! A run's values and frames as Parquet, for DuckDB, Polars or Spark.
//!
//! | table | a row is |
//! |---|---|
//! | [`VALUES`] | a value of a frame, as in `measurements.csv` |
//! | [`FRAMES`] | a structure in a frame, as in `results.jsonl` |
//!
//! Columns only ever join at the end; what a column means does not change. The files' metadata carry
//! `vesalius.schema` ([`TABLES_SCHEMA`]). Format: <https://parquet.apache.org/docs/file-format/>.

mod column;
mod frames;
mod values;

use std::path::{Path, PathBuf};

pub use frames::FrameTable;
pub use values::ValueTable;

/// Version of the tables' columns.
pub const TABLES_SCHEMA: u32 = 1;
/// Name of the table of values.
pub const VALUES: &str = "values.parquet";
/// Name of the table of structures by frame.
pub const FRAMES: &str = "frames.parquet";

/// A table cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The run's own file cannot be read.
    #[error("{} cannot be read, line {line}: {message}; replay the recording again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// The table cannot be written.
    #[error("{} cannot be written: {message}; make room or choose another folder with --out", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
}

/// Writes both tables of one finished run into its folder.
///
/// # Errors
///
/// [`TableError`]; then no table is there that was not before.
pub fn write_tables(run: &Path, run_id: &str) -> Result<(), TableError> {
    let mut values = ValueTable::create(&run.join(VALUES))?;
    values.add_run(run_id, run)?;
    let mut frames = FrameTable::create(&run.join(FRAMES))?;
    frames.add_run(run_id, run)?;
    values.finish()?;
    frames.finish()
}
