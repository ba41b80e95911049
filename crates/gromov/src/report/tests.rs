//! Escaping, quantisation, size, determinism.

use super::html::{clean, escape};
use super::pack::{Frame, STEPS, evenly};
use super::*;
use crate::measure::sample::Source;

/// Labels from outside that try to leave their place.
fn hostile() -> Vec<String> {
    let fixed = [
        "</script><script>alert(1)</script>",
        "</SCRIPT ><script src=https://evil.example/x.js>",
        "<img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "' onmouseover='alert(1)",
        "\" autofocus onfocus=\"alert(1)",
        "\"&'<>",
        "&lt;script&gt; &amp; &#60;",
        "]]>",
        "<!--",
        "--><script>alert(1)</script>",
        "</style><style>@import url(//evil.example)</style>",
        "</title><iframe src=//evil.example>",
        "</svg></text><foreignObject><script>alert(1)</script>",
        "\u{1b}[31mred\u{1b}]0;title\u{7}",
        "\u{202e}txt.exe \u{2066}a\u{2069} \u{200f}",
        "line\u{2028}line\u{2029}line\nline\0",
        "<base href=//evil.example><link rel=stylesheet href=//evil.example>",
        "=cmd|' /C calc'!A0",
    ];
    let mut all: Vec<String> = fixed.iter().map(|s| s.to_string()).collect();
    all.push("<b>".repeat(333_334));
    all
}

/// A page that shows `text` everywhere.
fn page_of(text: &str) -> Page {
    let s = || text.to_string();
    let frames = Frames { times: vec![0.0, 1.0], points: vec![0.0, 1.0, 2.0, 3.0], captions: vec![s(), s()] };
    let player = Player {
        label: s(),
        dim: 2,
        frames,
        frame_switch: Some(FrameSwitch { label: s(), rotation: vec![0.0, 1.0, 1.0, 0.0], on: false }),
        ..Default::default()
    };
    let chart = Chart {
        title: s(),
        x_label: s(),
        y_label: s(),
        follows_time: true,
        series: vec![Series { name: s(), points: vec![(0.0, 1.0), (1.0, 2.0)], dashed: true, color: 3 }],
        ..Default::default()
    };
    let matching = Matching {
        label: s(),
        dim: 1,
        x: Cloud { points: vec![0.0], weights: vec![] },
        y: Cloud { points: vec![1.0], weights: vec![] },
        x_label: s(),
        y_label: s(),
        lines: vec![(0, 0, 1.0)],
        seed: 0,
    };
    let section = Section {
        title: s(),
        text: vec![s()],
        below: vec![s()],
        players: vec![player],
        time_label: s(),
        start: None,
        charts: vec![chart],
        matching: Some(matching),
        table: Some(Table { head: vec![s()], rows: vec![vec![s()]] }),
        notes: vec![s()],
    };
    Page { title: s(), lead: vec![s()], sections: vec![section], foot: vec![s()] }
}

/// Names of all tags with their attribute names, read as a browser would: script and style elements
/// end at their first end tag.
fn tags(html: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("open tag");
        let tag = &rest[..end];
        let name = tag.split_whitespace().next().unwrap_or("").to_string();
        let mut skeleton = name.clone();
        // attribute values are double-quoted throughout, so pieces 0, 2, 4, ... are names
        let quoted: String = tag.split('"').step_by(2).collect::<Vec<_>>().join("_");
        skeleton.push_str(&quoted[name.len().min(quoted.len())..]);
        out.push(skeleton);
        rest = &rest[end + 1..];
        if name == "script" || name == "style" {
            let close = rest.find(&format!("</{name}")).expect("end tag");
            rest = &rest[close..];
        }
    }
    out
}

#[test]
fn hostile_text_adds_no_element_and_no_attribute() {
    let expected = tags(&page_of("plain").render().unwrap());
    assert_eq!(expected.iter().filter(|t| t.starts_with("script")).count(), 2);
    for text in hostile() {
        let html = page_of(&text).render().unwrap();
        let shown: String = text.chars().take(40).collect();
        assert_eq!(tags(&html), expected, "{shown:?}");
        assert!(!html.contains("alert(1)</script>") && html.len() < 200_000, "{shown:?} {}", html.len());
        let control = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!html.contains(control), "{shown:?}");
    }
}

