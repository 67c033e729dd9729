//! What is true: a folder of label masks, or a table that names them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::error::ScoreError;
use super::run::stem;

/// Units that a column's name may end with, and their UCUM codes.
const UNITS: [(&str, &str); 14] = [
    ("mm", "mm"),
    ("mm2", "mm2"),
    ("ml", "mL"),
    ("percent", "%"),
    ("px", "[px]"),
    ("px2", "[px]2"),
    ("wk", "wk"),
    ("weeks", "wk"),
    ("s", "s"),
    ("per_min", "/min"),
    ("ratio", "1"),
    ("deg", "deg"),
    ("l_per_min", "L/min"),
    ("mm_per_s", "mm/s"),
];
/// Columns that say which part of a study a row is of; a patient is in one part only.
const PARTS: [&str; 4] = ["split", "group", "set", "part"];

/// A value that a column of the table holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Name of the value, as a run has it.
    pub name: String,
    /// UCUM code of its unit.
    pub unit: &'static str,
}

/// The truth of one frame.
#[derive(Clone, Debug, Default)]
pub struct TruthFrame {
    /// Stem of the picture's name.
    pub stem: String,
    /// Name of the folder that it is in.
    pub folder: String,
    /// The label mask.
    pub mask: Option<PathBuf>,
    /// Number of the patient.
    pub patient: Option<usize>,
    /// Number of the video.
    pub video: Option<usize>,
    /// Number of the frame within its sequence, of a still that is one.
    pub order: Option<u64>,
    /// Millimetres per pixel along x and y.
    pub scale_mm: Option<[f64; 2]>,
    /// Values by column of [`Truth::columns`]; `None` where the cell is empty.
    pub values: Vec<Option<f64>>,
    /// Number of its stratum in [`Truth::strata`].
    pub stratum: Option<usize>,
}

/// All that is known to be true.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// File or folder name, without the way to it.
    pub name: String,
    /// Frames.
    pub frames: Vec<TruthFrame>,
    /// Values that the table has.
    pub columns: Vec<Column>,
    /// Names of the strata, where a column of them was asked for.
    pub strata: Vec<String>,
}

impl Truth {
    /// Reads a folder of PNG label masks (and the folders in it), or a CSV with the header `image,mask,…` (`frame`
    /// instead of `image` for the frames of a clip): `subject` or
    /// `patient`, `video` or `sequence`, `pixel_size_mm` (or with `_x` and `_y`), values as `NAME_UNIT`. Paths in it are seen
    /// from where it lies. `by` names a column to take apart by.
    ///
    /// # Errors
    ///
    /// [`ScoreError`].
    pub fn read(path: &Path, by: Option<&str>) -> Result<Self, ScoreError> {
        let name = path.file_name().map_or_else(|| "truth".to_owned(), |n| n.to_string_lossy().into_owned());
        let mut truth = if path.is_dir() {
            if by.is_some() {
                return Err(ScoreError::Setting(
                    "--by needs a table of truth, and this is a folder".to_owned(),
                ));
            }
            Self::read_folder(path)?
        } else {
            Self::read_table(path, by)?
        };
        truth.name = name;
        Ok(truth)
    }

