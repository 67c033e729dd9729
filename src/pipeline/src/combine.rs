//! Two runs, one of each plane of the same structure, joined to what one plane alone does not give.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vesalius_ledger::record::{OutlineRecord, Outlines};
use vesalius_ledger::writer::RESULTS;
use vesalius_measure::calibration::{Calibration, CalibrationSource};
use vesalius_measure::contour::Contour;
use vesalius_measure::geometry::{Geometry, PointInFrame};
use vesalius_measure::protocol::ellipsoid::{
    Diameter, DiameterNames, Formula, LongitudinalDiameters, TransverseDiameters,
};
use vesalius_measure::protocol::lv_function::biplane::biplane;
use vesalius_measure::protocol::lv_function::discs::PlaneDiscs;
use vesalius_measure::protocol::lv_function::{LvFunctionConfig, Ventricle};
use vesalius_measure::protocol::{BladderConfig, bladder, nodule};
use vesalius_measure::shape::Plane;
use vesalius_measure::units::{Mm, MmPerPx, Unit};

/// What two runs give together.
#[derive(Clone, Debug, Serialize)]
pub struct Combined {
    /// The protocol of both.
    pub protocol: String,
    /// The values.
    pub values: Vec<CombinedValue>,
}

/// One value from two planes.
#[derive(Clone, Debug, Serialize)]
pub struct CombinedValue {
    /// Name, snake_case.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// Standard uncertainty (k = 1), where one can be given.
    pub uncertainty: Option<f64>,
    /// A reservation, by its code.
    pub reason: Option<String>,
}

/// Why two runs cannot be joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CombineError {
    /// A run's records cannot be read.
    #[error("{}: cannot be read as the results of a run: {message}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The runs are of different protocols, or of one that has nothing to join.
    #[error(
        "runs of '{first}' and '{second}' have nothing to join: give two of lv-function, of bladder, or of the same nodule protocol"
    )]
    Protocols {
        /// Protocol of the first.
        first: String,
        /// Of the second.
        second: String,
    },
    /// A run lacks what is needed of it.
    #[error("{}: {message}", path.display())]
    Lacks {
        /// The run.
        path: PathBuf,
        /// What, and what to do.
        message: &'static str,
    },
    /// The runs' volumes follow from their diameters in different ways.
    #[error(
        "the two runs have different settings of the volume's formula: replay one with the other's settings"
    )]
    Formulas,
    /// The numbers make no volume.
    #[error("the two runs together make no volume: look at their outlines")]
    NoVolume,
}

/// A run's records.
struct Run {
    path: PathBuf,
    head: Value,
    frames: Vec<Value>,
}

impl Run {
    fn read(folder: &Path) -> Result<Self, CombineError> {
        let path = if folder.is_dir() { folder.join(RESULTS) } else { folder.to_owned() };
        let fail = |message: String| CombineError::Read { path: path.clone(), message };
        let file = std::fs::File::open(&path).map_err(|e| fail(e.to_string()))?;
        let mut lines = Vec::new();
        for line in std::io::BufReader::new(file).lines() {
            let line = line.map_err(|e| fail(e.to_string()))?;
            lines.push(serde_json::from_str::<Value>(&line).map_err(|e| fail(e.to_string()))?);
        }
        let mut lines = lines.into_iter();
        let head = lines.next().ok_or_else(|| fail("it is empty".to_owned()))?;
        Ok(Self { path, head, frames: lines.collect() })
    }

    fn lacks(&self, message: &'static str) -> CombineError {
        CombineError::Lacks { path: self.path.clone(), message }
    }

    fn protocol(&self) -> &Value {
        self.head.pointer("/configuration/protocol").unwrap_or(&Value::Null)
    }

    fn protocol_name(&self) -> String {
        self.protocol().get("protocol").and_then(Value::as_str).unwrap_or("unknown").to_owned()
    }

