//! The page of the demonstration.

use super::{ANGLE, Bunny, Horse};
use crate::error::Result;
use crate::flow::{Trajectory, change};
use crate::linalg;
use crate::report::flow::{Run, section};
use crate::report::{Page, Section, Table};

/// The page of the experiments; the second is left out of a run that was stopped before it. Errors:
/// none for results of [`Demo`](super::Demo).
pub fn page(horse: &Horse, bunny: Option<&Bunny>) -> Result<Page> {
    let mut sections = vec![horse_section(horse)?];
    if let Some(bunny) = bunny {
        sections.push(bunny_section(bunny)?);
    }
    let mut lead = vec![
        "A gradient flow lowers an energy F as fast as it can for the distance moved; the geometry says what \
         distance is. Wasserstein (W2): how far each point travels. Inner-product Gromov-Wasserstein (IGW): how much \
         the inner products inside the cloud change, so that turning the cloud is free."
            .to_string(),
    ];
    if horse.interrupted() || bunny.is_none_or(Bunny::interrupted) {
        lead.push("This run was stopped early: what it had done until then is shown.".into());
    }
    Ok(Page {
        title: "Gradient flows in the inner-product Gromov-Wasserstein geometry".into(),
        lead,
        sections,
        foot: vec![format!(
            "gromov {}. Horse: silhouette from scikit-image, public domain. Bunny: Stanford 3D Scanning Repository, \
             reduced, npm package bunny, public domain.",
            env!("CARGO_PKG_VERSION")
        )],
    })
}

fn horse_section(horse: &Horse) -> Result<Section> {
    let mut igw = Run { label: "IGW".into(), trajectory: &horse.igw, backdrop: None, switch: None };
    igw.turned_target(&horse.target, &linalg::transpose(&horse.rotation, 2, 2))?;
    let w2 =
        Run { label: "W2".into(), trajectory: &horse.w2, backdrop: Some(horse.target.clone()), switch: None };
    let mut out = section("A horse that turns", horse_text(horse), &[igw, w2])?;
    out.start = Some(horse.w2.times[horse.frames.1]);
    out.below = horse_findings(horse);
    out.table = Some(horse_table(horse)?);
    Ok(out)
}

fn bunny_section(bunny: &Bunny) -> Result<Section> {
    let run = |label: &str, trajectory| Run {
        label: label.into(),
        trajectory,
        backdrop: Some(bunny.target.clone()),
        switch: None,
    };
    let runs = [run("IGW", &bunny.igw), run("W2", &bunny.w2)];
    let mut out = section("One energy, two geometries", bunny_text(bunny), &runs)?;
    out.start = Some(0.5 * bunny.w2.times[bunny.w2.frames() - 1]);
    out.below = bunny_findings(bunny);
    out.table = Some(bunny_table(bunny));
    Ok(out)
}

fn horse_text(horse: &Horse) -> Vec<String> {
    vec![format!(
        "{} points of a silhouette flow to another sample of it, bent and turned by {ANGLE}° (grey). Along \
         F\u{a0}=\u{a0}½\u{a0}W2² the horse is taken apart and put together again. Along F\u{a0}=\u{a0}½\u{a0}IGW² it bends and \
         stays whole; this F does not see rotations: the switch turns horse and target to where the target was given. \
         Energy and geometry both differ here. Told the rotation beforehand, W2 keeps the horse whole too; IGW needs no \
         such step. Each F falls in its own units.",
        thousands(horse.igw.n)
    )]
}

fn horse_findings(horse: &Horse) -> Vec<String> {
    let place = if horse.reached { "the first frame with F ≤ F₀/4" } else { "the last frame" };
    vec![
        format!(
            "How much of a horse is there half way? Measured at {place} (t = {:.2} for IGW, {:.2} for W2): the Chamfer \
             distance to the full silhouette at its best angle is {:.4} under IGW and {:.4} under W2, a ratio of {:.2}. \
             A fresh sample of as many points has {:.4}, so that is what the number of points alone makes of it.",
            horse.igw.times[horse.frames.0],
            horse.w2.times[horse.frames.1],
            horse.chamfer.0,
            horse.chamfer.1,
            horse.chamfer.0 / horse.chamfer.1,
            horse.chamfer_fresh,
        ),
        format!(
            "Rotation found: {:.1}° (given: {ANGLE}°). IGW² at the start is {:.3e}, the best of several starts; its \
             lower bound is {:.3e}, so this is not a proof that no better plan exists.",
            horse.angle, horse.squared.0, horse.squared.1,
        ),
    ]
}

