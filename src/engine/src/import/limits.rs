//! Whether a model can be loaded at all on this machine.

/// Protobuf, and with it ONNX, cannot hold more in a file.
pub(crate) const MAX_MODEL_BYTES: u64 = (1 << 31) - 1;

/// Below this nobody asks whether there is room.
const WORTH_ASKING_BYTES: u64 = 256 << 20;

/// While it is loaded a model lies in memory as a file, as tensors, and re-ordered for the processor.
const COPIES: u64 = 3;

/// Bytes that are free for this process: what the system has, or less where its group may not have that much. `None` where
/// the system does not say.
fn free_bytes() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    let of_group = |file: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok()
    };
    let group =
        of_group("memory.max").map(|most| most.saturating_sub(of_group("memory.current").unwrap_or(0)));
    Some((kib << 10).min(group.unwrap_or(u64::MAX)))
}

/// What a model of `bytes` needs while it is loaded and what is free, where that is not enough.
pub(crate) fn shortage(bytes: u64) -> Option<(u64, u64)> {
    let needed = bytes.saturating_mul(COPIES);
    let free = (bytes >= WORTH_ASKING_BYTES).then(free_bytes)??;
    (free < needed).then_some((needed, free))
}

/// Bytes in gigabytes, for people.
pub(crate) fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_large_is_compared_with_what_is_free() {
        assert_eq!(shortage(10 << 20), None);
        if free_bytes().is_some() {
            let (needed, free) = shortage(1 << 60).unwrap();
            assert!(needed > free);
        }
    }
}
