//! Samples of a JPEG-LS scan (T.87, Annex A and F). Names are the standard's.

use super::markers::{Interleave, Scan};

/// Order of the run lengths' codes (T.87, A.2.1).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Contexts of samples that are not in a run, by their three gradients.
const CONTEXTS: usize = 365;
/// Highest order of a Golomb code that a stream of 16 bits can ask for, with room.
const MOST_BITS: u32 = 24;

/// Bits of a scan, most significant first; after 0xFF a byte has seven.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    after_ff: bool,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, held: 0, count: 0, after_ff: false }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            // A marker: the scan is over.
            if self.after_ff && byte >= 0x80 {
                return;
            }
            let bits = if self.after_ff { 7 } else { 8 };
            self.held = (self.held << bits) | u64::from(byte);
            self.count += bits;
            self.after_ff = byte == 0xFF;
            self.at += 1;
        }
    }

    /// The next bits, at most 24.
    fn take(&mut self, bits: u32) -> Result<i32, String> {
        if self.count < bits {
            self.fill();
            if self.count < bits {
                return Err("its JPEG-LS stream is cut off".into());
            }
        }
        self.count -= bits;
        Ok(((self.held >> self.count) & ((1 << bits) - 1)) as i32)
    }

    /// How many zeros come before the next one, which is taken too; at most `limit`.
    fn zeros(&mut self, limit: u32) -> Result<u32, String> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > limit {
                return Err("its JPEG-LS stream is damaged".into());
            }
        }
        Ok(zeros)
    }
}

#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

#[derive(Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    nn: i32,
}

/// Two lines of a component with a sample more at each end.
struct Lines {
    before: Vec<i32>,
    now: Vec<i32>,
    run_index: usize,
}

/// The samples around one: left, above, above left, above right.
#[derive(Clone, Copy)]
struct Around {
    ra: i32,
    rb: i32,
    rc: i32,
    rd: i32,
}

/// What does not change in a scan.
struct Constants {
    maximum: i32,
    near: i32,
    thresholds: [i32; 3],
    reset: i32,
    range: i32,
    /// Bits of a value that the code's limit cuts.
    qbpp: u32,
    limit: u32,
}

/// The state of a scan's decoder.
pub(super) struct ScanDecoder<'a> {
    bits: Bits<'a>,
    k: Constants,
    contexts: Vec<Context>,
    runs: [RunContext; 2],
    components: Vec<Lines>,
    interleave: Interleave,
    columns: usize,
}

fn bits_of(values: i32) -> u32 {
    // Rounded up: 256 values take 8 bits, 257 take 9.
    i32::BITS - (values - 1).leading_zeros()
}

impl<'a> ScanDecoder<'a> {
    pub fn new(scan: &Scan<'a>, columns: usize) -> Self {
        let (maximum, near) = (scan.preset.maximum, scan.near);
        let range = (maximum + 2 * near) / (2 * near + 1) + 1;
        let bpp = bits_of(maximum + 1).max(2);
        let a = ((range + 32) / 64).max(2);
        let lines = || Lines { before: vec![0; columns + 2], now: vec![0; columns + 2], run_index: 0 };
        Self {
            bits: Bits::new(scan.data),
            k: Constants {
                maximum,
                near,
                thresholds: scan.preset.thresholds,
                reset: scan.preset.reset,
                range,
                qbpp: bits_of(range),
                limit: 2 * (bpp + bpp.max(8)),
            },
            contexts: vec![Context { a, b: 0, c: 0, n: 1 }; CONTEXTS],
            runs: [RunContext { a, n: 1, nn: 0 }; 2],
            components: (0..scan.components).map(|_| lines()).collect(),
            interleave: scan.interleave,
            columns,
        }
    }

    /// The samples of the row that was just decoded, component by component.
    pub fn lines(&self) -> impl Iterator<Item = &[i32]> {
        self.components.iter().map(|lines| lines.now.get(1..=self.columns).unwrap_or_default())
    }

