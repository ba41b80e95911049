//! Energies as typed: `name[:key=value,...]`.
//!
//! A comma inside a value is written twice; the numbers of a center are separated by `;`. Values are
//! bytes until their key says what they are, so that file names of any encoding pass.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use gromov::Energy;
use gromov::energy::{
    DoubleWell, EnergyDistance, Entropy, Igw, Interaction, KlGaussian, Mmd, Quadratic, SampledEnergyDistance,
    Shared, Wasserstein,
};
use gromov::igw::Alternating;

use crate::failure::{self, Failure};
use crate::reading::Reading;
use crate::target::Target;

/// Every energy: its name, its keys, and what its parameters make of it.
const ENERGIES: [(&str, &[&str], Make); 9] = [
    ("quadratic", &["center", "matrix", "weight"], |p| {
        Ok(Kind::Quadratic { center: p.center, matrix: p.matrix })
    }),
    ("double-well", &["weight"], |_| Ok(Kind::DoubleWell)),
    ("interaction", &["p", "q", "weight"], interaction),
    ("energy-distance", &["target", "batch", "weight"], |p| {
        let batch = p.batch;
        Ok(Kind::EnergyDistance { target: p.target()?, batch })
    }),
    ("mmd", &["target", "bandwidth", "weight"], mmd),
    ("wasserstein", &["target", "weight"], |p| Ok(Kind::Wasserstein { target: p.target()? })),
    ("igw", &["target", "weight"], |p| Ok(Kind::Igw { target: p.target()? })),
    ("entropy", &["weight"], |p| p.positive_weight(Kind::Entropy)),
    ("kl-gaussian", &["mean", "cov", "weight"], |p| {
        let kind = Kind::KlGaussian { mean: p.mean.clone(), cov: p.cov.clone() };
        p.positive_weight(kind)
    }),
];

type Make = fn(Parameters) -> Result<Kind, String>;

/// Values as typed, by key.
#[derive(Default)]
struct Parameters {
    /// The energy they are for.
    name: &'static str,
    weight: Option<f64>,
    center: Option<Vec<f64>>,
    matrix: Option<PathBuf>,
    mean: Option<Vec<f64>>,
    cov: Option<PathBuf>,
    target: Option<PathBuf>,
    p: Option<f64>,
    q: Option<f64>,
    bandwidth: Option<f64>,
    batch: Option<usize>,
}

/// An energy with the parameters it has.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Quadratic { center: Option<Vec<f64>>, matrix: Option<PathBuf> },
    DoubleWell,
    Interaction { p: f64, q: f64 },
    EnergyDistance { target: PathBuf, batch: Option<usize> },
    Mmd { target: PathBuf, bandwidth: f64 },
    Wasserstein { target: PathBuf },
    Igw { target: PathBuf },
    Entropy,
    KlGaussian { mean: Option<Vec<f64>>, cov: Option<PathBuf> },
}

/// An energy that is well formed; its files have not been opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// As typed, for messages and files.
    pub text: String,
    /// Factor in the sum.
    pub weight: f64,
    kind: Kind,
}

impl Spec {
    /// Reads one SPEC. Failures list the names or keys that exist.
    pub fn parse(typed: &OsStr) -> Result<Self, Failure> {
        let text = typed.to_string_lossy().into_owned();
        let fail = |problem: String| Failure::new(format!("--energy '{text}': {problem}"));
        let bytes = typed.as_encoded_bytes();
        let (name, rest) = match bytes.iter().position(|b| *b == b':') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        let name = String::from_utf8_lossy(name);
        let Some((name, keys, make)) = ENERGIES.iter().find(|e| e.0 == name) else {
            let known = ENERGIES.map(|(name, keys, _)| format!("{name} ({})", keys.join(", "))).join(", ");
            return Err(fail(format!("there is no energy '{name}'; use one of {known}")));
        };
        let mut given = Parameters { name, ..Parameters::default() };
        let mut seen: Vec<&str> = Vec::new();
        for item in rest.map(split).unwrap_or_default() {
            let Some(at) = item.iter().position(|b| *b == b'=') else {
                let item = String::from_utf8_lossy(&item).into_owned();
                return Err(fail(format!(
                    "'{item}' is not key=value; write {name}:key=value,... (a comma inside a value twice)"
                )));
            };
            let key = String::from_utf8_lossy(&item[..at]);
            let Some(key) = keys.iter().find(|k| **k == key) else {
                return Err(fail(format!("{name} has no key '{key}'; it has {}", keys.join(", "))));
            };
            if seen.contains(key) {
                return Err(fail(format!("{key} is given twice; give it once")));
            }
            seen.push(key);
            given.set(key, &item[at + 1..]).map_err(fail)?;
        }
        let weight = given.weight.unwrap_or(1.0);
        let kind = make(given).map_err(fail)?;
        Ok(Spec { text: text.clone(), weight, kind })
    }

