//! The energy distance on the line, by sorting.
//!
//! With the distribution functions A of ρ and B of ν, F = ∫ (A(t) − B(t))² dt, and the derivative of
//! the first variation at x is B(x⁻) + B(x) − A(x⁻) − A(x). Nothing large is subtracted from anything large.

use crate::measure::Measure;

/// The points of a cloud on the line in increasing order, with their weights.
#[derive(Debug, Clone)]
pub(super) struct Sorted {
    points: Vec<f64>,
    weights: Vec<f64>,
}

impl Sorted {
    pub(super) fn new(cloud: &Measure) -> Self {
        let order = order(cloud.points());
        let pick = |a: &[f64]| order.iter().map(|&i| a[i]).collect();
        Sorted { points: pick(cloud.points()), weights: pick(cloud.weights()) }
    }
}

fn order(x: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
    order
}

/// F(ρ), and the derivative of its first variation at the points. O((n + m) log (n + m)).
pub(super) fn energy_distance(rho: &Measure, target: &Sorted, mut gradient: Option<&mut [f64]>) -> f64 {
    let (x, y) = (rho.points(), &target.points);
    let order = order(x);
    let (mut i, mut j) = (0, 0);
    // A − B, to the left of a place and there
    let (mut difference, mut value) = (0.0, 0.0);
    let mut last: Option<f64> = None;
    while i < order.len() || j < y.len() {
        let next = |k: Option<f64>| k.unwrap_or(f64::INFINITY);
        let here = next(order.get(i).map(|&i| x[i])).min(next(y.get(j).copied()));
        value += last.map_or(0.0, |last| difference * difference * (here - last));
        let before = difference;
        let first = i;
        while i < order.len() && x[order[i]] <= here {
            difference += rho.weights()[order[i]];
            i += 1;
        }
        while j < y.len() && y[j] <= here {
            difference -= target.weights[j];
            j += 1;
        }
        if let Some(gradient) = gradient.as_deref_mut() {
            order[first..i].iter().for_each(|&k| gradient[k] = -(before + difference));
        }
        last = Some(here);
    }
    value
}
