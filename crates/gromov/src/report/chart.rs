//! Curves as inline SVG, drawn by `plotters` in quarter pixels and coloured by the style sheet.
//!
//! The attributes hold the colours of the light theme, so that a copied SVG stands alone; the style
//! sheet selects on them for the dark one.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::html::{clean, escape};
use super::{Chart, Series};
use crate::error::{Error, Result};

/// Units per pixel: plotters works in whole units.
const Q: i32 = 4;
const WIDTH: i32 = 520;
const HEIGHT: i32 = 300;
const BOTTOM: i32 = 48;
const TOP: i32 = 30;
const RIGHT: i32 = 14;
const FONT: f64 = 13.0;
/// `plotters` writes the size it is given divided by this.
const FONT_FACTOR: f64 = 1.24;
/// Longest label of an axis.
const LABEL: usize = 60;
/// Points of a curve, above which each column of the picture keeps only its extremes.
const POINTS: usize = 600;

const GRID: RGBColor = RGBColor(0xE6, 0xE8, 0xEB);
const AXIS: RGBColor = RGBColor(0xA9, 0xAF, 0xB7);
const TEXT: RGBColor = RGBColor(0x55, 0x5C, 0x66);
/// Colours of the curves in the light theme; `style.css` has the same list.
pub(super) const COLORS: [RGBColor; 6] = [
    RGBColor(0x1F, 0x5F, 0xA8),
    RGBColor(0xC8, 0x55, 0x1B),
    RGBColor(0x2A, 0x7F, 0x62),
    RGBColor(0x7B, 0x4F, 0xA3),
    RGBColor(0x9A, 0x74, 0x12),
    RGBColor(0x6B, 0x72, 0x7B),
];

/// A chart as a `figure` element.
pub(super) fn figure(chart: &Chart) -> Result<String> {
    let values = |f: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        chart.series.iter().flat_map(|s| s.points.iter().map(f)).collect()
    };
    let x = Axis::new(&values(|p| p.0), chart.log_x, 5, false);
    let y = Axis::new(&values(|p| p.1), chart.log_y, 4, true);
    let mut skipped = 0;
    let curves: Vec<_> = chart.series.iter().map(|s| runs(s, &x, &y, &mut skipped)).collect();
    let svg = draw(chart, &curves, &x, &y).map_err(|e| Error::User(format!("chart: {e}")))?;
    let mut out = format!("<figure class=\"chart\"><h3>{}</h3>", escape(&chart.title, 300));
    out.push_str(&legend(&chart.series));
    out.push_str(&svg);
    if skipped > 0 {
        let why = if chart.log_x || chart.log_y { "not finite, or not positive" } else { "not finite" };
        let (points, are) = if skipped == 1 { ("point", "is") } else { ("points", "are") };
        out.push_str(&format!("<p class=\"small\">{skipped} {points} ({why}) {are} not drawn.</p>"));
    }
    out.push_str("</figure>\n");
    Ok(out)
}

fn legend(series: &[Series]) -> String {
    let mut out = String::from("<ul class=\"legend\">");
    for s in series.iter().filter(|s| !s.name.is_empty()) {
        let dash = if s.dashed { " dash" } else { "" };
        let class = format!("swatch c{}{dash}", s.color % COLORS.len());
        out.push_str(&format!("<li><i class=\"{class}\"></i>{}</li>", escape(&s.name, 200)));
    }
    out.push_str("</ul>\n");
    out
}

/// Stretches of drawable points, in axis positions.
fn runs(series: &Series, x: &Axis, y: &Axis, skipped: &mut usize) -> Vec<Vec<(f64, f64)>> {
    let mut out: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut open = false;
    for p in &series.points {
        match (x.place(p.0), y.place(p.1)) {
            (Some(px), Some(py)) if open => out.last_mut().into_iter().for_each(|r| r.push((px, py))),
            (Some(px), Some(py)) => {
                out.push(vec![(px, py)]);
                open = true;
            }
            _ => {
                *skipped += 1;
                open = false;
            }
        }
    }
    out.iter().map(|run| thinned(run)).collect()
}