#[test]
fn the_page_names_no_address() {
    let html = page_of("plain").render().unwrap();
    let name_space = "createElementNS(\"http://www.w3.org/2000/svg\"";
    for word in ["http:", "https:", "//www", "src=", "href=", "@import", "url("] {
        let allowed = if word == "http:" || word == "//www" { html.matches(name_space).count() } else { 0 };
        assert_eq!(html.matches(word).count(), allowed, "{word}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn json_in_the_page_is_the_data_and_ends_no_script() {
    let html = page_of("</script>\u{2028}&").render().unwrap();
    let json = html.split_once("id=\"gromov-data\">").unwrap().1.split_once("</script>").unwrap().0;
    assert!(!json.contains(['<', '>', '&']));
    let data: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(data[0]["players"][0]["captions"][1], "</script> &");
    assert_eq!(data[0]["frame"]["unit"], 2.0);
    assert_eq!(data[0]["frame"]["lo"][1], 1.0);
}

#[test]
fn long_and_odd_text_is_shown_as_such() {
    assert_eq!(escape("a<b & \"c\" 'd'", 99), "a&lt;b &amp; &quot;c&quot; &#39;d&#39;");
    assert_eq!(clean("abcdef", 3), "abc… (6 characters)");
    assert_eq!(clean("a\u{1b}[0m\tb", 99), "a\u{fffd}[0m b");
}

#[test]
fn quantisation_error_is_below_a_step_at_every_scale() {
    let mut s = Source::new(1, 0);
    for (scale, offset) in [(1.0, 0.0), (1e-300, 0.0), (1e8, 1e12), (1e300, -1e300), (1.7e308, 0.0)] {
        let points: Vec<f64> = (0..600).map(|_| offset + scale * (2.0 * s.unit() - 1.0)).collect();
        let frame = Frame::around(3, std::iter::once(points.as_slice()));
        for (i, (q, x)) in frame.quantise(&points).iter().zip(&points).enumerate() {
            let edge = frame.span[i % 3] * (frame.unit / 2.0);
            let back = frame.lo[i % 3] / 2.0 + edge * (f64::from(*q) / STEPS);
            assert!((back - x / 2.0).abs() <= edge / STEPS, "{scale} {x}");
        }
    }
}

#[test]
fn one_point_has_a_box() {
    let frame = Frame::around(2, std::iter::once([3.0, 4.0].as_slice()));
    assert_eq!((frame.unit, frame.span.as_slice()), (1.0, [0.0, 0.0].as_slice()));
    assert_eq!(frame.quantise(&[3.0, 4.0]), [0, 0]);
}

#[test]
fn even_choices_keep_both_ends() {
    assert_eq!(evenly(3, 5), [0, 1, 2]);
    assert_eq!(evenly(201, 5), [0, 50, 100, 150, 200]);
    assert_eq!(evenly(10, 1), [0]);
    for (n, want) in [(10, 7), (1000, 21), (22, 21)] {
        let chosen = evenly(n, want);
        assert!(chosen.windows(2).all(|w| w[0] < w[1]) && chosen.len() == want && chosen[want - 1] == n - 1);
    }
}

fn random_player(n: usize, k: usize, dim: usize, seed: u64) -> Player {
    let mut s = Source::new(seed, 0);
    let points = (0..n * k * dim).map(|_| s.normal()).collect();
    let times = (0..k).map(|t| t as f64).collect();
    let frames = Frames { times, points, captions: vec![] };
    Player { label: format!("cloud {seed}"), dim, frames, ..Default::default() }
}

#[test]
fn a_full_page_and_an_oversized_one_stay_below_a_megabyte() {
    let section = |players| Section { players, ..Default::default() };
    let two = |n, k, dim| section(vec![random_player(n, k, dim, 1), random_player(n, k, dim, 2)]);
    let page = Page { sections: vec![two(1000, 20, 2), two(1839, 20, 3)], ..Default::default() };
    let html = page.render().unwrap();
    assert!(html.len() < 1_000_000, "{}", html.len());
    assert!(!html.contains("points are drawn"));
    assert_eq!(html, page.render().unwrap());
    let page = Page { sections: vec![two(20_000, 40, 3)], ..Default::default() };
    let html = page.render().unwrap();
    assert!(html.len() < 1_000_000, "{}", html.len());
    assert!(html.contains("of 20000 points are drawn") && html.contains("21 of 40 frames are kept"));
}

#[test]
fn a_large_plan_is_sampled_and_says_so() {
    let cloud = |n: usize| Cloud { points: (0..2 * n).map(|i| (i % 97) as f64).collect(), weights: vec![] };
    let lines = (0..5000).map(|l| (l * 7 % 5000, l, 2e-4)).collect();
    let (x_label, y_label) = ("horse".into(), "turned horse".into());
    let m =
        Matching { dim: 2, x: cloud(5000), y: cloud(5000), lines, x_label, y_label, ..Default::default() };
    let page =
        Page { sections: vec![Section { matching: Some(m), ..Default::default() }], ..Default::default() };
    let html = page.render().unwrap();
    assert!(html.contains("3000 of the 5000 lines of the plan are drawn, sampled uniformly with seed 0."));
    assert!(html.contains("horse: 4") && html.len() < 400_000, "{}", html.len());
    assert_eq!(html, page.render().unwrap());
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let error = |player: Player| {
        let section = Section { players: vec![player], ..Default::default() };
        Page { sections: vec![section], ..Default::default() }.render().unwrap_err().to_string()
    };
    let good = random_player(4, 2, 2, 0);
    assert!(error(Player { dim: 5, ..good.clone() }).contains("project"));
    assert!(error(Player { dim: 3, ..good.clone() }).contains("sections[0].players[0].frames.points"));
    assert!(error(Player { weights: vec![1.0], ..good.clone() }).contains("4 numbers or none"));
    let mut bad = good.clone();
    bad.frames.points[3] = f64::NAN;
    assert!(error(bad).contains("entry 3"));
    let mut bad = good.clone();
    bad.frames.times = vec![1.0, 0.0];
    assert!(error(bad).contains("do not decrease"));
    let mut bad = good;
    bad.frame_switch = Some(FrameSwitch { rotation: vec![1.0], ..Default::default() });
    assert!(error(bad).contains("(2, 2)"));
}

#[test]
fn numbers_have_the_digits_asked_for() {
    let cases = [
        (0.0, "0.0000"),
        (1.0, "1.0000"),
        (-123456.7, "-123457"),
        (0.00012345678, "0.00012346"),
        (1e-5, "1.0000e-5"),
        (1e300, "1.0000e300"),
        (f64::NAN, "out of range"),
    ];
    for (x, text) in cases {
        assert_eq!(number(x, 5), text);
    }
}
