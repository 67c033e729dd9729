//! Sharing with GStreamer, as far as it goes without a GPU: telling whose a memory is, and saying why there
//! is none.

use vesalius_cuda::gst_cuda::{Access, GstCuda, surface_format};
use vesalius_cuda::{Cuda, CudaError, Off, SurfaceFormat};

use crate::host::HostDevice;

#[test]
fn memory_of_the_system_is_no_memory_of_the_device() {
    gst::init().unwrap();
    let library = match GstCuda::open() {
        Ok(library) => library,
        Err(off) => return println!("skipped: {off}"),
    };
    let buffer = gst::Buffer::with_size(640 * 480 * 3 / 2).unwrap();
    assert!(!library.is_cuda_memory(buffer.peek_memory(0)));
    assert!(!library.is_cuda_buffer(&buffer) && !library.is_cuda_buffer(&gst::Buffer::new()));
    let device = HostDevice::default();
    let context = device.context();
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Nv12, 640, 480).build().unwrap();
    assert!(library.map(&buffer, &info, &context, Access::Read).unwrap().is_none());
    assert_eq!(context.counters(), Default::default());
    println!("libgstcuda: {library:?}");
}

#[test]
fn without_a_driver_no_context_is_shared() {
    gst::init().unwrap();
    let Ok(library) = GstCuda::open() else { return println!("skipped: libgstcuda is missing") };
    let element = gst::ElementFactory::make("identity").build().unwrap();
    let context = gst::Context::new("gst.cuda.context", true);
    assert!(library.from_set_context(&element, &context, -1).is_none());
    assert!(library.ask(&element, -1).is_none());
    let device = HostDevice::default();
    assert_eq!(library.offer(&device.context()).unwrap_err(), CudaError::Off(Off::NoDriver));
    device.finish();
}

#[test]
fn where_there_is_no_driver_everybody_says_so() {
    gst::init().unwrap();
    match Cuda::probe() {
        Ok(cuda) => println!("skipped: there is a driver, and {:?}", cuda.devices()),
        Err(off) => {
            assert!(matches!(off, Off::NoDriver | Off::NoDevice | Off::DriverFails { .. }), "{off}");
            println!("CUDA is off here: {off}");
            if GstCuda::open().is_ok() && off == Off::NoDriver {
                assert_eq!(GstCuda::load().unwrap_err(), Off::NoDriver);
            }
        }
    }
}

#[test]
fn formats_of_gstreamer_are_those_of_the_kernels() {
    use gst_video::VideoFormat;
    use vesalius_measure::frame::PixelFormat;
    gst::init().unwrap();
    assert_eq!(surface_format(VideoFormat::Nv12), Some(SurfaceFormat::Pixels(PixelFormat::Nv12)));
    assert_eq!(surface_format(VideoFormat::P01010le), Some(SurfaceFormat::P010));
    assert_eq!(surface_format(VideoFormat::Argb), None);
    for format in VideoFormat::iter_raw().filter_map(|f| Some((f, surface_format(f)?))) {
        let info = gst_video::VideoInfo::builder(format.0, 64, 48).build().unwrap();
        assert_eq!(info.n_planes() as usize, format.1.planes(), "{format:?}");
        assert!(info.stride()[0] as usize >= format.1.plane_layout(0, 64, 48).row_bytes);
    }
}
