//! Couplings on the line by sorting, O(n log n).

use super::{Plan, mass::Masses};
use crate::error::{Error, Result};

/// The monotone (`increasing`) or antitone coupling of Σ a_i δ_{x_i} and Σ b_j δ_{y_j} on R: optimal
/// for every cost that is a convex (concave) function of x − y. Ties are broken by index. Errors:
/// wrong weights or lengths.
///
/// ```
/// let plan = gromov::ot::line::coupling(&[2.0, 0.0], &[0.5, 0.5], &[5.0, 7.0], &[0.5, 0.5], true)?;
/// assert_eq!((plan.rows, plan.columns), (vec![0, 1], vec![1, 0]));
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn coupling(x: &[f64], a: &[f64], y: &[f64], b: &[f64], increasing: bool) -> Result<Plan> {
    for (name, points, weights) in [("x", x, a), ("y", y, b)] {
        if points.is_empty() || points.len() != weights.len() {
            let expected = format!("{} numbers, at least one", weights.len());
            return Err(Error::shape(name, expected, points.len()));
        }
    }
    let masses = Masses::new(a, b)?;
    let rows = sorted(x, true);
    let columns = sorted(y, increasing);
    let mut entries = Vec::with_capacity(x.len() + y.len());
    let (mut i, mut j) = (0, 0);
    let (mut supply, mut demand) = (masses.rows[rows[0]], masses.columns[columns[0]]);
    loop {
        let flow = supply.min(demand);
        if flow > 0 {
            entries.push((rows[i], columns[j], flow as f64 / masses.total as f64));
        }
        supply -= flow;
        demand -= flow;
        if supply == 0 && i + 1 < rows.len() {
            i += 1;
            supply = masses.rows[rows[i]];
        } else if demand == 0 && j + 1 < columns.len() {
            j += 1;
            demand = masses.columns[columns[j]];
        } else {
            break;
        }
    }
    Ok(Plan::from_entries(x.len(), y.len(), entries))
}

fn sorted(x: &[f64], increasing: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| {
        let by_value = x[i].total_cmp(&x[j]);
        (if increasing { by_value } else { by_value.reverse() }).then(i.cmp(&j))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_split_and_zeros_skipped() {
        let plan = coupling(&[0.0, 1.0, 2.0], &[0.25, 0.75, 0.0], &[3.0, 9.0], &[0.5, 0.5], false).unwrap();
        let entries: Vec<_> = plan.entries().collect();
        assert_eq!(entries, vec![(0, 1, 0.25), (1, 0, 0.5), (1, 1, 0.25)]);
    }
}
