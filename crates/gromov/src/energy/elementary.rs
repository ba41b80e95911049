//! exp, ln and powers of vectors, in plain arithmetic: no fused operations and no library of the system,
//! so that the bits are the same on every processor.

use pulp::Simd;

/// Numbers worked on together: a multiple of the lanes of any vector.
pub(super) const BLOCK: usize = 8;

/// 1.5 · 2⁵²: a sum with it is rounded to an integer, which its lowest bits then hold.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the first has zeros at its end, so that its multiples are exact.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// 0! to 13!.
const FACTORIALS: [f64; 14] = [
    1.0,
    1.0,
    2.0,
    6.0,
    24.0,
    120.0,
    720.0,
    5_040.0,
    40_320.0,
    362_880.0,
    3_628_800.0,
    39_916_800.0,
    479_001_600.0,
    6_227_020_800.0,
];

/// f of the bits of each lane.
#[inline(always)]
fn bits<S: Simd>(simd: S, x: S::f64s, f: impl Fn(u64) -> u64) -> S::f64s {
    let mut lanes = [0u64; BLOCK];
    S::as_mut_simd_u64s(&mut lanes).0[0] = simd.transmute_u64s_f64s(x);
    for lane in lanes.iter_mut().take(S::U64_LANES) {
        *lane = f(*lane);
    }
    simd.transmute_f64s_u64s(S::as_simd_u64s(&lanes).0[0])
}

/// eˣ, relative error below 4e-16 for |x| ≤ 708; arguments beyond count as ±708 (e⁻⁷⁰⁸ is 3e-308).
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    let one = simd.splat_f64s(1.0);
    let x = simd.min_f64s(simd.max_f64s(x, simd.splat_f64s(-708.0)), simd.splat_f64s(708.0));
    // x = k ln 2 + r, |r| ≤ ln 2 / 2
    let scaled = simd.mul_f64s(x, simd.splat_f64s(std::f64::consts::LOG2_E));
    let shifted = simd.add_f64s(scaled, simd.splat_f64s(ROUND));
    let k = simd.sub_f64s(shifted, simd.splat_f64s(ROUND));
    let r = simd.sub_f64s(x, simd.mul_f64s(k, simd.splat_f64s(LN2_HIGH)));
    let r = simd.sub_f64s(r, simd.mul_f64s(k, simd.splat_f64s(LN2_LOW)));
    // Taylor to degree 13 (the next term is 4e-18), even and odd powers apart
    let z = simd.mul_f64s(r, r);
    let mut even = simd.splat_f64s(1.0 / FACTORIALS[12]);
    let mut odd = simd.splat_f64s(1.0 / FACTORIALS[13]);
    for i in [10, 8, 6, 4, 2] {
        even = simd.add_f64s(simd.mul_f64s(even, z), simd.splat_f64s(1.0 / FACTORIALS[i]));
        odd = simd.add_f64s(simd.mul_f64s(odd, z), simd.splat_f64s(1.0 / FACTORIALS[i + 1]));
    }
    let rest = simd.add_f64s(even, simd.mul_f64s(odd, r));
    let p = simd.add_f64s(one, simd.add_f64s(r, simd.mul_f64s(z, rest)));
    // 2ᵏ: the lowest bits of the shifted number, moved to the place of the exponent
    simd.mul_f64s(p, bits(simd, shifted, |b| (b << 52).wrapping_add(1023 << 52)))
}

/// ln x for positive normal x, relative error below 4e-16.
#[inline(always)]
pub(super) fn ln<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    const ONE: u64 = 1023 << 52;
    const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let exponent = |b: u64| b.wrapping_add(ONE - ROOT_HALF) >> 52;
    // x = 2ᵏ m, √½ ≤ m < √2
    let m = bits(simd, x, |b| b.wrapping_sub(exponent(b) << 52).wrapping_add(ONE));
    let k = bits(simd, x, |b| ROUND.to_bits() + exponent(b));
    let k = simd.sub_f64s(k, simd.splat_f64s(ROUND + 1023.0));
    // ln m = 2 artanh s, s = (m − 1) / (m + 1), |s| < 0.172: terms to s²¹
    let one = simd.splat_f64s(1.0);
    let s = simd.div_f64s(simd.sub_f64s(m, one), simd.add_f64s(m, one));
    let z = simd.mul_f64s(s, s);
    let mut p = simd.splat_f64s(1.0 / 21.0);
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        p = simd.add_f64s(simd.mul_f64s(p, z), simd.splat_f64s(1.0 / odd));
    }
    let twice = simd.add_f64s(s, s);
    let low = simd.mul_f64s(k, simd.splat_f64s(LN2_LOW));
    let rest = simd.add_f64s(simd.mul_f64s(twice, simd.mul_f64s(z, p)), low);
    simd.add_f64s(simd.mul_f64s(k, simd.splat_f64s(LN2_HIGH)), simd.add_f64s(twice, rest))
}

