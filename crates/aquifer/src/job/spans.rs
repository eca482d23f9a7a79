//! Which bytes of a file have been sent, by one answer or by several.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Ranges that neither overlap nor touch, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans(Vec<(u64, u64)>);

/// Who asks for a byte here and a byte there is not about to get a file.
const MOST: usize = 1000;

impl Spans {
    pub fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        self.0.retain(|&(from, to)| {
            let is_apart = to < start || end < from;
            if !is_apart {
                (start, end) = (start.min(from), end.max(to));
            }
            is_apart
        });
        let at = self.0.partition_point(|(from, _)| *from < start);
        self.0.insert(at, (start, end));
        self.0.truncate(MOST);
    }

    /// Whether they are all of a file of so many bytes.
    pub fn cover(&self, bytes: u64) -> bool {
        bytes == 0 || self.0.first().is_some_and(|(from, to)| *from == 0 && *to >= bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(ranges: &[Range<u64>]) -> Spans {
        let mut spans = Spans::default();
        ranges.iter().for_each(|range| spans.add(range.clone()));
        spans
    }

    #[test]
    fn what_overlaps_or_touches_is_one() {
        assert_eq!(spans(&[0..3, 7..9, 3..5]).0, [(0, 5), (7, 9)]);
        assert_eq!(spans(&[7..9, 0..3, 2..8]).0, [(0, 9)]);
        assert_eq!(spans(&[4..6, 0..1, 8..9, 0..0, 1..8]).0, [(0, 9)]);
        assert_eq!(spans(&[2..9, 3..4]).0, [(2, 9)]);
    }

    #[test]
    fn a_file_is_covered_by_all_of_its_bytes() {
        assert!(spans(&[]).cover(0));
        assert!(spans(&[5..10, 0..5]).cover(10));
        for part in [spans(&[]), spans(&[1..4, 4..10]), spans(&[0..4, 4..9]), spans(&[0..4, 5..10])] {
            assert!(!part.cover(10), "{part:?}");
        }
    }

    #[test]
    fn they_do_not_grow_for_ever() {
        let mut spans = Spans::default();
        (0..5000).rev().for_each(|byte| spans.add(2 * byte..2 * byte + 1));
        assert_eq!(spans.0.len(), MOST);
    }
}
