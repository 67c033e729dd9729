//! How measured values go together with true ones.

use crate::report::document::{Section, Table};
use crate::report::figure::agreement::{Agreement, bland_altman};
use crate::report::study::Study;
use crate::report::words::{Node, interval, number, with_unit};

pub(super) fn section(study: &Study) -> Section {
    let mut section = Section::new("agreement", "Values beside truth");
    let Some(scores) = &study.scores else { return section };
    for v in Node(&scores.json).list("values") {
        let (name, unit) = (v.text("name"), v.text("unit"));
        let pairs: Vec<(f64, f64)> = scores
            .values
            .iter()
            .filter(|row| row.name == name && row.unit == unit)
            .map(|row| (row.measured, row.truth))
            .collect();
        let a = v.at("agreement");
        let Some(bias) = a.num("bias") else { continue };
        let people = name.replace('_', " ");
        section.heading(people.clone());
        let ends = a.interval("limits/low_interval").zip(a.interval("limits/high_interval"));
        section.figure(bland_altman(&Agreement {
            title: format!("{people}: differences beside sizes"),
            difference: with_unit("measured less true", unit),
            size: with_unit("mean of both", unit),
            pairs: &pairs,
            bias,
            bias_interval: a.interval("bias_interval"),
            limits: a.interval("limits"),
            limits_intervals: ends.map(|(low, high)| [low, high]),
        }));
        if let Some(rank) = a.num("spread_with_size").filter(|r| r.abs() >= 0.3) {
            section.note(format!(
                "Differences grow or shrink with size (rank correlation {rank:.2}): limits in per cent would suit better."
            ));
        }
        lines(&mut section, v, &people);
        decisions(&mut section, v, &people);
    }
    section
}

/// Decisions at thresholds, where there are usual ones.
fn decisions(section: &mut Section, value: Node<'_>, name: &str) {
    let head = [
        "threshold",
        "sensitivity",
        "specificity",
        "kappa",
        "interval",
        "both",
        "true alone",
        "measured alone",
        "neither",
    ];
    let mut table = Table::new(format!("{name}: decisions"), head);
    for d in value.list("decisions") {
        let side = if d.at("is_below").0 == &serde_json::Value::Bool(true) { "below" } else { "above" };
        let counts: Vec<String> = d.list("counts").map(|n| n.0.to_string()).collect();
        let count = |i: usize| counts.get(i).cloned().unwrap_or_default();
        let share = |key: &str| {
            let node = d.at(key);
            format!("{} ({})", number(node.num("value"), 3), interval(node.interval("interval"), 3))
        };
        table.row([
            format!(
                "{side} {}",
                with_unit(&d.num("limit").unwrap_or(0.0).to_string(), value.text("unit")).replace(", ", " ")
            ),
            share("sensitivity"),
            share("specificity"),
            number(d.num("kappa"), 3),
            interval(d.interval("kappa_interval"), 3),
            count(0),
            count(1),
            count(2),
            count(3),
        ]);
    }
    section.table(table);
}

/// Lines through the pairs, where the scoring fitted some.
fn lines(section: &mut Section, value: Node<'_>, name: &str) {
    let mut table = Table::new(
        format!("{name}: measured as a line of true"),
        ["line", "slope", "interval", "offset", "interval"],
    );
    for (key, label) in [("deming", "Deming"), ("passing_bablok", "Passing & Bablok")] {
        let line = value.at(key);
        if let Some(slope) = line.num("slope") {
            table.row([
                label.to_owned(),
                number(slope, 4),
                interval(line.interval("slope_interval"), 4),
                number(line.num("intercept"), 3),
                interval(line.interval("intercept_interval"), 3),
            ]);
        }
    }
    section.table(table);
}
