//! What can be known of a program's names without running it.

use std::collections::{HashMap, HashSet};

use ruff_python_ast::{Expr, ExprCall, ExprContext, Number, Operator, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};

use crate::walk::{self, Node};

/// A type, where it can be told for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Float,
    Str,
    List,
    Tuple,
    Dict,
    Set,
    /// A text read from the keyboard: a [`Kind::Str`] for all other purposes.
    Input,
}

impl Kind {
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Str | Self::Input)
    }

    pub(crate) fn is_sequence(self) -> bool {
        self.is_text() || matches!(self, Self::List | Self::Tuple)
    }
}

/// How a name gets its values in a scope.
#[derive(Default)]
pub(crate) struct Binding<'a> {
    /// By plain assignments.
    pub(crate) values: Vec<&'a Expr>,
    /// By `+=` and the like.
    pub(crate) augmented: Vec<(Operator, &'a Expr)>,
    /// In other ways: parameters, loops, imports, …
    pub(crate) others: u32,
}

/// The module, a function or the body of a class.
pub(crate) struct Scope<'a> {
    pub(crate) body: &'a [Stmt],
    pub(crate) function: Option<&'a StmtFunctionDef>,
    /// The class, for its body and its methods.
    pub(crate) class: Option<&'a StmtClassDef>,
    /// Index of the scope around it; its own for the module.
    parent: usize,
    /// With the names of the scopes around it; empty for the module.
    pub(crate) name: String,
    pub(crate) bindings: HashMap<&'a str, Binding<'a>>,
}

impl Scope<'_> {
    pub(crate) fn is_module(&self) -> bool {
        self.function.is_none() && self.class.is_none()
    }
}

pub(crate) struct Program<'a> {
    code: &'a str,
    pub(crate) body: &'a [Stmt],
    /// The module first.
    pub(crate) scopes: Vec<Scope<'a>>,
    /// Functions of the module whose name means nothing else anywhere.
    pub(crate) functions: HashMap<&'a str, &'a StmtFunctionDef>,
    /// Classes of the module whose name means nothing else anywhere.
    pub(crate) classes: HashMap<&'a str, &'a StmtClassDef>,
    /// How often a name is bound, over all scopes.
    bound: HashMap<&'a str, u32>,
    /// Names declared `global` or `nonlocal` anywhere.
    escaping: HashSet<&'a str>,
}

/// How many assignments a type is followed through.
const FOLLOWED: u32 = 4;

impl<'a> Program<'a> {
    pub(crate) fn new(code: &'a str, body: &'a [Stmt]) -> Self {
        let mut program = Self {
            code,
            body,
            scopes: Vec::new(),
            functions: HashMap::new(),
            classes: HashMap::new(),
            bound: HashMap::new(),
            escaping: HashSet::new(),
        };
        program.add_scope(body, None, None, 0, String::new());
        for stmt in body {
            match stmt {
                Stmt::FunctionDef(function) if program.is_bound_once(&function.name) => {
                    program.functions.insert(&function.name, function);
                }
                Stmt::ClassDef(class) if program.is_bound_once(&class.name) => {
                    program.classes.insert(&class.name, class);
                }
                _ => {}
            }
        }
        program
    }

    fn add_scope(
        &mut self,
        body: &'a [Stmt],
        function: Option<&'a StmtFunctionDef>,
        class: Option<&'a StmtClassDef>,
        parent: usize,
        name: String,
    ) {
        let mut scope = Scope { body, function, class, parent, name, bindings: HashMap::new() };
        let mut inner = Vec::new();
        let mut plain: HashSet<TextRange> = HashSet::new();
        for parameter in function.iter().flat_map(|function| function.parameters.iter()) {
            self.bind(&mut scope, parameter.name().as_str());
        }
        walk::all(body, &mut |node| {
            match node {
                Node::Stmt(Stmt::Assign(assign)) => {
                    for target in assign.targets.iter().filter_map(Expr::as_name_expr) {
                        plain.insert(target.range);
                        self.binding(&mut scope, target.id.as_str()).values.push(&assign.value);
                    }
                }
                Node::Stmt(Stmt::AnnAssign(assign)) => {
                    if let (Some(target), Some(value)) = (assign.target.as_name_expr(), &assign.value) {
                        plain.insert(target.range);
                        self.binding(&mut scope, target.id.as_str()).values.push(value);
                    }
                }
                Node::Stmt(Stmt::AugAssign(assign)) => {
                    if let Some(target) = assign.target.as_name_expr() {
                        plain.insert(target.range);
                        self.binding(&mut scope, target.id.as_str()).augmented.push((assign.op, &assign.value));
                    }
                }
                Node::Stmt(Stmt::FunctionDef(function)) => {
                    self.bind(&mut scope, &function.name);
                    inner.push(node);
                    return false;
                }
                Node::Stmt(Stmt::ClassDef(class)) => {
                    self.bind(&mut scope, &class.name);
                    inner.push(node);
                    return false;
                }
                Node::Expr(Expr::Name(name)) if name.ctx != ExprContext::Load && !plain.contains(&name.range) => {
                    self.bind(&mut scope, name.id.as_str());
                }
                Node::Expr(Expr::Lambda(lambda)) => {
                    for parameter in lambda.parameters.iter().flat_map(|parameters| parameters.iter()) {
                        self.bind(&mut scope, parameter.name().as_str());
                    }
                }
                Node::Stmt(stmt) => self.bind_others(&mut scope, stmt),
                Node::Expr(_) => {}
            }
            true
        });
        let (index, name) = (self.scopes.len(), scope.name.clone());
        self.scopes.push(scope);
        let qualified = |own: &str| if name.is_empty() { own.to_owned() } else { format!("{name}.{own}") };
        for node in inner {
            match node {
                Node::Stmt(Stmt::FunctionDef(inner)) => {
                    let class = class.filter(|_| function.is_none());
                    self.add_scope(&inner.body, Some(inner), class, index, qualified(&inner.name));
                }
                Node::Stmt(Stmt::ClassDef(inner)) => {
                    self.add_scope(&inner.body, None, Some(inner), index, qualified(&inner.name));
                }
                _ => {}
            }
        }
    }

