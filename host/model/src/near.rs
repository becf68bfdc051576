//! Finds the word that was probably meant: `need` for `needs`.

/// The candidate nearest to `asked`, when it is near enough to be meant; the first of equals.
///
/// Near enough is at most one slip in three letters: one added, left out, replaced, or two swapped.
pub fn nearest<'a>(asked: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = asked.chars().count();
    if length > LONGEST {
        return None;
    }
    let most = (length / 3).max(1);
    let scored = candidates.into_iter().filter_map(|candidate| {
        let slips = slips(asked, candidate, most)?;
        (slips < candidate.chars().count()).then_some((slips, candidate))
    });
    scored.min_by_key(|(slips, _)| *slips).map(|(_, candidate)| candidate)
}

/// The longest word that is compared: names have at most as many characters.
const LONGEST: usize = 128;

/// Slips between two words (optimal string alignment), or `None` when there are more than `most`.
fn slips(a: &str, b: &str, most: usize) -> Option<usize> {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let mut least = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + usize::from(!same));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        if row.iter().min().is_some_and(|least| *least > most) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|slips| *slips <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_different_word_is_not() {
        let fields = ["name", "needs", "timeout", "max_attempts"];
        assert_eq!(nearest("need", fields), Some("needs"));
        assert_eq!(nearest("tiemout", fields), Some("timeout"));
        assert_eq!(nearest("maxAttempts", fields), Some("max_attempts"));
        assert_eq!(nearest("colour", fields), None);
    }

    #[test]
    fn a_word_of_any_length_is_compared_in_little_time() {
        let long = "x".repeat(1_000_000);
        assert_eq!(nearest(&long, ["name"]), None);
        assert_eq!(nearest("", ["a", "name"]), None);
    }
}
