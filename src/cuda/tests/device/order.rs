//! Order between streams, and what is kept until a stream has passed: on a device that does work as late as
//! it may.

use vesalius_cuda::kernels::SourceLabels;
use vesalius_cuda::{CudaError, DeviceBuffer, Pool, Stream};

use crate::host::HostDevice;

#[test]
fn a_stream_that_waits_for_a_fence_sees_what_was_written_before_it() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let (writer, reader) = (Stream::new(&context).unwrap(), Stream::new(&context).unwrap());
        let buffer = DeviceBuffer::new(&context, 4).unwrap();
        let mut work = writer.begin();
        work.upload(&buffer, 0, &[1, 2, 3, 4]).unwrap();
        let written = work.finish().unwrap();
        device.take_calls();
        reader.wait(&written).unwrap();
        let mut work = reader.begin();
        let download = work.download(&buffer, 0, 4).unwrap();
        let read = work.finish().unwrap();
        // Handing in did not wait for anything.
        let calls = device.take_calls();
        assert!(calls.iter().all(|call| !call.contains("synchronize")), "{calls:?}");
        assert_eq!(context.counters().host_waits, 0);
        assert!(!written.is_passed().unwrap() && !read.is_passed().unwrap());
        assert_eq!(download.wait(&read).unwrap(), [1, 2, 3, 4]);
        assert!(written.is_passed().unwrap());
        assert_eq!(context.counters().host_waits, 1);
    }
    device.finish();
}

/// The device would show it if order were missing: without the wait the reader finds the memory as it was.
#[test]
fn a_stream_that_does_not_wait_sees_what_was_there_before() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let (writer, reader) = (Stream::new(&context).unwrap(), Stream::new(&context).unwrap());
        let buffer = DeviceBuffer::new(&context, 4).unwrap();
        let mut work = writer.begin();
        work.upload(&buffer, 0, &[1, 2, 3, 4]).unwrap();
        work.finish().unwrap();
        let mut work = reader.begin();
        let download = work.download(&buffer, 0, 4).unwrap();
        let read = work.finish().unwrap();
        assert_ne!(download.wait(&read).unwrap(), [1, 2, 3, 4]);
    }
    device.finish();
}

#[test]
fn memory_that_is_let_go_of_stays_until_the_stream_has_passed() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let stream = Stream::new(&context).unwrap();
        let buffer = DeviceBuffer::new(&context, 64).unwrap();
        let mut work = stream.begin();
        work.fill(&buffer, 7).unwrap();
        let fence = work.finish().unwrap();
        drop(buffer);
        stream.collect();
        assert_eq!((device.alive(), stream.in_flight()), (1, 1), "freed under the work");
        fence.block().unwrap();
        stream.collect();
        assert_eq!((device.alive(), stream.in_flight()), (0, 0));
    }
    device.finish();
}

#[test]
fn work_that_is_given_up_half_way_is_kept_too() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let stream = Stream::new(&context).unwrap();
        let buffer = DeviceBuffer::new(&context, 64).unwrap();
        let mut work = stream.begin();
        work.fill(&buffer, 7).unwrap();
        assert!(matches!(work.upload(&buffer, 60, &[0; 5]), Err(CudaError::TooSmall { needed: 65, .. })));
        drop(work);
        drop(buffer);
        assert_eq!((device.alive(), stream.in_flight()), (1, 1));
        // The stream goes with work in it: that is waited for.
    }
    device.finish();
}

#[test]
fn a_pool_allocates_once_and_gives_nothing_out_that_is_in_use() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let stream = Stream::new(&context).unwrap();
        let pool = Pool::new(&context, 16, 2).unwrap();
        assert_eq!(context.counters().allocations, 2);
        let mut fences = Vec::new();
        for value in [1, 2] {
            let buffer = pool.take().unwrap();
            let mut work = stream.begin();
            work.fill(&buffer, value).unwrap();
            fences.push(work.finish().unwrap());
        }
        // Both have been let go of, and the device has touched neither.
        assert_eq!(pool.take().unwrap_err(), CudaError::PoolEmpty { count: 2 });
        fences[0].block().unwrap();
        stream.collect();
        assert_eq!(pool.free(), 1);
        for _ in 0..1000 {
            let buffer = pool.take().unwrap();
            let mut work = stream.begin();
            work.fill(&buffer, 3).unwrap();
            work.finish().unwrap().block().unwrap();
            drop(buffer);
            stream.collect();
        }
        assert_eq!((context.counters().allocations, pool.count()), (2, 2));
        // Events and page-locked memories are used again as well.
        let created = device.take_calls().iter().filter(|call| **call == "event_create").count();
        assert!(created <= 4, "{created} events for 1002 fences");
        // A buffer may outlive its pool.
        let last = pool.take().unwrap();
        drop(pool);
        let mut work = stream.begin();
        let download = work.download(&last, 0, 16).unwrap();
        let fence = work.finish().unwrap();
        assert_eq!(download.wait(&fence).unwrap(), [3; 16]);
    }
    device.finish();
}

