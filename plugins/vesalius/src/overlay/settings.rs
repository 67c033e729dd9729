//! What is drawn and how, as properties.

use gst::glib;
use gst::prelude::*;
use vesalius_draw::{Corner, KeepClear, NoKeepClear, Style};

/// The corner of the list of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "VesaliusValueCorner")]
#[repr(i32)]
pub enum ValueCorner {
    /// Top left.
    #[enum_value(name = "Top left", nick = "top-left")]
    TopLeft = 0,
    /// Top right.
    #[enum_value(name = "Top right", nick = "top-right")]
    TopRight = 1,
    /// Bottom left.
    #[default]
    #[enum_value(name = "Bottom left", nick = "bottom-left")]
    BottomLeft = 2,
    /// Bottom right.
    #[enum_value(name = "Bottom right", nick = "bottom-right")]
    BottomRight = 3,
}

impl From<ValueCorner> for Corner {
    fn from(corner: ValueCorner) -> Self {
        match corner {
            ValueCorner::TopLeft => Self::TopLeft,
            ValueCorner::TopRight => Self::TopRight,
            ValueCorner::BottomLeft => Self::BottomLeft,
            ValueCorner::BottomRight => Self::BottomRight,
        }
    }
}

impl From<Corner> for ValueCorner {
    fn from(corner: Corner) -> Self {
        match corner {
            Corner::TopLeft => Self::TopLeft,
            Corner::TopRight => Self::TopRight,
            Corner::BottomLeft => Self::BottomLeft,
            Corner::BottomRight => Self::BottomRight,
        }
    }
}

pub(super) fn properties() -> Vec<glib::ParamSpec> {
    let style = Style::default();
    let switch = |name: &str, blurb: &str, default: bool| {
        glib::ParamSpecBoolean::builder(name).blurb(blurb).default_value(default).mutable_playing().build()
    };
    let number = |name: &str, blurb: &str, default: f64, range: std::ops::RangeInclusive<f64>| {
        glib::ParamSpecDouble::builder(name)
            .blurb(blurb)
            .minimum(*range.start())
            .maximum(*range.end())
            .default_value(default)
            .mutable_playing()
            .build()
    };
    vec![
        switch("show-contour", "Draw the outlines of the classes", style.show_contour),
        switch("show-ellipse", "Draw the fitted ellipse", style.show_ellipse),
        switch("show-calipers", "Draw the calipers of the measured distances", style.show_calipers),
        switch("show-values", "Draw the list of values", style.show_values),
        switch("show-status", "Draw the status line", style.show_status),
        number("line-width", "Factor on the width of lines", style.line_width, 0.25..=8.0),
        number("text-scale", "Factor on the size of text", style.text_scale, 0.5..=4.0),
        number(
            "fill-opacity",
            "Opacity of the filled mask, 0 for outlines alone",
            style.fill_opacity,
            0.0..=0.3,
        ),
        glib::ParamSpecEnum::builder_with_default("value-corner", ValueCorner::from(style.value_corner))
            .nick("Corner of the values")
            .blurb("Where the list of values stands; status and notice stand across from it")
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("keep-clear")
            .nick("Keep clear")
            .blurb(
                "Parts of the picture on which nothing is drawn: LEFT,TOP,WIDTH,HEIGHT in parts of the picture, 0 to 1, several with \
                 semicolons between them",
            )
            .default_value(Some(""))
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("notice")
            .blurb("Text that is always shown; an integrator may empty it on their own responsibility")
            .default_value(Some(style.notice.as_str()))
            .mutable_playing()
            .build(),
    ]
}

/// Sets one of them.
///
/// # Errors
///
/// The text names no rectangles; those of before stay.
pub(super) fn set(style: &mut Style, name: &str, value: &glib::Value) -> Result<(), NoKeepClear> {
    let switch = || value.get::<bool>().unwrap_or(true);
    let number = || value.get::<f64>().unwrap_or(1.0);
    let text = || value.get::<Option<String>>().ok().flatten().unwrap_or_default();
    match name {
        "show-contour" => style.show_contour = switch(),
        "show-ellipse" => style.show_ellipse = switch(),
        "show-calipers" => style.show_calipers = switch(),
        "show-values" => style.show_values = switch(),
        "show-status" => style.show_status = switch(),
        "line-width" => style.line_width = number(),
        "text-scale" => style.text_scale = number(),
        "fill-opacity" => style.fill_opacity = number(),
        "value-corner" => style.value_corner = value.get::<ValueCorner>().unwrap_or_default().into(),
        "keep-clear" => {
            let parts = text();
            let parts = parts.split(';').filter(|part| !part.trim().is_empty());
            style.keep_clear = parts.map(str::parse).collect::<Result<Vec<KeepClear>, _>>()?;
        }
        "notice" => style.notice = text(),
        _ => {}
    }
    Ok(())
}

/// One of them; `None` for a name that is none.
pub(super) fn get(style: &Style, name: &str) -> Option<glib::Value> {
    Some(match name {
        "show-contour" => style.show_contour.to_value(),
        "show-ellipse" => style.show_ellipse.to_value(),
        "show-calipers" => style.show_calipers.to_value(),
        "show-values" => style.show_values.to_value(),
        "show-status" => style.show_status.to_value(),
        "line-width" => style.line_width.to_value(),
        "text-scale" => style.text_scale.to_value(),
        "fill-opacity" => style.fill_opacity.to_value(),
        "value-corner" => ValueCorner::from(style.value_corner).to_value(),
        "keep-clear" => {
            style.keep_clear.iter().map(KeepClear::to_string).collect::<Vec<_>>().join(";").to_value()
        }
        "notice" => style.notice.to_value(),
        _ => return None,
    })
}
