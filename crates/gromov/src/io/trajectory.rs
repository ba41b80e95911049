//! Trajectories as NPZ archives, which are also read back as clouds: the last frame.

use std::path::Path;

use serde::Serialize;

use super::{Data, Member, write_npz};
use crate::error::{Error, Result};
use crate::flow::{FirstTurn, Rotation, StepLog, Trajectory};
use crate::solve::Status;

/// Writes `times` (k,), `points` (k, n, d), `weights` (n,), `energies` (k,), `second_moments`
/// (k, d, d), all float64, and the text `meta` (JSON by convention). The bytes depend on the
/// arguments alone. Errors: those of [`write_npz`].
///
/// ```
/// use gromov::{Flow, Measure, energy::Quadratic, io};
/// let rho = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
/// let flow = Flow { steps: Some(3), ..Flow::default() };
/// let run = flow.solve(&rho, &mut Quadratic::new(None, None)?, &mut ())?;
/// let path = std::env::temp_dir().join("gromov_io_trajectory_doctest.npz");
/// io::write_trajectory(&path, &run, "{}")?;
/// assert_eq!(io::read(&path, &io::ReadOptions::default())?.points(), run.frame(3));
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn write_trajectory(path: &Path, run: &Trajectory, meta: &str) -> Result<()> {
    let (k, n, d) = (run.frames(), run.n, run.d);
    let array = |name, shape, data| Member { name, shape, data: Data::F64(data) };
    write_npz(
        path,
        &[
            array("times", &[k], &run.times),
            array("points", &[k, n, d], &run.points),
            array("weights", &[n], &run.weights),
            array("energies", &[k], &run.energies),
            array("second_moments", &[k, d, d], &run.second_moments),
            Member { name: "meta", shape: &[], data: Data::Text(meta) },
        ],
    )
}

/// The text `meta` of an output file: what was asked for and what happened. No clock time, no number
/// of threads: they do not change the result.
#[derive(Serialize)]
struct Meta<'a, O> {
    version: &'static str,
    command: &'a str,
    options: O,
    seed: u64,
    status: Status,
    step: f64,
    energy: &'a str,
    rotation: Option<Rotation>,
    first_turn: &'a Option<FirstTurn>,
    mirror_gain: f64,
    unsolved: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    diffusion: Option<Diffusion<'a>>,
    rejected: usize,
    frames_missed: usize,
    log: &'a [StepLog],
}

/// What particles tell of the energy of a diffusion F = R + a ∫ ρ log ρ.
#[derive(Serialize)]
struct Diffusion<'a> {
    coefficient: f64,
    regular: &'a [f64],
    regular_errors: &'a [f64],
}

/// The text `meta` of a flow: version, command, options (any object), seed, how it ended and the log of its steps, as one
/// JSON object; numbers that are not finite are null. Errors: options without a form in JSON.
pub fn trajectory_meta(
    command: &str,
    options: impl Serialize,
    seed: u64,
    run: &Trajectory,
) -> Result<String> {
    let meta = Meta {
        version: env!("CARGO_PKG_VERSION"),
        command,
        options,
        seed,
        status: run.status,
        step: run.step,
        energy: &run.energy,
        rotation: run.rotation,
        first_turn: &run.first_turn,
        mirror_gain: run.mirror_gain,
        unsolved: run.unsolved(),
        diffusion: (run.diffusion > 0.0).then_some(Diffusion {
            coefficient: run.diffusion,
            regular: &run.regular,
            regular_errors: &run.regular_errors,
        }),
        rejected: run.rejected,
        frames_missed: run.frames_missed,
        log: &run.log,
    };
    serde_json::to_string(&meta).map_err(|e| Error::User(format!("the options have no JSON form: {e}")))
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read};
    use super::*;
    use crate::energy::Quadratic;
    use crate::{Flow, Measure};

    /// The array of a member, by the rules of the format alone: its header and its bytes.
    fn member(archive: &[u8], name: &str) -> (String, Vec<u8>) {
        let mut zip = npyz::zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_name(&format!("{name}.npy")).unwrap(), &mut bytes).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        (String::from_utf8(bytes[10..end].to_vec()).unwrap(), bytes[end..].to_vec())
    }

    fn numbers(bytes: &[u8]) -> Vec<f64> {
        bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    }

    #[test]
    fn every_array_has_its_shape_and_numbers_and_the_last_frame_is_read_back() {
        let points = vec![2.0, 0.1, -2.0, 0.0, 0.3, 1.0, 0.0, -1.0, 0.5, 0.5];
        let rho = Measure::weighted(points, 2, vec![0.25, 0.25, 0.125, 0.25, 0.125]).unwrap();
        let flow = Flow { step: Some(0.1), steps: Some(7), every: 3, ..Flow::default() };
        let run = flow.solve(&rho, &mut Quadratic::new(None, None).unwrap(), &mut ()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.npz");
        write_trajectory(&path, &run, "{\"é\": \"\u{1f40e}\"}").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let cases = [
            ("times", "(4,)", &run.times),
            ("points", "(4, 5, 2)", &run.points),
            ("weights", "(5,)", &run.weights),
            ("energies", "(4,)", &run.energies),
            ("second_moments", "(4, 2, 2)", &run.second_moments),
        ];
        for (name, shape, expected) in cases {
            let (header, data) = member(&bytes, name);
            assert!(header.contains("'<f8'") && header.contains("'fortran_order': False"), "{header}");
            assert!(header.contains(shape), "{name} {header}");
            assert_eq!(&numbers(&data), expected, "{name}");
        }
        let (header, text) = member(&bytes, "meta");
        assert!(header.contains("'<U10'") && header.contains("()"), "{header}");
        let code = |b: &[u8]| char::from_u32(u32::from_le_bytes(b.try_into().unwrap())).unwrap();
        assert_eq!(text.chunks_exact(4).map(code).collect::<String>(), "{\"é\": \"\u{1f40e}\"}");
        let back = read(&path, &ReadOptions::default()).unwrap();
        assert_eq!((back.points(), back.weights()), (run.frame(3), rho.weights()));
        write_trajectory(&path, &run, "{\"é\": \"\u{1f40e}\"}").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
