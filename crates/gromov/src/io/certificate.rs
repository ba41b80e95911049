//! Certificates as NPZ archives, readable by `numpy.load` without pickle.
//!
//! | array | shape | holds |
//! | --- | --- | --- |
//! | `certificate_format` | (1,) | 1 |
//! | `sizes` | (4,) | n, m, d_x, d_y |
//! | `claims` | (3,) | squared, lower bound, tol |
//! | `frame` | (2,) | unit; 1 if the means are removed, else 0 |
//! | `axes_x`, `axes_y` | (d_x, d_x), (d_y, d_y) | U of both clouds: x' = Uᵀ x / unit |
//! | `directions` | (cuts, d_x d_y) | A of each cut |
//! | `potentials` | (cuts, m) | v of each cut |
//! | `items` | (t, 3) | a split: coordinate, value, first; a leaf: −1, 0, proof |
//! | `proof_starts` | (proofs + 1,) | proof k has the multipliers from start k to start k + 1 |
//! | `proof_cuts`, `proof_multipliers` | (e,) | cut and λ of each multiplier |
//! | `plan` | (entries, 3) | row, column, mass |
//! | `meta` | () | text for people: the program and its options |
//!
//! All numbers are float64, row-major; what they prove is on the page of [`crate::certificate`].

use std::path::Path;

use super::limits::Source;
use super::{Data, Member, ReadOptions, npz, write_npz};
use crate::certificate::{Certificate, Item, Multiplier};
use crate::error::Result;

/// Version of the format.
const FORMAT: f64 = 1.0;

/// Names of the arrays, in the order in which they are read.
const NAMES: [&str; 13] = [
    "certificate_format",
    "sizes",
    "claims",
    "frame",
    "axes_x",
    "axes_y",
    "directions",
    "potentials",
    "items",
    "proof_starts",
    "proof_cuts",
    "proof_multipliers",
    "plan",
];

/// Writes a certificate, with a text for people. Errors: those of [`write_npz`].
pub fn write_certificate(path: &Path, certificate: &Certificate, meta: &str) -> Result<()> {
    let c = certificate;
    let ((n, m), (p, q), cuts) = (c.points, c.dims, c.cuts());
    let sizes = [n, m, p, q].map(|k| k as f64);
    let claims = [c.squared, c.lower_bound, c.tol];
    let frame = [c.unit, f64::from(u8::from(c.center))];
    let of_item = |item: &Item| match *item {
        Item::Leaf(proof) => [-1.0, 0.0, f64::from(proof)],
        Item::Split { coordinate, value, first } => [f64::from(coordinate), value, f64::from(first)],
    };
    let items: Vec<f64> = c.items.iter().flat_map(of_item).collect();
    let starts: Vec<f64> = c.starts.iter().map(|s| *s as f64).collect();
    let cut_numbers: Vec<f64> = c.multipliers.iter().map(|m| f64::from(m.cut)).collect();
    let values: Vec<f64> = c.multipliers.iter().map(|m| m.value).collect();
    let plan: Vec<f64> = c.plan.iter().flat_map(|&(i, j, mass)| [i as f64, j as f64, mass]).collect();
    let arrays: [(&[usize], &[f64]); 13] = [
        (&[1], &[FORMAT]),
        (&[4], &sizes),
        (&[3], &claims),
        (&[2], &frame),
        (&[p, p], &c.axes.0),
        (&[q, q], &c.axes.1),
        (&[cuts, p * q], &c.directions),
        (&[cuts, m], &c.potentials),
        (&[c.items.len(), 3], &items),
        (&[starts.len()], &starts),
        (&[values.len()], &cut_numbers),
        (&[values.len()], &values),
        (&[c.plan.len(), 3], &plan),
    ];
    let mut members: Vec<Member<'_>> = NAMES
        .iter()
        .zip(&arrays)
        .map(|(name, (shape, data))| Member { name, shape, data: Data::F64(data) })
        .collect();
    members.push(Member { name: "meta", shape: &[], data: Data::Text(meta) });
    write_npz(path, &members)
}

