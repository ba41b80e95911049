//! PLY: the vertices `x`, `y`, optional `z`, and an optional weight (`weight` or `w`) of a mesh or a
//! cloud; ascii and binary of both byte orders.
//!
//! The header is parsed by `ply-rs-bw` after its length is bounded; what it claims is compared with
//! the size of the file before the vertices are read. What follows the vertices is not read.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Take};

use ply_rs_bw::parser::{Parser, Reader};
use ply_rs_bw::ply::{
    ElementDef, Encoding, Header, Property, PropertyAccess, PropertyAccessResult, PropertyType, ScalarType,
};

use super::Cloud;
use super::limits::{Source, Stream, shorten};
use crate::error::Result;

/// The longest header that is read.
const LONGEST: u64 = 1 << 20;
/// Vertices read at a time.
const CHUNK: usize = 1 << 14;

type Input<'a> = Reader<BufReader<Take<Stream<'a>>>>;

/// Coordinates and weight of a vertex; other properties are passed over.
#[derive(Default)]
struct Vertex {
    x: [f64; 3],
    weight: f64,
}

impl PropertyAccess for Vertex {
    fn new() -> Self {
        Vertex::default()
    }

    fn set_property(&mut self, name: &str, property: Property) -> PropertyAccessResult {
        let value = match property {
            Property::Char(v) => f64::from(v),
            Property::UChar(v) => f64::from(v),
            Property::Short(v) => f64::from(v),
            Property::UShort(v) => f64::from(v),
            Property::Int(v) => f64::from(v),
            Property::UInt(v) => f64::from(v),
            Property::Float(v) => f64::from(v),
            Property::Double(v) => v,
            _ => return PropertyAccessResult::Ignored,
        };
        let [x, y, z] = &mut self.x;
        let place = match name {
            "x" => x,
            "y" => y,
            "z" => z,
            "w" | "weight" => &mut self.weight,
            _ => return PropertyAccessResult::Ignored,
        };
        *place = value;
        PropertyAccessResult::Set
    }
}

/// An element whose content is passed over.
struct Passed;

impl PropertyAccess for Passed {
    fn new() -> Self {
        Passed
    }
}

/// What is read of the vertices.
struct Columns {
    dim: usize,
    weighted: bool,
}

/// Reads the vertices of a PLY file.
pub(super) fn read(source: &Source<'_>) -> Result<Cloud> {
    let (mut file, size) = source.open()?;
    let (start, lines) = end_of_header(source, &mut file)?;
    file.rewind().map_err(|e| source.fault(format!("cannot be read: {e}")))?;
    let mut input = Reader::new(BufReader::new(file.take(size)));
    let header = Parser::<Vertex>::new().read_header(&mut input).map_err(|e| {
        let line = e.line().map(|l| l.to_string());
        source.fault_at(line, format!("its header is malformed: {}; write the file again", brief(&e)))
    })?;
    let Some(vertex) = header.elements.get("vertex") else {
        return Err(source.fault("has no element 'vertex'; expected vertices with x, y and optionally z"));
    };
    let columns = columns(source, vertex)?;
    source.check_points(vertex.count as u64)?;
    check_claims(source, &header, size - start)?;
    let mut line = lines;
    for element in header.elements.values().take_while(|e| e.name != "vertex") {
        pass(source, &mut input, element, &header)?;
        line += element.count as u64;
    }
    let mut cloud = Cloud { points: Vec::new(), dim: columns.dim, weights: columns.weighted.then(Vec::new) };
    match header.encoding {
        Encoding::Ascii => read_ascii(source, &mut input, vertex, line, &mut cloud),
        _ => read_binary(source, &mut input, vertex, &header, &mut cloud),
    }?;
    Ok(cloud)
}

