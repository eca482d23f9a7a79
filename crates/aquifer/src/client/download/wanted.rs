//! Which files a job has, and what to call them.

use std::collections::HashSet;

use crate::client::{
    answer::Job,
    manifest::{Known, Manifest},
};

/// A file to fetch.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    pub file: String,
    /// What to call it.
    pub name: String,
    /// What a manifest says of it.
    pub known: Option<Known>,
}

/// The files of a job, named by their queries: `Accounts.csv`, `Accounts.2.csv` for the second segment.
pub fn wanted(job: &Job, manifest: Option<&Manifest>) -> Vec<Wanted> {
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
            let known = manifest.and_then(|manifest| manifest.known(file));
            wanted.push(Wanted { file: file.clone(), name, known });
        }
    }
    wanted
}

/// The bytes of a name that is made safe: one of a query and one of a file stand in that of a file that grows, with
/// numbers and endings, and file systems take 255 bytes.
const MOST: usize = 100;

/// A query's name without what file systems or shells take amiss; none if nothing is left.
pub fn safe_name(name: &str) -> Option<String> {
    let allowed = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.' | ' ');
    let name: String = name.chars().map(|sign| if allowed(sign) { sign } else { '_' }).collect();
    let name = name[..name.floor_char_boundary(MOST)].trim_matches(['.', ' ']);
    name.chars().any(char::is_alphanumeric).then(|| name.to_owned())
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
        let names: Vec<String> = wanted(&job, None).into_iter().map(|wanted| wanted.name).collect();
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

    #[test]
    fn long_names_are_cut_by_bytes_and_between_characters() {
        let name = |name: &str| safe_name(name).unwrap();
        assert_eq!(name(&"a".repeat(300)), "a".repeat(100));
        assert_eq!(name(&"売".repeat(100)), "売".repeat(33));
        assert_eq!(name(&format!("{}. b", "a".repeat(99))), "a".repeat(99));
    }
}