#[test]
fn what_belongs_to_another_context_is_refused() {
    // Two devices have contexts of the same number here, so the other one is a driver's stream and memory
    // apart.
    let device = HostDevice::default();
    {
        let context = device.context();
        let cuda = vesalius_cuda::Cuda::with_driver(std::sync::Arc::new(device.clone())).unwrap();
        let raw = vesalius_cuda::sys::RawContext(0xABC0);
        // SAFETY: the device of tests takes any number for a context.
        let other = unsafe { vesalius_cuda::Context::adopt(&cuda, 0, raw, Box::new(())) }.unwrap();
        let (ours, theirs) = (Stream::new(&context).unwrap(), Stream::new(&other).unwrap());
        let buffer = DeviceBuffer::new(&other, 8).unwrap();
        let fence = theirs.fence().unwrap();
        assert_eq!(ours.wait(&fence).unwrap_err(), CudaError::OtherContext);
        let mut work = ours.begin();
        assert_eq!(work.upload(&buffer, 0, &[1]).unwrap_err(), CudaError::OtherContext);
        assert_eq!(work.fill(&buffer, 1).unwrap_err(), CudaError::OtherContext);
        assert!(matches!(work.download(&buffer, 0, 1), Err(CudaError::OtherContext)));
    }
    device.finish();
}

#[test]
fn an_adopted_context_is_not_given_back_and_its_keeper_goes_last() {
    struct Keeper(std::sync::mpsc::Sender<usize>, HostDevice);
    impl Drop for Keeper {
        fn drop(&mut self) {
            let _ = self.0.send(self.1.alive());
        }
    }
    let device = HostDevice::default();
    let (sender, dropped) = std::sync::mpsc::channel();
    {
        let cuda = vesalius_cuda::Cuda::with_driver(std::sync::Arc::new(device.clone())).unwrap();
        let keeper = Keeper(sender, device.clone());
        let raw = vesalius_cuda::sys::RawContext(0x77);
        // SAFETY: the device of tests takes any number for a context.
        let context = unsafe { vesalius_cuda::Context::adopt(&cuda, 0, raw, Box::new(keeper)) }.unwrap();
        let buffer = DeviceBuffer::new(&context, 8).unwrap();
        drop(context);
        assert!(dropped.try_recv().is_err(), "the owner may destroy the context while memory is in it");
        drop(buffer);
    }
    assert_eq!(dropped.try_recv(), Ok(0));
    assert!(!device.take_calls().contains(&"release"));
    device.finish();
}

#[test]
fn a_mask_lies_in_its_memory_or_is_none() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let buffer = DeviceBuffer::new(&context, 99).unwrap();
        assert!(SourceLabels::new(&buffer, 10, 9, 10).is_ok());
        for (pitch, width, height) in [(10, 10, 10), (9, 10, 2), (10, 0, 3), (10, 9, 11)] {
            assert!(SourceLabels::new(&buffer, pitch, width, height).is_err(), "{pitch} {width} {height}");
        }
    }
    device.finish();
}

#[test]
fn frames_that_cross_the_bus_are_counted() {
    use vesalius_measure::frame::{Frame, PixelFormat};
    let device = HostDevice::default();
    {
        let context = device.context();
        let stream = Stream::new(&context).unwrap();
        let bytes: Vec<u8> = (0..7 * 5 * 3).map(|i| i as u8).collect();
        let frame = Frame::new(PixelFormat::Rgb, 7, 5, &[(&bytes, 21)]).unwrap();
        let buffer = DeviceBuffer::new(&context, bytes.len()).unwrap();
        let mut work = stream.begin();
        work.upload(&buffer, 0, &[0; 16]).unwrap();
        assert_eq!(context.counters().frames_uploaded, 0, "16 bytes are no frame");
        work.upload_picture(&frame, &buffer).unwrap();
        let download = work.download_picture(&buffer, bytes.len()).unwrap();
        let fence = work.finish().unwrap();
        assert_eq!(download.wait(&fence).unwrap(), bytes);
        let counters = context.counters();
        assert_eq!((counters.frames_uploaded, counters.frames_downloaded), (1, 1));
        assert_eq!((counters.bytes_up, counters.bytes_down), (16 + 105, 105));
    }
    device.finish();
}
