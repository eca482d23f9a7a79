//! One gzip member, RFC 1952.

use super::Checksum;

/// No flags, no time, no hint of the level, system unknown: the same rows are the same bytes wherever and whenever.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The length is modulo 2^32, as the format has it.
pub(super) fn trailer(csv: Checksum) -> Vec<u8> {
    [csv.crc.to_le_bytes(), (csv.length as u32).to_le_bytes()].concat()
}
