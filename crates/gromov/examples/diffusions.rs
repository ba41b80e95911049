//! Diffusions of particles against the exact flows of Gaussians, in both geometries.
//!
//! `cargo run -p gromov --example diffusions [PARTICLES]`
//!
//! Two energies with an entropy: ∫ ρ log ρ alone, and with an anisotropic quadratic potential that the cloud first turns
//! to under IGW. Every eigenvalue of Σ and the energy, which only the particles' near neighbours tell, are held against
//! the closed form, in standard errors. At equal entropy the condition number of Σ says what the two geometries do to
//! the shape.

#[path = "shared/mod.rs"]
mod shared;

use gromov::energy::{Entropy, Quadratic, Sum};
use gromov::flow::gaussian::{self, Functional, Gaussian};
use gromov::flow::statistics::Statistics;
use gromov::flow::{Metric, Scheme};
use gromov::measure::sample;
use gromov::report::flow::{Run, section};
use gromov::report::{Page, Section, Table, number};
use gromov::{Flow, Measure, Result, Trajectory};

/// Variances at the start.
const START: [f64; 2] = [1.0, 0.3];
const END: f64 = 0.5;
/// Particles and frames of the pictures.
const SHOWN: (usize, usize) = (1900, 20);

fn normal(n: usize, seed: u64) -> Result<Measure> {
    sample::gaussian(n, 2, seed)?.linear_image(&[START[0].sqrt(), 0.0, 0.0, START[1].sqrt()], 2)
}

fn energy(matrix: Option<&[f64]>) -> Result<Sum> {
    let mut sum = Sum::default();
    sum.add(1.0, Box::new(Entropy));
    if let Some(q) = matrix {
        sum.add(1.0, Box::new(Quadratic::new(None, Some(q.to_vec()))?));
    }
    Ok(sum)
}

/// To time `END` in steps of 0.03 λ_min², keeping `frames`.
fn run(start: &Measure, metric: Metric, matrix: Option<&[f64]>, frames: usize) -> Result<Trajectory> {
    let steps = (END / (0.03 * START[1] * START[1])).ceil();
    let step = Some(END / steps);
    let every = (steps as usize).div_ceil(frames);
    let flow = Flow { metric, scheme: Scheme::Langevin, step, time: Some(END), every, ..Flow::default() };
    flow.solve(start, &mut energy(matrix)?, &mut ())
}

fn name(metric: Metric) -> &'static str {
    if metric == Metric::W2 { "W2" } else { "IGW" }
}

/// A row of the table, and the largest deviation in standard errors.
fn row(label: &str, metric: Metric, found: &Statistics, exact: &Gaussian) -> (Vec<String>, f64) {
    let mut cells = vec![label.to_string(), name(metric).to_string()];
    let mut worst: f64 = 0.0;
    let energy = found.energy.iter().zip([exact.energy]);
    for (e, want) in found.spectrum.iter().zip(exact.spectrum.iter().copied()).chain(energy) {
        let z = (e.value - want) / e.error;
        worst = worst.max(z.abs());
        cells.push(format!("{} ± {}; {}; {z:+.1}", number(e.value, 4), number(e.error, 2), number(want, 4)));
    }
    cells.push(number(exact.spectrum[0] / exact.spectrum[1], 3));
    (cells, worst)
}

/// The condition of Σ in the exact W2 flow when the entropy is that of the IGW flow at `END`: equal determinants.
fn condition_at_equal_entropy() -> (f64, f64) {
    let [a, b] = START;
    let igw = ((a * a + END).sqrt(), (b * b + END).sqrt());
    // (a + u)(b + u) = det
    let (sum, det) = (a + b, igw.0 * igw.1);
    let u = 0.5 * (-sum + (sum * sum - 4.0 * (a * b - det)).sqrt());
    (igw.0 / igw.1, (a + u) / (b + u))
}

