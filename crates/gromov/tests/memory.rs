//! Memory stays linear in the size of the cloud.

use gromov::energy::Quadratic;
use gromov::measure::sample;
use gromov::{Flow, mobility::Mobility};
use peak_alloc::PeakAlloc;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// Peak of what `f` allocates, in bytes.
fn peak(f: impl FnOnce()) -> f64 {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    f();
    (PEAK.peak_usage() - before) as f64
}

#[test]
fn flows_and_mobility_take_memory_in_proportion_to_the_cloud() {
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
