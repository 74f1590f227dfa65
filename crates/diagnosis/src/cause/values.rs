//! Values that don't fit: keys, conversions, zero; and what never ends.

use ruff_python_ast::{Expr, Operator, Stmt};
use ruff_text_size::Ranged;

use super::{Cause, code, count};
use crate::{
    program::{Node, own, walk, walk_value},
    site::Site,
    spelling::nearest,
};

pub(super) fn key(site: &Site<'_>) -> Option<Cause> {
    let shown = site.message();
    let is_text = shown.len() >= 2 && shown.starts_with(['\'', '"']);
    let key = if is_text { &shown[1..shown.len() - 1] } else { shown };
    let mut known: Vec<(&str, bool, u32)> = Vec::new();
    walk(site.program.body, &mut |node| {
        let mut add = |key: &Expr| match key {
            Expr::StringLiteral(_) => {
                let text = site.program.text(key);
                known.push((text.trim_matches(['\'', '"']), true, site.program.line_at(key.start())));
            }
            Expr::NumberLiteral(_) => known.push((site.program.text(key), false, site.program.line_at(key.start()))),
            _ => {}
        };
        if let Node::Expr(Expr::Dict(dict)) = node {
            dict.items.iter().filter_map(|item| item.key.as_ref()).for_each(&mut add);
        }
        if let Node::Stmt(Stmt::Assign(assign)) = node {
            assign.targets.iter().filter_map(|target| target.as_subscript_expr()).for_each(|part| add(&part.slice));
        }
    });
    known.retain(|(_, _, line)| *line != site.line || !site.text().contains(&format!("[{shown}]")));
    if let Some((_, _, line)) = known.iter().find(|(text, other, _)| *text == key && *other != is_text) {
        let (here, there) = if is_text { ("text", "a number") } else { ("a number", "text") };
        return Some(
            Cause::new(format!(
                "The key {} that is asked for is {here}; the dictionary has {there} that looks the same.",
                code(shown)
            ))
            .part(shown)
            .what(format!(
                "Compare with line {line}: quotation marks make the difference. What comes from `input` is text."
            ))
            .almost("Make both of the same type: convert with `int(…)` or `str(…)` before asking."),
        );
    }
    let right = nearest(key, known.iter().filter(|(_, other, _)| *other == is_text).map(|(text, ..)| *text))?;
    let line = known.iter().find(|(text, ..)| *text == right).map_or(site.line, |(_, _, line)| *line);
    let trimmed = if right.trim() == key.trim() { " Count the spaces, too." } else { "" };
    Some(
        Cause::new(format!("The dictionary has no key {}, but one that is spelled almost the same.", code(shown)))
            .part(shown)
            .what(format!("Compare with {} in line {line}, letter by letter. Capitals count.{trimmed}", code(right)))
            .almost(format!("Ask for {}.", code(right)))
            .fix(site, site.line, site.text().replacen(key, right, 1)),
    )
}

pub(super) fn value(site: &Site<'_>) -> Option<Cause> {
    let message = site.message();
    if let Some((_, given)) = message.split_once("invalid literal for int() with base 10: ") {
        let text = given.trim_matches(['\'', '"']);
        let cause = |root: String| Cause::new(root).part("int(");
        return Some(
            if text.trim().is_empty() {
                cause("`int` got an empty text, so nothing was typed or read.".to_owned())
                    .what("Where does the text come from: an `input` that was left empty, or an empty line of a file?")
                    .almost("Ask with `if` whether the text is empty before converting it.")
            } else if text.trim().parse::<f64>().is_ok() {
                let cause = cause(format!("`int` got the text {}, which has a decimal point.", code(text)))
                    .what("`int` reads whole numbers only. Which function reads numbers with a decimal point?")
                    .almost("Use `float(…)`; to get a whole number out of it, put `int(…)` around that.");
                let mut calls = site.program.expressions(site.line).into_iter().filter_map(Expr::as_call_expr);
                match calls.find(|call| call.func.as_name_expr().is_some_and(|name| name.id == "int")) {
                    Some(call) => cause.swap(site, &*call.func, "float"),
                    None => cause,
                }
            } else if text.contains(' ') || text.contains(',') {
                cause(format!("`int` got {}, more than one number at once.", code(text)))
                    .what("The text has to be taken apart before its parts can become numbers.")
                    .almost("Take it apart with `split`, and convert each part.")
            } else {
                cause(format!("`int` got the text {}, which contains something else than digits.", code(text)))
                    .what("Where does the text come from, and what if somebody types a word?")
                    .almost("Convert within `try`, and say in `except ValueError` that a number is needed.")
            }
            .topic("input-and-conversion"),
        );
    }
    if message.contains("values to unpack") {
        return unpack(site);
    }
    None
}

