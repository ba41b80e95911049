//! The page around the data: escaping, sections, content security policy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::pack::{self, SectionData};
use super::{Matching, Page, Player, ROWS, Section, Table, chart};
use crate::error::{Error, Result};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("player.js");

/// Longest paragraph, heading, cell.
const PARAGRAPH: usize = 5_000;
const HEADING: usize = 300;
const CELL: usize = 200;

/// Text for any reader: white space collapsed to spaces, control characters and overrides of the
/// direction of writing shown as U+FFFD, at most `longest` characters (with a count of all if cut).
pub(super) fn clean(text: &str, longest: usize) -> String {
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let mut out: String = text.chars().take(longest).map(shown).collect();
    if text.chars().nth(longest).is_some() {
        out.push_str(&format!("… ({} characters)", text.chars().count()));
    }
    out
}

/// [`clean`], for the inside of an element or of a double-quoted attribute.
pub(super) fn escape(text: &str, longest: usize) -> String {
    let mut out = String::with_capacity(text.len().min(longest) + 16);
    for c in clean(text, longest).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The whole page.
pub(super) fn page(page: &Page) -> Result<String> {
    let share = pack::share(page);
    let mut data: Vec<SectionData> = Vec::new();
    let mut body = String::new();
    for (s, section) in page.sections.iter().enumerate() {
        let (packed, left_out) = pack::section(section, share);
        data.push(packed);
        body.push_str(&section_html(section, s, &left_out)?);
    }
    let json = pack::json(&data).map_err(|e| Error::User(format!("page: {e}")))?;
    let (style, script) = (STYLE.replace("\r\n", "\n"), SCRIPT.replace("\r\n", "\n"));
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(&style)
    );
    let title = escape(&page.title, HEADING);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>{style}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n"
    );
    out.push_str(&paragraphs(&page.lead, "lead"));
    out.push_str("</header>\n");
    out.push_str(&body);
    if !page.foot.is_empty() {
        out.push_str(&format!("<footer>\n{}</footer>\n", paragraphs(&page.foot, "small")));
    }
    out.push_str("</main>\n<script type=\"application/json\" id=\"gromov-data\">");
    out.push_str(&json);
    out.push_str(&format!("</script>\n<script>{script}</script>\n</body>\n</html>\n"));
    Ok(out)
}

/// Source expression of a content security policy for an inline script or style.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

fn paragraphs(text: &[String], class: &str) -> String {
    text.iter().map(|p| format!("<p class=\"{class}\">{}</p>\n", escape(p, PARAGRAPH))).collect()
}

fn section_html(section: &Section, s: usize, left_out: &[String]) -> Result<String> {
    let mut out = format!("<section data-section=\"{s}\">\n");
    if !section.title.is_empty() {
        out.push_str(&format!("<h2>{}</h2>\n", escape(&section.title, HEADING)));
    }
    out.push_str(&paragraphs(&section.text, "text"));
    if !section.players.is_empty() {
        out.push_str(&players_html(section));
    }
    if let Some(m) = &section.matching {
        out.push_str(&matching_html(m));
    }
    out.push_str(&paragraphs(&section.below, "text"));
    if !section.charts.is_empty() {
        out.push_str("<div class=\"charts\">\n");
        for c in &section.charts {
            out.push_str(&chart::figure(c)?);
        }
        out.push_str("</div>\n");
    }
    if let Some(t) = &section.table {
        out.push_str(&table_html(t));
    }
    out.push_str(&paragraphs(left_out, "small"));
    out.push_str(&paragraphs(&section.notes, "small"));
    out.push_str("</section>\n");
    Ok(out)
}

fn players_html(section: &Section) -> String {
    let count = section.players.len().min(3);
    let dim = section.players[0].dim;
    let single = if count == 1 { " single" } else { "" };
    let mut out =
        format!("<div class=\"stage{single}\" data-stage=\"players\">\n<div class=\"players of{count}\">\n");
    section.players.iter().for_each(|p| out.push_str(&player_html(p)));
    out.push_str("</div>\n");
    let moving = section.players.iter().any(|p| p.frames.times.len() > 1);
    let time = escape(&pack::time_label(section), 40);
    out.push_str("<div class=\"controls\">\n");
    if moving {
        out.push_str(&format!(
            "<button type=\"button\" class=\"play\" aria-label=\"Play\"></button>\n\
             <input type=\"range\" class=\"time\" min=\"0\" max=\"1000\" step=\"1\" value=\"0\" aria-label=\"{time}\">\n\
             <output class=\"now\"></output>\n\
             <label>speed <select class=\"speed\"><option value=\"0.25\">¼×</option><option value=\"0.5\">½×</option>\
             <option value=\"1\" selected>1×</option><option value=\"2\">2×</option></select></label>\n"
        ));
    }
    if dim == 3 {
        out.push_str(CAMERA);
    }
    out.push_str("</div>\n");
    out.push_str(&key_html(dim, moving));
    out.push_str("</div>\n");
    out
}