/// Reads a certificate. What it says is not judged, only that it can be said. Errors: a file that is no NPZ archive,
/// an array that is missing or of another shape, a number that should count and does not, another version of the
/// format.
pub fn read_certificate(path: &Path, options: &ReadOptions) -> Result<Certificate> {
    let source = Source { path, content: None, options, member: None };
    source.check_kind()?;
    let arrays = npz::read_arrays(&source, &NAMES)?;
    let array = |name: &str| {
        let k = NAMES.iter().position(|n| *n == name).unwrap_or(0);
        (&arrays[k].0, &arrays[k].1)
    };
    let shape_fault = |name: &str, expected: &str| {
        source.fault(format!("array '{name}' has the shape {:?}; expected {expected}", array(name).0))
    };
    // an array of `width` numbers a row
    let table = |name: &str, width: usize| {
        let (shape, data) = array(name);
        match shape[..] {
            [_, columns] if columns == width => Ok(data),
            _ => Err(shape_fault(name, &format!("(rows, {width})"))),
        }
    };
    let list = |name: &str, len: Option<usize>| {
        let (shape, data) = array(name);
        match shape[..] {
            [found] if len.is_none_or(|len| len == found) => Ok(data),
            _ => Err(shape_fault(name, &len.map_or("(k,)".into(), |len| format!("({len},)")))),
        }
    };
    let count = |name: &str, value: f64| {
        // numbers of things, in 32 bits
        if value >= 0.0 && value < f64::from(u32::MAX) && value.fract() == 0.0 {
            return Ok(value as usize);
        }
        Err(source.fault(format!("array '{name}' holds {value:?} where a number that counts is expected")))
    };
    let counts =
        |name: &str| list(name, None)?.iter().map(|v| count(name, *v)).collect::<Result<Vec<usize>>>();
    let format = list("certificate_format", Some(1))?[0];
    if format != FORMAT {
        return Err(source.fault(format!("is a certificate of format {format}; this program reads {FORMAT}")));
    }
    let sizes = list("sizes", Some(4))?.iter().map(|v| count("sizes", *v)).collect::<Result<Vec<usize>>>()?;
    let (n, m, p, q) = (sizes[0], sizes[1], sizes[2], sizes[3]);
    let claims = list("claims", Some(3))?;
    let frame = list("frame", Some(2))?;
    let items = table("items", 3)?.chunks_exact(3).map(|r| {
        let number = count("items", r[2])? as u32;
        match r[0] {
            -1.0 => Ok(Item::Leaf(number)),
            at => Ok(Item::Split { coordinate: count("items", at)? as u32, value: r[1], first: number }),
        }
    });
    let values = list("proof_multipliers", None)?;
    let cuts = counts("proof_cuts")?;
    if cuts.len() != values.len() {
        return Err(shape_fault("proof_cuts", &format!("({},), as proof_multipliers", values.len())));
    }
    let plan =
        table("plan", 3)?.chunks_exact(3).map(|r| Ok((count("plan", r[0])?, count("plan", r[1])?, r[2])));
    let multipliers =
        cuts.iter().zip(values).map(|(cut, value)| Multiplier { cut: *cut as u32, value: *value });
    Ok(Certificate {
        center: frame[1] != 0.0,
        squared: claims[0],
        lower_bound: claims[1],
        tol: claims[2],
        unit: frame[0],
        points: (n, m),
        dims: (p, q),
        axes: (table("axes_x", p)?.clone(), table("axes_y", q)?.clone()),
        directions: table("directions", p.saturating_mul(q))?.clone(),
        potentials: table("potentials", m)?.clone(),
        items: items.collect::<Result<_>>()?,
        starts: counts("proof_starts")?,
        multipliers: multipliers.collect(),
        plan: plan.collect::<Result<_>>()?,
    })
}