fn unpack(site: &Site<'_>) -> Option<Cause> {
    let stmt = site
        .program
        .statements(site.line)
        .into_iter()
        .rev()
        .find(|stmt| matches!(stmt, Stmt::For(_) | Stmt::Assign(_)))?;
    let (target, value) = match stmt {
        Stmt::For(stmt) => (&*stmt.target, &*stmt.iter),
        Stmt::Assign(stmt) => (stmt.targets.first()?, &*stmt.value),
        _ => return None,
    };
    let names = target.as_tuple_expr()?.elts.len();
    let text = site.program.text(value);
    let dictionary = value
        .as_name_expr()
        .and_then(|name| site.program.values(&name.id, site.line).into_iter().next())
        .is_some_and(|(value, _)| value.is_dict_expr());
    if stmt.is_for_stmt() && dictionary {
        return Some(
            Cause::new(format!(
                "A loop over the dictionary {} gives its keys only, and {} wait for each of them.",
                code(text),
                count(names, "name")
            ))
            .part(text)
            .what("To get key and value together, the dictionary has a method.")
            .almost("Loop over `.items()`.")
            .swap(site, value, &format!("{text}.items()"))
            .topic("dictionaries"),
        );
    }
    Some(
        Cause::new(format!(
            "On the left stand {}, and {} gives another number of values.",
            count(names, "name"),
            code(text)
        ))
        .part(text)
        .what(format!("Print {} before this line and count.", code(text)))
        .almost("Make both sides equal; `*rest` as the last name takes whatever is left over."),
    )
}

pub(super) fn zero_division(site: &Site<'_>) -> Option<Cause> {
    let is_division = |op: Operator| matches!(op, Operator::Div | Operator::FloorDiv | Operator::Mod);
    let by_binary = site
        .program
        .expressions(site.line)
        .into_iter()
        .filter_map(Expr::as_bin_op_expr)
        .filter(|operation| is_division(operation.op))
        .map(|operation| &*operation.right)
        .last();
    let by_assignment = site
        .program
        .statements(site.line)
        .into_iter()
        .filter_map(|stmt| stmt.as_aug_assign_stmt())
        .filter(|stmt| is_division(stmt.op))
        .map(|stmt| &*stmt.value)
        .last();
    let divisor = by_binary.or(by_assignment)?;
    let text = site.program.text(divisor);
    let cause = Cause::new(format!("The divisor {} is 0 when the line runs.", code(text))).part(text);
    let of_length = divisor
        .as_call_expr()
        .filter(|call| call.func.as_name_expr().is_some_and(|name| name.id == "len"))
        .and_then(|call| call.arguments.args.first());
    Some(match of_length {
        Some(list) => {
            let list = site.program.text(list);
            cause
                .what(format!(
                    "A length of 0 means that {} is empty. What is the right answer for an empty collection?",
                    code(list)
                ))
                .almost(format!(
                    "Ask first: {}, and decide what happens in the other case.",
                    code(&format!("if {list}:"))
                ))
        }
        None => cause
            .what(format!(
                "Which lines change {}, and how can it become 0? In a loop, print it in every round.",
                code(text)
            ))
            .almost(format!(
                "Ask first: {}, and decide what happens in the other case.",
                code(&format!("if {text} != 0:"))
            )),
    })
}

