//! The page of a barycentre: every cloud in its frame, on the way to it, and how the objective fell.

use super::view::View;
use super::{Chart, Cloud, Frames, Page, Player, Section, Series, Table, number};
use crate::barycenter::Solution;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;

/// Most clouds that are drawn.
const PICTURES: usize = 6;

/// A page for a barycentre of clouds (as they were given to the solver) of these names. Every cloud is turned (mirrored,
/// where that is the map found) into the frame of the barycentre and drawn behind its points, which go from where the
/// plan sees them in the cloud to their place. Above three dimensions the first principal axes of the barycentre are
/// drawn. Errors: clouds or names that are not those of the solution.
pub fn page(title: &str, names: &[String], clouds: &[Measure], sol: &Solution) -> Result<Page> {
    if names.len() != sol.plans.len() || clouds.len() != sol.plans.len() {
        let got = format!("{} names and {} clouds", names.len(), clouds.len());
        return Err(Error::shape("clouds", sol.plans.len(), got));
    }
    let view = View::new(sol.dim, || {
        let small: Vec<f64> = sol.points.iter().map(|v| v / sol.unit).collect();
        Ok(linalg::moment(&sol.weights, &small, sol.dim, &small, sol.dim))
    })?;
    let drawn = drawn(sol);
    let players = drawn.iter().map(|&k| player(&names[k], &clouds[k], sol, k, &view));
    let mut notes = Vec::new();
    if drawn.len() < clouds.len() {
        notes.push(format!("{} of {} clouds are drawn, those of the largest λ.", drawn.len(), clouds.len()));
    }
    if sol.dim > view.dim {
        notes.push(format!(
            "The barycentre has dimension {}; its first three principal axes are drawn.",
            sol.dim
        ));
    }
    if clouds.iter().any(|c| c.dim() != sol.dim) {
        notes.push(
            "Clouds of another dimension are drawn as the map brings them into that of the barycentre."
                .into(),
        );
    }
    let section = Section {
        title: format!("{} points in dimension {}", sol.weights.len(), sol.dim),
        text: vec![
            verdict(sol),
            "Grey: each cloud, brought into the frame of the barycentre by the rotation or mirror image found. \
             Colour: the points of the barycentre, at 0 where the plan sees them in the cloud, at 1 in their place, \
             the same in every picture. The lines between are straight and no geodesics."
                .into(),
        ],
        players: players.collect::<Result<_>>()?,
        time_label: "from the cloud (0) to the barycentre (1)".into(),
        start: Some(1.0),
        charts: charts(sol),
        table: Some(table(names, clouds, sol)),
        notes,
        ..Section::default()
    };
    Ok(Page {
        title: title.into(),
        lead: vec![
            "The cloud with the least mean of squared IGW distances to the clouds given. IGW compares inner products \
             and does not see rotations or mirror images, so each cloud may be turned by itself."
                .into(),
        ],
        sections: vec![section],
        foot: vec![format!("gromov {}", env!("CARGO_PKG_VERSION"))],
    })
}

fn verdict(sol: &Solution) -> String {
    if !sol.objective.is_finite() {
        return "The objective leaves the range of doubles at these lengths.".into();
    }
    let value = format!("Σ λ IGW² = {}, lower bound {}", number(sol.objective, 7), number(lower(sol), 7));
    if sol.objective <= sol.rounding {
        format!(
            "Σ λ IGW² is zero within rounding ({:.1e}): the clouds are copies of each other.",
            sol.rounding
        )
    } else if sol.objective - sol.lower_bound <= sol.rounding {
        format!("{value}: they meet within rounding, so this is a global optimum.")
    } else {
        format!(
            "{value}. The value is the best of {} starts ({} reached it), a local optimum; the global one lies \
             between the two numbers.",
            sol.starts, sol.hits
        )
    }
}

/// The bound, not above the value by rounding.
fn lower(sol: &Solution) -> f64 {
    sol.lower_bound.min(sol.objective)
}

/// The clouds that are drawn: those of the largest λ, in their order.
fn drawn(sol: &Solution) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sol.lambdas.len()).collect();
    order.sort_by(|&i, &j| sol.lambdas[j].total_cmp(&sol.lambdas[i]).then(i.cmp(&j)));
    order.truncate(PICTURES);
    order.sort_unstable();
    order
}

