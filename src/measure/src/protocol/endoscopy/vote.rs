//! k of n, with hysteresis.

use std::collections::VecDeque;

/// Believes what enough of the last frames say, and goes on to believe it until few do.
#[derive(Clone, Debug)]
pub(super) struct Vote {
    frames: usize,
    on: usize,
    off: usize,
    /// Times and answers, the oldest first.
    ring: VecDeque<(u64, bool)>,
    is_on: bool,
    /// When the frames that turned it on began.
    since_ns: Option<u64>,
}

impl Vote {
    /// On from `on` of `frames`, off again at `off` or fewer.
    pub(super) fn new(frames: u32, on: u32, off: u32) -> Self {
        let [frames, on, off] = [frames, on, off].map(|n| n as usize);
        Self { frames, on, off, ring: VecDeque::with_capacity(frames), is_on: false, since_ns: None }
    }

    /// Takes the next frame's answer.
    pub(super) fn push(&mut self, pts_ns: u64, answer: bool) {
        if self.ring.len() >= self.frames {
            self.ring.pop_front();
        }
        self.ring.push_back((pts_ns, answer));
        let count = self.ring.iter().filter(|r| r.1).count();
        if !self.is_on && count >= self.on {
            self.is_on = true;
            self.since_ns = self.ring.iter().find(|r| r.1).map(|r| r.0);
        } else if self.is_on && count <= self.off && self.ring.len() >= self.frames.min(self.on) {
            self.is_on = false;
            self.since_ns = None;
        }
    }

    /// Takes the first answer for the truth, where waiting would be worse than being wrong.
    pub(super) fn push_eager(&mut self, pts_ns: u64, answer: bool) {
        let is_first = self.ring.is_empty();
        self.push(pts_ns, answer);
        if is_first && answer {
            self.is_on = true;
            self.since_ns = Some(pts_ns);
        }
    }

    /// Whether nothing was answered yet.
    pub(super) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Time of the first of the frames that turned it on.
    pub(super) fn since_ns(&self) -> Option<u64> {
        self.since_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(answers: &str) -> String {
        let mut vote = Vote::new(5, 3, 1);
        answers
            .bytes()
            .enumerate()
            .map(|(i, b)| {
                vote.push(i as u64, b == b'1');
                if vote.is_on() { '1' } else { '0' }
            })
            .collect()
    }

    #[test]
    fn it_takes_three_of_five_to_begin_and_four_of_five_without_to_end() {
        assert_eq!(run("0100100"), "0000000", "two of five are not enough");
        assert_eq!(run("0101100000"), "0000111100");
        assert_eq!(run("1110101010"), "0011111111", "in between it stays as it was");
    }

    #[test]
    fn it_began_with_the_first_of_those_that_turned_it_on() {
        let mut vote = Vote::new(5, 3, 1);
        for (pts, answer) in [(10, false), (20, true), (30, false), (40, true), (50, true)] {
            vote.push(pts, answer);
        }
        assert_eq!(vote.since_ns(), Some(20));
        let mut vote = Vote::new(5, 3, 1);
        vote.push_eager(60, true);
        assert_eq!((vote.is_on(), vote.since_ns()), (true, Some(60)));
    }
}
