//! What a run has left behind, read for scoring.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use vesalius_ledger::record::SCHEMA;
use vesalius_ledger::writer::RESULTS;

use super::error::ScoreError;

/// Folder of the label masks within a run's.
const MASKS: &str = "masks";

/// Which engine a run is of.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
pub struct Engine {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 of the model.
    pub sha256: String,
    /// Numbers that the network runs in.
    #[serde(default)]
    pub precision: String,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// Its engine.
    pub engine: Engine,
    /// All that it says of itself: the first line of its records.
    pub head: Value,
    /// Name of the input, a file or folder.
    pub input: String,
    /// Whether the input is a recording rather than stills.
    pub is_clip: bool,
    /// Classes by name; the first has index 1.
    pub classes: Vec<String>,
    /// Frames in their order.
    pub frames: Vec<Frame>,
    /// Values over time as they stand at the end.
    pub series: Vec<RunValue>,
    /// Instants that the values over time name: of each beat that counted, and of the like.
    pub instants: BTreeMap<Arc<str>, Vec<f64>>,
}

/// A frame of a run.
#[derive(Clone, Debug)]
pub struct Frame {
    /// File that it is from.
    pub input: String,
    /// Number in the run.
    pub number: u64,
    /// Presentation time, nanoseconds.
    pub pts_ns: u64,
    /// Presentation time, seconds.
    pub at_s: f64,
    /// Name that its mask has, without ending.
    pub stem: String,
    /// Whether the engine gave a result.
    pub has_result: bool,
    /// Why it gave none, as a code.
    pub reason: Option<Arc<str>>,
    /// Width and height of the picture in pixels; 0 where the record does not say.
    pub size: [u32; 2],
    /// How unlike the engine's training data the picture is, where the engine says.
    pub unlikeness: Option<f32>,
    /// Whether that is too much for any value.
    pub is_unlike: bool,
    /// Whether each class was found, in the engine's order.
    pub found: Vec<bool>,
    /// How sure the engine is of each, 0 to 1; `None` where it was not found.
    pub confidence: Vec<Option<f32>>,
    /// Why each gives no value although it was found, as a code.
    pub withheld: Vec<Option<Arc<str>>>,
    /// Hash of the whole record: two frames with one hash have equal records.
    pub fingerprint: u64,
    /// Millimetres per pixel along x and y, where they were known.
    pub scale_mm: Option<[f64; 2]>,
    /// What was measured.
    pub values: Vec<RunValue>,
}

/// A measured value. Its words are shared between all values of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunValue {
    /// Class or object by name; empty where it is of the whole picture.
    pub structure: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Number; `None` where there is none.
    pub value: Option<f64>,
    /// Unit, as UCUM code.
    pub unit: Arc<str>,
    /// Standard uncertainty in that unit, where one was given.
    pub uncertainty: Option<f64>,
    /// `valid`, `limited` or `invalid`.
    pub validity: Arc<str>,
    /// Why it is not valid, as a code.
    pub reason: Option<Arc<str>>,
}

impl RunValue {
    /// The number, unless it is none to rely on.
    pub fn usable(&self) -> Option<f64> {
        self.value.filter(|v| v.is_finite() && &*self.validity != "invalid")
    }
}

#[derive(Deserialize)]
struct FrameLine<'a> {
    #[serde(borrow)]
    input: Cow<'a, str>,
    frame: u64,
    pts_ns: u64,
    #[serde(default)]
    size: [u32; 2],
    #[serde(default)]
    unlikeness: Option<UnlikenessLine>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    calibration: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    structures: Vec<StructureLine<'a>>,
    #[serde(borrow, default)]
    values: Vec<ValueLine<'a>>,
    #[serde(borrow, default)]
    series: Vec<ValueLine<'a>>,
}

#[derive(Deserialize)]
struct UnlikenessLine {
    score: f32,
    unlike: bool,
}

#[derive(Deserialize)]
struct StructureLine<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    found: bool,
    #[serde(default)]
    confidence: Option<f32>,
    #[serde(borrow, default)]
    withheld: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ValueLine<'a> {
    #[serde(borrow, default)]
    structure: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    value: Option<f64>,
    #[serde(borrow)]
    unit: Cow<'a, str>,
    #[serde(default)]
    uncertainty: Option<f64>,
    #[serde(borrow)]
    validity: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

/// The words of a run, each kept once.
#[derive(Default)]
struct Words(HashSet<Arc<str>>);

impl Words {
    fn take(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.0.get(word) {
            return known.clone();
        }
        let word: Arc<str> = word.into();
        self.0.insert(word.clone());
        word
    }