pub(super) fn recursion(site: &Site<'_>) -> Option<Cause> {
    let function = site.program.function_at(site.line)?;
    let name = function.name();
    let mut calls = Vec::new();
    let mut ends = 0;
    let is_own = |call: &ruff_python_ast::ExprCall| match &*call.func {
        Expr::Name(called) => called.id == name,
        Expr::Attribute(called) => called.attr.as_str() == name,
        _ => false,
    };
    own(&function.def.body, &mut |node| match node {
        Node::Expr(Expr::Call(call)) if is_own(call) => calls.push(call),
        Node::Stmt(Stmt::Return(stmt)) => {
            let mut calls_itself = false;
            if let Some(value) = &stmt.value {
                walk_value(value, &mut |expr| calls_itself |= expr.as_call_expr().is_some_and(is_own));
            }
            ends += usize::from(!calls_itself);
        }
        _ => {}
    });
    let call = *calls.first()?;
    let (line, text) = (site.program.line_at(call.start()), site.program.text(call));
    let parameters: Vec<&str> = function.parameters().into_iter().filter(|name| *name != "self").collect();
    let given: Vec<&str> = call.arguments.args.iter().map(|argument| site.program.text(argument)).collect();
    let (name, last) = (code(name), parameters.first().copied().unwrap_or("its value"));
    let cause = if ends == 0 {
        Cause::new(format!("Every way through {name} calls {name} again (line {line}): nothing ever ends the chain."))
            .what(format!("For which {} is the answer known without another call?", code(last)))
            .almost(format!(
                "Begin {name} with an `if` for that simplest case, with a `return` that doesn't call {name}."
            ))
    } else if !given.is_empty() && given == parameters {
        Cause::new(format!(
            "{} in line {line} passes the same values on that it got, so the next call is no nearer to the end.",
            code(text)
        ))
        .what("Which value has to become smaller, or shorter, from call to call?")
        .almost(format!("Pass something smaller on, for example {}.", code(&format!("{last} - 1"))))
    } else {
        Cause::new(format!("{name} has an end, but the calls in line {line}, {}, don't reach it.", code(text)))
            .what(format!("Write down {} for the first three calls. Do the values come nearer to the case that ends it, and can they jump over it?", code(last)))
            .almost("Let each call come one step nearer to the end, and test for `<=` rather than `==` where it could be jumped over.")
    };
    Some(cause.at(line).part(text))
}

pub(super) fn changed_size(site: &Site<'_>) -> Option<Cause> {
    if !site.message().contains("during iteration") {
        return None;
    }
    let stmt = site.program.statements(site.line).into_iter().rev().find_map(|stmt| stmt.as_for_stmt())?;
    let line = site.program.line_at(stmt.start());
    let collection = site.program.text(&*stmt.iter);
    Some(
        Cause::new(format!(
            "The loop of line {line} goes through {} while its block adds or removes entries.",
            code(collection)
        ))
        .part(collection)
        .at(line)
        .what("What if the loop went through something that stays as it is?")
        .almost(format!("Loop over a copy: put `list(…)` around {}.", code(collection)))
        .swap(site, &*stmt.iter, &format!("list({collection})")),
    )
}

pub(super) fn end_of_input(site: &Site<'_>) -> Option<Cause> {
    let mut lines = Vec::new();
    walk(site.program.body, &mut |node| {
        if let Node::Expr(Expr::Call(call)) = node
            && call.func.as_name_expr().is_some_and(|name| name.id == "input")
        {
            lines.push(site.program.line_at(call.start()));
        }
    });
    let in_loop = site.program.statements(site.line).iter().any(|stmt| matches!(stmt, Stmt::For(_) | Stmt::While(_)));
    if lines.is_empty() {
        return None;
    }
    let places: Vec<String> = lines.iter().map(u32::to_string).collect();
    let again = if in_loop { " The one that failed stands in a loop, so it runs again and again." } else { "" };
    Some(
        Cause::new(format!("The program calls `input` in {} {}, and there were fewer lines to read.{again}", if places.len() == 1 { "line" } else { "the lines" }, places.join(", ")))
            .what("Count the calls that really run, and the lines of input that the program was given.")
            .almost("Give the program a line of input for every call; or end a loop when nothing is left, with `except EOFError`."),
    )
}
