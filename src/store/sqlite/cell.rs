//! One value of a bot's memory, and what each operation makes of it. Pure.

use serde_json::Value;

use crate::base::{Millis, StateOp};

/// One value of a bot's memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cell {
    pub(super) version: i64,
    pub(super) value: Option<Value>,
    pub(super) expires_at: Option<i64>,
}

impl Cell {
    /// What is there at a moment.
    pub(super) fn at(&self, now: Millis) -> Option<&Value> {
        self.value.as_ref().filter(|_| self.expires_at.is_none_or(|at| at > now.0))
    }

    /// One change. A value that expired counts as absent, and then its expiry is gone with it.
    pub(super) fn apply(&mut self, op: &StateOp, now: Millis) -> Result<(), String> {
        if self.at(now).is_none() && self.version > 0 {
            self.value = None;
        }
        let fresh = self.value.is_none();
        match op {
            StateOp::Set { value, .. } => {
                self.value = Some(value.clone());
                self.expires_at = None;
            }
            StateOp::Add { key, amount, .. } => {
                self.value = Some(added(self.value.as_ref(), *amount).map_err(|why| format!("state `{key}` {why}"))?);
                self.expires_at = self.expires_at.filter(|_| !fresh);
            }
            StateOp::Append { key, value, keep, .. } => {
                let mut list = match self.value.take() {
                    None => Vec::new(),
                    Some(Value::Array(list)) => list,
                    Some(_) => return Err(format!("state `{key}` is no list")),
                };
                list.push(value.clone());
                let keep = usize::try_from(*keep).unwrap_or(usize::MAX);
                list.drain(..list.len().saturating_sub(keep));
                self.value = Some(Value::Array(list));
                self.expires_at = self.expires_at.filter(|_| !fresh);
            }
            // Nothing to forget.
            StateOp::Expire { .. } if fresh => return Ok(()),
            StateOp::Expire { at, .. } => {
                self.expires_at = Some(at.0);
                if *at <= now {
                    self.value = None;
                }
            }
        }
        self.version += 1;
        Ok(())
    }
}

fn added(value: Option<&Value>, amount: i64) -> Result<Value, &'static str> {
    match value {
        None => Ok(amount.into()),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.checked_add(amount).map(Value::from).ok_or("would become too large a number"),
            #[expect(clippy::cast_precision_loss, reason = "it is added to a float")]
            (None, Some(float)) => Ok((float + amount as f64).into()),
            (None, None) => Err("is no number"),
        },
        Some(_) => Err("is no number"),
    }
}
