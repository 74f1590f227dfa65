//! What can be read off a program's syntax tree, and off its lines when there is none.

use ruff_python_ast::{
    Expr, ExprContext, Stmt, StmtClassDef, StmtFunctionDef,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_text_size::{Ranged, TextSize};

/// A place on the way through a program.
#[derive(Clone, Copy)]
pub(crate) enum Node<'a> {
    Stmt(&'a Stmt),
    Expr(&'a Expr),
}

struct Walk<'f, 'a> {
    visit: &'f mut dyn FnMut(Node<'a>),
}

impl<'a> Visitor<'a> for Walk<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        (self.visit)(Node::Stmt(stmt));
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        (self.visit)(Node::Expr(expr));
        walk_expr(self, expr);
    }
}

/// Visits everything in a body.
pub(crate) fn walk<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(Node<'a>)) {
    Walk { visit }.visit_body(body);
}

/// Visits an expression and its parts.
pub(crate) fn walk_value<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    let mut visit = |node: Node<'a>| {
        if let Node::Expr(expr) = node {
            visit(expr);
        }
    };
    Walk { visit: &mut visit }.visit_expr(expr);
}

/// A function or method of the program.
pub(crate) struct Function<'a> {
    pub(crate) def: &'a StmtFunctionDef,
    pub(crate) class: Option<&'a StmtClassDef>,
    pub(crate) line: u32,
    pub(crate) end_line: u32,
}

impl Function<'_> {
    pub(crate) fn name(&self) -> &str {
        self.def.name.as_str()
    }

    /// The names of its parameters by position.
    pub(crate) fn parameters(&self) -> Vec<&str> {
        let parameters = &self.def.parameters;
        parameters.posonlyargs.iter().chain(&parameters.args).map(|parameter| parameter.name().as_str()).collect()
    }

    /// Whether it gives back a value, or is a generator.
    pub(crate) fn gives_back(&self) -> bool {
        let mut gives = false;
        own(&self.def.body, &mut |node| {
            gives |= match node {
                Node::Stmt(Stmt::Return(stmt)) => {
                    stmt.value.as_ref().is_some_and(|value| !value.is_none_literal_expr())
                }
                Node::Expr(Expr::Yield(_) | Expr::YieldFrom(_)) => true,
                _ => false,
            };
        });
        gives
    }
}

/// Visits what belongs to a body itself, not to functions and classes in it.
pub(crate) fn own<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(Node<'a>)) {
    struct Own<'f, 'a> {
        visit: &'f mut dyn FnMut(Node<'a>),
    }
    impl<'a> Visitor<'a> for Own<'_, 'a> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            (self.visit)(Node::Stmt(stmt));
            if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                walk_stmt(self, stmt);
            }
        }

        fn visit_expr(&mut self, expr: &'a Expr) {
            (self.visit)(Node::Expr(expr));
            if !matches!(expr, Expr::Lambda(_)) {
                walk_expr(self, expr);
            }
        }
    }
    Own { visit }.visit_body(body);
}

/// A program: its lines always, its syntax tree if it has one.
pub(crate) struct Program<'a> {
    pub(crate) code: &'a str,
    pub(crate) lines: Vec<&'a str>,
    /// Empty if the program can't be read.
    pub(crate) body: &'a [Stmt],
    pub(crate) functions: Vec<Function<'a>>,
    pub(crate) classes: Vec<&'a StmtClassDef>,
    /// Names and the lines that bind them.
    pub(crate) bindings: Vec<(&'a str, u32)>,
    starts: Vec<usize>,
}