    fn bind_others(&mut self, scope: &mut Scope<'a>, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    self.bind(scope, name.split('.').next().unwrap_or(name));
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.bind(scope, alias.asname.as_ref().unwrap_or(&alias.name).as_str());
                }
            }
            Stmt::Global(global) => self.escaping.extend(global.names.iter().map(ruff_python_ast::Identifier::as_str)),
            Stmt::Nonlocal(nonlocal) => {
                self.escaping.extend(nonlocal.names.iter().map(ruff_python_ast::Identifier::as_str));
            }
            Stmt::Try(stmt) => {
                let handlers = stmt.handlers.iter().filter_map(|handler| handler.as_except_handler()?.name.as_ref());
                handlers.for_each(|name| self.bind(scope, name.as_str()));
            }
            // What a pattern captures isn't looked at: its names could mean anything.
            Stmt::Match(stmt) => {
                for case in &stmt.cases {
                    let text = self.code.get(case.pattern.range().to_std_range()).unwrap_or_default();
                    let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '_');
                    words.filter(|word| !word.is_empty()).for_each(|word| self.bind(scope, word));
                }
            }
            _ => {}
        }
    }

    fn binding<'s>(&mut self, scope: &'s mut Scope<'a>, name: &'a str) -> &'s mut Binding<'a> {
        *self.bound.entry(name).or_default() += 1;
        scope.bindings.entry(name).or_default()
    }

    fn bind(&mut self, scope: &mut Scope<'a>, name: &'a str) {
        self.binding(scope, name).others += 1;
    }

    fn is_bound_once(&self, name: &str) -> bool {
        self.bound.get(name) == Some(&1) && !self.escaping.contains(name)
    }

    /// Whether a name still means what Python means by it, everywhere in the program.
    pub(crate) fn is_builtin(&self, name: &str) -> bool {
        !self.bound.contains_key(name) && !self.bound.contains_key("*")
    }

    /// Whether a name is bound in one way in one scope only and functions don't reach out for it.
    pub(crate) fn escapes(&self, name: &str) -> bool {
        self.escaping.contains(name)
    }

    pub(crate) fn text(&self, node: impl Ranged) -> &'a str {
        self.code.get(node.range().to_std_range()).unwrap_or_default()
    }

    /// The line in which a range begins.
    pub(crate) fn line_of(&self, range: TextRange) -> &'a str {
        let (before, after) = self.code.split_at_checked(range.start().to_usize()).unwrap_or((self.code, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = before.len() + after.find('\n').unwrap_or(after.len());
        self.code.get(start..end).unwrap_or_default()
    }

    /// Whether a name may have a value in places where the order of the lines says it has none: it gets one somewhere
    /// outside of functions, or in a way that can't be read off the program.
    pub(crate) fn may_be_known(&self, name: &str) -> bool {
        let outside = self.scopes.iter().filter(|scope| scope.function.is_none());
        outside.into_iter().any(|scope| scope.bindings.contains_key(name))
            || self.escaping.contains(name)
            || ["exec(", "globals(", "setattr("].iter().any(|call| self.code.contains(call))
    }

    /// Whether a range lies inside a loop.
    pub(crate) fn is_in_loop(&self, range: TextRange) -> bool {
        walk::any(self.body, |node| match node {
            Node::Stmt(stmt @ (Stmt::For(_) | Stmt::While(_))) => stmt.range().contains_range(range),
            _ => false,
        })
    }

    /// Whether a range lies in the body of a `try` or a `with`.
    pub(crate) fn is_guarded(&self, range: TextRange) -> bool {
        let holds = |body: &[Stmt]| body.iter().any(|stmt| stmt.range().contains_range(range));
        walk::any(self.body, |node| match node {
            Node::Stmt(Stmt::Try(stmt)) => holds(&stmt.body),
            Node::Stmt(Stmt::With(stmt)) => holds(&stmt.body),
            _ => false,
        })
    }

    /// The call of a built-in function by its own name.
    pub(crate) fn builtin_call<'e>(&self, expr: &'e Expr) -> Option<(&'e str, &'e ExprCall)> {
        let call = expr.as_call_expr()?;
        let name = call.func.as_name_expr()?.id.as_str();
        self.is_builtin(name).then_some((name, call))
    }

    /// The one argument of `name(…)`, where that is a built-in function.
    pub(crate) fn argument_of<'e>(&self, name: &str, expr: &'e Expr) -> Option<&'e Expr> {
        let (called, call) = self.builtin_call(expr)?;
        let [argument] = &*call.arguments.args else { return None };
        (called == name && call.arguments.keywords.is_empty() && !argument.is_starred_expr()).then_some(argument)
    }

    /// How the name is bound where `scope` sees it. None: nowhere in the program, or `global` is in play.
    pub(crate) fn lookup<'s>(&'s self, scope: &'s Scope<'a>, name: &str) -> Option<&'s Binding<'a>> {
        if self.escaping.contains(name) {
            return None;
        }
        if let Some(binding) = scope.bindings.get(name) {
            return Some(binding);
        }
        let mut scope = scope;
        while !scope.is_module() {
            scope = self.scopes.get(scope.parent)?;
            // Methods don't see the names of their class.
            if (scope.function.is_some() || scope.is_module())
                && let Some(binding) = scope.bindings.get(name)
            {
                return Some(binding);
            }
        }
        None
    }

    /// The type of an expression, if every way by which it gets its value says the same.
    pub(crate) fn kind(&self, scope: &Scope<'a>, expr: &Expr) -> Option<Kind> {
        self.kind_within(scope, expr, FOLLOWED)
    }

    fn kind_within(&self, scope: &Scope<'a>, expr: &Expr, steps: u32) -> Option<Kind> {
        let steps = steps.checked_sub(1)?;
        match expr {
            Expr::NumberLiteral(literal) => match literal.value {
                Number::Int(_) => Some(Kind::Int),
                Number::Float(_) => Some(Kind::Float),
                Number::Complex { .. } => None,
            },
            Expr::StringLiteral(_) | Expr::FString(_) => Some(Kind::Str),
            Expr::List(_) | Expr::ListComp(_) => Some(Kind::List),
            Expr::Tuple(_) => Some(Kind::Tuple),
            Expr::Dict(_) | Expr::DictComp(_) => Some(Kind::Dict),
            Expr::Set(_) | Expr::SetComp(_) => Some(Kind::Set),
            Expr::UnaryOp(unary) if !unary.op.is_not() => {
                self.kind_within(scope, &unary.operand, steps).filter(|kind| kind.is_number())
            }
            Expr::BinOp(operation) => {
                let left = self.kind_within(scope, &operation.left, steps);
                let right = self.kind_within(scope, &operation.right, steps);
                combined(operation.op, left?, right?)
            }
            Expr::Call(_) => match self.builtin_call(expr)?.0 {
                "input" => Some(Kind::Input),
                "str" | "repr" | "chr" => Some(Kind::Str),
                "len" | "int" | "ord" => Some(Kind::Int),
                "float" => Some(Kind::Float),
                "list" | "sorted" => Some(Kind::List),
                "tuple" => Some(Kind::Tuple),
                "dict" => Some(Kind::Dict),
                "set" => Some(Kind::Set),
                _ => None,
            },
            Expr::Name(name) => self.kind_of_name(scope, &name.id, steps),
            _ => None,
        }
    }

    fn kind_of_name(&self, scope: &Scope<'a>, name: &str, steps: u32) -> Option<Kind> {
        let binding = self.lookup(scope, name)?;
        if binding.others > 0 {
            return None;
        }
        let mut kinds = binding.values.iter().map(|value| self.kind_within(scope, value, steps));
        let first = kinds.next()??;
        if !kinds.all(|kind| kind == Some(first)) {
            return None;
        }
        let keeps = |(op, value): &(Operator, &'a Expr)| match first {
            Kind::List | Kind::Set | Kind::Dict => true,
            Kind::Input => false,
            _ => self.kind_within(scope, value, steps).and_then(|kind| combined(*op, first, kind)) == Some(first),
        };
        binding.augmented.iter().all(keeps).then_some(first)
    }
}

fn combined(op: Operator, left: Kind, right: Kind) -> Option<Kind> {
    match (op, left, right) {
        (Operator::Add, left, right) if left.is_text() && right.is_text() => Some(Kind::Str),
        (Operator::Add, left, right) if left == right && left.is_sequence() => Some(left),
        (Operator::Mult, text, Kind::Int) | (Operator::Mult, Kind::Int, text) if text.is_text() => Some(Kind::Str),
        (Operator::Mult, Kind::List, Kind::Int) => Some(Kind::List),
        (Operator::Div, left, right) if left.is_number() && right.is_number() => Some(Kind::Float),
        (Operator::Add | Operator::Sub | Operator::Mult | Operator::FloorDiv | Operator::Mod, left, right)
            if left.is_number() && right.is_number() =>
        {
            Some(if left == Kind::Int && right == Kind::Int { Kind::Int } else { Kind::Float })
        }
        _ => None,
    }
}
