//! Numbers and words as a report writes them.

use serde_json::Value;

use crate::stats::Interval;

/// What stands where there is no number.
pub const NONE: &str = "–";

/// A number with so many digits after the point.
pub fn number(value: impl Into<Option<f64>>, digits: usize) -> String {
    match value.into() {
        Some(v) if v.is_finite() => {
            let text = format!("{v:.digits$}");
            // What is rounded to nothing has no sign.
            let is_zero = text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.'));
            if is_zero { text.trim_start_matches('-').to_owned() } else { text }
        }
        _ => NONE.to_owned(),
    }
}

/// An interval.
pub fn interval(interval: Option<Interval>, digits: usize) -> String {
    interval.map_or_else(|| NONE.to_owned(), |i| format!("{:.digits$} to {:.digits$}", i.low, i.high))
}

/// A count with its noun.
pub fn plural(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// A part of a whole, per cent.
pub fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { NONE.to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

/// A UCUM code as people write it; a plain number has none.
pub fn unit(ucum: &str) -> &str {
    match ucum {
        "[px]" => "px",
        "[px]2" => "px²",
        "mm2" => "mm²",
        "deg" => "°",
        "1" => "",
        "[px]/s" => "px/s",
        "[px]2/s" => "px²/s",
        "mm2/s" => "mm²/s",
        "{field}/s" => "fields/s",
        other => other,
    }
}

/// A name with its unit.
pub fn with_unit(name: &str, ucum: &str) -> String {
    let unit = unit(ucum);
    if unit.is_empty() { name.to_owned() } else { format!("{name}, {unit}") }
}

/// A place in a JSON value; what is not there is null.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a>(pub &'a Value);

static NULL: Value = Value::Null;

impl<'a> Node<'a> {
    /// What lies at names joined by `/`.
    pub fn at(self, path: &str) -> Self {
        path.split('/').fold(self, |node, name| Self(node.0.get(name).unwrap_or(&NULL)))
    }

    /// A number.
    pub fn num(self, path: &str) -> Option<f64> {
        self.at(path).0.as_f64()
    }

    /// A count; 0 where there is none.
    pub fn count(self, path: &str) -> usize {
        self.at(path).0.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }

    /// A text; empty where there is none.
    pub fn text(self, path: &str) -> &'a str {
        self.at(path).0.as_str().unwrap_or("")
    }

    /// The members of a list.
    pub fn list(self, path: &str) -> impl Iterator<Item = Node<'a>> {
        self.at(path).0.as_array().into_iter().flatten().map(Node)
    }

    /// The members of an object by name.
    pub fn members(self, path: &str) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        self.at(path).0.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), Node(value)))
    }

    /// An interval.
    pub fn interval(self, path: &str) -> Option<Interval> {
        let node = self.at(path);
        Some(Interval { low: node.num("low")?, high: node.num("high")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_nothing() {
        let value = serde_json::json!({"a": {"b": 2, "low": 1.0, "high": 2.5}, "l": [1, 2], "t": "x"});
        let node = Node(&value);
        assert_eq!((node.num("a/b"), node.num("a/c"), node.num("x/y/z")), (Some(2.0), None, None));
        assert_eq!((node.text("t"), node.text("l"), node.list("l").count()), ("x", "", 2));
        assert_eq!(interval(node.interval("a"), 1), "1.0 to 2.5");
        assert_eq!((number(f64::NAN, 2), number(-0.001, 2)), (NONE.to_owned(), "0.00".to_owned()));
        assert_eq!((percent(1, 0), plural(1, "frame")), (NONE.to_owned(), "1 frame".to_owned()));
    }
}
