//! What this crate says of kept masks and samples beside what the reference tools say (`reference/make_reference.py` and
//! `make_methods.py` wrote the files; they name the tools' versions).
//!
//! The contract: Dice and IoU equal to MedPy and, within its 32-bit numbers, MONAI; HD100 equal to MedPy's, and as sets of
//! pixels to SimpleITK's; HD95 and ASSD within 1e-4 of MONAI's (relative above 1, for 32 bits hold no more); NSD within 1e-3
//! of DeepMind's, and in fact within 1e-9.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use vesalius_measure::mask::LabelMask;
use vesalius_qa::metrics::distance::PixelSize;
use vesalius_qa::metrics::{Class, Presence, score_pair};
use vesalius_qa::stats::agreement::{Pair, agreement};
use vesalius_qa::stats::bootstrap::Bootstrap;
use vesalius_qa::stats::decision::{Threshold, decision};
use vesalius_qa::stats::equivalence::equivalence;
use vesalius_qa::stats::icc::icc_2_1;
use vesalius_qa::stats::regression::{Line, deming, passing_bablok};

fn reference() -> Value {
    kept("reference.json")
}

fn kept(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn mask(case: &Value, key: &str) -> LabelMask {
    let side = |key: &str| case[key].as_u64().unwrap() as usize;
    let mut labels = Vec::new();
    for (i, run) in numbers(&case[key]).iter().enumerate() {
        labels.extend(std::iter::repeat_n((i % 2) as u8, *run as usize));
    }
    LabelMask { width: side("width"), height: side("height"), labels }
}

/// Collects what differs, so that all of it is seen at once.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn check(&mut self, what: String, ours: Option<f64>, theirs: &Value, tolerance: f64) {
        let theirs = theirs.as_f64();
        let same = match (ours, theirs) {
            (Some(a), Some(b)) => (a - b).abs() <= tolerance * b.abs().max(1.0),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.0.push(format!("{what}: ours {ours:?}, theirs {theirs:?}"));
        }
    }
}

#[test]
fn metrics_are_those_of_the_reference_tools() {
    let reference = reference();
    let mut wrong = Differences::default();
    let (mut compared, mut sets_differ) = (0, 0);
    for case in reference["pairs"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let size = numbers(&case["size"]);
        let class = Class { index: 1, tolerance: case["tolerance"].as_f64().unwrap(), instances: false };
        let size = PixelSize { x: size[0], y: size[1] };
        let score =
            score_pair(&mask(case, "truth"), &mask(case, "prediction"), &[class], size).unwrap().remove(0);
        let mut check = |tool: &str, metric: &str, ours, tolerance| {
            wrong.check(format!("{name}, {tool} {metric}"), ours, &case[tool][metric], tolerance);
            compared += 1;
        };
        let pixels = score.pixels;
        check("medpy", "dice", pixels.dice(), 1e-15);
        check("medpy", "iou", pixels.iou(), 1e-15);
        check("medpy", "sensitivity", pixels.sensitivity(), 1e-15);
        check("medpy", "specificity", pixels.specificity(), 1e-15);
        check("medpy", "precision", pixels.precision(), 1e-15);
        check("simpleitk", "dice", pixels.dice(), 1e-15);
        if pixels.truth() > 0 {
            // With an empty truth MONAI has no value, where the policy here is 0.
            check("monai", "dice", pixels.dice(), 1e-6);
            check("monai", "iou", pixels.iou(), 1e-6);
        }
        let surface = score.surface.filter(|_| score.presence == Presence::Both);
        check("medpy", "hd100", surface.map(|s| s.hd100), 1e-12);
        check("simpleitk", "hd100", surface.map(|s| s.hd100_sets), 1e-12);
        check("monai", "hd100", surface.map(|s| s.hd100), 1e-6);
        check("monai", "hd95", surface.map(|s| s.hd95), 1e-4);
        check("monai", "assd", surface.map(|s| s.assd), 1e-4);
        check("medpy", "assd", surface.map(|s| s.assd), 1e-12);
        // Neither empty: a value; one: 0 from both; both: none from either.
        check("deepmind", "nsd", score.surface.map(|s| s.nsd), 1e-9);
        sets_differ += u32::from(surface.is_some_and(|s| (s.hd100 - s.hd100_sets).abs() > 1e-9));
    }
    assert!(wrong.0.is_empty(), "{} of {compared} differ:\n{}", wrong.0.len(), wrong.0.join("\n"));
    assert!(compared > 450 && sets_differ >= 2, "{compared}, {sets_differ}");
}

