//! Somebody brings a model of their own: one command, a look at the contact sheet, and it runs as any other engine.

use std::path::{Path, PathBuf};

use vesalius_tests::program::{Ran, project, replay, results, run, vesalius};

fn model(name: &str) -> PathBuf {
    project().join("src/engine/tests/import_models").join(format!("{name}.onnx"))
}

/// 96×48 pixels of grey with a red disc and a smaller blue one.
fn picture(folder: &Path) -> PathBuf {
    let path = folder.join("discs.png");
    let pixel = |x: u32, y: u32| {
        let off = |cx: f64, cy: f64| (f64::from(x) - cx).hypot(f64::from(y) - cy);
        if off(25.0, 24.0) < 15.0 {
            image::Rgb([200, 40, 50])
        } else if off(70.0, 20.0) < 9.0 {
            image::Rgb([40, 50, 190])
        } else {
            image::Rgb([110, 105, 100])
        }
    };
    image::RgbImage::from_fn(96, 48, pixel).save(&path).unwrap();
    path
}

/// Imports into `folder`, which is also where the program works.
fn import(name: &str, folder: &Path, args: &[&str]) -> Ran {
    let mut command = vesalius();
    command
        .current_dir(folder)
        .args(["engine", "import"])
        .arg(model(name))
        .args(["--out", "engines"])
        .args(args);
    run(&mut command)
}

#[test]
fn a_keras_like_model_takes_one_command_and_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path());
    let picture = picture.to_str().unwrap();
    let given =
        ["--picture", picture, "--classes", "red,blue", "--modality", "endoscopy", "--licence", "MIT"];
    let ran = import("bgr-imagenet-nhwc", folder.path(), &given).ok();
    // Everything that had to be assumed is told, and nothing else.
    assert!(ran.err.lines().all(|line| line.starts_with("vesalius: warning: ")), "{}", ran.err);
    assert!(ran.err.contains("look at the contact sheet"), "{}", ran.err);
    assert!(ran.out.contains("NHWC") && ran.out.contains("red, blue"), "{}", ran.out);
    for way in ["RGB · unit · stretch", "BGR · imagenet · letterbox", "BGR · caffe · stretch"] {
        assert!(ran.out.contains(way), "{way} is not in {}", ran.out);
    }
    let sheet = image::open(folder.path().join("bgr-imagenet-nhwc-interpretations.png")).unwrap();
    assert!(sheet.width() > 5 * 300 && sheet.height() > 4 * 150, "{}x{}", sheet.width(), sheet.height());

    // The number of a cell takes it.
    let line = ran.out.lines().find(|line| line.contains("BGR · imagenet · stretch")).unwrap();
    let number = line.trim_start_matches(['*', ' ', '#']).split_whitespace().next().unwrap();
    let chosen: Vec<&str> = given.iter().copied().chain(["--choose", number]).collect();
    let ran = import("bgr-imagenet-nhwc", folder.path(), &chosen).ok();
    assert!(ran.out.contains(&format!("taken: #{number} BGR · imagenet · stretch (chosen)")), "{}", ran.out);
    let engine = folder.path().join("engines/bgr-imagenet-nhwc");
    let manifest = std::fs::read_to_string(engine.join("manifest.toml")).unwrap();
    assert!(manifest.contains("color = \"bgr\"") && manifest.contains("name = \"blue\""), "{manifest}");

    // It runs at once.
    let engine = engine.to_str().unwrap();
    run(vesalius().args(["engine", "verify", engine])).ok();
    let out = folder.path().join("run");
    replay(Path::new(picture), &out, &["--engine", engine, "--masks", "--no-video"]).ok();
    assert_eq!(results(&out).len(), 2);
    let mask = image::open(out.join("masks/discs.png")).unwrap().into_luma8();
    for (x, y, label) in [(25, 24, 1), (70, 20, 2), (48, 40, 0)] {
        assert_eq!(mask.get_pixel(x, y).0, [label], "at {x},{y}");
    }
}

