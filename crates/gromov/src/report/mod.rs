//! One self-contained HTML page: moving clouds, curves, tables and matchings, offline.
//!
//! The page is a pure picture of plain data: this module knows no solver. Curves are inline SVG, made
//! here; clouds are drawn on canvases by a small script of this crate. The page asks the network for
//! nothing, and its content security policy forbids it.
//!
//! Clouds of dimension 1 are drawn as ticks on a line, of dimension 2 in the plane, of dimension 3
//! turning under the mouse. For d > 3 the caller projects first (and says how in the text).
//!
//! To stay below about a megabyte [`Page::render`] keeps at most [`KEY_FRAMES`] frames of a player and
//! about [`COORDINATES`] coordinates of a page. Whatever is left out is counted in a note on the page.
//!
//! ```
//! use gromov::report::{Frames, Page, Player, Section};
//! let frames = Frames { times: vec![0.0, 1.0], points: vec![0.0, 1.0, 2.0, 5.0], captions: vec![] };
//! let player = Player { label: "two points on a line".into(), dim: 1, frames, ..Default::default() };
//! let section = Section { title: "Motion".into(), players: vec![player], ..Default::default() };
//! let page = Page { title: "A page".into(), sections: vec![section], ..Default::default() };
//! let html = page.render()?;
//! assert!(html.starts_with("<!doctype html>") && html.len() < 40_000);
//! # Ok::<(), gromov::Error>(())
//! ```

mod axis;
pub mod barycenter;
mod chart;
mod check;
pub mod distance;
pub mod flow;
pub mod geodesic;
mod html;
mod pack;
#[cfg(test)]
mod tests;
mod view;

use crate::error::Result;

/// Most key frames kept of a player; between them the page interpolates linearly in time.
pub const KEY_FRAMES: usize = 21;

/// Coordinates of all players of a page, above which every player shows fewer points (16 bits each).
pub const COORDINATES: usize = 320_000;

/// Most lines of a matching that are drawn; above, a seeded sample of them.
pub const LINES: usize = 3_000;

/// Points of each cloud of a matching, above which only some are drawn.
pub const MATCHING_POINTS: usize = 4_000;

/// Most rows of a table that are shown.
pub const ROWS: usize = 500;

/// A whole page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Heading and window title.
    pub title: String,
    /// Paragraphs below the heading.
    pub lead: Vec<String>,
    /// The sections, from top to bottom.
    pub sections: Vec<Section>,
    /// Small print at the bottom: version, options, seed. Not the time of day: equal input gives equal
    /// bytes.
    pub foot: Vec<String>,
}

/// One part of a page. Empty parts are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Paragraphs below the heading.
    pub text: Vec<String>,
    /// Moving clouds side by side, of one dimension; they share the time slider, the scale and the
    /// camera.
    pub players: Vec<Player>,
    /// What the slider measures; empty means t.
    pub time_label: String,
    /// Time shown when the page opens; `None` means the first frame.
    pub start: Option<f64>,
    /// Paragraphs below the moving clouds: what was measured.
    pub below: Vec<String>,
    /// Curves, two in a row.
    pub charts: Vec<Chart>,
    /// A picture of a transport plan.
    pub matching: Option<Matching>,
    /// A table.
    pub table: Option<Table>,
    /// Small print of this section.
    pub notes: Vec<String>,
}

/// A moving cloud.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Player {
    /// Name of the picture.
    pub label: String,
    /// Colour number of the curves that belong to this picture; it marks the name.
    pub color: Option<usize>,
    /// Dimension d: 1, 2 or 3.
    pub dim: usize,
    /// The frames.
    pub frames: Frames,
    /// Weights (n); empty means equal. The area of a dot is proportional to its weight.
    pub weights: Vec<f64>,
    /// A cloud that does not move, drawn faintly behind.
    pub backdrop: Option<Cloud>,
    /// A second frame of reference that the reader can switch to.
    pub frame_switch: Option<FrameSwitch>,
}

