//! What lies where in the memory that two processes share.

use std::ops::Range;

use crate::error::IsolateError;

/// Most slots: more frames under way at once than that only grow old.
pub const MOST_SLOTS: usize = 8;

/// Most bytes of the whole memory.
pub const MOST_BYTES: usize = 512 << 20;

/// Regions start at multiples of this, so that tensors of any element type are aligned.
const PAGE: usize = 4096;

/// Slots of one input and one output each, one after the other, every region at the start of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    input_bytes: usize,
    output_bytes: usize,
    slots: usize,
}

impl Layout {
    /// `slots` calls under way at most, with inputs and outputs of up to so many bytes.
    ///
    /// # Errors
    ///
    /// [`IsolateError::Layout`] for 0 or more than [`MOST_SLOTS`] slots, empty regions or more than [`MOST_BYTES`].
    pub fn new(slots: usize, input_bytes: usize, output_bytes: usize) -> Result<Self, IsolateError> {
        let layout = Self { input_bytes, output_bytes, slots };
        let problem = if slots == 0 || slots > MOST_SLOTS {
            "slots must be 1 to 8"
        } else if input_bytes == 0 || output_bytes == 0 {
            "a region would be empty"
        } else if input_bytes > MOST_BYTES || output_bytes > MOST_BYTES || layout.total_bytes() > MOST_BYTES {
            "more than 512 MiB"
        } else {
            return Ok(layout);
        };
        Err(IsolateError::Layout { slots, input_bytes, output_bytes, problem })
    }

    /// Calls that can be under way at once.
    pub fn slots(&self) -> usize {
        self.slots
    }
    /// Most bytes of an input.
    pub fn input_bytes(&self) -> usize {
        self.input_bytes
    }
    /// Most bytes of an output.
    pub fn output_bytes(&self) -> usize {
        self.output_bytes
    }

    fn slot_bytes(&self) -> usize {
        self.input_bytes.next_multiple_of(PAGE) + self.output_bytes.next_multiple_of(PAGE)
    }

    /// Bytes of the whole memory.
    pub fn total_bytes(&self) -> usize {
        self.slots * self.slot_bytes()
    }

    /// Where the first `length` bytes of a slot's input lie; `None` where they do not fit.
    pub fn input(&self, slot: usize, length: usize) -> Option<Range<usize>> {
        let start = slot * self.slot_bytes();
        (slot < self.slots && length <= self.input_bytes).then(|| start..start + length)
    }

    /// Where the first `length` bytes of a slot's output lie; `None` where they do not fit.
    pub fn output(&self, slot: usize, length: usize) -> Option<Range<usize>> {
        let start = slot * self.slot_bytes() + self.input_bytes.next_multiple_of(PAGE);
        (slot < self.slots && length <= self.output_bytes).then(|| start..start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_do_not_overlap_and_stay_inside() {
        let layout = Layout::new(3, 5000, 1).unwrap();
        let mut regions: Vec<_> = (0..3)
            .flat_map(|slot| [layout.input(slot, 5000).unwrap(), layout.output(slot, 1).unwrap()])
            .collect();
        regions.sort_by_key(|r| r.start);
        for pair in regions.windows(2) {
            assert!(pair[0].end <= pair[1].start);
        }
        assert!(regions.iter().all(|r| r.start % PAGE == 0 && r.end <= layout.total_bytes()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let layout = Layout::new(2, 100, 200).unwrap();
        assert_eq!(layout.input(2, 1), None);
        assert_eq!(layout.input(0, 101), None);
        assert_eq!(layout.output(1, 201), None);
        for (slots, input, output) in [
            (0, 1, 1),
            (9, 1, 1),
            (1, 0, 1),
            (1, 1, 0),
            (1, MOST_BYTES, 1),
            (1, usize::MAX, 1),
            (8, 1 << 28, 1),
        ] {
            assert!(Layout::new(slots, input, output).is_err(), "{slots} {input} {output}");
        }
    }
}
