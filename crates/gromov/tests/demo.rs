//! The demonstration keeps what its page says.

use gromov::Status;
use gromov::demo::{Demo, page};

#[test]
fn the_horse_turns_whole_under_igw_and_splits_under_w2() {
    let horse = Demo::full().horse(&mut ()).unwrap();
    let ratio = horse.chamfer.0 / horse.chamfer.1;
    println!(
        "Chamfer distance at F0/4: IGW {:.4}, W2 {:.4}, ratio {ratio:.3}; fresh sample {:.4}; angle {:.2}",
        horse.chamfer.0, horse.chamfer.1, horse.chamfer_fresh, horse.angle
    );
    assert!(ratio <= 0.4, "{ratio}");
    assert!((horse.angle - 110.0).abs() < 5.0, "{}", horse.angle);
    for run in [&horse.igw, &horse.w2] {
        assert_eq!((run.status, run.unsolved(), run.energy_rises()), (Status::Completed, 0, 0));
        assert!(run.energies[run.frames() - 1] < 0.01 * run.energies[0]);
    }
    assert_eq!((horse.igw.turned(), horse.igw.first_turn.is_none()), (0.0, true));
    // both metrics: F = ½ D² contracts like exp(−2 t) while the plan stays
    let early = horse.w2.energies[5] / horse.w2.energies[0];
    let implicit = 1.0 / 1.1f64.powi(10);
    assert!((early - implicit).abs() < 0.05, "{early} {implicit}");
}

#[test]
fn the_page_of_the_small_demonstration_is_small_and_repeatable() {
    let demo = Demo::quick();
    let make = || {
        let (horse, bunny) = (demo.horse(&mut ()).unwrap(), demo.bunny(&mut ()).unwrap());
        println!("inner products {:?}, pair distances {:?}", bunny.gram, bunny.distances);
        // at equal energy the IGW flow has changed inner products less
        assert!(bunny.gram.0 < bunny.gram.1);
        page(&horse, Some(&bunny)).unwrap().render().unwrap()
    };
    let first = make();
    assert!(first.len() < 1_000_000);
    assert_eq!(first, make());
}
