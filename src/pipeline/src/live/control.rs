//! What people can do to a live job.

use std::path::Path;
use std::sync::Arc;

use gst::prelude::*;
use serde_json::Value;
use vesalius_serve::{Control, Refusal};

use super::shared::Shared;
use super::snapshot;
use super::status::{facts, signatures};

/// Characters of an engine's name that a log is told.
const LONGEST_NAME: usize = 64;

/// The controls of a job.
pub(crate) struct Controls(pub(crate) Arc<Shared>);

impl Controls {
    fn folder(&self) -> Result<&Path, Refusal> {
        let nowhere = "there is nowhere to keep a picture: start with --out DIR";
        self.0.folder.as_deref().ok_or_else(|| Refusal::NotNow(nowhere.to_owned()))
    }
}

impl Controls {
    /// Tells the log what a person asked for, and what became of it.
    fn told<T>(&self, what: &str, value: Value, done: Result<T, Refusal>) -> Result<T, Refusal> {
        let refused = done.as_ref().err().map(Refusal::to_string);
        self.0.events.asked(what, value, refused.as_deref());
        done
    }

    fn take_engine(&self, name: &str) -> Result<(), Refusal> {
        // Folders by path are for who starts the program, not for who reaches its page.
        let Some(engine) = self.0.engines.get(name) else {
            let known: Vec<&str> = self.0.engines.keys().map(String::as_str).collect();
            return Err(Refusal::Bad(format!(
                "there is no engine '{name}'; there are: {}",
                known.join(", ")
            )));
        };
        self.0.segment.change_engine(engine).map_err(Refusal::NotNow)
    }

    fn keep_last(&self, seconds: Option<u32>) -> Result<String, Refusal> {
        let folder = self.folder()?;
        let taken = {
            let side = self.0.look_back.lock();
            let why = |why: &str| Refusal::NotNow(why.to_owned());
            let now = side.now.as_ref().ok_or_else(|| match side.wanted {
                Some(_) => why("nothing has been kept yet"),
                None if side.why.is_empty() => {
                    why("the seconds before now are not kept: start with --look-back SECONDS")
                }
                None => why(&side.why),
            })?;
            now.take(seconds)
        };
        let signatures = signatures(&self.0);
        self.0.rules.prepare(folder).and_then(|()| taken.write(folder, &signatures)).map_err(Refusal::NotNow)
    }

    fn keep_picture(&self) -> Result<String, Refusal> {
        let folder = self.folder()?;
        let exits = &self.0.exits;
        snapshot::take(folder, &exits.annotated, &exits.clean, &facts(&self.0)).map_err(Refusal::NotNow)
    }
}

impl Control for Controls {
    fn set_ai(&self, on: bool) -> Result<(), Refusal> {
        self.0.segment.set_property("enabled", on);
        self.told("ai", on.into(), Ok(()))
    }

    fn set_engine(&self, name: &str) -> Result<(), Refusal> {
        // It may be anything that somebody sent.
        let said: String = name.chars().take(LONGEST_NAME).collect();
        self.told("engine", said.into(), self.take_engine(name))
    }

    fn record(&self, on: bool) -> Result<(), Refusal> {
        let done = if on { self.0.begin_recording() } else { self.0.end_recording() };
        self.told("record", on.into(), done.map_err(Refusal::NotNow))
    }

    fn look_back(&self, seconds: Option<u32>) -> Result<String, Refusal> {
        self.told("look-back", seconds.into(), self.keep_last(seconds))
    }

    fn snapshot(&self) -> Result<String, Refusal> {
        self.told("snapshot", Value::Null, self.keep_picture())
    }

    fn new_patient(&self) -> Result<(), Refusal> {
        self.0.feed.begin_anew();
        self.told("new-patient", Value::Null, Ok(()))
    }

    fn webrtc(&self, offer: &str) -> Result<String, Refusal> {
        let webrtc = self.0.webrtc.as_ref().map_err(|why| Refusal::NotNow(why.clone()))?;
        webrtc.answer(offer).map_err(Refusal::NotNow)
    }
}
