//! One axis of a chart: its range, few ticks at round values, their labels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Values beyond this are not drawn: differences would leave the range of a double.
const LARGEST: f64 = 1e300;

/// A range with ticks; positions are log10 of the value on a logarithmic axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub lo: f64,
    pub hi: f64,
    pub log: bool,
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis for values that [`Axis::place`] accepts, about `want` ticks; `widen` moves the ends out
    /// to ticks (linear) or a little (log).
    pub fn new(values: &[f64], log: bool, want: usize, widen: bool) -> Self {
        let placed: Vec<f64> = values.iter().filter_map(|&v| Self::position(v, log)).collect();
        let lo = placed.iter().copied().fold(f64::INFINITY, f64::min);
        let hi = placed.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (lo, hi) = if lo <= hi { (lo, hi) } else { (0.0, 1.0) };
        if log { Self::logarithmic(lo, hi, want, widen) } else { Self::linear(lo, hi, want, widen) }
    }

    fn position(v: f64, log: bool) -> Option<f64> {
        match log {
            _ if !v.is_finite() || v.abs() > LARGEST => None,
            true => (v > 0.0).then(|| v.log10()),
            false => Some(v),
        }
    }

    /// Where a value lies on the axis, if it can be drawn.
    pub fn place(&self, v: f64) -> Option<f64> {
        Self::position(v, self.log)
    }

    fn linear(mut lo: f64, mut hi: f64, want: usize, widen: bool) -> Self {
        let size = lo.abs().max(hi.abs());
        if hi - lo <= 1e-9 * size || hi == lo {
            let pad = if size > 0.0 { 0.1 * size } else { 1.0 };
            (lo, hi) = ((lo + hi) / 2.0 - pad, (lo + hi) / 2.0 + pad);
        }
        let step = round_step((hi - lo) / want as f64);
        if widen {
            // a little tolerance, so that 0.30000000000000004 needs no tick at 0.4
            lo = (lo / step + 1e-6).floor() * step;
            hi = (hi / step - 1e-6).ceil() * step;
        }
        let (first, last) = ((lo / step - 1e-6).ceil() as i64, (hi / step + 1e-6).floor() as i64);
        let ticks = (first..=last).map(|i| i as f64 * step);
        let largest = lo.abs().max(hi.abs());
        let ticks = ticks.map(|v| (v, label(v, step, largest))).collect();
        Axis { lo, hi, log: false, ticks }
    }

    fn logarithmic(mut lo: f64, mut hi: f64, want: usize, widen: bool) -> Self {
        if hi - lo < 1e-9 {
            (lo, hi) = (lo - 0.5, hi + 0.5);
        } else if widen {
            let pad = 0.04 * (hi - lo);
            (lo, hi) = (lo - pad, hi + pad);
        }
        let decades: Vec<i64> = (lo.ceil() as i64..=hi.floor() as i64).collect();
        let ticks: Vec<(f64, String)> = if decades.len() >= 3 {
            let stride = decades.len().div_ceil(want + 1) as i64;
            let kept = decades.iter().filter(|k| k.rem_euclid(stride) == 0);
            kept.map(|&k| (k as f64, format!("10{}", superscript(k)))).collect()
        } else {
            let range = lo.floor() as i64..=hi.floor() as i64;
            let round = range.flat_map(|k| [1.0, 2.0, 5.0].map(|m| (m * power(k), power(k))));
            let inside = round.filter(|v| (lo..=hi).contains(&v.0.log10()));
            inside.map(|(v, unit)| (v.log10(), label(v, unit, v))).collect()
        };
        if ticks.len() >= 2 {
            return Axis { lo, hi, log: true, ticks };
        }
        let inner = Self::linear(10f64.powf(lo), 10f64.powf(hi), want, false).ticks;
        let ticks = inner.into_iter().filter(|t| t.0 > 0.0).map(|(v, text)| (v.log10(), text)).collect();
        Axis { lo, hi, log: true, ticks }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, v: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (v - self.lo) / (self.hi - self.lo);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|t| t.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.lo..self.hi
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, v: &f64) -> String {
        self.ticks.iter().find(|t| t.0 == *v).map(|t| t.1.clone()).unwrap_or_default()
    }
}

/// The next of 1, 2, 5 times a power of ten at or above x.
fn round_step(x: f64) -> f64 {
    let unit = power(x.log10().floor() as i64);
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * unit >= x * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * unit
}

fn power(k: i64) -> f64 {
    format!("1e{k}").parse().unwrap_or(f64::NAN)
}

/// A tick's label: as many decimals as the step needs, or mantissa and power of ten.
fn label(v: f64, step: f64, largest: f64) -> String {
    if v == 0.0 {
        return "0".into();
    }
    if largest >= 1e5 || step < 0.9e-4 {
        let exponent = v.abs().log10().floor() as i64;
        let digits = (exponent - (step.log10() + 1e-9).floor() as i64).clamp(0, 12) as usize;
        let mantissa = format!("{:.digits$}", v / power(exponent));
        return format!("{}×10{}", minus(&mantissa), superscript(exponent));
    }
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize;
    minus(&format!("{v:.decimals$}"))
}

fn minus(number: &str) -> String {
    number.replace('-', "−")
}

fn superscript(k: i64) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32('⁰' as u32 + c as u32 - '0' as u32).unwrap_or(c),
    };
    k.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], log: bool) -> Vec<String> {
        Axis::new(values, log, 5, true).ticks.into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(&[0.0, 1.0], false), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&[-3.0, 7.0], false), ["−4", "−2", "0", "2", "4", "6", "8"]);
        assert_eq!(labels(&[1e-5, 2.5e-5], false)[1], "1.5×10⁻⁵");
        assert_eq!(labels(&[1e-6, 1.0], true), ["10⁻⁶", "10⁻⁴", "10⁻²", "10⁰"]);
        assert_eq!(labels(&[0.9, 60.0], true), ["1", "2", "5", "10", "20", "50"]);
        assert_eq!(labels(&[1.1, 1.4], true), ["1.1", "1.2", "1.3", "1.4"]);
    }

    #[test]
    fn degenerate_ranges_have_width_and_ticks() {
        let cases: [&[f64]; 7] =
            [&[], &[f64::NAN], &[0.0], &[-2.0, -2.0], &[1e-300], &[1e299, -1e299], &[1e15, 1e15 + 2.0]];
        for values in cases {
            for log in [false, true] {
                let axis = Axis::new(values, log, 5, true);
                assert!(
                    axis.hi > axis.lo && axis.hi.is_finite() && axis.lo.is_finite(),
                    "{values:?} {axis:?}"
                );
                assert!((2..=12).contains(&axis.ticks.len()), "{values:?} {log} {axis:?}");
                assert!(axis.ticks.iter().all(|t| t.0.is_finite() && !t.1.contains("NaN")), "{axis:?}");
            }
        }
    }

    #[test]
    fn only_drawable_values_have_a_place() {
        let axis = Axis::new(&[1.0, 2.0], true, 5, true);
        for v in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e301] {
            assert_eq!(axis.place(v), None);
        }
        assert_eq!(axis.place(100.0), Some(2.0));
    }
}