    /// Decodes the next row of all components.
    pub fn row(&mut self) -> Result<(), String> {
        for lines in &mut self.components {
            std::mem::swap(&mut lines.before, &mut lines.now);
            // Left of the first sample stands the one above it; right of the last, the last above.
            if let (Some(left), Some(&above)) = (lines.now.first_mut(), lines.before.get(1)) {
                *left = above;
            }
            if let [.., last, right] = lines.before.as_mut_slice() {
                *right = *last;
            }
        }
        match self.interleave {
            Interleave::Sample => self.rows_by_sample(),
            Interleave::None | Interleave::Line => (0..self.components.len()).try_for_each(|c| self.line(c)),
        }
    }

    fn around(&self, component: usize, x: usize) -> Around {
        // Lines are two samples longer than the row, so that all four are there.
        let lines = &self.components[component];
        Around { ra: lines.now[x], rb: lines.before[x + 1], rc: lines.before[x], rd: lines.before[x + 2] }
    }

    fn is_flat(&self, s: Around) -> bool {
        let near = self.k.near;
        (s.rd - s.rb).abs() <= near && (s.rb - s.rc).abs() <= near && (s.rc - s.ra).abs() <= near
    }

    fn line(&mut self, component: usize) -> Result<(), String> {
        let mut x = 0;
        while x < self.columns {
            let s = self.around(component, x);
            if !self.is_flat(s) {
                self.components[component].now[x + 1] = self.regular(s)?;
                x += 1;
                continue;
            }
            let (length, index) = self.run(self.components[component].run_index, self.columns - x)?;
            let lines = &mut self.components[component];
            lines.run_index = index;
            lines.now[x + 1..x + 1 + length].fill(s.ra);
            x += length;
            if x < self.columns {
                let rb = self.around(component, x).rb;
                let kind = usize::from((s.ra - rb).abs() <= self.k.near);
                let sample = self.interruption(kind, s.ra, rb, index)?;
                let lines = &mut self.components[component];
                lines.now[x + 1] = sample;
                lines.run_index = index.saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    fn rows_by_sample(&mut self) -> Result<(), String> {
        let count = self.components.len();
        let mut x = 0;
        while x < self.columns {
            if !(0..count).all(|c| self.is_flat(self.around(c, x))) {
                for c in 0..count {
                    let s = self.around(c, x);
                    // One flat component of several is coded in the context of no gradient.
                    self.components[c].now[x + 1] = self.regular(s)?;
                }
                x += 1;
                continue;
            }
            // One run for all components; the first keeps its order.
            let (length, index) = self.run(self.components[0].run_index, self.columns - x)?;
            self.components[0].run_index = index;
            for lines in &mut self.components {
                let ra = lines.now[x];
                lines.now[x + 1..x + 1 + length].fill(ra);
            }
            x += length;
            if x < self.columns {
                for c in 0..count {
                    let s = self.around(c, x);
                    self.components[c].now[x + 1] = self.interruption(0, s.ra, s.rb, index)?;
                }
                self.components[0].run_index = index.saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    fn quantised(&self, d: i32) -> i32 {
        let [t1, t2, t3] = self.k.thresholds;
        let near = self.k.near;
        let size = match d.abs() {
            s if s <= near => 0,
            s if s < t1 => 1,
            s if s < t2 => 2,
            s if s < t3 => 3,
            _ => 4,
        };
        size * d.signum()
    }

    /// A Golomb code of order `k` with a limited length (T.87, A.5.3).
    fn golomb(&mut self, k: u32, limit: u32) -> Result<i32, String> {
        let longest = limit.saturating_sub(self.k.qbpp + 1);
        let zeros = self.bits.zeros(longest)?;
        let mapped = if zeros < longest {
            ((zeros as i32) << k) + self.bits.take(k)?
        } else {
            self.bits.take(self.k.qbpp)? + 1
        };
        // An error is within the range, and takes twice as many values with its sign folded in.
        if mapped > 2 * self.k.range + 1 { Err("its JPEG-LS stream is damaged".into()) } else { Ok(mapped) }
    }

    fn order(n: i32, a: i32) -> Result<u32, String> {
        (0..MOST_BITS)
            .find(|k| (i64::from(n) << k) >= i64::from(a))
            .ok_or_else(|| "its JPEG-LS stream is damaged".into())
    }

    /// A prediction and its error to a sample, within the range (T.87, A.4.5 with A.8).
    fn reconstructed(&self, prediction: i32, error: i32) -> i32 {
        let step = 2 * self.k.near + 1;
        let around = self.k.range * step;
        let mut sample = prediction + error * step;
        if sample < -self.k.near {
            sample += around;
        } else if sample > self.k.maximum + self.k.near {
            sample -= around;
        }
        sample.clamp(0, self.k.maximum)
    }

    /// A sample that is not in a run (T.87, A.3 to A.6).
    fn regular(&mut self, s: Around) -> Result<i32, String> {
        let q =
            81 * self.quantised(s.rd - s.rb) + 9 * self.quantised(s.rb - s.rc) + self.quantised(s.rc - s.ra);
        let sign = if q < 0 { -1 } else { 1 };
        let median = if s.rc >= s.ra.max(s.rb) {
            s.ra.min(s.rb)
        } else if s.rc <= s.ra.min(s.rb) {
            s.ra.max(s.rb)
        } else {
            s.ra + s.rb - s.rc
        };
        // |q| ≤ 81·4 + 9·4 + 4.
        let index = q.unsigned_abs() as usize;
        let Context { a, b, c, n } = self.contexts[index];
        let prediction = (median + sign * c).clamp(0, self.k.maximum);
        let k = Self::order(n, a)?;
        let mapped = self.golomb(k, self.k.limit)?;
        let error = if self.k.near == 0 && k == 0 && 2 * b <= -n {
            if mapped % 2 == 1 { (mapped - 1) / 2 } else { -(mapped / 2) - 1 }
        } else if mapped % 2 == 0 {
            mapped / 2
        } else {
            -((mapped + 1) / 2)
        };
        self.contexts[index] = self.updated(Context { a, b, c, n }, error);
        Ok(self.reconstructed(prediction, sign * error))
    }

    fn updated(&self, context: Context, error: i32) -> Context {
        let Context { mut a, mut b, mut c, mut n } = context;
        b = b.saturating_add(error * (2 * self.k.near + 1));
        a = a.saturating_add(error.abs());
        if n >= self.k.reset {
            a >>= 1;
            b >>= 1;
            n >>= 1;
        }
        n += 1;
        if b <= -n {
            b = (b + n).max(1 - n);
            c = (c - 1).max(-128);
        } else if b > 0 {
            b = (b - n).min(0);
            c = (c + 1).min(127);
        }
        Context { a, b, c, n }
    }

    /// The length of a run in a line of which so much is left, and the order for the next one (T.87, A.7.1).
    fn run(&mut self, mut index: usize, left: usize) -> Result<(usize, usize), String> {
        let mut length = 0;
        while self.bits.take(1)? == 1 {
            let whole = 1usize << J[index];
            length += whole;
            if length >= left {
                // An order that is used up counts on, one that the line's end cuts does not.
                let index = if length == left { (index + 1).min(J.len() - 1) } else { index };
                return Ok((left, index));
            }
            index = (index + 1).min(J.len() - 1);
        }
        length += self.bits.take(J[index])? as usize;
        if length >= left {
            return Err("its JPEG-LS stream is damaged".into());
        }
        Ok((length, index))
    }

    /// The sample that ends a run (T.87, A.7.2). Kind 1: it is near to the run's.
    fn interruption(&mut self, kind: usize, ra: i32, rb: i32, index: usize) -> Result<i32, String> {
        let RunContext { a, n, nn } = self.runs[kind];
        let k = Self::order(n, if kind == 1 { a.saturating_add(n >> 1) } else { a })?;
        let mapped = self.golomb(k, self.k.limit.saturating_sub(J[index] + 1))?;
        let ri_type = kind as i32;
        let folded = mapped + ri_type;
        let odd = folded & 1;
        let size = (folded + odd) / 2;
        let negative = (k != 0 || 2 * nn >= n) == (odd == 1);
        let error = if negative { -size } else { size };
        let grown = a.saturating_add((mapped + 1 - ri_type) >> 1);
        let mut next = RunContext { a: grown, n, nn: nn + i32::from(error < 0) };
        if n >= self.k.reset {
            next = RunContext { a: next.a >> 1, n: n >> 1, nn: next.nn >> 1 };
        }
        next.n += 1;
        self.runs[kind] = next;
        Ok(if kind == 1 {
            self.reconstructed(ra, error)
        } else {
            self.reconstructed(rb, if ra > rb { -error } else { error })
        })
    }
}
