use super::*;

const TWO_CLASSES: &str = include_str!("../../tests/models/rgb-softmax/manifest.toml");
const UNLIKE: &str = include_str!("../../tests/models/unlike/manifest.toml");
const ONE_CLASS: &str = include_str!("../../tests/models/threshold/manifest.toml");

/// The one-class manifest with one piece of text changed.
fn changed(from: &str, to: &str) -> String {
    assert!(ONE_CLASS.contains(from), "{from}");
    // Stands for a hash.
    ONE_CLASS.replacen(from, &to.replace("$H", &"ab".repeat(32)), 1)
}

#[test]
fn reading_what_was_written_changes_nothing() {
    for text in [ONE_CLASS, TWO_CLASSES, UNLIKE] {
        let mut manifest = Manifest::parse(text).unwrap();
        manifest.scores = Some(ScoresSection {
            data: "Test data".to_owned(),
            split: "by subject".to_owned(),
            images: 3,
            subjects: 2,
            values: BTreeMap::from([("dice_mean".to_owned(), 0.975), ("hc_mae_mm".to_owned(), 1.5)]),
        });
        manifest.precisions.push(PrecisionSection {
            name: Precision::Int8,
            file: Some("model.int8.onnx".to_owned()),
            sha256: Some("ab".repeat(32)),
            temperature: Some(1.07),
            unlikeness_threshold: manifest.output.unlikeness.as_ref().map(|_| 3.5),
            parity: BTreeMap::from([("dice_drop".to_owned(), 0.001)]),
        });
        manifest.plans.push(PlanSection {
            sha256: "01".repeat(32),
            precision: Precision::F16,
            made_with: "trtexec of TensorRT 10.9 on an RTX 4000".to_owned(),
        });
        // Numbers that are not exact in f32 nor in f64.
        manifest.input.range = [-0.1, 1.7];
        manifest.input.mean = vec![0.485; manifest.input.color.channels()];
        let written = manifest.to_toml().unwrap();
        let read = Manifest::parse(&written).unwrap();
        assert_eq!(read, manifest);
        assert_eq!(read.to_toml().unwrap(), written);
    }
}

#[test]
fn channels_follow_from_the_activation() {
    assert_eq!(Manifest::parse(ONE_CLASS).unwrap().output_channels(), 1);
    assert_eq!(Manifest::parse(TWO_CLASSES).unwrap().output_channels(), 3);
}

