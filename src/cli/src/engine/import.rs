//! `vesalius engine import`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use vesalius_engine::import::cell::{Cell, best};
use vesalius_engine::import::interpretation::{self, Interpretation, PictureFacts, color_name, resize_name};
use vesalius_engine::import::modelinfo::{self, ModelInfo};
use vesalius_engine::import::normalisation::PRESETS;
use vesalius_engine::import::parity::Verdict;
use vesalius_engine::import::trial::Trial;
use vesalius_engine::import::write::{Identity, Staged, plain_name};
use vesalius_engine::import::{self, ImportError, ModelFile, Said, npy};
use vesalius_engine::manifest::{FILE_NAME, Filter, Manifest, Modality};
use vesalius_engine::{Engine, Registry, SessionOptions, engine::verify, registry};
use vesalius_measure::frame::Frame;
use vesalius_pipeline::picture::StillPicture;

use super::args::ImportArgs;
use super::{ask, sheet};

/// Two scores that differ less cannot be told apart.
const TOO_CLOSE: f64 = 0.02;

/// Runs the command.
pub fn run(args: &ImportArgs) -> anyhow::Result<u8> {
    Job { args, asks: !args.yes && !args.json && ask::somebody_is_there(), warnings: Vec::new() }
        .run()
        .with_context(|| args.model.display().to_string())
}

/// One import.
struct Job<'a> {
    args: &'a ImportArgs,
    /// Whether somebody is there to be asked.
    asks: bool,
    warnings: Vec<String>,
}

/// Which interpretation was taken.
struct Choice {
    number: usize,
    why: String,
}

