//! A template laid out flat: what it gives to which name, what it calls, and what may happen more than once.

use std::{borrow::Cow, collections::BTreeMap};

use minijinja::machinery::{
    Span,
    ast::{Call, CallArg, Expr, Macro, Stmt},
};

/// Where a name gets its value from.
#[derive(Clone, Copy)]
pub(super) enum From<'a> {
    Value(&'a Expr<'a>),
    /// Each of a list.
    Item(&'a Expr<'a>),
    /// A text, which a filter may change.
    Text(Option<&'a Expr<'a>>),
    /// The template's context.
    Outside,
}

/// A template laid out flat.
#[derive(Default)]
pub(super) struct Parts<'a> {
    /// What is given to which target, and whether that may be more than once.
    pub(super) binds: Vec<(&'a Expr<'a>, From<'a>, bool)>,
    pub(super) exprs: Vec<(&'a Expr<'a>, bool)>,
    pub(super) calls: Vec<(&'a Call<'a>, bool)>,
    pub(super) macros: Vec<&'a Macro<'a>>,
    pub(super) loops: Vec<(&'a Expr<'a>, bool)>,
    pub(super) recursive: Vec<&'a Expr<'a>>,
    /// Mentions of names that a loop or `with` has for itself: which.
    scoped: BTreeMap<*const Expr<'a>, usize>,
    /// Such names as they are known at the moment.
    scope: Vec<(&'a str, usize)>,
    scopes: usize,
}

impl<'a> Parts<'a> {
    /// A single expression.
    pub(super) fn expression(&mut self, expr: &'a Expr<'a>) {
        self.expr(expr, false);
    }

    fn statements(&mut self, stmts: &'a [Stmt<'a>], again: bool) {
        stmts.iter().for_each(|stmt| self.statement(stmt, again));
    }

    pub(super) fn statement(&mut self, stmt: &'a Stmt<'a>, again: bool) {
        match stmt {
            Stmt::Template(it) => self.statements(&it.children, again),
            Stmt::EmitExpr(it) => self.expr(&it.expr, again),
            Stmt::ForLoop(it) => {
                self.expr(&it.iter, again);
                self.loops.push((&it.iter, again));
                let before = self.scope.len();
                self.enter(&[&it.target]);
                self.binds.push((&it.target, From::Item(&it.iter), again));
                if it.recursive {
                    self.recursive.push(&it.target);
                }
                it.filter_expr.iter().for_each(|expr| self.expr(expr, true));
                self.statements(&it.body, true);
                self.scope.truncate(before);
                self.statements(&it.else_body, again);
            }
            Stmt::IfCond(it) => {
                self.expr(&it.expr, again);
                self.statements(&it.true_body, again);
                self.statements(&it.false_body, again);
            }
            Stmt::WithBlock(it) => {
                // One may use those that stand before it.
                let before = self.scope.len();
                for (target, value) in &it.assignments {
                    self.expr(value, again);
                    self.enter(&[target]);
                    self.binds.push((target, From::Value(value), again));
                }
                self.statements(&it.body, again);
                self.scope.truncate(before);
            }
            Stmt::Set(it) => self.bind(&it.target, &it.expr, again),
            Stmt::SetBlock(it) => {
                self.see(&it.target);
                it.filter.iter().for_each(|expr| self.expr(expr, again));
                self.binds.push((&it.target, From::Text(it.filter.as_ref()), again));
                self.statements(&it.body, again);
            }
            Stmt::AutoEscape(it) => {
                self.expr(&it.enabled, again);
                self.statements(&it.body, again);
            }
            Stmt::FilterBlock(it) => {
                self.expr(&it.filter, again);
                self.statements(&it.body, again);
            }
            Stmt::Block(it) => self.statements(&it.body, true),
            Stmt::Macro(it) => self.made(it),
            Stmt::CallBlock(it) => {
                self.see(&it.call.expr);
                it.call.args.iter().for_each(|arg| self.see(argument(arg)));
                self.calls.push((&it.call, again));
                self.made(&it.macro_decl);
            }
            Stmt::Do(it) => {
                self.see(&it.call.expr);
                it.call.args.iter().for_each(|arg| self.see(argument(arg)));
                self.calls.push((&it.call, again));
            }
            // The last four are refused where they are looked for: there are no other templates.
            Stmt::EmitRaw(_) | Stmt::Import(_) | Stmt::FromImport(_) | Stmt::Extends(_) | Stmt::Include(_) => {}
        }
    }

    fn expr(&mut self, expr: &'a Expr<'a>, again: bool) {
        self.see(expr);
        self.exprs.push((expr, again));
    }

    fn bind(&mut self, target: &'a Expr<'a>, value: &'a Expr<'a>, again: bool) {
        self.see(target);
        self.expr(value, again);
        self.binds.push((target, From::Value(value), again));
    }

    fn made(&mut self, it: &'a Macro<'a>) {
        self.macros.push(it);
        let own: Vec<_> = it.args.iter().collect();
        let mut mixed = false;
        let is_own = |expr: &Expr<'_>| {
            let named = |arg: &&Expr<'_>| matches!((*arg, expr), (Expr::Var(arg), Expr::Var(var)) if arg.id == var.id);
            own.iter().any(named)
        };
        for default in &it.defaults {
            walk(default, &mut |expr| mixed |= is_own(expr));
        }
        let before = self.scope.len();
        if mixed {
            // A default may mean its parameter or what is called so around it: then they are one.
            own.iter().for_each(|arg| self.see(arg));
        } else {
            self.enter(&own);
        }
        for default in &it.defaults {
            self.expr(default, true);
            self.binds.extend(it.args.iter().map(|arg| (arg, From::Value(default), true)));
        }
        self.statements(&it.body, true);
        self.scope.truncate(before);
    }

    /// From here on these are names of their own.
    fn enter(&mut self, own: &[&'a Expr<'a>]) {
        self.scopes += 1;
        for target in own.iter().flat_map(|target| targets(target)) {
            if let Expr::Var(var) = target {
                self.scope.push((var.id, self.scopes));
            }
        }
        own.iter().for_each(|target| self.see(target));
    }

    /// Notes whose names an expression mentions.
    fn see(&mut self, expr: &'a Expr<'a>) {
        let Self { scoped, scope, .. } = self;
        walk(expr, &mut |expr| {
            if let Expr::Var(var) = expr
                && let Some((_, of)) = scope.iter().rev().find(|(name, _)| *name == var.id)
            {
                scoped.insert(expr, *of);
            }
        });
    }

    /// The name that an expression is, if it is one: one that is known in a part alone is not another's of the same
    /// letters.
    pub(super) fn named(&self, expr: &'a Expr<'a>) -> Option<Cow<'a, str>> {
        let Expr::Var(var) = expr else { return None };
        Some(match self.scoped.get(&std::ptr::from_ref(expr)) {
            Some(of) => format!("{}@{of}", var.id).into(),
            None => var.id.into(),
        })
    }

    /// Every expression, the inner ones too, each before what it holds; calls that are statements are asked apart.
    pub(super) fn each(&self, seen: &mut impl FnMut(&'a Expr<'a>, bool)) {
        for (expr, again) in &self.exprs {
            walk(expr, &mut |expr| seen(expr, *again));
        }
        for (call, again) in &self.calls {
            walk(&call.expr, &mut |expr| seen(expr, *again));
            call.args.iter().for_each(|arg| walk(argument(arg), &mut |expr| seen(expr, *again)));
        }
    }
}

