//! Frames in NVMM, with libraries and surfaces of the tests' own.
//!
//! What NVIDIA's libraries do is not tested here: that needs a Jetson. What is: which of them is called, in
//! which order and how often, that everything is given back once, what is refused, and that the planes are
//! where the surface says.

mod fake;
mod structures;

use std::sync::Arc;

use gst::prelude::*;
use vesalius_cuda::gst_cuda::Access;
use vesalius_cuda::kernels::{Floats, InputColor, InputRule, Preprocessor};
use vesalius_cuda::nvmm::sys::{CuEglFrame, EglLibraries, frame_type, layout, mem_type};
use vesalius_cuda::nvmm::{Nvmm, NvmmCounts, NvmmFormat, NvmmFrame};
use vesalius_cuda::sys::{Code, DevicePtr};
use vesalius_cuda::{Context, CudaError, DeviceBuffer, DevicePicture, Stream, SurfaceFormat};
use vesalius_measure::frame::PixelFormat;
use vesalius_measure::geometry::{Geometry, ResizeRule};

use crate::host::{Failure, HostDevice};
use fake::{Describe, Fake, Pool};

/// A device, the libraries, and a stream's format.
struct Bench {
    device: HostDevice,
    fake: Fake,
    nvmm: Nvmm,
    context: Context,
}

fn format(name: &str, width: i32, height: i32) -> NvmmFormat {
    let caps =
        format!("video/x-raw(memory:NVMM), format={name}, width={width}, height={height}, framerate=30/1");
    NvmmFormat::from_caps(&caps.parse::<gst::Caps>().unwrap()).unwrap().unwrap()
}

fn nv12() -> NvmmFormat {
    format("NV12", 640, 480)
}

impl Bench {
    fn new() -> Self {
        gst::init().unwrap();
        let device = HostDevice::default();
        let (fake, context) = (Fake::new(&device), device.context());
        let nvmm = Nvmm::with_interop(Arc::new(fake.clone()));
        Self { device, fake, nvmm, context }
    }

    fn map(&self, buffer: &mut gst::Buffer, format: &NvmmFormat) -> Result<NvmmFrame, CudaError> {
        // SAFETY: the buffer's memory is a surface.
        unsafe { self.nvmm.map(buffer, format, &self.context, Access::Read) }
    }

    fn refusal(&self, describe: &Describe, format: &NvmmFormat) -> String {
        let text = self.map(&mut self.fake.buffer(describe), format).unwrap_err().to_string();
        assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        text
    }

    /// Everything has been given back.
    fn finish(self) {
        self.fake.finish();
        let (device, counts) = (self.device.clone(), self.nvmm.counts());
        assert_eq!(counts.registered, counts.unregistered);
        drop(self);
        device.finish();
    }
}

fn counts(registered: u64, reused: u64, uncached: u64, unregistered: u64) -> NvmmCounts {
    NvmmCounts { registered, reused, uncached, unregistered }
}

#[test]
fn a_pools_buffers_are_registered_once_each_and_end_with_the_pool() {
    let bench = Bench::new();
    let pool = Pool::new(&bench.fake, &Describe::nv12(0x10_0000), 3);
    for round in 0..20 {
        // Two at a time, as where one is worked on while the next comes.
        let mut buffers = [(); 2].map(|()| pool.acquire_buffer(None).unwrap());
        let frames = buffers.each_mut().map(|buffer| bench.map(buffer, &nv12()).unwrap());
        assert_eq!(frames[0].picture.plane(0), (DevicePtr(0x10_0000), 768));
        assert!(bench.fake.registered() <= 3, "round {round}");
        assert_eq!(bench.fake.alive(), (bench.fake.registered(), bench.fake.registered()));
    }
    assert_eq!(bench.nvmm.counts(), counts(3, 37, 0, 0));
    pool.set_active(false).unwrap();
    assert_eq!(bench.nvmm.counts(), counts(3, 37, 0, 3));
    drop(pool);
    bench.finish();
}

