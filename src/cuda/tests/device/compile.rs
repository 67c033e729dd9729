//! Every kernel compiles for every GPU that it is meant for: no GPU is needed to know.

use std::time::Instant;

use vesalius_cuda::kernels::{Kernel, SOURCES, Source};
use vesalius_cuda::{Compiler, CubinCache, CudaError, Off};

/// Turing, Ampere, Jetson Orin, Ada, Hopper, Blackwell.
const ARCHITECTURES: [u32; 6] = [75, 80, 87, 89, 90, 100];

#[test]
fn every_kernel_compiles_for_every_architecture() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = Compiler::new(None, CubinCache::at(folder.path()));
    let (version, supported) = match (compiler.library(), compiler.architectures()) {
        (Ok((version, ..)), Ok(supported)) => (version, supported),
        (Err(off), _) | (_, Err(off)) => {
            println!("skipped: no kernel was compiled for a GPU: {off}");
            return;
        }
    };
    let wanted: Vec<u32> = ARCHITECTURES.into_iter().filter(|arch| supported.contains(arch)).collect();
    let started = Instant::now();
    let mut bytes = 0;
    for arch in &wanted {
        for source in &SOURCES {
            let cubin = compiler.compile(source, *arch, None).unwrap();
            assert!(!cubin.was_cached);
            // An ELF file that names the source's kernels, and no others.
            assert!(cubin.image.starts_with(b"\x7fELF"));
            for kernel in Kernel::ALL {
                let name = format!(".text.{}\0", kernel.name());
                let is_named = cubin.image.windows(name.len()).any(|window| window == name.as_bytes());
                assert_eq!(is_named, kernel.source() == source.name, "{kernel:?} in {}", source.name);
            }
            let again = compiler.compile(source, *arch, None).unwrap();
            assert!(again.was_cached && again.image == cubin.image);
            bytes += cubin.image.len();
        }
    }
    println!(
        "NVRTC {}.{}: {} sources with {} kernels for {} architectures: {} compilations, {bytes} bytes, {:.1} s",
        version.0,
        version.1,
        SOURCES.len(),
        Kernel::ALL.len(),
        wanted.len(),
        SOURCES.len() * wanted.len(),
        started.elapsed().as_secs_f64()
    );
    let missing: Vec<u32> = ARCHITECTURES.into_iter().filter(|arch| !supported.contains(arch)).collect();
    if !missing.is_empty() {
        println!("skipped: this NVRTC does not compile for {missing:?}");
    }
    assert!(wanted.len() >= 4, "{wanted:?} of {supported:?} are few");
}

#[test]
fn a_source_that_does_not_compile_says_why_in_one_line() {
    let compiler = Compiler::new(None, CubinCache::none());
    let source = Source { name: "wrong.cu", text: "#include \"common.cuh\"\nthis is no kernel\n" };
    match compiler.compile(&source, 80, None) {
        Err(CudaError::Off(off)) => println!("skipped: {off}"),
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("the kernel wrong.cu cannot be compiled for sm_80"), "{text}");
            assert!(text.contains("wrong.cu(2)") && !text.contains('\n'), "{text}");
        }
        Ok(_) => panic!("it compiled"),
    }
}

#[test]
fn a_compiler_too_new_for_the_driver_is_not_used() {
    let compiler = Compiler::new(None, CubinCache::none());
    let Ok((version, ..)) = compiler.library() else {
        println!("skipped: there is no NVRTC");
        return;
    };
    let error = compiler.compile(&SOURCES[0], 80, Some(version.0 - 1)).unwrap_err();
    assert!(matches!(error, CudaError::Off(Off::LibraryMissing { .. })), "{error}");
    assert!(compiler.compile(&SOURCES[0], 80, Some(version.0)).is_ok());
}
