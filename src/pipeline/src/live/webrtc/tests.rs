//! The stream against another webrtcbin in a browser's place, over loopback.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gst::glib;

use super::description::Kind;
use super::peer::{gathered, nick, step};
use super::*;

const RATE_HZ: u64 = 25;

/// Pictures that move, handed over at their pace until it is dropped.
struct Pictures(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Pictures {
    fn start(webrtc: &Arc<Webrtc>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ends, webrtc) = (stop.clone(), webrtc.clone());
        let work = move || {
            let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Gray8, 320, 240)
                .fps(gst::Fraction::new(RATE_HZ as i32, 1))
                .build()
                .unwrap();
            let caps = info.to_caps().unwrap();
            for number in 0_usize.. {
                if ends.load(Ordering::Acquire) {
                    return;
                }
                let pixels: Vec<u8> = (0..320 * 240).map(|i| ((i % 320 + 5 * number) % 200) as u8).collect();
                let mut buffer = gst::Buffer::from_mut_slice(pixels);
                let now = webrtc.time.clock.time().saturating_sub(webrtc.time.base);
                buffer.get_mut().unwrap().set_pts(now);
                webrtc.give(&buffer, &caps);
                std::thread::sleep(Duration::from_millis(1000 / RATE_HZ));
            }
        };
        Self(stop, Some(std::thread::spawn(work)))
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        let _ = self.1.take().map(std::thread::JoinHandle::join);
    }
}

/// Who looks, as a browser does.
struct Viewer {
    pipeline: gst::Pipeline,
    pictures: Arc<AtomicU64>,
    answer: String,
}

impl Viewer {
    fn look(webrtc: &Webrtc) -> Result<Self, String> {
        let pipeline = gst::Pipeline::new();
        let rtc = gst::ElementFactory::make("webrtcbin").build().unwrap();
        rtc.set_property_from_str("bundle-policy", "max-bundle");
        pipeline.add(&rtc).unwrap();
        let pictures = Arc::new(AtomicU64::new(0));
        let (bin, count) = (pipeline.downgrade(), pictures.clone());
        rtc.connect_pad_added(move |_, pad| {
            let Some(pipeline) = bin.upgrade() else { return };
            let text = "rtpvp8depay ! vp8dec ! fakesink name=last sync=false signal-handoffs=true";
            let decoder = gst::parse::bin_from_description(text, true).unwrap();
            let count = count.clone();
            decoder.by_name("last").unwrap().connect("handoff", false, move |_| {
                count.fetch_add(1, Ordering::AcqRel);
                None
            });
            pipeline.add(&decoder).unwrap();
            decoder.sync_state_with_parent().unwrap();
            pad.link(&decoder.static_pad("sink").unwrap()).unwrap();
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let direction = glib::Type::from_name("GstWebRTCRTPTransceiverDirection").unwrap();
        let direction = glib::EnumClass::with_type(direction).unwrap().to_value_by_nick("recvonly").unwrap();
        let caps = "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=101";
        let caps = caps.parse::<gst::Caps>().unwrap().to_value();
        rtc.emit_by_name_with_values("add-transceiver", &[direction, caps]);
        let reply = step(&rtc, "create-offer", &None::<gst::Structure>.to_value())?.unwrap();
        let offer = (**reply.value("offer").unwrap()).clone();
        step(&rtc, "set-local-description", &offer)?;
        let answer = webrtc.answer(&gathered(&rtc)?);
        if answer.is_err() {
            let _ = pipeline.set_state(gst::State::Null);
        }
        let answer = answer?;
        step(&rtc, "set-remote-description", &description::value(Kind::Answer, &answer).unwrap())?;
        assert!(nick(&rtc, "signaling-state") == "stable");
        Ok(Self { pipeline, pictures, answer })
    }

    fn seen(&self) -> u64 {
        self.pictures.load(Ordering::Acquire)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn stream() -> Arc<Webrtc> {
    gst::init().unwrap();
    let clock = gst::SystemClock::obtain();
    let time = Time { base: clock.time(), clock };
    Arc::new(Webrtc::start(Ipv4Addr::LOCALHOST.into(), &time).unwrap())
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "still not so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_browser_sees_pictures_over_loopback_alone_and_one_that_is_stuck_delays_no_other() {
    let webrtc = stream();
    let _pictures = Pictures::start(&webrtc);
    let first = Viewer::look(&webrtc).unwrap();
    wait("the first sees pictures", || first.seen() > 20);
    let candidates: Vec<&str> =
        first.answer.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert!(
        !candidates.is_empty() && candidates.iter().all(|line| line.contains(" 127.0.0.1 ")),
        "{candidates:?}"
    );
    assert!(
        first.answer.contains("a=sendonly") && first.answer.contains("a=fingerprint:"),
        "{}",
        first.answer
    );
    // It takes nothing any more, and does not say so.
    let stuck = Viewer::look(&webrtc).unwrap();
    wait("the second sees pictures", || stuck.seen() > 5);
    stuck.pipeline.set_state(gst::State::Paused).unwrap();
    let before = (first.seen(), Instant::now());
    wait("the first sees more", || first.seen() > before.0 + 50);
    let rate = (first.seen() - before.0) as f64 / before.1.elapsed().as_secs_f64();
    assert!(rate > 0.5 * RATE_HZ as f64, "{rate} pictures a second");
    assert_eq!(webrtc.connected(), 2);
    drop(stuck);
    drop(first);
}

#[test]
fn no_more_browsers_than_there_is_room_for_and_what_is_no_offer_is_refused() {
    let webrtc = stream();
    for wrong in ["", "v=0\r\n", "a=rtpmap:96 VP8/90000\r\n", "\0\0a=rtpmap:96 VP8/90000"] {
        let said = webrtc.answer(wrong).unwrap_err();
        assert!(!said.is_empty() && !said.contains('\n'), "{said}");
    }
    assert!(webrtc.peers.lock().is_empty());
    let viewers: Vec<Viewer> = (0..MOST_PEERS).map(|_| Viewer::look(&webrtc).unwrap()).collect();
    let said = Viewer::look(&webrtc).err().unwrap();
    assert!(said.contains("8 browsers"), "{said}");
    drop(viewers);
    // Those who have gone make room.
    wait("there is room", || {
        webrtc.look_after();
        webrtc.peers.lock().len() < MOST_PEERS
    });
}