#[test]
fn a_buffer_that_is_freed_ends_its_registration_exactly_once() {
    let bench = Bench::new();
    let mut buffer = bench.fake.buffer(&Describe::nv12(0x10_0000));
    let frame = bench.map(&mut buffer, &nv12()).unwrap();
    // The picture keeps buffer and registration, whoever else lets go.
    drop(buffer);
    assert_eq!(bench.fake.alive(), (1, 1));
    let picture = frame.picture.clone();
    drop(frame);
    assert_eq!(bench.fake.alive(), (1, 1));
    drop(picture);
    assert_eq!((bench.fake.alive(), bench.nvmm.counts()), ((0, 0), counts(1, 0, 0, 1)));
    bench.finish();
}

#[test]
fn a_buffer_that_others_see_is_neither_copied_nor_left_with_a_meta() {
    let bench = Bench::new();
    let mut buffer = bench.fake.buffer(&Describe::nv12(0x10_0000));
    let (other, before) = (buffer.clone(), buffer.as_ptr());
    for frames in 1..=3 {
        let frame = bench.map(&mut buffer, &nv12()).unwrap();
        assert_eq!(buffer.as_ptr(), before, "no copy takes its place");
        assert_eq!(bench.nvmm.counts(), counts(frames, 0, frames, frames - 1));
        drop(frame);
        assert_eq!(bench.fake.alive(), (0, 0));
    }
    // Once it is ours alone it is registered for good, and then serves those who share it.
    drop(other);
    drop(bench.map(&mut buffer, &nv12()).unwrap());
    let other = buffer.clone();
    drop(bench.map(&mut buffer, &nv12()).unwrap());
    assert_eq!(bench.nvmm.counts(), counts(4, 1, 3, 3));
    // A copy has the memory, not the meta, and shares the surface's image; it may go first.
    let mut copy = buffer.copy();
    drop(bench.map(&mut copy, &nv12()).unwrap());
    drop(copy);
    assert_eq!((bench.fake.alive(), bench.nvmm.counts().registered), ((1, 1), 5));
    drop((buffer, other));
    bench.finish();
}

#[test]
fn a_frame_that_others_see_is_not_drawn_on() {
    let bench = Bench::new();
    let mut buffer = bench.fake.buffer(&Describe::nv12(0x10_0000));
    let other = buffer.clone();
    // SAFETY: the buffer's memory is a surface.
    let mut draw = || unsafe { bench.nvmm.map(&mut buffer, &nv12(), &bench.context, Access::ReadWrite) };
    let text = draw().unwrap_err().to_string();
    assert!(text.ends_with("others see it as well, so it must not be drawn on"), "{text}");
    drop(other);
    drop(draw().unwrap());
    drop(buffer);
    bench.finish();
}

#[test]
fn another_memory_surface_or_context_is_registered_anew() {
    let bench = Bench::new();
    let mut buffer = bench.fake.buffer(&Describe::nv12(0x10_0000));
    drop(bench.map(&mut buffer, &nv12()).unwrap());
    // Somebody puts another memory in: the first stays until its registration has ended.
    let memory = bench.fake.buffer(&Describe::nv12(0x20_0000)).memory(0).unwrap();
    buffer.get_mut().unwrap().replace_all_memory(memory);
    assert_eq!(bench.fake.alive(), (1, 1));
    let frame = bench.map(&mut buffer, &nv12()).unwrap();
    assert_eq!(frame.picture.plane(1), (DevicePtr(0x20_0000 + 393_216), 768));
    assert_eq!((bench.fake.alive(), bench.nvmm.counts()), ((1, 1), counts(2, 0, 0, 1)));
    drop(frame);
    // A context of the same handle that is another, as after a FAULT.
    let context = bench.device.context();
    // SAFETY: the buffer's memory is a surface.
    let frame = unsafe { bench.nvmm.map(&mut buffer, &nv12(), &context, Access::Read) };
    drop(frame.unwrap());
    assert_eq!((bench.fake.alive(), bench.nvmm.counts()), ((1, 1), counts(3, 0, 0, 2)));
    drop((buffer, context));
    bench.finish();
}