/// A long curve with the same picture: blocks of points reduced to first, lowest, highest, last.
fn thinned(run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if run.len() <= POINTS {
        return run.to_vec();
    }
    let block = run.len().div_ceil(POINTS / 4);
    let mut out = Vec::with_capacity(POINTS + 4);
    for part in run.chunks(block) {
        let by = |pick: fn(&f64, &f64) -> bool| {
            (1..part.len()).fold(0, |best, i| if pick(&part[i].1, &part[best].1) { i } else { best })
        };
        let mut keep = [0, by(|a, b| a < b), by(|a, b| a > b), part.len() - 1];
        keep.sort_unstable();
        let mut last = None;
        for i in keep {
            if last.replace(i) != Some(i) {
                out.push(part[i]);
            }
        }
    }
    out
}

/// A curve's stroke; dashed ones get a colour one step off, which [`finish`] turns into dashes.
fn stroke(s: &Series) -> RGBColor {
    let RGBColor(r, g, b) = COLORS[s.color % COLORS.len()];
    RGBColor(r, g, b + u8::from(s.dashed))
}

fn text(size: f64) -> TextStyle<'static> {
    ("sans-serif", size * f64::from(Q) * FONT_FACTOR).into_font().color(&TEXT)
}

type Curves = [Vec<Vec<(f64, f64)>>];

fn draw(
    chart: &Chart,
    curves: &Curves,
    x: &Axis,
    y: &Axis,
) -> std::result::Result<String, Box<dyn std::error::Error>> {
    let widest = y.ticks.iter().map(|t| t.1.chars().count()).max().unwrap_or(1) as i32;
    let left = 14 + 8 * widest.max(2);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, ((WIDTH * Q) as u32, (HEIGHT * Q) as u32));
        let root = root.into_drawing_area();
        let mut plot = ChartBuilder::on(&root)
            .margin_top(TOP * Q)
            .margin_right(RIGHT * Q)
            .x_label_area_size(BOTTOM * Q)
            .y_label_area_size(left * Q)
            .build_cartesian_2d(x.clone(), y.clone())?;
        plot.configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(Q as u32))
            .axis_style(AXIS.stroke_width(Q as u32))
            .label_style(text(FONT))
            .set_all_tick_mark_size(4 * Q)
            .draw()?;
        for (s, curve) in chart.series.iter().zip(curves) {
            let style = stroke(s).stroke_width(2 * Q as u32);
            for run in curve {
                match run.as_slice() {
                    [one] => {
                        plot.draw_series([Circle::new(*one, 3 * Q, COLORS[s.color % COLORS.len()].filled())])?
                    }
                    _ => plot.draw_series([PathElement::new(run.clone(), style)])?,
                };
            }
        }
        let above = text(FONT).pos(Pos::new(HPos::Left, VPos::Top));
        root.draw(&Text::new(clean(&chart.y_label, LABEL), (2 * Q, 4 * Q), above))?;
        let below = text(FONT).pos(Pos::new(HPos::Center, VPos::Bottom));
        let middle = (left + WIDTH - RIGHT) / 2;
        root.draw(&Text::new(clean(&chart.x_label, LABEL), (middle * Q, (HEIGHT - 4) * Q), below))?;
        root.present()?;
    }
    Ok(finish(chart, &svg, left, x))
}

