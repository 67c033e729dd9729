//! Run lengths (PS3.5 Annex G, <https://dicom.nema.org/medical/dicom/current/output/chtml/part05/chapter_G.html>).

/// Number of segments and fifteen offsets.
const HEADER: usize = 64;
/// Longest run and longest piece without one.
const MOST: usize = 128;

/// Encodes a frame of `samples` interleaved bytes a pixel, rows of `width` pixels.
pub(super) fn encode(frame: &[u8], width: usize, samples: usize) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    let mut offsets = vec![samples as u32];
    let mut row = Vec::with_capacity(width);
    for sample in 0..samples {
        offsets.push(out.len() as u32);
        for line in frame.chunks_exact((width * samples).max(1)) {
            row.clear();
            row.extend(line.iter().skip(sample).step_by(samples));
            // G.3.1: each row is encoded by itself.
            pack(&row, &mut out);
        }
        // G.4: each segment has an even length.
        if out.len() % 2 == 1 {
            out.push(0);
        }
    }
    for (place, offset) in out.chunks_exact_mut(4).zip(offsets) {
        place.copy_from_slice(&offset.to_le_bytes());
    }
    out
}

/// PackBits: runs of equal bytes, and pieces without a run worth its two bytes.
fn pack(row: &[u8], out: &mut Vec<u8>) {
    let run_at = |at: usize| {
        let rest = row.get(at..).unwrap_or(&[]);
        rest.iter().take(MOST).take_while(|&&byte| Some(&byte) == rest.first()).count()
    };
    let mut at = 0;
    while at < row.len() {
        let run = run_at(at);
        if run >= 2 {
            out.push((1_i16 - run as i16) as u8);
            out.extend(row.get(at));
            at += run;
            continue;
        }
        let start = at;
        // A run of two inside of a piece gains nothing and costs the next count.
        while at < row.len() && at - start < MOST && run_at(at) < 3 {
            at += 1;
        }
        out.push((at - start - 1) as u8);
        out.extend(row.get(start..at).unwrap_or(&[]));
    }
}
