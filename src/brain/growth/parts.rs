//! A template laid out flat: what it gives to which name, what it calls, and what may happen more than once.

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
}

impl<'a> Parts<'a> {
    fn statements(&mut self, stmts: &'a [Stmt<'a>], again: bool) {
        stmts.iter().for_each(|stmt| self.statement(stmt, again));
    }

    pub(super) fn statement(&mut self, stmt: &'a Stmt<'a>, again: bool) {
        match stmt {
            Stmt::Template(it) => self.statements(&it.children, again),
            Stmt::EmitExpr(it) => self.exprs.push((&it.expr, again)),
            Stmt::ForLoop(it) => {
                self.exprs.push((&it.iter, again));
                self.binds.push((&it.target, From::Item(&it.iter), again));
                self.loops.push((&it.iter, again));
                if it.recursive {
                    self.recursive.push(&it.target);
                }
                self.exprs.extend(it.filter_expr.iter().map(|expr| (expr, true)));
                self.statements(&it.body, true);
                self.statements(&it.else_body, again);
            }
            Stmt::IfCond(it) => {
                self.exprs.push((&it.expr, again));
                self.statements(&it.true_body, again);
                self.statements(&it.false_body, again);
            }
            Stmt::WithBlock(it) => {
                for (target, value) in &it.assignments {
                    self.bind(target, value, again);
                }
                self.statements(&it.body, again);
            }
            Stmt::Set(it) => self.bind(&it.target, &it.expr, again),
            Stmt::SetBlock(it) => {
                self.exprs.extend(it.filter.iter().map(|expr| (expr, again)));
                self.binds.push((&it.target, From::Text(it.filter.as_ref()), again));
                self.statements(&it.body, again);
            }
            Stmt::AutoEscape(it) => {
                self.exprs.push((&it.enabled, again));
                self.statements(&it.body, again);
            }
            Stmt::FilterBlock(it) => {
                self.exprs.push((&it.filter, again));
                self.statements(&it.body, again);
            }
            Stmt::Block(it) => self.statements(&it.body, true),
            Stmt::Macro(it) => self.made(it),
            Stmt::CallBlock(it) => {
                self.calls.push((&it.call, again));
                self.made(&it.macro_decl);
            }
            Stmt::Do(it) => self.calls.push((&it.call, again)),
            // The last four are refused where they are looked for: there are no other templates.
            Stmt::EmitRaw(_) | Stmt::Import(_) | Stmt::FromImport(_) | Stmt::Extends(_) | Stmt::Include(_) => {}
        }
    }

    fn bind(&mut self, target: &'a Expr<'a>, value: &'a Expr<'a>, again: bool) {
        self.exprs.push((value, again));
        self.binds.push((target, From::Value(value), again));
    }

    fn made(&mut self, it: &'a Macro<'a>) {
        self.macros.push(it);
        for default in &it.defaults {
            self.exprs.push((default, true));
            self.binds.extend(it.args.iter().map(|arg| (arg, From::Value(default), true)));
        }
        self.statements(&it.body, true);
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

pub(super) fn named<'a>(expr: &'a Expr<'a>) -> Option<&'a str> {
    if let Expr::Var(var) = expr { Some(var.id) } else { None }
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
