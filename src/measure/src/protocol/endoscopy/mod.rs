//! Endoscopy: the picture's own quality, lesions, tools, and how long the withdrawal took.
//!
//! Everything is measured in the visible field, which the picture itself shows. Outside the body, and in
//! pictures that are blurred, dark, bright or covered by glare, no lesion has a value. No calibration of the
//! picture is used, whichever is in force: lengths are pixels and per cent of the field, or millimetres next
//! to a tool that the operator confirmed.
//!
//! Whether the camera is inside a body is told by colour alone: how many of the lit pixels are as red as
//! tissue, voted over some frames. It is no classifier that learned: red scenes outside pass for inside, and
//! stained or specially lit tissue may pass for outside.

mod config;
mod coverage;
mod lesion;
mod tool;
mod vote;
mod withdrawal;

pub use config::{BodyConfig, EndoscopyConfig, PictureConfig, SizeConfig, ToolConfig, WithdrawalConfig};
pub use lesion::size_class;

use self::coverage::visible_area;
use self::lesion::Reference;
use self::tool::Tip;
use self::vote::Vote;
use self::withdrawal::Withdrawal;
use super::procedure::{Event, Input, Procedure};
use super::sheet::{Sheet, Value, doubt_of};
use crate::picture::{PictureAnalysis, PictureLevels, Quality};
use crate::result::{ClassResult, Mark, Reason};
use crate::series::{Series, ns_from_s};
use crate::units::{Mm, Unit};

/// The structures under which values stand that belong to no class.
const PICTURE: &str = "picture";
const EXAMINATION: &str = "examination";

/// Most samples of a tip's way that are kept, whatever the frame rate.
const MOST_SAMPLES: usize = 4096;

/// Dark pictures in a row that do not vote on whether the camera is inside, in numbers of voting frames.
const DARK_VOTES: u32 = 2;

/// Widest tool that there is, mm.
const WIDEST_TOOL_MM: f64 = 50.0;

/// A tool's class over time.
struct Tool {
    class: String,
    presence: Vote,
    /// The tip's place, in widths of the field from its centre.
    x: Series,
    y: Series,
}

impl Tool {
    fn new(class: &str, config: &ToolConfig) -> Self {
        let series = || Series::new(ns_from_s(config.speed_window_s), MOST_SAMPLES);
        Self {
            class: class.to_owned(),
            presence: Vote::new(config.frames, config.present, config.absent),
            x: series(),
            y: series(),
        }
    }

    fn forget_way(&mut self) {
        self.x.clear();
        self.y.clear();
    }
}

/// A tool that the operator confirmed.
struct Confirmed {
    class: String,
    width: Mm,
    at_ns: u64,
}

/// The protocol at work.
pub(super) struct Endoscopy {
    config: EndoscopyConfig,
    analysis: PictureAnalysis,
    /// Whether pictures were seen: quality is known.
    has_picture: bool,
    outside: Vote,
    /// Dark pictures, one after the other until now.
    dark_frames: u32,
    tools: Vec<Tool>,
    confirmed: Option<Confirmed>,
    withdrawal: Withdrawal,
    last_ns: Option<u64>,
}

fn byte(fraction: f64) -> u8 {
    // The cast saturates.
    (fraction * 255.0).round() as u8
}

impl Endoscopy {
    pub(super) fn new(config: &EndoscopyConfig) -> Self {
        let levels = PictureLevels {
            black_luma: byte(config.picture.black),
            glare_luma: byte(config.picture.glare),
            ..PictureLevels::default()
        };
        Self {
            config: config.clone(),
            analysis: PictureAnalysis::new(levels),
            has_picture: false,
            outside: Vote::new(config.body.frames, config.body.outside, config.body.inside),
            dark_frames: 0,
            tools: config.tools.iter().map(|class| Tool::new(class, &config.tool)).collect(),
            confirmed: None,
            withdrawal: Withdrawal::new(&config.withdrawal),
            last_ns: None,
        }
    }

    /// Whether a picture is good enough to measure in.
    fn is_clear(&self, quality: &Quality) -> bool {
        let limits = &self.config.picture;
        quality.sharpness >= limits.min_sharpness
            && quality.lit_fraction >= limits.min_lit
            && quality.dark_fraction <= limits.max_dark
            && quality.bright_fraction <= limits.max_bright
            && quality.specular_fraction <= limits.max_specular
    }

