//! Many recordings made of a real run: its records again and again, from another place in it each time.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

/// Time between frames, nanoseconds.
pub const STEP_NS: u64 = 40_000_000;

/// Writes `recordings` runs of `frames` frames into folders in `into`, their masks as links to those of `run`.
pub fn repeat(run: &Path, recordings: u64, frames: u64, into: &Path) {
    let text = fs::read_to_string(run.join("results.jsonl")).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let head = lines.next().unwrap();
    let records: Vec<Value> = lines.collect();
    let masks = run.join("masks").canonicalize().ok();
    for n in 0..recordings {
        let name = format!("clip{n:04}.mp4");
        let own = into.join(format!("clip{n:04}"));
        fs::create_dir_all(own.join("masks")).unwrap();
        let mut out = std::io::BufWriter::new(fs::File::create(own.join("results.jsonl")).unwrap());
        let mut head = head.clone();
        head["input"]["name"] = name.clone().into();
        head["input"]["sha256"] = format!("{n:064x}").into();
        writeln!(out, "{head}").unwrap();
        for i in 0..frames {
            let mut record = records[((i + 7 * n) % records.len() as u64) as usize].clone();
            if let (Some(masks), Some(from)) = (&masks, record["frame"].as_u64()) {
                let link = own.join(format!("masks/{i:06}.png"));
                std::os::unix::fs::symlink(masks.join(format!("{from:06}.png")), link).unwrap();
            }
            record["input"] = name.clone().into();
            record["frame"] = i.into();
            record["pts_ns"] = (i * STEP_NS).into();
            writeln!(out, "{record}").unwrap();
        }
    }
}

/// Most memory that this process has held, MB.
pub fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
