//! Taylor slope 2 for every energy, and transport energies against their definitions.

use gromov::energy::{
    DoubleWell, EnergyDistance, Entropy, Igw, Interaction, KlGaussian, Mmd, Quadratic, Sum, Wasserstein,
    check::taylor_slope,
};
use gromov::igw::{Alternating, align};
use gromov::measure::sample::Source;
use gromov::{Energy, Measure};

fn cloud(seed: u64, n: usize, d: usize) -> Measure {
    let mut s = Source::new(seed, 9);
    let w = (0..n).map(|_| 0.2 + s.unit()).collect();
    Measure::normalized((0..n * d).map(|_| s.normal() + 0.3).collect(), d, w).unwrap()
}

fn energies(d: usize) -> Vec<Box<dyn Energy>> {
    let mut s = Source::new(5, d as u64);
    let matrix = (0..d * d).map(|_| s.normal()).collect();
    let center = (0..d).map(|_| s.normal()).collect();
    let search = Alternating { starts: Some(8), ..Default::default() };
    let mut sum = Sum::default();
    sum.add(0.3, Box::new(Quadratic::new(None, None).unwrap()));
    sum.add(-2.0, Box::new(EnergyDistance::new(cloud(3, 20, d))));
    vec![
        Box::new(Quadratic::new(None, None).unwrap()),
        Box::new(Quadratic::new(Some(center), Some(matrix)).unwrap()),
        Box::new(DoubleWell),
        Box::new(Interaction::new(4.0, 2.0).unwrap()),
        Box::new(Interaction::new(3.0, 0.0).unwrap()),
        Box::new(Interaction::new(2.6, 1.7).unwrap()),
        Box::new(EnergyDistance::new(cloud(1, 25, d))),
        Box::new(Mmd::new(cloud(1, 25, d), 0.8).unwrap()),
        Box::new(Wasserstein::new(cloud(2, 18, d))),
        Box::new(Igw::new(cloud(2, 18, d), search.clone())),
        Box::new(Igw::new(cloud(2, 18, d + 1), search)),
        Box::new(sum),
    ]
}

#[test]
fn taylor_slope_is_two() {
    for d in 1..=4 {
        for mut energy in energies(d) {
            let slope = taylor_slope(energy.as_mut(), &cloud(7, 30, d), 11).unwrap();
            println!("d = {d}, {}: slope {slope:.3}", energy.name());
            // on the line |x − y| is piecewise affine: no remainder at all
            let affine = d == 1 && energy.name() == "energy-distance" && slope.is_infinite();
            assert!((slope - 2.0).abs() < 0.2 || affine, "{} in dimension {d}: {slope}", energy.name());
        }
    }
}

#[test]
fn a_gradient_wrong_by_a_factor_of_two_fails() {
    struct Wrong;
    impl Energy for Wrong {
        fn name(&self) -> String {
            "wrong".into()
        }
        fn value_and_gradient(&mut self, rho: &Measure, g: &mut [f64]) -> gromov::Result<f64> {
            let value = Quadratic::new(None, None)?.value_and_gradient(rho, g)?;
            g.iter_mut().for_each(|g| *g *= 2.0);
            Ok(value)
        }
    }
    let slope = taylor_slope(&mut Wrong, &cloud(7, 30, 2), 11).unwrap();
    assert!((slope - 1.0).abs() < 0.2, "{slope}");
}

#[test]
fn transport_energies_are_half_the_squared_distances() {
    let (rho, nu) = (cloud(1, 30, 3), cloud(2, 22, 3));
    let mut w2 = Wasserstein::new(nu.clone());
    let value = w2.value(&rho).unwrap();
    let plan = w2.plan(&rho).unwrap();
    let dense: f64 = plan
        .entries()
        .map(|(i, j, m)| {
            m * rho.point(i).iter().zip(nu.point(j)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
        })
        .sum();
    assert!((value - 0.5 * dense).abs() < 1e-12 * dense);

    let mut igw = Igw::new(nu.clone(), Alternating::default());
    let value = igw.value(&rho).unwrap();
    let plan = igw.plan(&rho).unwrap();
    assert!((2.0 * value - align::plan(&rho, &nu, &plan).unwrap().squared).abs() < 1e-12 * value);
    // followed from a moved cloud, the plan is a local optimum there too
    let moved = rho.with_points(rho.points().iter().map(|x| x + 0.05 * x.sin()).collect()).unwrap();
    let followed = igw.value(&moved).unwrap();
    let best = Alternating::default().solve(&moved, &nu, &mut ()).unwrap();
    assert!(followed >= 0.5 * best.squared - 1e-12);
    assert!(followed <= 0.5 * align::plan(&moved, &nu, &plan).unwrap().squared + 1e-12);
}

#[test]
fn zero_weights_move_along_and_do_not_count() {
    let rho = Measure::weighted(vec![0.0, 1.0, 1.1], 1, vec![0.5, 0.5, 0.0]).unwrap();
    for mut energy in energies(1) {
        let mut g = vec![f64::NAN; 3];
        let value = energy.value_and_gradient(&rho, &mut g).unwrap();
        assert!(value.is_finite() && g.iter().all(|x| x.is_finite()), "{}: {g:?}", energy.name());
    }
}

#[test]
fn the_first_variation_is_the_derivative_in_the_weights() {
    // d/dε F((1 − ε) ρ + ε δ_{x_i}) = δF(x_i) − ∫ δF dρ, by the central difference, exact for quadratic functionals
    let mut s = Source::new(77, 1);
    let points: Vec<f64> = (0..30).map(|_| s.normal()).collect();
    let weights = (0..15).map(|_| 0.3 + s.unit()).collect();
    let rho = Measure::normalized(points, 2, weights).unwrap();
    let target = gromov::measure::sample::gaussian(9, 2, 4).unwrap();
    let mut sum = Sum::default();
    sum.add(0.5, Box::new(Entropy));
    sum.add(2.0, Box::new(DoubleWell));
    sum.add(-0.3, Box::new(EnergyDistance::new(target.clone())));
    let cases: Vec<Box<dyn Energy>> = vec![
        Box::new(Quadratic::new(Some(vec![0.3, -1.0]), Some(vec![2.0, 0.4, 0.4, 1.0])).unwrap()),
        Box::new(DoubleWell),
        Box::new(Interaction::new(4.0, 2.0).unwrap()),
        Box::new(Interaction::new(1.5, 0.0).unwrap()),
        Box::new(EnergyDistance::new(target.clone())),
        Box::new(Mmd::new(target, 0.8).unwrap()),
        Box::new(KlGaussian::new(Some(vec![0.2, 0.1]), &[1.0, 0.2, 0.2, 0.5]).unwrap()),
        Box::new(sum),
    ];
    for mut energy in cases {
        let variation = energy.first_variation(&rho).unwrap().unwrap();
        let mean: f64 = variation.iter().zip(rho.weights()).map(|(v, w)| v * w).sum();
        let mut gradient = vec![0.0; 30];
        for i in 0..15 {
            let mut at = |epsilon: f64| {
                let weight = |(k, w): (usize, &f64)| (1.0 - epsilon) * w + if k == i { epsilon } else { 0.0 };
                let w = rho.weights().iter().enumerate().map(weight).collect();
                let moved = Measure::normalized(rho.points().to_vec(), 2, w).unwrap();
                energy.regular_part(&moved, &mut gradient).unwrap()
            };
            let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
            let want = variation[i] - mean;
            assert!((slope - want).abs() < 1e-10 * (1.0 + want.abs()), "{}: {slope} {want}", energy.name());
        }
    }
}
