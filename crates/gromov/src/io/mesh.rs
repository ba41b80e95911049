//! Meshes: a cloud whose points are the vertices, with faces and colours where the file has them.

use std::path::Path;

use super::limits::Source;
use super::{ReadOptions, measure, parse};
use crate::error::{Error, Result};
use crate::measure::Measure;

/// A cloud with the faces and colours of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// The vertices, n of them.
    pub cloud: Measure,
    /// The faces; none for formats without.
    pub faces: Faces,
    /// Red, green, blue and alpha (255 is opaque) of each vertex, (n); `None` where there are none.
    pub colors: Option<Vec<[u8; 4]>>,
}

/// Corners of the smallest face.
const LEAST: u32 = 3;

/// Faces in a flat layout: the first `sizes[0]` entries of `corners` are the first face, the next
/// `sizes[1]` the second, and so on. A corner is the index of a vertex, from zero. A face has at least three.
///
/// ```
/// let faces = gromov::io::Faces { corners: vec![0, 1, 2, 0, 2, 3, 4], sizes: vec![3, 4] };
/// assert_eq!(faces.iter().collect::<Vec<_>>(), [&[0, 1, 2][..], &[0, 2, 3, 4]]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faces {
    /// Corners of all faces, one face after the other.
    pub corners: Vec<u32>,
    /// Number of corners of each face.
    pub sizes: Vec<u32>,
}

impl Faces {
    /// Number of faces.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// True without faces.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The faces, each as its corners; ends early where `corners` is too short for `sizes`.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let mut rest = self.corners.as_slice();
        self.sizes.iter().map_while(move |&size| {
            let (face, after) = rest.split_at_checked(size as usize)?;
            rest = after;
            Some(face)
        })
    }

    /// Checks the layout, and the corners against the number of vertices. O(corners). Errors: sizes
    /// that do not sum to the number of corners, a face of fewer than three, a corner that is no vertex.
    pub fn check(&self, vertices: usize) -> Result<()> {
        let sum: u64 = self.sizes.iter().map(|&size| u64::from(size)).sum();
        if sum != self.corners.len() as u64 {
            return Err(Error::shape(
                "faces",
                format!("{sum} corners, the sum of sizes"),
                self.corners.len(),
            ));
        }
        if let Some(size) = self.sizes.iter().find(|&&size| size < LEAST) {
            return Err(Error::shape("faces", format!("at least {LEAST} corners a face"), size));
        }
        match self.corners.iter().find(|&&corner| corner as usize >= vertices) {
            None => Ok(()),
            Some(corner) => Err(Error::shape(
                "faces",
                format!("corners below {vertices}, the number of vertices"),
                corner,
            )),
        }
    }

    /// Appends a face.
    pub(super) fn push(&mut self, face: &[u32]) -> std::result::Result<(), String> {
        let size = u32::try_from(face.len()).map_err(|_| "a face has too many corners".to_owned())?;
        if size < LEAST {
            return Err(format!("a face has {size} corners; expected at least {LEAST}"));
        }
        self.sizes.push(size);
        self.corners.extend_from_slice(face);
        Ok(())
    }
}

/// Reads a cloud as [`read`](super::read) does, with the faces and colours of `.ply` and `.obj`;
/// other formats have none. Time and memory are proportional to the size of the file.
///
/// Faces of `.ply` are the list `vertex_indices` or `vertex_index` of the element `face`; colours are
/// the vertex properties `red`, `green`, `blue` (all three) and, if present, `alpha`: integers from 0
/// to 255 or floats from 0 to 1. Colours of `.obj` are three more numbers of a vertex, from 0 to 1.
/// Floats are rounded to 255ths. Errors: those of [`read`](super::read), a face of fewer than three corners,
/// a corner that is no vertex, a colour outside its range.
pub fn read_mesh(path: &Path, options: &ReadOptions) -> Result<Mesh> {
    mesh(&Source { path, content: None, options, member: None })
}

/// Reads a mesh from bytes in memory; see [`read_bytes`](super::read_bytes). Errors: those of
/// [`read_mesh`].
pub fn read_mesh_bytes(name: &Path, bytes: &[u8], options: &ReadOptions) -> Result<Mesh> {
    mesh(&Source { path: name, content: Some(bytes), options, member: None })
}

fn mesh(source: &Source<'_>) -> Result<Mesh> {
    let mut cloud = parse(source, true)?;
    let (faces, colors) = (std::mem::take(&mut cloud.faces), cloud.colors.take());
    Ok(Mesh { cloud: measure(source, cloud)?, faces, colors })
}

/// One channel of a colour: an integer from 0 to 255, or a float from 0 to 1, rounded to 255ths.
pub(super) fn channel(value: f64, float: bool) -> std::result::Result<u8, String> {
    let most = if float { 1.0 } else { 255.0 };
    if (0.0..=most).contains(&value) {
        return Ok((value * 255.0 / most).round() as u8);
    }
    Err(format!("a colour is {value}; expected 0 to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_and_corners_are_checked() {
        let faces = Faces { corners: vec![0, 1, 2, 2, 1, 0], sizes: vec![3, 3] };
        assert!(faces.check(3).is_ok() && !faces.is_empty());
        assert!(faces.check(2).unwrap_err().to_string().contains("corners below 2"));
        let thin = Faces { sizes: vec![2, 4], ..faces.clone() };
        assert!(thin.check(3).unwrap_err().to_string().contains("at least 3 corners a face, got 2"));
        assert!(Faces::default().push(&[0, 1]).unwrap_err().contains("2 corners; expected at least 3"));
        let short = Faces { sizes: vec![3, 4], ..faces.clone() };
        assert!(short.check(3).unwrap_err().to_string().contains("expected 7 corners"));
        assert_eq!((short.iter().count(), short.len()), (1, 2));
    }

    #[test]
    fn channels_are_rounded_and_never_cut_off() {
        assert_eq!((channel(255.0, false), channel(0.5, true)), (Ok(255), Ok(128)));
        assert!(
            channel(256.0, false).is_err() && channel(1.5, true).is_err() && channel(f64::NAN, true).is_err()
        );
    }
}
