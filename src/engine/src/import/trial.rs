//! A model tried on a picture, once for each interpretation.

use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::geometry::ResizeRule;

use super::cell::{Cell, CellFigures, CellResult};
use super::facts::TensorFacts;
use super::input::InputForm;
use super::interpretation::Interpretation;
use super::normalisation::Normalisation;
use super::npy::Array;
use super::output::{self, OutputForm};
use super::parity::Reference;
use super::raw::{RawModel, RawOutput};
use super::write::{Identity, classes, manifest};
use super::{ImportError, ModelFile, Said};
use crate::engine::{class_infos, synthetic_picture};
use crate::error::EngineError;
use crate::manifest::{ClassSection, Color, Element, Filter, Manifest, Modality, Precision};
use crate::postprocess::Postprocessor;
use crate::preprocess::Preprocessor;
use crate::session::SessionOptions;

/// What is told a model on trial, besides the picture, to see the range of its output.
const TRIALS: [&str; 3] = ["unit", "signed", "bytes"];

/// A loaded model, its input and output understood.
#[derive(Debug)]
pub struct Trial {
    model: RawModel,
    file: ModelFile,
    input: InputForm,
    output: OutputForm,
    classes: Vec<ClassSection>,
    pad: u8,
}

impl Trial {
    /// Loads a model and runs it a few times, on `picture` where there is one, to see what its output is. What was assumed
    /// is told to `warnings`.
    ///
    /// # Errors
    ///
    /// [`ImportError`] where it cannot be an engine.
    pub fn new(
        file: ModelFile,
        said: &Said,
        options: &SessionOptions,
        picture: Option<&Frame<'_>>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ImportError> {
        // Before it is loaded: a file that says what is wrong with it says it in fewer words than the runtime.
        let mut input = InputForm::new(&file.facts.inputs, said, &mut Vec::new()).ok();
        let mut model = RawModel::load(&file.bytes, options)?;
        let (inputs, _) = model.tensors();
        let input = match input.take() {
            // The file's own words go first; the runtime's may be narrower.
            Some(_) => InputForm::new(&file.facts.inputs, said, warnings)?,
            None => InputForm::new(&inputs, said, warnings)?,
        };
        let color = if input.channels == 1 { Color::Gray } else { said.color.unwrap_or(Color::Rgb) };
        let made = synthetic_picture(input.width as usize, input.height as usize);
        let synthetic = gray_frame(&made, input.width as usize, input.height as usize)?;
        let mut runs = Vec::new();
        for name in TRIALS {
            if input.element == Element::U8 && name != "bytes" {
                continue;
            }
            let Some(normalisation) = Normalisation::preset(name, color) else { continue };
            let interpretation = Interpretation {
                color,
                normalisation,
                resize: ResizeRule::Stretch,
                filter: Filter::default(),
            };
            for frame in std::iter::once(&synthetic).chain(picture) {
                runs.push(run(&mut model, &input, &interpretation, said.pad.unwrap_or(0), frame)?.0);
            }
        }
        let first = runs.first().map_or(&[][..], Vec::as_slice);
        let name = output::choose(first, &input, said, warnings)?;
        let named: Vec<&RawOutput> = runs.iter().flatten().filter(|output| output.name == name).collect();
        let made_by = file.facts.made_by.get(&name).map(String::as_str);
        let output = OutputForm::new(&named, &input, made_by, said, warnings)?;
        let classes = classes(&output, said, warnings)?;
        Ok(Self { model, file, input, output, classes, pad: said.pad.unwrap_or(0) })
    }

    /// The model's file.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }
    /// What it takes.
    pub fn input(&self) -> &InputForm {
        &self.input
    }
    /// What it gives.
    pub fn output(&self) -> &OutputForm {
        &self.output
    }
    /// The classes.
    pub fn classes(&self) -> &[ClassSection] {
        &self.classes
    }
    /// Names the classes.
    ///
    /// # Errors
    ///
    /// [`ImportError::Classes`] where the names do not fit the output.
    pub fn name_classes(&mut self, names: &[String]) -> Result<(), ImportError> {
        let said = Said { classes: names.to_vec(), ..Said::default() };
        self.classes = classes(&self.output, &said, &mut Vec::new())?;
        Ok(())
    }

    /// Its inputs and outputs as the runtime sees them.
    pub fn tensors(&self) -> (Vec<TensorFacts>, Vec<TensorFacts>) {
        self.model.tensors()
    }

