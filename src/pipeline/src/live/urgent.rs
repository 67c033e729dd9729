//! Pipelines whose threads go before others.

use std::sync::Arc;

use gst::prelude::*;
use parking_lot::Mutex;
use vesalius_isolate::{Granted, Urgency, set_urgency};

/// Lets the threads of a pipeline that has none yet go before others for as long as they are its own, and says what was granted to
/// the last one. GStreamer uses threads again, so they are given back as they came.
pub(crate) fn hurry(pipeline: &gst::Pipeline, urgency: Urgency) -> Arc<Mutex<Granted>> {
    let granted = Arc::new(Mutex::new(Granted::Usual));
    let (Some(bus), said) = (pipeline.bus(), granted.clone()) else { return granted };
    // Called by the thread that the message is of.
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::StreamStatus(status) = message.view() {
            match status.get().0 {
                gst::StreamStatusType::Enter => *said.lock() = set_urgency(urgency),
                gst::StreamStatusType::Leave => {
                    set_urgency(Urgency::Usual);
                }
                _ => {}
            }
        }
        gst::BusSyncReply::Pass
    });
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_used_again_is_as_usual() {
        gst::init().unwrap();
        let on = |urgency: Option<Urgency>| {
            let pipeline = gst::parse::launch("videotestsrc num-buffers=3 ! fakesink name=sink").unwrap();
            let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
            let granted = urgency.map(|urgency| hurry(&pipeline, urgency));
            let nice = Arc::new(Mutex::new(Vec::new()));
            let seen = nice.clone();
            let sink = pipeline.by_name("sink").unwrap();
            sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                // What a thread of this one would be says what this one is.
                seen.lock().push(std::fs::read_to_string("/proc/thread-self/stat").unwrap());
                gst::PadProbeReturn::Ok
            });
            pipeline.set_state(gst::State::Playing).unwrap();
            let bus = pipeline.bus().unwrap();
            bus.timed_pop_filtered(gst::ClockTime::from_seconds(10), &[gst::MessageType::Eos]).unwrap();
            pipeline.set_state(gst::State::Null).unwrap();
            // Fields 18 and 41, behind the name, which may hold anything: priority and policy.
            let stat = nice.lock().last().unwrap().rsplit(')').next().unwrap().to_owned();
            let fields: Vec<i128> = stat.split_whitespace().skip(1).map(|f| f.parse().unwrap()).collect();
            (granted.map(|granted| *granted.lock()), fields[14], fields[37])
        };
        let (_, priority, policy) = on(None);
        let (granted, hurried, its_policy) = on(Some(Urgency::Picture));
        match granted.unwrap() {
            Granted::RealTime => assert_eq!(its_policy, 2),
            Granted::Raised => assert!(hurried < priority && its_policy == policy),
            granted => assert!(granted == Granted::Usual && (hurried, its_policy) == (priority, policy)),
        }
        for _ in 0..3 {
            assert_eq!(on(None), (None, priority, policy));
        }
    }
}
