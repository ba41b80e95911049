//! PNG: a picture as a cloud. Each pixel that is darker than white (with
//! [`invert`](super::ReadOptions::invert): lighter than black) is a point with the difference as its weight.
//!
//! Points are pixel centres in pixels, x to the right and y up: (column + 1/2, height − row − 1/2). The grey
//! level is the stored value, 1 to 16 bits; of colours and palettes the luma 0.2126 R + 0.7152 G + 0.0722 B
//! (Rec. 709) of the stored values, without regard to gamma or colour profiles. Transparent pixels are
//! laid over white (with `invert`: black), so that what is transparent has no weight. Weights are
//! integers below 2⁵³ in units of their own. An animation is an error.
//!
//! Checksums of all chunks and of the pixels are verified. Transparency (tRNS) and animation (acTL) that do
//! not fit the picture are errors, because passing over them would change the weights; other chunks that are
//! malformed have no influence on the points and are passed over.
//!
//! Memory: the unpacked picture, bounded by [`Limits::bytes`](super::Limits), and its points.

use std::io::{BufReader, Read, Seek, SeekFrom};

use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Info, Limits, Transformations};

use super::Cloud;
use super::limits::{Source, Stream};
use crate::error::Result;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// More bytes than this are never unpacked from one byte of deflate.
const DEFLATE: u64 = 1032;

/// An unpacked picture: `channels` samples of `bytes` bytes a pixel.
struct Picture {
    data: Vec<u8>,
    width: usize,
    height: usize,
    color: ColorType,
    bytes: usize,
}

/// Reads the pixels of some weight.
pub(super) fn read(source: &Source<'_>) -> Result<Cloud> {
    let picture = Picture::read(source)?;
    let invert = source.options.invert;
    let count = picture.weights(invert).filter(|&weight| weight > 0).count() as u64;
    if count == 0 {
        let (ground, option) =
            if invert { ("black", "without --invert") } else { ("white", "with --invert") };
        return Err(source.fault(format!(
            "every pixel is {ground} or transparent, so there are no points; read it {option} if its points are the others"
        )));
    }
    source.check_points(count)?;
    let mut points = Vec::new();
    let mut weights = Vec::new();
    let full = |e| source.fault(format!("does not fit into memory: {e}"));
    points.try_reserve_exact(2 * count as usize).map_err(full)?;
    weights.try_reserve_exact(count as usize).map_err(full)?;
    for (at, weight) in picture.weights(invert).enumerate().filter(|(_, weight)| *weight > 0) {
        let (row, column) = (at / picture.width, at % picture.width);
        points.extend([column as f64 + 0.5, (picture.height - row) as f64 - 0.5]);
        weights.push(weight as f64);
    }
    Ok(Cloud { points, dim: 2, weights: Some(weights), ..Cloud::default() })
}

impl Picture {
    fn read(source: &Source<'_>) -> Result<Picture> {
        let (stream, size) = source.open()?;
        let failed = |e: DecodingError| source.fault(problem(&e));
        let mut stream = signed(source, stream)?;
        let chunks = Chunks::scan(source, &mut stream)?;
        let mut options = DecodeOptions::default();
        options.set_skip_ancillary_crc_failures(false);
        options.set_ignore_adler32(false);
        options.set_ignore_text_chunk(true);
        options.set_ignore_iccp_chunk(true);
        let mut decoder = Decoder::new_with_options(stream, options);
        decoder.set_limits(limits(source));
        decoder.set_transformations(Transformations::EXPAND);
        let header = decoder.read_header_info().map_err(failed)?;
        let (width, height) = header.size();
        let row = u64::from(width) * header.bits_per_pixel() as u64;
        let claimed = u128::from(row.div_ceil(8)) * u128::from(height);
        if claimed > u128::from(size) * u128::from(DEFLATE) {
            return Err(source.fault(format!(
                "claims {width} x {height} pixels, more than its {size} bytes can hold: it is cut short or damaged"
            )));
        }
        let mut reader = decoder.read_info().map_err(failed)?;
        chunks.check(reader.info()).map_err(|problem| source.fault(problem))?;
        if let Some(frames) = reader.info().animation_control().map(|a| a.num_frames).filter(|&n| n > 1) {
            return Err(source.fault(format!("is an animation of {frames} frames; save one of them")));
        }
        let length = reader.output_buffer_size().ok_or(DecodingError::LimitsExceeded).map_err(failed)?;
        source.check_bytes(length as u64, "its picture has")?;
        let mut data = Vec::new();
        data.try_reserve_exact(length).map_err(|e| source.fault(format!("does not fit into memory: {e}")))?;
        data.resize(length, 0);
        reader.next_frame(&mut data).map_err(failed)?;
        reader.finish().map_err(failed)?;
        let (color, depth) = reader.output_color_type();
        let bytes = if depth == BitDepth::Sixteen { 2 } else { 1 };
        Ok(Picture { data, width: width as usize, height: height as usize, color, bytes })
    }

