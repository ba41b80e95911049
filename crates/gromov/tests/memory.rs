//! Memory stays linear in the size of the cloud.

use std::sync::{Mutex, PoisonError};

use gromov::energy::{EnergyDistance, Igw, Mmd, Quadratic, Wasserstein};
use gromov::flow::{Rotation, Scheme};
use gromov::igw::Alternating;
use gromov::measure::sample;
use gromov::memory::Need;
use gromov::mobility::Mobility;
use gromov::{Barycenter, Energy, Flow, Geodesic, Measure, energy::Interaction, geodesic::Kind};
use peak_alloc::PeakAlloc;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// One test at a time: they share the allocator.
static TURN: Mutex<()> = Mutex::new(());

/// Peak of what `f` allocates, in bytes.
fn peak(f: impl FnOnce()) -> f64 {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    f();
    (PEAK.peak_usage() - before) as f64
}

#[test]
fn flows_and_mobility_take_memory_in_proportion_to_the_cloud() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (n, d) = (100_000, 3);
    let size = (8 * n * d) as f64;
    let cloud = sample::gaussian(n, d, 1).unwrap();
    let flow = Flow { steps: Some(10), ..Flow::default() };
    let ratio = peak(|| {
        let run = flow.solve(&cloud, &mut Quadratic::new(None, None).unwrap(), &mut ()).unwrap();
        assert_eq!(run.steps(), 10);
    }) / size;
    println!("10 implicit steps at n = 100,000, 11 frames kept: {ratio:.1} n d doubles");
    assert!(ratio < 40.0, "{ratio}");
    let l = Mobility::new(&cloud, 1e-12).unwrap();
    let mut v = vec![0.0; n * d];
    let ratio = peak(|| {
        l.inverse_into(cloud.points(), &mut v).unwrap();
    }) / size;
    println!("inverse of the mobility into given memory: {ratio:.3} n d doubles");
    assert!(ratio < 0.1, "{ratio}");
}

#[test]
fn a_search_takes_the_memory_that_was_forecast() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for (n, m, p, q) in [(6000, 20, 3, 3), (20, 6000, 2, 5), (1500, 1500, 3, 3)] {
        let (mu, nu) = (sample::gaussian(n, p, 1).unwrap(), sample::gaussian(m, q, 2).unwrap());
        let options = Alternating { starts: Some(2), ..Alternating::default() };
        let forecast = options.forecast(&mu, &nu, &mut ()).unwrap().unwrap();
        let found = peak(|| {
            options.solve(&mu, &nu, &mut ()).unwrap();
        });
        println!("n = {n}, m = {m}: forecast {:.2} of the peak {found:.0}", forecast.bytes / found);
        assert!(forecast.bytes < 2.0 * found && forecast.bytes > 0.5 * found, "{} {found}", forecast.bytes);
        assert!(forecast.exponent >= 1.0 && forecast.seconds > 0.0 && forecast.starts == 2);
    }
}

/// The forecast is within a factor of two of the peak.
fn assert_forecast(what: &str, need: &Need, found: f64) {
    let ratio = need.bytes() / found;
    println!("{what}: forecast {ratio:.2} of the peak {:.1} MB", found / 1e6);
    assert!((0.5..2.0).contains(&ratio), "{what}: {:?}, peak {found}", need.parts);
}

#[test]
fn a_flow_takes_the_memory_that_was_forecast() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let target = sample::gaussian(900, 3, 2).unwrap();
    let energies: Vec<(usize, Box<dyn Energy>)> = vec![
        (100_000, Box::new(Quadratic::new(None, None).unwrap())),
        (1200, Box::new(Interaction::new(2.0, 0.0).unwrap())),
        (1200, Box::new(EnergyDistance::new(target.clone()))),
        (1200, Box::new(Mmd::new(target.clone(), 1.0).unwrap())),
        (1200, Box::new(Wasserstein::new(target.clone()))),
        (1200, Box::new(Igw::new(target, Alternating { starts: Some(2), ..Alternating::default() }))),
    ];
    for (n, mut energy) in energies {
        let cloud = sample::gaussian(n, 3, 1).unwrap();
        for (scheme, steps) in
            [(Scheme::Implicit, 2), (Scheme::Euler, 3), (Scheme::Adaptive, 5), (Scheme::Euler, 100)]
        {
            if scheme != Scheme::Implicit && n < 10_000 {
                continue;
            }
            // without the search of the first turn, which is long for transport
            let flow = Flow { scheme, steps: Some(steps), rotation: Rotation::Fixed, ..Flow::default() };
            let need = flow.need(n, 3, energy.as_ref());
            let found = peak(|| {
                flow.solve(&cloud, energy.as_mut(), &mut ()).unwrap();
            });
            assert_forecast(&format!("{} {} {steps} steps", energy.name(), scheme.name()), &need, found);
        }
    }
}

#[test]
fn a_path_takes_the_memory_that_was_forecast() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (n, m) = (20_000, 20_000);
    for (d, kind) in [(3, Kind::Intrinsic), (2, Kind::Lifted), (3, Kind::Mccann), (8, Kind::Intrinsic)] {
        let (mu, nu) = (sample::gaussian(n, d, 1).unwrap(), sample::gaussian(m, d, 2).unwrap());
        let plan = gromov::ot::Plan::identity(mu.weights());
        let options = Geodesic { kind, ..Geodesic::default() };
        let times: Vec<f64> = (0..11).map(|k| k as f64 / 10.0).collect();
        // the identity has n entries, not n + m − 1
        let need = options.need((n, d), (1, d), times.len());
        let found = peak(|| {
            let path = options.solve(&mu, &nu, &plan, &mut ()).unwrap();
            path.frames(&times).unwrap();
        });
        assert_forecast(&format!("{kind:?}, d = {d}"), &need, found);
    }
}

#[test]
fn a_barycentre_takes_the_memory_that_was_forecast() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for (n, count) in [(1000, 3), (600, 8)] {
        let clouds: Vec<Measure> = (0..count).map(|k| sample::gaussian(n, 2, k).unwrap()).collect();
        let options = Barycenter { starts: Some(2), max_iter: 5, ..Barycenter::default() };
        let sizes: Vec<_> = clouds.iter().map(|c| (c.len(), c.dim())).collect();
        let need = options.need(&sizes);
        let found = peak(|| {
            options.solve(&clouds, &mut ()).unwrap();
        });
        assert_forecast(&format!("barycentre of {count} clouds of {n}"), &need, found);
    }
}