fn picture(title: &str, text: String, matrix: Option<&[f64]>) -> Result<Section> {
    let start = normal(SHOWN.0, 2)?;
    let runs = [run(&start, Metric::Igw, matrix, SHOWN.1)?, run(&start, Metric::W2, matrix, SHOWN.1)?];
    let pictures = runs.each_ref().map(|t| Run {
        label: format!("{} diffusion", name(t.metric)),
        trajectory: t,
        backdrop: None,
        switch: None,
    });
    let mut out = section(title, vec![text], &pictures)?;
    out.start = Some(END);
    Ok(out)
}

fn main() -> Result<()> {
    let n = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(40_000);
    let start = normal(n, 1)?;
    let across = [2.0, 0.0, 0.0, 0.5];
    let cases = [("∫ ρ log ρ", None), ("½ ∫ xᵀQx dρ + ∫ ρ log ρ", Some(&across[..]))];
    let (mut rows, mut worst) = (Vec::new(), 0.0f64);
    for (label, matrix) in cases {
        for metric in [Metric::Igw, Metric::W2] {
            let run = run(&start, metric, matrix, 1)?;
            let functional = Functional::new(1.0, matrix.unwrap_or(&[0.0; 4]))?;
            let law = gaussian::Flow::new(&functional, &[START[0], 0.0, 0.0, START[1]], metric)?;
            let (cells, z) = row(label, metric, &run.statistics(run.frames() - 1)?, &law.at(END)?);
            println!("{}", cells.join(" | "));
            rows.push(cells);
            worst = worst.max(z);
        }
    }
    println!("{n} particles: largest deviation {worst:.2} standard errors (12 numbers; 3.5 asked)");
    assert!(worst < 3.5);
    let (igw, w2) = condition_at_equal_entropy();
    println!("condition of Σ at equal entropy, from {:.2}: IGW {igw:.3}, W2 {w2:.3}", START[0] / START[1]);
    assert!(igw < w2);
    let head = ["energy", "geometry", "λ₁: found; exact; in errors", "λ₂", "F", "exact λ₁/λ₂"];
    let table = Table { head: head.map(String::from).to_vec(), rows };
    let first = picture(
        "The entropy alone",
        format!(
            "∫ ρ log ρ from N(0, diag(1, 0.3)): exactly λ = √(λ₀² + t) under IGW, λ₀ + 2t under W2. Under IGW the short axis \
             grows faster: when both have lost the same entropy, λ₁/λ₂ is {igw:.2} under IGW and {w2:.2} under W2, from 3.33. \
             Times are not comparable between the two."
        ),
        None,
    )?;
    let mut second = picture(
        "With a potential across",
        "F = ½ ∫ xᵀ diag(2, ½) x dρ + ∫ ρ log ρ. The long axis of the cloud lies along the steep direction. Under IGW turning \
         costs nothing, so the cloud first turns by a right angle; under W2 it changes its shape where it stands."
            .into(),
        Some(&across),
    )?;
    second.table = Some(table);
    second.notes.push(format!(
        "Table: {n} particles at t = {END}, value ± standard error; exact; deviation in standard errors. Pictures and curves: \
         {} particles; their exact curves start from their own Σ.",
        SHOWN.0
    ));
    let page = Page {
        title: "Particles with noise follow the exact flows of Gaussians; at equal entropy the IGW flow has the rounder cloud"
            .into(),
        lead: vec![
            "Energies with an entropy have no value on points. Their flows are diffusions: under IGW \
             dX = (v_R − ¼ Σ⁻² X) dt + Σ^(−1/2) dB, v_R the velocity of the rest of F, where Σ is that of the cloud itself. \
             Dashed: the closed form. Energies are estimated from distances to near neighbours."
                .into(),
        ],
        sections: vec![first, second],
        foot: vec![format!("gromov {}, seeds 0 to 2.", env!("CARGO_PKG_VERSION"))],
    };
    shared::write(&page, "diffusions.html")
}
