//! What has been told of but cannot be read yet: the event overtakes the reading, as it can at Webex.

use std::collections::HashMap;

use crate::{base::Millis, sim::ids::MessageId};

/// More than any test hides at once; what comes beyond is not hidden.
const MOST_HIDDEN: usize = 10_000;

/// Public ids with the moment from which they can be read.
#[derive(Debug, Default)]
pub(crate) struct Hidden(HashMap<String, Millis>);

impl Hidden {
    /// Hides a thing until then.
    pub(crate) fn hide(&mut self, id: &str, until: Millis, now: Millis) {
        if self.0.len() >= MOST_HIDDEN {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < MOST_HIDDEN {
            self.0.insert(id.to_owned(), until);
        }
    }

    /// Whether a request for one thing asks for one that is hidden.
    pub(crate) fn hides(&self, method: &str, path: &str, now: Millis) -> bool {
        if self.0.is_empty() || !matches!(method, "GET" | "HEAD") {
            return false;
        }
        let Some(id) = path.rsplit('/').next() else { return false };
        let until = self.0.get(id).or_else(|| self.0.get(&MessageId::parse(id)?.public()));
        until.is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hidden_from_reading_until_its_moment_however_its_id_is_written() {
        let mut hidden = Hidden::default();
        let id = MessageId::fresh();
        hidden.hide(&id.public(), Millis(100), Millis(0));
        let padded = format!("/messages/{}", id.public());
        assert!(hidden.hides("GET", &padded, Millis(99)));
        assert!(!hidden.hides("DELETE", &padded, Millis(99)));
        assert!(!hidden.hides("GET", &padded, Millis(100)));
        assert!(!hidden.hides("GET", "/messages", Millis(0)));
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let mut hidden = Hidden::default();
        (0..=MOST_HIDDEN).for_each(|number| hidden.hide(&number.to_string(), Millis(100), Millis(0)));
        assert_eq!(hidden.0.len(), MOST_HIDDEN);
        hidden.hide("later", Millis(300), Millis(200));
        assert_eq!(hidden.0.len(), 1, "what can be read again is forgotten");
    }
}
