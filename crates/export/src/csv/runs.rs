//! How runs of cells were written last, so that they can be written once more with one copy.

#[derive(Default)]
pub(super) struct Runs {
    /// By number.
    kept: Vec<Run>,
    /// Where the one that is being written has begun: in the buffer, and in the row.
    start: (usize, usize),
}

#[derive(Default)]
struct Run {
    /// With the comma behind each cell.
    bytes: Vec<u8>,
    /// None, if it has not been kept.
    cells: usize,
}

/// A longer one is not kept.
const LONGEST: usize = 4096;

impl Runs {
    #[inline]
    pub(super) fn begin(&mut self, at: usize, column: usize) {
        self.start = (at, column);
    }

    /// Given all that is written.
    #[inline]
    pub(super) fn end(&mut self, run: usize, written: &[u8], column: usize) {
        if run >= self.kept.len() {
            self.kept.resize_with(run + 1, Run::default);
        }
        let (at, first) = self.start;
        let (kept, bytes) = (&mut self.kept[run], &written[at..]);
        kept.bytes.clear();
        kept.cells = 0;
        if bytes.len() <= LONGEST {
            kept.bytes.extend_from_slice(bytes);
            kept.cells = column - first;
        }
    }

    #[inline]
    pub(super) fn get(&self, run: usize) -> Option<(&[u8], usize)> {
        self.kept.get(run).filter(|run| run.cells > 0).map(|run| (run.bytes.as_slice(), run.cells))
    }
}
