//! An inference process with a fault: it answers as the program's own does, through the same code, until its answers
//! reach a number, and then does what its name says. Tests start it through a link of that name, in place of `vesalius`.
//!
//! | name | at the answer |
//! |---|---|
//! | `panic` | panics, ten times in a row, then answers again |
//! | `nan` | ten answers are no numbers |
//! | `slow` | six answers take ten times as long as an engine for 30 pictures a second has |
//! | `hang` | never comes |
//! | `memory` | takes memory until there is no more |

use std::process::ExitCode;
use std::time::Duration;

use vesalius_engine::apart::Inference;
use vesalius_isolate::{Job, Layout, Limits, serve};

/// Answers before the fault: more than a second of pictures.
const GOOD: u64 = 30;

fn main() -> ExitCode {
    serve::<Faulty>()
}

struct Faulty {
    inner: Inference,
    fault: String,
    answers: u64,
}

impl Job for Faulty {
    fn limits(config: &str) -> Result<Limits, String> {
        Inference::limits(config)
    }

    fn start(config: &str, layout: &Layout) -> Result<Self, String> {
        let name = std::env::args().next().unwrap_or_default();
        let fault = name.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Self { inner: Inference::start(config, layout)?, fault, answers: 0 })
    }

    fn call(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, String> {
        let nth = self.answers.checked_sub(GOOD);
        self.answers += 1;
        let length = self.inner.call(input, output)?;
        match (self.fault.as_str(), nth) {
            ("panic", Some(0..10)) => panic!("on purpose"),
            ("nan", Some(0..10)) => {
                // Behind 16 bytes that say what the numbers are.
                let numbers = output.get_mut(16..length).into_iter().flat_map(|o| o.chunks_exact_mut(4));
                numbers.for_each(|number| number.copy_from_slice(&f32::NAN.to_ne_bytes()));
            }
            ("slow", Some(0..6)) => std::thread::sleep(Duration::from_millis(330)),
            ("hang", Some(0)) => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            ("memory", Some(0)) => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(vec![0_u8; 64 << 20]);
                    std::hint::black_box(&mut hoard);
                }
            }
            _ => {}
        }
        Ok(length)
    }
}
