//! Alternation A ← M / |M| within the simplex method, for one pair of small clouds: after each round of pivots the costs
//! turn to the cross moment that there is.
//!
//! Any plan with ⟨A, M'⟩ > |M| for A = M / |M| has |M'| > |M|, the best plan in the direction A or not. A walk
//! therefore does not solve for A first, and needs about as many pivots in all as one transport problem. It ends where
//! no arc pays in the direction of its own cross moment, which is where alternation ends.
//!
//! One tree, one set of costs and one of potentials serve all walks of a pair. Rows are priced against all columns, and
//! potentials are those of the tree at the start of each round. Cost: O(n + m) a round and the pivots.

use super::Plan;
use super::levels;
use super::simplex::Simplex;
use super::support::{Support, print};
use super::tree::Tree;
use crate::linalg;
use crate::solve::{Status, Stop};

/// A walk on the plans of two fixed clouds.
#[derive(Debug)]
pub(crate) struct Walk {
    support: Support,
    /// `None` before the first direction.
    simplex: Option<Simplex>,
    /// ∫ x yᵀ dπ of the plan, (p, q), and its norm.
    moment: Vec<f64>,
    norm: f64,
}

/// A plan to which a walk may return.
#[derive(Debug, Clone)]
pub(crate) struct Place(Tree);

/// How a walk went.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Walked {
    /// `converged`: at a fixed point, or at a plan that is known.
    pub(crate) status: Status,
    /// Plans known before end a walk: what was known of it.
    pub(crate) known: Option<usize>,
    /// Directions it took.
    pub(crate) turns: usize,
}

impl Walk {
    pub(crate) fn new(support: Support) -> Self {
        Walk { support, simplex: None, moment: Vec::new(), norm: 0.0 }
    }

    /// The cross moment of the plan, (p, q).
    pub(crate) fn moment(&self) -> &[f64] {
        &self.moment
    }

    /// Its norm.
    pub(crate) fn norm(&self) -> f64 {
        self.norm
    }

    /// Where it is; `None` before the first direction.
    pub(crate) fn place(&self) -> Option<Place> {
        self.simplex.as_ref().map(|s| Place(s.tree.clone()))
    }

    /// The plan of a place.
    pub(crate) fn plan(&self, place: &Place) -> Plan {
        self.support.plan_of(&place.0)
    }

    /// Goes from a place, or from where it is, to the best plan in the direction A, (p, q), or `rounds` of pivots towards
    /// it. `None`: not yet there.
    pub(crate) fn go(
        &mut self,
        a: &[f64],
        from: Option<&Place>,
        rounds: usize,
        stop: &Stop,
    ) -> Option<Status> {
        let mut simplex = self.simplex.take().unwrap_or_else(|| self.first(a, stop));
        if let Some(place) = from {
            simplex.tree.copy_from(&place.0);
        }
        let most = simplex.pivots + self.support.most_pivots();
        self.turn(&mut simplex, a);
        let mut status = None;
        for _ in 0..rounds {
            status = stop.requested().or((simplex.pivots >= most).then_some(Status::IterationCap));
            if status.is_none() && simplex.round() == 0 {
                status = Some(Status::Converged);
            }
            if status.is_some() {
                break;
            }
        }
        self.look(&simplex.tree);
        self.simplex = Some(simplex);
        status
    }

    /// Goes on from there to a fixed point of the alternation, `max_turns` directions at most, or to a plan with a print
    /// that is `known`; the prints of all plans on the way go to `prints`.
    pub(crate) fn climb(
        &mut self,
        max_turns: usize,
        known: impl Fn(u64) -> Option<usize>,
        prints: &mut Vec<u64>,
        stop: &Stop,
    ) -> Walked {
        let Some(mut simplex) = self.simplex.take() else {
            return Walked { status: Status::Converged, known: None, turns: 0 };
        };
        let most = simplex.pivots + self.support.most_pivots();
        let mut walked = Walked { status: Status::Converged, known: None, turns: 0 };
        loop {
            let print = print(&simplex.tree);
            prints.push(print);
            walked.known = known(print);
            if walked.known.is_some() || self.norm == 0.0 {
                break;
            }
            if walked.turns == max_turns {
                walked.status = Status::IterationCap;
                break;
            }
            walked.turns += 1;
            let direction: Vec<f64> = self.moment.iter().map(|m| m / self.norm).collect();
            self.turn(&mut simplex, &direction);
            match self.gain(&mut simplex, most, stop) {
                Ok(true) => {}
                Ok(false) => break,
                Err(status) => {
                    walked.status = status;
                    break;
                }
            }
        }
        self.simplex = Some(simplex);
        walked
    }

    /// Rounds of pivots until |M| is larger than it was, by more than rounding. False: no arc pays.
    fn gain(&mut self, simplex: &mut Simplex, most: usize, stop: &Stop) -> Result<bool, Status> {
        let before = self.norm;
        loop {
            let ended = stop.requested().or((simplex.pivots >= most).then_some(Status::IterationCap));
            if let Some(status) = ended {
                return Err(status);
            }
            if simplex.round() == 0 {
                return Ok(false);
            }
            self.look(&simplex.tree);
            if self.norm > before * (1.0 + 4.0 * f64::EPSILON) {
                return Ok(true);
            }
        }
    }