    /// The weight of each pixel, row by row from the top: alpha times the distance from the ground, as
    /// an integer in units of its own.
    fn weights(&self, invert: bool) -> impl Iterator<Item = u64> {
        let (color, bytes) = (self.color, self.bytes);
        let most: u64 = if bytes == 2 { 65_535 } else { 255 };
        self.data.chunks_exact(color.samples() * bytes).map(move |pixel| {
            let mut samples = [0u64; 4];
            for (sample, raw) in samples.iter_mut().zip(pixel.chunks_exact(bytes)) {
                *sample = raw.iter().fold(0, |n, &b| n << 8 | u64::from(b));
            }
            let [a, b, c, d] = samples;
            let luma = 2126 * a + 7152 * b + 722 * c;
            let (level, alpha) = match color {
                ColorType::GrayscaleAlpha => (10_000 * a, b),
                ColorType::Rgba => (luma, d),
                ColorType::Rgb => (luma, most),
                // palettes have been expanded
                ColorType::Grayscale | ColorType::Indexed => (10_000 * a, most),
            };
            alpha * if invert { level } else { 10_000 * most - level }
        })
    }
}

/// Chunks that the decoder would pass over if they were malformed.
#[derive(Default)]
struct Chunks {
    /// Lengths of the chunks tRNS.
    transparency: Vec<u32>,
    /// One of them is behind pixels.
    late: bool,
    animation: bool,
}

impl Chunks {
    /// Walks over the chunks and goes back to the start. A file cut short is left to the decoder.
    fn scan(source: &Source<'_>, stream: &mut BufReader<Stream<'_>>) -> Result<Chunks> {
        let failed = |e: std::io::Error| source.fault(format!("cannot be read: {e}"));
        let mut chunks = Chunks::default();
        let mut pixels = false;
        stream.seek_relative(SIGNATURE.len() as i64).map_err(failed)?;
        loop {
            let mut head = Vec::with_capacity(8);
            stream.by_ref().take(8).read_to_end(&mut head).map_err(failed)?;
            let &[a, b, c, d, ref kind @ ..] = head.as_slice() else { break };
            let length = u32::from_be_bytes([a, b, c, d]);
            match kind {
                b"tRNS" => {
                    chunks.transparency.push(length);
                    chunks.late |= pixels;
                }
                b"acTL" => chunks.animation = true,
                b"IDAT" => pixels = true,
                b"IEND" => break,
                b"IHDR" | b"PLTE" => {}
                // an unknown chunk that must not be passed over: the decoder refuses it
                [first, ..] if first & 0x20 == 0 => break,
                _ => {}
            }
            // the content and its checksum
            stream.seek_relative(i64::from(length) + 4).map_err(failed)?;
        }
        stream.rewind().map_err(failed)?;
        Ok(chunks)
    }

