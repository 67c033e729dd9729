//! `vesalius phantom`.

use anyhow::Context;
use vesalius_measure::calibration::{Calibration, CalibrationSource};
use vesalius_phantom::{AcousticShadow, FetalHeadScene, ProbeMotion, ScanField, ShadowOrigin};
use vesalius_pipeline::phantom::{PhantomOptions, TRUTH, render};
use vesalius_pipeline::replay::Control;

use crate::args::{FetalHeadArgs, FieldKind, PhantomArgs, PhantomKind};
use crate::progress::{Reporter, stop_on_interrupt};

/// Runs the command.
pub fn run(args: &PhantomArgs) -> anyhow::Result<u8> {
    let PhantomKind::FetalHead(args) = &args.kind;
    gst::init().context("GStreamer cannot be started")?;
    let scene = scene(args)?;
    let stop = stop_on_interrupt();
    let mut reporter = Reporter::new(false);
    let mut tell = |progress: &vesalius_pipeline::Progress| reporter.tell(progress);
    let options = PhantomOptions { frames: args.frames, masks: !args.no_masks, stills: args.stills };
    let clip = render(&scene, &options, &args.out, &mut Control { progress: &mut tell, stop: &stop })?;
    reporter.finish();
    say!("{}", clip.display());
    say!("{}", args.out.join(TRUTH).display());
    Ok(if stop.load(std::sync::atomic::Ordering::Acquire) { crate::INTERRUPTED } else { crate::OK })
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
