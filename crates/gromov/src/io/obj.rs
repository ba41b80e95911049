//! OBJ: the vertices `v` of a mesh, and on request its faces `f` and the colours of its vertices.
//!
//! `v x y z`, `v x y z w` or `v x y z r g b` (colours from 0 to 1), every vertex with as many numbers as
//! the first. The fourth number is the weight of rational curves and surfaces, 1 unless such are meant:
//! any other value is an error and not divided by, because polygons do not use it. It is no mass. A corner
//! of a face is `1`, `1/2`, `1//3` or `1/2/3`, of which the vertex is read: counted from one, or back from
//! the last vertex so far if negative, at least three a face. `#` begins a comment. A backslash at the end of
//! a line of `v` or `f`, outside comments, joins the next line. Vertices without faces are kept; all other
//! statements are passed over, and may end in a backslash, as names of folders do.

use super::limits::{LONGEST_LINE, Source, shorten};
use super::lines::{Lines, finite};
use super::mesh::channel;
use super::{Cloud, Faces};
use crate::error::Result;

/// What is read of an OBJ file.
#[derive(Default)]
struct Scene {
    points: Vec<f64>,
    colors: Vec<[u8; 4]>,
    faces: Faces,
    /// Numbers of the first vertex.
    width: usize,
    vertices: u64,
    /// The largest corner, from one, and the line that it is first in.
    largest: (u64, u64),
}

/// Reads the vertices; with `mesh`, also faces and colours.
pub(super) fn read(source: &Source<'_>, mesh: bool) -> Result<Cloud> {
    let mut lines = Lines::open(source)?;
    let mut scene = Scene::default();
    let mut joined = String::new();
    while lines.next()? {
        let start = lines.number;
        joined.clear();
        joined.push_str(content(&lines.text));
        while joined.ends_with('\\') {
            joined.pop();
            joined.push(' ');
            if !matches!(joined.split_ascii_whitespace().next(), Some("v" | "f")) || !lines.next()? {
                break;
            }
            joined.push_str(content(&lines.text));
            if joined.len() as u64 > LONGEST_LINE {
                return Err(lines.fault(format!("the joined line is longer than {LONGEST_LINE} bytes")));
            }
        }
        let mut words = joined.split_ascii_whitespace();
        let done = match words.next() {
            Some("v") => {
                source.check_points(scene.vertices + 1)?;
                scene.vertex(words, mesh)
            }
            Some("f") if mesh => scene.face(words, start),
            _ => Ok(()),
        };
        done.map_err(|problem| source.fault_at(Some(start.to_string()), problem))?;
    }
    if scene.vertices == 0 {
        return Err(source.fault("has no vertices; expected lines 'v x y z'"));
    }
    let (corner, line) = scene.largest;
    if corner > scene.vertices {
        let n = scene.vertices;
        return Err(source.fault_at(
            Some(line.to_string()),
            format!("a face has the corner {corner}, but there are {n} vertices"),
        ));
    }
    let colors = (mesh && scene.width == 6).then_some(scene.colors);
    Ok(Cloud { points: scene.points, dim: 3, faces: scene.faces, colors, ..Cloud::default() })
}

impl Scene {
    fn vertex<'w>(
        &mut self,
        words: impl Iterator<Item = &'w str>,
        mesh: bool,
    ) -> std::result::Result<(), String> {
        let mut numbers = [0.0f64; 6];
        let mut count = 0;
        for word in words {
            let place = numbers.get_mut(count).ok_or("a vertex has more than 6 numbers; expected x y z")?;
            *place = finite(word)?;
            count += 1;
        }
        let [x, y, z, r, g, b] = numbers;
        match count {
            3 | 6 => {}
            4 if r == 1.0 => {}
            4 => {
                return Err(format!(
                    "the fourth number is {r}, a weight of rational surfaces, which are not read; expected 1"
                ));
            }
            _ => return Err(format!("a vertex has {count} numbers; expected x y z, or x y z r g b")),
        }
        if self.vertices == 0 {
            self.width = count;
        } else if count != self.width {
            let first = self.width;
            return Err(format!(
                "{count} numbers where the first vertex has {first}; every vertex needs as many"
            ));
        }
        if mesh && count == 6 {
            self.colors.push([channel(r, true)?, channel(g, true)?, channel(b, true)?, 255]);
        }
        self.points.extend([x, y, z]);
        self.vertices += 1;
        Ok(())
    }

    fn face<'w>(
        &mut self,
        words: impl Iterator<Item = &'w str>,
        line: u64,
    ) -> std::result::Result<(), String> {
        let mut face = Vec::with_capacity(4);
        for word in words {
            let corner = corner(word, self.vertices).ok_or_else(|| {
                let (shown, n) = (shorten(word), self.vertices);
                format!("'{shown}' is no corner; expected 1 to the number of vertices, or -1 to -{n}")
            })?;
            if corner > self.largest.0 {
                self.largest = (corner, line);
            }
            let index = u32::try_from(corner - 1).map_err(|_| format!("the corner {corner} is too large"))?;
            face.push(index);
        }
        self.faces.push(&face)
    }
}

