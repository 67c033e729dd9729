//! Figures as Prometheus reads them (text format 0.0.4, <https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Write;

/// How a figure behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Name with its unit, `vesalius_…`.
    pub name: &'static str,
    /// What it is, in one line.
    pub help: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// What tells it from others of its name.
    pub labels: Vec<(&'static str, String)>,
    /// Its value.
    pub value: f64,
}

/// All figures as text; those of one name should follow each other.
pub(crate) fn text(metrics: &[Metric]) -> String {
    let mut out = String::new();
    let mut last = "";
    for metric in metrics {
        if metric.name != last {
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            // Writing to a string does not fail.
            let _ = writeln!(out, "# HELP {0} {1}\n# TYPE {0} {kind}", metric.name, metric.help);
            last = metric.name;
        }
        out.push_str(metric.name);
        for (i, (key, value)) in metric.labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(out, "{}{key}=\"{value}\"", if i == 0 { '{' } else { ',' });
        }
        if !metric.labels.is_empty() {
            out.push('}');
        }
        let _ = match metric.value {
            v if v.is_nan() => writeln!(out, " NaN"),
            v if v.is_infinite() => writeln!(out, " {}Inf", if v > 0.0 { '+' } else { '-' }),
            v => writeln!(out, " {v}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_once_and_labels_are_escaped() {
        let metric = |name, label: &str, value| Metric {
            name,
            help: "Help.",
            kind: MetricKind::Gauge,
            labels: if label.is_empty() {
                vec![]
            } else {
                vec![("of", label.to_owned()), ("n", "1".to_owned())]
            },
            value,
        };
        let all =
            [metric("a_seconds", "x\"y\\z\n", 0.5), metric("a_seconds", "b", f64::NAN), metric("c", "", 3.0)];
        assert_eq!(
            text(&all),
            "# HELP a_seconds Help.\n# TYPE a_seconds gauge\na_seconds{of=\"x\\\"y\\\\z\\n\",n=\"1\"} 0.5\n\
             a_seconds{of=\"b\",n=\"1\"} NaN\n# HELP c Help.\n# TYPE c gauge\nc 3\n"
        );
    }
}
