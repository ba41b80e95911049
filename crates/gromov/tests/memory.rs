//! Memory stays linear in the size of the cloud.

use std::sync::{Mutex, PoisonError};

use gromov::energy::Quadratic;
use gromov::igw::Alternating;
use gromov::measure::sample;
use gromov::{Flow, mobility::Mobility};
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