    /// Asks the picture whether it shows the inside of a body. A dark one does not tell, but for the very
    /// first, or where it stays dark: then there is no light, no signal, or a cover on the lens.
    fn ask_where(&mut self, now_ns: u64) {
        let (quality, body) = (self.analysis.quality(), &self.config.body);
        let is_dark = quality.lit_fraction < body.min_lit;
        self.dark_frames = if is_dark { self.dark_frames.saturating_add(1) } else { 0 };
        let is_open = is_dark && self.dark_frames <= DARK_VOTES * body.frames && !self.outside.is_empty();
        if !is_open {
            self.outside.push_eager(now_ns, is_dark || quality.red_fraction < body.min_red);
        }
    }

    /// Looks at the picture; once a frame, however often it comes.
    fn look(&mut self, input: &Input<'_>, now_ns: u64) {
        if self.last_ns == Some(now_ns) {
            return;
        }
        self.last_ns = Some(now_ns);
        if let Some(picture) = input.picture {
            self.has_picture = true;
            if self.analysis.look(picture, now_ns) {
                self.tools.iter_mut().for_each(Tool::forget_way);
            }
            if self.config.body.detect {
                self.ask_where(now_ns);
            }
        } else if let Some(g) = &input.result.geometry {
            self.has_picture = false;
            self.analysis.look_away(g.source_width as usize, g.source_height as usize);
        } else {
            self.has_picture = false;
        }
        let is_clear = self.has_picture && !self.outside.is_on() && self.is_clear(self.analysis.quality());
        self.withdrawal.frame(now_ns, is_clear, self.outside.since_ns());
    }

    fn write_picture(&self, sheet: &mut Sheet<'_>) {
        let quality = self.analysis.quality();
        let is_clear = !self.outside.is_on() && self.is_clear(quality);
        let picture = self.analysis.picture();
        let whole = (picture.width() * picture.height()).max(1) as f64;
        let truth = |is_so: bool| f64::from(u8::from(is_so));
        for (name, unit, method, value) in [
            ("sharpness", Unit::One, "rms-laplacian-over-mean-luma", quality.sharpness),
            ("dark_fraction", Unit::Percent, "luma-below-5-percent", 100.0 * quality.dark_fraction),
            ("bright_fraction", Unit::Percent, "luma-above-98-percent", 100.0 * quality.bright_fraction),
            ("specular_fraction", Unit::Percent, "pale-near-saturation", 100.0 * quality.specular_fraction),
            ("red_fraction", Unit::Percent, "as-red-as-tissue-of-lit", 100.0 * quality.red_fraction),
            (
                "field_fraction",
                Unit::Percent,
                self.analysis.field().shape().as_str(),
                100.0 * self.analysis.field().area_px() as f64 / whole,
            ),
            ("clear", Unit::One, "quality-within-limits", truth(is_clear)),
        ] {
            let number = Some((value, None));
            sheet.write(PICTURE, Value { name, unit, method, number, reason: None }, None);
        }
        if self.config.body.detect {
            let value = Value {
                name: "inside_body",
                unit: Unit::One,
                method: "redness-vote",
                number: Some((truth(!self.outside.is_on()), None)),
                reason: None,
            };
            sheet.write_series(EXAMINATION, value, None);
        }
    }

    /// Why no lesion can be measured in this picture.
    fn gate(&self) -> Option<Reason> {
        if self.outside.is_on() {
            return Some(Reason::OutOfBody);
        }
        (self.has_picture && !self.is_clear(self.analysis.quality())).then_some(Reason::PoorPicture)
    }

