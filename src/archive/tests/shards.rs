//! Shards, what ends them, and what is merged of them, with a replay that only writes files.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use vesalius_archive::done::{DONE, State};
use vesalius_archive::job::Job;
use vesalius_archive::list::{List, parse};
use vesalius_archive::merge::{INDEX, merge};
use vesalius_archive::work::{Outcome, Replay, Tally, Work};
use vesalius_archive::{ArchiveError, Place, Recording, Shard};

/// Writes what a run leaves, of as many frames as the input has bytes; counts, and stops after some.
struct Writes {
    done: AtomicUsize,
    at_most: usize,
}

impl Writes {
    fn new(at_most: usize) -> Self {
        Self { done: AtomicUsize::new(0), at_most }
    }
}

impl Replay for Writes {
    fn replay(&self, recording: &Recording, input: &Path, _events: Option<&Path>, out: &Path) -> Outcome {
        if self.done.fetch_add(1, Ordering::SeqCst) >= self.at_most {
            std::fs::write(out.join("results.jsonl"), "half of a li").unwrap();
            return Outcome::Interrupted;
        }
        let frames = std::fs::read(input).unwrap().len() as u64;
        let mut values =
            "input,frame,pts_ns,structure,name,value,unit,uncertainty,validity,reason\n".to_owned();
        let mut results = "{\"record\":\"run\"}\n".to_owned();
        for n in 0..frames {
            values += &format!("{0},{n},{n},head,area,{n}.5,mm2,,valid,\n", recording.input);
            results += &format!(
                "{{\"record\":\"frame\",\"input\":\"x\",\"frame\":{n},\"pts_ns\":{n},\"size\":[4,3],\"status\":\"ok\",\"structures\":[]}}\n"
            );
        }
        std::fs::create_dir(out.join("masks")).unwrap();
        std::fs::write(out.join("masks/0.png"), [frames as u8]).unwrap();
        std::fs::write(out.join("measurements.csv"), values).unwrap();
        std::fs::write(out.join("results.jsonl"), results).unwrap();
        Outcome::Finished { state: State::Complete, frames, errors: Vec::new() }
    }
}

fn list(folder: &Path, count: usize) -> List {
    let mut text = "input,site\n".to_owned();
    for n in 0..count {
        std::fs::write(folder.join(format!("clip{n}.bin")), vec![0; n + 1]).unwrap();
        text += &format!("clip{n}.bin,ward\n");
    }
    List { recordings: parse("list", text.as_bytes()).unwrap(), base: Place::Local(folder.to_owned()) }
}

fn job(engine: &str) -> Job {
    Job::new(BTreeMap::from([("engine_sha256".to_owned(), engine.to_owned())]))
}

fn work(list: &List, place: &Place, shard: (u32, u32), replay: &Writes) -> Result<Tally, ArchiveError> {
    let stop = AtomicBool::new(false);
    let shard = Shard::new(shard.0, shard.1).unwrap();
    let (job, jobs) = (job("aa"), 2);
    Work { list, place, job: &job, shard, jobs, retry_failed: false, stop: &stop }.run(replay, &|_| ())
}

fn rows(out: &Path) -> (String, u64) {
    (
        std::fs::read_to_string(out.join(INDEX)).unwrap(),
        std::fs::metadata(out.join("values.parquet")).unwrap().len(),
    )
}

#[test]
fn shards_in_any_place_come_to_the_same_as_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(folder.path(), 7);
    let at = |name: &str| folder.path().join(name);
    let whole = Place::Local(at("whole"));
    work(&list, &whole, (0, 1), &Writes::new(99)).unwrap();
    let expected = merge(std::slice::from_ref(&whole), &at("whole"), Some(&list), false).unwrap();
    assert_eq!((expected.recordings, expected.frames, expected.values), (7, 28, 28));

    // One folder for all shards, one for each, and a store.
    let together = Place::Local(at("together"));
    let apart = [0, 1, 2].map(|n| Place::Local(at(&format!("apart{n}"))));
    let store = Place::open("memory:///runs").unwrap();
    for (n, own) in (0..3).zip(&apart) {
        for place in [&together, own, &store] {
            work(&list, place, (n, 3), &Writes::new(99)).unwrap();
        }
    }
    for (places, out) in [
        (std::slice::from_ref(&together), at("together")),
        (&apart[..], at("from-apart")),
        (std::slice::from_ref(&store), at("from-store")),
    ] {
        let merged = merge(places, &out, Some(&list), false).unwrap();
        assert_eq!(merged, expected);
        let (index, length) = rows(&out);
        let (whole_index, whole_length) = rows(&at("whole"));
        // All but which shard did it.
        let plain =
            |text: &str| text.lines().filter(|l| !l.contains("\"shard\"")).collect::<Vec<_>>().join("\n");
        assert_eq!((plain(&index), length), (plain(&whole_index), whole_length));
        assert!(!out.join(".work").exists());
    }
}

