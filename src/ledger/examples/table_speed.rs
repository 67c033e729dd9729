//! Times the table of values: writes `measurements.csv` of as many rows as asked, as a run would, then the table of it.
//!
//! `cargo run --release --workspace --example table_speed -- 10000000`

use std::io::{BufWriter, Write};
use std::time::Instant;

use vesalius_ledger::tables::{VALUES, ValueTable};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let mut csv = BufWriter::new(std::fs::File::create(folder.path().join("measurements.csv"))?);
    writeln!(csv, "input,frame,pts_ns,structure,name,value,unit,uncertainty,validity,reason")?;
    let names = [("bpd", "mm"), ("ofd", "mm"), ("hc", "mm"), ("area", "mm2"), ("gestational_age", "wk")];
    for row in 0..rows {
        let (frame, (name, unit)) = (row / 5, names.get(row as usize % 5).copied().unwrap_or_default());
        // As irregular as measured values are.
        let value = 70.0 + 30.0 * (row as f64 * 0.618_033_988_749).fract();
        let (value, validity, reason) = match row % 37 {
            0 => (String::new(), "invalid", "TRUNCATED"),
            _ => (value.to_string(), "valid", ""),
        };
        writeln!(
            csv,
            "clip.mp4,{frame},{},head,{name},{value},{unit},0.52,{validity},{reason}",
            frame * 40_000_000
        )?;
    }
    csv.flush()?;
    let start = Instant::now();
    let path = folder.path().join(VALUES);
    let mut table = ValueTable::create(&path)?;
    table.add_run("clip", folder.path())?;
    table.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{rows} values in {seconds:.2} s, {} bytes", std::fs::metadata(&path)?.len());
    Ok(())
}
