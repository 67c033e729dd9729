//! Field, lesion and tool in pixels.

use super::{EndoscopeField, EndoscopeScene};

/// The visible field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    kind: EndoscopeField,
    pub(super) center_px: [f64; 2],
    /// Radius of the circle, or distance of the octagon's sides from its middle.
    pub(super) radius_px: f64,
}

impl Field {
    pub(super) fn new(scene: &EndoscopeScene) -> Self {
        let size = [scene.width_px, scene.height_px].map(f64::from);
        Self {
            kind: scene.field,
            center_px: size.map(|side| 0.5 * (side - 1.0)),
            radius_px: 0.5 * scene.field_share * size[0].min(size[1]),
        }
    }

    pub(super) fn contains(&self, x_px: f64, y_px: f64) -> bool {
        let (x, y) = ((x_px - self.center_px[0]).abs(), (y_px - self.center_px[1]).abs());
        let r = self.radius_px;
        match self.kind {
            EndoscopeField::Circle => x * x + y * y <= r * r,
            EndoscopeField::Octagon => x <= r && y <= r && x + y <= std::f64::consts::SQRT_2 * r,
        }
    }

    /// Area in pixels, as if the picture did not cut it: `π r²`, or `8 (√2 − 1) r²`.
    pub(super) fn area_px(&self) -> f64 {
        let square = self.radius_px * self.radius_px;
        match self.kind {
            EndoscopeField::Circle => std::f64::consts::PI * square,
            EndoscopeField::Octagon => 8.0 * (std::f64::consts::SQRT_2 - 1.0) * square,
        }
    }

    /// Corners of the octagon; of a circle none.
    pub(super) fn corners_px(&self) -> Vec<[f64; 2]> {
        if self.kind == EndoscopeField::Circle {
            return Vec::new();
        }
        let (long, short) = (self.radius_px, (std::f64::consts::SQRT_2 - 1.0) * self.radius_px);
        [
            [short, -long],
            [long, -short],
            [long, short],
            [short, long],
            [-short, long],
            [-long, short],
            [-long, -short],
            [-short, -long],
        ]
        .into_iter()
        .map(|[x, y]| [self.center_px[0] + x, self.center_px[1] + y])
        .collect()
    }

    /// Where a ray from the middle crosses the border.
    pub(super) fn border_px(&self, direction: [f64; 2]) -> [f64; 2] {
        let [dx, dy] = direction;
        let reach = match self.kind {
            EndoscopeField::Circle => self.radius_px,
            EndoscopeField::Octagon => {
                let (x, y) = (dx.abs(), dy.abs());
                self.radius_px / x.max(y).max((x + y) * std::f64::consts::FRAC_1_SQRT_2)
            }
        };
        [self.center_px[0] + reach * dx, self.center_px[1] + reach * dy]
    }
}

/// The lesion's ellipse.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lesion {
    pub(super) center_px: [f64; 2],
    pub(super) semi_long_px: f64,
    pub(super) semi_short_px: f64,
    /// Unit vector of the long axis.
    pub(super) axis: [f64; 2],
}

impl Lesion {
    /// Coordinates in semi-axes: the outline is the unit circle.
    pub(super) fn local(&self, x_px: f64, y_px: f64) -> [f64; 2] {
        let (x, y) = (x_px - self.center_px[0], y_px - self.center_px[1]);
        let [ax, ay] = self.axis;
        [(x * ax + y * ay) / self.semi_long_px, (y * ax - x * ay) / self.semi_short_px]
    }

    pub(super) fn contains(&self, x_px: f64, y_px: f64) -> bool {
        let [u, v] = self.local(x_px, y_px);
        u * u + v * v <= 1.0
    }

    pub(super) fn outline(&self) -> Vec<[f64; 2]> {
        (0..720)
            .map(|k| {
                let (sin, cos) = libm::sincos(std::f64::consts::TAU * f64::from(k) / 720.0);
                let (u, v) = (self.semi_long_px * cos, self.semi_short_px * sin);
                let [ax, ay] = self.axis;
                [self.center_px[0] + u * ax - v * ay, self.center_px[1] + u * ay + v * ax]
            })
            .collect()
    }

    /// The point of the outline toward another point.
    pub(super) fn edge_toward(&self, point_px: [f64; 2]) -> [f64; 2] {
        let [u, v] = self.local(point_px[0], point_px[1]);
        let level = (u * u + v * v).sqrt().max(1e-9);
        std::array::from_fn(|i| self.center_px[i] + (point_px[i] - self.center_px[i]) / level)
    }
}

/// The tool's shaft: all within half its width of its axis, from the tip back beyond the border.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shaft {
    pub(super) tip_px: [f64; 2],
    /// Where the axis crosses the field's border.
    pub(super) entry_px: [f64; 2],
    /// Unit vector from the border to the tip.
    pub(super) direction: [f64; 2],
    pub(super) half_width_px: f64,
}

impl Shaft {
    /// Distance from the tip back along the axis, and across it.
    pub(super) fn local(&self, x_px: f64, y_px: f64) -> [f64; 2] {
        let (x, y) = (x_px - self.tip_px[0], y_px - self.tip_px[1]);
        let [dx, dy] = self.direction;
        [-(x * dx + y * dy), y * dx - x * dy]
    }

    pub(super) fn contains(&self, x_px: f64, y_px: f64) -> bool {
        let [back, across] = self.local(x_px, y_px);
        back >= 0.0 && across.abs() <= self.half_width_px
    }

    pub(super) fn length_px(&self) -> f64 {
        self.local(self.entry_px[0], self.entry_px[1])[0]
    }

    /// The rectangle from the border to the tip.
    pub(super) fn outline(&self) -> Vec<[f64; 2]> {
        const POINTS: u32 = 200;
        let [dx, dy] = self.direction;
        let length = self.length_px();
        let point = |back: f64, across: f64| {
            [self.tip_px[0] - back * dx - across * dy, self.tip_px[1] - back * dy + across * dx]
        };
        let w = self.half_width_px;
        let along = move |k: u32| length * f64::from(k) / f64::from(POINTS);
        (0..=POINTS)
            .rev()
            .map(|k| point(along(k), w))
            .chain((1..20).map(|k| point(0.0, w * (1.0 - f64::from(k) / 10.0))))
            .chain((0..=POINTS).map(|k| point(along(k), -w)))
            .collect()
    }
}
