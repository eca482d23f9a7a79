//! Result files, from the server to standard output or a directory.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest as _, Sha256};
use ureq::{Body, http::Response};

use super::{Client, Error, Result, answer::Job, interrupt::Interrupt};

/// A file to fetch, and what to call it.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    pub file: String,
    pub name: String,
}

/// What a name stands for now.
#[derive(Debug, PartialEq, Eq)]
pub enum Saved {
    Written(u64),
    /// It was there already, the same.
    Present,
}

/// The files of a job, named by their queries: `Accounts.csv`, `Accounts.2.csv` for the second segment.
pub fn wanted(job: &Job) -> Vec<Wanted> {
    let extension = match job.format.as_str() {
        "zip" => "csv.zip",
        "gzip" => "csv.gz",
        _ => "csv",
    };
    let mut taken = HashSet::new();
    let mut wanted = Vec::new();
    for (batch, number) in job.batches.iter().zip(1..) {
        let stem = safe_name(&batch.title(number)).unwrap_or_else(|| format!("query {number}"));
        for (file, segment) in batch.files().iter().zip(1..) {
            let stem = if segment == 1 { stem.clone() } else { format!("{stem}.{segment}") };
            let mut name = format!("{stem}.{extension}");
            // Some file systems take two names that differ in case for one.
            for copy in 2.. {
                if taken.insert(name.to_lowercase()) {
                    break;
                }
                name = format!("{stem}-{copy}.{extension}");
            }
            wanted.push(Wanted { file: file.clone(), name });
        }
    }
    wanted
}

/// A query's name without what file systems or shells take amiss; none if nothing is left.
fn safe_name(name: &str) -> Option<String> {
    let allowed = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.' | ' ');
    let name: String = name.chars().map(|sign| if allowed(sign) { sign } else { '_' }).take(100).collect();
    let name = name.trim_matches(['.', ' ']);
    name.chars().any(char::is_alphanumeric).then(|| name.to_owned())
}

/// How often a download that breaks off is begun anew.
const ATTEMPTS: u32 = 3;

/// Fetches a file under another name, and gives it its own when it is whole: what has the name is complete.
pub fn save(client: &Client, file: &str, path: &Path, interrupt: &Interrupt) -> Result<Saved> {
    let failed = |error| Error::File { path: path.to_owned(), error };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    for attempt in 1.. {
        let response = client.file(file)?;
        if is_same(path, &response).map_err(failed)? {
            return Ok(Saved::Present);
        }
        let mut target = BufWriter::new(File::create(&part).map_err(failed)?);
        match copy(response, &mut target, interrupt).and_then(|bytes| target.flush().map(|()| bytes).map_err(failed)) {
            Ok(bytes) => {
                fs::rename(&part, path).map_err(failed)?;
                return Ok(Saved::Written(bytes));
            }
            Err(error) if error.is_retryable() && attempt < ATTEMPTS => {}
            Err(error) => {
                // Half a file helps nobody; if it cannot be removed, its name says what it is.
                let _ = fs::remove_file(&part);
                return Err(error);
            }
        }
    }
    unreachable!("the last attempt returns")
}

/// Whether the file is there already. Servers that tell no digest are believed by the length.
fn is_same(path: &Path, response: &Response<Body>) -> io::Result<bool> {
    let Ok(known) = fs::metadata(path) else { return Ok(false) };
    if response.body().content_length() != Some(known.len()) {
        return Ok(false);
    }
    let Some(digest) = digest_of(response) else { return Ok(true) };
    Ok(sha256(File::open(path)?)?.as_slice() == digest)
}

fn sha256(mut file: File) -> io::Result<Vec<u8>> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().to_vec()),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// The SHA-256 in `Repr-Digest: sha-256=:…:` (RFC 9530).
fn digest_of(response: &Response<Body>) -> Option<Vec<u8>> {
    let header = response.headers().get("Repr-Digest")?.to_str().ok()?;
    let value = header.split(',').find_map(|entry| entry.trim().strip_prefix("sha-256=:")?.strip_suffix(':'))?;
    BASE64_STANDARD.decode(value).ok()
}

/// Writes a file to somebody who reads along, such as standard output.
pub fn stream(client: &Client, file: &str, target: &mut dyn Write, interrupt: &Interrupt) -> Result<u64> {
    copy(client.file(file)?, target, interrupt)
}

/// Writes all but the first line.
pub struct SkipLine<'a> {
    target: &'a mut dyn Write,
    skipped: bool,
}

impl<'a> SkipLine<'a> {
    pub fn new(target: &'a mut dyn Write) -> Self {
        SkipLine { target, skipped: false }
    }
}

impl Write for SkipLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if !self.skipped {
            let newline = bytes.iter().position(|byte| *byte == b'\n');
            self.skipped = newline.is_some();
            rest = newline.map_or(&[], |newline| &bytes[newline + 1..]);
        }
        self.target.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

/// Copies a body, and makes sure that it is what the server says it is.
fn copy(response: Response<Body>, target: &mut dyn Write, interrupt: &Interrupt) -> Result<u64> {
    let (length, digest) = (response.body().content_length(), digest_of(&response));
    let bar = bar(length);
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        interrupt.check()?;
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => &buffer[..read],
            Err(error) => return Err(Error::Broken(error.to_string())),
        };
        hash.update(read);
        target.write_all(read).map_err(Error::Output)?;
        bytes += read.len() as u64;
        bar.set_position(bytes);
    }
    bar.finish_and_clear();
    if length.is_some_and(|length| length != bytes) {
        return Err(Error::Broken(format!("{bytes} bytes of {}", length.unwrap_or_default())));
    }
    if digest.is_some_and(|digest| hash.finalize().as_slice() != digest) {
        return Err(Error::Broken("its digest is another than the server says".to_owned()));
    }
    Ok(bytes)
}

fn bar(length: Option<u64>) -> ProgressBar {
    let template = if length.is_some() {
        "{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta}"
    } else {
        "{spinner} {bytes}  {bytes_per_sec}"
    };
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::answer;

    #[test]
    fn files_are_named_by_their_queries_and_never_alike() {
        let body = r#"{"id":"1","status":"completed","format":"GZIP","batches":[
            {"name":"Accounts","fileId":"a"}, {"name":"accounts","fileId":"b"}, {"fileId":"c"},
            {"name":"../../etc/pass:wd","segments":["d","e"]}, {"name":"..","fileId":"f"}, {"name":"none"}]}"#;
        let job = answer::job(200, body).unwrap();
        let names: Vec<String> = wanted(&job).into_iter().map(|wanted| wanted.name).collect();
        let expected = [
            "Accounts.csv.gz",
            "accounts-2.csv.gz",
            "query 3.csv.gz",
            "_.._etc_pass_wd.csv.gz",
            "_.._etc_pass_wd.2.csv.gz",
            "query 5.csv.gz",
        ];
        assert_eq!(names, expected);
    }
}
