//! The clouds of a page as JSON: key frames chosen, coordinates in 16 bits on a common box.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::html::clean;
use super::{COORDINATES, Cloud, KEY_FRAMES, LINES, MATCHING_POINTS, Matching, Page, Player, Section};
use crate::measure::sample::Source;

/// Largest value of a quantised coordinate.
pub(super) const STEPS: f64 = 65_535.0;

/// The common box of all clouds of one picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Frame {
    /// Dimension.
    pub dim: usize,
    /// Length of the longest edge (1 for a single point): lengths in the script are in this unit.
    pub unit: f64,
    /// Lower corner, in data units.
    pub lo: Vec<f64>,
    /// Edges, divided by `unit`.
    pub span: Vec<f64>,
}

impl Frame {
    /// The box of all points of some clouds, each row-major (n, dim).
    pub fn around<'a>(dim: usize, clouds: impl Iterator<Item = &'a [f64]>) -> Self {
        let (mut lo, mut hi) = (vec![f64::INFINITY; dim], vec![f64::NEG_INFINITY; dim]);
        for row in clouds.flat_map(|c| c.chunks_exact(dim)) {
            for k in 0..dim {
                lo[k] = lo[k].min(row[k]);
                hi[k] = hi[k].max(row[k]);
            }
        }
        // halves: hi - lo may leave the range of a double
        let half: Vec<f64> = (0..dim).map(|k| hi[k] / 2.0 - lo[k] / 2.0).collect();
        let longest = half.iter().fold(0.0, |m: f64, x| m.max(*x));
        let unit = if longest > 0.0 { (2.0 * longest).min(f64::MAX) } else { 1.0 };
        let span = half.iter().map(|h| h / (unit / 2.0)).collect();
        Frame { dim, unit, lo, span }
    }

    /// Coordinates as 16-bit steps of the box. The error is at most edge / 65,535.
    pub fn quantise(&self, points: &[f64]) -> Vec<u16> {
        let step = |(i, x): (usize, &f64)| {
            let k = i % self.dim;
            let edge = self.span[k] * (self.unit / 2.0);
            if edge > 0.0 { ((x / 2.0 - self.lo[k] / 2.0) / edge * STEPS).round() as u16 } else { 0 }
        };
        points.iter().enumerate().map(step).collect()
    }

    fn encode(&self, points: &[f64]) -> String {
        base64_words(&self.quantise(points))
    }
}

/// Little-endian 16-bit words in base64.
fn base64_words(words: &[u16]) -> String {
    STANDARD.encode(words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>())
}

/// Radii relative to the largest, root of the weight; empty for equal weights.
fn radii(weights: &[f64]) -> String {
    let largest = weights.iter().fold(0.0, |m: f64, w| m.max(*w));
    if largest == 0.0 || weights.iter().all(|&w| w == largest) {
        return String::new();
    }
    base64_words(&weights.iter().map(|w| ((w / largest).sqrt() * STEPS).round() as u16).collect::<Vec<_>>())
}

/// `want` indices of 0..n, evenly spaced, first and last included; all of them if there are fewer.
pub(super) fn evenly(n: usize, want: usize) -> Vec<usize> {
    if n <= want {
        return (0..n).collect();
    }
    if want < 2 {
        return vec![0; want];
    }
    (0..want).map(|i| (i * (n - 1) + (want - 1) / 2) / (want - 1)).collect()
}

/// The rows `keep` of a row-major (n, dim) array.
fn rows(points: &[f64], dim: usize, keep: &[usize]) -> Vec<f64> {
    keep.iter().flat_map(|&i| points[i * dim..(i + 1) * dim].iter().copied()).collect()
}

fn pick(values: &[f64], keep: &[usize]) -> Vec<f64> {
    if values.is_empty() { vec![] } else { keep.iter().map(|&i| values[i]).collect() }
}

