//! PLY: the vertices `x`, `y`, optional `z`, and an optional weight (`weight` or `w`, or the property that
//! [`ReadOptions::weights_column`](super::ReadOptions) names) of a mesh or a cloud, and on request its
//! colours and faces; ascii and binary of both byte orders.
//!
//! The header is parsed by `ply-rs-bw` after its length is bounded; what it claims is compared with
//! the size of the file before the vertices are read. What follows the last
//! element that is wanted is not read.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Take};

use ply_rs_bw::parser::{Parser, Reader};
use ply_rs_bw::ply::{
    ElementDef, Encoding, Header, Property, PropertyAccess, PropertyAccessResult, PropertyDef, PropertyType,
    ScalarType,
};

use super::Cloud;
use super::limits::{LONGEST_LINE, Source, Stream, find_name, listed, shorten};
use super::mesh::channel;
use crate::error::Result;

/// The longest header that is read.
const LONGEST: u64 = 1 << 20;
/// Vertices read at a time.
const CHUNK: usize = 1 << 14;
/// Name of the weight, in [`Vertex`].
const WEIGHT: &str = "weight";
/// Name of the corners, in [`Face`].
const CORNERS: &str = "corners";

type Input<'a> = Reader<BufReader<Take<Stream<'a>>>>;

/// Coordinates, weight and colour of a vertex; other properties are passed over. The names are those of
/// [`Columns::element`].
#[derive(Default)]
struct Vertex {
    x: [f64; 3],
    weight: f64,
    color: [f64; 4],
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
        let ([x, y, z], [r, g, b, a]) = (&mut self.x, &mut self.color);
        let place = match name {
            "x" => x,
            "y" => y,
            "z" => z,
            WEIGHT => &mut self.weight,
            "red" => r,
            "green" => g,
            "blue" => b,
            "alpha" => a,
            _ => return PropertyAccessResult::Ignored,
        };
        *place = value;
        PropertyAccessResult::Set
    }
}

/// Corners of a face; other properties are passed over.
#[derive(Default)]
struct Face {
    corners: Vec<i64>,
}

impl PropertyAccess for Face {
    fn new() -> Self {
        Face::default()
    }

