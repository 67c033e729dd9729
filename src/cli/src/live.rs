//! `vesalius live`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use vesalius_ledger::digest::of_text;
use vesalius_pipeline::live::profile::{
    AlignmentName, CornerName, IsolationName, PriorityName, WhenFullName,
};
use vesalius_pipeline::live::{LiveEvent, LiveJob, LiveOptions, Profile};

use crate::args::{
    AiSwitch, AlignmentChoice, CornerChoice, IsolationChoice, LiveArgs, PriorityChoice, WhenFullChoice,
};
use crate::audit::Recorded;
use crate::progress::stop_on_interrupt;
use crate::service::{Mark, Service};

/// Events that may wait for the audit log's disk.
const EVENTS_WAITING: usize = 1024;
/// How often the writer looks whether the job is over.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Runs the command.
pub fn run(args: &LiveArgs, recorded: &Recorded) -> anyhow::Result<u8> {
    gst::init().context("GStreamer cannot be started")?;
    let mut options = options(args)?;
    // Whatever this program's file is called.
    options.program = std::env::current_exe().ok().filter(|path| path.is_file());
    let mark = Mark::set();
    if let Some(why) = mark.as_ref().and_then(Mark::crashed)
        && options.ai
    {
        complain!("vesalius: {why}: AI is off until a person turns it on");
        options.ai = false;
    }
    let stop = stop_on_interrupt();
    let events = recorded.again()?.map(Log::start).transpose()?;
    options.events = events.as_ref().map(|events| events.into.clone());
    // What it was started with by its hash: addresses and names of files stay out of the log.
    let settings = LiveOptions { serve: None, events: None, ..options.clone() };
    let configuration = json!({ "source": settings.source.label(), "configuration_sha256": of_text(&format!("{settings:?}")) });
    recorded.write("configured", &configuration)?;
    let mut job = LiveJob::start(options)?;
    if let Some(address) = job.address() {
        say!("http://{address}/");
    }
    let service = Service::start(job.pulse());
    let ran = job.run(&stop, &mut |line| {
        complain!("vesalius: {line}");
        service.say(line);
    });
    service.stop();
    let latency = args.latency.then(|| job.view().latency());
    let ended = job.end().map_err(anyhow::Error::msg);
    if let Some(events) = events {
        events.end();
    }
    if let Some(latency) = latency {
        say!("{latency}");
        say!("{}", serde_json::to_string(&latency)?);
    }
    if let Some(mark) = mark {
        mark.clear();
    }
    ran?;
    ended.context("the recording")?;
    Ok(crate::OK)
}

/// What happens in a job, on its way into the audit log. Nobody waits for the disk.
struct Log {
    into: SyncSender<LiveEvent>,
    over: Arc<AtomicBool>,
    writer: JoinHandle<()>,
}

impl Log {
    fn start(recorded: Recorded) -> anyhow::Result<Self> {
        let (into, events) = sync_channel::<LiveEvent>(EVENTS_WAITING);
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let write = move || {
            let mut is_broken = false;
            loop {
                let event = match events.recv_timeout(LOOK_UP) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) if !ended.load(Ordering::Acquire) => continue,
                    Err(_) => return,
                };
                match recorded.write(event.name, &event.details) {
                    Ok(()) => is_broken = false,
                    Err(error) if !is_broken => {
                        is_broken = true;
                        complain!("vesalius: {}", crate::say::one_line(&error));
                    }
                    Err(_) => {}
                }
            }
        };
        let writer = std::thread::Builder::new().name("vesalius-audit".to_owned()).spawn(write)?;
        Ok(Self { into, over, writer })
    }

    /// Waits until all is written.
    fn end(self) {
        self.over.store(true, Ordering::Release);
        let _ = self.writer.join();
    }
}

/// What is said here, over what the profile says.
fn options(args: &LiveArgs) -> anyhow::Result<LiveOptions> {
    let profile = args.profile.as_deref().map(Profile::read).transpose()?.unwrap_or_default();
    let set = |flag: bool| flag.then_some(true);
    // Whoever names a screen does not mean the profile's.
    let names_screen = args.window || args.fullscreen || !args.sinks.is_empty();
    let screen = |flag: bool| names_screen.then_some(flag);
    let said = Profile {
        source: args.source.clone(),
        again: set(args.again),
        engine: args.engine.clone(),
        ai: args.ai.map(|switch| switch == AiSwitch::On),
        calibration: args.calibration.clone(),
        watch_depth: set(args.watch_depth),
        protocol: args.protocol.clone(),
        confirm_ms: args.confirm_ms,
        max_age_ms: args.max_age_ms,
        alignment: args.alignment.map(|choice| match choice {
            AlignmentChoice::Lag => AlignmentName::Lag,
            AlignmentChoice::Motion => AlignmentName::Motion,
            AlignmentChoice::Delay => AlignmentName::Delay,
        }),
        motion_within_ms: args.motion_within_ms,
        delay_ms: args.delay_ms,
        deadline_ms: args.deadline_ms,
        isolation: args.isolation.map(|choice| match choice {
            IsolationChoice::Process => IsolationName::Process,
            IsolationChoice::Thread => IsolationName::Thread,
        }),
        priority: args.priority.map(|choice| match choice {
            PriorityChoice::Raised => PriorityName::Raised,
            PriorityChoice::Usual => PriorityName::Usual,
        }),
        threads: args.threads,
        provider: args.provider.clone(),
        precision: args.precision.clone(),
        runtime: args.runtime.clone(),
        keep_clear: (!args.keep_clear.is_empty()).then(|| args.keep_clear.clone()),
        values_at: args.values_at.map(|choice| match choice {
            CornerChoice::TopLeft => CornerName::TopLeft,
            CornerChoice::TopRight => CornerName::TopRight,
            CornerChoice::BottomLeft => CornerName::BottomLeft,
            CornerChoice::BottomRight => CornerName::BottomRight,
        }),
        window: screen(args.window),
        fullscreen: screen(args.fullscreen),
        monitor: args.monitor.clone(),
        sinks: names_screen.then(|| args.sinks.clone()),
        serve: args.serve,
        token_file: args.token_file.clone(),
        out: args.record.clone().or_else(|| args.out.clone()),
        record: set(args.record.is_some()),
        look_back_s: args.look_back,
        file_length_s: args.file_length,
        when_full: args.when_full.map(|choice| match choice {
            WhenFullChoice::Stop => WhenFullName::Stop,
            WhenFullChoice::Oldest => WhenFullName::Oldest,
        }),
        keep_free_mb: args.keep_free_mb,
        most_mb: args.most_mb,
        privacy_gate: set(args.privacy_gate),
        duration_s: args.duration,
    };
    Ok(said.over(profile).options()?)
}