/// Share of the points that players may show so that a page keeps to [`COORDINATES`].
pub(super) fn share(page: &Page) -> f64 {
    let size = |p: &Player| {
        let k = p.frames.times.len();
        p.frames.points.len() / k * k.min(KEY_FRAMES) + p.backdrop.as_ref().map_or(0, |b| b.points.len())
    };
    let total: usize = page.sections.iter().flat_map(|s| &s.players).map(size).sum();
    (COORDINATES as f64 / total.max(1) as f64).min(1.0)
}

#[derive(Serialize)]
struct PlayerData {
    label: String,
    n: usize,
    times: Vec<f64>,
    captions: Vec<String>,
    frames: String,
    radii: String,
    backdrop: String,
    backdrop_radii: String,
    rotation: Option<Vec<f64>>,
    on: bool,
}

#[derive(Serialize)]
struct MatchingData {
    frame: Frame,
    x: String,
    y: String,
    x_radii: String,
    y_radii: String,
    /// For each y the x that sends it most mass, or -1.
    source: Vec<i64>,
    /// i, j, mass relative to the largest in 0..=255, repeated.
    lines: Vec<usize>,
}

/// What the script needs of one section.
#[derive(Serialize)]
pub(super) struct SectionData {
    time_label: String,
    start: Option<f64>,
    frame: Option<Frame>,
    players: Vec<PlayerData>,
    matching: Option<MatchingData>,
}

/// Data of a section, and notes on what was left out.
pub(super) fn section(section: &Section, share: f64) -> (SectionData, Vec<String>) {
    let mut notes = Vec::new();
    let frame = section.players.first().map(|first| {
        let clouds = section.players.iter().flat_map(|p| {
            std::iter::once(p.frames.points.as_slice()).chain(p.backdrop.iter().map(|b| b.points.as_slice()))
        });
        Frame::around(first.dim, clouds)
    });
    let mut players = Vec::new();
    if let Some(frame) = &frame {
        let mut left_out = Vec::new();
        players = section.players.iter().map(|p| player(p, frame, share, &mut left_out)).collect();
        notes = once_for_all(&section.players, &left_out);
    }
    let matching = section.matching.as_ref().map(|m| matching(m, &mut notes));
    let data =
        SectionData { time_label: time_label(section), start: section.start, frame, players, matching };
    (data, notes)
}

/// The name of the slider's quantity.
pub(super) fn time_label(section: &Section) -> String {
    if section.time_label.is_empty() { "t".into() } else { clean(&section.time_label, 40) }
}

/// What was left out of each player, said once where it is the same for all.
fn once_for_all(players: &[Player], left_out: &[Vec<String>]) -> Vec<String> {
    if left_out.windows(2).all(|w| w[0] == w[1]) {
        return left_out.first().cloned().unwrap_or_default();
    }
    let named = players.iter().zip(left_out);
    named.flat_map(|(p, notes)| notes.iter().map(|n| format!("{}: {n}", p.label))).collect()
}

fn player(p: &Player, frame: &Frame, share: f64, left_out: &mut Vec<Vec<String>>) -> PlayerData {
    let (k, d) = (p.frames.times.len(), p.dim);
    let n = p.frames.points.len() / k / d;
    let frames = evenly(k, KEY_FRAMES);
    let points = evenly(n, ((n as f64 * share) as usize).max(1));
    let mut notes = Vec::new();
    if points.len() < n {
        notes.push(format!("{} of {} points are drawn.", points.len(), n));
    }
    if frames.len() < k {
        notes.push(format!("{} of {} frames are kept on this page.", frames.len(), k));
    }
    left_out.push(notes);
    let mut moving = Vec::with_capacity(frames.len() * points.len() * d);
    for &f in &frames {
        moving.extend(rows(&p.frames.points[f * n * d..(f + 1) * n * d], d, &points));
    }
    let behind = p.backdrop.as_ref().map(|b| thinned(b, d, share)).unwrap_or_default();
    PlayerData {
        label: clean(&p.label, 200),
        n: points.len(),
        times: pick(&p.frames.times, &frames),
        captions: frames.iter().filter_map(|&f| Some(clean(p.frames.captions.get(f)?, 200))).collect(),
        frames: frame.encode(&moving),
        radii: radii(&pick(&p.weights, &points)),
        backdrop: frame.encode(&behind.points),
        backdrop_radii: radii(&behind.weights),
        rotation: p.frame_switch.as_ref().map(|s| s.rotation.clone()),
        on: p.frame_switch.as_ref().is_some_and(|s| s.on),
    }
}

