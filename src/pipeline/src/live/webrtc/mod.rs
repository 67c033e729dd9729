//! The picture for browsers as a stream: VP8 over WebRTC. One coder for all, a pipeline for each browser behind it; one that is slow
//! or stuck loses pictures of its own, and nobody else notices.

mod description;
mod peer;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use parking_lot::Mutex;

use super::outlet::{Outlet, Time, Way};
use peer::Peer;

/// Browsers at once. More take pictures one by one.
const MOST_PEERS: usize = 8;
/// Whole pictures are made no more often on demand: each is many times as large as the others.
const WHOLE_SPACING: Duration = Duration::from_millis(300);
/// Pictures for browsers are no larger than this: coding more would take the processor from engine and picture.
const LARGEST: (u32, u32) = (1280, 720);

/// The stream for browsers.
pub(crate) struct Webrtc {
    coder: Arc<Way>,
    peers: Peers,
    whole: Arc<WholePictures>,
    address: Option<IpAddr>,
    time: Time,
}

type Peers = Arc<Mutex<Vec<Arc<Peer>>>>;

/// Who asks the coder for a picture that builds upon none.
struct WholePictures {
    coder: Mutex<Option<gst::Element>>,
    asked: Mutex<Option<Instant>>,
}

impl WholePictures {
    fn ask(&self) {
        {
            let mut asked = self.asked.lock();
            if asked.is_some_and(|at| at.elapsed() < WHOLE_SPACING) {
                return;
            }
            *asked = Some(Instant::now());
        }
        let coder = self.coder.lock().clone();
        if let Some(pad) = coder.and_then(|coder| coder.static_pad("src")) {
            pad.send_event(gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
    }
}

impl Webrtc {
    /// Ready for browsers of whoever the page is served to: on `address` alone, or on all where that is none.
    ///
    /// # Errors
    ///
    /// One line: what is missing. Browsers then take pictures one by one.
    pub(crate) fn start(address: IpAddr, time: &Time) -> Result<Self, String> {
        for (element, package) in [
            ("webrtcbin", "gstreamer1.0-plugins-bad"),
            ("nicesrc", "gstreamer1.0-nice"),
            ("vp8enc", "gstreamer1.0-plugins-good"),
        ] {
            if gst::ElementFactory::find(element).is_none() {
                return Err(format!("the element {element} is missing: install {package}"));
            }
        }
        let peers = Peers::default();
        let whole = Arc::new(WholePictures { coder: Mutex::default(), asked: Mutex::default() });
        let coder = coder(&peers, &whole, time)?;
        let address = (!address.is_unspecified()).then_some(address);
        Ok(Self { coder, peers, whole, address, time: time.clone() })
    }

    /// Answers a browser's offer (SDP).
    ///
    /// # Errors
    ///
    /// One line; the browser then takes pictures one by one.
    pub(crate) fn answer(&self, offer: &str) -> Result<String, String> {
        self.look_after();
        let full = || format!("{MOST_PEERS} browsers look already: pictures come one by one");
        if self.peers.lock().len() >= MOST_PEERS {
            return Err(full());
        }
        let whole = self.whole.clone();
        let (peer, answer) = Peer::answer(offer, self.address, &self.time, move || whole.ask())?;
        let mut peers = self.peers.lock();
        // Others may have come while this one was answered.
        if peers.len() >= MOST_PEERS {
            return Err(full());
        }
        peers.push(Arc::new(peer));
        Ok(answer)
    }

    /// Takes those away who have gone; to be called now and then. What went wrong with all of them, if something did.
    pub(crate) fn look_after(&self) -> Option<String> {
        let gone: Vec<Arc<Peer>> = {
            let mut peers = self.peers.lock();
            let (gone, there) = std::mem::take(&mut *peers).into_iter().partition(|peer| peer.is_gone());
            *peers = there;
            gone
        };
        if !gone.is_empty() {
            // Taking a connection down may take a while, and nobody waits for it.
            let _ = std::thread::Builder::new().name("vesalius-browser".to_owned()).spawn(move || drop(gone));
        }
        self.coder.error()
    }

    /// Browsers that see the stream.
    pub(crate) fn connected(&self) -> usize {
        let peers = self.peers.lock().clone();
        peers.iter().filter(|peer| peer.is_connected()).count()
    }
}

impl Outlet for Webrtc {
    fn give(&self, buffer: &gst::Buffer, caps: &gst::Caps) {
        // Nothing is coded where nobody looks.
        if !self.peers.lock().is_empty() {
            self.coder.give(buffer, caps);
        }
    }
}

fn coder(peers: &Peers, whole: &Arc<WholePictures>, time: &Time) -> Result<Arc<Way>, String> {
    let (width, height) = LARGEST;
    let text = format!(
        "videoconvert ! videoscale ! video/x-raw,format=I420,width=[2,{width}],height=[2,{height}],pixel-aspect-ratio=1/1 ! \
         vp8enc name=coder deadline=1 cpu-used=8 threads=2 lag-in-frames=0 end-usage=cbr target-bitrate=4000000 \
         keyframe-max-dist=150 error-resilient=default ! appsink name=out sync=false max-buffers=4"
    );
    let (peers, asks) = (peers.clone(), whole.clone());
    let into = whole.clone();
    Way::start(&text, 1, false, time, move |pipeline, _| {
        let sink = pipeline.by_name("out").and_then(|s| s.downcast::<gst_app::AppSink>().ok());
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                if let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps_owned()) {
                    let all = peers.lock().clone();
                    let missed = all.iter().filter(|peer| !peer.give(&buffer, &caps)).count();
                    if missed > 0 {
                        asks.ask();
                    }
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        sink.ok_or("the coder has no end")?.set_callbacks(callbacks);
        *into.coder.lock() = pipeline.by_name("coder");
        Ok(())
    })
}
