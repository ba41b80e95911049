//! Files: bad ones are refused in one line that says what is wrong; none makes a reader panic.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use gromov::io::{self, Data, Limits, Member, ReadOptions};
use npyz::zip::{CompressionMethod, ZipWriter, write::FileOptions};

/// An NPY array of version 1 with this header text.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

fn doubles(shape: &str, data: &[f64]) -> Vec<u8> {
    let bytes: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
    npy(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n"), &bytes)
}

fn zip(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, FileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip(members, CompressionMethod::Stored)
}

/// The same bytes with the last (or every) occurrence of `from` replaced.
fn patched(bytes: &[u8], from: &[u8], to: &[u8], every: bool) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let found: Vec<usize> =
        out.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(at, _)| at).collect();
    assert!(!found.is_empty());
    for &at in if every { &found[..] } else { &found[found.len() - 1..] } {
        out[at..at + to.len()].copy_from_slice(to);
    }
    out
}

/// A member with an encryption record and no encryption flag.
fn encrypted() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = FileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file_with_extra_data("points.npy", options).unwrap();
    zip.write_all(&[0xaa, 0xaa, 7, 0, 1, 0, 0x41, 0x45, 1, 0, 0]).unwrap();
    zip.end_extra_data().unwrap();
    zip.write_all(&doubles("(1, 1)", &[1.0])).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    patched(&bytes, &[0xaa, 0xaa, 7, 0], &[0x01, 0x99, 7, 0], true)
}

/// An archive with a large-archive record that claims 10^12 members.
fn large_archive() -> Vec<u8> {
    let bytes = stored(&[("points.npy", &doubles("(1, 1)", &[1.0]))]);
    let end = bytes.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let mut out = bytes[..end].to_vec();
    out.extend(b"PK\x06\x06");
    out.extend([0; 28]);
    out.extend(1_000_000_000_000u64.to_le_bytes());
    out.extend([0; 16]);
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((end as u64).to_le_bytes());
    out.extend([1, 0, 0, 0]);
    out.extend(&bytes[end..]);
    out
}

fn ply(format: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("ply\nformat {format} 1.0\n{head}end_header\n").into_bytes();
    out.extend(body);
    out
}

const XY: &str = "property float x\nproperty float y\n";