    fn values(&mut self, lines: Vec<ValueLine<'_>>) -> Vec<RunValue> {
        let mut value = |v: ValueLine<'_>| RunValue {
            structure: self.take(&v.structure),
            name: self.take(&v.name),
            value: v.value,
            unit: self.take(&v.unit),
            uncertainty: v.uncertainty,
            validity: self.take(&v.validity),
            reason: v.reason.map(|r| self.take(&r)),
        };
        lines.into_iter().map(&mut value).collect()
    }
}

/// Values over time that are instants of presentation time, in seconds.
const INSTANTS: [&str; 2] = ["end_diastole_time", "end_systole_time"];
/// An instant is fitted anew while its neighbourhood comes in: so near it is the same one, seconds.
const SAME_INSTANT_S: f64 = 0.1;

fn one_engine(runs: &[Run], path: &Path) -> Result<(), ScoreError> {
    let engines: BTreeSet<&str> = runs.iter().map(|r| r.engine.sha256.as_str()).collect();
    if engines.len() > 1 { Err(ScoreError::Engines(path.to_owned())) } else { Ok(()) }
}

fn fingerprint(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

/// Millimetres per pixel at the end of a calibration's identifier, `source:XxY`.
fn scale_of(id: &str) -> Option<[f64; 2]> {
    let (x, y) = id.rsplit(':').next()?.split_once('x')?;
    let (x, y) = (x.parse().ok()?, y.parse().ok()?);
    let good = |v: f64| v.is_finite() && v > 0.0;
    (good(x) && good(y)).then_some([x, y])
}

/// A file's name without folder and ending.
pub(crate) fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|s| s.to_str()).unwrap_or(name)
}

impl Run {
    /// Reads a run, or every run in the folders of a folder.
    ///
    /// # Errors
    ///
    /// [`ScoreError`].
    pub fn read_all(path: &Path) -> Result<Vec<Self>, ScoreError> {
        let runs = Self::read_folders(path)?;
        one_engine(&runs, path)?;
        Ok(runs)
    }

    /// Reads the runs of several paths as one study.
    ///
    /// # Errors
    ///
    /// [`ScoreError`].
    pub fn read_study(paths: &[PathBuf]) -> Result<Vec<Self>, ScoreError> {
        let mut runs: Vec<Self> = Vec::new();
        for path in paths {
            runs.extend(Self::read_folders(path)?);
            one_engine(&runs, path)?;
        }
        Ok(runs)
    }

    fn read_folders(path: &Path) -> Result<Vec<Self>, ScoreError> {
        if path.join(RESULTS).is_file() {
            return Ok(vec![Self::read(path)?]);
        }
        let entries = std::fs::read_dir(path).map_err(|_| ScoreError::NoRun(path.to_owned()))?;
        let mut folders: Vec<PathBuf> =
            entries.flatten().map(|e| e.path()).filter(|p| p.join(RESULTS).is_file()).collect();
        folders.sort();
        if folders.is_empty() {
            return Err(ScoreError::NoRun(path.to_owned()));
        }
        folders.iter().map(|f| Self::read(f)).collect()
    }

