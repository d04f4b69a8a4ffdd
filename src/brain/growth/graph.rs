//! Names and what they are made of; from there, what may grow without end.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use minijinja::machinery::{
    Span,
    ast::{BinOpKind, Call, CallArg, Expr, Filter},
};

use super::{
    super::names,
    flow::Flow,
    known::{EITHER, Literal, ONCE, SAME, SCALAR, is_scalar, literal},
    parts::{From, Parts, argument, made_space, span_of, targets},
    size::{self, Edge, Size, Wrong},
};

/// Names that one template may give values to.
const MOST_NAMES: usize = 100;
/// Places that give them one, each parameter of each call counted.
const MOST_EDGES: usize = 5_000;
/// How often a filter may use an argument that is for each of its items; they are paid for.
const FOR_EACH: u64 = 1000;

const TIMES: &str = "a list may be multiplied here, and become as long as somebody likes";
const TIMES_HINT: &str = "for numbers write `| int` or `| float`, as in `(state.room.count | int) * 2`";
const NAMES: &str = "the template gives values to too many names";

pub(super) struct Graph<'p, 'a> {
    parts: &'p Parts<'a>,
    names: BTreeMap<String, usize>,
    /// Names that are given a value anywhere.
    own: BTreeSet<Cow<'a, str>>,
    /// Names that only ever hold a namespace which goes nowhere else: each of its fields is a name of its own.
    spaces: Vec<Cow<'a, str>>,
    /// A namespace goes about: then all names are one.
    wild: bool,
    edges: Vec<Edge<'a>>,
    /// Whether a name may hold a list or a map.
    holds: Vec<bool>,
    sizes: Option<Vec<Size>>,
    /// What was found out already, until more is known: one argument may be given to many parameters.
    flows: RefCell<BTreeMap<*const Expr<'a>, Flow>>,
    wrong: RefCell<Option<Wrong>>,
}

impl<'p, 'a> Graph<'p, 'a> {
    pub(super) fn of(parts: &'p Parts<'a>) -> Self {
        let mut graph = Self {
            parts,
            names: BTreeMap::new(),
            own: BTreeSet::new(),
            spaces: Vec::new(),
            wild: false,
            edges: Vec::new(),
            holds: Vec::new(),
            sizes: None,
            flows: RefCell::default(),
            wrong: RefCell::default(),
        };
        let given = parts.binds.iter().flat_map(|(target, ..)| targets(target));
        let given = given.chain(parts.macros.iter().flat_map(|it| &it.args));
        graph.own = given.filter_map(|to| parts.named(to)).collect();
        graph.find_spaces();
        graph.bind_all();
        graph
    }

