//! Result files, from the server to standard output or a directory.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
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
    let extension = if job.is_encrypted { format!("{extension}.pgp") } else { extension.to_owned() };
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
///
/// What breaks off is continued, now or when the command is run again, if the server knows ranges and tells the digest
/// of the whole, by which the pieces are checked together.
pub fn save(client: &Client, file: &str, path: &Path, interrupt: &Interrupt) -> Result<Saved> {
    let failed = |error| Error::File { path: path.to_owned(), error };
    let part = part_of(path, file);
    for attempt in 1.. {
        let response = client.file(file)?;
        if is_same(path, &response).map_err(failed)? {
            return Ok(Saved::Present);
        }
        let whole = Whole::of(&response);
        match fetch(client, file, response, &whole, &part, interrupt) {
            Ok(bytes) => {
                fs::rename(&part, path).map_err(failed)?;
                return Ok(Saved::Written(bytes));
            }
            Err(error) => {
                if whole.continues(&part).is_none() {
                    // It helps nobody; if it cannot be removed, its name says what it is.
                    let _ = fs::remove_file(&part);
                }
                if !error.is_retryable() || attempt == ATTEMPTS {
                    return Err(error);
                }
            }
        }
    }
    unreachable!("the last attempt returns")
}

/// Where the file of an id grows: the next job's file of the same name does not continue it.
fn part_of(path: &Path, file: &str) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", safe_name(file).unwrap_or_default()));
    part.into()
}

/// What a server says of a file.
struct Whole {
    length: Option<u64>,
    digest: Option<Vec<u8>>,
    /// Strong, and only if the server knows ranges.
    etag: Option<String>,
}

impl Whole {
    fn of(response: &Response<Body>) -> Whole {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let has_ranges = header("Accept-Ranges") == Some("bytes");
        let etag = header("ETag").filter(|etag| has_ranges && etag.starts_with('"'));
        Whole { length: response.body().content_length(), digest: digest_of(response), etag: etag.map(str::to_owned) }
    }

    /// How much of a part is there, and the tag to ask for the rest with, if the part can be continued.
    fn continues(&self, part: &Path) -> Option<(u64, &str)> {
        let length = self.length.filter(|_| self.digest.is_some())?;
        let begun = fs::metadata(part).ok()?.len();
        self.etag.as_deref().filter(|_| (1..length).contains(&begun)).map(|etag| (begun, etag))
    }
}

/// Fills the part: with what is missing, or from the start.
fn fetch(
    client: &Client,
    file: &str,
    response: Response<Body>,
    whole: &Whole,
    part: &Path,
    interrupt: &Interrupt,
) -> Result<u64> {
    let failed = |error| Error::File { path: part.to_owned(), error };
    let mut begun = Begun::default();
    let (response, target) = match whole.continues(part) {
        None => (response, File::create(part)),
        Some((first, etag)) => {
            drop(response);
            let rest = client.rest_of_file(file, first, etag)?;
            if rest.status() == 206 {
                begun = Begun::read(part).map_err(failed)?;
                (rest, OpenOptions::new().append(true).open(part))
            } else {
                (rest, File::create(part))
            }
        }
    };
    let mut target = BufWriter::new(target.map_err(failed)?);
    let bytes = copy(response, begun, whole, &mut target, interrupt)?;
    target.flush().map_err(failed)?;
    Ok(bytes)
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

/// Of all that is left to read in a file.
pub fn sha256(file: File) -> io::Result<Vec<u8>> {
    let mut begun = Begun::default();
    begun.add(file)?;
    Ok(begun.hash.finalize().to_vec())
}

/// What has been read of a file so far.
#[derive(Default)]
struct Begun {
    bytes: u64,
    hash: Sha256,
}

impl Begun {
    fn read(path: &Path) -> io::Result<Begun> {
        let mut begun = Begun::default();
        begun.add(File::open(path)?)?;
        Ok(begun)
    }

    fn add(&mut self, mut file: File) -> io::Result<()> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                read => self.take(&buffer[..read]),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
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
    let response = client.file(file)?;
    let whole = Whole::of(&response);
    copy(response, Begun::default(), &whole, target, interrupt)
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

/// Copies a body that continues what has begun, and makes sure that the two are what the server says they are.
fn copy(
    response: Response<Body>,
    mut begun: Begun,
    whole: &Whole,
    target: &mut dyn Write,
    interrupt: &Interrupt,
) -> Result<u64> {
    let bar = bar(whole.length);
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; 256 << 10];
    loop {
        interrupt.check()?;
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => &buffer[..read],
            Err(error) => return Err(Error::Broken(error.to_string())),
        };
        begun.take(read);
        target.write_all(read).map_err(Error::Output)?;
        bar.set_position(begun.bytes);
    }
    bar.finish_and_clear();
    let Begun { bytes, hash } = begun;
    if let Some(length) = whole.length.filter(|length| *length != bytes) {
        return Err(Error::Broken(format!("{bytes} bytes of {length}")));
    }
    if whole.digest.as_ref().is_some_and(|digest| hash.finalize().as_slice() != digest) {
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
    use std::net::TcpListener;

    use super::*;
    use crate::client::{Credentials, answer};

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

    /// A server that breaks off once, tells what it was asked, and knows ranges.
    fn serve(listener: &TcpListener, bytes: &[u8]) -> Vec<String> {
        let digest = BASE64_STANDARD.encode(Sha256::digest(bytes));
        let mut asked = Vec::new();
        for sent in [4, 0, bytes.len()] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            let line = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("-").to_owned();
            asked.push(format!("{} {}", line("range: "), line("if-range: ")));
            let first = line("range: bytes=").trim_end_matches('-').parse().unwrap_or(0);
            let status = if first > 0 { "206 Partial Content" } else { "200 OK" };
            let rest = &bytes[first..];
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\n\
                 Repr-Digest: sha-256=:{digest}:\r\nConnection: close\r\n\r\n",
                rest.len()
            )
            .unwrap();
            stream.write_all(&rest[..sent.min(rest.len())]).unwrap();
        }
        asked
    }

    #[test]
    fn what_breaks_off_is_continued_where_it_broke() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || serve(&listener, b"0123456789"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("digits.csv");
        let client = Client::new(&url, Credentials::Basic { user: String::new(), password: String::new() });
        let saved = save(&client, "f1", &path, &Interrupt::listen().unwrap()).unwrap();
        assert_eq!(saved, Saved::Written(10));
        assert_eq!(fs::read(&path).unwrap(), b"0123456789");
        assert_eq!(server.join().unwrap(), ["- -", "- -", "bytes=4- \"v1\""]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no part is left");
    }
}