#[test]
fn an_image_that_somebody_else_made_is_left_to_him() {
    let bench = Bench::new();
    let mut buffer = bench.fake.buffer(&Describe { image: 0x77, ..Describe::nv12(0x10_0000) });
    drop(bench.map(&mut buffer, &nv12()).unwrap());
    assert_eq!(bench.fake.alive(), (1, 0), "no image was made");
    drop(buffer);
    // Ending it would be a breach: it is none of the tests' own.
    bench.finish();
}

#[test]
fn a_call_that_fails_leaves_nothing_behind() {
    for (call, name) in
        [("egl_register", "cuGraphicsEGLRegisterImage"), ("egl_frame", "cuGraphicsResourceGetMappedEglFrame")]
    {
        let bench = Bench::new();
        let mut buffer = bench.fake.buffer(&Describe::nv12(0x10_0000));
        bench.device.fail(Failure { call, after: 0, code: Code(801) });
        let error = bench.map(&mut buffer, &nv12()).unwrap_err();
        assert!(matches!(error, CudaError::Driver { call, code: Code(801), .. } if call == name), "{error}");
        assert_eq!(bench.fake.alive(), (0, 0), "{call}");
        // The buffer is as good as new.
        drop(bench.map(&mut buffer, &nv12()).unwrap());
        drop(buffer);
        bench.finish();
    }
    let bench = Bench::new();
    bench.fake.fail_images();
    let text = bench.refusal(&Describe::nv12(0x10_0000), &nv12());
    assert!(text.ends_with("NvBufSurfaceMapEglImage fails: is there an EGL display?"), "{text}");
    bench.finish();
}

#[test]
fn planes_are_where_the_surface_has_them() {
    let base = 0x4000_0000;
    let cases = [
        ("NV12", 6, (640, 480), vec![(0, 768, 480), (393_216, 768, 240)]),
        ("I420", 2, (640, 480), vec![(0, 768, 480), (393_216, 512, 240), (524_288, 512, 240)]),
        ("RGBA", 19, (640, 480), vec![(0, 2560, 480)]),
        ("BGRx", 24, (640, 480), vec![(0, 2816, 480)]),
        ("GRAY8", 1, (640, 480), vec![(0, 768, 480)]),
        ("P010_10LE", 29, (640, 480), vec![(0, 1536, 480), (786_432, 1536, 240)]),
        // Surfaces of odd sizes, and larger than the picture.
        ("NV12", 33, (321, 203), vec![(0, 512, 204), (131_072, 512, 102)]),
    ];
    for memory in [mem_type::SURFACE_ARRAY, mem_type::CUDA_DEVICE, mem_type::CUDA_UNIFIED] {
        let bench = Bench::new();
        for (name, color_format, size, planes) in &cases {
            let describe = Describe {
                size: (size.0 + size.0 % 2, size.1 + size.1 % 2),
                color_format: *color_format,
                mem_type: memory,
                planes: planes.clone(),
                ..Describe::nv12(base)
            };
            let mut buffer = bench.fake.buffer(&describe);
            let frame = bench.map(&mut buffer, &format(name, size.0 as i32, size.1 as i32)).unwrap();
            assert_eq!((frame.picture.width(), frame.picture.height()), (size.0 as usize, size.1 as usize));
            for plane in 0..3 {
                let there = planes.get(plane);
                let there =
                    there.map(|&(offset, pitch, _)| (DevicePtr(base + u64::from(offset)), pitch as usize));
                assert_eq!(frame.picture.plane(plane), there.unwrap_or_default(), "{name}, plane {plane}");
            }
        }
        let registered = if memory == mem_type::SURFACE_ARRAY { cases.len() } else { 0 };
        assert_eq!(bench.fake.registered(), registered, "memory that has an address needs no registration");
        bench.finish();
    }
}