#[test]
fn without_a_picture_or_names_defaults_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let ran = import("rgb-signed-free", folder.path(), &["--name", "mine", "--modelinfo"]).ok();
    for words in ["--size", "--classes", "--picture", "--modality", "--licence"] {
        let told =
            ran.err.lines().filter(|line| line.starts_with("vesalius: warning: ") && line.contains(words));
        assert!(told.count() >= 1, "{words} is not told: {}", ran.err);
    }
    let engine = folder.path().join("engines/mine");
    run(vesalius().args(["engine", "verify", engine.to_str().unwrap()])).ok();
    let info = std::fs::read_to_string(engine.join("model.onnx.modelinfo")).unwrap();
    assert!(info.contains("[image]") && info.contains("ranges=0.0,1.0;0.0,1.0;0.0,1.0"), "{info}");

    // Another model does not take its place unasked; what it says of itself in a .modelinfo file is taken.
    let copy = folder.path().join("own.onnx");
    std::fs::copy(model("bgr-imagenet-nhwc"), &copy).unwrap();
    let info = "[modelinfo]\nversion=1.0\n[image]\ndir=input\nranges=-1.0,1.0;-1.0,1.0;-1.0,1.0\ncaps=video/x-raw, format=BGR\n";
    std::fs::write(folder.path().join("own.modelinfo"), info).unwrap();
    let again = |args: &[&str]| {
        let mut command = vesalius();
        command
            .current_dir(folder.path())
            .args(["engine", "import", "own.onnx", "--out", "engines", "--name", "mine"]);
        run(command.args(args))
    };
    let error = again(&[]).one_line_error().to_owned();
    assert!(error.contains("another 'mine'") && error.contains("--force"), "{error}");
    let ran = again(&["--force", "--json", "--resize", "stretch"]).ok();
    let said: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(said["interpretation"], "BGR · signed · stretch", "{said}");
}

#[test]
fn what_cannot_be_imported_is_one_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path());
    let picture = picture.to_str().unwrap();
    std::fs::write(folder.path().join("x.npy"), "no array").unwrap();
    for (name, args, words) in [
        ("custom-operators", &[][..], "com.example:Outline"),
        ("opset-99", &[], "opset 99"),
        ("three-outputs", &[], "--output"),
        ("quantised", &[], "[[precisions]]"),
        ("bgr-imagenet-nhwc", &["--classes", "one"], "3 channels"),
        ("bgr-imagenet-nhwc", &["--picture", picture, "--choose", "99"], "--choose 99"),
        ("bgr-imagenet-nhwc", &["--picture", picture, "--reference", "x.npy"], "numpy.save"),
        ("bgr-imagenet-nhwc", &["--picture", "x.npy"], "x.npy"),
        ("bgr-imagenet-nhwc", &["--mean", "1,2"], "does not fit 3 channels"),
        ("no-such-model", &[], "cannot be read"),
    ] {
        let ran = import(name, folder.path(), args);
        let error = ran.one_line_error();
        assert!(error.contains(words), "{name}: {error}");
    }
    let left = std::fs::read_dir(folder.path().join("engines")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "something is left of an import that failed");
}

#[test]
fn the_bench_says_what_live_rate_an_engine_sustains() {
    let engine = vesalius_tests::engine("threshold");
    let args = [
        "engine",
        "bench",
        engine.to_str().unwrap(),
        "--provider",
        "cpu",
        "--threads",
        "1,2",
        "--seconds",
        "0.05",
    ];
    let ran = run(vesalius().args(args)).ok();
    assert!(ran.out.contains("p99") && ran.out.contains("60/s"), "{}", ran.out);
    let ran = run(vesalius().args(args).args(["--json", "--size", "64x48"])).ok();
    let whole: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let rows = whole["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &whole["picture"]), (2, &serde_json::json!([64, 48])), "{whole}");
    for (row, threads) in rows.iter().zip([1, 2]) {
        let time = |name: &str| row["whole"][name].as_f64().unwrap();
        assert_eq!((&row["threads"], &row["precision"]), (&threads.into(), &"f32".into()), "{row}");
        assert!(time("p50_ms") <= time("p95_ms") && time("p95_ms") <= time("p99_ms"), "{row}");
        assert!(
            time("p50_ms") >= row["network"]["p50_ms"].as_f64().unwrap() && row["runs"].as_u64() >= Some(20)
        );
    }
    let ran = run(vesalius().args(["engine", "bench", engine.to_str().unwrap(), "--precision", "int8"]));
    assert!(ran.one_line_error().contains("cannot run"), "{}", ran.err);
}