const CAMERA: &str = "<label class=\"spin-label\"><input type=\"checkbox\" class=\"spin\"> turn slowly</label>\n\
                      <button type=\"button\" class=\"reset\">reset view</button>\n";

/// What the colours are, and how to use the picture.
fn key_html(dim: usize, moving: bool) -> String {
    let colour = match dim {
        1 => "Colour: where the point started on the line.",
        2 => "Colour: where the point started. Hue is the direction from the centre, strength the distance.",
        _ => {
            "Colour: where the point started. Hue is the direction around the vertical axis, lightness the height."
        }
    };
    let start = if moving { colour.to_string() } else { colour.replace("started", "is") };
    let turn = if dim == 3 { " Drag, or use the arrow keys, to turn." } else { "" };
    let steps = if moving { " Between key frames positions are interpolated linearly." } else { "" };
    format!(
        "<p class=\"key\"><canvas class=\"wheel\" width=\"64\" height=\"64\" aria-hidden=\"true\"></canvas>\
         <span>{start}{turn}{steps}<span class=\"origin-key\" hidden> The cross marks the origin.</span></span></p>\n"
    )
}

fn player_html(p: &Player) -> String {
    let label = escape(&p.label, 200);
    let swatch = p.color.map(|c| format!("<i class=\"swatch c{}\"></i>", c % chart::COLORS.len()));
    let mut out = format!(
        "<figure class=\"player\">\n<figcaption><span class=\"name\">{}{label}</span>\
         <span class=\"caption\"></span></figcaption>\n\
         <canvas class=\"cloud\" tabindex=\"0\" role=\"img\" aria-label=\"{label}\"></canvas>\n",
        swatch.unwrap_or_default()
    );
    if let Some(switch) = &p.frame_switch {
        let on = if switch.on { " checked" } else { "" };
        let name = escape(&switch.label, 200);
        out.push_str(&format!(
            "<label class=\"frame\"><input type=\"checkbox\" class=\"switch\"{on}> {name}</label>\n"
        ));
    }
    out.push_str("</figure>\n");
    out
}

fn matching_html(m: &Matching) -> String {
    let (x, y) = (escape(&m.x_label, 200), escape(&m.y_label, 200));
    let mut out = format!(
        "<div class=\"stage\" data-stage=\"matching\">\n<div class=\"players of1\">\n\
         <figure class=\"player wide\">\n<figcaption><span class=\"name\">{}</span>\
         <span class=\"caption\"><i class=\"dot\"></i>{x} <i class=\"dot ring\"></i>{y}</span></figcaption>\n\
         <canvas class=\"cloud\" tabindex=\"0\" role=\"img\" aria-label=\"{}\"></canvas>\n</figure>\n</div>\n",
        escape(&m.label, HEADING),
        escape(&format!("{}: {} matched with {}", m.label, m.x_label, m.y_label), HEADING)
    );
    let camera = if m.dim == 3 { CAMERA } else { "" };
    let turn = if m.dim == 3 { " Drag, or use the arrow keys, to turn." } else { "" };
    out.push_str(&format!(
        "<div class=\"controls\"><label><input type=\"checkbox\" class=\"lines\" checked> lines of the plan</label>{camera}</div>\n\
         <p class=\"key\"><canvas class=\"wheel\" width=\"64\" height=\"64\" aria-hidden=\"true\"></canvas>\
         <span>Full dots ({x}) are coloured by where they are; each ring ({y}) has the colour of the dot that sends \
         it most mass.{turn}</span></p>\n</div>\n"
    ));
    out
}

fn table_html(t: &Table) -> String {
    // a column of numbers is set to the right, a mixed one to the left
    let numeric: Vec<bool> =
        (0..t.head.len()).map(|c| !t.rows.is_empty() && t.rows.iter().all(|r| is_number(&r[c]))).collect();
    let class = |c: usize| if numeric[c] { " class=\"number\"" } else { "" };
    let mut out = String::from("<div class=\"table\"><table>\n<thead><tr>");
    for (c, text) in t.head.iter().enumerate() {
        out.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(c), escape(text, CELL)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in t.rows.iter().take(ROWS) {
        let cell = |(c, text): (usize, &String)| format!("<td{}>{}</td>", class(c), escape(text, CELL));
        let cells: String = row.iter().enumerate().map(cell).collect();
        out.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    out.push_str("</tbody>\n</table></div>\n");
    if t.rows.len() > ROWS {
        out.push_str(&format!("<p class=\"small\">{ROWS} of {} rows are shown.</p>\n", t.rows.len()));
    }
    out
}

/// Numbers, percentages, numbers with a unit sign, counts such as "2 of 30".
fn is_number(text: &str) -> bool {
    let text = text.trim().replace('−', "-");
    let number = |text: &str| {
        let bare = text.trim_end_matches(['%', '°', '×', 's']).trim().replace(',', "");
        bare.parse::<f64>().is_ok()
    };
    text == "–" || number(&text) || text.split_once(" of ").is_some_and(|(a, b)| number(a) && number(b))
}
