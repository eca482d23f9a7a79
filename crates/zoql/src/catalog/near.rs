//! Names that somebody may have meant.

/// Longer names than any in a catalog are not compared: the text of a query is not ours.
const LONGEST: usize = 80;

/// Of `names`, at most three that differ little from `wanted`, nearest first. Case does not count.
pub fn nearest<'a>(names: impl IntoIterator<Item = &'a str>, wanted: &str) -> Vec<&'a str> {
    if wanted.is_empty() || wanted.len() > LONGEST {
        return Vec::new();
    }
    // A third of the letters may be wrong; `Acount` is near `Account`, `Id` is near nothing.
    let most = (wanted.len() / 3).min(4);
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter(|name| name.len().abs_diff(wanted.len()) <= most)
        .map(|name| (edit_distance(name.as_bytes(), wanted.as_bytes()), name))
        .filter(|&(distance, _)| distance <= most)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour.
fn edit_distance(left: &[u8], right: &[u8]) -> usize {
    let same = |a: u8, b: u8| a.eq_ignore_ascii_case(&b);
    let mut before_last: Vec<usize> = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut row = last.clone();
    for i in 1..=left.len() {
        row[0] = i;
        for j in 1..=right.len() {
            let replaced = last[j - 1] + usize::from(!same(left[i - 1], right[j - 1]));
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && same(left[i - 1], right[j - 2]) && same(left[i - 2], right[j - 1]) {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[right.len()]
}
