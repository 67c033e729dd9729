//! The parity suite: every engine that is shipped, on every provider and in every precision that is here, against f32 on the
//! processor, within the tolerances of docs/parity.md. What is not here is counted and said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use vesalius_engine::manifest::Precision;
use vesalius_engine::parity::{Agreement, Tolerance, gates, missed, tolerance};
use vesalius_engine::sample::{self, Picture};
use vesalius_engine::{
    Engine, EngineError, PrecisionChoice, Provider, ProviderChoice, Registry, SessionOptions, Worker,
};

use crate::model;
use crate::models::runtime_is_missing;

/// Small engines whose answers can be computed by hand, with every kind of output.
const SMALL: [&str; 6] = ["threshold", "rgb-softmax", "nhwc-probabilities", "planes", "unlike", "unlike-rgb"];

fn engines() -> Vec<Engine> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engines");
    let shipped = Registry::with_folders([shipped]).list().into_iter().map(|entry| entry.folder);
    shipped.chain(SMALL.map(model)).map(|folder| Engine::open(&folder).unwrap()).collect()
}

/// The stored sample or, of an engine without one, the shipped engines' samples: any picture will do.
fn pictures(engine: &Engine, engines: &[Engine]) -> Vec<Picture> {
    let own = sample::pictures(engine).unwrap();
    let paths = if own.is_empty() {
        engines.iter().flat_map(|engine| sample::pictures(engine).unwrap()).collect()
    } else {
        own
    };
    paths.iter().map(|path| Picture::read(path).unwrap()).collect()
}

fn options(provider: Provider, precision: Precision) -> SessionOptions {
    SessionOptions {
        provider: ProviderChoice::Named(provider),
        precision: PrecisionChoice::Named(precision),
        partly: true,
        ..SessionOptions::default()
    }
}

/// The worst agreement of two workers over pictures; also that the second output is the same, as far as its bits go.
fn compare(reference: &mut Worker, other: &mut Worker, pictures: &[Picture]) -> Agreement {
    pictures.iter().fold(Agreement::PERFECT, |worst, picture| {
        let frame = picture.frame().unwrap();
        let (a, b) = (reference.process(&frame, (1, 1)).unwrap(), other.process(&frame, (1, 1)).unwrap());
        assert_eq!(a.unlikeness.is_some(), b.unlikeness.is_some());
        if let (Some(a), Some(b), Precision::F32) = (a.unlikeness, b.unlikeness, other.selection().precision)
        {
            assert!(
                (a.score - b.score).abs() <= 1e-3 * a.score.abs().max(1.0),
                "{} and {}",
                a.score,
                b.score
            );
        }
        worst.worse(Agreement::of(&a.classes, &b.classes))
    })
}

#[test]
fn every_engine_on_every_provider_in_every_precision() {
    if runtime_is_missing() {
        return;
    }
    let engines = engines();
    let (mut run, mut wrong) = (0, String::new());
    let mut absent = BTreeMap::<String, usize>::new();
    for engine in &engines {
        let pictures = pictures(engine, &engines);
        assert!(!pictures.is_empty(), "{}: there is nothing to compare on", engine.name());
        let mut reference = Worker::new(engine, &options(Provider::Cpu, Precision::F32)).unwrap();
        for provider in Provider::ALL {
            for precision in Precision::ALL {
                let case = format!("{} on {provider} in {precision}", engine.name());
                let mut worker = match Worker::new(engine, &options(provider, precision)) {
                    Ok(worker) => worker,
                    // Not installed, no such file, not compiled: what is missing is said; a model that does not load is wrong.
                    Err(EngineError::Provider(error)) if !error.to_string().contains("cannot be loaded") => {
                        // Of one reason once: a library that is missing, or a file that an engine does not have.
                        let why = error.to_string().replace(&format!("'{}'", engine.name()), "…");
                        *absent.entry(why).or_default() += 1;
                        continue;
                    }
                    Err(error) => panic!("{case}: {error}"),
                };
                let agreement = compare(&mut reference, &mut worker, &pictures);
                let Tolerance { probability, dice } = tolerance(provider, precision);
                let line = format!(
                    "{case}: {} pictures, largest difference of a probability {:.2e} (tolerance {probability:.0e}), least \
                     Dice {:.5} (tolerance {dice}), {} flips",
                    pictures.len(),
                    agreement.probability,
                    agreement.dice,
                    agreement.flips
                );
                println!("{line}");
                if !agreement.is_within(tolerance(provider, precision)) {
                    writeln!(wrong, "{line}").unwrap();
                }
                run += 1;
            }
        }
    }
    println!("{run} combinations compared, {} not here:", absent.values().sum::<usize>());
    absent.iter().for_each(|(why, count)| println!("  {count}: {why}"));
    assert!(wrong.is_empty(), "{wrong}");
    assert!(run > engines.len(), "f32 of each and INT8 of some are always here");
}