    fn set_property(&mut self, name: &str, property: Property) -> PropertyAccessResult {
        if name != CORNERS {
            return PropertyAccessResult::Ignored;
        }
        self.corners = match property {
            Property::ListChar(list) => list.into_iter().map(i64::from).collect(),
            Property::ListUChar(list) => list.into_iter().map(i64::from).collect(),
            Property::ListShort(list) => list.into_iter().map(i64::from).collect(),
            Property::ListUShort(list) => list.into_iter().map(i64::from).collect(),
            Property::ListInt(list) => list.into_iter().map(i64::from).collect(),
            Property::ListUInt(list) => list.into_iter().map(i64::from).collect(),
            _ => return PropertyAccessResult::UnsupportedType,
        };
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
    /// The element with the names that [`Vertex`] knows; what is passed over has names of no meaning.
    element: ElementDef,
    dim: usize,
    weighted: bool,
    /// Which channels there are, and whether they are floats; `None` without colours.
    color: Option<[Option<bool>; 4]>,
}

/// Reads the vertices of a PLY file; for a `mesh` also colours and faces.
pub(super) fn read(source: &Source<'_>, mesh: bool) -> Result<Cloud> {
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
    let columns = columns(source, vertex, mesh)?;
    source.check_points(vertex.count as u64)?;
    let wanted = |name: &str| name == "vertex" || (mesh && name == "face");
    let read = header.elements.values().rposition(|e| wanted(&e.name)).map_or(0, |last| last + 1);
    check_claims(source, &header, read, size - start)?;
    let mut part = Part { source, header: &header, input, line: lines };
    let mut cloud = Cloud { dim: columns.dim, weights: columns.weighted.then(Vec::new), ..Cloud::default() };
    cloud.colors = columns.color.map(|_| Vec::new());
    for element in header.elements.values().take(read) {
        match element.name.as_str() {
            "vertex" => {
                part.read(&columns.element, "vertex", |v: Vertex| cloud.push(v, &columns))?;
            }
            "face" if mesh => {
                let (faces, n) = (&mut cloud.faces, vertex.count as i64);
                part.read(&corners(source, element)?, "face", |face: Face| {
                    if let Some(wrong) = face.corners.iter().find(|k| !(0..n).contains(*k)) {
                        return Err(format!("a face has the corner {wrong}; expected 0 to {}", n - 1));
                    }
                    let face: Vec<u32> = face.corners.iter().filter_map(|&k| u32::try_from(k).ok()).collect();
                    faces.push(&face)
                })?;
            }
            _ => part.pass(element)?,
        }
    }
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
    let (mut elements, mut properties) = (HashSet::new(), HashSet::new());
    for line in text.split_inclusive(|&b| b == b'\n') {
        bytes += line.len() as u64;
        lines += 1;
        let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect();
        let (name, new) = match *words.as_slice() {
            [b"end_header", ..] => return Ok((bytes, lines)),
            [b"element", name, ..] => {
                properties.clear();
                (name, elements.insert(name))
            }
            [b"property", .., name] => (name, properties.insert(name)),
            _ => continue,
        };
        if !new {
            let shown = shorten(&String::from_utf8_lossy(name));
            return Err(
                source.fault_at(Some(lines.to_string()), format!("'{shown}' is declared twice; rename one"))
            );
        }
    }
    Err(source.fault("its header has no end_header line: it is cut short, or no PLY file; write it again"))
}

/// Finds out which properties the vertices have.
fn columns(source: &Source<'_>, vertex: &ElementDef, mesh: bool) -> Result<Columns> {
    let names: Vec<&str> = vertex.properties.keys().map(String::as_str).collect();
    let weight = match &source.options.weights_column {
        Some(wanted) => Some(find_name(source, "vertex property", &names, wanted)?),
        None => match (names.iter().position(|n| *n == "w"), names.iter().position(|n| *n == "weight")) {
            (Some(_), Some(_)) => return Err(source.fault("vertices have both 'w' and 'weight'; keep one")),
            (w, weight) => w.or(weight),
        },
    };
    let has = |name: &str| names.contains(&name);
    if !has("x") || !has("y") {
        let names = listed(names.iter().copied());
        return Err(
            source.fault(format!("vertices need the properties x and y (z is optional); found {names}"))
        );
    }
    let colored = has("red") && has("green") && has("blue");
    let mut element = ElementDef::new(vertex.name.clone());
    element.count = vertex.count;
    for (k, (name, property)) in vertex.properties.iter().enumerate() {
        let coordinate = matches!(name.as_str(), "x" | "y" | "z");
        let color = colored && matches!(name.as_str(), "red" | "green" | "blue" | "alpha");
        let used = coordinate || (mesh && color);
        let role = match weight == Some(k) {
            true if coordinate || color => {
                let kind = if color { "a colour" } else { "a coordinate" };
                return Err(source.fault(format!(
                    "'{name}' is no weight but {kind}; name another property for the weights"
                )));
            }
            true => WEIGHT.to_owned(),
            false if used => name.clone(),
            false => format!("passed over {k}"),
        };
        if (used || weight == Some(k)) && matches!(property.data_type, PropertyType::List(..)) {
            let name = shorten(name);
            return Err(source.fault(format!("the vertex property '{name}' is a list; expected one number")));
        }
        element.properties.insert(role.clone(), PropertyDef::new(role, property.data_type.clone()));
    }
    let float = |name: &str| {
        let scalar = vertex.properties.get(name).map(|p| &p.data_type)?;
        Some(matches!(scalar, PropertyType::Scalar(ScalarType::Float | ScalarType::Double)))
    };
    Ok(Columns {
        element,
        dim: if has("z") { 3 } else { 2 },
        weighted: weight.is_some(),
        color: (mesh && colored).then(|| ["red", "green", "blue", "alpha"].map(float)),
    })
}

/// The element of the faces with the name that [`Face`] knows.
fn corners(source: &Source<'_>, face: &ElementDef) -> Result<ElementDef> {
    let mut element = ElementDef::new(face.name.clone());
    element.count = face.count;
    let mut found = 0;
    for (k, (name, property)) in face.properties.iter().enumerate() {
        let integers = !matches!(
            property.data_type,
            PropertyType::Scalar(_) | PropertyType::List(_, ScalarType::Float | ScalarType::Double)
        );
        let is_corners = integers && matches!(name.as_str(), "vertex_indices" | "vertex_index");
        found += usize::from(is_corners);
        let role = if is_corners { CORNERS.to_owned() } else { format!("passed over {k}") };
        element.properties.insert(role.clone(), PropertyDef::new(role, property.data_type.clone()));
    }
    if found == 1 || (face.count == 0 && found == 0) {
        return Ok(element);
    }
    let names = listed(face.properties.keys().map(String::as_str));
    Err(source
        .fault(format!("faces need one list of integers, vertex_indices or vertex_index; found {names}")))
}

/// What an ascii line of an element should be, if it has more or fewer words than the properties take.
fn wrong_words(element: &ElementDef, line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    for property in element.properties.values() {
        let more = match property.data_type {
            PropertyType::Scalar(_) => 1,
            PropertyType::List(..) => words.next().and_then(|word| word.parse().ok()).unwrap_or(usize::MAX),
        };
        if more > 0 && words.nth(more - 1).is_none() {
            return Some(expected_words(element));
        }
    }
    words.next().map(|_| expected_words(element))
}

fn expected_words(element: &ElementDef) -> String {
    let all = element.properties.len();
    let is_list = |p: &&PropertyDef| matches!(p.data_type, PropertyType::List(..));
    match (all, element.properties.values().filter(is_list).count()) {
        (_, 0) => format!("expected {all} finite numbers"),
        (1, _) => "expected a count and as many corners".to_owned(),
        _ => format!("expected the {all} properties of the header, lists as a count and as many numbers"),
    }
}

/// Compares the smallest size of the first `read` elements that the header claims with what is there.
fn check_claims(source: &Source<'_>, header: &Header, read: usize, follow: u64) -> Result<()> {
    let ascii = header.encoding == Encoding::Ascii;
    let mut total = 0u64;
    for element in header.elements.values().take(read) {
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

/// What is left to read behind the header.
struct Part<'a> {
    source: &'a Source<'a>,
    header: &'a Header,
    input: Input<'a>,
    /// Lines read so far, in ascii.
    line: u64,
}

impl Part<'_> {
    /// Passes over an element.
    fn pass(&mut self, element: &ElementDef) -> Result<()> {
        if self.header.encoding == Encoding::Ascii {
            let mut raw = Vec::new();
            return (0..element.count).try_for_each(|i| self.ascii_line(element, i, &mut raw));
        }
        let parser = Parser::<Passed>::new();
        parser.read_payload_for_element(&mut self.input, element, self.header).map(|_| ()).map_err(|e| {
            let name = shorten(&element.name);
            self.source.fault(format!("element '{name}' cannot be read: {}", brief(&e)))
        })
    }

    /// Reads an element, called `name`: `take` takes each and says what is wrong with it.
    fn read<E: PropertyAccess>(
        &mut self,
        element: &ElementDef,
        name: &str,
        mut take: impl FnMut(E) -> std::result::Result<(), String>,
    ) -> Result<()> {
        let parser = Parser::<E>::new();
        if self.header.encoding == Encoding::Ascii {
            let mut raw = Vec::new();
            for i in 0..element.count {
                self.ascii_line(element, i, &mut raw)?;
                let fault = |problem: String| self.source.fault_at(Some(self.line.to_string()), problem);
                let text = String::from_utf8_lossy(&raw);
                let refused =
                    |expected: String| fault(format!("'{}' is no {name}; {expected}", shorten(text.trim())));
                if let Some(expected) = wrong_words(element, &text) {
                    return Err(refused(expected));
                }
                let kind = || "expected finite numbers of the types in the header".to_owned();
                take(parser.read_ascii_element(&text, element).map_err(|_| refused(kind()))?)
                    .map_err(fault)?;
            }
            return Ok(());
        }
        let mut chunk = element.clone();
        let mut left = element.count;
        while left > 0 {
            chunk.count = left.min(CHUNK);
            let read =
                parser.read_payload_for_element(&mut self.input, &chunk, self.header).map_err(|e| {
                    let place =
                        format!("its elements '{name}' cannot be read: {}; write the file again", brief(&e));
                    self.source.fault(place)
                })?;
            for (i, item) in read.into_iter().enumerate() {
                let number = element.count - left + i;
                take(item).map_err(|e| self.source.fault(format!("{name} {number}: {e}")))?;
            }
            left -= chunk.count;
        }
        Ok(())
    }

    /// Reads the line of item `i`.
    fn ascii_line(&mut self, element: &ElementDef, i: usize, raw: &mut Vec<u8>) -> Result<()> {
        self.line += 1;
        raw.clear();
        let problem = match self.input.get_mut().take(LONGEST_LINE + 1).read_until(b'\n', raw) {
            Ok(1..) if raw.len() as u64 <= LONGEST_LINE => return Ok(()),
            Ok(1..) => format!("the line is longer than {LONGEST_LINE} bytes"),
            Ok(0) => format!(
                "the file ends after {i} of {} elements '{}'; write it again",
                element.count,
                shorten(&element.name)
            ),
            Err(e) => format!("cannot be read: {e}"),
        };
        Err(self.source.fault_at(Some(self.line.to_string()), problem))
    }
}

impl Cloud {
    fn push(&mut self, vertex: Vertex, columns: &Columns) -> std::result::Result<(), String> {
        self.points.extend(vertex.x.iter().take(self.dim));
        if let Some(weights) = &mut self.weights {
            weights.push(vertex.weight);
        }
        if let (Some(colors), Some(kinds)) = (&mut self.colors, columns.color) {
            let mut color = [255u8; 4];
            for ((to, value), kind) in color.iter_mut().zip(vertex.color).zip(kinds) {
                if let Some(float) = kind {
                    *to = channel(value, float)?;
                }
            }
            colors.push(color);
        }
        Ok(())
    }
}

/// The first line of an error text, shortened: the parser quotes whole lines of the file.
fn brief(e: &dyn std::fmt::Display) -> String {
    let text = e.to_string();
    text.lines().next().unwrap_or_default().chars().take(160).collect()
}

#[cfg(test)]
mod tests;
