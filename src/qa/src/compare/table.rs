//! A comparison for people: plain text, every interval and every n printed.

use std::fmt::Write;

use super::report::{Distribution, Report, Spread, StructureReport};
use super::value_report::ValueReport;
use super::verdict::{Bound, Outcome, Status, Verdict};
use crate::stats::Interval;
use crate::stats::bootstrap::NoInterval;

/// Lines of the drop ledger, and of the worst frames of a structure; the file has the rest.
const SHOWN: usize = 5;
/// Characters of a difference between the runs: hashes are told apart by as many.
const HEAD: usize = 24;

fn plural(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

fn interval_text(interval: Option<Interval>, why: Option<NoInterval>, digits: usize) -> String {
    match (interval, why) {
        (Some(i), _) => format!("{:.digits$} to {:.digits$}", i.low, i.high),
        (None, Some(why)) => format!("none: {why}"),
        (None, None) => "none".to_owned(),
    }
}

fn display_unit(ucum: &str) -> &str {
    match ucum {
        "[px]" => "px",
        "[px]2" => "px²",
        "mm2" => "mm²",
        "deg" => "°",
        "1" => "",
        other => other,
    }
}

fn head(text: &str) -> String {
    if text.chars().count() > HEAD {
        text.chars().take(HEAD).chain(['…']).collect()
    } else {
        text.to_owned()
    }
}

/// The comparison as lines.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut out, report);
    out
}

fn write_report(out: &mut String, r: &Report) -> std::fmt::Result {
    for (what, side) in [("reference", &r.reference), ("candidate", &r.candidate)] {
        let e = &side.engine;
        let runs = if side.n_runs == 1 { String::new() } else { format!(", {} runs", side.n_runs) };
        writeln!(out, "{what}  {} {}, {} on {}{runs}", e.name, e.version, e.precision, side.backend)?;
    }
    for (i, d) in r.differ_in.iter().enumerate() {
        let what = if i == 0 { "differ in" } else { "" };
        let side = |text: &str| if text.is_empty() { "nothing".to_owned() } else { head(text) };
        writeln!(out, "{what:<9}  {}: {} / {}", d.what, side(&d.reference), side(&d.candidate))?;
    }
    let c = r.coverage;
    writeln!(
        out,
        "{} of {} in both, {} with the same record; {} in one run only, {} without a result in both",
        plural(c.paired, "frame"),
        plural(r.n_units, r.unit),
        r.same_records,
        c.in_one_only,
        c.without_result_in_both
    )?;
    for note in &r.notes {
        writeln!(out, "note: {note}")?;
    }
    for loss in r.losses.iter().take(SHOWN) {
        let range = if loss.frames == 1 {
            format!("{}", loss.first)
        } else {
            format!("{} to {}", loss.first, loss.last)
        };
        writeln!(out, "the {} lacks {} {range}: {}", loss.lacking, loss.input, loss.why)?;
    }
    if r.losses.len() > SHOWN {
        writeln!(out, "and {} more gaps", r.losses.len() - SHOWN)?;
    }
    for structure in &r.structures {
        write_structure(out, structure, display_unit(r.distance_unit))?;
    }
    if !r.values.is_empty() {
        writeln!(out, "\nvalues, candidate less reference")?;
        let line =
            ["", "unit", "both", "one only", "bias", "limits of agreement", "largest", "bias %", "limits %"];
        let [name, unit, both, one, bias, limits, largest, bias_percent, limits_percent] = line;
        writeln!(
            out,
            "  {name:<34} {unit:<5} {both:>6} {one:>8} {bias:>9} {limits:>20} {largest:>9} {bias_percent:>9} {limits_percent:>18}"
        )?;
        for value in &r.values {
            write_value(out, value)?;
        }
    }
    if let Some(truth) = &r.truth {
        writeln!(
            out,
            "\nagreement with truth, candidate less reference, {}",
            plural(truth.n_frames, "frame")
        )?;
        for d in &truth.differences {
            writeln!(
                out,
                "  {:<34} {:+.4}  {}; {}",
                format!("{} {}", d.structure, d.metric),
                d.mean,
                interval_text(d.interval, d.no_interval, 4),
                plural(d.n_patients, r.unit)
            )?;
        }
    }
    write_verdicts(out, r)
}

