//! Settings of the protocol `endoscopy`.

use serde::{Deserialize, Serialize};

/// Settings of the protocol `endoscopy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndoscopyConfig {
    /// The engine's classes that are measured as lesions.
    pub lesions: Vec<String>,
    /// The engine's classes that are tools.
    pub tools: Vec<String>,
    /// When a picture is good enough to measure in.
    pub picture: PictureConfig,
    /// When a picture shows the inside of a body.
    pub body: BodyConfig,
    /// When a tool is there, and how fast its tip moves.
    pub tool: ToolConfig,
    /// When a size is given in millimetres.
    pub size: SizeConfig,
    /// How long the withdrawal took.
    pub withdrawal: WithdrawalConfig,
}

impl Default for EndoscopyConfig {
    fn default() -> Self {
        let names = |names: [&str; 3]| names.map(str::to_owned).to_vec();
        Self {
            lesions: names(["lesion", "polyp", "pathology"]),
            tools: names(["tool", "instrument", "surgical_tool"]),
            picture: PictureConfig::default(),
            body: BodyConfig::default(),
            tool: ToolConfig::default(),
            size: SizeConfig::default(),
            withdrawal: WithdrawalConfig::default(),
        }
    }
}

/// When a picture is good enough to measure in. Scopes differ: set the limits with pictures of the one in
/// use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PictureConfig {
    /// Luma up to which a pixel is black, 0 to 1: the surround of the field is.
    pub black: f64,
    /// Luma from which a pixel can be glare, 0 to 1.
    pub glare: f64,
    /// Least sharpness: root mean square of luma's Laplacian over mean luma.
    pub min_sharpness: f64,
    /// Least part of the field, 0 to 1, that is brighter than black.
    pub min_lit: f64,
    /// Most of the field, 0 to 1, that may be darker than 5 %.
    pub max_dark: f64,
    /// Most of the field, 0 to 1, that may be brighter than 98 %.
    pub max_bright: f64,
    /// Most of the field, 0 to 1, that glare may cover.
    pub max_specular: f64,
}

impl Default for PictureConfig {
    fn default() -> Self {
        Self {
            black: 0.08,
            glare: 0.88,
            min_sharpness: 0.04,
            min_lit: 0.3,
            max_dark: 0.5,
            max_bright: 0.1,
            max_specular: 0.25,
        }
    }
}

/// When a picture shows the inside of a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BodyConfig {
    /// Whether it is looked for at all; switch it off where stains or light of narrow bands make tissue look
    /// otherwise.
    pub detect: bool,
    /// Least part of the lit pixels, 0 to 1, that are as red as tissue.
    pub min_red: f64,
    /// Least part of the field, 0 to 1, that is lit; less tells nothing, unless it lasts for twice the frames
    /// that vote.
    pub min_lit: f64,
    /// Frames that vote.
    pub frames: u32,
    /// How many of them must look like outside for that to be believed.
    pub outside: u32,
    /// How many of them at most may still look like outside for the inside to be believed again.
    pub inside: u32,
}

impl Default for BodyConfig {
    fn default() -> Self {
        Self { detect: true, min_red: 0.55, min_lit: 0.1, frames: 15, outside: 5, inside: 2 }
    }
}

/// When a tool is there, and how fast its tip moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolConfig {
    /// Least area of a tool, per cent of the visible field.
    pub min_area_percent: f64,
    /// Results that vote.
    pub frames: u32,
    /// How many of them must show the tool for it to be there.
    pub present: u32,
    /// How many of them at most may still show it for it to be gone.
    pub absent: u32,
    /// The tip's speed is that of the last so many seconds.
    pub speed_window_s: f64,
}

impl Default for ToolConfig {
    fn default() -> Self {
        Self { min_area_percent: 0.2, frames: 7, present: 5, absent: 2, speed_window_s: 0.5 }
    }
}

/// When a size is given in millimetres.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SizeConfig {
    /// Part of the field's width, about its centre, in which lenses distort little; lesion and tool must lie
    /// within.
    pub central_fraction: f64,
    /// How long a confirmed tool counts, seconds.
    pub confirmation_s: f64,
}

impl Default for SizeConfig {
    fn default() -> Self {
        Self { central_fraction: 0.6, confirmation_s: 5.0 }
    }
}

/// How long the withdrawal took: the names of the marks, and what counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WithdrawalConfig {
    /// The mark with which it starts.
    pub start: String,
    /// The mark with which it ends.
    pub end: String,
    /// The mark with which an intervention begins that is no inspection.
    pub pause: String,
    /// The mark with which inspection goes on.
    pub resume: String,
    /// Whether leaving the body ends it too, until the end is marked or the body entered again.
    pub ends_out_of_body: bool,
    /// Longest time that a clear frame counts for, seconds: what was not seen is not clear.
    pub max_gap_s: f64,
}

impl Default for WithdrawalConfig {
    fn default() -> Self {
        Self {
            start: "caecum".to_owned(),
            end: "exit".to_owned(),
            pause: "intervention".to_owned(),
            resume: "inspection".to_owned(),
            ends_out_of_body: true,
            max_gap_s: 0.5,
        }
    }
}

fn in_range(name: &str, value: f64, least: f64, most: f64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("{name} = {value}: give a number from {least} to {most}"))
}

fn vote(name: &str, frames: u32, on: (&str, u32), off: (&str, u32)) -> Result<(), String> {
    if (1..=1000).contains(&frames) && off.1 < on.1 && on.1 <= frames {
        return Ok(());
    }
    Err(format!(
        "{name}: give 1 to 1000 frames, at most as many for {}, and fewer than that for {}",
        on.0, off.0
    ))
}

impl EndoscopyConfig {
    pub(in crate::protocol) fn check(&self) -> Result<(), String> {
        let (picture, body, tool) = (&self.picture, &self.body, &self.tool);
        for (name, value) in [
            ("picture.black", picture.black),
            ("picture.glare", picture.glare),
            ("picture.min_lit", picture.min_lit),
            ("picture.max_dark", picture.max_dark),
            ("picture.max_bright", picture.max_bright),
            ("picture.max_specular", picture.max_specular),
            ("body.min_red", body.min_red),
            ("body.min_lit", body.min_lit),
        ] {
            in_range(name, value, 0.0, 1.0)?;
        }
        in_range("picture.min_sharpness", picture.min_sharpness, 0.0, 100.0)?;
        in_range("tool.min_area_percent", tool.min_area_percent, 0.0, 100.0)?;
        in_range("tool.speed_window_s", tool.speed_window_s, 0.01, 60.0)?;
        in_range("size.central_fraction", self.size.central_fraction, 0.01, 1.0)?;
        in_range("size.confirmation_s", self.size.confirmation_s, 0.0, 3600.0)?;
        in_range("withdrawal.max_gap_s", self.withdrawal.max_gap_s, 0.001, 60.0)?;
        vote("body", body.frames, ("outside", body.outside), ("inside", body.inside))?;
        vote("tool", tool.frames, ("present", tool.present), ("absent", tool.absent))?;
        let w = &self.withdrawal;
        let marks = [&w.start, &w.end, &w.pause, &w.resume];
        let is_double = |(i, mark): (usize, &&String)| marks.iter().skip(i + 1).any(|other| other == mark);
        if marks.iter().any(|mark| mark.is_empty()) || marks.iter().enumerate().any(is_double) {
            return Err("withdrawal: give four different names of marks".to_owned());
        }
        Ok(())
    }
}
