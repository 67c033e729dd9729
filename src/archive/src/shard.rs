//! Which part of the recordings a process does.

use std::str::FromStr;

use crate::error::ArchiveError;

/// Part `index` of `count`: every `count`-th recording of the list, from number `index` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Default for Shard {
    /// All of them.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl Shard {
    /// A shard by number, from 0; `None` where there is no such.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// The shard that a scheduler gave this process: of an array job of Slurm (its numbers may begin anywhere, but must follow
    /// each other), or of an indexed job of Kubernetes, which does not say how many there are: `VESALIUS_SHARDS` does.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Shard`].
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ArchiveError> {
        let number = |name: &str| variable(name).and_then(|text| text.parse::<u32>().ok());
        let wrong = |hint| ArchiveError::Shard { given: "env".to_owned(), hint };
        if let Some(id) = number("SLURM_ARRAY_TASK_ID") {
            let (first, count) = (number("SLURM_ARRAY_TASK_MIN"), number("SLURM_ARRAY_TASK_COUNT"));
            let (Some(first), Some(count)) = (first, count) else {
                return Err(wrong(" (SLURM_ARRAY_TASK_MIN and SLURM_ARRAY_TASK_COUNT are not set)"));
            };
            return id
                .checked_sub(first)
                .and_then(|index| Self::new(index, count))
                .ok_or_else(|| wrong(" (the array's numbers must follow each other: --array=0-7)"));
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX") {
            let count = number("VESALIUS_SHARDS")
                .ok_or_else(|| wrong(" (set VESALIUS_SHARDS to the job's number of completions)"))?;
            return Self::new(index, count)
                .ok_or_else(|| wrong(" (VESALIUS_SHARDS is less than the job's completions)"));
        }
        Err(wrong(" (neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set)"))
    }

    /// Whether recording number `at` of the list is this shard's.
    pub fn has(self, at: usize) -> bool {
        at as u64 % u64::from(self.count) == u64::from(self.index)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ArchiveError;

    fn from_str(text: &str) -> Result<Self, ArchiveError> {
        if text == "env" {
            return Self::of_environment(|name| std::env::var(name).ok());
        }
        text.split_once('/')
            .and_then(|(index, count)| Self::new(index.parse().ok()?, count.parse().ok()?))
            .ok_or_else(|| ArchiveError::Shard { given: text.to_owned(), hint: "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_everything_once() {
        let shards: Vec<Shard> = (0..3).map(|i| format!("{i}/3").parse().unwrap()).collect();
        for at in 0..20 {
            assert_eq!(shards.iter().filter(|s| s.has(at)).count(), 1);
        }
        for wrong in ["3/3", "1", "0/0", "-1/2", "a/b", "1/2/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn schedulers_say_which_shard_it_is() {
        let of = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
            Shard::of_environment(move |name| set.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()))
        };
        let slurm =
            [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        assert_eq!(of(&slurm).unwrap().to_string(), "2/4");
        assert_eq!(
            of(&[("JOB_COMPLETION_INDEX", "0"), ("VESALIUS_SHARDS", "2")]).unwrap().to_string(),
            "0/2"
        );
        let sparse =
            [("SLURM_ARRAY_TASK_ID", "9"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        assert!(of(&sparse).unwrap_err().to_string().contains("follow each other"));
        assert!(of(&[("JOB_COMPLETION_INDEX", "0")]).unwrap_err().to_string().contains("VESALIUS_SHARDS"));
        assert!(of(&[]).unwrap_err().to_string().contains("SLURM_ARRAY_TASK_ID"));
    }
}