#[test]
fn what_is_finished_is_not_done_again_and_what_is_not_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(folder.path(), 6);
    for place in [Place::Local(folder.path().join("out")), Place::open("memory:///").unwrap()] {
        let first = Writes::new(2);
        assert_eq!(work(&list, &place, (0, 1), &first).unwrap().complete, 2);
        assert_eq!(place.finished().unwrap().len(), 2);
        let second = Writes::new(99);
        let tally = work(&list, &place, (0, 1), &second).unwrap();
        assert_eq!((tally.before, tally.complete), (2, 4));
        assert_eq!(second.done.load(Ordering::SeqCst), 4);
        assert_eq!(place.finished().unwrap().len(), 6);
    }
}

#[test]
fn of_two_processes_at_once_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(folder.path(), 40);
    for place in [Place::Local(folder.path().join("out")), Place::open("memory:///").unwrap()] {
        let kept = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let stop = AtomicBool::new(false);
                    let job = job("aa");
                    let work = Work {
                        list: &list,
                        place: &place,
                        job: &job,
                        shard: Shard::default(),
                        jobs: 2,
                        retry_failed: false,
                        stop: &stop,
                    };
                    let tell = |told: vesalius_archive::work::Told<'_>| {
                        if let vesalius_archive::work::Told::Finished { first: true, .. } = told {
                            kept.fetch_add(1, Ordering::SeqCst);
                        }
                    };
                    work.run(&Writes::new(999), &tell).unwrap();
                });
            }
        });
        assert_eq!(kept.load(Ordering::SeqCst), 40);
        assert_eq!(place.finished().unwrap().len(), 40);
    }
}

#[test]
fn what_does_not_fit_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(folder.path(), 3);
    let at = |name: &str| folder.path().join(name);
    let (one, two) = (Place::Local(at("one")), Place::Local(at("two")));
    work(&list, &one, (0, 2), &Writes::new(99)).unwrap();
    let said = |result: Result<_, ArchiveError>| {
        let line = result.err().unwrap().to_string();
        assert!(!line.contains('\n'), "{line}");
        line
    };
    let merged = |places: &[Place]| merge(places, &at("merged"), Some(&list), false).map(|_| ());
    assert!(
        said(merged(std::slice::from_ref(&one)))
            .contains("1 of 3 recordings are not finished, such as 'clip1'")
    );
    assert_eq!(merge(std::slice::from_ref(&one), &at("part"), Some(&list), true).unwrap().missing, ["clip1"]);

    // Another job in the same folder, and beside it.
    let stop = AtomicBool::new(false);
    let other = job("bb");
    let mut begin = Work {
        list: &list,
        place: &one,
        job: &other,
        shard: Shard::default(),
        jobs: 1,
        retry_failed: false,
        stop: &stop,
    };
    assert!(
        said(begin.run(&Writes::new(9), &|_| ()).map(|_| ())).contains("was begun with engine_sha256 aa")
    );
    begin.place = &two;
    begin.run(&Writes::new(9), &|_| ()).unwrap();
    assert!(said(merged(&[one.clone(), two])).contains("differ in engine_sha256"));

    // A file that is not what was written, and a mark that is none.
    std::fs::write(at("one").join("clip0/masks/0.png"), "x").unwrap();
    assert!(
        said(merge(std::slice::from_ref(&one), &at("one"), None, false).map(|_| ()))
            .contains("clip0/masks/0.png is damaged")
    );
    std::fs::write(at("one").join("clip0").join(DONE), "{").unwrap();
    assert!(
        said(merge(std::slice::from_ref(&one), &at("m"), None, false).map(|_| ()))
            .contains("clip0/done.json is damaged")
    );
    // No archive at all; a folder where results should go.
    assert!(said(merged(&[Place::Local(at("nowhere"))])).contains("archive.json cannot be found"));
    std::fs::create_dir_all(at("taken").join("clip0")).unwrap();
    std::fs::write(at("taken").join("clip0/mine.txt"), "").unwrap();
    assert!(
        said(work(&list, &Place::Local(at("taken")), (0, 1), &Writes::new(9)).map(|_| ()))
            .contains("clip0 is there")
    );
    assert!(at("taken").join("clip0/mine.txt").exists());
}

#[test]
fn a_recording_that_is_not_there_is_finished_as_failed_and_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(folder.path(), 2);
    std::fs::rename(folder.path().join("clip1.bin"), folder.path().join("away.bin")).unwrap();
    let place = Place::Local(folder.path().join("out"));
    let tally = work(&list, &place, (0, 1), &Writes::new(9)).unwrap();
    assert_eq!((tally.complete, tally.failed), (1, 1));
    assert_eq!(place.done("clip1").unwrap().unwrap().errors, ["'clip1.bin' is not there"]);
    std::fs::rename(folder.path().join("away.bin"), folder.path().join("clip1.bin")).unwrap();
    assert_eq!(work(&list, &place, (0, 1), &Writes::new(9)).unwrap().before, 2);
    let (stop, job) = (AtomicBool::new(false), job("aa"));
    let again = Work {
        list: &list,
        place: &place,
        job: &job,
        shard: Shard::default(),
        jobs: 1,
        retry_failed: true,
        stop: &stop,
    };
    assert_eq!(again.run(&Writes::new(9), &|_| ()).unwrap().complete, 1);
    assert_eq!(place.done("clip1").unwrap().unwrap().state, State::Complete);
}
