//! The audit log: `vesalius audit`, and what is recorded of every other command.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};
use vesalius_audit::{AuditLog, verify};
use vesalius_ledger::digest::{FileDigest, of_text};
use vesalius_ledger::writer::{MEASUREMENTS, RESULTS};

use crate::args::{Args, AuditArgs, AuditCommand, Command};

/// Names the log where no argument does.
const VARIABLE: &str = "VESALIUS_AUDIT";
/// Who works at a machine that several share one account of, where the site sets it.
const OPERATOR: &str = "VESALIUS_OPERATOR";

/// Where is recorded, if anywhere.
fn log_path(stated: Option<&PathBuf>) -> Option<PathBuf> {
    let from_outside = || std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
    stated.cloned().or_else(from_outside)
}

/// Runs the command.
pub fn run(args: &AuditArgs, stated: Option<&PathBuf>) -> anyhow::Result<u8> {
    let AuditCommand::Verify { log, expect, json } = &args.command;
    let path = log
        .clone()
        .or_else(|| log_path(stated))
        .with_context(|| format!("which audit log? Name it, or set {VARIABLE}"))?;
    let verified = verify(&path)?;
    let is_missing = expect.as_ref().is_some_and(|hash| !verified.holds(hash));
    let is_whole = verified.faults.is_empty() && !is_missing;
    if *json {
        let faults: Vec<String> = verified.faults.iter().map(ToString::to_string).collect();
        say!(
            "{}",
            json!({
                "lines": verified.lines, "last_hash": verified.last, "cut_off_lines": verified.cut_off,
                "faults": faults, "expected_hash_found": expect.as_ref().map(|_| !is_missing), "whole": is_whole,
            })
        );
    } else {
        for fault in &verified.faults {
            complain!("vesalius: {fault}");
        }
        for line in &verified.cut_off {
            say!("line {line} is cut off, as a power failure leaves it");
        }
        if is_missing {
            complain!(
                "vesalius: the line with the expected hash is not there: lines were removed or made anew"
            );
        }
        if is_whole {
            say!("{} lines, each follows the one before; the last is {}", verified.lines, verified.last);
        }
    }
    Ok(if is_whole { crate::OK } else { crate::FAILED })
}

/// A command that is being recorded.
pub struct Recorded {
    log: Option<AuditLog>,
    command: &'static str,
    /// Folders with runs, or what else says what was made.
    run_folders: Vec<PathBuf>,
    /// Inputs of commands that leave no run.
    inputs: Vec<PathBuf>,
}

/// Records that a command begins, where there is a log. An error is a reason not to run it.
pub fn begin(args: &Args) -> anyhow::Result<Recorded> {
    let (command, run_folders) = match &args.command {
        Command::Replay(a) => ("replay", crate::replay::run_folders(a)),
        Command::Live(a) => ("live", a.record.iter().chain(&a.out).cloned().collect()),
        Command::Ctl(_) => ("ctl", Vec::new()),
        Command::Merge(a) => ("merge", a.archives.iter().map(PathBuf::from).collect()),
        Command::Report(a) => ("report", a.runs.clone()),
        Command::Trend(_) => ("trend", Vec::new()),
        Command::Combine(a) => ("combine", vec![a.first.clone(), a.second.clone()]),
        Command::Score(a) => ("score", vec![a.run.clone()]),
        Command::Explain(_) => ("explain", Vec::new()),
        Command::Compare(a) => ("compare", vec![a.reference.clone(), a.candidate.clone()]),
        Command::Export(a) => ("export", vec![a.run.clone()]),
        Command::Deidentify(a) => ("deidentify", vec![a.out.clone()]),
        Command::Engine(_) => ("engine", Vec::new()),
        Command::Demo(_) => ("demo", Vec::new()),
        // What only looks is not recorded, and a log is not changed by being looked at.
        Command::Show(_) | Command::Phantom(_) | Command::Doctor(_) | Command::Audit(_) => {
            return Ok(Recorded { log: None, command: "", run_folders: Vec::new(), inputs: Vec::new() });
        }
    };
    let inputs = match &args.command {
        Command::Explain(a) => vec![a.input.clone()],
        Command::Deidentify(a) => a.inputs.clone(),
        _ => Vec::new(),
    };
    let log = log_path(args.audit.as_ref()).map(|path| AuditLog::open(&path)).transpose()?;
    let recorded = Recorded { log, command, run_folders, inputs };
    recorded.write("started", &json!({ "options": options(), "engine_asked_for": engine(&args.command) }))?;
    Ok(recorded)
}