    /// The simplex at the first direction, from coarse to fine.
    fn first(&self, a: &[f64], stop: &Stop) -> Simplex {
        let support = &self.support;
        let (left, _) = support.left_of_rows(a);
        let rank = left.len() / support.rows();
        let right = support.right();
        let start = levels::start(support.masses(), &left, right, rank, support.most_pivots(), stop);
        Simplex::new(left, right, rank, start.tree, Vec::new())
    }

    /// Turns the costs to a direction.
    fn turn(&self, simplex: &mut Simplex, a: &[f64]) {
        simplex.turn(self.support.longest(), |left| self.support.write_left(a, left));
    }

    /// The cross moment of a plan.
    fn look(&mut self, tree: &Tree) {
        self.support.moment_of(tree, &mut self.moment);
        self.norm = linalg::norm(&self.moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    /// The end of a walk is the best plan in the direction of its own cross moment, and |M| there is not below that of
    /// the first direction.
    #[test]
    fn walks_end_at_fixed_points() {
        let mut s = Source::new(41, 0);
        for trial in 0..60 {
            let (n, m) = (1 + s.below(50), 1 + s.below(50));
            let (p, q) = (1 + trial % 3, 1 + trial / 3 % 3);
            let mut normal = |k: usize| -> Vec<f64> { (0..k).map(|_| s.normal()).collect() };
            let (x, y) = (normal(n * p), normal(m * q));
            let mut weights = |n: usize| -> Vec<f64> {
                let w: Vec<f64> = (0..n).map(|_| if trial % 2 == 0 { 1.0 } else { 0.1 + s.unit() }).collect();
                let sum: f64 = w.iter().sum();
                w.iter().map(|w| w / sum).collect()
            };
            let (a, b) = (weights(n), weights(m));
            let support = || Support::new(&x, p, &a, &y, q, &b).unwrap();
            let (other, mut walk) = (support(), Walk::new(support()));
            let stop = Stop::never();
            let mut place = None;
            for _ in 0..4 {
                let mut direction: Vec<f64> = (0..p * q).map(|_| s.normal()).collect();
                let size = linalg::norm(&direction);
                direction.iter_mut().for_each(|v| *v /= size);
                assert_eq!(walk.go(&direction, place.as_ref(), usize::MAX, &stop), Some(Status::Converged));
                let first = walk.norm();
                let h = other.solve(&direction, None, &stop).cross_moment;
                let (h, got) = (linalg::dot(&h, &direction), linalg::dot(walk.moment(), &direction));
                assert!((h - got).abs() <= 1e-13 * (1.0 + h.abs()), "{h} and {got}");
                let mut prints = Vec::new();
                let walked = walk.climb(1000, |_| None, &mut prints, &stop);
                assert_eq!((walked.status, walked.known), (Status::Converged, None));
                assert!(walk.norm() >= first && prints.len() == walked.turns.max(1));
                let end = walk.place().unwrap();
                let moment = walk.plan(&end).cross_moment(&x, p, &y, q);
                assert!(moment.iter().zip(walk.moment()).all(|(a, b)| (a - b).abs() <= 1e-13));
                if walk.norm() > 0.0 {
                    let own: Vec<f64> = moment.iter().map(|m| m / walk.norm()).collect();
                    let best = linalg::dot(&other.solve(&own, None, &stop).cross_moment, &own);
                    assert!(best <= walk.norm() * (1.0 + 1e-12) + 1e-15, "{best} above {}", walk.norm());
                }
                // from the same place the same way, which is known now
                let last = prints[prints.len() - 1];
                walk.go(&own_or(&moment, &direction), Some(&end), usize::MAX, &stop);
                let again = walk.climb(1000, |print| (print == last).then_some(7), &mut Vec::new(), &stop);
                assert!(again.known == Some(7) || again.turns <= 1, "{again:?}");
                place = (trial % 4 < 2).then_some(end);
            }
        }
    }

    fn own_or(moment: &[f64], direction: &[f64]) -> Vec<f64> {
        let norm = linalg::norm(moment);
        if norm > 0.0 { moment.iter().map(|m| m / norm).collect() } else { direction.to_vec() }
    }

    #[test]
    fn caps_and_stops_are_statuses() {
        let mut s = Source::new(42, 0);
        let x: Vec<f64> = (0..80).map(|_| s.normal()).collect();
        let w = [1.0 / 40.0; 40];
        let mut walk = Walk::new(Support::new(&x, 2, &w, &x, 2, &w).unwrap());
        assert!(walk.place().is_none());
        let now = Stop::after(Some(std::time::Duration::ZERO));
        assert_eq!(walk.go(&[0.6, 0.8, 0.0, 0.0], None, 9, &now), Some(Status::TimeCap));
        // the plan there is one all the same
        let plan = walk.plan(&walk.place().unwrap());
        assert!(plan.marginals().0.iter().all(|r| (r - 1.0 / 40.0).abs() < 1e-15));
        assert_eq!(walk.climb(1000, |_| None, &mut Vec::new(), &now).status, Status::TimeCap);
        let never = Stop::never();
        assert_eq!(walk.go(&[0.0, 1.0, 0.0, 0.0], None, 1, &never), None);
        let walked = walk.climb(1, |_| None, &mut Vec::new(), &never);
        assert_eq!((walked.status, walked.turns), (Status::IterationCap, 1));
    }
}