/// A change to the one-class manifest and what the error must name.
struct Case {
    from: &'static str,
    to: &'static str,
    names: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        from: "pad = 0",
        to: "pad = 0\nelement = \"u8\"",
        names: &["input.element", "range = [0.0, 255.0]"],
    },
    Case { from: "pad = 0", to: "pad = 0\nelement = \"f8\"", names: &["input", "f8"] },
    Case { from: "schema = 1", to: "", names: &["schema", "missing"] },
    Case { from: "schema = 1", to: "schema = 2\nnew_key = 1", names: &["schema", "2"] },
    Case { from: "schema = 1", to: "schema = \"1\"", names: &["schema"] },
    Case { from: "schema = 1", to: "schema = 1\nsurprise = 3", names: &["surprise"] },
    Case {
        from: "protocol = \"generic\"",
        to: "protocol = \"palm\"",
        names: &["protocol", "palm", "generic"],
    },
    Case { from: "pad = 0", to: "pad = 0\nmode = 1", names: &["input", "mode", "line "] },
    Case { from: "pad = 0", to: "", names: &["input", "pad"] },
    Case { from: "pad = 0", to: "pad = 256", names: &["input", "256"] },
    Case { from: "threshold = 0.5", to: "threshold = 0.5\nmin = 1", names: &["classes", "min"] },
    Case { from: "layout = \"nchw\"", to: "layout = \"chw\"", names: &["input", "chw"] },
    Case { from: "color = \"gray\"", to: "color = \"grey\"", names: &["input", "grey"] },
    Case { from: "\"linear-antialias\"", to: "\"cubic\"", names: &["input", "cubic"] },
    Case { from: "\"letterbox\"", to: "\"pad\"", names: &["input", "pad"] },
    Case { from: "\"ultrasound\"", to: "\"mri\"", names: &["engine", "mri"] },
    Case { from: "\"generic\"", to: "\"heart\"", names: &["engine", "heart"] },
    Case { from: "name = \"threshold\"", to: "name = \"My engine\"", names: &["engine.name", "My engine"] },
    Case { from: "version = \"1.0.0\"", to: "version = \" \"", names: &["engine.version"] },
    Case { from: "licence = \"MIT", to: "licence = \"\\nMIT", names: &["engine.licence"] },
    Case { from: "\"model.onnx\"", to: "\"../model.onnx\"", names: &["model.file"] },
    Case { from: "\"model.onnx\"", to: "\"\"", names: &["model.file"] },
    Case { from: "\"model.onnx\"", to: "\"..\"", names: &["model.file"] },
    Case { from: "sha256 = \"", to: "sha256 = \"0", names: &["model.sha256", "sha256sum"] },
    Case { from: "opset = 17", to: "opset = 1", names: &["model.opset"] },
    Case { from: "width = 64", to: "width = 0", names: &["input.width", "4096"] },
    Case { from: "height = 48", to: "height = 4097", names: &["input.height", "4096"] },
    Case { from: "height = 48", to: "height = -1", names: &["input"] },
    Case { from: "range = [0.0, 1.0]", to: "range = [1.0, 1.0]", names: &["input.range"] },
    Case { from: "range = [0.0, 1.0]", to: "range = [0.0, nan]", names: &["input.range"] },
    Case { from: "range = [0.0, 1.0]", to: "range = [0.0]", names: &["input"] },
    Case { from: "mean = [0.0]", to: "mean = [0.0, 0.0, 0.0]", names: &["input.mean", "channel"] },
    Case { from: "mean = [0.0]", to: "mean = [inf]", names: &["input.mean"] },
    Case { from: "std = [1.0]", to: "std = [0.0]", names: &["input.std", "zero"] },
    Case { from: "std = [1.0]", to: "std = [nan]", names: &["input.std"] },
    Case { from: "std = [1.0]", to: "std = []", names: &["input.std"] },
    Case { from: "kind = \"logits\"", to: "kind = \"labels\"", names: &["output.activation", "none"] },
    Case { from: "\"sigmoid\"", to: "\"none\"", names: &["output.activation"] },
    Case { from: "\"sigmoid\"", to: "\"relu\"", names: &["output", "relu"] },
    Case {
        from: "\"sigmoid\"",
        to: "\"sigmoid\"\ntemperature = 0.0",
        names: &["output.temperature", "0.01"],
    },
    Case { from: "\"sigmoid\"", to: "\"sigmoid\"\ntemperature = nan", names: &["output.temperature"] },
    Case { from: "\"sigmoid\"", to: "\"sigmoid\"\ntemperature = \"1\"", names: &["output"] },
    Case {
        from: "kind = \"logits\"",
        to: "kind = \"probabilities\"\ntemperature = 1.1",
        names: &["output.temperature", "logits"],
    },
    Case {
        from: "\"sigmoid\"",
        to: "\"sigmoid\"\n[output.unlikeness]\nname = \"logits\"\nthreshold = 1",
        names: &["output.unlikeness.name"],
    },
    Case {
        from: "\"sigmoid\"",
        to: "\"sigmoid\"\n[output.unlikeness]\nname = \"u\"\nthreshold = inf",
        names: &["output.unlikeness.threshold"],
    },
    Case {
        from: "\"sigmoid\"",
        to: "\"sigmoid\"\n[output.unlikeness]\nname = \"u\"\nthreshold = 1\nauroc = { bars = 1.2 }",
        names: &["output.unlikeness.auroc.bars"],
    },
    Case {
        from: "\"sigmoid\"",
        to: "\"sigmoid\"\n[output.unlikeness]\nname = \"u\"\nthreshold = 1\nlimit = 2",
        names: &["output.unlikeness", "limit"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f32\"\ntemperature = 1.0",
        names: &["precisions[0].temperature"],
    },
    Case { from: "threshold = 0.5", to: "threshold = 1.0", names: &["classes[0].threshold"] },
    Case { from: "threshold = 0.5", to: "threshold = nan", names: &["classes[0].threshold"] },
    Case {
        from: "fill_holes = false",
        to: "fill_holes = false\noutline_inset_px = -0.4",
        names: &["classes[0].outline_inset_px", "4"],
    },
    Case {
        from: "fill_holes = false",
        to: "fill_holes = false\noutline_inset_px = nan",
        names: &["classes[0].outline_inset_px"],
    },
    Case { from: "index = 1", to: "index = 0", names: &["classes[0].index", "0"] },
    Case { from: "index = 1", to: "index = 2", names: &["classes[0].index"] },
    Case { from: "index = 1", to: "index = 300", names: &["classes"] },
    Case {
        from: "name = \"bright\"",
        to: "name = \"Bright thing\"",
        names: &["classes[0].name", "snake_case"],
    },
    Case { from: "\"#56B4E9\"", to: "\"56B4E9\"", names: &["classes[0].color", "#RRGGBB"] },
    Case { from: "\"#56B4E9\"", to: "\"#+6B4E9\"", names: &["classes[0].color"] },
    Case { from: "\"#56B4E9\"", to: "\"#é6B4\"", names: &["classes[0].color"] },
    Case { from: "components = \"all\"", to: "components = \"some\"", names: &["classes", "some"] },
    Case { from: "name = \"f32\"", to: "name = \"f31\"", names: &["precisions", "f31"] },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f32\"\nparity = { d = 1.0 }",
        names: &["precisions[0].parity"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f16\"\nparity = { d = nan }",
        names: &["precisions[0].parity"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f32\"\nfile = \"a.onnx\"\nsha256 = \"$H\"",
        names: &["precisions[0].file", "model.file"],
    },
    Case { from: "name = \"f32\"", to: "name = \"f16\"", names: &["precisions[0].parity", "f16"] },
    Case {
        from: "name = \"f32\"",
        to: "name = \"int8\"\nparity = { d = 0.1 }",
        names: &["precisions[0].file", "QDQ"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"int8\"\nfile = \"a.onnx\"\nparity = { d = 0.1 }",
        names: &["precisions[0].sha256"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f16\"\nsha256 = \"$H\"\nparity = { d = 0.1 }",
        names: &["precisions[0].file"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f16\"\nfile = \"../a.onnx\"\nsha256 = \"$H\"\nparity = { d = 0.1 }",
        names: &["precisions[0].file", "plain"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f16\"\nfile = \"model.onnx\"\nsha256 = \"$H\"\nparity = { d = 0.1 }",
        names: &["precisions[0].file", "f32"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f32\"\n[[plans]]\nsha256 = \"1\"\nprecision = \"f16\"\nmade_with = \"x\"",
        names: &["plans[0].sha256"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f32\"\n[[plans]]\nsha256 = \"$H\"\nprecision = \"f16\"\nmade_with = \"\"",
        names: &["plans[0].made_with"],
    },
    Case {
        from: "name = \"f32\"",
        to: "name = \"f32\"\n[[plans]]\nsha256 = \"$H\"\nprecision = \"f16\"\nmade_with = \"x\"\nfile = \"y\"",
        names: &["plans", "file"],
    },
    Case { from: "schema = 1", to: "schema = 1\n[engine", names: &["line "] },
];

#[test]
fn every_error_is_one_line_and_names_the_key() {
    let mut wrong = Vec::new();
    for Case { from, to, names } in CASES {
        match Manifest::parse(&changed(from, to)) {
            Ok(_) => wrong.push(format!("'{to}' was accepted")),
            Err(error) => {
                let text = error.to_string();
                if text.contains('\n') || names.iter().any(|name| !text.contains(name)) {
                    wrong.push(format!("'{to}' should name {names:?}: {text}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn two_classes_need_softmax_and_names_of_their_own() {
    let error = Manifest::parse(&TWO_CLASSES.replace("softmax", "sigmoid")).unwrap_err();
    assert_eq!(error.key, "output.activation");
    let error = Manifest::parse(&TWO_CLASSES.replace("\"blue\"", "\"red\"")).unwrap_err();
    assert_eq!(error.key, "classes[1].name");
}

/// The file of a precision is the one listed, f32 aside.
#[test]
fn every_precision_has_its_file() {
    let hash = "ab".repeat(32);
    let listed = format!(
        "name = \"f32\"\n[[precisions]]\nname = \"f16\"\nparity = {{ d = 0.1 }}\n\
         [[precisions]]\nname = \"int8\"\nfile = \"q.onnx\"\nsha256 = \"{hash}\"\nparity = {{ d = 0.1 }}"
    );
    let manifest = Manifest::parse(&changed("name = \"f32\"", &listed)).unwrap();
    assert_eq!(manifest.model_file(Precision::F32).unwrap().0, "model.onnx");
    assert_eq!(manifest.model_file(Precision::F16), None);
    assert_eq!(manifest.model_file(Precision::Int8), Some(("q.onnx", hash.as_str())));
}

#[test]
fn a_precision_may_have_a_temperature_of_its_own() {
    let manifest = Manifest::parse(ONE_CLASS).unwrap();
    assert_eq!(manifest.temperature(Precision::F32), 1.0);
    let hash = "ab".repeat(32);
    let listed = |own: &str| {
        let int8 = format!(
            "name = \"f32\"\n[[precisions]]\nname = \"int8\"\nfile = \"q.onnx\"\nsha256 = \"{hash}\"\n{own}\
             unlikeness_threshold = 9.5\nparity = {{ d = 0.1 }}"
        );
        Manifest::parse(&UNLIKE.replace("name = \"f32\"", &int8)).unwrap()
    };
    for (own, int8) in [("", 2.0), ("temperature = 1.5\n", 1.5)] {
        let manifest = listed(own);
        assert_eq!(manifest.unlikeness_threshold(Precision::Int8), Some(9.5));
        assert!(manifest.unlikeness_threshold(Precision::F32).is_some_and(|threshold| threshold < 9.5));
        assert_eq!(
            (manifest.temperature(Precision::F32), manifest.temperature(Precision::Int8)),
            (2.0, int8)
        );
    }
}

#[test]
fn a_file_that_is_none_is_named() {
    let error = Manifest::read(Path::new("no/such/manifest.toml")).unwrap_err();
    assert!(error.to_string().contains("no/such/manifest.toml"), "{error}");
}

/// Every engine that is shipped can be read.
#[test]
fn shipped_manifests_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engines");
    for entry in crate::Registry::with_folders([folder]).list() {
        let manifest = entry.manifest.unwrap();
        assert_eq!(manifest.engine.name, entry.name);
    }
}
