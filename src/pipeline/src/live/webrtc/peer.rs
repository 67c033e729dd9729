//! One browser: a pipeline of its own from coded pictures to its connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;

use super::description::{self, Kind};
use crate::live::outlet::{Outlet, Time, Way};

/// Coded pictures that may wait for a connection. One that takes none loses them, and begins anew at the next whole picture.
const ROOM: u64 = 12;
/// How long each step of an answer may take: whoever asked waits for it.
const STEP_WITHIN: Duration = Duration::from_secs(3);
/// A browser that has not connected by then is sent away.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A browser's connection.
pub(super) struct Peer {
    way: Arc<Way>,
    webrtc: gst::Element,
    since: Instant,
    /// Whether it misses a picture that the next ones build upon.
    waits_for_whole: AtomicBool,
}

impl Peer {
    /// Answers a browser's offer; the answer has all of this side's addresses in it. `ask_whole` is called when the browser needs a whole
    /// picture.
    ///
    /// # Errors
    ///
    /// One line: the offer is none, or cannot be met.
    pub(super) fn answer(
        offer: &str,
        address: Option<IpAddr>,
        time: &Time,
        ask_whole: impl Fn() + Send + Sync + 'static,
    ) -> Result<(Self, String), String> {
        let payload = payload_type(offer).ok_or("the browser's offer has no VP8 picture in it")?;
        let text = format!(
            "rtpvp8pay pt={payload} mtu=1200 picture-id-mode=15-bit ! \
             application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload={payload} ! \
             webrtcbin name=rtc bundle-policy=max-bundle"
        );
        let mut found = None;
        let way = Way::start(&text, ROOM, false, time, |_, bin| {
            let webrtc = bin.by_name("rtc").ok_or("webrtcbin is missing")?;
            listen_on(&webrtc, address);
            let entry = bin.static_pad("sink").ok_or("the browser's pipeline takes nothing")?;
            entry.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
                let is_key_request = info.event().is_some_and(|event| {
                    event.structure().is_some_and(|structure| structure.name() == "GstForceKeyUnit")
                });
                if is_key_request {
                    ask_whole();
                }
                gst::PadProbeReturn::Ok
            });
            found = Some(webrtc);
            Ok(())
        })?;
        let webrtc = found.ok_or("webrtcbin is missing")?;
        let answer = negotiate(&webrtc, offer)?;
        let peer = Self { way, webrtc, since: Instant::now(), waits_for_whole: AtomicBool::new(true) };
        Ok((peer, answer))
    }

    /// Hands a coded picture over; must return at once. `false` where it was not taken and a whole picture is needed.
    pub(super) fn give(&self, buffer: &gst::Buffer, caps: &gst::Caps) -> bool {
        let is_whole = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        if self.way.is_full() {
            // What is built upon a lost picture is of no use.
            self.waits_for_whole.store(true, Ordering::Release);
            return false;
        }
        if self.waits_for_whole.load(Ordering::Acquire) && !is_whole {
            return false;
        }
        self.waits_for_whole.store(false, Ordering::Release);
        self.way.give(buffer, caps);
        true
    }

    /// Whether it is connected.
    pub(super) fn is_connected(&self) -> bool {
        nick(&self.webrtc, "connection-state") == "connected"
    }

    /// Whether the browser has gone, or never came.
    pub(super) fn is_gone(&self) -> bool {
        let state = nick(&self.webrtc, "connection-state");
        matches!(state.as_str(), "failed" | "closed" | "disconnected")
            || (state != "connected" && self.since.elapsed() > CONNECT_WITHIN)
            || self.way.error().is_some()
    }
}

/// On which address it listens: the one that the page is served on, or any where that is any.
fn listen_on(webrtc: &gst::Element, address: Option<IpAddr>) {
    let agent = webrtc.property_value("ice-agent").get::<glib::Object>();
    if let (Ok(agent), Some(address)) = (agent, address) {
        let _: bool = agent.emit_by_name("add-local-ip-address", &[&address.to_string()]);
    }
}

/// The number that the offer gives to VP8.
fn payload_type(offer: &str) -> Option<u8> {
    let lines = offer.lines().filter_map(|line| line.trim().strip_prefix("a=rtpmap:"));
    let vp8 = lines
        .filter_map(|line| line.split_once(' '))
        .find(|(_, codec)| codec.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("VP8/")));
    vp8.and_then(|(number, _)| number.parse().ok()).filter(|number| *number < 128)
}

/// The name of an enumeration property's value.
pub(super) fn nick(element: &gst::Element, property: &str) -> String {
    let value = element.property_value(property);
    glib::EnumValue::from_value(&value).map_or_else(String::new, |(_, value)| value.nick().to_owned())
}

/// One step that webrtcbin answers to later.
pub(super) fn step(
    webrtc: &gst::Element,
    signal: &str,
    argument: &glib::Value,
) -> Result<Option<gst::Structure>, String> {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let promise = gst::Promise::with_change_func(move |reply| {
        let reply = match reply {
            Ok(reply) => Ok(reply.map(ToOwned::to_owned)),
            Err(_) => Err("it was given up".to_owned()),
        };
        let _ = sender.send(reply);
    });
    webrtc.emit_by_name_with_values(signal, &[argument.clone(), promise.to_value()]);
    let reply = receiver.recv_timeout(STEP_WITHIN).map_err(|_| format!("{signal}: no answer"))??;
    let error = reply.as_ref().and_then(|reply| reply.get::<glib::Error>("error").ok());
    match error {
        Some(error) => Err(format!("{signal}: {}", error.message())),
        None => Ok(reply),
    }
}

/// From a browser's offer to the answer.
fn negotiate(webrtc: &gst::Element, offer: &str) -> Result<String, String> {
    let offer =
        description::value(Kind::Offer, offer).ok_or("the browser's offer is no session description")?;
    step(webrtc, "set-remote-description", &offer)?;
    let reply = step(webrtc, "create-answer", &None::<gst::Structure>.to_value())?;
    let answer = reply.as_ref().and_then(|reply| reply.value("answer").ok().map(|value| (**value).clone()));
    step(webrtc, "set-local-description", &answer.ok_or("the offer could not be answered")?)?;
    gathered(webrtc)
}

/// This side's description, once all its addresses are in it.
pub(super) fn gathered(webrtc: &gst::Element) -> Result<String, String> {
    let begun = Instant::now();
    while nick(webrtc, "ice-gathering-state") != "complete" {
        if begun.elapsed() > STEP_WITHIN {
            return Err("no address of this machine was found in time".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    description::text(&webrtc.property_value("local-description"))
        .ok_or_else(|| "there is no answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offer_says_which_number_vp8_has() {
        let offer =
            "v=0\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:97 H264/90000\r\na=rtpmap:101 vp8/90000\r\n";
        assert_eq!(payload_type(offer), Some(101));
        for wrong in [
            "",
            "a=rtpmap:97 H264/90000",
            "a=rtpmap:xx VP8/90000",
            "a=rtpmap:300 VP8/90000",
            "a=rtpmap:96 VP9/90000",
        ] {
            assert_eq!(payload_type(wrong), None, "{wrong}");
        }
    }
}
