//! Vertices, faces and colours in every encoding; headers and lines that are wrong.

use super::super::{Faces, ReadOptions, read, read_bytes, read_mesh_bytes};
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
    let mu = parse(format!("{HEAD}property float weight\n{faces}1 2 0.25\n3 4e0 0.75\n3 0 1 1\n").as_bytes());
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

/// Faces in front of coloured vertices, in the three encodings.
fn meshes(corners: [i16; 3]) -> [Vec<u8>; 3] {
    ["ascii", "binary_little_endian", "binary_big_endian"].map(|encoding| {
        let mut out = format!(
            "ply\nformat {encoding} 1.0\nelement face 2\nproperty uchar k\nproperty list uchar short vertex_index\n\
             element vertex 3\nproperty float x\nproperty float y\nproperty uchar red\nproperty float green\n\
             property int blue\nproperty list uchar uchar more\nelement last 1\nproperty float q\nend_header\n"
        )
        .into_bytes();
        if encoding == "ascii" {
            let [a, b, c] = corners;
            out.extend(format!("7 3 {a} {b} {c}\n7 3 2 0 2\n1 2 255 0.5 0 0\n3 4 0 1 9 1 5\n5 6 1 0 0 0\n").bytes());
            return out;
        }
        let big = encoding == "binary_big_endian";
        let short = |x: i16| if big { x.to_be_bytes() } else { x.to_le_bytes() };
        let float = |x: f32| if big { x.to_be_bytes() } else { x.to_le_bytes() };
        let int = |x: i32| if big { x.to_be_bytes() } else { x.to_le_bytes() };
        out.extend([7, 3].into_iter().chain(corners.into_iter().flat_map(short)));
        out.extend([7, 3].into_iter().chain([2, 0, 2].into_iter().flat_map(short)));
        for (x, y, r, g, b, more) in
            [(1.0, 2.0, 255, 0.5, 0, &[0][..]), (3.0, 4.0, 0, 1.0, 9, &[1, 5]), (5.0, 6.0, 1, 0.0, 0, &[0])]
        {
            out.extend([x, y].into_iter().flat_map(float).chain([r]));
            out.extend(float(g).into_iter().chain(int(b)).chain(more.iter().copied()));
        }
        out
    })
}

#[test]
fn faces_and_colours_in_every_encoding() {
    let options = ReadOptions::default();
    for bytes in meshes([0, 1, 2]) {
        let mesh = read_mesh_bytes("a.ply".as_ref(), &bytes, &options).unwrap();
        assert_eq!(mesh.cloud.points(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(mesh.faces, Faces { corners: vec![0, 1, 2, 2, 0, 2], sizes: vec![3, 3] });
        assert_eq!(mesh.colors, Some(vec![[255, 128, 0, 255], [0, 255, 9, 255], [1, 0, 0, 255]]));
        assert_eq!(read_bytes("a.ply".as_ref(), &bytes, &options).unwrap(), mesh.cloud);
        let cut = &bytes[..bytes.len() - 4];
        assert!(read_mesh_bytes("a.ply".as_ref(), cut, &options).is_err());
    }
    for (k, bytes) in meshes([0, -1, 3]).iter().enumerate() {
        let text = read_mesh_bytes("a.ply".as_ref(), bytes, &options).unwrap_err().to_string();
        let place = if k == 0 { "a.ply:16: " } else { "a.ply: face 0: " };
        assert!(text.contains(&format!("{place}a face has the corner -1; expected 0 to 2")), "{text}");
    }
    let text = |from: &str, to: &str| {
        let bytes = String::from_utf8(meshes([0, 1, 2])[0].clone()).unwrap().replace(from, to);
        read_mesh_bytes("a.ply".as_ref(), bytes.as_bytes(), &options).unwrap_err().to_string()
    };
    assert!(text("1 2 255 0.5", "1 2 255 1.5").contains("a.ply:18: a colour is 1.5; expected 0 to 1"));
    assert!(text("0 1 9 1", "0 1 300 1").contains("a.ply:19: a colour is 300; expected 0 to 255"));
    assert!(text("vertex_index", "corners").contains("faces need one list of integers"));
    for line in ["7 4 2 0 2", "7 3 2 0 2 9 9", "7 2 2 0 2", "7", "7 x"] {
        let got = text("7 3 2 0 2", line);
        assert!(got.contains(&format!("a.ply:17: '{line}' is no face; expected the 2 properties")), "{got}");
    }
    let got = text("3 4 0 1 9 1 5", "3 4 0 1 9 1 5 6");
    assert!(got.contains("a.ply:19: '3 4 0 1 9 1 5 6' is no vertex; expected the 6 properties"), "{got}");
    assert!(text("7 3 2 0 2", "7 2 2 0").contains("a.ply:17: a face has 2 corners; expected at least 3"));
    assert!(text("7 3 2 0 2", "7 0").contains("a.ply:17: a face has 0 corners"));
}

#[test]
fn weights_by_name() {
    let named = |name: &str| ReadOptions { weights_column: Some(name.into()), ..ReadOptions::default() };
    let content =
        format!("{HEAD}property float w\nproperty float Mass\nend_header\n1 2 9 0.25\n3 4 9 0.75\n");
    let parse = |name: &str| read_bytes("a.ply".as_ref(), content.as_bytes(), &named(name));
    let mu = parse("mass").unwrap();
    assert_eq!((mu.points(), mu.weights()), (&[1.0, 2.0, 3.0, 4.0][..], &[0.25, 0.75][..]));
    assert!(parse("m").unwrap_err().to_string().contains("it has 'x', 'y', 'w', 'Mass'"));
    assert!(parse("x").unwrap_err().to_string().contains("'x' is no weight but a coordinate"));
    // a colour is no weight, whether colours are wanted or not; one channel alone is no colour
    let red = content.replace("float w", "uchar red").replace("9 0.25", "1 0.25").replace("9 0.75", "0 0.75");
    let mu = read_bytes("a.ply".as_ref(), red.as_bytes(), &named("red")).unwrap();
    assert_eq!(mu.weights(), [1.0, 0.0]);
    assert_eq!(read_mesh_bytes("a.ply".as_ref(), red.as_bytes(), &named("red")).unwrap().cloud, mu);
    let rgb = red
        .replace("float Mass", "uchar green\nproperty uchar blue")
        .replace("0.25", "2 3")
        .replace("0.75", "4 5");
    let cloud = read_bytes("a.ply".as_ref(), rgb.as_bytes(), &named("red")).unwrap_err();
    assert!(cloud.to_string().contains("'red' is no weight but a colour"), "{cloud}");
    assert_eq!(read_mesh_bytes("a.ply".as_ref(), rgb.as_bytes(), &named("red")).unwrap_err(), cloud);
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
        message(&format!("{HEAD}property int x\nend_header\n")).contains("a.ply:7: 'x' is declared twice")
    );
    assert!(message(&format!("{HEAD}property int w\nproperty int weight\nend_header\n")).contains("both"));
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