/// Key frames of a moving cloud.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frames {
    /// Times (k), not decreasing.
    pub times: Vec<f64>,
    /// Points, row-major (k, n, d).
    pub points: Vec<f64>,
    /// A line of text for each frame ("t = 0.40, F = 0.012"), or empty.
    pub captions: Vec<String>,
}

/// A cloud that does not move; its dimension is that of the picture it is in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cloud {
    /// Points, row-major (n, d).
    pub points: Vec<f64>,
    /// Weights (n); empty means equal.
    pub weights: Vec<f64>,
}

/// A rotation or reflection that the reader switches on and off.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrameSwitch {
    /// What the page calls it, for example "seen in the target's frame".
    pub label: String,
    /// R, row-major (d, d). When on, points and backdrop are shown at R x.
    pub rotation: Vec<f64>,
    /// Whether it is on when the page opens.
    pub on: bool,
}

/// A chart with one or more curves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// Title.
    pub title: String,
    /// Name of the horizontal axis.
    pub x_label: String,
    /// Name of the vertical axis.
    pub y_label: String,
    /// Logarithmic horizontal axis.
    pub log_x: bool,
    /// Logarithmic vertical axis.
    pub log_y: bool,
    /// True when the horizontal axis is the time of the section's players: a marker follows the
    /// slider.
    pub follows_time: bool,
    /// The curves.
    pub series: Vec<Series>,
}

/// One curve. Points that are not finite (or not positive on a logarithmic axis) are left out, the
/// curve is interrupted there, and the page says how many.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Name in the legend; a curve without one is left out of it.
    pub name: String,
    /// Points (x, y), joined in this order.
    pub points: Vec<(f64, f64)>,
    /// Dashed line.
    pub dashed: bool,
    /// Colour number: 0 blue, 1 orange, 2 green, 3 purple, 4 ochre, 5 grey, then again from 0.
    pub color: usize,
}

/// A table; a column whose cells all read as numbers is set to the right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Column heads.
    pub head: Vec<String>,
    /// Rows, each as long as `head`.
    pub rows: Vec<Vec<String>>,
}

/// Two clouds and the lines of a plan between them. The caller places y beside or over x.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matching {
    /// Title of the picture.
    pub label: String,
    /// Dimension d of both clouds: 1, 2 or 3.
    pub dim: usize,
    /// First cloud; its points are coloured by where they are.
    pub x: Cloud,
    /// Second cloud; its points take the colour of the point of x that sends them most mass.
    pub y: Cloud,
    /// Name of x.
    pub x_label: String,
    /// Name of y.
    pub y_label: String,
    /// (i, j, mass) of each line. Above [`LINES`] a seeded sample is drawn, and the page says so.
    pub lines: Vec<(usize, usize, f64)>,
    /// Seed of that sample.
    pub seed: u64,
}

impl Page {
    /// The HTML of the page. Equal input gives equal bytes. O(size of the data).
    ///
    /// All text is escaped; control characters and marks that override the direction of writing are
    /// shown as U+FFFD. Errors: array sizes that do not fit together, an entry that is not finite, a
    /// dimension other than 1, 2, 3, times that decrease.
    pub fn render(&self) -> Result<String> {
        for (s, section) in self.sections.iter().enumerate() {
            check::section(section, s)?;
        }
        html::page(self)
    }
}

/// A number with `digits` significant digits, for tables and pages: fixed point for everyday sizes.
///
/// ```
/// use gromov::report::number;
/// assert_eq!((number(1.680675, 4), number(2.5e-7, 2)), ("1.681".into(), "2.5e-7".into()));
/// ```
pub fn number(x: f64, digits: usize) -> String {
    if !x.is_finite() {
        return "out of range".into();
    }
    let size = if x == 0.0 { 0 } else { x.abs().log10().floor() as i32 };
    if (-4..6).contains(&size) {
        let decimals = digits as i32 - 1 - size;
        return format!("{x:.*}", usize::try_from(decimals).unwrap_or(0));
    }
    format!("{x:.*e}", digits - 1)
}
