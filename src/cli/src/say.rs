//! Lines for people and machines. Whoever reads them may leave in the middle (`vesalius … | head -1`), and that is no
//! reason to stop: what cannot be said is not said.

/// Prints a line on the standard output stream.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// Prints a line on the standard error stream.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

/// What failed and then why, on one line. A cause that the message before it has said already is not said again.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.last().is_some_and(|before| before.contains(&cause)) {
            told.push(cause);
        }
    }
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::one_line;

    #[test]
    fn a_cause_is_said_once() {
        let denied = || std::io::Error::other("Permission denied");
        let told = anyhow::Error::from(denied())
            .context("/a/b cannot be written: Permission denied; choose another");
        assert_eq!(one_line(&told), "/a/b cannot be written: Permission denied; choose another");
        let untold: anyhow::Result<()> =
            Err(denied()).context("it cannot be written").context("nothing was done");
        assert_eq!(
            one_line(&untold.unwrap_err()),
            "nothing was done: it cannot be written: Permission denied"
        );
    }
}