fn player(name: &str, cloud: &Measure, sol: &Solution, k: usize, view: &View) -> Result<Player> {
    let (d, p) = (sol.dim, cloud.dim());
    let turned = linalg::map_rows(cloud.shifted_by(&sol.means[k]).points(), p, &sol.rotations[k], d);
    let mass = sol.plans[k].marginals().0;
    let seen = sol.plans[k].push(&turned, d);
    // a point without mass stays
    let seen: Vec<f64> = (0..seen.len())
        .map(|e| if mass[e / d] > 0.0 { seen[e] / mass[e / d] } else { sol.points[e] })
        .collect();
    let uniform = |w: &[f64]| w.iter().all(|v| *v == w[0]);
    let weights = |w: &[f64]| if uniform(w) { Vec::new() } else { w.to_vec() };
    let frames = Frames {
        times: vec![0.0, 1.0],
        points: [view.show(&seen, d), view.show(&sol.points, d)].concat(),
        captions: vec!["as the plan sees the cloud".into(), "the barycentre".into()],
    };
    Ok(Player {
        label: format!("{name}: λ = {}, IGW² = {}", number(sol.lambdas[k], 3), number(sol.squared[k], 4)),
        dim: view.dim,
        frames,
        weights: weights(&sol.weights),
        backdrop: Some(Cloud { points: view.show(&turned, d), weights: weights(cloud.weights()) }),
        ..Player::default()
    })
}

/// The objective by iteration, with the lower bound.
fn charts(sol: &Solution) -> Vec<Chart> {
    if sol.trace.len() < 2 || !sol.objective.is_finite() || sol.objective <= sol.rounding {
        return Vec::new();
    }
    let end = (sol.trace.len() - 1) as f64;
    let points = sol.trace.iter().enumerate().map(|(k, v)| (k as f64, *v)).collect();
    let value = Series { name: "objective of the best start".into(), points, ..Series::default() };
    let bound = Series {
        name: "lower bound".into(),
        points: vec![(0.0, lower(sol)), (end, lower(sol))],
        dashed: true,
        color: 1,
    };
    let left = sol.trace.iter().map(|v| (v - sol.objective) / sol.objective).enumerate();
    let gain = left.filter(|(_, v)| *v > 0.0).map(|(k, v)| (k as f64, v)).collect();
    let gain = Series { name: "above the last one, relative".into(), points: gain, ..Series::default() };
    let chart = |title: &str, y_label: &str, log_y, series| Chart {
        title: title.into(),
        x_label: "iteration (plans, then points)".into(),
        y_label: y_label.into(),
        log_y,
        series,
        ..Chart::default()
    };
    let mut charts = vec![chart("Objective", "Σ λ IGW²", false, vec![value, bound])];
    if sol.trace.len() > 3 {
        charts.push(chart("What was left to gain", "(objective − last) / last", true, vec![gain]));
    }
    charts
}

fn table(names: &[String], clouds: &[Measure], sol: &Solution) -> Table {
    let mut rows: Vec<(String, String)> = vec![
        ("objective Σ λ IGW²".into(), format!("{} ± {:.1e}", number(sol.objective, 10), sol.rounding)),
        ("lower bound".into(), number(lower(sol), 10)),
        ("status".into(), sol.status.to_string()),
        ("starts, of which reached the value".into(), format!("{}, {}", sol.starts, sol.hits)),
        ("iterations of all starts".into(), sol.iterations.to_string()),
    ];
    for (k, name) in names.iter().enumerate() {
        let (n, d) = (clouds[k].len(), clouds[k].dim());
        let (lambda, squared) = (number(sol.lambdas[k], 4), number(sol.squared[k], 10));
        rows.push((name.clone(), format!("{n} points in dimension {d}, λ = {lambda}, IGW² = {squared}")));
    }
    let rows = rows.into_iter().map(|(name, value)| vec![name, value]).collect();
    Table { head: vec!["quantity".into(), "value".into()], rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barycenter::Barycenter;
    use crate::measure::sample;

    #[test]
    fn pages_are_made_of_any_dimensions_and_many_clouds() -> Result<()> {
        for dims in [vec![1, 1], vec![2, 3], vec![3, 2, 1], vec![5, 4], vec![2; 8]] {
            let clouds = dims.iter().map(|&d| sample::ball(8, d, d as u64)).collect::<Result<Vec<_>>>()?;
            let names: Vec<String> = (0..dims.len()).map(|k| format!("cloud<{k}>")).collect();
            let options = Barycenter { starts: Some(1), center: true, ..Default::default() };
            let sol = options.solve(&clouds, &mut ())?;
            let page = page("a page", &names, &clouds, &sol)?;
            assert_eq!(page.sections[0].players.len(), dims.len().min(PICTURES));
            // at the end every picture shows the barycentre
            let last = |p: &Player| p.frames.points[p.frames.points.len() / 2..].to_vec();
            assert!(page.sections[0].players.iter().all(|p| last(p) == last(&page.sections[0].players[0])));
            let html = page.render()?;
            assert!(html.contains("cloud&lt;0&gt;") && html.contains("lower bound") && html.len() < 100_000);
            assert!(super::page("a page", &names[1..], &clouds, &sol).is_err());
        }
        Ok(())
    }
}
