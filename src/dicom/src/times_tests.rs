use dicom_core::VR;

use super::*;

struct Case {
    name: &'static str,
    header: &'static [(Tag, VR, &'static str)],
    frames: usize,
    timebase: Timebase,
    problem: Option<TimeProblem>,
    pts_ms: &'static [f64],
}

const FT: (Tag, VR, &str) = (tags::FRAME_INCREMENT_POINTER, VR::AT, "\u{18}\0\u{63}\u{10}");
const FTV: (Tag, VR, &str) = (tags::FRAME_INCREMENT_POINTER, VR::AT, "\u{18}\0\u{65}\u{10}");
const ELSEWHERE: (Tag, VR, &str) = (tags::FRAME_INCREMENT_POINTER, VR::AT, "\u{4}\u{30}\u{c}\0");

fn time(value: &'static str) -> (Tag, VR, &'static str) {
    (tags::FRAME_TIME, VR::DS, value)
}

fn elements(header: &[(Tag, VR, &str)]) -> Elements {
    let mut elements = Elements::default();
    for (tag, vr, value) in header {
        elements.insert(*tag, *vr, value.as_bytes().to_vec());
    }
    elements
}

#[test]
fn times_follow_the_standard_and_contradictions_are_not_guessed_away() {
    const NOMINAL: Timebase = Timebase::Nominal(NominalRate::CineRate);
    let vector = |v| (tags::FRAME_TIME_VECTOR, VR::DS, v);
    let cine = |v| (tags::CINE_RATE, VR::IS, v);
    let leak = |header: Vec<(Tag, VR, &'static str)>| -> &'static [_] { header.leak() };
    let case = |name, header, frames, timebase, problem, pts_ms| Case {
        name,
        header: leak(header),
        frames,
        timebase,
        problem,
        pts_ms,
    };
    use TimeProblem as P;
    use Timebase as T;
    let cases = [
        case("frame time", vec![FT, time("40")], 3, T::FrameTime, None, &[0.0, 40.0, 80.0]),
        case(
            "delay",
            vec![FT, time("40"), (tags::FRAME_DELAY, VR::DS, "5")],
            3,
            T::FrameTime,
            None,
            &[5.0, 45.0, 85.0],
        ),
        case(
            "thirds do not drift",
            vec![FT, time("33.333")],
            4,
            T::FrameTime,
            None,
            &[0.0, 33.333, 66.666, 99.999],
        ),
        case("vector", vec![FTV, vector("0\\30\\50")], 3, T::FrameTimeVector, None, &[0.0, 30.0, 80.0]),
        case(
            "vector, first not 0",
            vec![FTV, vector("33\\30\\50")],
            3,
            T::FrameTimeVector,
            None,
            &[0.0, 30.0, 80.0],
        ),
        case(
            "pointer chooses",
            vec![FT, time("40"), vector("0\\1\\1")],
            3,
            T::FrameTime,
            None,
            &[0.0, 40.0, 80.0],
        ),
        case("no pointer, one kind", vec![time("40")], 2, T::FrameTime, None, &[0.0, 40.0]),
        case("no pointer, both", vec![time("40"), vector("0\\9")], 2, T::None, Some(P::Ambiguous), &[]),
        case(
            "vector too short",
            vec![FTV, vector("0\\30"), cine("25")],
            3,
            T::None,
            Some(P::VectorLength { vector: 2, frames: 3 }),
            &[],
        ),
        case("vector not a number", vec![FTV, vector("0\\NaN\\30")], 3, T::None, Some(P::BadVector), &[]),
        case("vector of text", vec![FTV, vector("0\\x\\30")], 3, T::None, Some(P::BadVector), &[]),
        case("vector backwards", vec![FTV, vector("0\\-30\\30")], 3, T::None, Some(P::BadVector), &[]),
        case("vector stands still", vec![FTV, vector("0\\0\\30")], 3, T::None, Some(P::ZeroIncrement), &[]),
        case("endless increment", vec![FTV, vector("0\\1e400")], 2, T::None, Some(P::BadVector), &[]),
        case("zero", vec![FT, time("0"), cine("25")], 2, NOMINAL, Some(P::BadFrameTime), &[0.0, 40.0]),
        case("negative", vec![FT, time("-40")], 2, T::None, Some(P::BadFrameTime), &[]),
        case("not a number", vec![FT, time("NaN")], 2, T::None, Some(P::BadFrameTime), &[]),
        case("endless", vec![FT, time("inf")], 2, T::None, Some(P::BadFrameTime), &[]),
        case("below the clock", vec![FT, time("1e-9")], 2, T::None, Some(P::BadFrameTime), &[]),
        case("points to nothing", vec![FTV, time("40")], 2, T::None, Some(P::PointsToNothing), &[]),
        case("points elsewhere", vec![ELSEWHERE, time("40")], 2, T::None, Some(P::PointsElsewhere), &[]),
        case("cine rate", vec![cine("25")], 3, NOMINAL, None, &[0.0, 40.0, 80.0]),
        case("cine rate of 0", vec![cine("0")], 3, T::None, Some(P::BadRate), &[]),
        case(
            "display rate",
            vec![(tags::RECOMMENDED_DISPLAY_FRAME_RATE, VR::IS, "50")],
            2,
            T::Nominal(NominalRate::RecommendedDisplayFrameRate),
            None,
            &[0.0, 20.0],
        ),
        case("still", vec![cine("25")], 1, T::None, None, &[]),
        case("nothing", vec![], 2, T::None, None, &[]),
    ];
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let times = Times::read(&elements(case.header), case.frames);
            let pts: Vec<f64> = times.frames.iter().map(|f| f.pts_ns as f64 / NS_PER_MS).collect();
            let same = (times.timebase, times.problem) == (case.timebase, case.problem) && pts == case.pts_ms;
            (!same).then(|| format!("{}: {times:?}", case.name))
        })
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn durations_reach_to_the_next_frame() {
    let times = Times::read(&elements(&[FTV, (tags::FRAME_TIME_VECTOR, VR::DS, "0\\30\\50")]), 3);
    let durations: Vec<u64> = times.frames.iter().map(|f| f.duration_ns).collect();
    assert_eq!(durations, [30_000_000, 50_000_000, 50_000_000]);
    assert_eq!(times.duration_ns(), Some(130_000_000));
    assert_eq!(times.is_constant(), Some(false));
}

#[test]
fn effective_duration_is_set_against_the_frames() {
    let note = |said| {
        let header = [FT, time("40"), (tags::EFFECTIVE_DURATION, VR::DS, said)];
        Times::read(&elements(&header), 100).notes
    };
    assert_eq!(note("4"), []);
    assert_eq!(note("3.96"), []);
    assert_eq!(note("4.2"), [TimeNote::Duration { said_s: 4.2, made_s: 4.0 }]);
    assert_eq!(note("3.5"), [TimeNote::Duration { said_s: 3.5, made_s: 4.0 }]);
}