    /// The file of the target, where there is one.
    pub fn target_file(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Quadratic { .. }
            | Kind::DoubleWell
            | Kind::Interaction { .. }
            | Kind::Entropy
            | Kind::KlGaussian { .. } => None,
            Kind::EnergyDistance { target, .. }
            | Kind::Mmd { target, .. }
            | Kind::Wasserstein { target }
            | Kind::Igw { target } => Some(target),
        }
    }

    /// Reads the files and makes the energy, for clouds of dimension `dim` read from `cloud`; its target
    /// beside it, if it has one.
    pub fn build(
        &self,
        reading: &mut Reading,
        cloud: &Path,
        dim: usize,
        seed: u64,
    ) -> Result<(Box<dyn Energy>, Option<Target>), Failure> {
        let mut read = |path: &Path| reading.cloud(path).map(|input| input.cloud);
        let file = || self.target_file().map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
        let still = |cloud| Some(Target { file: file(), cloud, aligned: None });
        let (energy, target): (Box<dyn Energy>, _) = match &self.kind {
            Kind::Quadratic { center, matrix } => {
                (Box::new(self.quadratic(center, matrix.as_deref(), reading)?), None)
            }
            Kind::DoubleWell => (Box::new(DoubleWell), None),
            Kind::Entropy => (Box::new(Entropy), None),
            Kind::KlGaussian { mean, cov } => {
                (Box::new(self.kl_gaussian(mean, cov.as_deref(), dim, reading)?), None)
            }
            Kind::Interaction { p, q } => (Box::new(Interaction::new(*p, *q)?), None),
            Kind::EnergyDistance { target, batch: Some(batch) } => {
                let target = read(target)?;
                (Box::new(SampledEnergyDistance::new(target.clone(), *batch, seed)?), still(target))
            }
            Kind::EnergyDistance { target, batch: None } => {
                let target = read(target)?;
                (Box::new(EnergyDistance::new(target.clone())), still(target))
            }
            Kind::Mmd { target, bandwidth } => {
                let target = read(target)?;
                (Box::new(Mmd::new(target.clone(), *bandwidth)?), still(target))
            }
            Kind::Wasserstein { target } => {
                let target = read(target)?;
                (Box::new(Wasserstein::new(target.clone())), still(target))
            }
            Kind::Igw { target } => {
                let cloud = read(target)?;
                let search = Alternating { seed, ..Alternating::default() };
                let shared = Shared::new(Igw::new(cloud.clone(), search));
                (Box::new(shared.clone()), Some(Target { file: file(), cloud, aligned: Some(shared) }))
            }
        };
        match energy.dim() {
            Some(d) if d != dim => Err(Failure::file(
                cloud,
                format!(
                    "its points have {dim} coordinates, and energy '{}' needs {d}; give clouds of the same dimension",
                    self.text
                ),
            )),
            _ => Ok((energy, target)),
        }
    }

    fn quadratic(
        &self,
        center: &Option<Vec<f64>>,
        matrix: Option<&Path>,
        reading: &mut Reading,
    ) -> Result<Quadratic, Failure> {
        let matrix = matrix.map(|path| square(path, reading)).transpose()?;
        let wrong = |e: gromov::Error| Failure::new(format!("--energy '{}': {e}", self.text));
        Quadratic::new(center.clone(), matrix).map_err(wrong)
    }

    /// N(0, I) by default.
    fn kl_gaussian(
        &self,
        mean: &Option<Vec<f64>>,
        cov: Option<&Path>,
        dim: usize,
        reading: &mut Reading,
    ) -> Result<KlGaussian, Failure> {
        let wrong = |e: gromov::Error| Failure::new(format!("--energy '{}': {e}", self.text));
        let cov = match cov {
            Some(path) => square(path, reading)?,
            None => (0..dim * dim).map(|k| if k % (dim + 1) == 0 { 1.0 } else { 0.0 }).collect(),
        };
        KlGaussian::new(mean.clone(), &cov).map_err(wrong)
    }
}

