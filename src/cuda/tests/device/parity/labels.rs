//! Scores to probabilities, labels and edges, against the engine's postprocessor and `vesalius-measure`.

use std::sync::Arc;

use vesalius_cuda::kernels::{EdgeBand, OutputKind, OutputRule, Postprocessor, SourceLabels};
use vesalius_engine::manifest::{Manifest, Precision};
use vesalius_engine::postprocess::Postprocessor as Reference;
use vesalius_engine::session::OutputValues;
use vesalius_measure::contour;
use vesalius_measure::geometry::{Geometry, PixelRect, ResizeRule};
use vesalius_measure::mask::{ProbabilityMap, label_source};
use vesalius_measure::result::ClassInfo;

use super::{Compared, Outcome, Random, Rig, f32s, same, text};

fn manifest(rule: &OutputRule) -> (Manifest, Vec<Arc<ClassInfo>>) {
    let (kind, activation) = match rule.kind {
        OutputKind::Sigmoid => ("logits", "sigmoid"),
        OutputKind::Softmax => ("logits", "softmax"),
        // Which channels are classes is all that the activation says of probabilities.
        OutputKind::Probabilities if rule.channels == 1 => ("probabilities", "sigmoid"),
        OutputKind::Probabilities => ("probabilities", "softmax"),
    };
    let layout = if rule.channels_last { "nhwc" } else { "nchw" };
    let mut toml = format!(
        "schema = 1\n\
         [engine]\nname = \"x\"\nversion = \"1\"\ndescription = \"x\"\ntask = \"segmentation\"\n\
         modality = \"ultrasound\"\nlicence = \"MIT\"\nprotocol = \"generic\"\n\
         [model]\nfile = \"x.onnx\"\nsha256 = \"{}\"\nopset = 17\n\
         [input]\nname = \"x\"\nlayout = \"{layout}\"\nwidth = {}\nheight = {}\ncolor = \"gray\"\nrange = [0, 1]\n\
         mean = [0.0]\nstd = [1.0]\nresize = \"letterbox\"\nfilter = \"linear-antialias\"\npad = 0\n\
         [output]\nname = \"y\"\nkind = \"{kind}\"\nactivation = \"{activation}\"\n",
        "0".repeat(64),
        rule.width,
        rule.height
    );
    if rule.kind != OutputKind::Probabilities {
        toml += &format!("temperature = {:?}\n", rule.temperature);
    }
    for (index, threshold) in rule.thresholds.iter().enumerate() {
        toml += &format!(
            "[[classes]]\nindex = {}\nname = \"c{index}\"\nlabel = \"c{index}\"\ncolor = \"#112233\"\nthreshold = {threshold:?}\n\
             components = \"all\"\nfill_holes = false\n",
            index + 1
        );
    }
    let manifest: Manifest = toml::from_str(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    let classes = (rule.thresholds.iter().enumerate())
        .map(|(index, &threshold)| {
            Arc::new(ClassInfo {
                index: index as u8 + 1,
                name: format!("c{index}"),
                label: format!("c{index}"),
                color: [0; 3],
                threshold,
            })
        })
        .collect();
    (manifest, classes)
}

fn rule_and_scores(random: &mut Random) -> (OutputRule, Vec<f32>) {
    let (width, height) = (random.within(1, 70), random.within(1, 60));
    let kind = random.of(&[OutputKind::Sigmoid, OutputKind::Softmax, OutputKind::Probabilities]);
    let classes = match kind {
        OutputKind::Sigmoid => 1,
        _ => random.within(1, 4),
    };
    let channels = match kind {
        OutputKind::Sigmoid => 1,
        _ => classes + 1,
    };
    // Thresholds of few digits, so that TOML and float are one number.
    let thresholds = (0..classes).map(|_| random.within(2, 8) as f32 / 10.0).collect();
    let rule = OutputRule {
        width: width as u32,
        height: height as u32,
        channels_last: random.flip(),
        kind,
        // Of few digits, as the thresholds.
        temperature: if kind == OutputKind::Probabilities { 1.0 } else { random.of(&[1.0, 1.25, 0.7, 3.3]) },
        channels: channels as u32,
        thresholds,
    };
    let planes: Vec<Vec<f32>> = (0..channels).map(|_| random.field(width, height)).collect();
    let scale = random.of(&[1.0, 8.0, 40.0, 200.0]);
    let value = |c: usize, i: usize| match kind {
        OutputKind::Probabilities => planes[c][i],
        _ => (planes[c][i] - 0.5) * scale,
    };
    let pixels = width * height;
    let scores = if rule.channels_last {
        (0..pixels).flat_map(|i| (0..channels).map(move |c| (c, i))).map(|(c, i)| value(c, i)).collect()
    } else {
        (0..channels).flat_map(|c| (0..pixels).map(move |i| (c, i))).map(|(c, i)| value(c, i)).collect()
    };
    (rule, scores)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

pub fn run(rig: &Rig, cases: usize, seed: u64) -> Outcome<Compared> {
    let mut random = Random::new(seed);
    let mut compared = Compared { cases, values: 0 };
    for case in 0..cases {
        let (rule, scores) = rule_and_scores(&mut random);
        let (width, height) = (random.within(1, 150), random.within(1, 130));
        let crop = {
            let (w, h) = (random.within(1, width), random.within(1, height));
            let (x, y) = (random.within(0, width - w), random.within(0, height - h));
            PixelRect { x: x as u32, y: y as u32, width: w as u32, height: h as u32 }
        };
        let resize = random.of(&[ResizeRule::Letterbox, ResizeRule::Stretch]);
        let (size, model) = ((width as u32, height as u32), (rule.width, rule.height));
        let geometry = Geometry::of_crop(size, crop, model, resize, (1, 1)).unwrap();
        let label = format!("case {case} of seed {seed}: {rule:?} {geometry:?}");

        let (manifest, infos) = manifest(&rule);
        let mut reference = Reference::new(&manifest, Precision::F32, &infos);
        let expected = reference.process(OutputValues::F32(&scores), &geometry).map_err(|e| e.to_string())?;

        let bytes: Vec<u8> = scores.iter().flat_map(|v| v.to_ne_bytes()).collect();
        let output = rig.upload(&bytes)?;
        let pitch = width as u32 + random.of(&[0, 0, 3, 64]);
        let mask =
            || SourceLabels::new(&rig.buffer(pitch as usize * height)?, pitch, size.0, size.1).map_err(text);
        let (labels, edges) = (mask()?, mask()?);
        let capacity = rule.width * rule.height;
        let band = rig.buffer(EdgeBand::bytes(rule.width, rule.height, capacity))?;
        let class = random.within(1, rule.thresholds.len());

        let mut post = Postprocessor::new(&rig.kernels, &rig.stream, &rule).map_err(text)?;
        let mut work = rig.stream.begin();
        let bad = post.probabilities(&mut work, &output, &geometry).map_err(text)?;
        post.label_source(&mut work, &geometry, &labels).map_err(text)?;
        post.edges(&mut work, &labels, &edges).map_err(text)?;
        let edge = post.edge_band(&mut work, &geometry, class, &band, capacity).map_err(text)?;
        let fence = work.finish().map_err(text)?;
        compared.values += same(&label, bad.wait(&fence).map_err(text)?, &[0; 4])?;

        let expected_maps: Vec<f32> =
            expected.classes.iter().flat_map(|c| c.probability.values().iter().copied()).collect();
        let maps = f32s(&rig.download(post.maps())?);
        compared.values += same(&format!("maps, {label}"), &maps, &bits(&expected_maps))?;

        let listed: Vec<(u8, f32, &ProbabilityMap)> =
            expected.classes.iter().map(|c| (c.class.index, c.class.threshold, &c.probability)).collect();
        let at_model = Geometry::new(model, model, ResizeRule::Stretch, (1, 1)).unwrap();
        let model_labels = rig.download(&post.labels().map_err(text)?.buffer)?;
        let expected_labels = label_source(&at_model, &listed).labels;
        compared.values += same(&format!("labels, {label}"), &model_labels, &expected_labels)?;

        let rows = |mask: &SourceLabels| -> Outcome<Vec<u8>> {
            let bytes = rig.download(&mask.buffer)?;
            Ok(bytes.chunks(pitch as usize).flat_map(|row| &row[..width]).copied().collect())
        };
        let source_labels = label_source(&geometry, &listed).labels;
        compared.values += same(&format!("source labels, {label}"), &rows(&labels)?, &source_labels)?;
        compared.values +=
            same(&format!("edges, {label}"), &rows(&edges)?, &edges_of(&source_labels, width))?;

        // Labels as no network gives them: every pixel by itself.
        let noise: Vec<u8> = random.bytes(pitch as usize * height).iter().map(|byte| byte % 3).collect();
        let noisy = SourceLabels::new(&rig.upload(&noise)?, pitch, size.0, size.1).map_err(text)?;
        let mut work = rig.stream.begin();
        post.edges(&mut work, &noisy, &edges).map_err(text)?;
        work.finish().map_err(text)?;
        let noise: Vec<u8> = noise.chunks(pitch as usize).flat_map(|row| &row[..width]).copied().collect();
        compared.values +=
            same(&format!("edges of noise, {label}"), &rows(&edges)?, &edges_of(&noise, width))?;

        let whole = &expected.classes[class - 1];
        let rebuilt = edge.map(&fence).map_err(text)?.ok_or(format!("the edge did not fit, {label}"))?;
        let traced = contour::trace(&rebuilt, &geometry, whole.class.threshold);
        compared.values += same(&format!("outlines, {label}"), &traced, &whole.contours)?;
    }
    Ok(compared)
}

fn edges_of(labels: &[u8], width: usize) -> Vec<u8> {
    let height = labels.len() / width;
    let differs = |i: usize| {
        let (x, y) = (i % width, i / width);
        let mut around = Vec::new();
        around.extend((x > 0).then(|| labels[i - 1]));
        around.extend((x + 1 < width).then(|| labels[i + 1]));
        around.extend((y > 0).then(|| labels[i - width]));
        around.extend((y + 1 < height).then(|| labels[i + width]));
        around.iter().any(|&l| l != labels[i])
    };
    (0..labels.len()).map(|i| if differs(i) { labels[i] } else { 0 }).collect()
}
