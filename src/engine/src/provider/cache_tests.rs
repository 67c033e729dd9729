use super::*;

fn key() -> BuildKey {
    BuildKey {
        model_sha256: "ab".repeat(32),
        provider: Provider::TensorRt,
        precision: Precision::F16,
        onnxruntime: "1.31.1".to_owned(),
        tensorrt: "10.9.0".to_owned(),
        cuda: "13".to_owned(),
        gpu: "NVIDIA RTX 4000".to_owned(),
        compute_capability: "8.9".to_owned(),
        plan_sha256: None,
    }
}

fn cache(limits: Limits) -> (tempfile::TempDir, EngineCache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = EngineCache::new(folder.path().join("engines"), limits);
    (folder, cache)
}

fn build(cache: &EngineCache, engine: &str, key: &BuildKey, bytes: &[u8]) -> Result<Entry, CacheError> {
    cache.build(engine, key, |folder, timing| {
        assert!(folder.is_dir() && timing.is_dir());
        std::fs::write(folder.join("scratch"), "left behind").unwrap();
        Ok::<_, CacheError>(bytes.to_vec())
    })
}

/// One change to a key and the word that tells it.
type Change = (fn(&mut BuildKey), &'static str);

const CHANGES: [Change; 8] = [
    (|k| k.model_sha256 = "cd".repeat(32), "model abababababab → cdcdcdcdcdcd"),
    (|k| k.provider = Provider::Cuda, "provider tensorrt → cuda"),
    (|k| k.precision = Precision::F32, "precision f16 → f32"),
    (|k| k.onnxruntime = "1.32.0".to_owned(), "ONNX Runtime 1.31.1 → 1.32.0"),
    (|k| k.tensorrt = "10.13.2".to_owned(), "TensorRT 10.9.0 → 10.13.2"),
    (|k| k.cuda = "12".to_owned(), "CUDA 13 → 12"),
    (|k| k.gpu = "NVIDIA L4".to_owned(), "GPU NVIDIA RTX 4000 → NVIDIA L4"),
    (|k| k.compute_capability = "9.0".to_owned(), "compute capability 8.9 → 9.0"),
];

#[test]
fn every_ingredient_changes_the_key() {
    let mut seen = std::collections::BTreeSet::from([key().digest()]);
    for (change, told) in CHANGES {
        let mut changed = key();
        change(&mut changed);
        assert_ne!(changed.digest(), key().digest(), "{told}");
        assert!(seen.insert(changed.digest()), "{told}");
        assert_eq!(key().differences(&changed), [told]);
    }
    assert!(key().differences(&key()).is_empty());
    // What moves from one part to the next is another key.
    let moved =
        |cuda: &str, gpu: &str| BuildKey { cuda: cuda.to_owned(), gpu: gpu.to_owned(), ..key() }.digest();
    assert_ne!(moved("1", "3x"), moved("13", "x"));
    // Where the build came from is not what it depends on.
    assert_eq!(BuildKey { plan_sha256: Some("0".repeat(64)), ..key() }.digest(), key().digest());
}

#[test]
fn a_build_is_found_by_its_key_alone() {
    let (_keep, cache) = cache(Limits::default());
    assert_eq!(cache.find("head", &key()), None);
    let entry = build(&cache, "head", &key(), b"compiled").unwrap();
    assert_eq!(cache.find("head", &key()).as_ref(), Some(&entry));
    assert_eq!(cache.load(&entry).unwrap(), b"compiled");
    assert_eq!(cache.list(), std::slice::from_ref(&entry));
    assert_eq!(entry.built.key, key());
    assert!(entry.built.built_at_s > 1_600_000_000);
    // Stale: anything that differs.
    assert_eq!(cache.find("other", &key()), None);
    for (change, told) in CHANGES {
        let mut changed = key();
        change(&mut changed);
        assert_eq!(cache.find("head", &changed), None, "{told}");
    }
    // Nothing of the making is left.
    let names: Vec<_> = std::fs::read_dir(cache.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(PARTIAL)), "{names:?}");
    assert!(!entry.folder.join("scratch").exists());
}

#[test]
fn a_failed_build_leaves_the_old_one() {
    let (_keep, cache) = cache(Limits::default());
    let old = build(&cache, "head", &key(), b"old").unwrap();
    let failed = cache.build("head", &key(), |folder, _| {
        std::fs::write(folder.join("half"), "half").unwrap();
        // While the new one is made the old one serves.
        assert_eq!(cache.load(&cache.find("head", &key()).unwrap()).unwrap(), b"old");
        Err::<Vec<u8>, _>(CacheError::NoFolder)
    });
    assert!(matches!(failed, Err(CacheError::NoFolder)));
    assert_eq!(cache.find("head", &key()), Some(old.clone()));
    let new = build(&cache, "head", &key(), b"new and longer").unwrap();
    assert_eq!(new.folder, old.folder);
    assert_eq!(cache.load(&cache.find("head", &key()).unwrap()).unwrap(), b"new and longer");
    assert!(!old.folder.join(&old.built.file).exists(), "the old model is gone");
}

