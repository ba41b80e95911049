//! Validation of a section before anything is drawn.

use super::{Cloud, FrameSwitch, Matching, Player, Section};
use crate::error::{Error, Result};

/// Sizes, finiteness, dimensions, order of times.
pub(super) fn section(section: &Section, s: usize) -> Result<()> {
    for (p, player) in section.players.iter().enumerate() {
        let at = format!("sections[{s}].players[{p}]");
        check_player(player, &at)?;
        let first = section.players[0].dim;
        if player.dim != first {
            return Err(Error::shape(&at, format!("dimension {first}, as the first player"), player.dim));
        }
    }
    if let Some(t) = section.start.filter(|t| !t.is_finite()) {
        return Err(not_finite(&format!("sections[{s}].start"), 0, t));
    }
    if let Some(table) = &section.table
        && let Some((r, row)) = table.rows.iter().enumerate().find(|(_, row)| row.len() != table.head.len())
    {
        let at = format!("sections[{s}].table.rows[{r}]");
        return Err(Error::shape(&at, format!("{} cells", table.head.len()), row.len()));
    }
    match &section.matching {
        Some(m) => check_matching(m, &format!("sections[{s}].matching")),
        None => Ok(()),
    }
}

fn check_player(player: &Player, at: &str) -> Result<()> {
    check_dim(player.dim)?;
    let frames = &player.frames;
    let k = frames.times.len();
    check_finite(&format!("{at}.frames.times"), &frames.times)?;
    check_finite(&format!("{at}.frames.points"), &frames.points)?;
    let size = frames.points.len();
    if k == 0 || size == 0 || !size.is_multiple_of(k * player.dim) {
        let expected = format!("(k, n, {}) numbers for k = {k} times, k and n at least 1", player.dim);
        return Err(Error::shape(&format!("{at}.frames.points"), expected, size));
    }
    if let Some(i) = frames.times.windows(2).position(|w| w[1] < w[0]) {
        let expected = "times that do not decrease";
        let got = format!("{} after {} at entry {}", frames.times[i + 1], frames.times[i], i + 1);
        return Err(Error::shape(&format!("{at}.frames.times"), expected, got));
    }
    if !frames.captions.is_empty() && frames.captions.len() != k {
        let expected = format!("{k}, one a frame, or none");
        return Err(Error::shape(&format!("{at}.frames.captions"), expected, frames.captions.len()));
    }
    check_weights(&player.weights, size / k / player.dim, at)?;
    if let Some(cloud) = &player.backdrop {
        check_cloud(cloud, player.dim, &format!("{at}.backdrop"))?;
    }
    match &player.frame_switch {
        Some(switch) => check_switch(switch, player.dim, &format!("{at}.frame_switch")),
        None => Ok(()),
    }
}

fn check_switch(switch: &FrameSwitch, dim: usize, at: &str) -> Result<()> {
    if switch.rotation.len() != dim * dim {
        return Err(Error::shape(
            at,
            format!("({dim}, {dim})"),
            format!("{} numbers", switch.rotation.len()),
        ));
    }
    check_finite(at, &switch.rotation)
}

fn check_matching(m: &Matching, at: &str) -> Result<()> {
    check_dim(m.dim)?;
    check_cloud(&m.x, m.dim, &format!("{at}.x"))?;
    check_cloud(&m.y, m.dim, &format!("{at}.y"))?;
    let (nx, ny) = (m.x.points.len() / m.dim, m.y.points.len() / m.dim);
    for (l, &(i, j, mass)) in m.lines.iter().enumerate() {
        if i >= nx || j >= ny {
            let expected = format!("indices below ({nx}, {ny})");
            return Err(Error::shape(&format!("{at}.lines[{l}]"), expected, format!("({i}, {j})")));
        }
        if !mass.is_finite() || mass < 0.0 {
            let problem = format!("entry {l} is {mass}; a mass is a finite number that is not negative");
            return Err(Error::Weights { argument: format!("{at}.lines"), problem });
        }
    }
    Ok(())
}

fn check_cloud(cloud: &Cloud, dim: usize, at: &str) -> Result<()> {
    if cloud.points.is_empty() || !cloud.points.len().is_multiple_of(dim) {
        return Err(Error::shape(at, format!("(n, {dim}) numbers, n at least 1"), cloud.points.len()));
    }
    check_finite(at, &cloud.points)?;
    check_weights(&cloud.weights, cloud.points.len() / dim, at)
}

fn check_weights(weights: &[f64], n: usize, at: &str) -> Result<()> {
    if !weights.is_empty() && weights.len() != n {
        return Err(Error::shape(&format!("{at}.weights"), format!("{n} numbers or none"), weights.len()));
    }
    match weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
        None => Ok(()),
        Some(i) => Err(Error::Weights {
            argument: format!("{at}.weights"),
            problem: format!("entry {i} is {}; a weight is a finite number that is not negative", weights[i]),
        }),
    }
}

fn check_dim(dim: usize) -> Result<()> {
    match dim {
        1..=3 => Ok(()),
        _ => Err(Error::option("dim", dim, "1, 2 or 3; project the cloud first")),
    }
}

fn check_finite(at: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(i) => Err(not_finite(at, i, values[i])),
    }
}

fn not_finite(at: &str, i: usize, value: f64) -> Error {
    Error::NotFinite { argument: at.into(), index: i.to_string(), value }
}
