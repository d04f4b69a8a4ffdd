//! Does a message begin with a command's words?

/// What follows the words, if the text begins with them: whole words, whatever their case, and
/// `ping!` is `ping` too.
pub(super) fn rest<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let mut rest = text.trim_start();
    for word in words.split_whitespace() {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (said, after) = rest.split_at_checked(end)?;
        if !same(said, word) && !same(said.trim_end_matches(['.', ',', '!', '?', ':', ';', '…']), word) {
            return None;
        }
        rest = after.trim_start();
    }
    Some(rest.trim_end())
}

/// The form in which two words are compared.
pub(super) fn folded(words: &str) -> String {
    words.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn same(a: &str, b: &str) -> bool {
    a == b || a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_words_match_whatever_their_case_and_the_rest_is_kept() {
        assert_eq!(rest("  PING  me now ", "ping"), Some("me now"));
        assert_eq!(rest("ping!", "ping"), Some(""));
        assert_eq!(rest("Über uns", "über"), Some("uns"));
        assert_eq!(rest("on   call now", "On Call"), Some("now"));
        assert_eq!(rest("? x", "?"), Some("x"));
        for text in ["pinging", "pin", "", "the ping"] {
            assert_eq!(rest(text, "ping"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_that_begins_with_the_words_matches(words in "[a-zäöü]{1,8}( [a-z]{1,5})?", tail in "[a-z ]{0,10}") {
            let text = format!("{} {tail}", words.to_uppercase());
            prop_assert_eq!(rest(&text, &words), Some(tail.trim()));
        }
    }
}