    fn calibration(&self) -> Result<Calibration, CombineError> {
        let lacks = || self.lacks("it has no scale for all of it: calibrate the run with one");
        let number =
            |field: &str| self.head.pointer(&format!("/calibration/{field}")).and_then(Value::as_f64);
        let source = self.head.pointer("/calibration/source").and_then(Value::as_str);
        let (Some(x), Some(y)) = (number("mm_per_px_x"), number("mm_per_px_y")) else { return Err(lacks()) };
        let source = source.and_then(CalibrationSource::from_name).ok_or_else(lacks)?;
        let uncertainty = number("relative_uncertainty").unwrap_or(0.0);
        Calibration::new(MmPerPx(x), MmPerPx(y), source, uncertainty).map_err(|_| lacks())
    }

    /// A value over time as it stands at the end.
    fn series(&self, name: &str) -> Option<f64> {
        let last = self.frames.iter().rev().find_map(|f| f.get("series").and_then(Value::as_array))?;
        last.iter().find(|v| v["name"] == name)?.get("value")?.as_f64()
    }

    /// Median of a value in millimetres over the frames that have one called `beside` too and in which it is valid,
    /// with its uncertainty.
    fn diameter(&self, name: &str, beside: &str) -> Option<Diameter> {
        let mut found = Vec::new();
        for frame in &self.frames {
            let values = frame.get("values").and_then(Value::as_array)?;
            let is_it = |v: &&Value| v["name"] == name && v["validity"] == "valid" && v["unit"] == "mm";
            let is_of_plane = values.iter().any(|v| v["name"] == beside);
            if let Some(v) = values.iter().find(is_it).filter(|_| is_of_plane) {
                let uncertainty = Mm(v["uncertainty"].as_f64().unwrap_or(0.0));
                found.push(Diameter { value: Mm(v["value"].as_f64()?), uncertainty });
            }
        }
        Diameter::median(&mut found)
    }

    /// The settings of its protocol; the defaults where it states none.
    fn settings<T: DeserializeOwned + Default>(&self) -> T {
        self.protocol()
            .as_object()
            .map(|settings| settings.iter().filter(|(key, _)| *key != "protocol"))
            .map(|settings| settings.map(|(k, v)| (k.clone(), v.clone())).collect())
            .and_then(|settings: serde_json::Map<String, Value>| serde_json::from_value(settings.into()).ok())
            .unwrap_or_default()
    }

    /// The discs of the frame nearest to a time, seconds.
    fn discs(&self, at_s: f64) -> Result<PlaneDiscs, CombineError> {
        let config: LvFunctionConfig = self.settings();
        let distance = |frame: &Value| (frame["pts_ns"].as_f64().unwrap_or(f64::MAX) / 1e9 - at_s).abs();
        let frame = self
            .frames
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .ok_or_else(|| self.lacks("it has no frames"))?;
        let outlines: Outlines = frame
            .get("outlines")
            .and_then(|outlines| serde_json::from_value(outlines.clone()).ok())
            .ok_or_else(|| self.lacks("it has no outlines: replay it with --outlines"))?;
        let plane = Plane::new(&outlines.geometry, Some(&self.calibration()?));
        let contour = |name: &str| {
            let outline = outlines.structures.iter().find(|o| o.structure == name)?;
            contour_of(outline, &outlines.geometry)
        };
        let cavity = contour(&config.structure)
            .ok_or_else(|| self.lacks("the ventricle is not found at end diastole or end systole"))?;
        let atrium = contour(&config.atrium);
        Ventricle::of(&cavity, atrium.as_ref(), &plane, &outlines.geometry)
            .and_then(|ventricle| ventricle.discs)
            .map(|discs| PlaneDiscs::from_millimetres(&discs))
            .ok_or_else(|| self.lacks("the ventricle has no discs at end diastole or end systole"))
    }
}

fn contour_of(outline: &OutlineRecord, geometry: &Geometry) -> Option<Contour> {
    let outer = outline.points_px.iter().map(|&[x_px, y_px]| PointInFrame { x_px, y_px }).collect();
    Contour::from_outer(outer, geometry)
}