#[test]
fn what_cannot_be_used_is_refused_in_a_line() {
    let good = Describe::nv12(0x10_0000);
    let device = Describe { mem_type: mem_type::CUDA_DEVICE, ..good.clone() };
    let cases = [
        (Describe { layout: layout::BLOCK_LINEAR, ..good.clone() }, "block-linear"),
        (Describe { layout: 7, ..good.clone() }, "its layout 7 is not known"),
        (Describe { filled: 4, ..good.clone() }, "a batch of 4 pictures: put `nvstreamdemux` in front"),
        (Describe { filled: 0, ..good.clone() }, "its NvBufSurface is empty"),
        (
            Describe { color_format: 19, ..good.clone() },
            "its caps say NV12, its surface has colour format 19",
        ),
        (Describe { size: (320, 240), ..good.clone() }, "its caps say 640x480, its surface has 320x240"),
        (Describe { planes: vec![(0, 768, 720)], ..good.clone() }, "its surface has 1 planes"),
        (
            Describe { planes: vec![(0, 768, 480), (393_216, 768, 239)], ..good.clone() },
            "plane 1 ends before its last row does",
        ),
        (Describe { planes: vec![(0, 639, 900), (9000, 768, 240)], ..good.clone() }, "a stride of 639"),
        (
            Describe { mem_type: mem_type::CUDA_PINNED, ..good.clone() },
            "page-locked memory of the host (type 1)",
        ),
        (Describe { mem_type: mem_type::HANDLE, ..good.clone() }, "a memory handle (type 5)"),
        (Describe { mem_type: mem_type::SYSTEM, ..good.clone() }, "memory of the system (type 6)"),
        (Describe { mem_type: 99, ..good }, "memory of an unknown type (type 99)"),
        (Describe { gpu: 1, ..device.clone() }, "it is on GPU 1, not 0"),
        (Describe { base: 0, ..device }, "its surface has no address"),
    ];
    let bench = Bench::new();
    for (describe, expected) in &cases {
        let text = bench.refusal(describe, &nv12());
        assert!(text.contains(expected), "{text}: {expected}");
    }
    let empty = bench.map(&mut gst::Buffer::new(), &nv12()).unwrap_err().to_string();
    assert!(empty.contains("it has 0 memories, not one"), "{empty}");
    let small = bench.map(&mut gst::Buffer::with_size(8).unwrap(), &nv12()).unwrap_err().to_string();
    assert!(small.contains("its memory holds no NvBufSurface"), "{small}");
    bench.finish();
}

#[test]
fn what_cuda_sees_must_be_rows_and_what_the_surface_says() {
    type Change = fn(&mut CuEglFrame);
    let cases: [(Change, &str); 5] = [
        (
            |frame| frame.frame_type = frame_type::ARRAY,
            "put `nvvidconv bl-output=false` or RGBA caps in front",
        ),
        (|frame| frame.frame_type = 5, "CUDA sees a frame of unknown type 5"),
        (|frame| frame.pitch = 1024, "CUDA sees 2 planes of pitch 1024, the surface says 2 of 768"),
        (|frame| frame.plane_count = 1, "CUDA sees 1 planes of pitch 768, the surface says 2 of 768"),
        (|frame| frame.planes[1] = 0, "CUDA sees a plane without an address"),
    ];
    for (change, expected) in cases {
        let bench = Bench::new();
        bench.fake.change(change);
        let text = bench.refusal(&Describe::nv12(0x10_0000), &nv12());
        assert!(text.contains(expected), "{text}: {expected}");
        assert_eq!(bench.nvmm.counts(), counts(1, 0, 0, 1), "it was given back at once");
        bench.finish();
    }
}

#[test]
fn formats_come_from_caps_that_say_nvmm() {
    gst::init().unwrap();
    let of = |caps: &str| NvmmFormat::from_caps(&caps.parse::<gst::Caps>().unwrap());
    assert!(of("video/x-raw, format=NV12, width=64, height=48, framerate=30/1").unwrap().is_none());
    assert!(of("video/x-raw(memory:CUDAMemory), format=NV12, width=64, height=48").unwrap().is_none());
    let text = of("video/x-raw(memory:NVMM), format=NV21, width=64, height=48").unwrap_err().to_string();
    assert!(text.ends_with("its format NV21 is not known"), "{text}");
    assert!(of("video/x-raw(memory:NVMM), format=NV12").is_err());
    let info = nv12().info().clone();
    assert_eq!((info.width(), info.height(), info.format()), (640, 480, gst_video::VideoFormat::Nv12));
}

