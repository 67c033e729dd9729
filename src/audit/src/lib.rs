//! An append-only record of who ran what, with which engine, on which input.
//!
//! A file of lines, each a JSON object. Every line has its number, the hash of the line before it and its own, so a line
//! that was altered, taken out, put elsewhere or put in shows ([`verify`]). What no chain shows by itself is that lines are
//! missing at its end, or that somebody who may write the file made all of it anew: note the last hash elsewhere now and
//! then, and hold the file to it ([`Verified::holds`]).
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("audit.jsonl");
//! let log = vesalius_audit::AuditLog::open(&path)?;
//! log.append(&serde_json::json!({ "event": "started", "command": "replay" }))?;
//! assert_eq!(vesalius_audit::verify(&path)?.lines, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod log;
mod verify;

pub use log::{AuditError, AuditLog};
pub use verify::{Fault, Verified, verify};

use sha2::{Digest, Sha256};

/// Version of the lines' layout.
pub const SCHEMA: u32 = 1;

/// Stands for the line before the first.
const NONE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest line that is read, bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// SHA-256 of what a line says, its own hash left out.
fn hash(said: &str) -> String {
    Sha256::digest(said.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// A line as it stands: what it says, and the hash that closes it, `…,"hash":"<64 digits>"}`.
fn open_line(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_suffix("\"}")?;
    let at = rest.len().checked_sub(64)?;
    let (said, hash) = (rest.get(..at)?, rest.get(at..)?);
    let said = said.strip_suffix(",\"hash\":\"")?;
    hash.bytes().all(|b| b.is_ascii_hexdigit()).then_some((said, hash))
}

fn close_line(said: &str) -> String {
    format!("{said},\"hash\":\"{}\"}}", hash(said))
}

/// What the chain needs of a line.
#[derive(serde::Deserialize)]
struct Link {
    number: u64,
    previous: String,
}

/// The number, the hash of the line before and the own hash of a line that holds to its own hash.
fn link(line: &str) -> Option<(Link, &str)> {
    let (said, stated) = open_line(line)?;
    let link: Link = serde_json::from_str(line).ok()?;
    (hash(said) == stated).then_some((link, stated))
}
