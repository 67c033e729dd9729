//! Who ran what: versions, clock and memory for the records.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Versions of the software at work.
pub fn software() -> BTreeMap<String, String> {
    let mut versions = BTreeMap::from([
        ("vesalius".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("gstreamer".to_owned(), {
            let (major, minor, micro, _) = gst::version();
            format!("{major}.{minor}.{micro}")
        }),
    ]);
    if let Some(runtime) = vesalius_engine::runtime::loaded() {
        versions.insert("onnxruntime".to_owned(), runtime.version.clone());
    }
    versions
}

/// The time in UTC as RFC 3339 with seconds.
pub fn now_utc() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    utc(seconds)
}

/// Seconds since 1970 as RFC 3339 (days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The largest resident memory of this process so far, in bytes.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil() {
        // Checked with `date -u -d @N`.
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_435_445), "2026-11-23T12:04:05Z");
    }
}
