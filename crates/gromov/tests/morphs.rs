//! Paths between real clouds: the code of the examples, and what comes out of it.

#[path = "../examples/hands.rs"]
mod hands;
#[path = "../examples/shared/mod.rs"]
mod shared;
#[path = "../examples/turning_horse.rs"]
mod turning_horse;

use gromov::demo::ANGLE;

#[test]
fn half_way_the_horse_is_whole_on_the_geodesic_and_not_on_straight_lines() {
    let all: Vec<_> = (0..3).map(|seed| turning_horse::half_way(300, seed).unwrap()).collect();
    for h in &all {
        println!("{h:?}");
        assert!((h.angle - ANGLE).abs() < 5.0 && h.igw < 0.4 * h.w2, "{h:?}");
        // as much of a horse as a sample of it
        assert!(h.igw < 1.1 * h.fresh, "{h:?}");
        assert!(h.gram.0 < 0.05 * h.gram.1 && h.distances.0 < 0.1 * h.distances.1, "{h:?}");
        assert!(h.longer >= 1.0 && h.longer < 1.01, "{h:?}");
    }
    let mean = all.iter().map(|h| h.angle).sum::<f64>() / 3.0;
    assert!((mean - ANGLE).abs() < 1.5, "{mean}");
}

#[test]
fn certified_optima_pair_joints_otherwise_than_anatomy() {
    let all = hands::hands().unwrap();
    assert_eq!((all.len(), all.iter().filter(|h| h.0 == 1).count()), (53, 27));
    let solve = |pair: usize| {
        let (i, j) = hands::PAIRS[pair];
        let o = hands::optimum(&all[i].1, &all[j].1).unwrap();
        println!("{i} {j}: {o:?}");
        assert!(o.certified && o.squared <= o.anatomical * (1.0 + 1e-9), "{o:?}");
        assert!(o.squared - o.lower_bound <= 2e-6 * o.squared, "{o:?}");
        o
    };
    // two of "Grab", two of "Expand", one of each
    let (grab, expand, across) = (solve(0), solve(3), solve(4));
    assert!(grab.squared < 0.5 * grab.anatomical && grab.right < 3.0, "{grab:?}");
    assert!(expand.squared > 0.999 * expand.anatomical && expand.right > 21.9, "{expand:?}");
    assert!(across.squared < 0.97 * across.anatomical && across.right < 5.0, "{across:?}");
}

#[test]
fn inner_products_gain_on_the_geodesic_and_distances_do_not_always() {
    let all = hands::hands().unwrap();
    let mut gains = 0;
    for (i, j) in hands::PAIRS {
        let paths = hands::paths(&all[i].1, &all[j].1).unwrap();
        let [straight, geodesic, lifted, whole] = &paths[..] else { panic!("{paths:?}") };
        assert!(geodesic.gram < 0.5 * straight.gram && whole.gram < 1e-12, "{paths:?}");
        gains += usize::from(geodesic.bones < straight.bones);
        assert!(straight.length > geodesic.length && geodesic.length > 1.0, "{paths:?}");
        assert!((lifted.length - 1.0).abs() < 1e-12 && (whole.length - 1.0).abs() < 1e-12, "{paths:?}");
    }
    assert_eq!(gains, 5);
    let (i, j) = hands::PAIRS[4];
    let paths = hands::paths(&all[i].1, &all[j].1).unwrap();
    assert!(paths[1].bones > paths[0].bones && paths[1].distances > paths[0].distances, "{paths:?}");
}

#[test]
fn outlines_are_filled_and_clouds_have_one_size() {
    // areas of the two outlines by the shoelace formula; a pixel more or less here and there on the border
    for (number, area) in [(shared::STAR, 30_456.5), (shared::FORK, 8_165.0)] {
        let pixels = shared::cell_pixels(number).unwrap();
        assert!((pixels.len() as f64 / area - 1.0).abs() < 0.005, "{number}: {} of {area}", pixels.len());
        assert!(pixels.duplicates().is_empty());
    }
    // eigenvalues of Σ: the polygon of the fork has the ratio 12.198; pixels, of which those centred on a slanted edge count
    // on the left alone, 12.259, 12.228, 12.213 with sides 1, 1/2, 1/4
    let spectrum = shared::cell_pixels(shared::FORK).unwrap().centred().spectrum().unwrap();
    assert!((spectrum[0] / spectrum[1] - 12.2585).abs() < 1e-3, "{spectrum:?}");
    for cloud in [
        shared::horse(150, 2),
        shared::cell(shared::STAR, 150, 2),
        shared::bunny(150, 2),
        shared::spot(150, 2),
    ] {
        let cloud = cloud.unwrap();
        assert!((cloud.rms_radius() - 1.0).abs() < 1e-12 && cloud.len() == 150);
    }
}
