//! `vesalius phantom`.

use anyhow::Context;
use clap::Parser;
use vesalius_measure::calibration::{Calibration, CalibrationSource};
use vesalius_phantom::scenes::SceneOptions;
use vesalius_phantom::{AcousticShadow, FetalHeadScene, ProbeMotion, ScanField, ShadowOrigin};
use vesalius_pipeline::ReplayError;
use vesalius_pipeline::phantom::{PhantomOptions, TRUTH, render, render_scene};
use vesalius_pipeline::replay::Control;

use crate::args::{FetalHeadArgs, FieldKind, PhantomArgs, PhantomKind, SceneArgs};
use crate::progress::{Reporter, stop_on_interrupt};

/// Runs the command.
pub fn run(args: &PhantomArgs) -> anyhow::Result<u8> {
    match &args.kind {
        None => {
            list();
            Ok(crate::OK)
        }
        Some(PhantomKind::FetalHead(args)) => {
            let scene = scene(args)?;
            let options = PhantomOptions {
                frames: args.frames,
                masks: !args.no_masks,
                stills: args.stills,
                mask_clip: false,
            };
            write(&args.out, |control| render(&scene, &options, &args.out, control))
        }
        Some(PhantomKind::Other(words)) => {
            let Some((name, rest)) = words.split_first() else { anyhow::bail!("name a phantom") };
            // Before the options: of a phantom that does not exist, none is right.
            SceneOptions::from_name(name)?;
            // What is wrong with the options is clap's to say, and to leave with.
            let args = SceneArgs::try_parse_from(rest).unwrap_or_else(|error| error.exit());
            let scene = scene_of(name, &args.set)?;
            let frames = args.frames.unwrap_or(scene.info().suggested_frames);
            anyhow::ensure!(frames > 0, "--frames 0 is no clip: ask for at least one frame");
            let options = PhantomOptions {
                frames,
                masks: !args.no_masks,
                stills: args.stills,
                mask_clip: args.mask_clip,
            };
            write(&args.out, |control| render_scene(&scene, &options, &args.out, control))
        }
    }
}

fn list() {
    for info in SceneOptions::CATALOGUE {
        say!("{:<16} {}", info.name, info.description);
    }
}

/// Renders with a progress bar, and says where the files are.
fn write(
    out: &std::path::Path,
    render: impl FnOnce(&mut Control<'_>) -> Result<std::path::PathBuf, ReplayError>,
) -> anyhow::Result<u8> {
    gst::init().context("GStreamer cannot be started")?;
    let stop = stop_on_interrupt();
    let mut reporter = Reporter::new(false);
    let mut tell = |progress: &vesalius_pipeline::Progress| reporter.tell(progress);
    let clip = render(&mut Control { progress: &mut tell, stop: &stop })?;
    reporter.finish();
    say!("{}", clip.display());
    say!("{}", out.join(TRUTH).display());
    Ok(if stop.load(std::sync::atomic::Ordering::Acquire) { crate::INTERRUPTED } else { crate::OK })
}

/// A scene's defaults with some options set, each by its path in the JSON of the options.
fn scene_of(name: &str, settings: &[String]) -> anyhow::Result<SceneOptions> {
    let mut options = serde_json::to_value(SceneOptions::from_name(name)?)?;
    for setting in settings {
        let (path, value) = setting
            .split_once('=')
            .with_context(|| format!("--set {setting}: write KEY=VALUE, such as ef_percent=35"))?;
        // A word that is no JSON is a name: view=two-chamber.
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        let pointer = format!("/{}", path.replace('.', "/"));
        let Some(place) = options.pointer_mut(&pointer) else {
            anyhow::bail!("--set {setting}: '{path}' is no option of '{name}'; its options stand in {TRUTH}");
        };
        *place = value;
    }
    serde_json::from_value(options).with_context(|| format!("the options of '{name}'"))
}

/// The scene that the options describe.
fn scene(args: &FetalHeadArgs) -> anyhow::Result<FetalHeadScene> {
    if args.frames == 0 {
        anyhow::bail!("--frames 0 is no clip: ask for at least one frame");
    }
    if args.random {
        return Ok(FetalHeadScene { frame_rate_hz: args.fps, ..FetalHeadScene::random(args.seed) });
    }
    let scale = Calibration::parse(&args.mm_per_px, CalibrationSource::Phantom).context("--mm-per-px")?;
    let mut scene = FetalHeadScene {
        width_px: args.width,
        height_px: args.height,
        mm_per_px_x: scale.mm_per_px_x().get(),
        mm_per_px_y: scale.mm_per_px_y().get(),
        frame_rate_hz: args.fps,
        seed: args.seed,
        head_circumference_mm: args.head_circumference,
        cephalic_index_percent: args.cephalic_index,
        angle_deg: args.angle,
        field: match args.field {
            FieldKind::Fan => ScanField::default(),
            FieldKind::Linear => ScanField::Linear { width_mm: None, depth_mm: None },
        },
        ..FetalHeadScene::default()
    };
    scene.receiver.gain_db = args.gain;
    scene.speckle.compounding = args.compounding;
    if args.shadow > 0.0 {
        scene.shadows.push(AcousticShadow {
            center: 0.15,
            width: 0.12,
            loss_db: args.shadow,
            origin: ShadowOrigin::Skull,
        });
    }
    let motion = ProbeMotion::default();
    scene.motion = ProbeMotion {
        translation_mm: motion.translation_mm * args.motion,
        rotation_deg: motion.rotation_deg * args.motion,
        breathing: motion.breathing * args.motion,
        ..motion
    };
    Ok(scene)
}
