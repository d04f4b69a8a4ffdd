//! One value of a bot's memory, and what each operation makes of it. Pure.

use serde_json::Value;

use super::{MAX_STATE_VALUE, Millis, StateOp, check_state_key, check_state_value, state_value_size};

/// One value of a bot's memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// How often it was changed; 0: it never was there.
    pub version: i64,
    /// The value, unless it was forgotten.
    pub value: Option<Value>,
    /// When it is forgotten, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

impl Cell {
    /// What is there at a moment.
    #[must_use]
    pub fn at(&self, now: Millis) -> Option<&Value> {
        self.value.as_ref().filter(|_| self.expires_at.is_none_or(|at| at > now.0))
    }

    /// One change. A value that expired counts as absent, and then its expiry is gone with it.
    ///
    /// # Errors
    /// A sentence that names the key, when the value is not of the kind that the change is for.
    pub fn apply(&mut self, op: &StateOp, now: Millis) -> Result<(), String> {
        if self.at(now).is_none() && self.version > 0 {
            self.value = None;
        }
        let fresh = self.value.is_none();
        match op {
            StateOp::Set { key, value, .. } => {
                bounded(key, value)?;
                self.value = Some(value.clone());
                self.expires_at = None;
            }
            StateOp::Add { key, amount, .. } => {
                bounded(key, &Value::Null)?;
                self.value = Some(added(self.value.as_ref(), *amount).map_err(|why| format!("state `{key}` {why}"))?);
                self.expires_at = self.expires_at.filter(|_| !fresh);
            }
            StateOp::Append { key, value, keep, .. } => {
                let mut list = match self.value.take() {
                    None => Vec::new(),
                    Some(Value::Array(list)) => list,
                    Some(_) => return Err(format!("state `{key}` is no list")),
                };
                bounded(key, value)?;
                list.push(value.clone());
                let keep = usize::try_from(*keep).unwrap_or(usize::MAX);
                list.drain(..list.len().saturating_sub(keep));
                fit(&mut list);
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

/// No key and no value is larger than one may be.
fn bounded(key: &str, value: &Value) -> Result<(), String> {
    check_state_key(key).map_err(|why| format!("a key of its state {why}"))?;
    check_state_value(value).map_err(|why| format!("state `{key}` {why}"))
}

/// A list that grew too large loses its first items, as one that grew too long does.
fn fit(list: &mut Vec<Value>) {
    // Brackets; and with each item a comma.
    let sizes: Vec<usize> = list.iter().map(|item| state_value_size(item) + 1).collect();
    let mut sum = sizes.iter().sum::<usize>() + 1;
    let mut first = 0;
    while sum > MAX_STATE_VALUE && first + 1 < list.len() {
        sum -= sizes[first];
        first += 1;
    }
    list.drain(..first);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::StateScope;

    const NOW: Millis = Millis(1000);

    fn set(value: Value) -> StateOp {
        StateOp::Set { scope: StateScope::Bot, key: "k".into(), value }
    }

    fn add(amount: i64) -> StateOp {
        StateOp::Add { scope: StateScope::Bot, key: "k".into(), amount }
    }

    fn append(value: Value, keep: u32) -> StateOp {
        StateOp::Append { scope: StateScope::Bot, key: "k".into(), value, keep }
    }

    fn expire(at: i64) -> StateOp {
        StateOp::Expire { scope: StateScope::Bot, key: "k".into(), at: Millis(at) }
    }

    fn after(ops: &[StateOp]) -> Cell {
        let mut cell = Cell::default();
        for op in ops {
            cell.apply(op, NOW).unwrap();
        }
        cell
    }

    #[test]
    fn an_absent_number_counts_as_zero_and_a_float_stays_one() {
        assert_eq!(after(&[add(2), add(-5)]).value, Some(json!(-3)));
        assert_eq!(after(&[set(json!(1.5)), add(2)]).value, Some(json!(3.5)));
    }

    #[test]
    fn what_is_no_number_or_no_list_is_refused_and_says_which_key() {
        for (value, op) in [(json!("x"), add(1)), (json!(i64::MAX), add(1)), (json!({}), append(json!(1), 3))] {
            let mut cell = after(&[set(value)]);
            assert!(cell.apply(&op, NOW).unwrap_err().contains("`k`"));
        }
    }

    #[test]
    fn a_list_keeps_its_last_items() {
        let list = after(&[append(json!(1), 2), append(json!(2), 2), append(json!(3), 2)]);
        assert_eq!(list.value, Some(json!([2, 3])));
        assert_eq!(after(&[append(json!(1), 0)]).value, Some(json!([])));
    }

    #[test]
    fn a_list_that_grows_too_large_loses_its_first_items() {
        let text = "x".repeat(30_000);
        let list =
            after(&[append(json!(1), 9), append(json!(text), 9), append(json!(text), 9), append(json!(text), 9)]);
        assert_eq!(list.value.unwrap().as_array().unwrap().len(), 2);
        let item = "x".repeat(MAX_STATE_VALUE - 2);
        assert_eq!(after(&[append(json!(1), 9), append(json!(item), 9)]).value.unwrap().as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_is_too_large_is_refused_and_changes_nothing() {
        let large = json!("x".repeat(MAX_STATE_VALUE));
        let key = |key: &str, value| StateOp::Set { scope: StateScope::Bot, key: key.into(), value };
        for op in [set(large.clone()), append(large, 1), key(&"k".repeat(201), json!(1)), key("", json!(1))] {
            let mut cell = after(&[set(json!([7]))]);
            assert!(cell.apply(&op, NOW).is_err());
        }
    }

    #[test]
    fn every_change_raises_the_version_and_forgetting_nothing_is_none() {
        assert_eq!(after(&[set(json!(1)), add(1), expire(5)]).version, 3);
        assert_eq!(after(&[expire(5)]), Cell::default());
    }

    #[test]
    fn a_value_is_there_until_it_expires() {
        let cell = after(&[set(json!(1)), expire(2000)]);
        assert_eq!((cell.at(Millis(1999)), cell.at(Millis(2000))), (Some(&json!(1)), None));
        assert_eq!(after(&[set(json!(1)), expire(1000)]).value, None, "at once");
    }

    #[test]
    fn an_expired_value_counts_as_absent_and_what_replaces_it_stays() {
        let mut cell = after(&[set(json!(7)), expire(2000)]);
        cell.apply(&add(1), Millis(3000)).unwrap();
        assert_eq!((cell.at(Millis(i64::MAX)), cell.version), (Some(&json!(1)), 3));
    }

    #[test]
    fn counting_on_keeps_the_expiry_and_setting_ends_it() {
        assert_eq!(after(&[set(json!(7)), expire(2000), add(1)]).expires_at, Some(2000));
        assert_eq!(after(&[set(json!(7)), expire(2000), set(json!(8))]).expires_at, None);
    }
}