    /// Measures a tool in this frame and says where it ends.
    fn measure_tool(&mut self, index: usize, input: &Input<'_>, sheet: &mut Sheet<'_>) -> Option<Tip> {
        let tool = self.tools.get_mut(index)?;
        let class = input.class(&tool.class)?;
        sheet.refuse_scale(Reason::NotToScale);
        let outside = self.outside.is_on().then_some(Reason::OutOfBody);
        let analysis = &self.analysis;
        let (picture, field) = (analysis.picture(), analysis.field());
        let visible = analysis.quality().visible_px as f64;
        let area = 100.0 * visible_area(&class.contours, picture, field, analysis.glare()) / visible.max(1.0);
        let tip = Some(&class.contours)
            .filter(|_| outside.is_none())
            .and_then(|contours| Tip::of_most_elongated(contours, &sheet.plane, picture, field));

        // In widths of the field, of square pixels, from its centre.
        let place = tip.as_ref().filter(|_| field.width_px() > 0.0).map(|tip| {
            let (x, y) = picture.from_frame(sheet.plane.to_frame(tip.at));
            let (cx, cy) = field.center();
            ((x - cx) / field.width_px(), (y - cy) / (field.width_px() * sheet.plane.unit_per_px_x))
        });
        if input.is_new && outside.is_none() && class.withheld.is_none() {
            let at_ns = input.pts_ns();
            tool.presence
                .push(at_ns, !class.contours.is_empty() && area >= self.config.tool.min_area_percent);
            let moving = place.filter(|_| tip.as_ref().is_some_and(|t| t.shaft.is_some()));
            tool.x.push(at_ns, moving.map(|p| p.0), true);
            tool.y.push(at_ns, moving.map(|p| p.1), true);
        }
        write_tool(class, tip.as_ref(), place, (visible > 0.0).then_some(area), sheet, outside);
        tip
    }

    fn write_tools_over_time(&self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        let window_ns = ns_from_s(self.config.tool.speed_window_s);
        let outside = self.outside.is_on().then_some(Reason::OutOfBody);
        for tool in self.tools.iter().filter(|tool| input.class(&tool.class).is_some()) {
            let present = Value {
                name: "tool_present",
                unit: Unit::One,
                method: "k-of-n-results",
                number: outside.is_none().then(|| (f64::from(u8::from(tool.presence.is_on())), None)),
                reason: None,
            };
            sheet.write_series(&tool.class, present, outside);
            let slopes = tool.x.slope(window_ns).zip(tool.y.slope(window_ns));
            let number = slopes.filter(|_| outside.is_none()).map(|(x, y)| {
                let u = x.uncertainty.zip(y.uncertainty).map(|(x, y)| x.hypot(y));
                (x.per_s.hypot(y.per_s), u)
            });
            let value = Value {
                name: "tip_speed",
                unit: Unit::FieldPerSecond,
                method: "least-squares-slope",
                number,
                reason: number.is_none().then_some(outside.unwrap_or(Reason::TooFewSamples)),
            };
            sheet.write_series(&tool.class, value, None);
        }
    }

    fn write_times(&self, now_ns: u64, sheet: &mut Sheet<'_>) {
        let times = self.withdrawal.times(now_ns);
        let reason = times.is_none_or(|t| !t.is_ended).then_some(Reason::EventMissing);
        let clear = times.filter(|_| self.has_picture);
        for (name, unit, method, value) in [
            ("withdrawal_time", Unit::Second, "start-to-end", times.map(|t| t.withdrawal_s)),
            ("inspection_time", Unit::Second, "without-interventions", times.map(|t| t.inspection_s)),
            (
                "effective_withdrawal_time",
                Unit::Second,
                "clear-frames-of-inspection",
                clear.map(|t| t.effective_s),
            ),
            (
                "clear_time_fraction",
                Unit::Percent,
                "effective-over-inspection",
                clear.filter(|t| t.inspection_s > 0.0).map(|t| 100.0 * t.effective_s / t.inspection_s),
            ),
        ] {
            let number = value.map(|v| (v, None));
            sheet.write_series(EXAMINATION, Value { name, unit, method, number, reason }, None);
        }
    }
}