/// Joins two runs: of `lv-function`, the four-chamber and the two-chamber view, written with outlines; of a nodule or the
/// bladder, the transverse and the longitudinal (sagittal) plane.
///
/// # Errors
///
/// [`CombineError`].
pub fn combine(first: &Path, second: &Path) -> Result<Combined, CombineError> {
    let (first, second) = (Run::read(first)?, Run::read(second)?);
    let (a, b) = (first.protocol_name(), second.protocol_name());
    let values = match (a.as_str(), b.as_str()) {
        ("lv-function", "lv-function") => ventricle(&first, &second)?,
        ("nodule-thyroid", "nodule-thyroid") | ("nodule-breast", "nodule-breast") => {
            ellipsoid(&first, &second, &nodule::NAMES, &Formula::ELLIPSOID)?
        }
        ("bladder", "bladder") => {
            let [formula, other] = [&first, &second].map(|run| run.settings::<BladderConfig>().formula());
            if formula != other {
                return Err(CombineError::Formulas);
            }
            ellipsoid(&first, &second, &bladder::NAMES, &formula)?
        }
        _ => return Err(CombineError::Protocols { first: a, second: b }),
    };
    Ok(Combined { protocol: a, values })
}

fn ventricle(first: &Run, second: &Run) -> Result<Vec<CombinedValue>, CombineError> {
    let discs = |run: &Run, name: &str| {
        let at_s = run.series(name).ok_or_else(|| run.lacks("it has no complete beat"))?;
        run.discs(at_s)
    };
    let end_diastole = (discs(first, "end_diastole_time")?, discs(second, "end_diastole_time")?);
    let end_systole = (discs(first, "end_systole_time")?, discs(second, "end_systole_time")?);
    let joined = biplane((&end_diastole.0, &end_diastole.1), (&end_systole.0, &end_systole.1))
        .ok_or(CombineError::NoVolume)?;
    let value = |name, value, unit| CombinedValue {
        name,
        value,
        unit,
        uncertainty: None,
        reason: joined.reason.map(|r| r.code().to_owned()),
    };
    Ok(vec![
        value("edv", joined.end_diastole.volume_ml, Unit::Ml),
        value("esv", joined.end_systole.volume_ml, Unit::Ml),
        value("stroke_volume", joined.stroke_volume_ml, Unit::Ml),
        value("ejection_fraction", joined.ejection_fraction, Unit::Percent),
    ])
}

fn ellipsoid(
    transverse: &Run,
    longitudinal: &Run,
    names: &DiameterNames,
    formula: &Formula,
) -> Result<Vec<CombinedValue>, CombineError> {
    let across_body = |name: &str| {
        let lacks = "it has no valid diameters in mm of the transverse plane, which comes first: see its protocol's `plane`";
        // Of the other plane, a run has the diameter along the beam too.
        transverse.diameter(name, names.transverse).ok_or_else(|| transverse.lacks(lacks))
    };
    let lacks = "it has no valid diameter in mm of the longitudinal (sagittal) plane, which comes second: see its protocol's `plane`";
    let length = longitudinal.diameter(names.longitudinal, names.longitudinal);
    let first =
        TransverseDiameters { ap: across_body(names.along)?, transverse: across_body(names.transverse)? };
    let second = LongitudinalDiameters { longitudinal: length.ok_or_else(|| longitudinal.lacks(lacks))? };
    let scale = transverse.calibration()?.relative_uncertainty();
    let volume = formula.volume(&first, &second, scale).ok_or(CombineError::NoVolume)?;
    let length = |name, d: Diameter| CombinedValue {
        name,
        value: d.value.get(),
        unit: Unit::Mm,
        uncertainty: Some(d.uncertainty.get()),
        reason: None,
    };
    Ok(vec![
        length(names.along, first.ap),
        length(names.transverse, first.transverse),
        length(names.longitudinal, second.longitudinal),
        CombinedValue {
            name: "volume",
            value: volume.ml,
            unit: Unit::Ml,
            uncertainty: Some(volume.uncertainty_ml),
            reason: None,
        },
    ])
}