/// A line without its comment.
fn content(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

/// The vertex of a corner, from one. `vertices` is how many there are so far.
fn corner(word: &str, vertices: u64) -> Option<u64> {
    let mut parts = word.split('/');
    let vertex: i64 = parts.next()?.parse().ok()?;
    if parts.clone().count() > 2 || !parts.all(|part| part.is_empty() || part.parse::<i64>().is_ok()) {
        return None;
    }
    match vertex {
        0 => None,
        1.. => Some(vertex.unsigned_abs()),
        _ => vertices.checked_add(1)?.checked_sub(vertex.unsigned_abs()).filter(|&v| v > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mesh, ReadOptions, read_bytes, read_mesh_bytes};
    use crate::error::Result;

    fn mesh(text: &str) -> Result<Mesh> {
        let (name, options) = ("a.obj".as_ref(), ReadOptions::default());
        let mesh = read_mesh_bytes(name, text.as_bytes(), &options)?;
        assert_eq!(read_bytes(name, text.as_bytes(), &options)?, mesh.cloud);
        Ok(mesh)
    }

    #[test]
    fn vertices_faces_and_colours() {
        let text = "# a\nmtllib a.mtl\no a\nv 0 0 0\nv 1 0 0 # right\nv 1 1e0 \\\n0\r\n\tv 0 1 0\nv 9 9 9\n\
                    vn 0 0 1\nvt 0 0\nf 1 2/1 3//1 4/1/1\nusemtl x#y\nf -5 -4 \\\n -3\nl 1 2\n";
        let got = mesh(text).unwrap();
        let points = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 9.0, 9.0, 9.0];
        assert_eq!((got.cloud.points(), got.cloud.dim(), got.colors.clone()), (&points[..], 3, None));
        assert_eq!(got.faces.iter().collect::<Vec<_>>(), [&[0, 1, 2, 3][..], &[0, 1, 2]]);
        let colored = mesh("v 0.1 0 0 1 0.5 0\nv 1 2 3 0 0 0.2\n").unwrap();
        assert_eq!(colored.colors, Some(vec![[255, 128, 0, 255], [0, 0, 51, 255]]));
        assert_eq!(colored.cloud.points()[0].to_bits(), 0.1f64.to_bits());
        assert_eq!(mesh("v 1 2 3 1.0\n").unwrap().cloud.points(), [1.0, 2.0, 3.0]);
        // corners may come before their vertices
        assert_eq!(mesh("f 1 2 3\nv 0 0 0\nv 1 0 0\nv 0 1 0\n").unwrap().faces.len(), 1);
    }

    #[test]
    fn only_vertices_and_faces_go_on_behind_a_backslash() {
        let text = "# exported to C:\\models\\\nv 0 0 0 # C:\\\nv 1 0 0\no a\\\nv 0 \\\n1 \\# right\n0\nusemtl b\\\n\
                    f 1 2\\\n 3\n";
        let got = mesh(text).unwrap();
        assert_eq!(got.cloud.points(), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(got.faces.iter().collect::<Vec<_>>(), [[0, 1, 2]]);
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, word) in [
            ("# only\n", "a.obj: has no vertices"),
            ("v 1 2 3\nv 1 2\n", "a.obj:2: a vertex has 2 numbers"),
            ("v 1 2 x\n", "a.obj:1: 'x' is not a number"),
            ("\nv 1 2 \\\nnan\n", "a.obj:2: 'nan' is not a finite number"),
            ("v 1 2 3 2\n", "the fourth number is 2, a weight of rational"),
            ("v 1 2 3 0 0\n", "a vertex has 5 numbers"),
            ("v 1 2 3 0 0 0 0\n", "more than 6 numbers"),
            ("v 1 2 3\nv 1 2 3 0 0 0\n", "a.obj:2: 6 numbers where the first vertex has 3"),
            ("v 1 2 3 0 0 255\n", "a.obj:1: a colour is 255; expected 0 to 1"),
            ("v 1 2 3\nf 1 1 2\n", "a.obj:2: a face has the corner 2, but there are 1 vertices"),
            ("v 1 2 3\nf 0 1 1\n", "a.obj:2: '0' is no corner"),
            ("v 1 2 3\nf -2 1 1\n", "a.obj:2: '-2' is no corner"),
            ("v 1 2 3\nf 1/1/1/1 1 1\n", "'1/1/1/1' is no corner"),
            ("v 1 2 3\nf 1 1\n", "a.obj:2: a face has 2 corners; expected at least 3"),
            ("v 1 2 3\nf 1 1 99999999999999999999\n", "is no corner"),
        ] {
            let got = mesh(text).unwrap_err().to_string();
            assert!(got.contains(word), "{got}");
        }
        // the cloud alone does not need its faces
        assert!(read_bytes("a.obj".as_ref(), b"v 1 2 3\nf x\n", &ReadOptions::default()).is_ok());
    }
}