/// Size of the header in bytes and lines. Also checks that no name is declared twice, which would
/// shift all that follows.
fn end_of_header(source: &Source<'_>, file: &mut Stream<'_>) -> Result<(u64, u64)> {
    let failed = |e: std::io::Error| source.fault(format!("cannot be read: {e}"));
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Read::by_ref(file).take(LONGEST).read_to_end(&mut text).map_err(failed)?;
    if !text.starts_with(b"ply") {
        return Err(source.fault("is not a PLY file (its first line is not 'ply'); write it again"));
    }
    let (mut bytes, mut lines) = (0u64, 0u64);
    let mut names: Vec<(Vec<u8>, bool)> = Vec::new();
    for line in text.split_inclusive(|&b| b == b'\n') {
        bytes += line.len() as u64;
        lines += 1;
        let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect();
        let name = match words.as_slice() {
            [b"end_header", ..] => return Ok((bytes, lines)),
            [b"element", name, ..] => {
                names.retain(|(_, element)| *element);
                (name.to_vec(), true)
            }
            [b"property", .., name] => (name.to_vec(), false),
            _ => continue,
        };
        if names.contains(&name) {
            let shown = shorten(&String::from_utf8_lossy(&name.0));
            return Err(
                source.fault_at(Some(lines.to_string()), format!("'{shown}' is declared twice; rename one"))
            );
        }
        names.push(name);
    }
    Err(source.fault("its header has no end_header line: it is cut short, or no PLY file; write it again"))
}

/// Finds out which properties the vertices have.
fn columns(source: &Source<'_>, vertex: &ElementDef) -> Result<Columns> {
    let mut found = Vec::new();
    for name in ["x", "y", "z", "w", "weight"] {
        match vertex.properties.get(name).map(|p| &p.data_type) {
            Some(PropertyType::Scalar(_)) => found.push(name),
            Some(PropertyType::List(..)) => {
                return Err(
                    source.fault(format!("the vertex property '{name}' is a list; expected one number"))
                );
            }
            None => {}
        }
    }
    let weights = found.iter().filter(|name| name.starts_with('w')).count();
    match (found.as_slice(), weights) {
        (_, 2) => Err(source.fault("vertices have both 'w' and 'weight'; keep one")),
        (["x", "y", "z", ..], _) => Ok(Columns { dim: 3, weighted: weights == 1 }),
        (["x", "y", ..], _) => Ok(Columns { dim: 2, weighted: weights == 1 }),
        _ => {
            let names: Vec<String> =
                vertex.properties.keys().take(10).map(|n| format!("'{}'", shorten(n))).collect();
            let names = if names.is_empty() { "none".into() } else { names.join(", ") };
            Err(source.fault(format!("vertices need the properties x and y (z is optional); found {names}")))
        }
    }
}

/// Compares the smallest size of what the header claims, up to the vertices, with what is there.
fn check_claims(source: &Source<'_>, header: &Header, follow: u64) -> Result<()> {
    let ascii = header.encoding == Encoding::Ascii;
    let mut total = 0u64;
    for element in header.elements.values() {
        let each: u64 =
            element.properties.values().map(|p| if ascii { 2 } else { smallest(&p.data_type) }).sum();
        let count = element.count as u64;
        let what = format!("claims {count} elements '{}'", shorten(&element.name));
        if each == 0 && count > 0 {
            return Err(source.fault(format!("{what} without properties; write the file again")));
        }
        let sum = count.checked_mul(each).and_then(|bytes| total.checked_add(bytes));
        // The last line of an ascii file may lack its end.
        total = match sum {
            Some(sum) if sum.saturating_sub(u64::from(ascii)) <= follow => sum,
            _ => {
                return Err(source.fault(format!(
                    "{what}, at least {each} bytes each, but only {follow} bytes follow the header: it is cut short or damaged"
                )));
            }
        };
        if element.name == "vertex" {
            break;
        }
    }
    Ok(())
}