#[test]
fn objects_are_matched_as_by_monai() {
    let reference = reference();
    let class = Class { index: 1, tolerance: 1.0, instances: true };
    let size = PixelSize { x: 1.0, y: 1.0 };
    for case in reference["objects"].as_array().unwrap() {
        let scores = score_pair(&mask(case, "truth"), &mask(case, "prediction"), &[class], size).unwrap();
        let ours = scores[0].instances.unwrap();
        let theirs = |key: &str| case["monai"][key].as_f64().unwrap();
        assert_eq!(ours.matched as f64, theirs("matched"), "{}", case["name"]);
        assert_eq!(ours.prediction_only as f64, theirs("prediction_only"), "{}", case["name"]);
        assert_eq!(ours.truth_only as f64, theirs("truth_only"), "{}", case["name"]);
        assert!((ours.iou_sum - theirs("iou_sum")).abs() < 1e-5, "{}", case["name"]);
    }
}

#[test]
fn bootstrap_intervals_are_those_of_scipy() {
    for case in reference()["statistics"]["bca"].as_array().unwrap() {
        let values = numbers(&case["values"]);
        let settings =
            Bootstrap { resamples: 100_000, confidence: case["confidence"].as_f64().unwrap(), seed: 1 };
        let variance = case["statistic"] == "variance";
        let interval = settings
            .interval(values.len(), |drawn| {
                let n = drawn.len() as f64;
                let mean = drawn.iter().map(|&i| values[i]).sum::<f64>() / n;
                let of = |i: usize| if variance { (values[i] - mean).powi(2) } else { values[i] };
                Some(drawn.iter().map(|&i| of(i)).sum::<f64>() / n)
            })
            .unwrap();
        let (low, high) = (case["low"].as_f64().unwrap(), case["high"].as_f64().unwrap());
        // Other draws: the ends move by the width's hundredth.
        let allowed = 0.015 * (high - low);
        assert!((interval.low - low).abs() < allowed, "{interval:?}, {low} to {high}");
        assert!((interval.high - high).abs() < allowed, "{interval:?}, {low} to {high}");
    }
}

#[test]
fn intraclass_correlation_is_that_of_pingouin() {
    fn of<const K: usize>(rows: &[Vec<f64>]) -> vesalius_qa::stats::icc::Icc {
        let table: Vec<[f64; K]> = rows.iter().map(|r| r.as_slice().try_into().unwrap()).collect();
        icc_2_1(&table, 0.95).unwrap()
    }
    for case in reference()["statistics"]["icc"].as_array().unwrap() {
        let rows: Vec<Vec<f64>> = case["table"].as_array().unwrap().iter().map(numbers).collect();
        let icc = if rows[0].len() == 4 { of::<4>(&rows) } else { of::<2>(&rows) };
        assert!((icc.value - case["icc"].as_f64().unwrap()).abs() < 1e-9, "{icc:?}");
        // It prints the interval with two decimals.
        let interval = icc.interval.unwrap();
        assert!((interval.low - case["low"].as_f64().unwrap()).abs() < 0.0051, "{icc:?}");
        assert!((interval.high - case["high"].as_f64().unwrap()).abs() < 0.0051, "{icc:?}");
    }
}