fn write_tool(
    class: &ClassResult,
    tip: Option<&Tip>,
    place: Option<(f64, f64)>,
    area_percent: Option<f64>,
    sheet: &mut Sheet<'_>,
    outside: Option<Reason>,
) {
    let doubt = outside.or_else(|| doubt_of(class)).filter(|&reason| reason != Reason::Truncated);
    let name = &class.class.name;
    let is_found = !class.contours.is_empty() && outside.is_none();
    // A tool that does not come in from the border has no end to tell from its beginning, and one as broad as
    // long has one that tells little.
    let no_shaft = (is_found && tip.is_none_or(|t| t.shaft.is_none())).then_some(Reason::ShapeMismatch);
    let area = Value {
        name: "area_fraction",
        unit: Unit::Percent,
        method: "of-visible-field-without-glare",
        number: area_percent.filter(|_| is_found).map(|v| (v, None)),
        reason: None,
    };
    sheet.write(name, area, doubt);
    let at = tip.map(|t| sheet.plane.to_frame(t.at));
    for (value_name, unit, number) in [
        ("tip_x", Unit::One, place.map(|p| p.0)),
        ("tip_y", Unit::One, place.map(|p| p.1)),
        ("tip_x_px", Unit::Px, at.map(|p| p.x_px)),
        ("tip_y_px", Unit::Px, at.map(|p| p.y_px)),
    ] {
        let number = number.map(|v| (v, None));
        let value =
            Value { name: value_name, unit, method: "end-furthest-from-entry", number, reason: no_shaft };
        sheet.write(name, value, doubt);
    }
    let shaft = tip.and_then(|t| t.shaft.as_ref());
    let number = shaft.map(|s| (s.width, Some(sheet.length_uncertainty(s.width, 2.0).hypot(s.spread))));
    let value = Value {
        name: "shaft_width",
        unit: sheet.plane.length,
        method: "median-perpendicular-to-shaft",
        number,
        reason: no_shaft,
    };
    sheet.write(name, value, doubt);
    if let Some(at) = at {
        sheet.mark(Mark::Point { at, name: "tip_x" });
    }
    if let Some(&(a, b)) = shaft.and_then(|s| s.cuts.get(s.cuts.len() / 2)) {
        let (from, to) = (sheet.plane.to_frame(a), sheet.plane.to_frame(b));
        sheet.mark(Mark::Caliper { from, to, name: "shaft_width" });
    }
}

impl Procedure for Endoscopy {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        // The picture may be younger than the masks that stand on it.
        let now_ns = input.pts_ns().saturating_add(input.result.age_ns);
        self.look(input, now_ns);
        if self.has_picture {
            self.write_picture(sheet);
        }
        let held_ns = ns_from_s(self.config.size.confirmation_s);
        let is_held = |c: &Confirmed| c.at_ns <= now_ns && now_ns - c.at_ns <= held_ns;
        if self.confirmed.as_ref().is_some_and(|c| now_ns > c.at_ns && !is_held(c)) {
            self.confirmed = None;
        }
        let mut shaft = None;
        for index in 0..self.tools.len() {
            let tip = self.measure_tool(index, input, sheet);
            let is_reference = self
                .tools
                .get(index)
                .zip(self.confirmed.as_ref())
                .is_some_and(|(tool, c)| tool.class == c.class && is_held(c));
            if is_reference {
                shaft = tip.and_then(|t| t.shaft);
            }
        }
        let gate = self.gate();
        let reference =
            self.confirmed.as_ref().zip(shaft.as_ref()).map(|(c, shaft)| Reference { width: c.width, shaft });
        for class in self.config.lesions.iter().filter_map(|name| input.class(name)) {
            let central = self.config.size.central_fraction;
            lesion::measure(class, sheet, &self.analysis, reference.as_ref(), central, gate);
        }
        self.write_tools_over_time(input, sheet);
        self.write_times(now_ns, sheet);
    }

    fn reset(&mut self) {
        *self = Self::new(&self.config);
    }

    fn needs_picture(&self) -> bool {
        true
    }

    fn event(&mut self, event: &Event, pts_ns: u64) {
        match event {
            Event::Mark(name) => self.withdrawal.mark(name, pts_ns),
            Event::ConfirmTool { width_mm, class } => {
                let is_width = *width_mm > 0.0 && *width_mm <= WIDEST_TOOL_MM;
                let is_tool = self.config.tools.contains(class);
                self.confirmed = (is_width && is_tool).then(|| Confirmed {
                    class: class.clone(),
                    width: Mm(*width_mm),
                    at_ns: pts_ns,
                });
            }
            Event::Withdraw => self.confirmed = None,
        }
    }
}