impl<'a> Program<'a> {
    pub(crate) fn new(code: &'a str, body: &'a [Stmt]) -> Self {
        let starts = std::iter::once(0).chain(code.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let lines = code.lines().collect();
        let mut program =
            Self { code, lines, body, functions: Vec::new(), classes: Vec::new(), bindings: Vec::new(), starts };
        program.define(body, None);
        let mut bindings = Vec::new();
        walk(body, &mut |node| program.bind(node, &mut bindings));
        program.bindings = bindings;
        program
    }

    fn define(&mut self, body: &'a [Stmt], class: Option<&'a StmtClassDef>) {
        let mut inner = Vec::new();
        own(body, &mut |node| match node {
            Node::Stmt(Stmt::FunctionDef(def)) => inner.push((Some(def), None)),
            Node::Stmt(Stmt::ClassDef(def)) => inner.push((None, Some(def))),
            _ => {}
        });
        for (function, inner_class) in inner {
            if let Some(def) = function {
                let (line, end_line) = (self.line_at(def.name.start()), self.line_at(def.end()));
                self.functions.push(Function { def, class, line, end_line });
                self.define(&def.body, None);
            }
            if let Some(def) = inner_class {
                self.classes.push(def);
                self.define(&def.body, Some(def));
            }
        }
    }

    fn bind(&self, node: Node<'a>, bindings: &mut Vec<(&'a str, u32)>) {
        let mut add = |name: &'a str, at: TextSize| bindings.push((name, self.line_at(at)));
        match node {
            Node::Stmt(Stmt::FunctionDef(def)) => {
                add(&def.name, def.name.start());
                for parameter in &*def.parameters {
                    add(parameter.name().as_str(), parameter.name().start());
                }
            }
            Node::Stmt(Stmt::ClassDef(def)) => add(&def.name, def.name.start()),
            Node::Stmt(Stmt::Import(import)) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    add(name.split('.').next().unwrap_or(name), alias.start());
                }
            }
            Node::Stmt(Stmt::ImportFrom(import)) => {
                for alias in &import.names {
                    add(alias.asname.as_ref().unwrap_or(&alias.name).as_str(), alias.start());
                }
            }
            Node::Stmt(Stmt::Try(stmt)) => {
                for name in stmt.handlers.iter().filter_map(|handler| handler.as_except_handler()?.name.as_ref()) {
                    add(name.as_str(), name.start());
                }
            }
            Node::Expr(Expr::Name(name)) if name.ctx == ExprContext::Store => add(&name.id, name.start()),
            _ => {}
        }
    }

    /// The line of an offset, from 1.
    pub(crate) fn line_at(&self, offset: TextSize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset.to_usize());
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// The text of a line, from 1; empty if there is no such line.
    pub(crate) fn line(&self, number: u32) -> &'a str {
        usize::try_from(number).ok().and_then(|number| self.lines.get(number.checked_sub(1)?)).copied().unwrap_or("")
    }

    pub(crate) fn text(&self, node: &impl Ranged) -> &'a str {
        self.code.get(node.range().to_std_range()).unwrap_or_default()
    }

    /// The statements that have a part in a line, outermost first.
    pub(crate) fn statements(&self, line: u32) -> Vec<&'a Stmt> {
        let mut found = Vec::new();
        walk(self.body, &mut |node| {
            if let Node::Stmt(stmt) = node
                && self.line_at(stmt.start()) <= line
                && line <= self.line_at(stmt.end())
            {
                found.push(stmt);
            }
        });
        found
    }

    /// The expressions that begin in a line, outer ones first.
    pub(crate) fn expressions(&self, line: u32) -> Vec<&'a Expr> {
        let mut found = Vec::new();
        walk(self.body, &mut |node| {
            if let Node::Expr(expr) = node
                && self.line_at(expr.start()) == line
            {
                found.push(expr);
            }
        });
        found
    }

    /// The values that plain assignments give to a name before a line, the latest first.
    pub(crate) fn values(&self, name: &str, before: u32) -> Vec<(&'a Expr, u32)> {
        let mut found = Vec::new();
        walk(self.body, &mut |node| {
            if let Node::Stmt(Stmt::Assign(assign)) = node
                && assign.targets.iter().any(|target| target.as_name_expr().is_some_and(|found| found.id == name))
            {
                found.push((&*assign.value, self.line_at(assign.start())));
            }
        });
        found.retain(|(_, line)| *line < before);
        found.sort_by_key(|(_, line)| std::cmp::Reverse(*line));
        found
    }

    /// The function, by name, that isn't a method; the last one defined wins.
    pub(crate) fn function(&self, name: &str) -> Option<&Function<'a>> {
        self.functions.iter().rev().find(|function| function.name() == name && function.class.is_none())
    }

    /// The innermost function around a line.
    pub(crate) fn function_at(&self, line: u32) -> Option<&Function<'a>> {
        self.functions.iter().rfind(|function| function.line <= line && line <= function.end_line)
    }

    pub(crate) fn class(&self, name: &str) -> Option<&'a StmtClassDef> {
        self.classes.iter().rev().find(|class| class.name.as_str() == name).copied()
    }

    /// The line that binds a name first.
    pub(crate) fn bound_at(&self, name: &str) -> Option<u32> {
        self.bindings.iter().filter(|(bound, _)| *bound == name).map(|(_, line)| *line).min()
    }

    /// The line of a node with other text in the node's place, and its number. None for a node of several lines.
    pub(crate) fn swapped(&self, node: &impl Ranged, by: &str) -> Option<(u32, String)> {
        let line = self.line_at(node.start());
        if self.line_at(node.end()) != line {
            return None;
        }
        let start = *self.starts.get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let (from, to) = (node.start().to_usize().checked_sub(start)?, node.end().to_usize().checked_sub(start)?);
        let text = self.line(line);
        Some((line, format!("{}{by}{}", text.get(..from)?, text.get(to..)?)))
    }

    /// The whole program with one line replaced.
    pub(crate) fn with_line(&self, number: u32, text: &str) -> String {
        let mut lines = self.lines.clone();
        if let Some(line) = usize::try_from(number).ok().and_then(|number| lines.get_mut(number.checked_sub(1)?)) {
            *line = text;
        }
        lines.join("\n") + "\n"
    }
}

/// The white space a line begins with.
pub(crate) fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}