#[test]
fn equivalence_is_that_of_pingouin() {
    for case in reference()["statistics"]["tost"].as_array().unwrap() {
        let ours = equivalence(&numbers(&case["differences"]), case["bound"].as_f64().unwrap()).unwrap();
        assert!((ours.p - case["p"].as_f64().unwrap()).abs() < 1e-9, "{ours:?}");
    }
}

#[test]
fn repeated_measures_have_the_variances_of_a_mixed_model() {
    for case in reference()["statistics"]["repeated"].as_array().unwrap() {
        let mut pairs = Vec::new();
        for (unit, differences) in case["differences"].as_array().unwrap().iter().enumerate() {
            pairs.extend(numbers(differences).iter().map(|d| Pair { unit, measured: 50.0 + d, truth: 50.0 }));
        }
        let ours = agreement(&pairs, 0.95).unwrap();
        let limits = ours.limits.unwrap();
        let theirs = |key: &str| case[key].as_f64().unwrap();
        assert!((ours.bias - theirs("bias")).abs() < 1e-9);
        assert!((limits.within_variance.unwrap() - theirs("within")).abs() < 2e-4 * theirs("within"));
        assert!((limits.between_variance - theirs("between")).abs() < 2e-3 * theirs("between"));
        let sd = (theirs("between") + theirs("within")).sqrt();
        assert!((limits.high - (ours.bias + 1.959_964 * sd)).abs() < 2e-3 * sd);
    }
}

/// Both ends of an interval, and what it is of, against `value`, `low` and `high` of a tool.
fn check_interval(
    wrong: &mut Differences,
    what: &str,
    value: f64,
    interval: vesalius_qa::stats::Interval,
    theirs: &Value,
    [of_value, of_ends]: [f64; 2],
) {
    wrong.check(what.to_owned(), Some(value), &theirs["value"], of_value);
    wrong.check(format!("{what}, low"), Some(interval.low), &theirs["low"], of_ends);
    wrong.check(format!("{what}, high"), Some(interval.high), &theirs["high"], of_ends);
}

fn line_pairs(sample: &Value) -> Vec<(f64, f64)> {
    numbers(&sample["truth"]).into_iter().zip(numbers(&sample["measured"])).collect()
}

#[test]
fn the_line_of_deming_is_that_of_mcr_and_of_scipy() {
    let mut wrong = Differences::default();
    for sample in kept("methods.json")["lines"].as_array().unwrap() {
        let (name, theirs) = (sample["name"].as_str().unwrap(), &sample["r"]["deming"]);
        let line = deming(&line_pairs(sample), 0.95).unwrap();
        let ends = line.slope_interval.unwrap();
        check_interval(&mut wrong, &format!("{name}, slope"), line.slope, ends, &theirs["slope"], [1e-9; 2]);
        let (what, ends) = (format!("{name}, intercept"), line.intercept_interval.unwrap());
        check_interval(&mut wrong, &what, line.intercept, ends, &theirs["intercept"], [1e-9; 2]);
        // By iteration, which ends somewhat before.
        wrong.check(format!("{name}, by iteration"), Some(line.slope), &sample["odr"]["slope"], 1e-6);
    }
    assert!(wrong.0.is_empty(), "{}", wrong.0.join("\n"));
}

#[test]
fn the_line_of_passing_and_bablok_is_that_of_mcr() {
    let mut wrong = Differences::default();
    for sample in kept("methods.json")["lines"].as_array().unwrap() {
        let (name, theirs) = (sample["name"].as_str().unwrap(), &sample["r"]["passing_bablok"]);
        let line: Line = passing_bablok(&line_pairs(sample), 0.95).unwrap();
        let of = |what: &str| format!("{name}, {what}");
        // Ends as in the paper, which rounds to a slope, where mcr takes the middle of two neighbours (its own comment).
        // Of five pairs there are ten slopes, far apart.
        let part = if sample["truth"].as_array().unwrap().len() > 5 { 0.04 } else { 0.1 };
        let near = |key: &str| {
            let end = |end: &str| theirs[key][end].as_f64().unwrap();
            part * (end("high") - end("low"))
        };
        let ends = line.slope_interval.unwrap();
        let allowed = [1e-12, near("slope")];
        check_interval(&mut wrong, &of("slope"), line.slope, ends, &theirs["slope"], allowed);
        let size = theirs["intercept"]["value"].as_f64().unwrap().abs().max(1.0);
        let (ends, allowed) = (line.intercept_interval.unwrap(), [1e-9, near("intercept") / size.min(1.0)]);
        check_interval(&mut wrong, &of("intercept"), line.intercept, ends, &theirs["intercept"], allowed);
    }
    assert!(wrong.0.is_empty(), "{}", wrong.0.join("\n"));
}