    /// Compares with what the decoder has understood.
    fn check(&self, info: &Info<'_>) -> std::result::Result<(), String> {
        let colors = info.palette.as_ref().map_or(0, |palette| palette.len() / 3);
        let fits = match (self.transparency.as_slice(), info.color_type) {
            ([], _) => true,
            ([2], ColorType::Grayscale) | ([6], ColorType::Rgb) => info.trns.is_some(),
            (&[length], ColorType::Indexed) => length as usize <= colors && info.trns.is_some(),
            _ => false,
        };
        if !fits || self.late {
            return Err("its transparency (chunk tRNS) does not fit the picture; save it again".into());
        }
        if self.animation && info.animation_control.is_none() {
            return Err("its animation (chunk acTL) is malformed; save one frame of it".into());
        }
        Ok(())
    }
}

/// The stream from its start, once its first bytes are those of a PNG file.
fn signed<'a>(source: &Source<'_>, mut stream: Stream<'a>) -> Result<BufReader<Stream<'a>>> {
    let failed = |e: std::io::Error| source.fault(format!("cannot be read: {e}"));
    let mut start = Vec::new();
    Read::by_ref(&mut stream).take(8).read_to_end(&mut start).map_err(failed)?;
    if start != SIGNATURE {
        return Err(source.fault("is not a PNG file (its first bytes are others); save it as PNG"));
    }
    stream.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(BufReader::with_capacity(1 << 16, stream))
}

/// What the decoder may reserve on its own.
fn limits(source: &Source<'_>) -> Limits {
    Limits { bytes: usize::try_from(source.options.limits.bytes).unwrap_or(usize::MAX) }
}