/// Reads a square matrix.
fn square(path: &Path, reading: &mut Reading) -> Result<Vec<f64>, Failure> {
    let m = reading.matrix(path)?;
    if m.rows != m.cols {
        let problem = format!("holds {} rows and {} columns; give a square matrix", m.rows, m.cols);
        return Err(Failure::file(path, problem));
    }
    Ok(m.data)
}

impl Parameters {
    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        if value.is_empty() {
            return Err(format!("{key} has no value; write {key}=..."));
        }
        let shown = String::from_utf8_lossy(value).into_owned();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
        match key {
            "weight" | "p" | "q" | "bandwidth" => {
                let problem = || format!("{key} '{shown}' is not a finite number");
                let value = number(&shown).ok_or_else(problem)?;
                match key {
                    "p" => self.p = Some(value),
                    "q" => self.q = Some(value),
                    "bandwidth" => self.bandwidth = Some(value),
                    _ => self.weight = Some(value),
                }
            }
            "batch" => {
                let problem = || format!("batch '{shown}' is not a whole number of 2 or more");
                let count = shown.trim().parse::<usize>().ok().filter(|b| *b >= 2);
                self.batch = Some(count.ok_or_else(problem)?);
            }
            "center" | "mean" => {
                let list: Option<Vec<f64>> = shown.split(';').map(number).collect();
                let problem = || format!("{key} '{shown}' is not a list of numbers; write {key}=0.5;1;0");
                *(if key == "center" { &mut self.center } else { &mut self.mean }) =
                    Some(list.ok_or_else(problem)?);
            }
            _ => {
                let problem = || format!("{key} '{shown}' is not a file name in this system's encoding");
                let path = PathBuf::from(os_string(value.to_vec()).ok_or_else(problem)?);
                let place = match key {
                    "matrix" => &mut self.matrix,
                    "cov" => &mut self.cov,
                    _ => &mut self.target,
                };
                *place = Some(path);
            }
        }
        Ok(())
    }

    fn target(self) -> Result<PathBuf, String> {
        self.target.ok_or_else(|| format!("the target is missing; write {}:target=FILE", self.name))
    }

    /// The energy, unless its weight would make it no diffusion.
    fn positive_weight(&self, kind: Kind) -> Result<Kind, String> {
        match self.weight {
            Some(w) if w < 0.0 => {
                let w = failure::short(&w.to_string());
                Err(format!("weight {w} is not allowed: a diffusion needs one of 0 or more"))
            }
            _ => Ok(kind),
        }
    }

    /// A number that must be given.
    fn number(&self, key: &str, value: Option<f64>, example: &str) -> Result<f64, String> {
        value.ok_or_else(|| format!("{key} is missing; write {}:{example}", self.name))
    }
}

fn interaction(given: Parameters) -> Result<Kind, String> {
    let (p, q) = (given.number("p", given.p, "p=4,q=2")?, given.q.unwrap_or(0.0));
    Interaction::new(p, q).map_err(|e| e.to_string())?;
    Ok(Kind::Interaction { p, q })
}

fn mmd(given: Parameters) -> Result<Kind, String> {
    // a target that is missing is named first
    let bandwidth = given.number("bandwidth", given.bandwidth, "target=FILE,bandwidth=0.5");
    let target = given.target()?;
    let bandwidth = bandwidth?;
    if bandwidth <= 0.0 {
        let h = failure::short(&bandwidth.to_string());
        return Err(format!("bandwidth {h} is not allowed; give a length above 0"));
    }
    Ok(Kind::Mmd { target, bandwidth })
}

