//! A report for people: plain text, every interval and every n printed.

use std::fmt::Write;

use super::compare::Comparison;
use super::report::{NamedMetric, Report, StructureReport};
use super::values::ValueReport;
use crate::aggregate::Share;
use crate::stats::Interval;
use crate::stats::bootstrap::NoInterval;

/// Metrics of the table, and how they are called there; the file has the rest.
const SHOWN: [(&str, &str); 9] = [
    ("dice", "Dice"),
    ("iou", "IoU"),
    ("nsd", "NSD"),
    ("hd95", "HD95"),
    ("hd100", "HD100"),
    ("assd", "ASSD"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("precision", "precision"),
];
/// Below this many patients or videos, results are marked as from few.
const FEW: usize = 10;

fn plural(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// A number with so many digits after the point.
fn number(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}

fn interval_text(interval: Option<Interval>, why: Option<NoInterval>, digits: usize) -> String {
    match (interval, why) {
        (Some(i), _) => format!("{} to {}", number(i.low, digits), number(i.high, digits)),
        (None, Some(why)) => format!("none: {why}"),
        (None, None) => "none".to_owned(),
    }
}

fn digits(metric: &NamedMetric) -> usize {
    if metric.unit == "1" { 4 } else { 2 }
}

/// The report as lines.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut out, report);
    out
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    let coverage = report.coverage;
    let unit = report.unit;
    writeln!(out, "{} {} against {}", report.engine.name, report.engine.version, report.truth)?;
    writeln!(
        out,
        "{} of {} scored; not scored: {} of the run without truth, {} without a frame",
        plural(coverage.matched, "frame"),
        plural(report.n_units, unit),
        plural(coverage.run_frames_without_truth, "frame"),
        plural(coverage.truth_without_frame, "truth"),
    )?;
    let bootstrap = report.settings.bootstrap;
    writeln!(
        out,
        "intervals hold the truth {:.0} % of the time: BCa, {} draws of whole {unit}s{}",
        100.0 * bootstrap.confidence,
        bootstrap.resamples,
        if report.n_units < FEW { "; few: read them with care" } else { "" }
    )?;
    if coverage.matched_without_result > 0 {
        writeln!(
            out,
            "note: {} without a result, scored as empty",
            plural(coverage.matched_without_result, "frame")
        )?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    for structure in &report.structures {
        write_structure(out, structure)?;
    }
    if report.structures.len() > 1
        && let (Some(dice), Some(iou)) = (report.mean_dice, report.mean_pooled_iou)
    {
        writeln!(
            out,
            "\nmean of {} structures: Dice {dice:.4}, IoU of pooled pixels {iou:.4}",
            report.structures.len()
        )?;
    }
    for value in &report.values {
        write_value(out, value, report.unit)?;
    }
    for (name, structures) in &report.strata {
        let n = structures
            .first()
            .map_or(0, |s| s.frames.both + s.frames.truth_only + s.frames.prediction_only + s.frames.neither);
        let few = if (n as usize) < FEW { ", few" } else { "" };
        writeln!(
            out,
            "\n{} = {name}: {}{few}",
            report.settings.by.as_deref().unwrap_or(""),
            plural(n as usize, "frame")
        )?;
        for structure in structures {
            for metric in structure.metrics.iter().filter(|m| ["dice", "nsd"].contains(&m.name)) {
                write_metric(out, metric, &format!("{} {}", structure.name, metric.name))?;
            }
        }
    }
    Ok(())
}

fn write_structure(out: &mut String, s: &StructureReport) -> std::fmt::Result {
    let f = s.frames;
    writeln!(out, "\n{} (tolerance {} {})", s.name, s.tolerance, s.tolerance_unit)?;
    writeln!(
        out,
        "  frames: in both {}, missed {}, false alarm {}, true negative {}",
        f.both, f.truth_only, f.prediction_only, f.neither
    )?;
    for (name, share) in
        [("frame sensitivity", &s.frame_sensitivity), ("frame specificity", &s.frame_specificity)]
    {
        if let Some(line) = share_line(name, share) {
            writeln!(out, "  {line}")?;
        }
    }
    writeln!(
        out,
        "  {:<12} {:>9}  {:<24} {:>9} {:>12} {:>9} {:>7} {:>9}",
        "", "mean", "interval", "median", "worst tenth", "worst", "frames", "no value"
    )?;
    for (name, label) in SHOWN {
        if let Some(metric) = s.metrics.iter().find(|m| m.name == name) {
            let unit = match metric.unit {
                "1" => String::new(),
                "[px]" => " px".to_owned(),
                unit => format!(" {unit}"),
            };
            write_metric(out, metric, &format!("{label}{unit}"))?;
        }
    }
    if let Some(iou) = s.pooled_iou {
        writeln!(
            out,
            "  pixels of all frames pooled: Dice {:.4}, IoU {iou:.4}",
            s.pooled_dice.unwrap_or(0.0)
        )?;
    }
    if let Some(o) = &s.objects {
        let value = |v: Option<f64>| v.map_or_else(|| "--".to_owned(), |v| format!("{v:.4}"));
        writeln!(
            out,
            "  objects: found {}, missed {}, false {}; F1 {} ({}), panoptic quality {}",
            o.counts.matched,
            o.counts.truth_only,
            o.counts.prediction_only,
            value(o.f1),
            interval_text(o.f1_interval, o.f1_no_interval, 4),
            value(o.panoptic_quality)
        )?;
    }
    for clip in &s.temporal {
        let t = clip.steadiness;
        let value = |v: Option<f64>, digits: usize| v.map_or_else(|| "--".to_owned(), |v| number(v, digits));
        writeln!(
            out,
            "  over time, {}: Dice of neighbours {} (truth {}), moved along IoU {} (truth {}), odd frames {} %, axis {} deg, jitter {} %, on/off {} /min, gaps over 0.2 s {}, lag {} ms, {}",
            clip.input,
            value(t.consecutive_dice, 4),
            value(t.truth_consecutive_dice, 4),
            value(t.moved_iou, 4),
            value(t.truth_moved_iou, 4),
            value(t.odd_frames.map(|o| 100.0 * o), 1),
            value(t.orientation_second_difference_deg, 1),
            value(t.jitter_percent, 2),
            value(t.flicker_per_min, 1),
            t.drop_outs,
            value(t.lag_ms, 0),
            plural(t.n_frames, "frame")
        )?;
    }
    Ok(())
}

fn write_metric(out: &mut String, metric: &NamedMetric, label: &str) -> std::fmt::Result {
    let Some(s) = &metric.summary else {
        return writeln!(out, "  {label:<12} {:>9}  no frame has a value", "--");
    };
    let d = digits(metric);
    writeln!(
        out,
        "  {label:<12} {:>9}  {:<24} {:>9} {:>12} {:>9} {:>7} {:>9}",
        number(s.mean, d),
        interval_text(s.interval, s.no_interval, d),
        number(s.frame_median, d),
        number(s.frame_worst_decile, d),
        number(s.worst, d),
        s.n_frames,
        s.n_without_value
    )
}

fn share_line(name: &str, share: &Share) -> Option<String> {
    let value = share.value?;
    Some(format!(
        "{name} {value:.4} ({}), {}",
        interval_text(share.interval, share.no_interval, 4),
        plural(share.n_frames as usize, "frame")
    ))
}

fn write_value(out: &mut String, v: &ValueReport, unit: &str) -> std::fmt::Result {
    let without: Vec<String> = v.without_value.iter().map(|(why, n)| format!("{n} {why}")).collect();
    let without =
        if without.is_empty() { String::new() } else { format!("; without a value: {}", without.join(", ")) };
    writeln!(out, "\n{} in {}, measured less true", v.name, v.unit)?;
    let Some(a) = &v.agreement else {
        return writeln!(out, "  no pair of {}{without}", v.n_true);
    };
    writeln!(out, "  {} of {}{without}", plural(a.n_pairs, "pair"), plural(a.n_units, unit))?;
    let interval = |i: Option<Interval>| interval_text(i, None, 2);
    writeln!(out, "  bias {:.2} ({})", a.bias, interval(a.bias_interval))?;
    if let Some(l) = a.limits {
        writeln!(
            out,
            "  95 % limits of agreement {:.2} ({}) to {:.2} ({})",
            l.low,
            interval(Some(l.low_interval)),
            l.high,
            interval(Some(l.high_interval))
        )?;
    }
    writeln!(
        out,
        "  mean absolute difference {:.2} ({}), largest {:.2}",
        a.mae,
        interval(v.mae_interval),
        a.max_absolute
    )?;
    if let Some(icc) = a.icc {
        writeln!(out, "  ICC(2,1) {:.4} ({})", icc.value, interval_text(icc.interval, None, 4))?;
    }
    if let Some(ccc) = a.ccc {
        writeln!(out, "  concordance (Lin) {ccc:.4}")?;
    }
    for (name, line) in [("Deming", v.deming), ("Passing & Bablok", v.passing_bablok)] {
        if let Some(l) = line {
            writeln!(
                out,
                "  line by {name}: slope {:.4} ({}), offset {:.2} ({})",
                l.slope,
                interval_text(l.slope_interval, None, 4),
                l.intercept,
                interval(l.intercept_interval)
            )?;
        }
    }
    for d in &v.decisions {
        let value = |v: Option<f64>| v.map_or_else(|| "--".to_owned(), |v| number(v, 3));
        writeln!(
            out,
            "  {} {}: sensitivity {}, specificity {}, kappa {} ({})",
            if d.threshold.is_below { "below" } else { "above" },
            d.threshold.limit,
            value(d.sensitivity.value),
            value(d.specificity.value),
            value(d.kappa),
            interval_text(d.kappa_interval, None, 3)
        )?;
    }
    if let (Some(limit), Some(share)) = (v.limit, &v.within_limit)
        && let Some(part) = share.value
    {
        let i = share.interval.map(|i| Interval { low: 100.0 * i.low, high: 100.0 * i.high });
        writeln!(
            out,
            "  within {limit}{} {:.1} % ({})",
            if limit.to_string().ends_with('%') { " of the truth:" } else { ":" },
            100.0 * part,
            interval_text(i, share.no_interval, 1)
        )?;
    }
    Ok(())
}

/// A comparison as lines.
pub fn comparison_text(c: &Comparison) -> String {
    let mut out = String::new();
    let _ = write_comparison(&mut out, c);
    out
}

fn write_comparison(out: &mut String, c: &Comparison) -> std::fmt::Result {
    writeln!(
        out,
        "\nless {} {} over {} that both have",
        c.other.name,
        c.other.version,
        plural(c.n_frames, "frame")
    )?;
    for d in &c.differences {
        let verdict = match &d.equivalence {
            Some(e) if e.p < 0.05 => format!("within ±{} (p {:.4})", e.bound, e.p),
            Some(e) => format!("not shown to be within ±{} (p {:.4})", e.bound, e.p),
            None => "too few for a test".to_owned(),
        };
        writeln!(
            out,
            "  {:<24} {:+.4}  {:<24} {}; {}",
            format!("{} {}", d.structure, d.metric),
            d.mean,
            interval_text(d.interval, d.no_interval, 4),
            verdict,
            plural(d.n_patients, "unit")
        )?;
    }
    Ok(())
}
