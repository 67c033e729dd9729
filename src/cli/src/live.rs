//! `vesalius live`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use vesalius_pipeline::live::{Isolation, LiveJob, LiveOptions, Source};

use crate::args::{AiSwitch, IsolationChoice, LiveArgs};
use crate::progress::stop_on_interrupt;

/// Runs the command.
pub fn run(args: &LiveArgs) -> anyhow::Result<u8> {
    gst::init().context("GStreamer cannot be started")?;
    let options = options(args)?;
    let stop = stop_on_interrupt();
    let mut job = LiveJob::start(options)?;
    if let Some(address) = job.address() {
        say!("http://{address}/");
    }
    let ran = job.run(&stop, &mut |line| complain!("vesalius: {line}"));
    let ended = job.end().map_err(anyhow::Error::msg);
    ran?;
    ended.context("the recording")?;
    Ok(crate::OK)
}

fn options(args: &LiveArgs) -> anyhow::Result<LiveOptions> {
    let serve = args.serve.map(|address| serve(address, args.token_file.as_deref())).transpose()?;
    Ok(LiveOptions {
        again: args.again,
        ai: args.ai == AiSwitch::On,
        calibration: args.calibration.clone().unwrap_or_default(),
        watch_depth: args.watch_depth,
        protocol: args.protocol.clone(),
        confirm_ms: args.confirm_ms,
        max_age: Duration::from_millis(args.max_age_ms.into()),
        window: args.window,
        serve,
        folder: args.record.clone().or_else(|| args.out.clone()),
        record: args.record.is_some(),
        duration: args.duration.map(Duration::from_secs_f64),
        isolation: match args.isolation {
            IsolationChoice::Process => Isolation::Process,
            IsolationChoice::Thread => Isolation::Thread,
        },
        threads: args.threads,
        runtime: args.backend.runtime.clone(),
        provider: args.backend.provider,
        precision: args.backend.precision,
        ..LiveOptions::new(Source::parse(&args.source)?, &args.engine)
    })
}

fn serve(address: SocketAddr, token_file: Option<&Path>) -> anyhow::Result<vesalius_serve::Options> {
    let token = token_file.map(|path| {
        std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .with_context(|| format!("{}: the token cannot be read", path.display()))
    });
    Ok(vesalius_serve::Options { address, token: token.transpose()? })
}
