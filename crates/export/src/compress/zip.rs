//! A zip archive of one entry, written from front to back (APPNOTE 6.3.10).
//!
//! The local header comes first and cannot know sizes, so a data descriptor follows the data. Its sizes have four
//! bytes, or eight when one of them needs that, and the local header does not announce which: readers that stream, as
//! Java's `ZipInputStream` (before version 20 in any case), tell by the sizes themselves, and take eight bytes beside
//! small sizes for a broken file. Everybody else reads the central directory, where zip64 fields stand when needed.

use super::Checksum;

/// Longer names are cut: most file systems take 255 bytes, and tools append.
const MAX_STEM: usize = 200;

/// Makes of a name one that ends in `.csv` and unpacks anywhere, into the folder that is asked for and nowhere else. Names
/// of another `number` are never the same, however long.
pub(crate) fn entry_name(name: &str, number: usize) -> String {
    let name: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let stem = name.strip_suffix(".csv").unwrap_or(&name).trim_matches([' ', '.']);
    let stem = match &stem[..stem.floor_char_boundary(MAX_STEM)] {
        "" => "rows",
        stem => stem,
    };
    if number == 1 { format!("{stem}.csv") } else { format!("{stem}.{number}.csv") }
}

/// The sizes follow the data; the name is UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const DEFLATED: u16 = 8;

/// 1980-01-01, the first day of the format: the same rows are the same bytes whenever they are written.
const DAY: u16 = 1 << 5 | 1;

/// What a reader has to know: deflate; zip64.
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;

/// Unix, so that the attributes below are read as such.
const SYSTEM: u16 = 3 << 8;

/// A plain file, `rw-r--r--`.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// Stands for a number that is found in a zip64 field.
const ELSEWHERE: u32 = u32::MAX;

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    name: String,
}

impl Entry {
    pub(super) fn new(name: &str) -> Entry {
        Entry { name: name.to_owned() }
    }

    pub(super) fn opening(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_u32(&mut out, 0x0403_4b50);
        self.put_common(&mut out, VERSION, Checksum::default().crc, 0, 0, 0);
        out.extend_from_slice(self.name.as_bytes());
        out
    }

    /// `deflated` is the length of the whole deflate stream.
    pub(super) fn closing(&self, csv: Checksum, deflated: u64) -> Vec<u8> {
        let directory = self.opening().len() as u64;
        let mut out = Vec::new();
        put_descriptor(&mut out, csv, deflated);
        let directory = directory + deflated + out.len() as u64;
        let length = self.put_directory(&mut out, csv, deflated);
        put_end(&mut out, directory, length);
        out
    }

    fn put_directory(&self, out: &mut Vec<u8>, csv: Checksum, deflated: u64) -> u64 {
        let start = out.len();
        let large = [csv.length, deflated].map(|size| (short(size) == ELSEWHERE).then_some(size));
        let large: Vec<u64> = large.into_iter().flatten().collect();
        let (version, extra) = match large.len() {
            0 => (VERSION, 0),
            count => (VERSION_ZIP64, 4 + 8 * count as u16),
        };
        put_u32(out, 0x0201_4b50);
        put_u16(out, SYSTEM | VERSION_ZIP64);
        self.put_common(out, version, csv.crc, short(deflated), short(csv.length), extra);
        put_u16(out, 0); // comment
        put_u16(out, 0); // disk
        put_u16(out, 0); // internal attributes
        put_u32(out, ATTRIBUTES);
        put_u32(out, 0); // where the local header is
        out.extend_from_slice(self.name.as_bytes());
        if !large.is_empty() {
            put_u16(out, 1);
            put_u16(out, 8 * large.len() as u16);
            large.iter().for_each(|size| put_u64(out, *size));
        }
        (out.len() - start) as u64
    }

    /// What both headers have, from the version to the length of the extra field.
    fn put_common(&self, out: &mut Vec<u8>, version: u16, crc: u32, deflated: u32, length: u32, extra: u16) {
        put_u16(out, version);
        put_u16(out, FLAGS);
        put_u16(out, DEFLATED);
        put_u16(out, 0); // time
        put_u16(out, DAY);
        put_u32(out, crc);
        put_u32(out, deflated);
        put_u32(out, length);
        put_u16(out, self.name.len() as u16);
        put_u16(out, extra);
    }
}

