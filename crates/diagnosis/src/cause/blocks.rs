//! Indentation.

use super::{Cause, code, count};
use crate::{program::indentation, site::Site};

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    let message = site.message();
    if message.starts_with("expected an indented block") {
        missing_block(site)
    } else if message == "unexpected indent" {
        Some(too_far(site))
    } else if message.starts_with("unindent does not match") {
        between(site)
    } else if message.starts_with("inconsistent use of tabs") {
        mixed(site)
    } else {
        None
    }
}

/// The nearest line above that holds code, and its number.
fn above<'a>(site: &Site<'a>) -> Option<(u32, &'a str)> {
    let is_code = |text: &str| !text.trim().is_empty() && !text.trim_start().starts_with('#');
    (1..site.line).rev().map(|line| (line, site.program.line(line))).find(|(_, text)| is_code(text))
}

fn missing_block(site: &Site<'_>) -> Option<Cause> {
    let (line, header) = above(site)?;
    let text = site.text();
    let step = format!("{}    {}", indentation(header), text.trim_start());
    let cause = Cause::new(format!(
        "Line {line}, {}, announces a block, and no line behind it is indented further.",
        code(header)
    ));
    Some(if text.trim().is_empty() || indentation(text).len() < indentation(header).len() {
        cause
            .what("A block needs at least one line.")
            .almost(format!(
                "Write the block's lines below line {line}, four spaces further to the right, or `pass` for now."
            ))
            .at(line)
    } else {
        cause
            .what(format!("Line {} begins as far left as line {line}. Should it run as part of it?", site.line))
            .almost("Put four spaces more before the lines that belong to the block.")
            .fix(site, site.line, step)
    })
}

fn too_far(site: &Site<'_>) -> Cause {
    let text = site.text();
    let Some((line, header)) = above(site) else {
        return Cause::new("The first line of a program begins at the left margin, and this one doesn't.")
            .what("No block has begun yet.")
            .almost("Take the spaces at its beginning away.")
            .fix(site, site.line, text.trim_start());
    };
    let (spaces, before) = (indentation(text).chars().count(), indentation(header).chars().count());
    Cause::new(format!(
            "The line begins with {} of white space, line {line} above it with {before}; and line {line} announces no block.",
            count(spaces, "sign")
        ))
        .what(format!("Only after a line with a colon at its end may the next one begin further right. Line {line} has none: {}.", code(header)))
        .almost(format!("Let it begin exactly below line {line}; or, if line {line} should announce a block, end that line with a colon."))
        .fix(site, site.line, format!("{}{}", indentation(header), text.trim_start()))
}

fn between(site: &Site<'_>) -> Option<Cause> {
    let text = site.text();
    let width = indentation(text).len();
    let mut open: Vec<usize> = Vec::new();
    for line in 1..site.line {
        let text = site.program.line(line);
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            continue;
        }
        let width = indentation(text).len();
        open.retain(|outer| *outer < width);
        open.push(width);
    }
    let nearest = *open.iter().min_by_key(|outer| outer.abs_diff(width))?;
    let steps: Vec<String> = open.iter().map(usize::to_string).collect();
    Some(
        Cause::new(format!(
            "The line begins with {}, and the blocks around it begin with {}.",
            count(width, "space"),
            steps.join(", ")
        ))
        .what("A line that goes back to the left must begin exactly where one of the blocks above begins.")
        .almost(format!("Begin the line with {}, if that is the block it belongs to.", count(nearest, "space")))
        .fix(site, site.line, format!("{}{}", " ".repeat(nearest), text.trim_start())),
    )
}

fn mixed(site: &Site<'_>) -> Option<Cause> {
    let uses = |line: u32, sign: char| indentation(site.program.line(line)).contains(sign);
    let tabs = uses(site.line, '\t');
    let other = (1..site.line).rev().find(|line| if tabs { uses(*line, ' ') } else { uses(*line, '\t') })?;
    let (here, there) = if tabs { ("tabs", "spaces") } else { ("spaces", "tabs") };
    Some(
        Cause::new(format!("Line {} is indented with {here}, line {other} with {there}.", site.line))
            .what("How wide a tab is depends on the editor, so Python refuses to guess.")
            .almost("Replace every tab at the beginning of a line by four spaces.")
            .fix(
                site,
                site.line,
                format!("{}{}", indentation(site.text()).replace('\t', "    "), site.text().trim_start()),
            ),
    )
}