fn engine(command: &Command) -> Option<String> {
    let name = match command {
        Command::Replay(a) => &a.engine,
        // Without one it is the profile's.
        Command::Live(a) => a.engine.as_ref()?,
        Command::Explain(a) => &a.engine,
        _ => return None,
    };
    // A folder's path may say more than it should.
    Path::new(name).file_name().map(|n| n.to_string_lossy().into_owned())
}

/// The options by name. Their values may be paths with a patient's name in them.
fn options() -> Vec<String> {
    let named = std::env::args().skip(1).filter(|a| a.starts_with('-'));
    named.map(|a| a.split('=').next().unwrap_or_default().to_owned()).collect()
}

impl Recorded {
    /// Records how the command ended, and on what it ran with which engine as its results say.
    pub fn end(&self, code: u8) -> anyhow::Result<()> {
        if self.log.is_none() {
            return Ok(());
        }
        let runs: Vec<Value> = self.run_folders.iter().flat_map(|folder| runs_in(folder)).collect();
        let inputs: Vec<Value> = self.inputs.iter().flat_map(|input| hashed(input)).collect();
        self.write("finished", &json!({ "exit_code": code, "runs": runs, "inputs": inputs }))
    }

    /// The same log once more, for another thread; `None` where nothing is recorded.
    pub fn again(&self) -> anyhow::Result<Option<Self>> {
        let Some(log) = &self.log else { return Ok(None) };
        let log = Some(AuditLog::open(log.path())?);
        Ok(Some(Self { log, command: self.command, run_folders: Vec::new(), inputs: Vec::new() }))
    }

    /// Records an event.
    pub fn write(&self, event: &str, more: &Value) -> anyhow::Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        let mut record = json!({
            "event": event,
            "command": self.command,
            "time_utc": vesalius_pipeline::identity::now_utc(),
            "process": std::process::id(),
            "user_id": user_id(),
            "operator": std::env::var(OPERATOR).ok(),
            "machine": std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|n| n.trim().to_owned()),
            "version": env!("CARGO_PKG_VERSION"),
        });
        if let (Value::Object(record), Value::Object(more)) = (&mut record, more) {
            record.extend(more.clone());
        }
        Ok(log.append(&record)?)
    }
}

/// The user as the system knows him, whatever the environment says.
fn user_id() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()
}

/// The runs of a folder, or of the folders in it: engine and input by their hashes, and the hashes of the results.
fn runs_in(folder: &Path) -> Vec<Value> {
    if let Some(run) = run_of(folder) {
        return vec![run];
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    folders.sort();
    folders.iter().filter_map(|f| run_of(f)).collect()
}

/// A file by its hash, or the files of a folder.
fn hashed(input: &Path) -> Vec<Value> {
    let mut files = match std::fs::read_dir(input) {
        Ok(entries) => entries.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect(),
        Err(_) => vec![input.to_owned()],
    };
    files.sort();
    files.iter().map(|file| json!({ "sha256": hash(file) })).collect()
}

fn run_of(folder: &Path) -> Option<Value> {
    let results = folder.join(RESULTS);
    let log = folder.join(vesalius_exchange::deidentify::LOG);
    if !results.is_file() && log.is_file() {
        return Some(json!({
            "outputs": { vesalius_exchange::deidentify::LOG: hash(&log) },
        }));
    }
    let mut first = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(std::fs::File::open(&results).ok()?),
        &mut first,
    )
    .ok()?;
    let head: Value = serde_json::from_str(&first).ok()?;
    Some(json!({
        "engine": head["engine"],
        "software": head["software"],
        // Not its name, which may be a patient's.
        "input": { "sha256": head["input"]["sha256"], "bytes": head["input"]["bytes"], "kind": head["input"]["kind"] },
        "calibration": head["calibration"],
        "configuration_sha256": of_text(&head["configuration"].to_string()),
        "outputs": { RESULTS: hash(&results), MEASUREMENTS: hash(&folder.join(MEASUREMENTS)) },
    }))
}

/// SHA-256 of a file; `None` where it cannot be read.
fn hash(path: &Path) -> Option<String> {
    FileDigest::of(path).ok().map(|digest| digest.hex())
}