    fn read_folder(path: &Path) -> Result<Self, ScoreError> {
        let fail = |e: std::io::Error| ScoreError::Read { path: path.to_owned(), message: e.to_string() };
        let mut folders = vec![path.to_owned()];
        for entry in std::fs::read_dir(path).map_err(fail)? {
            let entry = entry.map_err(fail)?.path();
            if entry.is_dir() {
                folders.push(entry);
            }
        }
        folders.sort();
        let mut truth = Self::default();
        for folder in folders {
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(&folder).map_err(fail)?.flatten().map(|e| e.path()).collect();
            files.retain(|f| f.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")));
            files.sort();
            let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
            truth.frames.extend(files.into_iter().map(|file| TruthFrame {
                stem: stem(&name(&file)).to_owned(),
                folder: name(&folder),
                mask: Some(file),
                ..TruthFrame::default()
            }));
        }
        if truth.frames.is_empty() {
            let message = "no PNG masks are in it or in the folders in it".to_owned();
            return Err(ScoreError::Read { path: path.to_owned(), message });
        }
        Ok(truth)
    }

    fn read_table(path: &Path, by: Option<&str>) -> Result<Self, ScoreError> {
        let fail = |message: String| ScoreError::Table { path: path.to_owned(), message };
        let one_line = |e: csv::Error| e.to_string().replace('\n', " ");
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_path(path)
            .map_err(|e| ScoreError::Read { path: path.to_owned(), message: one_line(e) })?;
        let header: Vec<String> =
            reader.headers().map_err(|e| fail(one_line(e)))?.iter().map(str::to_ascii_lowercase).collect();
        let columns = Header::of(&header, by).map_err(fail)?;
        let root = path.parent().unwrap_or(Path::new("."));
        let mut truth =
            Self { columns: columns.values.iter().map(|v| v.1.clone()).collect(), ..Self::default() };
        let mut units = Units::default();
        for (line, row) in (2..).zip(reader.records()) {
            let row = row.map_err(|e| fail(one_line(e)))?;
            let cell =
                |column: Option<usize>| column.and_then(|c| row.get(c)).filter(|text| !text.is_empty());
            let number = |column: usize| -> Result<Option<f64>, ScoreError> {
                let Some(text) = row.get(column).filter(|text| !text.is_empty()) else { return Ok(None) };
                let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
                let column = header.get(column).map_or("", String::as_str);
                value
                    .map(Some)
                    .ok_or_else(|| fail(format!("line {line}, column {column}: not a finite number")))
            };
            let image = cell(Some(columns.image))
                .ok_or_else(|| fail(format!("line {line}: the column image is empty")))?;
            let scale_mm = match columns.scale {
                Some([x, y]) => number(x)?.zip(number(y)?).map(|(x, y)| [x, y]),
                None => None,
            };
            if scale_mm.is_some_and(|s| s.iter().any(|v| *v <= 0.0)) {
                return Err(fail(format!("line {line}: a pixel has no size")));
            }
            let folder = Path::new(image).parent().and_then(Path::file_name).unwrap_or_default();
            truth.frames.push(TruthFrame {
                stem: stem(image).to_owned(),
                folder: folder.to_string_lossy().into_owned(),
                mask: cell(columns.mask).map(|m| root.join(m)),
                patient: cell(columns.patient).map(|p| units.patient(p)),
                video: cell(columns.video).map(|v| units.video(v)),
                order: cell(columns.order).and_then(leading_number),
                scale_mm,
                values: columns.values.iter().map(|v| number(v.0)).collect::<Result<_, _>>()?,
                stratum: columns.by.and_then(|c| row.get(c)).map(|text| units.stratum(text)),
            });
            let parts = columns.parts.iter().filter_map(|&c| Some((c, row.get(c)?)));
            units.check(line, truth.frames.last(), parts, &header).map_err(fail)?;
        }
        if truth.frames.is_empty() {
            return Err(fail("it has a header and no rows".to_owned()));
        }
        truth.strata = units.strata;
        Ok(truth)
    }
}

/// Where in the table what is.
struct Header {
    image: usize,
    mask: Option<usize>,
    patient: Option<usize>,
    video: Option<usize>,
    order: Option<usize>,
    scale: Option<[usize; 2]>,
    values: Vec<(usize, Column)>,
    parts: Vec<usize>,
    by: Option<usize>,
}

impl Header {
    fn of(header: &[String], by: Option<&str>) -> Result<Self, String> {
        let at = |names: &[&str]| header.iter().position(|h| names.contains(&h.as_str()));
        let image = at(&["image", "file"])
            .or_else(|| at(&["frame_index", "frame"]))
            .ok_or("it has no column 'image' (or 'frame', of a clip): the header is image,mask,…")?;
        let mask = at(&["mask", "label"]);
        let scale = match (at(&["pixel_size_mm", "mm_per_px"]), at(&["mm_per_px_x"]), at(&["mm_per_px_y"])) {
            (_, Some(x), Some(y)) => Some([x, y]),
            (Some(both), ..) => Some([both, both]),
            _ => None,
        };
        let values: Vec<(usize, Column)> = header
            .iter()
            .enumerate()
            .filter(|(i, h)| !scale.is_some_and(|s| s.contains(i)) && !h.starts_with("mm_per_px"))
            .filter_map(|(i, h)| {
                let (suffix, unit) = UNITS
                    .iter()
                    .filter(|(suffix, _)| h.strip_suffix(suffix).is_some_and(|h| h.ends_with('_')))
                    .max_by_key(|(suffix, _)| suffix.len())?;
                let name = h.get(..h.len() - suffix.len() - 1).filter(|n| !n.is_empty())?;
                Some((i, Column { name: name.to_owned(), unit }))
            })
            .collect();
        if mask.is_none() && values.is_empty() {
            return Err(
                "it has neither a column 'mask' nor one of values such as head_circumference_mm".to_owned()
            );
        }
        let by = match by {
            Some(by) => {
                let lower = by.to_ascii_lowercase();
                Some(
                    header
                        .iter()
                        .position(|h| *h == lower)
                        .ok_or(format!("it has no column '{by}' to take apart by"))?,
                )
            }
            None => None,
        };
        let parts =
            header.iter().enumerate().filter(|(_, h)| PARTS.contains(&h.as_str())).map(|(i, _)| i).collect();
        Ok(Self {
            image,
            mask,
            patient: at(&["patient", "subject"]),
            video: at(&["video", "sequence", "clip"]),
            order: at(&["frame_index", "frame"]).filter(|&column| column != image),
            scale,
            values,
            parts,
            by,
        })
    }
}

/// The number that a frame's name begins with: `0012_l` is frame 12.
fn leading_number(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..digits)?.parse().ok()
}