/// Cuts at single commas; a double one stands for a comma.
fn split(list: &[u8]) -> Vec<Vec<u8>> {
    let mut items = vec![Vec::new()];
    let mut bytes = list.iter().peekable();
    while let Some(&b) = bytes.next() {
        match b {
            b',' if bytes.next_if(|next| **next == b',').is_none() => items.push(Vec::new()),
            _ => items.last_mut().into_iter().for_each(|item| item.push(b)),
        }
    }
    items
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Spec, Failure> {
        Spec::parse(OsStr::new(text))
    }

    #[test]
    fn keys_values_and_doubled_commas() {
        let spec = parse("quadratic:center=0.5;-1e2,weight=2,matrix=q.csv").unwrap();
        let kind = Kind::Quadratic { center: Some(vec![0.5, -100.0]), matrix: Some("q.csv".into()) };
        assert_eq!((spec.weight, spec.kind), (2.0, kind));
        let spec = parse("igw:target=C:\\a,,b=c:,,,weight=-1").unwrap();
        assert_eq!((spec.weight, spec.kind), (-1.0, Kind::Igw { target: "C:\\a,b=c:,".into() }));
        assert_eq!(parse("quadratic").unwrap().weight, 1.0);
        let spec = parse("mmd:bandwidth=0.5,target=a.png").unwrap();
        assert_eq!(spec.kind, Kind::Mmd { target: "a.png".into(), bandwidth: 0.5 });
        let spec = parse("interaction:p=4,q=2,weight=3").unwrap();
        assert_eq!((spec.weight, spec.kind), (3.0, Kind::Interaction { p: 4.0, q: 2.0 }));
        assert_eq!(parse("interaction:p=4").unwrap().kind, Kind::Interaction { p: 4.0, q: 0.0 });
    }

    #[cfg(unix)]
    #[test]
    fn file_names_may_be_any_bytes() {
        let typed = os_string(b"igw:target=a\xff\n.csv".to_vec()).unwrap();
        let spec = Spec::parse(&typed).unwrap();
        assert_eq!(spec.target_file().unwrap().as_os_str().as_encoded_bytes(), b"a\xff\n.csv");
    }

    #[test]
    fn every_mistake_has_its_message() {
        let cases = [
            (
                "quadrtic",
                "there is no energy 'quadrtic'; use one of quadratic (center, matrix, weight), double-well",
            ),
            ("", "there is no energy ''"),
            ("quadratic:", "'' is not key=value; write quadratic:key=value"),
            ("quadratic:center", "'center' is not key=value"),
            ("quadratic:target=a", "quadratic has no key 'target'; it has center, matrix, weight"),
            ("interaction", "p is missing; write interaction:p=4,q=2"),
            ("interaction:p=0", "p: 0 is not allowed; expected a positive number"),
            ("interaction:p=2,q=-1", "q: -1 is not allowed; expected a number >= 0"),
            ("mmd:target=a", "bandwidth is missing; write mmd:target=FILE,bandwidth=0.5"),
            ("mmd", "the target is missing; write mmd:target=FILE"),
            ("mmd:target=a,bandwidth=0", "bandwidth 0 is not allowed; give a length above 0"),
            ("double-well:p=2", "double-well has no key 'p'; it has weight"),
            ("igw:weight=2", "the target is missing; write igw:target=FILE"),
            ("igw:target=", "target has no value"),
            ("igw:target=a,target=b", "target is given twice"),
            ("igw:target=a,weight=inf", "weight 'inf' is not a finite number"),
            ("energy-distance:target=a,batch=1", "batch '1' is not a whole number of 2 or more"),
            ("entropy:weight=-1", "weight -1 is not allowed: a diffusion needs one of 0 or more"),
            ("kl-gaussian:mean=1;x", "mean '1;x' is not a list of numbers; write mean=0.5;1;0"),
            ("kl-gaussian:target=a", "kl-gaussian has no key 'target'; it has mean, cov, weight"),
            ("quadratic:center=1,2", "'2' is not key=value"),
            ("quadratic:center=1;;2", "center '1;;2' is not a list of numbers; write center=0.5;1;0"),
        ];
        for (text, words) in cases {
            let message = format!("{:?}", parse(text).unwrap_err());
            assert!(message.contains(&format!("--energy '{text}': {words}")), "{message}");
        }
    }
}