fn thinned(cloud: &Cloud, dim: usize, share: f64) -> Cloud {
    let n = cloud.points.len() / dim;
    let keep = evenly(n, ((n as f64 * share) as usize).max(1));
    Cloud { points: rows(&cloud.points, dim, &keep), weights: pick(&cloud.weights, &keep) }
}

fn matching(m: &Matching, notes: &mut Vec<String>) -> MatchingData {
    let (nx, ny) = (m.x.points.len() / m.dim, m.y.points.len() / m.dim);
    let lines = drawn_lines(m, notes);
    let mut source = vec![(None, 0.0); ny];
    for &(i, j, mass) in &m.lines {
        if mass > source[j].1 {
            source[j] = (Some(i), mass);
        }
    }
    let mut keep_y = evenly(ny, MATCHING_POINTS);
    keep_y.extend(lines.iter().map(|l| l.1));
    let keep_y = sorted(keep_y);
    let mut keep_x = evenly(nx, MATCHING_POINTS);
    keep_x.extend(lines.iter().map(|l| l.0));
    keep_x.extend(keep_y.iter().filter_map(|&j| source[j].0));
    let keep_x = sorted(keep_x);
    for (label, kept, all) in [(&m.x_label, keep_x.len(), nx), (&m.y_label, keep_y.len(), ny)] {
        if kept < all {
            notes.push(format!("{label}: {kept} of {all} points are drawn."));
        }
    }
    let place = |keep: &[usize], i: usize| keep.binary_search(&i).unwrap_or(0);
    let heaviest = lines.iter().fold(0.0, |m: f64, l| m.max(l.2)).max(f64::MIN_POSITIVE);
    let frame = Frame::around(m.dim, [m.x.points.as_slice(), &m.y.points].into_iter());
    MatchingData {
        x: frame.encode(&rows(&m.x.points, m.dim, &keep_x)),
        y: frame.encode(&rows(&m.y.points, m.dim, &keep_y)),
        x_radii: radii(&pick(&m.x.weights, &keep_x)),
        y_radii: radii(&pick(&m.y.weights, &keep_y)),
        source: keep_y.iter().map(|&j| source[j].0.map_or(-1, |i| place(&keep_x, i) as i64)).collect(),
        lines: lines
            .iter()
            .flat_map(|l| {
                [place(&keep_x, l.0), place(&keep_y, l.1), (l.2 / heaviest * 255.0).round() as usize]
            })
            .collect(),
        frame,
    }
}

/// All lines with mass, or a seeded sample of [`LINES`] of them in their old order.
fn drawn_lines(m: &Matching, notes: &mut Vec<String>) -> Vec<(usize, usize, f64)> {
    let all: Vec<_> = m.lines.iter().copied().filter(|l| l.2 > 0.0).collect();
    if all.len() <= LINES {
        return all;
    }
    notes.push(format!(
        "{LINES} of the {} lines of the plan are drawn, sampled uniformly with seed {}.",
        all.len(),
        m.seed
    ));
    let mut chosen = Source::new(m.seed, 0).permutation(all.len());
    chosen.truncate(LINES);
    chosen.sort_unstable();
    chosen.into_iter().map(|l| all[l]).collect()
}

fn sorted(mut keep: Vec<usize>) -> Vec<usize> {
    keep.sort_unstable();
    keep.dedup();
    keep
}

/// JSON that cannot end a script element or a line of JavaScript.
pub(super) fn json(data: &[SectionData]) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(data)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    Ok(out)
}
