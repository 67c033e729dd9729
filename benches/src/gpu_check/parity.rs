//! A GPU's answers beside the processor's, on phantoms.

use serde_json::json;
use vesalius_engine::manifest::Precision;
use vesalius_engine::{
    Engine, EngineError, PrecisionChoice, Provider, ProviderChoice, SessionOptions, Worker,
};
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::result::ClassResult;
use vesalius_phantom::FetalHeadScene;

use super::report::{Row, Verdict};

/// In f32 a GPU adds up in another order: probabilities may differ by this much, and masks by a pixel on the edge.
const MOST_DIFFERENCE: f32 = 2e-3;
const LEAST_DICE: f64 = 0.998;

/// How two answers differ.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Largest of a probability.
    pub probability: f32,
    /// Smallest Dice of a class's masks; 1 where both are empty.
    pub dice: f64,
}

impl Difference {
    /// None yet.
    pub const NONE: Self = Self { probability: 0.0, dice: 1.0 };

    /// Takes another picture's classes in.
    pub fn take(&mut self, found: &[ClassResult], expected: &[ClassResult]) {
        for (a, b) in found.iter().zip(expected) {
            let (mut both, mut sum) = (0_usize, 0_usize);
            for (&p, &q) in a.probability.values().iter().zip(b.probability.values()) {
                self.probability = self.probability.max((p - q).abs());
                let (p, q) = (p >= a.class.threshold, q >= b.class.threshold);
                both += usize::from(p && q);
                sum += usize::from(p) + usize::from(q);
            }
            if sum > 0 {
                self.dice = self.dice.min(2.0 * both as f64 / sum as f64);
            }
        }
    }

    /// Whether it is no more than another order of sums explains.
    pub fn is_small(&self) -> bool {
        self.probability <= MOST_DIFFERENCE && self.dice >= LEAST_DICE
    }
}

/// Options for one provider in f32.
pub fn options(provider: Provider, device: i32) -> SessionOptions {
    let mut options = SessionOptions {
        provider: ProviderChoice::Named(provider),
        precision: PrecisionChoice::Named(Precision::F32),
        ..SessionOptions::default()
    };
    options.gpu.device = device;
    options
}

/// Phantoms of a fetal head, gray, 800×540: every engine gives some answer to them.
pub fn pictures(count: usize) -> Result<Vec<Vec<u8>>, vesalius_phantom::PhantomError> {
    let phantom = FetalHeadScene { width_px: 800, height_px: 540, ..FetalHeadScene::default() }.prepare()?;
    Ok((0..count).map(|i| phantom.render(7 * i as u64).gray8).collect())
}

/// An engine on a provider against the processor.
pub fn inference(engine: &Engine, provider: Provider, device: i32, count: usize) -> Row {
    let what = format!("{} on {}, against the processor", engine.name(), provider.label());
    match compare(engine, provider, device, count) {
        Ok(difference) => {
            let found = format!(
                "{count} pictures: probabilities differ by at most {:.1e}, smallest Dice of masks {:.5}",
                difference.probability, difference.dice
            );
            let verdict = if difference.is_small() { Verdict::Passed } else { Verdict::Failed };
            let numbers =
                json!({ "largest_difference": difference.probability, "smallest_dice": difference.dice });
            Row::new(what, verdict, found).with(numbers)
        }
        // TensorRT runs only what has been compiled, which is a step of its own.
        Err(Failure::Engine(EngineError::Provider(why))) if provider.compiles_ahead() => {
            Row::new(what, Verdict::Skipped, why.to_string())
        }
        Err(failure) => Row::new(what, Verdict::Failed, failure.to_string()),
    }
}

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Phantom(#[from] vesalius_phantom::PhantomError),
    #[error(transparent)]
    Frame(#[from] vesalius_measure::frame::FrameError),
}

fn compare(engine: &Engine, provider: Provider, device: i32, count: usize) -> Result<Difference, Failure> {
    let mut here = Worker::new(engine, &options(Provider::Cpu, device))?;
    let mut there = Worker::new(engine, &options(provider, device))?;
    let mut difference = Difference::NONE;
    for picture in pictures(count)? {
        let frame = Frame::new(PixelFormat::Gray8, 800, 540, &[(&picture, 800)])?;
        let (expected, found) = (here.process(&frame, (1, 1))?, there.process(&frame, (1, 1))?);
        difference.take(&found.classes, &expected.classes);
    }
    Ok(difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_engine::{Registry, runtime};

    #[test]
    fn the_processor_does_not_differ_from_itself() {
        if let Err(error) = runtime::load(None) {
            println!("skipped: {error}");
            return;
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../engines");
        let engine = Engine::open(&Registry::with_folders([folder]).find("fetal-head").unwrap()).unwrap();
        let difference = compare(&engine, Provider::Cpu, 0, 2).unwrap();
        assert_eq!((difference.probability, difference.dice), (0.0, 1.0));
        assert!(!Difference { dice: 0.9, ..difference }.is_small());
    }
}