fn problem(e: &DecodingError) -> String {
    match e {
        DecodingError::LimitsExceeded => {
            "its picture does not fit the limits; raise them with --max-bytes".into()
        }
        DecodingError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file ends early: it is cut short; save it again".into()
        }
        e => {
            let text: String = e.to_string().chars().take(160).collect();
            format!("its picture cannot be read: {text}; save it again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read_bytes};
    use super::*;
    use crate::measure::Measure;

    fn encoded(size: (u32, u32), color: ColorType, depth: BitDepth, data: &[u8], palette: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, size.0, size.1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if !palette.is_empty() {
            encoder.set_palette(palette);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        out
    }

    fn cloud(bytes: &[u8], invert: bool) -> Result<Measure> {
        read_bytes("a.png".as_ref(), bytes, &ReadOptions { invert, ..ReadOptions::default() })
    }

    #[test]
    fn points_are_centres_and_weights_are_darkness() {
        // two rows of three pixels: black, white, grey / white, white, black
        let data = [0, 255, 204, 255, 255, 0];
        let bytes = encoded((3, 2), ColorType::Grayscale, BitDepth::Eight, &data, &[]);
        let dark = cloud(&bytes, false).unwrap();
        assert_eq!(dark.points(), [0.5, 1.5, 2.5, 1.5, 2.5, 0.5]);
        let total = 255.0 + 51.0 + 255.0;
        for (got, expected) in dark.weights().iter().zip([255.0 / total, 51.0 / total, 255.0 / total]) {
            assert!((got - expected).abs() < 1e-15);
        }
        let light = cloud(&bytes, true).unwrap();
        assert_eq!(light.points(), [1.5, 1.5, 2.5, 1.5, 0.5, 0.5, 1.5, 0.5]);
        assert!((light.weights()[1] - 204.0 / (3.0 * 255.0 + 204.0)).abs() < 1e-15);
        let named = ReadOptions { weights_column: Some("w".into()), ..ReadOptions::default() };
        let text = read_bytes("a.png".as_ref(), &bytes, &named).unwrap_err().to_string();
        assert!(text.contains(".png") && text.contains("no names"), "{text}");
    }

    #[test]
    fn every_depth_and_colour() {
        use BitDepth::{Eight, Four, One, Sixteen, Two};
        let black = [0.5, 0.5];
        for (depth, row) in [(One, 0b0100_0000u8), (Two, 0b0011_0000), (Four, 0x0f)] {
            let mu = cloud(&encoded((2, 1), ColorType::Grayscale, depth, &[row], &[]), false).unwrap();
            assert_eq!((mu.points(), mu.weights()), (&black[..], &[1.0][..]));
        }
        let deep = encoded((2, 1), ColorType::Grayscale, Sixteen, &[0xff, 0xfe, 0xff, 0xff], &[]);
        assert_eq!(cloud(&deep, false).unwrap().points(), black);
        let red_white = [255, 0, 0, 255, 255, 255];
        let palette = encoded((2, 1), ColorType::Indexed, One, &[0b0100_0000], &red_white);
        let rgb = encoded((2, 1), ColorType::Rgb, Eight, &red_white, &[]);
        assert_eq!(cloud(&palette, false).unwrap().points(), black);
        assert_eq!(cloud(&palette, true).unwrap(), cloud(&rgb, true).unwrap());
        assert!((cloud(&rgb, true).unwrap().weights()[0] - 0.2126 / 1.2126).abs() < 1e-15);
        // half transparent black counts half; transparent counts nothing, on either ground
        let glass = encoded((3, 1), ColorType::GrayscaleAlpha, Eight, &[0, 255, 0, 51, 0, 0], &[]);
        assert!((cloud(&glass, false).unwrap().weights()[1] - 0.2 / 1.2).abs() < 1e-15);
        assert!(cloud(&glass, true).is_err());
        let rgba = encoded((2, 1), ColorType::Rgba, Eight, &[255, 255, 255, 255, 9, 9, 9, 0], &[]);
        assert_eq!((cloud(&rgba, true).unwrap().len(), cloud(&rgba, false).is_err()), (1, true));
    }

    #[test]
    fn equal_pixels_have_equal_weights() {
        let mu =
            cloud(&encoded((5, 3), ColorType::Grayscale, BitDepth::Eight, &[7; 15], &[]), false).unwrap();
        assert!(mu.has_uniform_weights() && mu.weights()[0] == 1.0 / 15.0);
    }

    #[test]
    fn bad_pictures_are_refused() {
        let text = |bytes: &[u8], invert| cloud(bytes, invert).unwrap_err().to_string();
        let white = encoded((2, 2), ColorType::Grayscale, BitDepth::Eight, &[255; 4], &[]);
        assert!(text(&white, false).contains("every pixel is white or transparent, so there are no points"));
        assert!(text(&white, false).contains("--invert"));
        let black = encoded((2, 2), ColorType::Grayscale, BitDepth::Eight, &[0; 4], &[]);
        assert!(text(&black, true).contains("without --invert"));
        assert!(text(b"GIF89a", false).contains("a.png: is not a PNG file"));
        assert!(text(&black[..black.len() - 1], false).contains("cut short"));
        let mut damaged = black.clone();
        damaged[45] ^= 1;
        assert!(text(&damaged, false).contains("cannot be read"));
        let few = ReadOptions {
            limits: super::super::Limits { points: 3, bytes: 1000, dim: 2 },
            ..Default::default()
        };
        let got = read_bytes("a.png".as_ref(), &black, &few).unwrap_err().to_string();
        assert!(got.contains("holds 4 points, more than the limit of 3"), "{got}");
        let large = encoded((40, 40), ColorType::Grayscale, BitDepth::Eight, &[255; 1600], &[]);
        let got = read_bytes("a.png".as_ref(), &large, &few).unwrap_err().to_string();
        assert!(got.contains("its picture has 1600 bytes, more than the limit of 1000"), "{got}");
        // a header of 2 x 2 pixels that claims 10^9 rows, with its checksum made right
        let mut claims = black;
        claims[20..24].copy_from_slice(&1_000_000_000u32.to_be_bytes());
        let crc = checksum(&claims[12..29]);
        claims[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(text(&claims, false).contains("claims 2 x 1000000000 pixels"), "{}", text(&claims, false));
    }

    /// A picture with one more chunk in front of its pixels, the checksum of which is right or not.
    fn with_chunk(picture: &[u8], kind: &[u8; 4], content: &[u8], right: bool) -> Vec<u8> {
        let at = picture.windows(4).position(|w| w == b"IDAT").unwrap() - 4;
        let body = [kind.as_slice(), content].concat();
        let sum = checksum(&body) ^ u32::from(!right);
        let length = (content.len() as u32).to_be_bytes();
        [&picture[..at], &length, &body, &sum.to_be_bytes(), &picture[at..]].concat()
    }

    #[test]
    fn damaged_transparency_and_animation_are_refused() {
        let text = |bytes: &[u8]| cloud(bytes, false).unwrap_err().to_string();
        let grey = encoded((3, 1), ColorType::Grayscale, BitDepth::Eight, &[0, 9, 255], &[]);
        let transparent = with_chunk(&grey, b"tRNS", &[0, 9], true);
        assert_eq!(cloud(&transparent, false).unwrap().points(), [0.5, 0.5]);
        assert!(
            text(&with_chunk(&grey, b"tRNS", &[0, 9], false)).contains("its picture cannot be read: CRC")
        );
        let colored = encoded((1, 1), ColorType::Rgb, BitDepth::Eight, &[0; 3], &[]);
        let palette = encoded((2, 1), ColorType::Indexed, BitDepth::Eight, &[0, 1], &[0, 0, 0, 9, 9, 9]);
        let clear = encoded((1, 1), ColorType::GrayscaleAlpha, BitDepth::Eight, &[0, 255], &[]);
        assert_eq!(cloud(&with_chunk(&palette, b"tRNS", &[0], true), false).unwrap().points(), [1.5, 0.5]);
        for (picture, content) in [
            (&grey, &[9][..]),
            (&grey, &[0, 9, 0]),
            (&grey, &[]),
            (&transparent, &[0, 0]),
            (&colored, &[0, 0]),
            (&palette, &[0, 0, 0]),
            (&clear, &[0, 0]),
        ] {
            let got = text(&with_chunk(picture, b"tRNS", content, true));
            assert!(got.contains("its transparency (chunk tRNS) does not fit"), "{content:?}: {got}");
        }
        for content in [&[0; 8][..], &[0, 0, 0, 2]] {
            let got = text(&with_chunk(&grey, b"acTL", content, true));
            assert!(got.contains("its animation (chunk acTL) is malformed"), "{got}");
        }
        assert!(text(&with_chunk(&grey, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0], true)).contains("2 frames"));
        // the last four bytes of the pixels are their Adler-32, here with a chunk checksum made right
        let at = grey.windows(4).position(|w| w == b"IDAT").unwrap();
        let length = u32::from_be_bytes(grey[at - 4..at].try_into().unwrap()) as usize;
        let mut damaged = grey.clone();
        damaged[at + 4 + length - 1] ^= 1;
        let sum = checksum(&damaged[at..at + 4 + length]);
        damaged[at + 4 + length..][..4].copy_from_slice(&sum.to_be_bytes());
        assert!(text(&damaged).contains("its picture cannot be read"), "{}", text(&damaged));
        let mut late = grey[..grey.len() - 12].to_vec();
        late.extend_from_slice(&with_chunk(&grey, b"tRNS", &[0, 9], true)[at - 4..][..14]);
        late.extend_from_slice(&grey[grey.len() - 12..]);
        assert!(text(&late).contains("its transparency (chunk tRNS) does not fit"), "{}", text(&late));
    }

    /// The checksum of PNG, bit by bit.
    fn checksum(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &b| {
            (0..8).fold(crc ^ u32::from(b), |c, _| (c >> 1) ^ (0xedb8_8320 & (0u32.wrapping_sub(c & 1))))
        })
    }
}
