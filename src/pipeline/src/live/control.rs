//! What people can do to a live job.

use std::path::Path;
use std::sync::Arc;

use gst::prelude::*;
use vesalius_serve::{Control, Refusal};

use super::shared::Shared;
use super::snapshot;
use super::status::facts;

/// The controls of a job.
pub(crate) struct Controls(pub(crate) Arc<Shared>);

impl Controls {
    fn folder(&self) -> Result<&Path, Refusal> {
        let nowhere = "there is nowhere to keep a picture: start with --out DIR";
        self.0.folder.as_deref().ok_or_else(|| Refusal::NotNow(nowhere.to_owned()))
    }
}

impl Control for Controls {
    fn set_ai(&self, on: bool) -> Result<(), Refusal> {
        self.0.segment.set_property("enabled", on);
        Ok(())
    }

    fn set_engine(&self, name: &str) -> Result<(), Refusal> {
        // Folders by path are for who starts the program, not for who reaches its page.
        if !self.0.engines.iter().any(|engine| engine == name) {
            let known = self.0.engines.join(", ");
            return Err(Refusal::Bad(format!("there is no engine '{name}'; there are: {known}")));
        }
        self.0.segment.change_engine(name).map_err(Refusal::NotNow)
    }

    fn record(&self, on: bool) -> Result<(), Refusal> {
        let done = if on { self.0.begin_recording() } else { self.0.end_recording() };
        done.map_err(Refusal::NotNow)
    }

    fn look_back(&self, seconds: Option<u32>) -> Result<String, Refusal> {
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
        self.0.rules.prepare(folder).and_then(|()| taken.write(folder)).map_err(Refusal::NotNow)
    }

    fn snapshot(&self) -> Result<String, Refusal> {
        let folder = self.folder()?;
        let exits = &self.0.exits;
        snapshot::take(folder, &exits.annotated, &exits.clean, &facts(&self.0)).map_err(Refusal::NotNow)
    }

    fn new_patient(&self) -> Result<(), Refusal> {
        self.0.feed.begin_anew();
        Ok(())
    }

    fn webrtc(&self, offer: &str) -> Result<String, Refusal> {
        let webrtc = self.0.webrtc.as_ref().map_err(|why| Refusal::NotNow(why.clone()))?;
        webrtc.answer(offer).map_err(Refusal::NotNow)
    }
}