#[test]
fn every_precision_that_is_shipped_passes_its_gates() {
    for engine in engines() {
        for section in &engine.manifest().precisions {
            let missed = missed(section);
            assert!(missed.is_empty(), "{} in {}: {missed:?}", engine.name(), section.name);
        }
    }
}

#[test]
fn stored_samples_come_out_again_bit_for_bit() {
    if runtime_is_missing() {
        return;
    }
    let mut checked = 0;
    for engine in engines() {
        let Some(report) = sample::check(&engine, &options(Provider::Cpu, Precision::F32)).unwrap() else {
            continue;
        };
        assert!(report.passes(), "{}: {:?}", engine.name(), report.worst());
        checked += 1;
    }
    assert!(checked >= 2, "fetal-head and larynx have samples");
}

/// Runs again, in sessions of their own and of several threads, give the same bits.
#[test]
fn runs_do_not_differ() {
    if runtime_is_missing() {
        return;
    }
    let all = engines();
    for engine in all.iter().filter(|engine| SMALL.iter().all(|name| engine.name() != *name)) {
        let picture = pictures(engine, &all).swap_remove(0);
        for precision in Precision::ALL.into_iter().filter(|p| engine.manifest().model_file(*p).is_some()) {
            let mut first = None;
            for threads in [1, 2, 1] {
                let options = SessionOptions { threads, ..options(Provider::Cpu, precision) };
                let mut worker = Worker::new(engine, &options).unwrap();
                for _ in 0..3 {
                    let found = worker.process(&picture.frame().unwrap(), (1, 1)).unwrap();
                    let maps: Vec<Vec<u32>> = found
                        .classes
                        .iter()
                        .map(|class| class.probability.values().iter().map(|p| p.to_bits()).collect())
                        .collect();
                    let expected = first.get_or_insert_with(|| maps.clone());
                    assert!(*expected == maps, "{} in {precision}, {threads} threads", engine.name());
                }
            }
        }
    }
}

/// The page has the tables that the code has.
#[test]
fn the_page_says_what_the_code_does() {
    let page = include_str!("../../../../docs/parity.md");
    for provider in Provider::ALL {
        for precision in Precision::ALL {
            let Tolerance { probability, dice } = tolerance(provider, precision);
            let probability = match probability {
                0.0 => "0".to_owned(),
                p if p.is_finite() => format!("{p}"),
                _ => "–".to_owned(),
            };
            let row = format!("| {provider} | {precision} | {probability} | {dice} |");
            assert!(page.contains(&row), "docs/parity.md lacks '{row}'");
        }
    }
    for (f16, int8) in gates(Precision::F16).iter().zip(gates(Precision::Int8)) {
        let range = |least: f64, most: f64| {
            if most.is_infinite() {
                format!("≥ {least}").replace('-', "−")
            } else if least == -most {
                format!("± {most}")
            } else if least == 0.0 {
                format!("≤ {most}")
            } else {
                assert_eq!(most, 1.0);
                format!("≥ {least}")
            }
        };
        let (a, b) = (range(f16.least, f16.most), range(int8.least, int8.most));
        let row = format!("| `{}` | {a} | {b} |", f16.figure);
        assert!(page.contains(&row), "docs/parity.md lacks '{row}'");
    }
}
