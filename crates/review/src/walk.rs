//! Going over a program.

use ruff_python_ast::{
    Expr, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};

/// A place on the way through a program.
#[derive(Clone, Copy)]
pub(crate) enum Node<'a> {
    Stmt(&'a Stmt),
    Expr(&'a Expr),
}

struct Walk<'f, 'a> {
    // Says whether to go on into the node.
    visit: &'f mut dyn FnMut(Node<'a>) -> bool,
}

impl<'a> Visitor<'a> for Walk<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if (self.visit)(Node::Stmt(stmt)) {
            walk_stmt(self, stmt);
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if (self.visit)(Node::Expr(expr)) {
            walk_expr(self, expr);
        }
    }

    // What stands in an annotation isn't run.
    fn visit_annotation(&mut self, _: &'a Expr) {}
}

/// Visits everything; `visit` says whether to go on into a node.
pub(crate) fn all<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(Node<'a>) -> bool) {
    Walk { visit }.visit_body(body);
}

/// Visits what belongs to a body itself: functions, classes and lambdas in it are met, but not entered.
pub(crate) fn own<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(Node<'a>) -> bool) {
    all(body, &mut |node| visit(node) && !opens_scope(node));
}

/// As [`own`], but stays out of what is meant to fail: the body of a `try`, and of a `with`.
pub(crate) fn unguarded<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(Node<'a>)) {
    own(body, &mut |node| {
        visit(node);
        !matches!(node, Node::Stmt(Stmt::Try(_) | Stmt::With(_)))
    });
}

/// Visits an expression and its parts.
pub(crate) fn expression<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    let mut visit = |node: Node<'a>| {
        if let Node::Expr(expr) = node {
            visit(expr);
        }
        true
    };
    Walk { visit: &mut visit }.visit_expr(expr);
}

/// Whether anything in a body, nested functions included, fits.
pub(crate) fn any<'a>(body: &'a [Stmt], mut fits: impl FnMut(Node<'a>) -> bool) -> bool {
    let mut found = false;
    all(body, &mut |node| {
        found = found || fits(node);
        !found
    });
    found
}

/// As [`any`], without nested functions and classes.
pub(crate) fn any_own<'a>(body: &'a [Stmt], mut fits: impl FnMut(Node<'a>) -> bool) -> bool {
    let mut found = false;
    own(body, &mut |node| {
        found = found || fits(node);
        !found
    });
    found
}

pub(crate) fn opens_scope(node: Node<'_>) -> bool {
    matches!(node, Node::Stmt(Stmt::FunctionDef(_) | Stmt::ClassDef(_)) | Node::Expr(Expr::Lambda(_)))
}

/// Whether statements and expressions nest deeper than `deepest`. Looks no deeper than that.
pub(crate) fn deeper_than(body: &[Stmt], deepest: usize) -> bool {
    let mut depth = Depth { left: deepest, exceeded: false };
    depth.visit_body(body);
    depth.exceeded
}

struct Depth {
    left: usize,
    exceeded: bool,
}

impl Depth {
    fn deeper(&mut self, walk: impl FnOnce(&mut Self)) {
        if self.left == 0 || self.exceeded {
            self.exceeded = true;
            return;
        }
        self.left -= 1;
        walk(self);
        self.left += 1;
    }
}

impl<'a> Visitor<'a> for Depth {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        self.deeper(|depth| walk_stmt(depth, stmt));
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.deeper(|depth| walk_expr(depth, expr));
    }

    fn visit_pattern(&mut self, pattern: &'a ruff_python_ast::Pattern) {
        self.deeper(|depth| ruff_python_ast::visitor::walk_pattern(depth, pattern));
    }
}