/// Readers that never stop see the old build or the new one, whole, while builds replace each other.
#[test]
fn a_swap_is_never_seen_half_done() {
    let (_keep, cache) = cache(Limits::default());
    let content = |n: usize| vec![n as u8; 10_000 + n];
    build(&cache, "head", &key(), &content(0)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut moved) = (0, 0);
            while !done.load(std::sync::atomic::Ordering::Acquire) || reads == 0 {
                let entry = cache.find("head", &key()).expect("there is always a build");
                match cache.load(&entry) {
                    Ok(bytes) => {
                        assert_eq!(bytes, content(usize::from(bytes[0])));
                        reads += 1;
                    }
                    // The record was read just before it was replaced: asking again gives the new one.
                    Err(CacheError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                        moved += 1
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (reads, moved)
        });
        for n in 1..40 {
            build(&cache, "head", &key(), &content(n)).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Release);
        let (reads, moved) = reader.join().unwrap();
        assert!(reads > moved, "{reads} {moved}");
    });
}

#[test]
fn two_do_not_build_the_same_at_once() {
    let (_keep, cache) = cache(Limits::default());
    let entry = cache.build("head", &key(), |_, _| {
        assert!(matches!(build(&cache, "head", &key(), b"x"), Err(CacheError::Busy { .. })));
        // Something else they may build, and cleaning lets both be.
        build(&cache, "chest", &key(), b"y").unwrap();
        assert_eq!(cache.clean(|_| false).unwrap(), Vec::<PathBuf>::new());
        Ok::<_, CacheError>(b"z".to_vec())
    });
    assert_eq!(cache.load(&entry.unwrap()).unwrap(), b"z");
}

#[test]
fn what_was_tampered_with_is_not_loaded() {
    let (_keep, cache) = cache(Limits::default());
    let entry = build(&cache, "head", &key(), b"compiled").unwrap();
    let path = entry.folder.join(&entry.built.file);
    std::fs::write(&path, b"compileD").unwrap();
    let error = cache.load(&entry).unwrap_err();
    assert!(matches!(error, CacheError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("build it again"), "{error}");
    std::fs::write(&path, b"compiled").unwrap();
    cache.load(&entry).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for path in [&path, &entry.folder, &cache.root().to_owned()] {
            let before = std::fs::metadata(path).unwrap().permissions();
            assert_eq!(before.mode() & 0o077, 0, "others see nothing of {}", path.display());
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
            assert!(matches!(cache.load(&entry), Err(CacheError::Exposed(_))));
            std::fs::set_permissions(path, before).unwrap();
        }
    }
    // A record that leads elsewhere is none.
    let record = entry.folder.join(RECORD);
    let text = std::fs::read_to_string(&record).unwrap().replace(&entry.built.file, "../x.onnx");
    std::fs::write(&record, text).unwrap();
    assert_eq!(cache.find("head", &key()), None);
    std::fs::write(&record, "{ no json").unwrap();
    assert!(cache.list().is_empty());
}

#[test]
fn the_cache_is_bounded_and_can_be_cleaned() {
    let (_keep, cache) = cache(Limits { entries: 3, bytes: 1000 });
    let with = |n: usize| BuildKey { gpu: format!("GPU {n}"), ..key() };
    for n in 0..5 {
        let entry = build(&cache, "head", &with(n), &[n as u8; 10]).unwrap();
        // Builds of one second have no order of their own.
        let record = entry.folder.join(RECORD);
        let text = std::fs::read_to_string(&record).unwrap();
        let text = text.replace(&entry.built.built_at_s.to_string(), &(1_700_000_000 + n).to_string());
        std::fs::write(record, text).unwrap();
    }
    let gpus = |cache: &EngineCache| {
        let mut gpus: Vec<_> = cache.list().into_iter().map(|entry| entry.built.key.gpu).collect();
        gpus.sort();
        gpus
    };
    assert_eq!(gpus(&cache), ["GPU 2", "GPU 3", "GPU 4"]);
    // Too large for the limit by itself: it stays, alone.
    build(&cache, "head", &with(9), &[9; 2000]).unwrap();
    assert_eq!(gpus(&cache), ["GPU 9"]);

    let cache = EngineCache::new(cache.root().to_owned(), Limits::default());
    build(&cache, "head", &with(1), &[1; 10]).unwrap();
    std::fs::create_dir(cache.root().join(format!("{PARTIAL}head-dead"))).unwrap();
    std::fs::create_dir(cache.root().join("no-build")).unwrap();
    let removed = cache.clean(|entry| entry.built.key.gpu == "GPU 1").unwrap();
    assert_eq!(removed.len(), 3, "{removed:?}");
    assert_eq!(gpus(&cache), ["GPU 9"]);
    assert_eq!(cache.clean(|_| true).unwrap().len(), 1);
    assert!(cache.list().is_empty() && cache.root().join(TIMING).is_dir());
    let nowhere = EngineCache::new(cache.root().join("none"), Limits::default());
    assert!(nowhere.list().is_empty() && nowhere.clean(|_| true).unwrap().is_empty());
}
