//! Questions to somebody at a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Whether somebody is there to be asked.
pub fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks until an answer can be read; an empty line takes `default`. `None` where the terminal is closed.
pub fn ask<T: Clone>(question: &str, default: &T, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
    loop {
        let mut out = std::io::stderr();
        let _ = write!(out, "{question} ");
        let _ = out.flush();
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            return Some(default.clone());
        }
        match read(line) {
            Ok(answer) => return Some(answer),
            Err(problem) => complain!("  {problem}"),
        }
    }
}
