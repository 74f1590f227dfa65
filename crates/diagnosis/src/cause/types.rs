//! Values of the wrong type: mostly text that should be a number, or a number that should be text.

use ruff_python_ast::{Expr, Operator};
use ruff_text_size::Ranged;

use super::{Cause, code, names::is_builtin};
use crate::site::Site;

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    let message = site.message();
    if message.starts_with("can only concatenate str") {
        from_input(site).or_else(|| joined(site))
    } else if message.starts_with("unsupported operand")
        || message.contains("not supported between")
        || message.starts_with("can't multiply sequence")
        || message.contains("cannot be interpreted as an integer") && message.contains("'str'")
    {
        from_input(site)
    } else if message.contains("indices must be integers") {
        wrong_index(site)
    } else if message.contains("object is not subscriptable") {
        square_brackets(site)
    } else if message.contains("object is not iterable") {
        single_number(site)
    } else if message.contains("does not support item assignment") && message.contains("'str'") {
        Some(
            Cause::new("The line wants to change one character of a text, and a text never changes once it is made.")
                .what("A new text can be put together from slices of the old one, or `replace` makes one.")
                .almost("Build a new text and store it under the same name: the part before, the new character, the part after.")
                .topic("strings"),
        )
    } else if message.contains("cannot be interpreted as an integer") {
        let division = site
            .program
            .expressions(site.line)
            .into_iter()
            .find_map(|expr| expr.as_bin_op_expr().filter(|operation| operation.op == Operator::Div))?;
        let text = site.program.text(division);
        let whole = format!("{} // {}", site.program.text(&*division.left), site.program.text(&*division.right));
        Some(
            Cause::new(format!("{} divides with `/`, which always gives a number with a decimal point.", code(text)))
                .part(text)
                .what("There is a second division that gives a whole number.")
                .almost("Divide with `//`.")
                .swap(site, division, &whole),
        )
    } else {
        None
    }
}

/// The line's operands that came from `input` unconverted.
fn from_input(site: &Site<'_>) -> Option<Cause> {
    let number = if site.message().contains("float") { "float" } else { "int" };
    for expr in site.program.expressions(site.line) {
        let Expr::Name(name) = expr else { continue };
        let Some((value, line)) = site.program.values(&name.id, site.line).into_iter().next() else { continue };
        if !is_input(value) {
            continue;
        }
        let text = site.program.text(value);
        let joins_text = site.message().starts_with("can only concatenate str") && has_text(site);
        if joins_text {
            continue;
        }
        return Some(
            Cause::new(format!(
                "{} comes from `input` in line {line}, and `input` always gives text, even when digits were typed.",
                code(&name.id)
            ))
            .part(name.id.as_str())
            .what(format!("Nothing between line {line} and line {} turns the text into a number.", site.line))
            .almost(format!("Convert it where it is read: put `{number}(…)` around the `input(…)` of line {line}."))
            .swap(site, value, &format!("{number}({text})"))
            .at(line)
            .topic("input-and-conversion"),
        );
    }
    None
}

fn is_input(value: &Expr) -> bool {
    value.as_call_expr().is_some_and(|call| match &*call.func {
        Expr::Name(name) => name.id == "input",
        // input(…).strip()
        Expr::Attribute(attribute) => attribute
            .value
            .as_call_expr()
            .is_some_and(|inner| inner.func.as_name_expr().is_some_and(|name| name.id == "input")),
        _ => false,
    })
}

fn has_text(site: &Site<'_>) -> bool {
    site.program.expressions(site.line).iter().any(|expr| expr.is_string_literal_expr() || expr.is_f_string_expr())
}

/// `"text" + number`.
fn joined(site: &Site<'_>) -> Option<Cause> {
    let sums = site
        .program
        .expressions(site.line)
        .into_iter()
        .filter_map(Expr::as_bin_op_expr)
        .filter(|sum| sum.op == Operator::Add);
    let is_text = |expr: &Expr| {
        expr.is_string_literal_expr()
            || expr.is_f_string_expr()
            || expr.as_call_expr().is_some_and(|call| call.func.as_name_expr().is_some_and(|name| name.id == "str"))
    };
    let mut parts: Vec<&Expr> = sums
        .flat_map(|sum| [&*sum.left, &*sum.right])
        .filter(|part| !is_text(part) && part.as_bin_op_expr().is_none_or(|inner| inner.op != Operator::Add))
        .collect();
    parts.sort_by_key(Ranged::start);
    parts.dedup_by_key(|part| part.start());
    let names_text = |part: &Expr| {
        part.as_name_expr()
            .and_then(|name| site.program.values(&name.id, site.line).into_iter().next())
            .is_some_and(|(value, _)| is_text(value) || is_input(value))
    };
    let other = parts.into_iter().find(|part| !names_text(part))?;
    let text = site.program.text(other);
    let kind = site.message().split('"').nth(1).unwrap_or("number");
    let bare = site.program.text(other);
    Some(
        Cause::new(format!("{} is a `{kind}`, and it stands beside a text that `+` should join it with.", code(text)))
            .part(text)
            .what("`+` between texts joins them, between numbers it adds. With one of each Python refuses to choose.")
            .almost(format!("Turn {} into text with `str(…)`, or write one f-string instead of the sum.", code(bare)))
            .swap(site, other, &format!("str({bare})")),
    )
}

