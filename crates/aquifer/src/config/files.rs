//! Result files.

use std::num::NonZeroU64;

use serde::Deserialize;

/// What result files look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// Writes an empty text as `""`, so that it differs from a null. The original does not.
    pub distinguish_empty: bool,
    /// Puts an apostrophe before a text that a spreadsheet would read as a formula: one that begins with `=`, `+`, `-`, `@`
    /// or `;`. Off, since it changes data, and recorded files have none.
    pub csv_injection_guard: bool,
    /// How hard gzip and zip files are compressed: 1, fast, to 9, small.
    pub compression_level: CompressionLevel,
    /// Which results come in files of so many rows at most.
    pub segment: Segment,
    /// Rows of a segment.
    pub segment_rows: NonZeroU64,
    /// Goes on in another file when one reaches `limits.file_bytes`; the batch then has segments. If false, and for object
    /// exports, there is one file, and its download is refused with 403.
    pub split: bool,
}

impl Default for Files {
    fn default() -> Files {
        Files {
            distinguish_empty: false,
            csv_injection_guard: false,
            compression_level: CompressionLevel::default(),
            segment: Segment::Sessions,
            segment_rows: NonZeroU64::MIN.saturating_add(499_999),
            split: true,
        }
    }
}

/// A level that exists.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u8")]
pub struct CompressionLevel(pub export::compress::Level);

impl TryFrom<u8> for CompressionLevel {
    type Error = String;

    fn try_from(level: u8) -> Result<CompressionLevel, String> {
        let known = export::compress::Level::new(level).map(CompressionLevel);
        known.ok_or_else(|| format!("{level} is no level of compression, those are 1 to 9"))
    }
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Segment {
    /// Those of full loads in stateful jobs, if the tenant has `segmentation`, as in the original: listed as segments even if
    /// there is but one, and never those of queries that select functions or aliases.
    Sessions,
    /// And all others, of any job and query. They are listed as segments if there are several: some clients know nothing but
    /// `fileId`.
    Always,
}
