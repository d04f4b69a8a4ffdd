//! What is different between two texts, line by line.

/// Longer texts are shown whole: nobody reads their difference.
const MOST_LINES: usize = 400;

/// Lines of both, those of `expected` alone with `-`, those of `got` alone with `+`, those of both with a blank.
#[must_use]
pub fn diff(expected: &str, got: &str) -> Vec<(char, String)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.split('\n').collect(), got.split('\n').collect());
    if old.len() > MOST_LINES || new.len() > MOST_LINES {
        let all = |sign: char, lines: &[&str]| lines.iter().map(|line| (sign, (*line).to_owned())).collect::<Vec<_>>();
        return [all('-', &old), all('+', &new)].concat();
    }
    // How many lines the rests from here on have in common.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    let at = |table: &[Vec<usize>], i: usize, j: usize| table.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let length = if old.get(i) == new.get(j) {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = length;
            }
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if one == other => {
                lines.push((' ', (*one).to_owned()));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), other) if other.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(('-', (*one).to_owned()));
                i += 1;
            }
            (_, Some(other)) => {
                lines.push(('+', (*other).to_owned()));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_common_stays_together() {
        let shown: Vec<String> =
            diff("a\nb\nc", "a\nx\nc\nd").into_iter().map(|(sign, line)| format!("{sign}{line}")).collect();
        assert_eq!(shown, [" a", "-b", "+x", " c", "+d"]);
    }

    proptest! {
        #[test]
        fn both_texts_can_be_read_off(old in "[abc\n]{0,20}", new in "[abc\n]{0,20}") {
            let lines = diff(&old, &new);
            let side = |sign: char| lines.iter().filter(|(s, _)| *s == sign || *s == ' ').map(|(_, l)| l.as_str()).collect::<Vec<_>>().join("\n");
            prop_assert_eq!((side('-'), side('+')), (old, new));
        }
    }
}