pub(super) fn argument<'a>(arg: &'a CallArg<'a>) -> &'a Expr<'a> {
    match arg {
        CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => expr,
    }
}

pub(super) fn walk<'a>(expr: &'a Expr<'a>, seen: &mut dyn FnMut(&'a Expr<'a>)) {
    seen(expr);
    children(expr).into_iter().for_each(|child| walk(child, seen));
}

pub(super) fn children<'a>(expr: &'a Expr<'a>) -> Vec<&'a Expr<'a>> {
    match expr {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(it) => {
            [Some(&it.expr), it.start.as_ref(), it.stop.as_ref(), it.step.as_ref()].into_iter().flatten().collect()
        }
        Expr::UnaryOp(it) => vec![&it.expr],
        Expr::BinOp(it) => vec![&it.left, &it.right],
        Expr::Compare(it) => std::iter::once(&it.expr).chain(it.ops.iter().map(|op| &op.expr)).collect(),
        Expr::IfExpr(it) => [&it.test_expr, &it.true_expr].into_iter().chain(&it.false_expr).collect(),
        Expr::Filter(it) => it.expr.iter().chain(it.args.iter().map(argument)).collect(),
        Expr::Test(it) => std::iter::once(&it.expr).chain(it.args.iter().map(argument)).collect(),
        Expr::GetAttr(it) => vec![&it.expr],
        Expr::GetItem(it) => vec![&it.expr, &it.subscript_expr],
        Expr::Call(it) => std::iter::once(&it.expr).chain(it.args.iter().map(argument)).collect(),
        Expr::List(it) => it.items.iter().collect(),
        Expr::Tuple(it) => it.items.iter().collect(),
        Expr::Map(it) => it.keys.iter().chain(&it.values).collect(),
    }
}

pub(super) fn made_space<'a>(value: &From<'a>) -> Option<&'a Call<'a>> {
    let From::Value(Expr::Call(call)) = value else { return None };
    let named = call.args.iter().all(|arg| matches!(arg, CallArg::Kwarg(..)));
    (matches!(&call.expr, Expr::Var(var) if var.id == "namespace") && named).then_some(&**call)
}

pub(super) fn targets<'a>(target: &'a Expr<'a>) -> Vec<&'a Expr<'a>> {
    match target {
        Expr::List(it) => it.items.iter().flat_map(targets).collect(),
        Expr::Tuple(it) => it.items.iter().flat_map(targets).collect(),
        other => vec![other],
    }
}

pub(super) fn span_of<'a>(value: &From<'a>, to: &'a Expr<'a>) -> Span {
    match value {
        From::Value(expr) | From::Item(expr) | From::Text(Some(expr)) => expr.span(),
        _ => to.span(),
    }
}