fn smallest(data_type: &PropertyType) -> u64 {
    let (PropertyType::Scalar(scalar) | PropertyType::List(scalar, _)) = data_type;
    match scalar {
        ScalarType::Char | ScalarType::UChar => 1,
        ScalarType::Short | ScalarType::UShort => 2,
        ScalarType::Int | ScalarType::UInt | ScalarType::Float => 4,
        ScalarType::Double => 8,
    }
}

/// Passes over an element in front of the vertices.
fn pass(source: &Source<'_>, input: &mut Input<'_>, element: &ElementDef, header: &Header) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| {
        source.fault(format!("element '{}' cannot be read: {}", shorten(&element.name), brief(e)))
    };
    if header.encoding == Encoding::Ascii {
        let mut line = Vec::new();
        for _ in 0..element.count {
            line.clear();
            if input.get_mut().read_until(b'\n', &mut line).map_err(|e| failed(&e))? == 0 {
                return Err(failed(&"the file ends early"));
            }
        }
        return Ok(());
    }
    let parser = Parser::<Passed>::new();
    parser.read_payload_for_element(input, element, header).map(|_| ()).map_err(|e| failed(&e))
}

fn read_ascii(
    source: &Source<'_>,
    input: &mut Input<'_>,
    vertex: &ElementDef,
    before: u64,
    cloud: &mut Cloud,
) -> Result<()> {
    let parser = Parser::<Vertex>::new();
    let lists = vertex.properties.values().any(|p| matches!(p.data_type, PropertyType::List(..)));
    let expected = vertex.properties.len();
    let mut raw = Vec::new();
    for i in 0..vertex.count {
        let fault = |problem: String| source.fault_at(Some((before + 1 + i as u64).to_string()), problem);
        raw.clear();
        if input.get_mut().read_until(b'\n', &mut raw).map_err(|e| fault(format!("cannot be read: {e}")))?
            == 0
        {
            return Err(fault(format!(
                "the file ends after {i} of {} vertices; write it again",
                vertex.count
            )));
        }
        let line = String::from_utf8_lossy(&raw);
        let wrong =
            || fault(format!("'{}' is no vertex; expected {expected} finite numbers", shorten(line.trim())));
        if !lists && line.split_ascii_whitespace().count() != expected {
            return Err(wrong());
        }
        cloud.push(parser.read_ascii_element(&line, vertex).map_err(|_| wrong())?);
    }
    Ok(())
}

fn read_binary(
    source: &Source<'_>,
    input: &mut Input<'_>,
    vertex: &ElementDef,
    header: &Header,
    cloud: &mut Cloud,
) -> Result<()> {
    let parser = Parser::<Vertex>::new();
    let mut part = vertex.clone();
    let mut left = vertex.count;
    while left > 0 {
        part.count = left.min(CHUNK);
        let vertices = parser.read_payload_for_element(input, &part, header).map_err(|e| {
            source.fault(format!("its vertices cannot be read: {}; write the file again", brief(&e)))
        })?;
        vertices.into_iter().for_each(|v| cloud.push(v));
        left -= part.count;
    }
    Ok(())
}

impl Cloud {
    fn push(&mut self, vertex: Vertex) {
        self.points.extend(vertex.x.iter().take(self.dim));
        if let Some(weights) = &mut self.weights {
            weights.push(vertex.weight);
        }
    }
}

