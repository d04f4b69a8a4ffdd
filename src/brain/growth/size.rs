//! How large the values of names may become, and which would have no end.

use minijinja::machinery::Span;

use super::{flow::Flow, parts::From};

/// How often a value may be doubled by statements that run once.
const MOST_TIMES: u64 = 16;
/// Values in all that a list may hold that is made once.
const MOST_VALUES: u64 = 20_000;
/// Values that may be added to a list in one round.
const MOST_ADDED: u64 = 64;
/// Lists in lists, over all statements.
const MOST_DEEP: u64 = 64;

const NUMBERS: &str = "for numbers write `| int` or `| float` behind each, as in `(n.a | int) + (n.b | int)`; \
                       to collect into a list, add to it once: `n.list = n.list + [item]`";
const DOUBLES: &str = "what is put in here may hold itself more than once: it would double with every round";
const NESTS: &str = "what is put in here may hold itself: it would become deeper with every round";
const DEGREE: &str = "a list that grows is added to another that grows: that is more than one answer may make";
const MUCH: &str = "this may become more than one answer may make";

/// How large the value of a name may become.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    /// Values it holds at least, and with every round more.
    once: u64,
    round: u64,
    /// The same of one of its items.
    item: (u64, u64),
    deep: u64,
}

/// A place that gives a name a value: which, from where, whether more than once.
pub(super) type Edge<'a> = (usize, From<'a>, bool, Span);
/// Where something is wrong, what, and a hint.
pub(super) type Wrong = (Span, &'static str, &'static str);

/// The sizes of all names, each made of what flows into it over its edges.
pub(super) fn sizes(count: usize, edges: &[Edge<'_>], flows: &[Flow]) -> Result<Vec<Size>, Wrong> {
    let mut reach = vec![vec![false; count]; count];
    for ((to, ..), flow) in edges.iter().zip(flows) {
        flow.refs.keys().for_each(|(name, _)| reach[*to][*name] = true);
    }
    for middle in 0..count {
        let beyond = reach[middle].clone();
        for row in reach.iter_mut().filter(|row| row[middle]) {
            row.iter_mut().zip(&beyond).for_each(|(here, there)| *here |= there);
        }
    }
    let together = |a: usize, b: usize| reach[a][b] && reach[b][a];
    let mut order: Vec<usize> = (0..count).collect();
    // Whatever a name is made of stands before it.
    order.sort_by_key(|name| reach[*name].iter().enumerate().filter(|(at, there)| **there || at == name).count());
    let mut sizes: Vec<Option<Size>> = vec![None; count];
    let mut factor = 1_u64;
    for name in order {
        if sizes[name].is_some() {
            continue;
        }
        let group: Vec<usize> = (0..count).filter(|other| *other == name || together(name, *other)).collect();
        let known: Vec<Size> = sizes.iter().map(|size| size.unwrap_or_default()).collect();
        let (mut size, mut step, mut doubled, mut nested) = (Size::default(), 0_u64, 1_u64, false);
        for ((to, _, again, span), flow) in edges.iter().zip(flows) {
            if !group.contains(to) {
                continue;
            }
            let (inner, outer): (Vec<_>, Vec<_>) = flow.refs.iter().partition(|((from, _), _)| together(*to, *from));
            let (times, deep) = inner
                .iter()
                .fold((0_u64, 0), |(times, deep), (_, here)| (times.saturating_add(here.0), deep.max(here.1)));
            let outer = Flow {
                refs: outer.into_iter().map(|(name, here)| (*name, *here)).collect(),
                values: flow.values,
                holds: flow.holds,
            };
            let (once, round) = measured(&outer, &known);
            let below = outer.refs.iter().map(|((from, _), here)| known[*from].deep + here.1).max().unwrap_or_default();
            size.deep = size.deep.max(below);
            if times >= 2 || (times == 1 && deep > 0) {
                if *again {
                    return Err((*span, if times >= 2 { DOUBLES } else { NESTS }, NUMBERS));
                }
                factor = factor.saturating_mul(times.max(2));
                doubled = doubled.saturating_mul(times.max(2));
                size.deep += deep;
                nested = nested || deep > 0;
                if factor > MOST_TIMES {
                    return Err((*span, DOUBLES, NUMBERS));
                }
            }
            if times > 0 && *again {
                if round > 0 {
                    return Err((*span, DEGREE, NUMBERS));
                }
                step = step.max(once);
            } else if group.len() > 1 || together(name, name) {
                size.once = size.once.saturating_add(once);
                size.round = size.round.saturating_add(round);
            } else {
                size.once = size.once.max(once);
                size.round = size.round.max(round);
            }
            if size.once > MOST_VALUES || size.round.max(step) > MOST_ADDED || size.deep > MOST_DEEP {
                return Err((*span, MUCH, NUMBERS));
            }
        }
        // What was added in one round is all that an item can hold.
        size.item = if step > 0 && size.round == 0 && !nested {
            (size.once.max(step), 0)
        } else {
            (size.once, size.round.max(step))
        };
        size.item.0 = size.item.0.saturating_mul(doubled);
        size.once = size.once.saturating_mul(doubled);
        size.round = size.round.max(step).saturating_mul(doubled);
        group.into_iter().for_each(|name| sizes[name] = Some(size));
    }
    Ok(sizes.into_iter().map(Option::unwrap_or_default).collect())
}

/// What a value holds once, and with every round more.
fn measured(flow: &Flow, sizes: &[Size]) -> (u64, u64) {
    flow.refs.iter().fold((flow.values, 0_u64), |(once, round), ((name, item), (times, _))| {
        let size = sizes.get(*name).copied().unwrap_or_default();
        let (more, faster) = if *item { size.item } else { (size.once, size.round) };
        (once.saturating_add(times.saturating_mul(more)), round.saturating_add(times.saturating_mul(faster)))
    })
}

/// What is said where a value is larger than any may be.
pub(super) fn too_large(flow: &Flow, sizes: &[Size]) -> Option<(&'static str, &'static str)> {
    let (once, round) = measured(flow, sizes);
    (once > MOST_VALUES || round > MOST_ADDED).then_some((MUCH, NUMBERS))
}
