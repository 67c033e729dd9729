//! The larynx's sequences: a camera and folds that both move, by jerks.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use vesalius_measure::flow::{Gray, Motion};
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_qa::score::label_png;

use super::score::{Picture, Table, pyramid};

const STRUCTURES: [(u8, &str); 5] =
    [(1, "vocal folds"), (3, "glottis"), (4, "pathology"), (5, "surgical tool"), (6, "intubation tube")];

pub fn run(folder: &Path) -> anyhow::Result<()> {
    let list = folder.join("labels.csv");
    let text = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column =
        |name: &str| head.iter().position(|h| *h == name).with_context(|| format!("no column {name}"));
    let [image, mask, sequence, frame] = ["image", "mask", "sequence", "frame"].map(column);
    let (image, mask, sequence, frame) = (image?, mask?, sequence?, frame?);
    let mut sequences: BTreeMap<String, Vec<Picture>> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |i: usize| cells.get(i).copied().context("a line is cut off");
        let digits: String = cell(frame)?.chars().take_while(char::is_ascii_digit).collect();
        let picture = picture(digits.parse()?, &folder.join(cell(image)?), &folder.join(cell(mask)?))?;
        sequences.entry(cell(sequence)?.to_owned()).or_default().push(picture);
    }
    let structures = STRUCTURES.map(|(class, name)| (class, name.to_owned()));
    let mut table = Table::default();
    for pictures in sequences.values_mut() {
        pictures.sort_by_key(|picture| picture.number);
        table.add(pictures, &structures)?;
    }
    table.print("larynx");
    Ok(())
}

fn picture(number: u64, image: &Path, mask: &Path) -> anyhow::Result<Picture> {
    let rgb = image::open(image).with_context(|| image.display().to_string())?.into_rgb8();
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    let frame = Frame::new(PixelFormat::Rgb, width, height, &[(rgb.as_raw().as_slice(), width * 3)])?;
    let mask = label_png::read(mask)?;
    anyhow::ensure!((mask.width, mask.height) == (width, height), "{}: another size", image.display());
    let pyramid = pyramid(&Gray::of_frame(&frame, Motion::SIDE))?;
    Ok(Picture { number, size: (width, height), pyramid, labels: mask.labels })
}
