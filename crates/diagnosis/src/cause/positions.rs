//! Positions beyond the end: mostly by one.

use ruff_python_ast::{CmpOp, Expr, ExprSubscript, Number, Stmt};
use ruff_text_size::Ranged;

use super::{Cause, code, count};
use crate::{program::indentation, site::Site};

fn subscripts<'a>(site: &Site<'a>) -> impl Iterator<Item = &'a ExprSubscript> {
    site.program.expressions(site.line).into_iter().filter_map(Expr::as_subscript_expr)
}

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    subscripts(site).find_map(|part| {
        let (list, index) = (site.program.text(&*part.value), site.program.text(&*part.slice));
        if site.message().contains("assignment") && site.program.values(list, site.line).first().is_some_and(|(value, _)| value.as_list_expr().is_some_and(|list| list.elts.is_empty())) {
            let assigned = site.program.statements(site.line).into_iter().filter_map(|stmt| stmt.as_assign_stmt()).last()?;
            let fixed = format!("{}{list}.append({})", indentation(site.text()), site.program.text(&*assigned.value));
            return Some(
                Cause::new(format!("{} begins empty, and an assignment to a position doesn't make a list longer.", code(list)))
                    .part(format!("{list}[{index}]"))
                    .what("A position can be assigned only when an item is there already. To make a list longer, it has a method.")
                    .almost("Add at the end with `append`.")
                    .fix(site, site.line, fixed),
            );
        }
        beyond_length(site, part, list, index).or_else(|| loop_too_far(site, list, index)).or_else(|| literal_index(site, part, list))
    })
}

/// `items[len(items)]`
fn beyond_length(site: &Site<'_>, part: &ExprSubscript, list: &str, index: &str) -> Option<Cause> {
    (index == format!("len({list})")).then(|| {
        let whole = site.program.text(part);
        Cause::new(format!("The length of {} is used as a position, and positions are counted from 0.", code(list)))
            .part(whole)
            .what("A list of 3 items has the positions 0, 1 and 2. Which one is the last, said with the length?")
            .almost("The last position is one less than the length; or count from the end with `-1`.")
            .swap(site, part, &format!("{list}[-1]"))
    })
}

/// A loop that runs one round too far.
fn loop_too_far(site: &Site<'_>, list: &str, index: &str) -> Option<Cause> {
    let length = format!("len({list})");
    for stmt in site.program.statements(site.line).into_iter().rev() {
        let line = site.program.line_at(stmt.start());
        let header = site.program.line(line);
        match stmt {
            Stmt::For(stmt) => {
                let variable = site.program.text(&*stmt.target);
                let Some(call) = stmt
                    .iter
                    .as_call_expr()
                    .filter(|call| call.func.as_name_expr().is_some_and(|name| name.id == "range"))
                else {
                    continue;
                };
                let Some(end) = call.arguments.args.get(usize::from(call.arguments.args.len() > 1)) else { continue };
                let (end, border) = (site.program.text(end), end);
                let is_too_far = end.replace(' ', "") == format!("{length}+1");
                if index == variable && is_too_far {
                    return Some(
                        Cause::new(format!("The loop of line {line} runs up to and including the length of {}, and the last position is one less.", code(list)))
                            .part(end)
                            .at(line)
                            .what(format!("In the last round {} equals the length. `range` stops before its end by itself.", code(variable)))
                            .almost("Take the `+ 1` away.")
                            .swap(site, border, &length)
                            .topic("range-and-enumerate"),
                    );
                }
                if end == length && index.replace(' ', "") == format!("{variable}+1") {
                    return Some(
                        Cause::new(format!(
                            "{} looks one item ahead, and in the last round of the loop of line {line} there is none.",
                            code(&format!("{list}[{index}]"))
                        ))
                        .part(index)
                        .at(line)
                        .what(format!(
                            "In the last round {} is the last position. Which position is {} then?",
                            code(variable),
                            code(index)
                        ))
                        .almost(format!("Let the loop of line {line} end one round earlier."))
                        .swap(site, border, &format!("{length} - 1"))
                        .topic("range-and-enumerate"),
                    );
                }
            }
            Stmt::While(stmt) => {
                let Expr::Compare(compare) = &*stmt.test else { continue };
                let (left, right) = (
                    site.program.text(&*compare.left),
                    compare.comparators.first().map(|right| site.program.text(right)),
                );
                if left == index && right == Some(&length) && compare.ops.first() == Some(&CmpOp::LtE) {
                    return Some(
                        Cause::new(format!("The loop of line {line} goes on while {} equals the length of {}, and the last position is one less.", code(index), code(list)))
                            .part("<=")
                            .at(line)
                            .what("Go through the last round by hand: which position is asked for?")
                            .almost("Compare with `<`.")
                            .fix(site, line, header.replacen("<=", "<", 1))
                            .topic("while-loops"),
                    );
                }
            }
            _ => {}
        }
    }
    None
}

/// A written-out position in a written-out list.
fn literal_index(site: &Site<'_>, part: &ExprSubscript, list: &str) -> Option<Cause> {
    let index = match &*part.slice {
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(number) => number.as_u64()?,
            _ => return None,
        },
        _ => return None,
    };
    let (value, line) = match &*part.value {
        Expr::Name(name) => site.program.values(&name.id, site.line).into_iter().next()?,
        value => (value, site.line),
    };
    let length = match value {
        Expr::List(list) => list.elts.len(),
        Expr::Tuple(tuple) => tuple.elts.len(),
        Expr::StringLiteral(text) => text.value.to_str().chars().count(),
        _ => return None,
    };
    if index < u64::try_from(length).ok()? || length == 0 {
        return None;
    }
    let cause = Cause::new(format!(
        "{} has {} (line {line}), and the position {index} is asked for. Positions are counted from 0.",
        code(list),
        count(length, "item")
    ))
    .part(format!("[{index}]"))
    .what(format!("The positions are 0 to {}.", length - 1))
    .almost("Use the position of the item that you mean; the last one is also `-1`.");
    // One too far is nearly always the last item.
    Some(if index == u64::try_from(length).ok()? {
        cause.swap(site, part, &format!("{list}[{}]", length - 1))
    } else {
        cause
    })
}