/// How rᵉ is computed from r².
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Power {
    /// e even: (r²)^k.
    Even(u32),
    /// e odd: (r²)^k r.
    Odd(u32),
    /// e = −1.
    Inverse,
    /// e / 2 for any other e: exp(e/2 ln r²).
    Real(f64),
}

impl Power {
    /// The way for an exponent e.
    pub(super) fn new(e: f64) -> Self {
        match e {
            -1.0 => Power::Inverse,
            e if e.fract() == 0.0 && (0.0..=16.0).contains(&e) => {
                let k = e as u32;
                if k.is_multiple_of(2) { Power::Even(k / 2) } else { Power::Odd(k / 2) }
            }
            e => Power::Real(0.5 * e),
        }
    }

    /// rᵉ from positive normal r².
    #[inline(always)]
    pub(super) fn of<S: Simd>(self, simd: S, squared: S::f64s) -> S::f64s {
        match self {
            Power::Even(k) => product(simd, squared, k),
            Power::Odd(k) => simd.mul_f64s(product(simd, squared, k), simd.sqrt_f64s(squared)),
            Power::Inverse => simd.div_f64s(simd.splat_f64s(1.0), simd.sqrt_f64s(squared)),
            Power::Real(half) => exp(simd, simd.mul_f64s(simd.splat_f64s(half), ln(simd, squared))),
        }
    }
}

/// xᵏ.
#[inline(always)]
fn product<S: Simd>(simd: S, x: S::f64s, k: u32) -> S::f64s {
    let mut out = simd.splat_f64s(1.0);
    for _ in 0..k {
        out = simd.mul_f64s(out, x);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;
    use pulp::{Arch, Scalar, WithSimd};

    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Ln,
        Power(Power),
    }

    struct Map<'a>(Function, &'a mut [f64; BLOCK]);

    impl WithSimd for Map<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in S::as_mut_simd_f64s(self.1).0 {
                *x = match self.0 {
                    Function::Exp => exp(simd, *x),
                    Function::Ln => ln(simd, *x),
                    Function::Power(power) => power.of(simd, *x),
                };
            }
        }
    }

    /// A function of each number on this processor, which must be that without vectors to the bit.
    fn map(function: Function, x: [f64; BLOCK]) -> [f64; BLOCK] {
        let (mut fast, mut plain) = (x, x);
        Arch::new().dispatch(Map(function, &mut fast));
        Map(function, &mut plain).with_simd(Scalar);
        assert_eq!(fast.map(f64::to_bits), plain.map(f64::to_bits), "{x:?}");
        fast
    }

    #[test]
    fn exponentials_and_logarithms_are_those_of_the_standard_library() {
        let mut s = Source::new(1, 0);
        let (mut of_exp, mut of_ln) = (0.0f64, 0.0f64);
        for k in 0..100_000 {
            let x: [f64; BLOCK] = std::array::from_fn(|l| match l % 4 {
                0 => 1416.0 * s.unit() - 708.0,
                1 => 2.0 * s.unit() - 1.0,
                2 => -40.0 * s.unit(),
                _ => f64::from(k % 1416) - 708.0,
            });
            for (got, x) in map(Function::Exp, x).iter().zip(x) {
                of_exp = of_exp.max((got / x.exp() - 1.0).abs());
            }
            let y: [f64; BLOCK] = std::array::from_fn(|l| match l % 4 {
                0 => x[l].exp().max(f64::MIN_POSITIVE),
                1 => 1.0 + 1e-3 * (s.unit() - 0.5),
                2 => 0.5 + 2.0 * s.unit(),
                _ => s.unit() + 1e-300,
            });
            for (got, y) in map(Function::Ln, y).iter().zip(y) {
                let error = if y == 1.0 { got.abs() } else { (got / y.ln() - 1.0).abs() };
                of_ln = of_ln.max(error);
            }
        }
        println!("largest relative errors: exp {of_exp:.1e}, ln {of_ln:.1e}");
        assert!(of_exp < 5e-16 && of_ln < 5e-16, "{of_exp:e} {of_ln:e}");
        let ends = map(Function::Exp, [0.0, -0.0, -1e9, -708.0, 1e9, 708.0, 1.0, -1.0]);
        assert_eq!((ends[0], ends[1], ends[2], ends[4]), (1.0, 1.0, ends[3], ends[5]));
        assert!(ends[3] > 0.0 && ends[3] < 4e-308);
    }

    #[test]
    fn powers_take_the_short_way_where_there_is_one() {
        for e in [-1.0, 0.0, 1.0, 2.0, 5.0, 16.0, 17.0, 0.5, -0.5, 2.7, -1.9] {
            let r: [f64; BLOCK] = std::array::from_fn(|l| 0.01 + 0.7 * l as f64);
            for (got, r) in map(Function::Power(Power::new(e)), r.map(|r| r * r)).iter().zip(r) {
                assert!((got / r.powf(e) - 1.0).abs() < 1e-14, "{e} {r} {got}");
            }
        }
        assert_eq!(Power::new(3.0), Power::Odd(1));
        assert_eq!(Power::new(2.5), Power::Real(1.25));
    }
}