/// Not a separator of paths, nor what Windows does not take in names.
fn is_safe(c: char) -> bool {
    !c.is_control() && !matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

fn put_descriptor(out: &mut Vec<u8>, csv: Checksum, deflated: u64) {
    put_u32(out, 0x0807_4b50);
    put_u32(out, csv.crc);
    if csv.length <= u64::from(u32::MAX) && deflated <= u64::from(u32::MAX) {
        put_u32(out, deflated as u32);
        put_u32(out, csv.length as u32);
    } else {
        put_u64(out, deflated);
        put_u64(out, csv.length);
    }
}

/// The end of the central directory, which is `length` bytes from `start`; in zip64 too if it starts beyond 4 GiB.
fn put_end(out: &mut Vec<u8>, start: u64, length: u64) {
    if short(start) == ELSEWHERE {
        put_u32(out, 0x0606_4b50);
        put_u64(out, 44); // what follows of this record
        put_u16(out, SYSTEM | VERSION_ZIP64);
        put_u16(out, VERSION_ZIP64);
        put_u32(out, 0); // this disk
        put_u32(out, 0); // the disk of the directory
        put_u64(out, 1); // entries on this disk
        put_u64(out, 1); // entries
        put_u64(out, length);
        put_u64(out, start);
        put_u32(out, 0x0706_4b50);
        put_u32(out, 0); // the disk of the record above
        put_u64(out, start + length);
        put_u32(out, 1); // disks
    }
    put_u32(out, 0x0605_4b50);
    put_u16(out, 0); // this disk
    put_u16(out, 0); // the disk of the directory
    put_u16(out, 1); // entries on this disk
    put_u16(out, 1); // entries
    put_u32(out, length as u32);
    put_u32(out, short(start));
    put_u16(out, 0); // comment
}

/// The number, or the sign that it does not fit.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(ELSEWHERE)
}

fn put_u16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Seek as _, SeekFrom, Write as _},
        path::Path,
        process::Command,
    };

    use super::*;

    /// What a command says of an archive.
    fn said(command: &str, args: &[&str], archive: &Path) -> String {
        let output = Command::new(command).args(args).arg(archive).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// The data is a hole in the file: whoever lists an archive does not look at it.
    #[test]
    fn others_list_archives_of_any_size() {
        let list = "import sys, zipfile\n\
                    with zipfile.ZipFile(sys.argv[1]) as archive:\n\
                    \x20   for entry in archive.infolist():\n\
                    \x20       archive.open(entry).close()\n\
                    \x20       print(entry.filename, entry.file_size, entry.compress_size, entry.CRC)\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.zip");
        let (most, entry) = (u64::from(u32::MAX), Entry::new("rows.csv"));
        for (length, deflated) in [
            (1000, 500),
            (most - 1, 500),
            (most, 500),
            (most + 1, 500),
            // The directory begins below 4 GiB, at them, and beyond, where no size needs zip64.
            (1000, most - entry.opening().len() as u64 - 17),
            (1000, most - entry.opening().len() as u64 - 16),
            (1000, most - 1),
            (6 << 30, 5 << 30),
            (20 << 40, 8 << 30),
        ] {
            let mut file = File::create(&path).unwrap();
            file.write_all(&entry.opening()).unwrap();
            file.seek(SeekFrom::Current(deflated as i64)).unwrap();
            file.write_all(&entry.closing(Checksum { crc: 0x1234_5678, length }, deflated)).unwrap();
            let expected = format!("rows.csv {length} {deflated} {}\n", 0x1234_5678);
            assert_eq!(said("python3", &["-c", list], &path), expected);
            let listed = said("zipinfo", &["-l"], &path);
            let line = listed.lines().find(|line| line.ends_with("rows.csv")).unwrap_or_else(|| panic!("{listed}"));
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!((words[3], words[5]), (&*length.to_string(), &*deflated.to_string()), "{line}");
        }
    }
}