/// Patients and videos, numbered as they come: what they are called leaves with the table.
#[derive(Default)]
struct Units {
    patients: HashMap<String, usize>,
    videos: HashMap<String, usize>,
    strata: Vec<String>,
    /// First line and patient of each video.
    patient_of: BTreeMap<usize, (usize, Option<usize>)>,
    /// First line and part of each patient, by column.
    part_of: HashMap<(usize, usize), (usize, String)>,
}

fn number_of(known: &mut HashMap<String, usize>, name: &str) -> usize {
    let next = known.len();
    *known.entry(name.to_owned()).or_insert(next)
}

impl Units {
    fn patient(&mut self, name: &str) -> usize {
        number_of(&mut self.patients, name)
    }
    fn video(&mut self, name: &str) -> usize {
        number_of(&mut self.videos, name)
    }
    fn stratum(&mut self, name: &str) -> usize {
        self.strata.iter().position(|s| s == name).unwrap_or_else(|| {
            self.strata.push(name.to_owned());
            self.strata.len() - 1
        })
    }

    fn check<'a>(
        &mut self,
        line: usize,
        frame: Option<&TruthFrame>,
        parts: impl Iterator<Item = (usize, &'a str)>,
        header: &[String],
    ) -> Result<(), String> {
        let Some(frame) = frame else { return Ok(()) };
        if let (Some(video), Some(_)) = (frame.video, frame.patient) {
            let &mut (first, patient) = self.patient_of.entry(video).or_insert((line, frame.patient));
            if patient != frame.patient {
                return Err(format!(
                    "lines {first} and {line}: one video of two patients; give each patient's videos names of their own"
                ));
            }
        }
        for (column, part) in parts {
            let Some(patient) = frame.patient else { continue };
            let (first, known) = self.part_of.entry((patient, column)).or_insert((line, part.to_owned()));
            if known != part {
                let column = header.get(column).map_or("", String::as_str);
                return Err(format!(
                    "lines {first} and {line}: one patient in two groups of the column {column}; a patient belongs to one"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Truth, ScoreError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        Truth::read(&path, None)
    }

    #[test]
    fn columns_are_told_by_their_names() {
        let t = table(
            "image,mask,subject,pixel_size_mm,head_circumference_mm,area_mm2,heart_rate_per_min\n\
             images/a.webp,masks/a.png,s7,0.2,44.3,,\nimages/b.webp,masks/b.png,s7,0.1,50,2,60\n",
        )
        .unwrap();
        let columns: Vec<(&str, &str)> = t.columns.iter().map(|c| (c.name.as_str(), c.unit)).collect();
        assert_eq!(columns, [("head_circumference", "mm"), ("area", "mm2"), ("heart_rate", "/min")]);
        assert_eq!(t.frames[0].values, [Some(44.3), None, None]);
        assert_eq!((t.frames[1].patient, t.frames[1].video), (Some(0), None));
        assert_eq!((t.frames[0].stem.as_str(), t.frames[0].folder.as_str()), ("a", "images"));
        assert_eq!(t.frames[1].scale_mm, Some([0.1, 0.1]));
        assert!(t.frames[0].mask.as_ref().unwrap().ends_with("masks/a.png"));
    }

    #[test]
    fn every_fault_is_one_line_that_names_no_patient() {
        for (text, expected) in [
            ("picture,mask\na,b\n", "no column 'image'"),
            ("image,patient\na,Miller\n", "neither a column 'mask'"),
            ("image,mask\n", "no rows"),
            ("image,mask,bpd_mm\na,b,NaN\n", "line 2, column bpd_mm: not a finite number"),
            ("image,mask,bpd_mm\na,b,wide\n", "line 2, column bpd_mm"),
            ("image,mask,pixel_size_mm\na,b,0\n", "line 2: a pixel has no size"),
            ("image,mask\n,b\n", "line 2: the column image is empty"),
            ("image,mask\na,b,c\n", "line"),
            (
                "image,mask,patient,split\na,a,Miller,train\nb,b,Jones,test\nc,c,Miller,test\n",
                "lines 2 and 4: one patient in two groups of the column split",
            ),
            (
                "image,mask,patient,video\na,a,Miller,v1\nb,b,Jones,v1\n",
                "lines 2 and 3: one video of two patients",
            ),
        ] {
            let error = table(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{text:?}: {error}");
            assert!(!error.contains("Miller") && !error.contains("Jones"), "{error}");
        }
    }

    #[test]
    fn frames_of_a_clip_may_go_by_their_number() {
        let t =
            table("frame_index,time_s,mm_per_px_x,mm_per_px_y,bpd_mm\n0,0.0,0.2,0.3,70\n1,0.1,0.2,0.3,71\n")
                .unwrap();
        assert_eq!((t.frames[1].stem.as_str(), t.frames[1].scale_mm), ("1", Some([0.2, 0.3])));
        assert_eq!(t.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["time", "bpd"]);
    }

    #[test]
    fn a_folder_gives_its_masks_and_those_of_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("seq1")).unwrap();
        for file in ["a.png", "seq1/0001.png", "note.txt"] {
            std::fs::write(folder.path().join(file), b"x").unwrap();
        }
        let t = Truth::read(folder.path(), None).unwrap();
        let names: Vec<(&str, &str)> =
            t.frames.iter().map(|f| (f.folder.as_str(), f.stem.as_str())).collect();
        assert_eq!(names[1], ("seq1", "0001"));
        assert_eq!((names.len(), names[0].1), (2, "a"));
        assert!(matches!(Truth::read(&folder.path().join("none"), None), Err(ScoreError::Read { .. })));
    }
}