fn wrong_index(site: &Site<'_>) -> Option<Cause> {
    for expr in site.program.expressions(site.line) {
        let Expr::Subscript(part) = expr else { continue };
        let (list, index) = (site.program.text(&*part.value), site.program.text(&*part.slice));
        let cause = |root: String| Cause::new(root).part(format!("[{index}]"));
        if let Expr::Name(name) = &*part.slice {
            let from_loop = site
                .program
                .statements(site.line)
                .into_iter()
                .filter_map(|stmt| stmt.as_for_stmt())
                .find(|stmt| stmt.target.as_name_expr().is_some_and(|target| target.id == name.id));
            if let Some(stmt) = from_loop.filter(|stmt| site.program.text(&*stmt.iter) == list) {
                let line = site.program.line_at(stmt.start());
                return Some(
                    cause(format!("The loop in line {line} gives {} the items of {} one by one; so {} is an item already, not a position.", code(index), code(list), code(index)))
                        .what("A loop over a collection hands out what is in it. Positions come from `range` or `enumerate`.")
                        .almost(format!("Use {} itself.", code(index)))
                        .swap(site, part, index)
                        .topic("for-loops"),
                );
            }
            if let Some((value, line)) =
                site.program.values(&name.id, site.line).into_iter().next().filter(|(value, _)| is_input(value))
            {
                let text = site.program.text(value);
                return Some(
                    cause(format!("The position {} comes from `input` in line {line} and is text.", code(index)))
                        .what("Positions are whole numbers.")
                        .almost(format!("Put `int(…)` around the `input(…)` of line {line}."))
                        .swap(site, value, &format!("int({text})"))
                        .at(line)
                        .topic("input-and-conversion"),
                );
            }
        }
        if part.slice.is_tuple_expr() {
            let parts: Vec<&str> = index.trim_matches(['(', ')']).split(',').map(str::trim).collect();
            let indexes = format!("[{}]", parts.join("]["));
            return Some(
                cause(format!("{} stands between one pair of brackets: two positions at once.", code(index)))
                    .what("A list of lists is opened step by step: the first position gives the inner list, the second an item of it.")
                    .almost("Give each position brackets of its own.")
                    .swap(site, part, &format!("{list}{indexes}"))
                    .topic("nested-data"),
            );
        }
        if part.slice.as_bin_op_expr().is_some_and(|operation| operation.op == Operator::Div) {
            return Some(
                cause(format!(
                    "The position {} is computed with `/`, which gives a number with a decimal point.",
                    code(index)
                ))
                .what("There is a second division that gives a whole number.")
                .almost("Divide with `//`.")
                .swap(site, &*part.slice, &index.replacen('/', "//", 1)),
            );
        }
        if let Expr::StringLiteral(key) = &*part.slice {
            let value = key.value.to_str();
            if value.parse::<i64>().is_ok() {
                return Some(
                    cause(format!("The position {} stands in quotation marks, so it is text.", code(index)))
                        .what("Positions are whole numbers, keys of dictionaries may be text.")
                        .almost("Take the quotation marks away.")
                        .swap(site, &*part.slice, value),
                );
            }
            return Some(
                cause(format!(
                    "{} is used like a dictionary with the key {}, but it is a list or a text.",
                    code(list),
                    code(index)
                ))
                .what(format!(
                    "Print {} before this line. Is it a list of dictionaries, of which you need one first?",
                    code(list)
                ))
                .almost(format!(
                    "Pick the item first, with its position or in a loop, and ask that one for {}.",
                    code(index)
                ))
                .topic("nested-data"),
            );
        }
    }
    None
}

/// `len[...]`
fn square_brackets(site: &Site<'_>) -> Option<Cause> {
    site.program.expressions(site.line).into_iter().find_map(|expr| {
        let part = expr.as_subscript_expr()?;
        let name = part.value.as_name_expr()?;
        let is_function = is_builtin(&name.id) || site.program.function(&name.id).is_some();
        let (text, index) = (site.program.text(part), site.program.text(&*part.slice));
        is_function.then(|| {
            Cause::new(format!("{} is a function, and square brackets stand behind it.", code(&name.id)))
                .part(text)
                .what("Square brackets pick an item out of a collection. Another kind of brackets calls a function.")
                .almost("Write round brackets.")
                .swap(site, part, &format!("{}({index})", name.id))
                .topic("defining-functions")
        })
    })
}

/// `for i in 5`
fn single_number(site: &Site<'_>) -> Option<Cause> {
    let stmt = site.program.statements(site.line).into_iter().filter_map(|stmt| stmt.as_for_stmt()).last()?;
    if site.program.line_at(stmt.iter.start()) != site.line {
        return None;
    }
    let number = site.program.text(&*stmt.iter);
    Some(
        Cause::new(format!(
            "Behind `in` stands {}, a single number, and a loop needs several things to go through.",
            code(number)
        ))
        .part(number)
        .what("To run a loop a number of times, Python needs all the numbers up to it. A built-in function makes them.")
        .almost(format!("Put `range(…)` around {}.", code(number)))
        .swap(site, &*stmt.iter, &format!("range({number})"))
        .topic("range-and-enumerate"),
    )
}
