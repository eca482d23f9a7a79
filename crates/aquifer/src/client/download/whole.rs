//! What a server says of a file, and whether some bytes are it.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};
use ureq::{Body, http::Response};

use super::Wanted;
use crate::{
    client::{Error, Result},
    secret::hex,
};

/// A file, as far as its server tells.
pub struct Whole {
    length: Option<u64>,
    /// SHA-256, in hex.
    digest: Option<String>,
    /// Strong, and only if the server knows ranges.
    etag: Option<String>,
}

/// A file whose pieces can be fetched one by one, and checked together.
pub struct Version<'a> {
    pub length: u64,
    pub digest: &'a str,
    pub etag: &'a str,
}

impl Whole {
    pub fn of(response: &Response<Body>) -> Whole {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let has_ranges = header("Accept-Ranges") == Some("bytes");
        let etag = header("ETag").filter(|etag| has_ranges && etag.starts_with('"'));
        let digest = header("Repr-Digest").and_then(sha256_of);
        Whole { length: response.body().content_length(), digest, etag: etag.map(str::to_owned) }
    }

    /// The same with what the manifest says; no file if the two do not agree.
    pub fn agreed(mut self, wanted: &Wanted) -> Result<Whole> {
        let Some(known) = &wanted.known else { return Ok(self) };
        let agrees = self.length.is_none_or(|length| length == known.bytes)
            && self.digest.as_ref().is_none_or(|told| *told == known.sha256);
        if !agrees {
            return Err(Error::OtherDigest);
        }
        self.digest = Some(known.sha256.clone());
        self.length.get_or_insert(known.bytes);
        Ok(self)
    }

    pub fn length(&self) -> Option<u64> {
        self.length
    }

    pub fn version(&self) -> Option<Version<'_>> {
        Some(Version { length: self.length?, digest: self.digest.as_deref()?, etag: self.etag.as_deref()? })
    }

    /// Whether a path is the file already. Without a digest nobody knows: yesterday's file may be as long as today's.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        let Ok(there) = fs::metadata(path) else { return Ok(false) };
        if self.length != Some(there.len()) {
            return Ok(false);
        }
        let Some(digest) = &self.digest else { return Ok(false) };
        Ok(sha256(File::open(path)?)? == *digest)
    }

    /// Makes sure that so many bytes of such a digest are the file.
    pub fn check(&self, bytes: u64, digest: impl FnOnce() -> Result<String>) -> Result<()> {
        if let Some(length) = self.length.filter(|length| *length != bytes) {
            return Err(Error::Broken(format!("{bytes} bytes of {length}")));
        }
        match &self.digest {
            Some(told) if digest()? != *told => Err(Error::OtherDigest),
            _ => Ok(()),
        }
    }
}

/// The SHA-256 in `Repr-Digest: sha-256=:…:` (RFC 9530).
fn sha256_of(header: &str) -> Option<String> {
    let value = header.split(',').find_map(|entry| entry.trim().strip_prefix("sha-256=:")?.strip_suffix(':'))?;
    Some(hex(&BASE64_STANDARD.decode(value).ok()?))
}

/// Of all that is left to read in a file, in hex.
pub fn sha256(mut file: File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}
