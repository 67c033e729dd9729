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
