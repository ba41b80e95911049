//! The job of `geodesic`.

use std::path::PathBuf;

use gromov::geodesic::{Frame, Kind};

use super::{Frames, LARGE, Output, Search, Solver, run_outputs, whole_only};
use crate::args;
use crate::failure::Failure;
use crate::reading::{Input, Reading, Sampled, check_formats};

/// A path to compute.
pub struct Geodesic {
    /// First cloud.
    pub a: Input,
    /// Second cloud.
    pub b: Input,
    /// Kind and coordinates.
    pub options: gromov::Geodesic,
    /// Which plan.
    pub plan: args::Pairing,
    /// What finds the IGW plan; `None` where none is needed.
    pub solver: Option<Solver>,
    /// A long search: a forecast comes first.
    pub forecast: bool,
    /// Times of the frames.
    pub times: Vec<f64>,
    /// Where the frames go.
    pub out: Option<Output>,
    /// Where the page goes.
    pub report: Option<PathBuf>,
    /// Frames as PLY files, of A with its faces and colours.
    pub frames: Option<Frames>,
    /// Clouds of which a sample was taken.
    pub sampled: Vec<Sampled>,
}

/// Checks the arguments of `geodesic` and reads its clouds.
pub fn geodesic(args: &args::Geodesic, common: &args::Common) -> Result<Geodesic, Failure> {
    let solver = solver(args, common)?;
    let options = options(args)?;
    check_formats(&args.reading, [args.a.as_path(), args.b.as_path()])?;
    let (outputs, out) =
        run_outputs(args.out.as_deref(), args.report.as_deref(), args.frames_ply.as_deref())?;
    let mut reading = Reading::new(&args.reading, common.seed, outputs);
    let (a, frames) = match &args.frames_ply {
        None => (reading.cloud(&args.a)?, None),
        Some(folder) => {
            let (a, mut mesh) = reading.mesh(&args.a)?;
            let lost = whole_only(&a, &mut mesh);
            (a, Some(Frames { folder: folder.clone(), mesh, lost }))
        }
    };
    let b = reading.cloud(&args.b)?;
    let (p, q) = (a.cloud.dim(), b.cloud.dim());
    check_dimensions(args, (p, q))?;
    if let Some(solver) = &solver {
        solver.check_dimensions(p, q)?;
    }
    if args.plan == args::Pairing::Identity {
        check_identity(&a, &b)?;
    }
    let line = matches!(solver, Some(Solver::Auto(_))) && (p, q) == (1, 1);
    let forecast = solver.is_some() && a.cloud.len().max(b.cloud.len()) > LARGE && !line;
    let last = f64::from(args.frames - 1);
    let times = (0..args.frames).map(|k| f64::from(k) / last).collect();
    let (plan, report) = (args.plan, args.report.clone());
    Ok(Geodesic {
        a,
        b,
        options,
        plan,
        solver,
        forecast,
        times,
        out,
        report,
        frames,
        sampled: reading.sampled,
    })
}

/// What finds the IGW plan: the page shows IGW paths beside that of McCann.
fn solver(args: &args::Geodesic, common: &args::Common) -> Result<Option<Solver>, Failure> {
    let identity = args.plan == args::Pairing::Identity;
    let straight = args.kind == args::Kind::Mccann && args.report.is_none();
    if identity || straight {
        let typed = [
            ("--method", args.method.is_some()),
            ("--starts", args.starts.is_some()),
            ("--tol", args.tol.is_some()),
            ("--time-limit", args.time_limit.is_some()),
        ];
        if let Some((option, _)) = typed.into_iter().find(|t| t.1) {
            let with = if identity { "--plan identity" } else { "--kind mccann without --report" };
            return Err(Failure::new(format!(
                "{option} has no meaning with {with}: no IGW plan is sought; leave it out"
            )));
        }
        return Ok(None);
    }
    let search = Search {
        method: args.method.unwrap_or(args::Method::Auto),
        starts: args.starts,
        tol: args.tol.unwrap_or(1e-9),
        time_limit: args.time_limit,
        certificate: false,
    };
    Solver::new(&search, common).map(Some)
}

fn options(args: &args::Geodesic) -> Result<gromov::Geodesic, Failure> {
    let kind = match args.kind {
        args::Kind::Intrinsic => Kind::Intrinsic,
        args::Kind::Lifted => Kind::Lifted,
        args::Kind::Mccann => Kind::Mccann,
    };
    if args.dim.is_some() && kind != Kind::Lifted {
        return Err(Failure::new("--dim has a meaning with --kind lifted only; leave it out"));
    }
    let frame = match args.frame {
        args::Frame::First => Frame::First,
        args::Frame::Second => Frame::Second,
    };
    Ok(gromov::Geodesic { kind, frame, dim: args.dim, ..gromov::Geodesic::default() })
}

fn check_dimensions(args: &args::Geodesic, (p, q): (usize, usize)) -> Result<(), Failure> {
    if args.kind == args::Kind::Mccann && p != q {
        let problem =
            format!("--kind mccann needs clouds of the same dimension, and A has d = {p}, B d = {q}");
        return Err(Failure::new(format!("{problem}; use --kind lifted")));
    }
    let (larger, whole) = (p.max(q), p + q);
    if let Some(dim) = args.dim.filter(|dim| *dim != larger && *dim != whole) {
        let expected = format!("{larger} (principal axes) or {whole} (all of the path)");
        return Err(Failure::new(format!("--dim: {dim} is not allowed; give {expected}")));
    }
    let d = args.dim.unwrap_or(larger);
    if args.frames_ply.is_some() && !(2..=3).contains(&d) {
        let problem =
            format!("the frames have d = {d} coordinates, and --frames-ply needs 2 or 3; use --out");
        return Err(Failure::file(&args.a, problem));
    }
    Ok(())
}

/// Rows pair up: as many of them, of the same weights, as they are in the files.
fn check_identity(a: &Input, b: &Input) -> Result<(), Failure> {
    let refused = |problem: String| {
        Err(Failure::new(format!("--plan identity pairs row i of A with row i of B, {problem}")))
    };
    let sampled = |input: &Input| input.cloud.len() < input.whole;
    if sampled(a) || sampled(b) {
        return refused(
            "and the rows of samples (--points) do not belong together; leave one of the two out".into(),
        );
    }
    let (n, m) = (a.cloud.len(), b.cloud.len());
    if n != m {
        return refused(format!("but A has {n} and B {m}; use --plan optimal"));
    }
    let mut weights = a.cloud.weights().iter().zip(b.cloud.weights()).enumerate();
    match weights.find(|(_, (a, b))| (**a - **b).abs() > 1e-9 / n as f64) {
        None => Ok(()),
        Some((i, (a, b))) => {
            refused(format!("but row {i} (from 0) has weight {a} in A and {b} in B; use --plan optimal"))
        }
    }
}
