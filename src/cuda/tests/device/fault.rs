//! Errors on the device: what stays, what is lost, and the way back.

use std::time::Duration;

use vesalius_cuda::sys::Code;
use vesalius_cuda::{BackOff, CudaError, DeviceBuffer, Health, Recovering, Stream};

use crate::host::{Failure, HostDevice};

struct Built {
    stream: Stream,
    buffer: DeviceBuffer,
}

fn built(device: &HostDevice) -> Recovering<Built> {
    let device = device.clone();
    let back_off = BackOff { first: Duration::from_millis(100), longest: Duration::from_millis(400) };
    Recovering::new(back_off, move || {
        let cuda = vesalius_cuda::Cuda::with_driver(std::sync::Arc::new(device.clone()))?;
        let context = vesalius_cuda::Context::primary(&cuda, 0)?;
        Ok(Built { stream: Stream::new(&context)?, buffer: DeviceBuffer::new(&context, 32)? })
    })
    .unwrap()
}

/// A frame's work: what it gives, or why the frame goes on without.
fn frame(built: &mut Built) -> Result<Vec<u8>, CudaError> {
    let mut work = built.stream.begin();
    work.upload(&built.buffer, 0, &[9; 32])?;
    let download = work.download(&built.buffer, 0, 32)?;
    let fence = work.finish()?;
    Ok(download.wait(&fence)?.to_vec())
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_lost_context_is_a_fault_that_ends_when_a_new_one_works() {
    let device = HostDevice::default();
    {
        let mut gpu = built(&device);
        assert_eq!(gpu.act(ms(0), frame).unwrap(), [9; 32]);
        device.fail(Failure { call: "download", after: 0, code: Code::ILLEGAL_ADDRESS });
        let error = gpu.act(ms(10), frame).unwrap_err();
        assert!(error.is_sticky() && error.to_string().contains("cuMemcpyDtoHAsync"), "{error}");
        assert!(matches!(gpu.health(), Health::Fault { failures: 1, retry_at, .. } if *retry_at == ms(110)));

        // Until then the device is left alone, and frames go on at once.
        device.take_calls();
        for now in [11, 50, 109] {
            let error = gpu.act(ms(now), |_| -> Result<(), _> { panic!("called in FAULT") }).unwrap_err();
            assert!(matches!(error, CudaError::Fault { retry_ms, .. } if retry_ms == 110 - now), "{error}");
        }
        assert_eq!(device.take_calls(), Vec::<&str>::new());

        // It is still lost, so the next tries come later and later.
        for (now, retry_at, failures) in [(110, 310, 2), (310, 710, 3), (710, 1110, 4)] {
            let error = gpu.act(ms(now), frame).unwrap_err();
            assert!(matches!(error, CudaError::Driver { call: "cuDevicePrimaryCtxRetain", .. }), "{error}");
            let expected = (ms(retry_at), failures);
            let Health::Fault { failures, retry_at, .. } = gpu.health() else { panic!("no FAULT") };
            assert_eq!((*retry_at, *failures), expected);
        }

        device.heal();
        assert_eq!(gpu.act(ms(1110), frame).unwrap(), [9; 32]);
        assert_eq!((gpu.health(), gpu.rebuilds()), (&Health::Ready, 1));
        // And from there on a new fault begins anew.
        device.fail(Failure { call: "upload", after: 0, code: Code(719) });
        gpu.act(ms(2000), frame).unwrap_err();
        assert!(matches!(gpu.health(), Health::Fault { failures: 1, retry_at, .. } if *retry_at == ms(2100)));
        device.heal();
        gpu.act(ms(2100), frame).unwrap();
    }
    assert!(device.breaches().is_empty(), "{:?}", device.breaches());
}

#[test]
fn other_errors_leave_everything_as_it_is() {
    for (call, code) in [
        ("upload", Code::INVALID_VALUE),
        ("download", Code::OUT_OF_MEMORY),
        ("host_alloc", Code::OUT_OF_MEMORY),
        ("event_create", Code::OUT_OF_MEMORY),
    ] {
        let device = HostDevice::default();
        {
            let mut gpu = built(&device);
            device.fail(Failure { call, after: 0, code });
            let error = gpu.act(ms(0), frame).unwrap_err();
            assert!(!error.is_sticky(), "{error}");
            assert_eq!(gpu.health(), &Health::Ready);
            assert_eq!(gpu.act(ms(1), frame).unwrap(), [9; 32], "{call}");
            assert_eq!(gpu.rebuilds(), 0);
        }
        device.finish();
    }
}

#[test]
fn whatever_call_loses_the_context_nothing_is_freed_under_work_and_it_comes_back() {
    let calls = ["upload", "download", "event_record", "event_create", "event_synchronize", "host_alloc"];
    for call in calls {
        for after in 0..3 {
            let device = HostDevice::default();
            let mut gpu = built(&device);
            device.fail(Failure { call, after, code: Code::ILLEGAL_ADDRESS });
            let lost = (0..4).any(|now| gpu.act(ms(now), frame).is_err());
            device.heal();
            assert_eq!(gpu.act(ms(5000), frame).unwrap(), [9; 32], "{call} after {after}");
            assert_eq!(gpu.rebuilds(), u64::from(lost), "{call} after {after}");
            drop(gpu);
            assert!(device.breaches().is_empty(), "{call} after {after}: {:?}", device.breaches());
        }
    }
}

#[test]
fn where_it_is_not_known_whether_work_is_done_memory_is_lost_rather_than_given_away() {
    let device = HostDevice::default();
    let before = {
        let gpu = built(&device);
        drop(gpu);
        device.alive()
    };
    assert_eq!(before, 0);
    {
        let context = device.context();
        let stream = Stream::new(&context).unwrap();
        let buffer = DeviceBuffer::new(&context, 32).unwrap();
        let mut work = stream.begin();
        work.fill(&buffer, 1).unwrap();
        work.finish().unwrap();
        drop(buffer);
        // An error that says nothing of the work before it.
        device.fail(Failure { call: "event_query", after: 0, code: Code::INVALID_VALUE });
        stream.collect();
        assert_eq!(device.alive(), 1, "freed without knowing");
        // The work comes to its end all the same, and finds its memory.
        device.run(stream.raw());
    }
    assert_eq!(device.alive(), 1);
    assert!(device.breaches().is_empty(), "{:?}", device.breaches());
}

#[test]
fn what_does_not_work_at_the_start_is_no_fault() {
    let device = HostDevice::default();
    device.fail(Failure { call: "stream_create", after: 0, code: Code::OUT_OF_MEMORY });
    let result = Recovering::new(BackOff::default(), {
        let device = device.clone();
        move || Stream::new(&device.context())
    });
    assert!(matches!(result, Err(CudaError::Driver { call: "cuStreamCreate", .. })));
    device.finish();
}
