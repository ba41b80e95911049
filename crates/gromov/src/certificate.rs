//! What proves a value and a lower bound of IGW², as plain data that anyone can check.
//!
//! Both clouds are divided by [`Certificate::unit`] and turned by orthogonal matrices (x' = Uᵀ x / unit). In this
//! frame, with C = |Σ_x|² + |Σ_y|²,
//!
//! IGW² / unit⁴ = C − 2 max over plans of |M|²,  M = ∫ x' y'ᵀ dπ, flattened row by row: D = d_x d_y numbers.
//!
//! - **Cuts.** Direction A and potentials v of the points of y prove ⟨A, M⟩ ≤ h for every plan, with
//!   h = Σ_i a_i max_j (x'_iᵀ A y'_j + v_j) − Σ_j b_j v_j (weak duality; j runs over points with weight).
//!   Cuts 2 k and 2 k + 1 are those of the unit matrices ±E_k: together they enclose every M in the *root box*
//!   −h_{2k+1} ≤ M_k ≤ h_{2k}.
//! - **Tree.** Item 0 is the root box. A split cuts a box in two at a value of one coordinate, into the items `first`
//!   (at most the value) and `first` + 1 (at least the value); a leaf names a proof.
//! - **Proofs.** Multipliers λ ≥ 0 of cuts bound the box of a leaf: with G = Σ λ A,
//!   |M|² ≤ Σ λ h + Σ_k max(lo_k² − G_k lo_k, hi_k² − G_k hi_k).
//!
//! With U the largest bound of a leaf, C − 2 U is a lower bound, and so is (|s − t| − |E_x| − |E_y|)², where s and
//! t are the diagonals of Σ_x and Σ_y in the frame, sorted and padded with zeros, and E what stands beside them. The
//! plan proves the value. [`verify`](crate::verify) checks all of this.

/// A cut and its multiplier.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Multiplier {
    /// Number of the cut.
    pub cut: u32,
    /// λ ≥ 0.
    pub value: f64,
}

/// A box of the tree.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Item {
    /// Bounded by the proof of this number.
    Leaf(u32),
    /// Cut in two.
    Split {
        /// Which entry of M, from 0.
        coordinate: u32,
        /// Where.
        value: f64,
        /// The item below; the one above is next to it.
        first: u32,
    },
}

/// Value, bound and their proofs.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Certificate {
    /// The means of the clouds are removed first.
    pub center: bool,
    /// IGW² of the plan that is claimed; scales as length⁴.
    pub squared: f64,
    /// Lower bound that is claimed.
    pub lower_bound: f64,
    /// Relative tolerance that was asked for.
    pub tol: f64,
    /// Unit of length.
    pub unit: f64,
    /// Points of both clouds.
    pub points: (usize, usize),
    /// d_x, d_y.
    pub dims: (usize, usize),
    /// Orthogonal matrices, (d_x, d_x) and (d_y, d_y), row-major: x' = Uᵀ x.
    pub axes: (Vec<f64>, Vec<f64>),
    /// A of each cut, (cuts, d_x d_y).
    pub directions: Vec<f64>,
    /// v of each cut, (cuts, m).
    pub potentials: Vec<f64>,
    /// The tree.
    pub items: Vec<Item>,
    /// Proof k has the multipliers from `starts[k]` to `starts[k + 1]`.
    pub starts: Vec<usize>,
    /// Multipliers of all proofs.
    pub multipliers: Vec<Multiplier>,
    /// Row, column and mass of each entry of the plan.
    pub plan: Vec<(usize, usize, f64)>,
}

impl Certificate {
    /// Number of leaves of the tree.
    pub fn leaves(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Item::Leaf(_))).count()
    }

    /// Number of cuts.
    pub fn cuts(&self) -> usize {
        self.directions.len() / (self.dims.0 * self.dims.1).max(1)
    }
}