fn horse_table(horse: &Horse) -> Result<Table> {
    let row = |name: &str, t: &Trajectory, f: usize, chamfer: f64| -> Result<Vec<String>> {
        Ok(vec![
            name.to_string(),
            format!("{:.3e}", t.energies[0]),
            format!("{:.3e}", t.energies[t.frames() - 1]),
            format!("{chamfer:.4}"),
            format!("{:.3}", change::gram_change(&t.start()?, t.frame(f))?),
            format!("{:.3}", change::distance_change(&t.start()?, t.frame(f))?),
            unsolved(t),
        ])
    };
    let place = if horse.reached { "at F₀/4" } else { "at the end" };
    let head = [
        "flow".into(),
        "F at the start".into(),
        "F at the end".into(),
        format!("Chamfer {place}"),
        format!("inner products changed {place}"),
        format!("pair distances changed {place}"),
        "steps not solved to tolerance".into(),
    ];
    let rows = vec![
        row("IGW", &horse.igw, horse.frames.0, horse.chamfer.0)?,
        row("W2", &horse.w2, horse.frames.1, horse.chamfer.1)?,
    ];
    Ok(Table { head: head.to_vec(), rows })
}

fn unsolved(t: &Trajectory) -> String {
    format!("{} of {}", t.unsolved(), t.steps())
}

/// 1839 as 1,839.
fn thousands(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", n / 1000, n % 1000) }
}

fn bunny_text(bunny: &Bunny) -> Vec<String> {
    vec![format!(
        "{} vertices of the Stanford bunny flow along one and the same F, the energy distance to two balls (grey), in \
         both geometries, without net rotation. Here the two flows look alike: the IGW velocity is the W2 velocity \
         under one linear map plus a linear drift. Units of time differ.",
        thousands(bunny.igw.n)
    )]
}

fn bunny_findings(bunny: &Bunny) -> Vec<String> {
    let words = |(igw, w2): (f64, f64)| {
        let percent = 100.0 * (igw / w2 - 1.0);
        format!("{:.0}\u{a0}% {}", percent.abs(), if percent <= 0.0 { "less" } else { "more" })
    };
    let mut out = vec![format!(
        "Compared at one and the same energy, {:.0}\u{a0}% of F at the start: under IGW inner products have changed {} than \
         under W2 ({:.3} against {:.3}), and pair distances {} ({:.3} against {:.3}). That is where each has lost half \
         of what both lose in the end. The IGW geometry makes the change of inner products least at each instant, not over \
         a whole path: further down the curves meet. It does not keep distances better.",
        100.0 * bunny.level,
        words(bunny.gram),
        bunny.gram.0,
        bunny.gram.1,
        words(bunny.distances),
        bunny.distances.0,
        bunny.distances.1,
    )];
    if bunny.igw.unsolved() + bunny.w2.unsolved() > 0 {
        let rises = bunny.igw.energy_rises() + bunny.w2.energy_rises();
        out.push(format!(
            "Some steps were not solved to the tolerance: this F has a kink wherever two points meet. They are kept; F \
             rose in {}.",
            if rises == 0 { "no step".to_string() } else { format!("{rises} steps") }
        ));
    }
    out
}

fn bunny_table(bunny: &Bunny) -> Table {
    let row = |name: &str, t: &Trajectory, gram: f64, distances: f64| {
        vec![
            name.to_string(),
            format!("{:.3e}", t.energies[0]),
            format!("{:.3e}", t.energies[t.frames() - 1]),
            format!("{gram:.3}"),
            format!("{distances:.3}"),
            unsolved(t),
        ]
    };
    let place = format!("at {:.0} % of F₀", 100.0 * bunny.level);
    let head = [
        "flow".into(),
        "F at the start".into(),
        "F at the end".into(),
        format!("inner products changed {place}"),
        format!("pair distances changed {place}"),
        "steps not solved to tolerance".into(),
    ];
    Table {
        head: head.to_vec(),
        rows: vec![
            row("IGW", &bunny.igw, bunny.gram.0, bunny.distances.0),
            row("W2", &bunny.w2, bunny.gram.1, bunny.distances.1),
        ],
    }
}