/// The first line of an error text, shortened: the parser quotes whole lines of the file.
fn brief(e: &dyn std::fmt::Display) -> String {
    let text = e.to_string();
    text.lines().next().unwrap_or_default().chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read};
    use crate::error::Result;
    use crate::measure::Measure;

    fn parse(content: &[u8]) -> Result<Measure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ply");
        std::fs::write(&path, content).unwrap();
        read(&path, &ReadOptions::default())
    }

    fn message(content: &str) -> String {
        parse(content.as_bytes()).unwrap_err().to_string()
    }

    const HEAD: &str =
        "ply\nformat ascii 1.0\ncomment é\nelement vertex 2\nproperty float x\nproperty double y\n";

    #[test]
    fn ascii_and_binary_agree() {
        let faces = "element face 1\nproperty list uchar int vertex_indices\nend_header\n";
        let mu =
            parse(format!("{HEAD}property float weight\n{faces}1 2 0.25\n3 4e0 0.75\n3 0 1 1\n").as_bytes());
        let mu = mu.unwrap();
        assert_eq!((mu.points(), mu.weights(), mu.dim()), (&[1.0, 2.0, 3.0, 4.0][..], &[0.25, 0.75][..], 2));
        let lines = HEAD.replace("\n", "\r\n");
        let mu = parse(format!("{lines}property int z\r\nend_header\r\n1 2 5\r\n3 4 6").as_bytes()).unwrap();
        assert_eq!((mu.points(), mu.dim()), (&[1.0, 2.0, 5.0, 3.0, 4.0, 6.0][..], 3));
        for big in [false, true] {
            let order = if big { "binary_big_endian" } else { "binary_little_endian" };
            let before = "element face 2\nproperty list uchar short k\nelement vertex 2";
            let head = HEAD.replace("ascii", order).replace("element vertex 2", before);
            let mut bytes = format!("{head}property uchar w\nend_header\n").into_bytes();
            bytes.extend([2, 0, 1, 0, 1, 0]);
            for (x, y, w) in [(1.0f32, 2.0f64, 1u8), (3.0, 4.0, 0)] {
                bytes.extend(if big { x.to_be_bytes() } else { x.to_le_bytes() });
                bytes.extend(if big { y.to_be_bytes() } else { y.to_le_bytes() });
                bytes.push(w);
            }
            let mu = parse(&bytes).unwrap();
            assert_eq!((mu.points(), mu.weights()), (&[1.0, 2.0, 3.0, 4.0][..], &[1.0, 0.0][..]));
        }
    }

    #[test]
    fn wrong_vertices_are_named_with_their_line() {
        let head = format!("{HEAD}end_header\n");
        for (body, word) in [
            ("1 2\n3 nan\n", "a.ply:9: '3 nan' is no vertex"),
            ("1 2\n300\n", "a.ply:9: '300' is no vertex"),
            ("1 2\n3 4 5\n", "a.ply:9: '3 4 5' is no vertex; expected 2 finite numbers"),
            ("1 20000000\n", "a.ply:9: the file ends after 1 of 2"),
            ("1 2\n", "only 4 bytes follow"),
        ] {
            let got = message(&format!("{head}{body}"));
            assert!(got.contains(word), "{got}");
        }
        assert!(
            message(&format!("{HEAD}property int x\nend_header\n"))
                .contains("a.ply:7: 'x' is declared twice")
        );
        assert!(
            message(&format!("{HEAD}property int w\nproperty int weight\nend_header\n")).contains("both")
        );
        assert!(message(HEAD).contains("no end_header"));
        assert!(message(&head.replace("float x", "list uchar int x")).contains("'x' is a list"));
        assert!(message(&head.replace("vertex", "point")).contains("no element 'vertex'"));
        assert!(message(&head.replace(" y", " v")).contains("found 'x', 'v'"));
        assert!(message(&head.replace("vertex 2", "vertex 0")).contains("0 rows"));
        assert!(message(&head.replace("vertex 2", "vertex 4000000000")).contains("4000000000 points"));
        assert!(message(&head.replace("vertex 2", "vertex 9999999")).contains("claims 9999999 elements"));
        assert!(message(&head.replace("ascii", "octal")).contains("a.ply:2: its header is malformed"));
    }

    #[test]
    fn empty_elements_do_not_keep_the_reader_busy() {
        let head = HEAD.replace("element vertex 2", "element none 18446744073709551615\nelement vertex 2");
        assert!(message(&format!("{head}end_header\n1 2\n3 4\n")).contains("without properties"));
        let binary = head.replace("ascii", "binary_little_endian");
        assert!(message(&format!("{binary}end_header\n1 2\n3 4\n")).contains("without properties"));
    }
}