#[test]
fn limits_with_several_pairs_a_patient_are_those_of_simply_agree() {
    let mut wrong = Differences::default();
    for sample in kept("methods.json")["repeated"].as_array().unwrap() {
        let (name, theirs) = (sample["name"].as_str().unwrap(), &sample["r"]);
        let units = numbers(&sample["unit"]).into_iter();
        let pairs: Vec<Pair> = units
            .zip(line_pairs(sample))
            .map(|(unit, (truth, measured))| Pair { unit: unit as usize, measured, truth })
            .collect();
        let ours = agreement(&pairs, 0.95).unwrap();
        let limits = ours.limits.unwrap();
        wrong.check(format!("{name}, bias"), Some(ours.bias), &theirs["bias"]["value"], 1e-9);
        wrong.check(format!("{name}, within"), limits.within_variance, &theirs["within"], 1e-9);
        let low = (limits.low, limits.low_interval);
        let high = (limits.high, limits.high_interval);
        for (key, (value, interval)) in [("low", low), ("high", high)] {
            let what = format!("{name}, {key} limit");
            check_interval(&mut wrong, &what, value, interval, &theirs[key], [1e-9; 2]);
        }
    }
    assert!(wrong.0.is_empty(), "{}", wrong.0.join("\n"));
}

#[test]
fn concordance_and_ranks_are_those_of_audmetric_and_scipy() {
    let mut wrong = Differences::default();
    for sample in kept("methods.json")["lines"].as_array().unwrap() {
        let pairs: Vec<Pair> = line_pairs(sample)
            .into_iter()
            .enumerate()
            .map(|(unit, (truth, measured))| Pair { unit, measured, truth })
            .collect();
        let ours = agreement(&pairs, 0.95).unwrap();
        wrong.check(format!("{}, ccc", sample["name"]), ours.ccc, &sample["ccc"], 1e-9);
        wrong.check(format!("{}, ranks", sample["name"]), ours.spread_with_size, &sample["spearman"], 1e-9);
    }
    assert!(wrong.0.is_empty(), "{}", wrong.0.join("\n"));
}

#[test]
fn kappa_is_that_of_statsmodels_and_scikit_learn() {
    let mut wrong = Differences::default();
    for case in kept("methods.json")["kappa"].as_array().unwrap() {
        let sides = [(1.0, 1.0), (1.0, 3.0), (3.0, 1.0), (3.0, 3.0)];
        let counts = numbers(&case["counts"]);
        let all = sides.iter().zip(&counts).flat_map(|(side, n)| std::iter::repeat_n(side, *n as usize));
        let pairs: Vec<Pair> =
            all.enumerate().map(|(unit, &(truth, measured))| Pair { unit, measured, truth }).collect();
        let threshold = Threshold { value: "thickness".into(), limit: 2.0, is_below: true };
        let ours =
            decision(&pairs, threshold, &Bootstrap { resamples: 10, confidence: 0.95, seed: 1 }).unwrap();
        for tool in ["statsmodels", "sklearn"] {
            wrong.check(format!("{counts:?}, {tool}"), ours.kappa, &case[tool], 1e-12);
        }
    }
    assert!(wrong.0.is_empty(), "{}", wrong.0.join("\n"));
}