/// Our own opening tag (no size, no name space, a description, the geometry for the time marker).
fn finish(chart: &Chart, svg: &str, left: i32, x: &Axis) -> String {
    let named = chart.series.iter().filter(|s| !s.name.is_empty());
    let names: Vec<String> = named.map(|s| clean(&s.name, 100)).collect();
    let about = format!(
        "{}. Horizontal: {}. Vertical: {}. Curves: {}.",
        chart.title,
        chart.x_label,
        chart.y_label,
        names.join(", ")
    );
    let time = match chart.follows_time {
        true => format!(
            " data-time=\"{:e} {:e} {} {} {} {} {}\"",
            x.lo,
            x.hi,
            u8::from(x.log),
            left * Q,
            (WIDTH - RIGHT) * Q,
            TOP * Q,
            (HEIGHT - BOTTOM) * Q
        ),
        false => String::new(),
    };
    let open = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"{time}>",
        WIDTH * Q,
        HEIGHT * Q,
        escape(&about, 1000)
    );
    let mut body = svg.split_once('>').map(|(_, rest)| rest).unwrap_or_default().to_string();
    for s in chart.series.iter().filter(|s| s.dashed) {
        let hex = |c: RGBColor| format!("stroke=\"#{:02X}{:02X}{:02X}\"", c.0, c.1, c.2);
        let plain = hex(COLORS[s.color % COLORS.len()]);
        body = body.replace(&hex(stroke(s)), &format!("{plain} stroke-dasharray=\"{} {}\"", 6 * Q, 5 * Q));
    }
    open + &body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>, log_y: bool) -> Chart {
        let series = vec![Series { name: "F".into(), points, dashed: true, color: 1 }];
        Chart { title: "Energy".into(), log_y, series, ..Default::default() }
    }

    #[test]
    fn points_that_cannot_be_drawn_are_counted_and_break_the_curve() {
        let nan = f64::NAN;
        let c = chart(vec![(0.0, 1.0), (1.0, 2.0), (2.0, nan), (3.0, 1.0), (4.0, 0.5)], false);
        let html = figure(&c).unwrap();
        assert_eq!(html.matches("<polyline").count() - html.matches(AXIS_LINES).count(), 2, "{html}");
        assert!(html.contains("1 point (not finite) is not drawn"));
        let c = chart(vec![(0.0, 1.0), (1.0, 0.0), (2.0, -1.0), (3.0, f64::INFINITY)], true);
        let html = figure(&c).unwrap();
        assert!(html.contains("3 points (not finite, or not positive) are not drawn"));
        assert_eq!(html.matches("<circle").count(), 1);
    }

    /// How plotters writes axes (as polylines in the axis colour).
    const AXIS_LINES: &str = "<polyline fill=\"none\" opacity=\"1\" stroke=\"#A9AFB7\"";

    #[test]
    fn constant_empty_and_extreme_charts_are_drawn() {
        let cases = vec![
            vec![],
            vec![(0.0, 0.0)],
            vec![(1.0, 5.0); 4],
            vec![(0.0, f64::NAN)],
            vec![(0.0, 1e-320), (1.0, 1e299)],
            vec![(-1e308, -1e308), (1e308, 1e308)],
        ];
        for points in cases {
            for log_y in [false, true] {
                let html = figure(&chart(points.clone(), log_y)).unwrap();
                assert!(!html.contains("NaN") && !html.contains("inf") && !html.contains("214748"), "{html}");
            }
        }
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_extremes() {
        let mut points: Vec<(f64, f64)> = (0..50_000).map(|i| (i as f64, (i as f64 * 1e-3).sin())).collect();
        points[12_345].1 = 9.0;
        let short = thinned(&points);
        assert!(short.len() <= POINTS + 4);
        assert!(short.contains(&(12_345.0, 9.0)));
        assert_eq!((short[0], short[short.len() - 1]), (points[0], points[49_999]));
    }

    #[test]
    fn dashes_and_colours_are_attributes() {
        let html = figure(&chart(vec![(0.0, 1.0), (1.0, 2.0)], false)).unwrap();
        assert!(html.contains("stroke=\"#C8551B\" stroke-dasharray=\"24 20\""), "{html}");
    }

    #[test]
    fn the_style_sheet_has_the_colours_of_the_curves() {
        let css = include_str!("style.css");
        for c in COLORS.iter().chain([&GRID, &AXIS, &TEXT]) {
            assert!(css.contains(&format!("#{:02X}{:02X}{:02X}", c.0, c.1, c.2)), "{c:?}");
        }
    }
}