    /// The manifest of the engine that it becomes.
    pub fn manifest(&self, identity: &Identity, interpretation: &Interpretation) -> Manifest {
        manifest(&self.file, &self.input, &self.output, &self.classes, identity, interpretation, self.pad)
    }

    /// Tries interpretations on a picture, and compares each with a reference where there is one. One that fails is a cell
    /// with a reason. `tell` hears how many are done.
    ///
    /// # Errors
    ///
    /// [`ImportError::Said`] where the reference does not fit the output.
    pub fn cells(
        &mut self,
        interpretations: &[Interpretation],
        frame: &Frame<'_>,
        reference: Option<&Array>,
        mut tell: impl FnMut(usize),
    ) -> Result<Vec<Cell>, ImportError> {
        let mut cells = Vec::with_capacity(interpretations.len());
        let mut fitted: Option<Reference> = None;
        for (number, interpretation) in (1..).zip(interpretations) {
            let mut cell = Cell {
                number,
                interpretation: interpretation.clone(),
                result: Err(String::new()),
                difference: None,
            };
            match self.run(interpretation, frame) {
                Err(error) => cell.result = Err(error.to_string()),
                Ok((output, geometry)) => {
                    if let (Some(array), None) = (reference, &fitted) {
                        fitted =
                            Some(Reference::new(array, &output, &self.output).map_err(ImportError::Said)?);
                    }
                    cell.difference =
                        fitted.as_ref().and_then(|reference| reference.difference(&output, &self.output));
                    let found = self.read(interpretation, &output, &geometry);
                    cell.result = found.map_err(|error| error.to_string());
                }
            }
            cells.push(cell);
            tell(number);
        }
        Ok(cells)
    }

    fn run(
        &mut self,
        interpretation: &Interpretation,
        frame: &Frame<'_>,
    ) -> Result<(RawOutput, vesalius_measure::geometry::Geometry), ImportError> {
        let (outputs, geometry) = run(&mut self.model, &self.input, interpretation, self.pad, frame)?;
        let output = outputs.into_iter().find(|output| output.name == self.output.name);
        Ok((output.ok_or_else(|| ImportError::Run(format!("it gave no '{}'", self.output.name)))?, geometry))
    }

    fn read(
        &self,
        interpretation: &Interpretation,
        output: &RawOutput,
        geometry: &vesalius_measure::geometry::Geometry,
    ) -> Result<CellResult, EngineError> {
        let manifest = self.manifest(&nameless(), interpretation);
        let infos = class_infos(&manifest)?;
        let found = Postprocessor::new(&manifest, Precision::F32, &infos)
            .process(output.values.as_output(), geometry)?;
        let figures = CellFigures::new(&found.classes, geometry);
        Ok(CellResult { classes: found.classes, figures })
    }
}

/// For manifests that are never written.
fn nameless() -> Identity {
    let text = || "import".to_owned();
    Identity {
        name: text(),
        version: text(),
        description: text(),
        modality: Modality::Ultrasound,
        licence: text(),
        protocol: text(),
    }
}

/// Runs the model on a picture that was prepared in one way.
fn run(
    model: &mut RawModel,
    input: &InputForm,
    interpretation: &Interpretation,
    pad: u8,
    frame: &Frame<'_>,
) -> Result<(Vec<RawOutput>, vesalius_measure::geometry::Geometry), ImportError> {
    let section = section(input, interpretation, pad);
    let mut preprocessor = Preprocessor::new(&section);
    let geometry = preprocessor.process(frame, (1, 1))?;
    Ok((model.run(input.shape(), preprocessor.tensor(), input.element)?, geometry))
}

fn section(input: &InputForm, interpretation: &Interpretation, pad: u8) -> crate::manifest::InputSection {
    let Interpretation { color, normalisation, resize, filter } = interpretation;
    crate::manifest::InputSection {
        name: input.name.clone(),
        layout: input.layout,
        element: input.element,
        width: input.width,
        height: input.height,
        color: *color,
        range: normalisation.range,
        mean: normalisation.mean.clone(),
        std: normalisation.std.clone(),
        resize: *resize,
        filter: *filter,
        pad,
    }
}

fn gray_frame(picture: &[u8], width: usize, height: usize) -> Result<Frame<'_>, ImportError> {
    Frame::new(PixelFormat::Gray8, width, height, &[(picture, width)]).map_err(|error| {
        EngineError::Resize { format: PixelFormat::Gray8, width, height, message: error.to_string() }.into()
    })
}