#[test]
fn without_the_libraries_surfaces_with_an_address_can_still_be_used() {
    let Err(off) = EglLibraries::open() else { return println!("skipped: the libraries are there") };
    let bench = Bench { nvmm: Nvmm::open(), ..Bench::new() };
    assert_eq!(bench.nvmm.surface_arrays(), Err(off.clone()));
    let describe = Describe { mem_type: mem_type::CUDA_DEVICE, ..Describe::nv12(0x10_0000) };
    drop(bench.map(&mut bench.fake.buffer(&describe), &nv12()).unwrap());
    let error = bench.map(&mut bench.fake.buffer(&Describe::nv12(0x10_0000)), &nv12()).unwrap_err();
    assert_eq!(error, CudaError::Off(off));
    let text = error.to_string();
    assert!(!text.contains('\n') && text.contains("lib"), "{text}");
    println!("{error}");
    bench.finish();
}

#[test]
fn work_on_a_frame_holds_its_buffer_and_sees_its_pixels() {
    let bench = Bench::new();
    let (width, height) = (321, 203);
    let planes = [(0, 512), (512 * 204, 512)];
    let bytes: Vec<u8> = (0..512 * 306_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    {
        let kernels = bench.device.kernels(&bench.context).unwrap();
        let stream = Stream::new(&bench.context).unwrap();
        let pixels = DeviceBuffer::new(&bench.context, bytes.len()).unwrap();
        let mut work = stream.begin();
        work.upload(&pixels, 0, &bytes).unwrap();
        work.finish().unwrap();

        let describe = Describe {
            size: (322, 204),
            planes: vec![(0, 512, 204), (512 * 204, 512, 102)],
            ..Describe::nv12(pixels.ptr().0)
        };
        let mut buffer = bench.fake.buffer(&describe);
        let frame = bench.map(&mut buffer, &format("NV12", width, height)).unwrap();
        let (width, height) = (width as usize, height as usize);
        let same =
            DevicePicture::new(&pixels, SurfaceFormat::Pixels(PixelFormat::Nv12), width, height, &planes);

        let rule = InputRule {
            width: 64,
            height: 48,
            channels_last: false,
            color: InputColor::Rgb,
            range: [0.0, 1.0],
            mean: [0.5; 3],
            std: [0.25; 3],
            pad: 0,
            floats: Floats::F32,
        };
        let geometry =
            Geometry::new((width as u32, height as u32), (64, 48), ResizeRule::Letterbox, (1, 1)).unwrap();
        let tensor = |picture: DevicePicture| {
            let tensor = DeviceBuffer::new(&bench.context, rule.bytes()).unwrap();
            let mut preprocessor = Preprocessor::new(&kernels, &stream, &rule).unwrap();
            let mut work = stream.begin();
            preprocessor.process(&mut work, &picture, &geometry, &tensor).unwrap();
            let download = work.download(&tensor, 0, rule.bytes()).unwrap();
            (work.finish().unwrap(), download)
        };
        let (done, seen) = tensor(frame.picture);
        // Everybody lets go; the work that has not been done holds on.
        drop(buffer);
        assert_eq!(bench.fake.alive(), (1, 1));
        let seen = seen.wait(&done).unwrap().to_vec();
        stream.collect();
        assert_eq!(bench.fake.alive(), (0, 0));
        let (done, expected) = tensor(same.unwrap());
        assert_eq!(seen, expected.wait(&done).unwrap());
    }
    bench.finish();
}

#[test]
fn a_pool_does_not_give_a_frame_out_again_while_its_picture_is_there() {
    let bench = Bench::new();
    let pool = Pool::new(&bench.fake, &Describe::nv12(0x10_0000), 1);
    let no_wait = gst::BufferPoolAcquireParams::with_flags(gst::BufferPoolAcquireFlags::DONTWAIT);
    let mut buffer = pool.acquire_buffer(None).unwrap();
    let frame = bench.map(&mut buffer, &nv12()).unwrap();
    drop(buffer);
    assert!(pool.acquire_buffer(Some(&no_wait)).is_err());
    drop(frame);
    assert!(pool.acquire_buffer(Some(&no_wait)).is_ok());
    pool.set_active(false).unwrap();
    drop(pool);
    bench.finish();
}
