//! What a value is made of: which names, how often and how deep.

use std::collections::BTreeMap;

/// What a value is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    /// Names it holds, as a whole or an item of them: how often, and how deep.
    pub(super) refs: BTreeMap<(usize, bool), (u64, u64)>,
    /// Other values it holds.
    pub(super) values: u64,
    /// Whether it may be a list or a map.
    pub(super) holds: bool,
}

impl Flow {
    pub(super) fn scalar() -> Self {
        Self { values: 1, ..Self::default() }
    }

    /// Something from outside.
    pub(super) fn outside() -> Self {
        Self { holds: true, ..Self::scalar() }
    }

    pub(super) fn merged(mut self, other: Self, weigh: fn(u64, u64) -> u64) -> Self {
        for (name, (times, deep)) in other.refs {
            let here = self.refs.entry(name).or_default();
            *here = (weigh(here.0, times), here.1.max(deep));
        }
        Self { refs: self.refs, values: weigh(self.values, other.values), holds: self.holds || other.holds }
    }

    pub(super) fn and(self, other: Self) -> Self {
        self.merged(other, u64::saturating_add)
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.merged(other, u64::max)
    }

    pub(super) fn times(mut self, times: u64) -> Self {
        self.refs.values_mut().for_each(|here| here.0 = here.0.saturating_mul(times));
        self.values = self.values.saturating_mul(times);
        self
    }

    pub(super) fn deeper(mut self) -> Self {
        self.refs.values_mut().for_each(|here| here.1 += 1);
        self.holds = true;
        self
    }

    /// One of its items.
    pub(super) fn item(self) -> Self {
        let refs = self.refs.into_iter().map(|((name, item), here)| ((name, item || here.1 == 0), here));
        let mut flow = Self { refs: BTreeMap::new(), ..self };
        for (name, here) in refs {
            let known = flow.refs.entry(name).or_default();
            *known = (known.0.saturating_add(here.0), known.1.max(here.1));
        }
        flow
    }
}