type Case = (&'static str, Vec<u8>, &'static [&'static str]);

fn bad_text() -> Vec<Case> {
    let text = |s: &str| s.as_bytes().to_vec();
    vec![
        ("empty.csv", vec![], &["empty.csv: the file is empty"]),
        ("blank.csv", text("\n\n \n"), &["no rows"]),
        ("header.csv", text("x,y\n"), &["no rows"]),
        ("ragged.csv", text("x,y\n1,2\n3\n"), &["ragged.csv:3: 1 columns where the header has 2"]),
        ("long.csv", text("1,2\n3,4,5\n"), &["long.csv:2: 3 columns where the first row has 2"]),
        ("word.csv", text("x,y\n1,2\n3,abc\n"), &["word.csv:3: column 2 (y): 'abc' is not a number"]),
        ("escape.csv", text("1\n\"\u{1b}[2J\nx\"\n"), &["escape.csv:2: column 1: '\\u{1b}[2J\\nx'"]),
        ("cell.csv", text(&format!("1\n{}\n", "z".repeat(1000))), &["cell.csv:2", "zzz…' is not"]),
        ("hole.csv", text("x,y\n1,\n"), &["hole.csv:2: column 2 (y): the cell is empty"]),
        ("nan.csv", text("1,2\nNaN,2\n"), &["nan.csv:2: column 1: 'NaN' is not a finite number"]),
        ("inf.tsv", text("1\t2\n1\t-inf\n"), &["inf.tsv:2: column 2: '-inf' is not a finite number"]),
        ("huge.csv", text("1e400\n"), &["huge.csv:1", "'1e400' is not a finite number"]),
        ("latin.csv", b"1,2\n3,\xe9\n".to_vec(), &["latin.csv:2: column 2"]),
        ("sum.csv", text("x,w\n1,0.5\n2,0.6\n"), &["sum.csv: weights: the sum is 1.1", "normalization"]),
        ("minus.csv", text("x,weights\n1,-1\n2,2\n"), &["minus.csv: weights: entry 0 is -1, negative"]),
        ("twice.csv", text("w,x,weight\n1,1,1\n"), &["columns 1 and 3 both hold weights"]),
        ("only.csv", text("w\n1\n"), &["no coordinates"]),
        ("tabs.csv", text("1,2\n1\t2,3\n"), &["tabs.csv:2", ".tsv"]),
        (
            "cloud.xls",
            text("1,2\n"),
            &["ending in .xls are not read", ".csv .tsv .npy .npz .ply .obj .xyz .png"],
        ),
        ("cloud", text("1,2\n"), &["no ending", ".csv .tsv .npy .npz .ply .obj .xyz .png"]),
        ("image.npy", text("\u{89}PNG\r\n then more"), &["not an NPY array"]),
    ]
}

fn bad_arrays() -> Vec<Case> {
    let head = |descr: &str, shape: &str| {
        npy(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"), &[0; 16])
    };
    let wrapped = "(9223372036854775807, 9223372036854775807)";
    vec![
        ("empty.npy", vec![], &["empty"]),
        ("short.npy", b"\x93NUM".to_vec(), &["cannot be read"]),
        ("rows.npy", head("'<f8'", "(1000000000000, 2)"), &["16000000000000 bytes", "only 16 follow"]),
        ("wrap.npy", head("'<f8'", wrapped), &["more entries than can be counted"]),
        ("wrap2.npy", head("'<f8'", "(2305843009213693952, 1)"), &["more bytes than can be counted"]),
        ("digits.npy", head("'<f8'", "(99999999999999999999999, 1)"), &["is not a size"]),
        ("minus.npy", head("'<f8'", "(-1, 2)"), &["'-1' is not a size"]),
        ("nest.npy", npy(&"(".repeat(60_000), &[]), &["malformed"]),
        ("length.npy", b"\x93NUMPY\x02\x00\x00\x00\x00\x80{'de".to_vec(), &["a header of 2147483648 bytes"]),
        ("full.npy", b"\x93NUMPY\x03\x00\xff\xff\xff\xff{'de".to_vec(), &["a header of 4294967295 bytes"]),
        ("cut.npy", doubles("(2, 2)", &[1.0, 2.0, 3.0]), &["32 bytes, but only 24 follow"]),
        ("more.npy", doubles("(1, 2)", &[1.0, 2.0, 3.0]), &["16 bytes, but 24 follow"]),
        ("pickle.npy", head("'|O'", "(2, 1)"), &["Python objects (a pickled array"]),
        ("record.npy", head("[('x', '<f8')]", "(2,)"), &["structured"]),
        ("complex.npy", head("'<c16'", "(1, 1)"), &["'<c16'", "astype(float)"]),
        ("half.npy", head("'<f2'", "(8, 1)"), &["'<f2'"]),
        ("flat.npy", head("'<f8'", "(2,)"), &["1-D array of shape (2,)", "x.reshape(2, 1)"]),
        ("cube.npy", head("'<f8'", "(1, 1, 2)"), &["shape (1, 1, 2); expected (n, d)"]),
        ("none.npy", doubles("(0, 2)", &[]), &["no numbers"]),
        ("nan.npy", doubles("(1, 2)", &[1.0, f64::NAN]), &["points: entry (0, 1) is NaN"]),
        ("many.npy", head("'<f8'", "(100000000, 0)"), &["but 16 follow"]),
    ]
}

fn bad_archives() -> Vec<Case> {
    let points = doubles("(2, 1)", &[1.0, 2.0]);
    let good = stored(&[("points.npy", &points)]);
    let zeros = doubles("(1500, 100)", &[0.0; 150_000]);
    let bomb = zip(&[("points.npy", &zeros)], CompressionMethod::Deflated);
    let lie = patched(&bomb, &(zeros.len() as u32).to_le_bytes(), &[200, 0, 0, 0], false);
    let object = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"\x80\x04.");
    let names: Vec<String> = (0..1030).map(|k| format!("m{k}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    vec![
        ("text.npz", b"not a zip at all".to_vec(), &["not an NPZ archive"]),
        ("array.npz", points.clone(), &["not an NPZ archive"]),
        ("other.npz", stored(&[("x.npy", &points), ("y", b"")]), &["no array 'points'; it holds 'x', 'y'"]),
        (
            "bomb.npz",
            bomb,
            &["bomb.npz:points.npy: claims 12000", " bytes, more than the limit of 1000000", "--max-bytes"],
        ),
        ("lie.npz", lie, &["lie.npz:points.npy", "claims the shape"]),
        ("pickle.npz", stored(&[("points.npy", &object)]), &["pickle.npz:points.npy: holds Python objects"]),
        (
            "weights.npz",
            stored(&[("points.npy", &points), ("weights.npy", &doubles("(1,)", &[1.0]))]),
            &["weights.npz:weights.npy: has the shape (1,); expected (2,)"],
        ),
        (
            "sum.npz",
            stored(&[("points.npy", &points), ("weights.npy", &doubles("(2,)", &[1.0, 1.0]))]),
            &["the sum is 2"],
        ),
        ("deep.npz", stored(&[("points.npy", &doubles("(1, 1, 1, 1)", &[1.0]))]), &["(1, 1, 1, 1)"]),
        ("none.npz", stored(&[("points.npy", &doubles("(0, 2, 2)", &[]))]), &["no numbers"]),
        (
            "sum32.npz",
            patched(&good, &2.0f64.to_le_bytes(), &3.0f64.to_le_bytes(), true),
            &["points.npy", "checksum"],
        ),
        (
            "count.npz",
            patched(&good, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff", false),
            &["claims 65535 members"],
        ),
        ("large.npz", large_archive(), &["claims 1000000000000 members"]),
        ("many.npz", stored(&many), &["claims 1030 members, more than the limit of 1024"]),
        ("tail.npz", [good.as_slice(), b"tail"].concat(), &["bytes follow the end"]),
        ("locked.npz", encrypted(), &["locked.npz:points.npy: is encrypted"]),
        ("bzip.npz", zip(&[("points.npy", &points)], CompressionMethod::Bzip2), &["NumPy does not use"]),
    ]
}

fn bad_meshes() -> Vec<Case> {
    let little = "binary_little_endian";
    let list = "element face 1\nproperty list uint int k\nelement vertex 1\n";
    vec![
        ("magic.ply", b"solid\n".to_vec(), &["not a PLY file"]),
        ("head.ply", b"ply\nformat ascii 1.0\n".to_vec(), &["no end_header"]),
        (
            "claim.ply",
            ply(little, &format!("element vertex 4000000000\n{XY}"), &[0; 8]),
            &["4000000000 points"],
        ),
        (
            "short.ply",
            ply(little, &format!("element vertex 2\n{XY}"), &[0; 15]),
            &["at least 8 bytes each, but only 15"],
        ),
        (
            "count.ply",
            ply("ascii", &format!("element vertex 99999999999999999999999\n{XY}"), b"1 2\n"),
            &["count.ply:3: its header"],
        ),
        ("list.ply", ply(little, &format!("{list}{XY}"), &[0xff; 20]), &["element 'face' cannot be read"]),
        (
            "signed.ply",
            ply(little, &format!("{}{XY}", list.replace("uint", "int")), &[0xff; 20]),
            &["element 'face' cannot be read"],
        ),
        (
            "nan.ply",
            ply(little, &format!("element vertex 1\n{XY}"), &[0xff; 8]),
            &["nan.ply: points: entry (0, 0) is NaN"],
        ),
        (
            "word.ply",
            ply("ascii", &format!("element vertex 1\n{XY}"), b"1 nan\n"),
            &["word.ply:7: '1 nan' is no vertex"],
        ),
        (
            "sum.ply",
            ply("ascii", &format!("element vertex 1\n{XY}property float w\n"), b"1 2 3\n"),
            &["the sum is 3"],
        ),
        (
            "list2.ply",
            ply("ascii", &format!("element vertex 1\n{XY}property list int int k\n"), b"1 2 2000000000\n"),
            &["list2.ply:8"],
        ),
        ("plane.ply", ply("ascii", "element vertex 1\nproperty float x\n", b"1\n"), &["found 'x'"]),
        ("faces.ply", ply("ascii", "element face 1\nproperty float x\n", b"1\n"), &["no element 'vertex'"]),
    ]
}

/// A grey picture of 8 bits.
fn picture(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    out
}

fn bad_scenes() -> Vec<Case> {
    let text = |s: &str| s.as_bytes().to_vec();
    let black = picture(2, 2, &[0; 4]);
    vec![
        ("empty.obj", vec![], &["the file is empty"]),
        ("none.obj", text("f 1 2 3\n"), &["no vertices"]),
        ("cut.obj", text("v 1 2 3\nv 1 2"), &["cut.obj:2: a vertex has 2 numbers"]),
        ("join.obj", text("v 1 2 \\\n\\\n"), &["join.obj:1: a vertex has 2 numbers"]),
        ("inf.obj", text("v 1 2 inf\n"), &["inf.obj:1: 'inf' is not a finite number"]),
        ("latin.obj", b"v 1 2 \xe9\n".to_vec(), &["latin.obj:1: '\u{fffd}' is not a number"]),
        ("escape.obj", text("v 1 2 \u{1b}[2J\n"), &["escape.obj:1: '\\u{1b}[2J'"]),
        ("empty.xyz", vec![], &["the file is empty"]),
        ("claim.xyz", text("5000000\n\nC 1 2 3\n"), &["ends after 1 of the 5000000 atoms"]),
        ("many.xyz", text("18446744073709551615\n\n"), &["more than the limit of 10000000"]),
        ("frames.xyz", text("1\n\nC 1 2 3\n1\n\nC 1 2 3\n"), &["frames.xyz:4", "keep one frame"]),
        ("comma.xyz", text("1,2,3\n"), &["comma.xyz:1", "name the file .csv"]),
        ("escape.xyz", text("1 \u{1b}[2J\n"), &["escape.xyz:1: '\\u{1b}[2J'"]),
        ("empty.png", vec![], &["the file is empty"]),
        ("text.png", text("not a picture"), &["is not a PNG file"]),
        ("cut.png", black[..40].to_vec(), &["cut short"]),
        ("white.png", picture(2, 2, &[255; 4]), &["every pixel is white", "--invert"]),
        (
            "bomb.png",
            picture(1001, 1000, &[255; 1_001_000]),
            &["1001000 bytes, more than the limit of 1000000"],
        ),
    ]
}

fn options() -> ReadOptions {
    ReadOptions { limits: Limits { bytes: 1_000_000, ..Limits::default() }, ..Default::default() }
}

fn write(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn bad_files_are_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [bad_text(), bad_arrays(), bad_archives(), bad_meshes(), bad_scenes()].concat();
    assert!(cases.len() >= 60);
    for (name, content, words) in cases {
        let path = write(dir.path(), name, &content);
        let error = io::read(&path, &options()).expect_err(name);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(io::read_bytes(&path, &content, &options()).unwrap_err(), error, "from memory");
        assert!(matches!(error, gromov::Error::File { .. }), "{name}: {error:?}");
        let text = error.to_string();
        assert!(words.iter().all(|w| text.contains(w)), "{name}: {text}");
        assert!(!text.contains(|c: char| c.is_control()) && text.len() < 400, "{name}: {text:?}");
    }
}

#[test]
fn names_that_are_no_readable_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("folder.csv")).unwrap();
    let text = |path: &Path| io::read(path, &options()).unwrap_err().to_string();
    assert!(text(&dir.path().join("none.csv")).contains("none.csv: no such file; check the name"));
    assert!(text(&dir.path().join("folder.csv")).contains("folder.csv: is a folder"));
    assert!(text(Path::new("")).contains("no such file"));
    assert!(text(&dir.path().join("a\nb.csv")).contains("a\\nb.csv: no such file"));
    #[cfg(unix)]
    {
        assert!(text(Path::new("/dev/zero")).contains("not a regular file"));
        std::os::unix::fs::symlink("self.csv", dir.path().join("self.csv")).unwrap();
        assert!(text(&dir.path().join("self.csv")).contains("self.csv: cannot be opened: "));
    }
    let big = write(dir.path(), "big.csv", &[b'1'; 1_000_001]);
    assert!(text(&big).contains("1000001 bytes, more than the limit of 1000000; raise it with --max-bytes"));
    let few = ReadOptions { limits: Limits { points: 2, ..Limits::default() }, ..Default::default() };
    for (name, content) in [
        ("few.csv", b"1\n2\n3\n".to_vec()),
        ("few.npy", doubles("(3, 1)", &[1.0, 2.0, 3.0])),
        ("few.npz", stored(&[("points.npy", &doubles("(1, 3, 1)", &[1.0, 2.0, 3.0]))])),
        ("few.obj", b"v 1 2 3\nv 1 2 3\nv 1 2 3\n".to_vec()),
        ("few.xyz", b"1 2\n1 2\n1 2\n".to_vec()),
        ("few.png", picture(3, 2, &[0, 255, 9, 255, 255, 8])),
        ("few.ply", ply("ascii", &format!("element vertex 3\n{XY}"), b"1 2\n1 2\n1 2\n")),
    ] {
        let text = io::read(&write(dir.path(), name, &content), &few).unwrap_err().to_string();
        assert!(text.contains("holds 3 points, more than the limit of 2"), "{text}");
    }
}

#[test]
fn good_files_that_look_odd() {
    let dir = tempfile::tempdir().unwrap();
    let csv = write(dir.path(), "Mark.CSV", b"\xef\xbb\xbfx,Weight\r\n\r\n1,1\r\n2,3\r\n");
    assert!(io::read(&csv, &options()).unwrap_err().to_string().contains("the sum is 4"));
    let mu = io::read(&csv, &ReadOptions { normalize: true, ..options() }).unwrap();
    assert_eq!((mu.points(), mu.weights()), (&[1.0, 2.0][..], &[0.25, 0.75][..]));
    let wide = vec!["1"; 4096].join(",");
    assert_eq!(io::read(&write(dir.path(), "wide.csv", wide.as_bytes()), &options()).unwrap().dim(), 4096);
    let packed = zip(&[("points.npy", &doubles("(2, 1)", &[1.0, 2.0]))], CompressionMethod::Deflated);
    assert_eq!(io::read(&write(dir.path(), "p.npz", &packed), &options()).unwrap().points(), &[1.0, 2.0]);
    let fortran = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 3)}";
    let fortran = stored(&[("points.npy", &npy(fortran, &[0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6]))]);
    let mu = io::read(&write(dir.path(), "f.npz", &fortran), &options()).unwrap();
    assert_eq!(mu.points(), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(
        io::read_matrix(&dir.path().join("f.npz"), &options()).unwrap_err().to_string().contains("matrix")
    );
}

/// One small valid file of each format.
fn samples(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let points = Member { name: "points", shape: &[2, 2], data: Data::F64(&[1.0, 2.0, 3.0, 4.0]) };
    let weights = Member { name: "weights", shape: &[2], data: Data::F64(&[0.25, 0.75]) };
    let meta = Member { name: "meta", shape: &[], data: Data::Text("{}") };
    let path = dir.join("sample.npz");
    io::write_npz(&path, &[points, weights, meta]).unwrap();
    let body: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let faces = format!("element vertex 2\n{XY}element face 1\nproperty list uchar int vertex_indices\n");
    let colored =
        faces.replace(XY, &format!("{XY}property uchar red\nproperty uchar green\nproperty uchar blue\n"));
    let colors: Vec<u8> = [(1.0f32, 2.0f32), (3.0, 4.0)]
        .iter()
        .flat_map(|(x, y)| [x.to_le_bytes().as_slice(), &y.to_le_bytes(), &[9, 9, 9]].concat())
        .chain([3, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
        .collect();
    let deflated =
        zip(&[("points.npy", &doubles("(2, 2)", &[1.0, 2.0, 3.0, 4.0]))], CompressionMethod::Deflated);
    vec![
        ("a.csv", b"x,y,w\n1,2,0.25\n3,4,0.75\n".to_vec()),
        ("a.tsv", b"1\t2\r\n3\t4\r\n".to_vec()),
        ("a.npy", doubles("(2, 2)", &[1.0, 2.0, 3.0, 4.0])),
        ("a.npz", std::fs::read(&path).unwrap()),
        ("b.npz", deflated),
        ("a.ply", ply("ascii", &faces, b"1 2\n3 4\n3 0 1 1\n")),
        ("b.ply", ply("binary_big_endian", &faces, &[body.as_slice(), &[3], &[0; 12]].concat())),
        ("c.ply", ply("ascii", &colored, b"1 2 9 9 9\n3 4 9 9 9\n3 0 1 1\n")),
        ("d.ply", ply("binary_little_endian", &colored, &colors)),
        ("a.obj", b"v 1 2 3\nv 4 5 6\nf 1/1 2/2 \\\n-1\n".to_vec()),
        ("b.obj", b"v 1 2 3 0 0 1\nv 4 5 6 0 1 0\n".to_vec()),
        ("a.xyz", b"2\nmolecule\nC 1 2 3\nH 4 5 6\n".to_vec()),
        ("b.xyz", b"# plain\n1 2\n3 4\n".to_vec()),
        ("a.png", picture(2, 2, &[255, 0, 9, 255])),
    ]
}

#[test]
fn memory_and_files_give_the_same_clouds() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in samples(dir.path()) {
        let path = write(dir.path(), name, &content);
        let mu = io::read(&path, &options()).unwrap();
        let matrix = io::read_matrix(&path, &options());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(io::read_bytes(&path, &content, &options()).unwrap(), mu, "{name}");
        assert_eq!(io::read_matrix_bytes(&path, &content, &options()), matrix, "{name}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_right() {
    let dir = tempfile::tempdir().unwrap();
    for (name, whole) in samples(dir.path()) {
        let all = io::read_bytes(name.as_ref(), &whole, &options()).unwrap();
        io::read_mesh_bytes(name.as_ref(), &whole, &options()).unwrap();
        for length in 0..whole.len() {
            let mesh = io::read_mesh_bytes(name.as_ref(), &whole[..length], &options());
            let Ok(mu) = io::read_bytes(name.as_ref(), &whole[..length], &options()) else {
                assert!(mesh.is_err(), "{name} cut at {length}");
                continue;
            };
            // Text has no end mark: a cut in front of the last row or inside its last number is not seen.
            let binary =
                ["npy", "npz", "png"].iter().any(|e| name.ends_with(e)) || ["b.ply", "d.ply"].contains(&name);
            let sure = (mu.len() - 1) * mu.dim();
            assert_eq!(mu.points()[..sure], all.points()[..sure], "{name} cut at {length}");
            assert!(if binary { mu == all } else { mu.len() <= all.len() }, "{name} cut at {length}: {mu:?}");
        }
    }
}

#[test]
fn a_changed_byte_never_panics() {
    let dir = tempfile::tempdir().unwrap();
    let one_line = |name: &str, error: gromov::Error| {
        let text = error.to_string();
        assert!(!text.contains(|c: char| c.is_control()), "{name}: {text:?}");
    };
    for (name, whole) in samples(dir.path()) {
        for at in 0..whole.len() {
            for change in [0x01, 0x80, 0xff, whole[at] ^ b'-', whole[at] ^ b'9', whole[at]] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                let _ = io::read_bytes(name.as_ref(), &bytes, &options()).map_err(|e| one_line(name, e));
                let _ = io::read_mesh_bytes(name.as_ref(), &bytes, &options()).map_err(|e| one_line(name, e));
            }
        }
    }
}

#[test]
fn what_is_written_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = [0.1, -0.0, 1e-310, f64::MAX, 1.0 / 3.0, 7.0];
    io::write_npy(&dir.path().join("a.npy"), &[3, 2], &data).unwrap();
    let back = io::read_matrix(&dir.path().join("a.npy"), &options()).unwrap();
    assert_eq!((back.data.as_slice(), back.rows, back.cols), (&data[..], 3, 2));
    let member = Member { name: "points", shape: &[3, 2], data: Data::F64(&data) };
    let both = [dir.path().join("a.npz"), dir.path().join("b.npz")].map(|path| {
        io::write_npz(&path, &[member]).unwrap();
        assert_eq!(io::read(&path, &options()).unwrap().points(), data);
        std::fs::read(path).unwrap()
    });
    assert_eq!(both[0], both[1]);
    let old = std::fs::read(dir.path().join("a.npy")).unwrap();
    let failure = io::write_atomic(&dir.path().join("a.npy"), |out| {
        out.write_all(b"half a file")?;
        Err(std::io::Error::other("stopped"))
    });
    assert!(failure.unwrap_err().to_string().ends_with("a.npy: cannot be written: stopped"));
    assert_eq!(std::fs::read(dir.path().join("a.npy")).unwrap(), old);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn the_weights_of_a_picture_read_back() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 0..8 {
        let mut source = gromov::measure::sample::Source::new(seed, 6);
        let pixels: Vec<u8> = (0..100 * 60).map(|_| source.below(256) as u8).collect();
        let cloud = io::read_bytes("a.png".as_ref(), &picture(100, 60, &pixels), &options()).unwrap();
        assert!(cloud.len() > 5_000);
        for name in ["a.csv", "a.npz"] {
            let path = dir.path().join(name);
            io::write_cloud(&path, &cloud).unwrap();
            assert_eq!(io::read(&path, &options()).unwrap(), cloud, "{name} {seed}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_error() {
    let full = Path::new("/dev/full");
    io::check_writable(full).unwrap();
    for error in [
        io::write_npy(full, &[1, 1], &[1.0]),
        io::write_npz(full, &[Member { name: "points", shape: &[1, 1], data: Data::F64(&[1.0]) }]),
        io::write_plan_csv(full, &[0], &[0], &[1.0]),
    ] {
        assert!(
            error
                .unwrap_err()
                .to_string()
                .starts_with("/dev/full: cannot be written: No space left on device")
        );
    }
}
