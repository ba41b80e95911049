//! Masses as integers: flows of the simplex method are added and subtracted without rounding, so that
//! degenerate pivots are exactly degenerate and cannot cycle.

use crate::error::{Error, Result};

/// Total of a side with general weights: masses resolve to 2⁻⁶⁰ of it.
const TOTAL: i64 = 1 << 60;
/// The smallest mass that plans of unequal weights have, of the whole.
pub(crate) const RESOLUTION: f64 = 1.0 / TOTAL as f64;

/// Both sides in common integer units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Masses {
    pub(crate) rows: Vec<i64>,
    pub(crate) columns: Vec<i64>,
    /// Sum of each side.
    pub(crate) total: i64,
}

impl Masses {
    /// Equal weights on both sides become exact units (m and n over their greatest common divisor);
    /// anything else is rounded to 2⁻⁶⁰ of the total, the rest going to the largest atoms.
    pub(crate) fn new(a: &[f64], b: &[f64]) -> Result<Self> {
        check("a", a)?;
        check("b", b)?;
        if is_uniform(a) && is_uniform(b) {
            let (n, m) = (a.len() as i64, b.len() as i64);
            let g = gcd(n, m);
            return Ok(Masses {
                rows: vec![m / g; a.len()],
                columns: vec![n / g; b.len()],
                total: n / g * m,
            });
        }
        Ok(Masses { rows: to_units(a), columns: to_units(b), total: TOTAL })
    }
}

fn check(name: &str, w: &[f64]) -> Result<()> {
    if let Some(i) = w.iter().position(|x| !(x.is_finite() && *x >= 0.0)) {
        let problem = format!("entry {i} is {}; weights are finite and not negative", w[i]);
        return Err(Error::Weights { argument: name.into(), problem });
    }
    let sum: f64 = w.iter().sum();
    if (sum - 1.0).abs() > crate::measure::WEIGHT_SUM_TOLERANCE {
        let problem = format!("the sum is {sum}, not 1 (within 1e-9)");
        return Err(Error::Weights { argument: name.into(), problem });
    }
    Ok(())
}

fn is_uniform(w: &[f64]) -> bool {
    w.iter().all(|x| *x == w[0])
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn to_units(w: &[f64]) -> Vec<i64> {
    let sum = crate::linalg::compensated(w.iter().copied());
    let mut units: Vec<i64> = w.iter().map(|x| (x / sum * TOTAL as f64).round() as i64).collect();
    let mut rest = TOTAL - units.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..w.len()).collect();
    order.sort_by(|&i, &j| units[j].cmp(&units[i]).then(i.cmp(&j)));
    // spread over the atoms in order of size, each by at most 2⁻³² of itself a turn
    while rest != 0 {
        for &i in &order {
            let share = (units[i] >> 32).max(1);
            let change = rest.clamp(-share, share).max(-units[i]);
            units[i] += change;
            rest -= change;
            if rest == 0 {
                break;
            }
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    #[test]
    fn units_add_up_and_stay_close() {
        let mut s = Source::new(1, 0);
        for n in [1usize, 2, 17, 1000] {
            let mut w: Vec<f64> = (0..n).map(|_| s.unit().powi(8)).collect();
            let sum: f64 = w.iter().sum();
            w.iter_mut().for_each(|x| *x /= sum);
            let masses = Masses::new(&w, &[1.0 / 3.0; 3]).unwrap();
            assert_eq!(masses.rows.iter().sum::<i64>(), masses.total);
            assert_eq!(masses.columns.iter().sum::<i64>(), masses.total);
            // half a unit of rounding each, all of it given to one atom at worst
            let (sum, unit): (f64, f64) = (w.iter().sum(), 1.0 / masses.total as f64);
            for (u, w) in masses.rows.iter().zip(&w) {
                let error = (*u as f64 * unit - w / sum).abs();
                assert!(error <= (n as f64 + 2.0) * unit + f64::EPSILON * w, "{error}");
                assert!(*u >= 0);
            }
        }
        let exact = Masses::new(&[0.25; 4], &[1.0 / 6.0; 6]).unwrap();
        assert_eq!((exact.rows[0], exact.columns[0], exact.total), (3, 2, 12));
    }
}