fn write_structure(out: &mut String, s: &StructureReport, distance: &str) -> std::fmt::Result {
    let f = s.frames;
    let same = s.masks.as_ref().map_or(String::new(), |m| format!("; same in every pixel {}", m.identical));
    writeln!(
        out,
        "\n{}: frames in both {}, reference only {}, candidate only {}, neither {}{same}",
        s.structure.name, f.both, f.reference_only, f.candidate_only, f.neither
    )?;
    let Some(m) = &s.masks else { return Ok(()) };
    let [mean, interval, median, hundredth, worst, frames] =
        ["mean", "interval", "median", "worst 1 %", "worst", "frames"];
    writeln!(
        out,
        "  {:<10} {mean:>9}  {interval:<24} {median:>9} {hundredth:>10} {worst:>9} {frames:>7}",
        ""
    )?;
    let of_distance = |name: &str| format!("{name} {distance}");
    for (name, digits, d) in [
        ("Dice".to_owned(), 4, m.dice),
        ("NSD".to_owned(), 4, m.nsd),
        (of_distance("HD95"), 2, m.hd95),
        (of_distance("HD100"), 2, m.hd100),
    ] {
        if let Some(d) = d {
            write_distribution(out, &name, digits, &d)?;
        }
    }
    if let Some(a) = &m.area_percent {
        writeln!(
            out,
            "  area       bias {:+.3} % ({}), limits of agreement {}, largest {:.3} %",
            a.bias,
            interval_text(a.bias_interval, None, 3),
            limits_text(a, 3),
            a.max_absolute
        )?;
    }
    for w in s.worst.iter().take(SHOWN) {
        writeln!(
            out,
            "  look at    {} frame {}: Dice {}, HD100 {}{}",
            w.input,
            w.reference_frame,
            w.dice.map_or_else(|| "--".to_owned(), |d| format!("{d:.4}")),
            w.hd100.map_or_else(|| "--".to_owned(), |d| format!("{d:.2} {distance}")),
            if w.presence.is_flip() {
                format!(" ({})", w.presence.name().replace('_', " "))
            } else {
                String::new()
            }
        )?;
    }
    Ok(())
}

fn write_distribution(out: &mut String, name: &str, digits: usize, d: &Distribution) -> std::fmt::Result {
    writeln!(
        out,
        "  {name:<10} {:>9.digits$}  {:<24} {:>9.digits$} {:>10.digits$} {:>9.digits$} {:>7}",
        d.mean,
        interval_text(d.interval, d.no_interval, digits),
        d.median,
        d.worst_hundredth,
        d.worst,
        d.n_frames
    )
}

fn limits_text(s: &Spread, digits: usize) -> String {
    s.limits.map_or_else(|| "none".to_owned(), |l| format!("{:+.digits$} to {:+.digits$}", l.low, l.high))
}

fn write_value(out: &mut String, v: &ValueReport) -> std::fmt::Result {
    let one = v.reference_only + v.candidate_only;
    let text = |s: Option<&Spread>, of: fn(&Spread) -> String| s.map_or_else(|| "--".to_owned(), of);
    let (d, p) = (v.difference.as_ref(), v.percent.as_ref());
    writeln!(
        out,
        "  {:<34} {:<5} {:>6} {one:>8} {:>9} {:>20} {:>9} {:>9} {:>18}",
        v.label(),
        display_unit(&v.unit),
        v.both,
        text(d, |s| format!("{:+.3}", s.bias)),
        text(d, |s| limits_text(s, 3)),
        text(d, |s| format!("{:.3}", s.max_absolute)),
        text(p, |s| format!("{:+.3}", s.bias)),
        text(p, |s| limits_text(s, 2))
    )?;
    for (change, n) in v.changed_states.iter().take(SHOWN) {
        writeln!(out, "    {change} in {}", plural(*n, if v.over_time { "clip" } else { "frame" }))?;
    }
    Ok(())
}

/// A gate's figure and limit.
fn figure_text(v: &Verdict) -> String {
    let sign = match v.bound {
        Bound::AtLeast => "≥",
        Bound::AtMost => "≤",
        Bound::Above => ">",
        Bound::Below => "<",
    };
    let figure = v.figure.map_or_else(|| "--".to_owned(), |f| format!("{f:.4}"));
    let unit = display_unit(&v.unit);
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let note = v.note.as_ref().map_or(String::new(), |n| format!(" ({n})"));
    format!("{}: {figure} {sign} {}{unit}{note}", v.gate, v.limit)
}

/// Gates of a subject that are met, beyond which they are only counted: the table of values has their figures.
const MET_SHOWN: usize = 3;

fn write_verdicts(out: &mut String, r: &Report) -> std::fmt::Result {
    writeln!(out, "\ngates {} ({})", r.gates.name, r.gates.why)?;
    for of_one in r.verdicts.chunk_by(|a, b| a.subject == b.subject) {
        let Some(subject) = of_one.first().map(|v| &v.subject) else { continue };
        let met = of_one.iter().filter(|v| v.status == Status::Met);
        let n_met = met.clone().count();
        if n_met > MET_SHOWN {
            writeln!(out, "  met            {subject}: {n_met} gates")?;
        } else {
            for v in met {
                writeln!(out, "  met            {subject} {}", figure_text(v))?;
            }
        }
        for v in of_one.iter().filter(|v| v.status != Status::Met) {
            let mark = match v.status {
                Status::Missed => "MISSED",
                Status::Undecided => "undecided",
                Status::NotLookedAt => "not looked at",
                Status::Met => "met",
            };
            writeln!(out, "  {mark:<14} {subject} {}", figure_text(v))?;
        }
    }
    writeln!(out, "{}", summary(r))
}

/// All of it in one line.
pub fn summary(r: &Report) -> String {
    let count = |status| r.verdicts.iter().filter(|v| v.status == status).count();
    let outcome = match r.outcome {
        Outcome::Parity => "parity",
        Outcome::Missed => "no parity",
        Outcome::Undecided => "parity as far as it could be decided",
    };
    format!(
        "{outcome}: {} met, {} missed, {} undecided, {} not looked at",
        plural(count(Status::Met), "gate"),
        count(Status::Missed),
        count(Status::Undecided),
        count(Status::NotLookedAt)
    )
}
