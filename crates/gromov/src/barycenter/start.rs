//! Clouds from which a barycentre starts: points of the clouds, as many as it has.

use super::problem::Problem;
use crate::error::Result;
use crate::measure::{Measure, sample, sample::Source};

/// Start number `number`, of cloud k = number mod K: its points where they are n, a stratified sample where they are
/// more, independent draws by weight where they are fewer. After the first K starts always independent draws.
pub(super) fn cloud(problem: &Problem<'_>, number: usize) -> Result<Measure> {
    let (count, weights) = (problem.clouds.len(), problem.weights.weights());
    let (from, n) = (&problem.clouds[number % count], weights.len());
    let d = from.dim();
    let points: Vec<f64> = if number < count && n == from.len() {
        from.points().to_vec()
    } else if number < count && n < from.len() {
        // of unequal weights fewer than n, then repeated
        let drawn = sample::subsample(from, n, problem.options.seed)?;
        drawn.points().iter().copied().cycle().take(n * d).collect()
    } else {
        let mut source = Source::new(problem.options.seed, (1 << 32) + number as u64);
        let mut sums = from.weights().to_vec();
        (1..sums.len()).for_each(|i| sums[i] += sums[i - 1]);
        let total = sums[sums.len() - 1];
        let mut draw = || {
            let u = source.unit() * total;
            sums.partition_point(|s| *s <= u).min(sums.len() - 1)
        };
        (0..n).flat_map(|_| from.point(draw()).to_vec()).collect()
    };
    Measure::weighted(points, d, weights.to_vec())
}
