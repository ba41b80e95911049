//! Clouds and numbers that several examples share.
#![allow(dead_code)]

use gromov::measure::sample;
use gromov::report::flow::Curves;
use gromov::report::{Chart, Page, Series};
use gromov::{Error, Measure, Result, Trajectory};

/// A cell with arms all around and one with a fork, by their numbers in the table of outlines.
pub const STAR: usize = 354;
/// The fork.
pub const FORK: usize = 373;

/// Centred, of rms radius 1: what an energy with a length of its own needs to be the same task for every cloud.
pub fn unit(cloud: &Measure) -> Result<Measure> {
    let centred = cloud.centred();
    let radius = centred.rms_radius();
    centred.with_points(centred.points().iter().map(|x| x / radius).collect())
}

/// n points of the silhouette of the horse, of rms radius 1.
pub fn horse(n: usize, seed: u64) -> Result<Measure> {
    unit(&sample::horse(n, seed)?)
}

/// n of the pixels inside the outline of a cell, stratified, of rms radius 1.
pub fn cell(number: usize, n: usize, seed: u64) -> Result<Measure> {
    unit(&sample::subsample(&cell_pixels(number)?, n, seed)?)
}

/// The pixels inside the outline of a cell.
pub fn cell_pixels(number: usize) -> Result<Measure> {
    let table = numbers(include_str!("../../assets/cells.csv"), 3)?;
    let outline: Vec<(f64, f64)> =
        table.chunks_exact(3).filter(|r| r[0] == number as f64).map(|r| (r[1], r[2])).collect();
    Measure::uniform(filled(&outline), 2)
}

/// n vertices of the bunny, stratified, z up, of rms radius 1.
pub fn bunny(n: usize, seed: u64) -> Result<Measure> {
    unit(&sample::subsample(&sample::bunny()?, n, seed)?)
}

/// n vertices of the cow Spot, stratified, z up, of rms radius 1.
pub fn spot(n: usize, seed: u64) -> Result<Measure> {
    let table = numbers(include_str!("../../assets/spot.csv"), 3)?;
    // the file has y up
    let points = table.chunks_exact(3).flat_map(|p| [p[0], -p[2], p[1]]).collect();
    unit(&sample::subsample(&Measure::uniform(points, 3)?, n, seed)?)
}

/// Centres of the pixels inside a closed polygon: between each odd crossing of a row and the next even one.
fn filled(outline: &[(f64, f64)]) -> Vec<f64> {
    let ends = |pick: fn(f64, f64) -> f64, start: f64| outline.iter().map(|p| p.1).fold(start, pick);
    let (low, high) = (ends(f64::min, f64::INFINITY).floor(), ends(f64::max, f64::NEG_INFINITY).ceil());
    let edges = || outline.iter().zip(outline.iter().cycle().skip(1));
    let mut points = Vec::new();
    let mut y = low + 0.5;
    while y < high {
        let crossing = |((a, b), (c, d)): (&(f64, f64), &(f64, f64))| {
            ((*b < y) != (*d < y)).then(|| a + (y - b) / (d - b) * (c - a))
        };
        let mut crossings: Vec<f64> = edges().filter_map(crossing).collect();
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let mut x = (pair[0] - 0.5).ceil() + 0.5;
            while x < pair[1] {
                points.extend([x, y]);
                x += 1.0;
            }
        }
        y += 1.0;
    }
    points
}

/// The numbers of a table of `columns` columns below a row of names.
fn numbers(table: &str, columns: usize) -> Result<Vec<f64>> {
    let broken = |row: usize| Error::User(format!("row {row} of a table of the examples is damaged"));
    let mut out = Vec::new();
    for (row, line) in table.lines().enumerate().skip(1) {
        let before = out.len();
        for x in line.split(',') {
            out.push(x.parse().map_err(|_| broken(row + 1))?);
        }
        if out.len() != before + columns {
            return Err(broken(row + 1));
        }
    }
    Ok(out)
}

/// The cloud turned by `degrees` in the plane of its first two axes.
pub fn turned(cloud: &Measure, degrees: f64) -> Result<Measure> {
    let d = cloud.dim();
    cloud.linear_image(&turn(degrees, d), d)
}

/// Rotation by `degrees` in the plane of the first two axes, (d, d).
pub fn turn(degrees: f64, d: usize) -> Vec<f64> {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let mut r: Vec<f64> = (0..d * d).map(|k| if k % (d + 1) == 0 { 1.0 } else { 0.0 }).collect();
    (r[0], r[1], r[d], r[d + 1]) = (cosine, -sine, sine, cosine);
    r
}

/// Root mean square distance between points of the same label, equal weights; a length.
pub fn rms(a: &[f64], b: &[f64], d: usize) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (squares * d as f64 / a.len() as f64).sqrt()
}

/// The slope of log y against log x, by least squares.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|p| (p.0.ln(), p.1.ln())).collect();
    let mean = |f: fn(&(f64, f64)) -> f64| logs.iter().map(f).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
        / logs.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}

/// Largest over smallest eigenvalue of Σ at each frame.
pub fn conditions(run: &Trajectory, curves: &Curves) -> Vec<f64> {
    curves.spectrum.chunks_exact(run.d).map(|l| l[0] / l[run.d - 1]).collect()
}

/// A curve for a chart.
pub fn series(name: &str, color: usize, points: Vec<(f64, f64)>) -> Series {
    Series { name: name.into(), points, dashed: false, color }
}

/// A straight dashed line of slope 1 on logarithmic axes, through a point, from x to x.
pub fn first_order(through: (f64, f64), from: f64, to: f64) -> Series {
    let line = [from, to].map(|x| (x, through.1 * x / through.0));
    Series { name: "slope 1".into(), points: line.to_vec(), dashed: true, color: 5 }
}

/// A chart with logarithmic axes.
pub fn log_log(title: &str, x: &str, y: &str, series: Vec<Series>) -> Chart {
    Chart {
        title: title.into(),
        x_label: x.into(),
        y_label: y.into(),
        log_x: true,
        log_y: true,
        series,
        ..Chart::default()
    }
}

/// Writes a page into the current folder and says so.
pub fn write(page: &Page, file: &str) -> Result<()> {
    std::fs::write(file, page.render()?).map_err(|e| Error::User(format!("{file}: {e}")))?;
    println!("wrote {file}");
    Ok(())
}
