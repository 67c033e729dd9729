//! Each kernel against its reference, through the very wrappers that launch it on a GPU.

use vesalius_cuda::Stream;

use crate::host::HostDevice;
use crate::parity::{Compared, Outcome, Rig};

fn compare(name: &str, run: impl FnOnce(&Rig) -> Outcome<Compared>) {
    let device = HostDevice::default();
    {
        let context = device.context();
        let rig = Rig { stream: Stream::new(&context).unwrap(), kernels: device.kernels(&context).unwrap() };
        let Compared { cases, values } = run(&rig).unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {values} values of {cases} cases are the same to the last bit");
        assert!(values > 5_000, "{values} values prove little");
    }
    device.finish();
}

#[test]
fn pictures_become_the_tensors_of_the_reference() {
    compare("preprocess.cu", |rig| crate::parity::preprocess::run(rig, 200, 1));
}

#[test]
fn scores_become_the_probabilities_labels_and_outlines_of_the_reference() {
    compare("labels.cu", |rig| crate::parity::labels::run(rig, 120, 2));
}

#[test]
fn drawings_touch_the_pixels_of_the_reference() {
    compare("blend.cu", |rig| crate::parity::blend::run(rig, 120, 3));
}

#[test]
fn classes_have_the_sums_of_the_reference() {
    compare("reduce.cu", |rig| crate::parity::sums::run(rig, 60, 4));
}

#[test]
fn a_moved_picture_is_found_moved() {
    compare("shift.cu", |rig| crate::parity::shift::run(rig, 20, 5));
}

/// What `examples/gpu_parity.rs` times on a GPU runs; the times are none here.
#[test]
fn the_timed_case_runs() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let rig = Rig { stream: Stream::new(&context).unwrap(), kernels: device.kernels(&context).unwrap() };
        let timed = crate::parity::timing::time(&rig, 1).unwrap();
        assert_eq!(timed.len(), 12);
        // What an event of this device says of any time.
        assert!(timed.iter().all(|t| !t.name.is_empty() && (t.p50_us, t.p99_us) == (1000.0, 1000.0)));
    }
    device.finish();
}