    fn read(folder: &Path) -> Result<Self, ScoreError> {
        let path = folder.join(RESULTS);
        let fail = |line: usize, message: String| ScoreError::Record { path: path.clone(), line, message };
        let file = std::fs::File::open(&path)
            .map_err(|e| ScoreError::Read { path: path.clone(), message: e.to_string() })?;
        let mut lines = std::io::BufReader::new(file).lines().enumerate();
        let (_, head) = lines.next().ok_or_else(|| fail(1, "the file is empty".to_owned()))?;
        let head: Value = head
            .map_err(|e| fail(1, e.to_string()))
            .and_then(|text| serde_json::from_str(&text).map_err(|e| fail(1, e.to_string())))?;
        if head["record"] != "run" || head["schema"] != SCHEMA {
            let found = head.get("schema").map_or_else(|| "without a number".to_owned(), Value::to_string);
            return Err(ScoreError::Format { path: path.clone(), found, known: SCHEMA });
        }
        let engine: Engine =
            serde_json::from_value(head["engine"].clone()).map_err(|e| fail(1, format!("engine: {e}")))?;
        let input = head.pointer("/input/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = head.pointer("/input/kind").and_then(Value::as_str).unwrap_or_default();
        let is_clip = matches!(kind, "video" | "dicom");
        let mut run = Self {
            folder: folder.to_owned(),
            engine,
            head,
            input,
            is_clip,
            classes: Vec::new(),
            frames: Vec::new(),
            series: Vec::new(),
            instants: BTreeMap::new(),
        };
        let mut words = Words::default();
        for (i, line) in lines {
            let text = line.map_err(|e| fail(i + 1, e.to_string()))?;
            // The line is the file's, so its own first one is not worth a word.
            let told = |e: serde_json::Error| e.to_string().replace(" at line 1 column ", " at column ");
            let line: FrameLine<'_> = serde_json::from_str(&text).map_err(|e| fail(i + 1, told(e)))?;
            run.add(line, fingerprint(&text), &mut words);
        }
        run.name_masks();
        Ok(run)
    }

    fn add(&mut self, line: FrameLine<'_>, fingerprint: u64, words: &mut Words) {
        if self.classes.is_empty() {
            self.classes = line.structures.iter().map(|s| s.name.to_string()).collect();
        }
        if !line.series.is_empty() {
            self.series = words.values(line.series);
            self.note_instants();
        }
        self.frames.push(Frame {
            input: line.input.into_owned(),
            number: line.frame,
            pts_ns: line.pts_ns,
            at_s: line.pts_ns as f64 / 1e9,
            stem: String::new(),
            size: line.size,
            unlikeness: line.unlikeness.as_ref().map(|u| u.score),
            is_unlike: line.unlikeness.is_some_and(|u| u.unlike),
            has_result: line.status == "ok",
            reason: line.reason.map(|r| words.take(&r)),
            found: line.structures.iter().map(|s| s.found).collect(),
            confidence: line.structures.iter().map(|s| s.confidence).collect(),
            withheld: line.structures.into_iter().map(|s| s.withheld.map(|w| words.take(&w))).collect(),
            fingerprint,
            scale_mm: line.calibration.as_deref().and_then(scale_of),
            values: words.values(line.values),
        });
    }

    /// The values over time name the last beat that counts: over the run, each is named once.
    fn note_instants(&mut self) {
        for value in self.series.iter().filter(|v| INSTANTS.contains(&&*v.name)) {
            let Some(at_s) = value.usable() else { continue };
            let known = self.instants.entry(value.name.clone()).or_default();
            if known.last().is_none_or(|last| (at_s - last).abs() > SAME_INSTANT_S) {
                known.push(at_s);
            }
        }
    }

    /// Masks of a clip bear the frame's number; those of stills the file's stem or, where several share one, its whole name.
    fn name_masks(&mut self) {
        let mut count: HashMap<String, usize> = HashMap::new();
        for frame in &self.frames {
            *count.entry(stem(&frame.input).to_owned()).or_default() += 1;
        }
        let is_clip = self.is_clip;
        for frame in &mut self.frames {
            let name = stem(&frame.input);
            frame.stem = match (is_clip, count.get(name)) {
                (true, _) => format!("{:06}", frame.number),
                (false, Some(1)) => name.to_owned(),
                _ => frame.input.clone(),
            };
        }
    }

    /// Where a frame's label mask is.
    pub fn mask(&self, frame: &Frame) -> PathBuf {
        self.folder.join(MASKS).join(format!("{}.png", frame.stem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_read_from_its_identifier() {
        assert_eq!(scale_of("operator:0.2x0.31"), Some([0.2, 0.31]));
        assert_eq!(scale_of("profile:a:0.2x0.3"), Some([0.2, 0.3]));
        for bad in ["operator", "operator:0.2", "operator:0x1", "operator:NaNxNaN", ""] {
            assert_eq!(scale_of(bad), None, "{bad}");
        }
    }

    fn run(lines: &str) -> Result<Vec<Run>, ScoreError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(RESULTS), lines).unwrap();
        Run::read_all(folder.path())
    }

    const HEAD: &str = r#"{"record":"run","schema":1,"engine":{"name":"e","version":"1","sha256":"ab"},"input":{"name":"a","kind":"stills"}}"#;

    #[test]
    fn frames_with_one_stem_keep_their_whole_name() {
        let frame = |n: u64, input: &str| {
            format!(
                r#"{{"record":"frame","input":"{input}","frame":{n},"pts_ns":0,"status":"ok","calibration":null}}"#
            )
        };
        let text = [HEAD.to_owned(), frame(0, "x.png"), frame(1, "x.webp"), frame(2, "y.png")].join("\n");
        let runs = run(&text).unwrap();
        let stems: Vec<&str> = runs[0].frames.iter().map(|f| f.stem.as_str()).collect();
        assert_eq!(stems, ["x.png", "x.webp", "y"]);
    }

    #[test]
    fn old_formats_and_broken_lines_are_one_line_each() {
        for (text, expected) in [
            (r#"{"record":"run","schema":0,"engine":{}}"#.to_owned(), "written in format 0"),
            (r#"{"frame":1}"#.to_owned(), "written in format without a number"),
            ("not json".to_owned(), "line 1 cannot be read"),
            (String::new(), "the file is empty"),
            (format!("{HEAD}\n{{\"half\": "), "line 2 cannot be read"),
        ] {
            let error = run(&text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Run::read_all(empty.path()), Err(ScoreError::NoRun(_))));
        assert!(matches!(Run::read_all(Path::new("/nowhere/at/all")), Err(ScoreError::NoRun(_))));
    }
}
