//! Which settings there are, read from the compiled-in `botyard.toml` itself: so it cannot lack one.

/// The defaults: every setting, its default and its reason.
pub(super) const DEFAULTS: &str = include_str!("../../botyard.toml");

/// Settings whose value no message may show.
const SECRET: &[&str] = &["egress.proxy", "seal.key", "seal.next_key"];

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// `section.key`, or `key` at the top.
    pub(super) name: String,
    /// What values look like.
    pub(super) kind: Kind,
}

/// What values of a setting look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Switch,
    List,
}

impl Kind {
    /// As in "it needs …".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Number => "a whole number, not below zero",
            Self::Switch => "`true` or `false`",
            Self::List => "a list of texts",
        }
    }
}

impl Key {
    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("BOTYARD_{}", self.name.replace('.', "__").to_ascii_uppercase())
    }

    pub(super) fn secret(&self) -> bool {
        SECRET.contains(&self.name.as_str())
    }
}

/// A line of the defaults that is about a setting: its key, its value, and whether it is only an example.
pub(super) fn assignment(line: &str) -> Option<(&str, &str, bool)> {
    let (line, example) = line.strip_prefix('#').map_or((line, false), |rest| (rest, true));
    let (key, value) = line.split_once(" = ")?;
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then_some((key, value, example))
}

/// Every setting, in the order of the defaults.
pub(super) fn all() -> Vec<Key> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, value, _)) = assignment(line) {
            let kind = match value.bytes().next() {
                Some(b'[') => Kind::List,
                Some(b'"') => Kind::Text,
                Some(b't' | b'f') => Kind::Switch,
                _ => Kind::Number,
            };
            keys.push(Key { name: format!("{section}{key}"), kind });
        }
    }
    keys
}

/// The setting whose name is most like `wrong`, if any is like it at all. Dots and underscores count as one.
pub(super) fn most_like<'a>(keys: &'a [Key], wrong: &str) -> Option<&'a Key> {
    let plain = |name: &str| name.to_ascii_lowercase().replace("__", "_").replace(['.', '-'], "_");
    let wrong = plain(wrong);
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let near = keys.iter().map(|key| (distance(&plain(&key.name), &wrong), key)).min_by_key(|(far, _)| *far);
    match near {
        Some((far, key)) if far <= 1 + wrong.len() / 5 => Some(key),
        // The right key in the wrong section.
        _ => keys.iter().find(|key| wrong.ends_with(&plain(&last(&key.name))) && last(&key.name).len() > 4),
    }
}

/// How many letters have to be put in, taken out or changed to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(100).enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (*above + 1).min(left + 1).min(corner + usize::from(x != *y));
            corner = std::mem::replace(above, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_with_their_kinds_also_where_only_an_example_stands() {
        let keys = all();
        let kind = |name: &str| keys.iter().find(|key| key.name == name).map(|key| key.kind);
        assert_eq!(kind("listen"), Some(Kind::Text));
        assert_eq!(kind("public_url"), Some(Kind::Text));
        assert_eq!(kind("bots_dir"), Some(Kind::List));
        assert_eq!(kind("webex.connections"), Some(Kind::Number));
        assert_eq!(kind("sim.allow_remote"), Some(Kind::Switch));
        assert!(SECRET.iter().all(|name| kind(name) == Some(Kind::Text)));
        let mut names: Vec<_> = keys.iter().map(|key| &key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), keys.len(), "each stands there once");
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let keys = all();
        let like = |wrong: &str| most_like(&keys, wrong).map(|key| key.name.as_str());
        assert_eq!(like("publicurl"), Some("public_url"));
        assert_eq!(like("ADMIN_LISTEN"), Some("admin.listen"));
        assert_eq!(like("webex.conections"), Some("webex.connections"));
        assert_eq!(like("requests_per_minute"), Some("webex.requests_per_minute"));
        assert_eq!(like("coffee"), None);
    }

    #[test]
    fn distance_counts_letters() {
        assert_eq!((distance("", "abc"), distance("abc", ""), distance("kitten", "sitting")), (3, 3, 3));
        assert_eq!(distance("same", "same"), 0);
    }
}