impl Job<'_> {
    fn run(mut self) -> anyhow::Result<u8> {
        let args = self.args;
        let file = import::read(&args.model)?;
        for other in &file.taken_in {
            self.warnings.push(format!(
                "the weights in '{}' were taken into the engine's one file",
                other.escape_debug()
            ));
        }
        if file.facts.is_quantised() {
            anyhow::ensure!(args.unverified_int8, ImportError::Quantised);
            self.warnings.push(
                "the model is quantised, and nobody measured how far it is from its original".to_owned(),
            );
        }
        let name = self.name()?;
        let folder = self.folder(&name, &file)?;
        let mut said = self.said()?;
        if let Some(info) = ModelInfo::beside(&args.model)? {
            let taken = info.add_to(&mut said)?;
            if !taken.is_empty() {
                self.warnings.push(format!("{} taken from {}", taken.join(" and "), info.path.display()));
            }
        }
        let picture = args.picture.as_deref().map(StillPicture::read).transpose()?;
        let frame = picture.as_ref().map(StillPicture::frame).transpose()?;
        let options = SessionOptions { runtime: args.runtime.clone(), ..SessionOptions::default() };
        let mut trial = Trial::new(file, &said, &options, frame.as_ref(), &mut self.warnings)?;
        if self.asks && args.classes.is_empty() {
            self.ask_names(&mut trial);
        }
        if !args.json {
            tell_tensors(&trial);
        }

        let facts = picture.as_ref().map(|picture| PictureFacts {
            aspect: picture.width() as f64 / picture.height() as f64,
            is_gray: picture.is_gray(),
        });
        let mut all = interpretation::all(trial.input(), &said, facts, &mut self.warnings);
        anyhow::ensure!(
            !all.is_empty(),
            "the normalisation that was given does not fit {} channels",
            trial.input().channels
        );
        let reference = self.reference()?;
        let mut cells = match &frame {
            None => Vec::new(),
            Some(frame) => self.cells(&mut trial, &all, frame, reference.as_ref())?,
        };
        // The filters differ too little for an eye: only a reference can tell.
        let nearest = best(&cells).filter(|cell| cell.difference.is_some());
        if let (Some(nearest), Some(frame), None) = (nearest, &frame, said.filter) {
            let other = [nearest.interpretation.other_filter()];
            let more = self.cells(&mut trial, &other, frame, reference.as_ref())?;
            let from = all.len();
            cells.extend(more.into_iter().map(|cell| Cell { number: from + cell.number, ..cell }));
            all.extend(other);
        }
        let sheet = match &picture {
            Some(picture) if cells.len() > 1 => Some(self.sheet(&name, picture, &trial, &cells)?),
            _ => None,
        };
        if !args.json {
            cells.iter().for_each(|cell| {
                say!("{}", line(cell, best(&cells).is_some_and(|b| b.number == cell.number)))
            });
            if let Some(path) = &sheet {
                say!("contact sheet: {}", path.display());
            }
        }
        let choice = self.choose(&all, &cells)?;
        let chosen = all.get(choice.number - 1).context("there is no interpretation of that number")?;
        let identity = self.identity(&name, &trial, picture.as_ref())?;
        let manifest = trial.manifest(&identity, chosen);
        self.place(&folder, &manifest, &trial)?;
        self.warnings.iter().for_each(|warning| complain!("vesalius: warning: {warning}"));
        if args.json {
            let cells: Vec<_> = cells.iter().map(cell_json).collect();
            let whole = json!({ "engine": name, "folder": folder, "sheet": sheet, "chosen": choice.number,
                "why": choice.why, "interpretation": chosen.caption(), "cells": cells, "warnings": self.warnings,
                "output": trial.output().evidence });
            say!("{whole}");
        } else {
            say!("taken: #{} {} ({})", choice.number, chosen.caption(), choice.why);
            if all.len() > 1 {
                say!("  another: the same command with --choose NUMBER, or {}", flags(chosen));
            }
            say!("engine '{name}' is in {}", folder.display());
            say!("  vesalius replay RECORDING --engine {} --out DIR", Self::by_name(&name, &folder));
        }
        Ok(crate::OK)
    }

    /// The engine's name.
    fn name(&self) -> anyhow::Result<String> {
        if let Some(name) = &self.args.name {
            anyhow::ensure!(
                plain_name(name, '-') == *name || is_name(name),
                "'{name}' is no name: use lower-case letters, digits, '-' and '_'"
            );
            return Ok(name.clone());
        }
        let stem =
            self.args.model.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = plain_name(&stem, '-');
        anyhow::ensure!(!name.is_empty(), "its file's name gives no engine's name: give one by --name");
        Ok(name)
    }

    /// Where the engine goes, if it may.
    fn folder(&self, name: &str, file: &ModelFile) -> anyhow::Result<PathBuf> {
        let parent = match &self.args.out {
            Some(out) => out.clone(),
            None => registry::user_engines().context("there is no home folder: say where by --out DIR")?,
        };
        let folder = parent.join(name);
        if !folder.exists() || self.args.force {
            return Ok(folder);
        }
        let is_the_same =
            Manifest::read(&folder.join(FILE_NAME)).is_ok_and(|old| old.model.sha256 == file.sha256);
        anyhow::ensure!(
            is_the_same,
            "there is another '{name}' in {}: give another --name, or replace it by --force",
            parent.display()
        );
        Ok(folder)
    }

    fn said(&self) -> anyhow::Result<Said> {
        let args = self.args;
        Ok(Said {
            input: args.input.clone(),
            output: args.output.clone(),
            layout: args.layout.map(Into::into),
            size: args.size,
            color: args.color.map(Into::into),
            normalisation: args.normalisation().map_err(anyhow::Error::msg)?,
            resize: args.resize.map(Into::into),
            filter: args.filter.map(Into::into),
            kind: args.kind.map(Into::into),
            pad: Some(args.pad),
            classes: args
                .classes
                .iter()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        })
    }

    /// Asks for what the classes are called.
    fn ask_names(&mut self, trial: &mut Trial) {
        let numbered: Vec<_> = trial.classes().iter().map(|class| class.name.clone()).collect();
        let question = format!(
            "Names of the {} without the background, separated by commas? [{}]",
            if numbered.len() == 1 { "class".to_owned() } else { format!("{} classes", numbered.len()) },
            numbered.join(",")
        );
        let read = |text: &str| {
            let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
            Ok(names)
        };
        loop {
            let Some(names) = ask::ask(&question, &numbered, read) else { return };
            if names == numbered {
                return;
            }
            match trial.name_classes(&names) {
                Ok(()) => break,
                Err(error) => complain!("  {error}"),
            }
        }
        self.warnings.retain(|warning| !warning.contains("--classes"));
    }

    fn reference(&self) -> Result<Option<npy::Array>, ImportError> {
        let Some(path) = &self.args.reference else { return Ok(None) };
        let bytes = std::fs::read(path).map_err(|source| ImportError::Read { path: path.clone(), source })?;
        let array =
            npy::read(&bytes).map_err(|problem| ImportError::Reference { path: path.clone(), problem })?;
        Ok(Some(array))
    }

    /// Tries interpretations.
    fn cells(
        &self,
        trial: &mut Trial,
        all: &[Interpretation],
        frame: &Frame<'_>,
        reference: Option<&npy::Array>,
    ) -> Result<Vec<Cell>, ImportError> {
        trial.cells(all, frame, reference, |_| {}).map_err(|error| match error {
            ImportError::Said(problem) => {
                ImportError::Reference { path: self.args.reference.clone().unwrap_or_default(), problem }
            }
            other => other,
        })
    }

    fn sheet(
        &self,
        name: &str,
        picture: &StillPicture,
        trial: &Trial,
        cells: &[Cell],
    ) -> anyhow::Result<PathBuf> {
        let path =
            self.args.sheet.clone().unwrap_or_else(|| PathBuf::from(format!("{name}-interpretations.png")));
        let title =
            format!("{name}: which of these is right? Then: vesalius engine import ... --choose NUMBER");
        let first = best(cells).map(|cell| cell.number);
        let sheet = sheet::draw(&title, picture, trial.classes(), cells, first)?;
        sheet
            .save_with_format(&path, image::ImageFormat::Png)
            .with_context(|| format!("the contact sheet cannot be written to {}", path.display()))?;
        Ok(path)
    }

    fn choose(&mut self, all: &[Interpretation], cells: &[Cell]) -> anyhow::Result<Choice> {
        let count = all.len();
        if let Some(number) = self.args.choose {
            anyhow::ensure!((1..=count).contains(&number), "--choose {number}: there are 1 to {count}");
            return Ok(Choice { number, why: "chosen".to_owned() });
        }
        if count == 1 && self.args.reference.is_none() {
            return Ok(Choice { number: 1, why: "nothing was open".to_owned() });
        }
        let Some(first) = best(cells) else {
            let caption = all.first().map_or_else(String::new, Interpretation::caption);
            self.warnings.push(format!(
                "without a picture nothing shows how to prepare one: {caption} taken (--picture, or --color, --normalise, \
                 --resize)"
            ));
            return Ok(Choice { number: 1, why: "the most usual".to_owned() });
        };
        if let Some(difference) = &first.difference {
            let figures = format!(
                "max {:.4} and mean {:.5} from the reference, {:.2} % of the pixels of another class",
                difference.largest,
                difference.mean,
                100.0 * difference.other_class
            );
            let caption = first.interpretation.caption();
            return match difference.verdict() {
                Verdict::Same => Ok(Choice {
                    number: first.number,
                    why: format!("parity: the same as the reference, {figures}"),
                }),
                Verdict::Close => {
                    self.warnings.push(format!(
                        "#{} {caption} is the nearest to the reference and not the same: {figures}; the picture was resized \
                         otherwise there, or rounded",
                        first.number
                    ));
                    Ok(Choice {
                        number: first.number,
                        why: format!("parity: close to the reference, {figures}"),
                    })
                }
                Verdict::Differs => anyhow::bail!(
                    "parity: no interpretation gives the reference; the nearest is #{} {caption}, {figures}: say what was \
                     done to the picture (--color, --normalise or --mean and --std, --resize, --pad), or take one all the \
                     same by --choose",
                    first.number
                ),
            };
        }
        anyhow::ensure!(
            first.result.is_ok(),
            "no interpretation gives an answer: {}",
            first.result.as_ref().err().map_or("", String::as_str)
        );
        if self.asks {
            let question = format!("Which shows what it should? [{}]", first.number);
            let read = |text: &str| {
                let number = text.trim_start_matches('#').parse().ok().filter(|n| (1..=count).contains(n));
                number.ok_or_else(|| format!("a number from 1 to {count}"))
            };
            if let Some(number) = ask::ask(&question, &first.number, read) {
                return Ok(Choice { number, why: "chosen".to_owned() });
            }
        }
        let near: Vec<_> = cells
            .iter()
            .filter(|cell| cell.number != first.number && first.score() - cell.score() < TOO_CLOSE)
            .map(|cell| format!("#{}", cell.number))
            .collect();
        let near =
            if near.is_empty() { String::new() } else { format!(", and {} look as good", near.join(", ")) };
        self.warnings.push(format!(
            "how a picture is prepared is a guess by figures{near}: look at the contact sheet and choose"
        ));
        Ok(Choice { number: first.number, why: "best guess".to_owned() })
    }

    fn identity(
        &mut self,
        name: &str,
        trial: &Trial,
        picture: Option<&StillPicture>,
    ) -> anyhow::Result<Identity> {
        let args = self.args;
        let modality = match args.modality {
            Some(modality) => modality.into(),
            None => {
                let gray = picture.map_or(trial.input().channels == 1, StillPicture::is_gray);
                let (guess, word) = if gray {
                    (Modality::Ultrasound, "ultrasound")
                } else {
                    (Modality::Endoscopy, "endoscopy")
                };
                let read = |text: &str| match text {
                    "ultrasound" | "u" => Ok(Modality::Ultrasound),
                    "endoscopy" | "e" => Ok(Modality::Endoscopy),
                    _ => Err("ultrasound or endoscopy".to_owned()),
                };
                let asked = if self.asks {
                    ask::ask(&format!("Ultrasound or endoscopy? [{word}]"), &guess, read)
                } else {
                    None
                };
                asked.unwrap_or_else(|| {
                    self.warnings
                        .push(format!("nobody said which pictures it is for: {word} taken (--modality)"));
                    guess
                })
            }
        };
        let file = args.model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Identity {
            name: name.to_owned(),
            version: args.version.clone(),
            description: args.description.clone().unwrap_or_else(|| {
                let note = if trial.file().facts.is_quantised() {
                    " (quantised, not compared with f32)"
                } else {
                    ""
                };
                format!("{name}, imported from {}{note}", file.escape_debug())
            }),
            modality,
            licence: args.licence.clone().unwrap_or_else(|| {
                self.warnings.push("nobody said under which licence its weights are (--licence)".to_owned());
                "not stated".to_owned()
            }),
            protocol: args.protocol.clone(),
        })
    }

    /// Writes the engine, tries it as it was written, and puts it in place.
    fn place(&self, folder: &Path, manifest: &Manifest, trial: &Trial) -> anyhow::Result<()> {
        let cannot = || format!("{} cannot be written", folder.display());
        let staged = Staged::write(folder, manifest, &trial.file().bytes).with_context(cannot)?;
        if self.args.modelinfo {
            let (inputs, outputs) = trial.tensors();
            let input = inputs.first().context("it has no input")?;
            let text = modelinfo::write(manifest, input, &outputs).map_err(anyhow::Error::msg)?;
            let path = staged.path().join(format!("{}.modelinfo", manifest.model.file));
            std::fs::write(path, text).with_context(cannot)?;
        }
        let options = SessionOptions { runtime: self.args.runtime.clone(), ..SessionOptions::default() };
        let seen = verify(&Engine::open(staged.path())?, &options)?;
        staged.place().with_context(cannot)?;
        if !self.args.json {
            say!(
                "tried as written: {:?} to {:?} in {:.1} ms on one thread",
                seen.input_shape,
                seen.output_shape,
                seen.best_run.as_secs_f64() * 1e3
            );
        }
        Ok(())
    }

    /// What `--engine` takes: the name, where this engine and no other is found by it.
    fn by_name(name: &str, folder: &Path) -> String {
        let found = Registry::standard().find(name).ok();
        let is_this = |other: &PathBuf| matches!((other.canonicalize(), folder.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if found.as_ref().is_some_and(is_this) {
            return name.to_owned();
        }
        folder.display().to_string()
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn tell_tensors(trial: &Trial) {
    let (facts, input, output) = (&trial.file().facts, trial.input(), trial.output());
    say!(
        "opset {}{}",
        facts.opset(),
        if facts.producer.is_empty() { String::new() } else { format!(", written by {}", facts.producer) }
    );
    let layout = format!("{:?}", input.layout).to_uppercase();
    say!("  input   '{}': {:?}, {layout}, {}", input.name, input.shape(), input.element.name());
    let kind = format!("{:?}", output.kind).to_lowercase();
    let classes: Vec<_> = trial.classes().iter().map(|class| class.name.as_str()).collect();
    say!("  output  '{}': {kind} ({}) of {}", output.name, output.evidence, classes.join(", "));
}

/// A line of the table.
fn line(cell: &Cell, is_best: bool) -> String {
    let mark = if is_best { '*' } else { ' ' };
    let begin = format!("{mark}#{:<3} {:32}", cell.number, cell.interpretation.caption());
    let figures = match &cell.result {
        Err(problem) => format!("no answer: {problem}"),
        Ok(result) => {
            let f = &result.figures;
            format!(
                "sure {:3.0} %  found {:5.1} %  pieces {:4}  score {:.3}",
                100.0 * (1.0 - f.entropy),
                100.0 * f.found,
                f.pieces,
                f.score
            )
        }
    };
    let difference = cell.difference.as_ref().map_or_else(String::new, |d| {
        format!(
            "  from the reference: max {:.4} mean {:.5}, other class {:.2} %",
            d.largest,
            d.mean,
            100.0 * d.other_class
        )
    });
    format!("{begin} {figures}{difference}")
}

/// The options that say an interpretation.
fn flags(chosen: &Interpretation) -> String {
    let Interpretation { color, normalisation, resize, filter } = chosen;
    let numbers = |values: &[f32]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let bytes = if PRESETS.contains(&normalisation.name.as_str()) {
        format!("--normalise {}", normalisation.name)
    } else {
        let (range, mean, std) = (&normalisation.range, &normalisation.mean, &normalisation.std);
        format!("--range {} --mean {} --std {}", numbers(range), numbers(mean), numbers(std))
    };
    let filter = if *filter == Filter::Linear { " --filter linear" } else { "" };
    format!("--color {} {bytes} --resize {}{filter}", color_name(*color), resize_name(*resize))
}

fn cell_json(cell: &Cell) -> serde_json::Value {
    let figures = cell.result.as_ref().ok().map(|result| {
        let f = &result.figures;
        json!({ "confidence": f.confidence, "entropy": f.entropy, "found": f.found, "pieces": f.pieces,
            "score": f.score, "shares": f.shares.iter().take(result.classes.len()).collect::<Vec<_>>() })
    });
    let difference = cell.difference.as_ref().map(|d| {
        json!({ "largest": d.largest, "mean": d.mean, "mean_probability": d.mean_probability, "other_class": d.other_class,
            "verdict": format!("{:?}", d.verdict()).to_lowercase() })
    });
    json!({ "number": cell.number, "caption": cell.interpretation.caption(), "flags": flags(&cell.interpretation),
        "figures": figures, "error": cell.result.as_ref().err(), "difference": difference })
}
