//! What energies remember, as bytes: plain data in the format of `postcard`, where each double keeps its bits.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The bytes of plain data.
pub(super) fn pack(data: &impl Serialize) -> Vec<u8> {
    // plain data has a length for every list, and memory takes all bytes
    let packed = postcard::to_stdvec(data);
    debug_assert!(packed.is_ok(), "{packed:?}");
    packed.unwrap_or_default()
}

/// The data of [`pack`]. Errors: other bytes, or more of them.
pub(super) fn unpack<T: DeserializeOwned>(energy: &str, bytes: &[u8]) -> Result<T> {
    let wrong = |got: String| Error::shape(&format!("memory of {energy}"), "that of a run of it", got);
    match postcard::take_from_bytes(bytes) {
        Ok((data, [])) => Ok(data),
        Ok((_, rest)) => Err(wrong(format!("{} bytes more", rest.len()))),
        Err(e) => Err(wrong(format!("{} bytes ({e})", bytes.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Igw, Quadratic, Sum, Wasserstein};
    use crate::igw::Alternating;
    use crate::measure::sample::Source;
    use crate::{Energy, Measure};

    #[test]
    fn doubles_keep_their_bits() {
        let nan = f64::from_bits(0x7ff8_0000_dead_beef);
        let odd = [nan, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX, 0.1];
        let back: Vec<f64> = unpack("test", &pack(&odd.to_vec())).unwrap();
        assert!(odd.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()) && back.len() == 7);
    }

    /// Gradients along a walk: of one energy, and of copies that are made at each step and told what the last one knew.
    fn walk(make: &dyn Fn() -> Box<dyn Energy>, rho: &Measure) {
        let mut s = Source::new(73, 0);
        let (mut whole, mut last) = (make(), make());
        let mut x = rho.points().to_vec();
        for _ in 0..6 {
            let at = rho.with_points(x.clone()).unwrap();
            let (mut g, mut h) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            let one = whole.value_and_gradient(&at, &mut g).unwrap();
            let mut next = make();
            next.remember(&last.memory()).unwrap();
            let two = next.value_and_gradient(&at, &mut h).unwrap();
            assert_eq!((one.to_bits(), g), (two.to_bits(), h));
            assert_eq!(whole.memory(), next.memory());
            last = next;
            x.iter_mut().for_each(|x| *x += 0.2 * s.normal());
        }
    }

    #[test]
    fn an_energy_that_is_told_goes_on_with_the_same_bits() {
        let mut s = Source::new(74, 0);
        let mut cloud = |n: usize, d| Measure::uniform((0..n * d).map(|_| s.normal()).collect(), d).unwrap();
        let (rho, same, plane) = (cloud(40, 3), cloud(30, 3), cloud(25, 2));
        let search = Alternating { starts: Some(8), ..Alternating::default() };
        let wasserstein = || -> Box<dyn Energy> { Box::new(Wasserstein::new(same.clone())) };
        let igw = || -> Box<dyn Energy> { Box::new(Igw::new(plane.clone(), search.clone())) };
        let sum = || -> Box<dyn Energy> {
            let mut sum = Sum::default();
            sum.add(0.5, igw());
            sum.add(2.0, Box::new(Quadratic::new(None, None).unwrap()));
            sum.add(1.0, wasserstein());
            Box::new(sum)
        };
        for make in [&wasserstein as &dyn Fn() -> Box<dyn Energy>, &igw, &sum] {
            walk(make, &rho);
        }
        // the memory of another target, of another energy, and half of one
        let mut known = igw();
        known.value(&rho).unwrap();
        let memory = known.memory();
        assert!(Igw::new(same.clone(), search.clone()).remember(&memory).is_err());
        assert!(wasserstein().remember(&memory).is_err() && sum().remember(&memory).is_err());
        assert!(igw().remember(&memory[..memory.len() / 2]).is_err());
        assert!(igw().remember(&[&memory[..], &[0]].concat()).is_err());
        assert!(Quadratic::new(None, None).unwrap().remember(&memory).is_err());
        igw().remember(&memory).unwrap();
    }
}