    fn find_spaces(&mut self) {
        let parts = self.parts;
        let binds = || {
            parts
                .binds
                .iter()
                .flat_map(|(target, value, _)| targets(target).into_iter().map(move |to| (*target, to, value)))
        };
        let (mut spaces, mut made) = (Vec::new(), 0_usize);
        for (whole, to, value) in binds() {
            if let (Some(name), Some(_), true) = (parts.named(to), made_space(value), std::ptr::eq(whole, to)) {
                spaces.push(name);
                made += 1;
            }
        }
        let (mut fields, mut all, mut makers) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new(), 0_usize);
        parts.each(&mut |expr, _| {
            if let Expr::GetAttr(it) = expr
                && let Some(name) = parts.named(&it.expr)
            {
                *fields.entry(name).or_default() += 1;
            }
            if let Some(name) = parts.named(expr) {
                makers += usize::from(name == "namespace");
                *all.entry(name).or_default() += 1;
            }
        });
        // Every mention is one of a field, and it never holds anything else.
        let tame = |name: &Cow<'a, str>| {
            spaces.contains(name)
                && fields.get(name) >= all.get(name)
                && parts.macros.iter().all(|it| it.name != name)
                && binds().all(|(_, to, value)| parts.named(to).as_ref() != Some(name) || made_space(value).is_some())
                && parts.macros.iter().flat_map(|it| &it.args).all(|arg| parts.named(arg).as_ref() != Some(name))
        };
        let loose = |to: &'a Expr<'a>| match to {
            Expr::Var(_) => false,
            Expr::GetAttr(it) => !parts.named(&it.expr).is_some_and(|name| tame(&name)),
            _ => true,
        };
        self.wild = makers != made
            || !spaces.iter().all(tame)
            || self.own.contains("namespace")
            || binds().any(|(_, to, _)| loose(to));
        self.spaces = spaces;
    }

    fn bind_all(&mut self) {
        let parts = self.parts;
        for (target, value, again) in &parts.binds {
            self.bind(target, *value, *again);
        }
        for (iter, again) in &parts.loops {
            self.edge("loop".to_owned(), From::Item(iter), *again, iter.span());
        }
        // Parameters are names even if nobody gives them anything.
        for arg in parts.macros.iter().flat_map(|it| &it.args) {
            if let Some(name) = parts.named(arg) {
                self.edge(name.into_owned(), From::Text(None), true, arg.span());
            }
        }
        let mut calls: Vec<(&'a Call<'a>, bool)> = parts.calls.clone();
        parts.each(&mut |expr, again| {
            if let Expr::Call(call) = expr {
                calls.push((&**call, again));
            }
        });
        for (call, again) in calls {
            self.call(call, again);
        }
        let own: Vec<String> = self.names.keys().filter(|name| names::is_given(name)).cloned().collect();
        for name in own {
            self.edge(name, From::Outside, false, Span::default());
        }
        self.holds = vec![false; self.names.len()];
    }

    fn bind(&mut self, to: &'a Expr<'a>, value: From<'a>, again: bool) {
        let many = |expr: &'a Expr<'a>| match expr {
            Expr::List(it) => Some(&it.items),
            Expr::Tuple(it) => Some(&it.items),
            _ => None,
        };
        if let Some(to) = many(to) {
            let values = if let From::Value(expr) = value { many(expr) } else { None };
            let values = values.filter(|values| values.len() == to.len());
            for (at, to) in to.iter().enumerate() {
                self.bind(to, values.map_or(value, |values| From::Value(&values[at])), again);
            }
            return;
        }
        let span = span_of(&value, to);
        match (self.parts.named(to), made_space(&value), to) {
            (Some(name), Some(call), _) if !self.wild => {
                for arg in &call.args {
                    if let CallArg::Kwarg(field, expr) = arg {
                        self.edge(format!("{name}.{field}"), From::Value(expr), again, expr.span());
                    }
                }
            }
            (Some(name), ..) => self.edge(name.into_owned(), value, again, span),
            (_, _, Expr::GetAttr(it)) => {
                let base = self.parts.named(&it.expr).unwrap_or_default();
                self.edge(format!("{base}.{}", it.name), value, again, span);
            }
            _ => self.edge(String::new(), value, again, span),
        }
    }

    fn edge(&mut self, name: String, value: From<'a>, again: bool, span: Span) {
        let name = if self.wild { String::new() } else { name };
        // Then it is refused.
        if self.edges.len() > MOST_EDGES {
            return;
        }
        let next = self.names.len();
        let to = *self.names.entry(name).or_insert(next);
        self.edges.push((to, value, again, span));
    }

    /// What a call gives to the parameters of macros and to loops that are gone through again.
    fn call(&mut self, call: &'a Call<'a>, again: bool) {
        let parts = self.parts;
        if let Expr::GetAttr(it) = &call.expr
            && self.is(&it.expr, "loop")
            && ["cycle", "changed"].contains(&it.name)
        {
            return;
        }
        let called = parts.named(&call.expr).filter(|name| !self.own.contains(name));
        let known = |name: &str| name != "caller" && parts.macros.iter().any(|it| it.name == name);
        if called.as_ref().is_some_and(|name| ["range", "dict", "namespace"].contains(&&**name) && !known(name)) {
            return;
        }
        let called = called.filter(|name| known(name) || name == "loop");
        for (at, arg) in call.args.iter().enumerate() {
            let value = argument(arg);
            let from = match arg {
                CallArg::PosSplat(_) => From::Item(value),
                _ => From::Value(value),
            };
            // More is refused all the same.
            if self.edges.len() > MOST_EDGES {
                return;
            }
            for it in parts.macros.iter().filter(|it| called.as_ref().is_none_or(|name| name == it.name)) {
                for (index, param) in it.args.iter().enumerate() {
                    let (Some(name), Expr::Var(var)) = (parts.named(param), param) else { continue };
                    let given = called.is_none()
                        || match arg {
                            CallArg::Pos(_) => {
                                index == at || call.args.iter().any(|arg| matches!(arg, CallArg::PosSplat(_)))
                            }
                            CallArg::Kwarg(given, _) => *given == var.id,
                            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => true,
                        };
                    if given {
                        self.edge(name.into_owned(), from, again, value.span());
                    }
                }
            }
            if called.as_ref().is_none_or(|name| name == "loop") && !parts.recursive.is_empty() {
                self.edge("loop".to_owned(), From::Item(value), true, value.span());
                for to in parts.recursive.iter().flat_map(|target| targets(target)) {
                    if let Some(name) = parts.named(to) {
                        self.edge(name.into_owned(), From::Item(value), true, value.span());
                    }
                }
            }
        }
    }

    fn tell(&self, span: Span, message: &'static str, hint: &'static str) {
        self.wrong.borrow_mut().get_or_insert((span, message, hint));
    }

    fn name(&self, name: &str) -> Option<Flow> {
        let at = *self.names.get(if self.wild { "" } else { name })?;
        Some(if self.holds.get(at).copied().unwrap_or(true) {
            Flow { refs: BTreeMap::from([((at, false), (1, 0))]), values: 0, holds: true }
        } else {
            Flow::scalar()
        })
    }

    /// Whether an expression is this name, as the template finds it there.
    fn is(&self, expr: &'a Expr<'a>, name: &str) -> bool {
        self.parts.named(expr).is_some_and(|named| named == name) && !self.own.contains(name)
    }

    fn given(&self, from: From<'a>) -> Flow {
        let flow = |expr: &'a Expr<'a>| {
            let known = self.flows.borrow().get(&std::ptr::from_ref(expr)).cloned();
            known.unwrap_or_else(|| {
                let flow = self.flow(expr);
                self.flows.borrow_mut().insert(expr, flow.clone());
                flow
            })
        };
        match from {
            From::Value(expr) | From::Text(Some(expr)) => flow(expr),
            From::Item(Expr::Call(call)) if self.is_range(call) => Flow::scalar(),
            From::Item(expr) => flow(expr).item(),
            From::Text(None) => Flow::scalar(),
            From::Outside => Flow::outside(),
        }
    }

    fn is_range(&self, call: &'a Call<'a>) -> bool {
        self.is(&call.expr, "range") && self.parts.macros.iter().all(|it| it.name != "range")
    }

    fn all(&self, exprs: impl Iterator<Item = &'a Expr<'a>>) -> Flow {
        exprs.fold(Flow::default(), |all, expr| all.and(self.flow(expr)))
    }

    /// What an expression comes to; once sizes are known, also whether that is too much.
    fn flow(&self, expr: &'a Expr<'a>) -> Flow {
        let flow = self.made(expr);
        if !flow.holds {
            return Flow::scalar();
        }
        if let Some((message, hint)) = self.sizes.as_deref().and_then(|sizes| size::too_large(&flow, sizes)) {
            self.tell(expr.span(), message, hint);
        }
        flow
    }

    fn made(&self, expr: &'a Expr<'a>) -> Flow {
        match expr {
            Expr::Var(_) if self.is(expr, "now") => Flow::scalar(),
            Expr::Var(_) => {
                let own = self.parts.named(expr).filter(|name| self.own.contains(name) || name == "loop");
                own.and_then(|name| self.name(&name)).unwrap_or_else(Flow::outside)
            }
            Expr::Const(it) => Flow { holds: it.value.as_object().is_some(), ..Flow::scalar() },
            Expr::Slice(it) => {
                self.all([&it.start, &it.stop, &it.step].into_iter().flatten());
                let flow = self.flow(&it.expr);
                if flow.holds { flow.deeper() } else { flow }
            }
            // `not` and a minus.
            Expr::UnaryOp(it) => {
                self.flow(&it.expr);
                Flow::scalar()
            }
            Expr::BinOp(it) => {
                let (left, right) = (self.flow(&it.left), self.flow(&it.right));
                match it.op {
                    BinOpKind::ScAnd | BinOpKind::ScOr => left.or(right),
                    BinOpKind::Add if left.holds && right.holds => left.and(right),
                    BinOpKind::Mul if left.holds || right.holds => {
                        match literal(&it.left).or_else(|| literal(&it.right)) {
                            Some(Literal::Times(times)) => {
                                let mut flow = left.and(right).times(times);
                                // Nobody knows how long a list from outside is: once is enough.
                                flow.values = flow.values.max(FOR_EACH);
                                return flow;
                            }
                            // No list can be taken one and a half times.
                            Some(Literal::Broken) => return Flow::scalar(),
                            None => {}
                        }
                        if self.sizes.is_some() {
                            self.tell(it.span(), TIMES, TIMES_HINT);
                        }
                        left.and(right).times(FOR_EACH)
                    }
                    _ => Flow::scalar(),
                }
            }
            Expr::Compare(it) => {
                self.all(std::iter::once(&it.expr).chain(it.ops.iter().map(|op| &op.expr)));
                Flow::scalar()
            }
            Expr::IfExpr(it) => {
                self.flow(&it.test_expr);
                let other = it.false_expr.as_ref().map_or_else(Flow::scalar, |expr| self.flow(expr));
                self.flow(&it.true_expr).or(other)
            }
            Expr::Filter(it) => self.filtered(it),
            Expr::Test(it) => {
                self.all(std::iter::once(&it.expr).chain(it.args.iter().map(argument)));
                Flow::scalar()
            }
            Expr::GetAttr(it) => self.field(&it.expr, it.name),
            Expr::GetItem(it) => {
                self.flow(&it.subscript_expr);
                self.flow(&it.expr).item()
            }
            Expr::Call(it) => self.called(it),
            Expr::List(it) => self.all(it.items.iter()).deeper(),
            Expr::Tuple(it) => self.all(it.items.iter()).deeper(),
            Expr::Map(it) => self.all(it.keys.iter().chain(&it.values)).deeper(),
        }
    }

    fn field(&self, of: &'a Expr<'a>, name: &str) -> Flow {
        match self.parts.named(of) {
            Some(space) if self.spaces.contains(&space) => {
                self.name(&format!("{space}.{name}")).unwrap_or_else(Flow::scalar)
            }
            Some(root) if !self.own.contains(&root) && is_scalar(&root, name) => Flow::scalar(),
            _ => self.flow(of),
        }
    }

    fn filtered(&self, it: &'a Filter<'a>) -> Flow {
        let of = it.expr.as_ref().map_or_else(Flow::scalar, |expr| self.flow(expr));
        let args = self.all(it.args.iter().map(argument));
        let start = it.args.iter().any(|arg| !matches!(arg, CallArg::Kwarg("attribute", _)));
        match it.name {
            name if SCALAR.contains(&name) => Flow::scalar(),
            "sum" if !start => Flow::scalar(),
            "int" | "float" => args,
            name if EITHER.contains(&name) => of.or(args),
            name if SAME.contains(&name) => of,
            // Of a text, and its pieces are paid for.
            "split" | "lines" => Flow::outside(),
            // Fills up with its last argument, which nobody pays for.
            "batch" if it.args.len() > 1 => of.and(args.times(FOR_EACH)).deeper(),
            name if ONCE.contains(&name) => of.and(args).deeper(),
            _ => {
                let args = if args.holds { args.times(FOR_EACH) } else { Flow::default() };
                of.and(args).deeper()
            }
        }
    }

    fn called(&self, it: &'a Call<'a>) -> Flow {
        let args = self.all(it.args.iter().map(argument));
        let name = self.parts.named(&it.expr).filter(|name| !self.own.contains(name));
        if self.is_range(it) {
            Flow::outside()
        } else if name.as_ref().is_some_and(|name| name == "loop" || self.parts.macros.iter().any(|it| it.name == name))
        {
            // What a macro or a loop answers is a text.
            Flow::scalar()
        } else if self.is(&it.expr, "dict") {
            args.deeper()
        } else {
            self.flow(&it.expr).and(args).deeper()
        }
    }

    /// Finds out which names are numbers and texts, then how large the others become.
    pub(super) fn judged(mut self) -> Option<Wrong> {
        if self.names.len() > MOST_NAMES || self.edges.len() > MOST_EDGES {
            return Some((Span::default(), NAMES, "say it with fewer names"));
        }
        loop {
            let mut holds = self.holds.clone();
            self.edges.iter().for_each(|(to, from, ..)| holds[*to] = holds[*to] || self.given(*from).holds);
            self.flows.take();
            if holds == self.holds {
                break;
            }
            self.holds = holds;
        }
        let flows: Vec<Flow> = self.edges.iter().map(|(_, from, ..)| self.given(*from)).collect();
        match size::sizes(self.names.len(), &self.edges, &flows) {
            Err(wrong) => return Some(wrong),
            Ok(sizes) => self.sizes = Some(sizes),
        }
        let parts = self.parts;
        parts.exprs.iter().for_each(|(expr, _)| drop(self.flow(expr)));
        for (call, _) in &parts.calls {
            self.called(call);
        }
        self.wrong.take()
    }
}
