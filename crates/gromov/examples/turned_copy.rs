//! Distance to a turned, bent copy, and the flow that leads there without turning.
//!
//! `cargo run -p gromov --example turned_copy`

use gromov::energy::Igw;
use gromov::igw::Alternating;
use gromov::measure::sample;
use gromov::{Flow, Result, Status};

fn main() -> Result<()> {
    let horse = sample::horse(200, 0)?.centred();
    // a small shear, then a turn by 50 degrees
    let (sine, cosine) = 50f64.to_radians().sin_cos();
    let sheared = horse.linear_image(&[1.0, 0.2, 0.0, 1.0], 2)?;
    let target = sheared.linear_image(&[cosine, -sine, sine, cosine], 2)?;

    let mut energy = Igw::new(target, Alternating::default());
    let flow = Flow { step: Some(0.1), steps: Some(30), ..Flow::default() };
    let run = flow.solve(&horse, &mut energy, &mut ())?;
    let first = energy.first().expect("the flow has searched");
    println!("IGW² = {:.6e}, lower bound {:.6e}", first.squared, first.lower_bound);

    // F = ½ IGW² contracts by (1 + τ)² in each implicit step, and the horse is not turned
    let ratio = run.energies[run.frames() - 1] / run.energies[0];
    println!("F fell to {ratio:.6} of its start");
    assert_eq!((run.status, run.turned()), (Status::Completed, 0.0));
    assert!(ratio < 1.05 * 1.1f64.powi(-60) + 1e-9, "{ratio}");
    Ok(())
}
