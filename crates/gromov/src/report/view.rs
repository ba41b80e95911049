//! The projection of clouds to at most three dimensions.

use crate::error::Result;
use crate::linalg;

/// Along the first principal axes of a cloud where it has more dimensions than a picture.
pub(super) struct View {
    pub(super) dim: usize,
    /// (dim, d); `None` is the identity.
    axes: Option<Vec<f64>>,
}

impl View {
    /// For clouds of dimension d; `moment` is the second moment (d, d), to any scale, of the one whose axes are shown.
    pub(super) fn new(d: usize, moment: impl FnOnce() -> Result<Vec<f64>>) -> Result<Self> {
        if d <= 3 {
            return Ok(View { dim: d, axes: None });
        }
        let e = linalg::symmetric_eigen(&moment()?, d)?;
        let axes = (0..3).flat_map(|k| (0..d).map(move |i| (i, k))).map(|(i, k)| e.vectors[i * d + k]);
        Ok(View { dim: 3, axes: Some(axes.collect()) })
    }

    /// Points (n, d) as they are drawn, (n, dim).
    pub(super) fn show(&self, points: &[f64], d: usize) -> Vec<f64> {
        match &self.axes {
            None => points.to_vec(),
            Some(axes) => linalg::map_rows(points, d, axes, self.dim),
        }
    }

    /// Points are drawn as they are.
    pub(super) fn is_identity(&self) -> bool {
        self.axes.is_none()
    }
}
