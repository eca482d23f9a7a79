//! OpenPGP: which keys are taken, and whether their owners can read the files.
//!
//! The keys in `tests/keys` were made by GnuPG 2.2 for the first of January 2026, without passphrases.

use export::cell::Timestamp;
use export::encrypt::{KeyError, Recipient};

#[cfg(not(feature = "openpgp"))]
#[test]
fn without_the_feature_there_is_no_recipient() {
    let refused = Recipient::parse(include_bytes!("../keys/curve.asc"), Timestamp(0)).unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused), ("OpenPGP is not built in", KeyError::NotBuiltIn));
}

#[cfg(feature = "openpgp")]
mod with_openpgp {
    use std::fs;
    use std::num::NonZeroU64;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use export::compress::Format;
    use export::file::{Error, FileSpec, Limits, Progress};
    use object_store::ObjectStoreExt;

    use super::{KeyError, Recipient, Timestamp};
    use crate::support::{Broken, Event, FORMATS, Fault, Place, Rows, Watched, expected, part, parts, spec, unpacked};

    const DAY: i64 = 86_400_000_000;
    const NEW_YEAR: i64 = 1_767_225_600_000_000;

    fn key(name: &str) -> Vec<u8> {
        fs::read(keys().join(format!("{name}.asc"))).unwrap()
    }

    fn keys() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys")
    }

    fn parse(name: &str, day: i64) -> Result<Recipient, KeyError> {
        Recipient::parse(&key(name), Timestamp(NEW_YEAR + day * DAY))
    }

    #[test]
    fn strong_keys_are_taken_and_others_refused_with_the_reason() {
        let weak = |what: &str| KeyError::Weak(what.to_owned());
        for (name, day, refused) in [
            ("curve", 10, None),
            ("rsa3072", 10, None),
            ("curve", -1, Some(KeyError::Unsigned)),
            ("rsa2048", 10, Some(weak("RSA of 2048 bits"))),
            ("p256", 10, Some(weak("ECDH on another curve"))),
            ("signonly", 10, Some(KeyError::NotForEncryption)),
            ("expired", 10, None),
            ("expired", 32, Some(KeyError::Expired)),
            ("subexpired", 10, None),
            ("subexpired", 32, Some(KeyError::Expired)),
            ("revoked", 400, Some(KeyError::Revoked)),
            ("subrevoked", 40, Some(KeyError::Revoked)),
            ("weakandstrong", 10, None),
            ("curve.secret", 10, Some(KeyError::Secret)),
        ] {
            assert_eq!(parse(name, day).err(), refused, "{name} on day {day}");
        }
        let message = parse("rsa2048", 10).unwrap_err().to_string();
        let wanted = "the key is too weak: RSA of 2048 bits, where RSA of at least 3072 bits or Curve25519 is needed";
        assert_eq!(message, wanted);
    }

    #[test]
    fn a_key_is_told_apart_and_says_when_it_ends() {
        let curve = parse("curve", 1).unwrap();
        assert_eq!(curve.users(), ["curve <curve@example.com>"]);
        assert_eq!((curve.fingerprint().len(), curve.expires_at()), (40, None));
        assert_ne!(curve.fingerprint(), parse("rsa3072", 1).unwrap().fingerprint());
        // GnuPG says noon of the day.
        let end = Some(Timestamp(NEW_YEAR + 31 * DAY + DAY / 2));
        assert_eq!(parse("expired", 1).unwrap().expires_at().map(|at| at.0 / DAY), end.map(|at| at.0 / DAY));
        assert_eq!(parse("subexpired", 1).unwrap().expires_at().map(|at| at.0 / DAY), end.map(|at| at.0 / DAY));
    }

    #[test]
    fn what_is_not_one_public_key_is_refused() {
        let parse = |bytes: &[u8]| Recipient::parse(bytes, Timestamp(NEW_YEAR + DAY)).map(|_| ());
        for junk in [&b""[..], b"ssh-ed25519 AAAAC3Nz", &[0x99, 1, 2, 3], b"-----BEGIN PGP PUBLIC KEY BLOCK-----"] {
            let refused = parse(junk);
            assert!(matches!(refused, Err(KeyError::Unreadable(_))), "{junk:?}: {refused:?}");
        }
        // A changed bit in the name: the signature is not its owner's any more.
        let mut binary = dearmored("curve");
        let at = binary.windows(5).position(|five| five == b"curve").unwrap();
        binary[at] ^= 1;
        assert_eq!(parse(&binary), Err(KeyError::Unsigned));
        binary[at] ^= 1;
        assert_eq!(parse(&binary), Ok(()));
        let two = [binary, dearmored("rsa3072")].concat();
        assert_eq!(parse(&two), Err(KeyError::Several(2)));
    }

    /// The key as `gpg --dearmor` has it.
    fn dearmored(name: &str) -> Vec<u8> {
        let text = String::from_utf8(key(name)).unwrap();
        let lines = text.lines().skip_while(|line| !line.is_empty()).filter(|line| !line.starts_with(['=', '-']));
        let mut bits = 0u32;
        let mut count = 0;
        let mut bytes = Vec::new();
        for symbol in lines.flat_map(str::bytes).filter(|symbol| *symbol != b'=') {
            const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            bits = bits << 6 | ALPHABET.iter().position(|letter| *letter == symbol).unwrap() as u32;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        bytes
    }

    /// GnuPG with the secret keys of the tests, in a home of its own.
    struct Gpg(tempfile::TempDir);

    impl Gpg {
        fn new() -> Gpg {
            let gpg = Gpg(tempfile::tempdir().unwrap());
            for name in ["curve", "rsa3072"] {
                gpg.run(&["--import".as_ref(), keys().join(format!("{name}.secret.asc")).as_ref()]);
            }
            gpg
        }

        fn run(&self, args: &[&std::ffi::OsStr]) -> Vec<u8> {
            let run =
                Command::new("gpg").env("GNUPGHOME", self.0.path()).args(["--batch", "--quiet"]).args(args).output();
            let run = run.unwrap_or_else(|error| panic!("gpg: {error}\nplease install GnuPG (Debian: gnupg)"));
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            run.stdout
        }

        fn decrypt(&self, message: &[u8]) -> Vec<u8> {
            let path = self.0.path().join("file.pgp");
            fs::write(&path, message).unwrap();
            self.run(&["--decrypt".as_ref(), path.as_ref()])
        }
    }

    impl Drop for Gpg {
        fn drop(&mut self) {
            let _ = Command::new("gpgconf").env("GNUPGHOME", self.0.path()).args(["--kill", "all"]).status();
        }
    }

    fn rows(count: usize) -> Rows {
        (0..count).map(|n| vec![Some(format!("row {n}")), Some("some secret, quoted ".repeat(n % 7))]).collect()
    }

    #[test]
    fn gpg_decrypts_every_format() {
        let gpg = Gpg::new();
        // None, few, and several chunks of 256 KiB even when deflated.
        for (key, count) in [("curve", 0), ("curve", 3), ("rsa3072", 60_000), ("weakandstrong", 1)] {
            let rows = rows(count);
            for format in FORMATS {
                let encrypt_to = Some(parse(key, 1).unwrap());
                let spec = FileSpec { format, encrypt_to, ..spec(2, 3) };
                let place = Place::memory();
                let cuts: Vec<usize> = (5000..count).step_by(5000).collect();
                let file = place.write(&spec, &Progress::default(), parts(&rows, &cuts)).unwrap();
                let stored = place.read().unwrap();
                assert_eq!((file.rows, file.bytes), (count as u64, stored.len() as u64));
                assert!(!stored.windows(6).any(|six| six == b"secret"));
                if key != "weakandstrong" {
                    let csv = unpacked(format, &gpg.decrypt(&stored));
                    assert!(csv == expected(&spec, &rows), "{key}, {count} rows, {format:?}");
                }
            }
        }
    }

    #[test]
    fn messages_differ_though_files_are_the_same() {
        let messages = [0, 1].map(|_| {
            let place = Place::memory();
            let spec = FileSpec { encrypt_to: Some(parse("curve", 1).unwrap()), ..spec(2, 1) };
            place.write(&spec, &Progress::default(), parts(&rows(10), &[])).unwrap();
            place.read().unwrap()
        });
        assert_ne!(messages[0], messages[1]);
    }

    #[test]
    fn encrypted_segments_stay_within_the_limit_and_are_decrypted() {
        let gpg = Gpg::new();
        let rows = rows(30_000);
        let place = Place::memory();
        let spec = FileSpec { format: Format::Csv, encrypt_to: Some(parse("curve", 1).unwrap()), ..spec(2, 2) };
        let limits = Limits { rows: NonZeroU64::new(13_000), bytes: NonZeroU64::new(600_000) };
        let files = place.write_segments(&spec, &limits, &Progress::default(), parts(&rows, &[9000])).unwrap();
        assert!(files.len() > 3 && files.iter().all(|file| file.bytes <= 600_000), "{files:?}");
        let mut first = 0;
        for (number, file) in files.iter().enumerate() {
            let its_rows = &rows[first..first + file.rows as usize];
            assert!(gpg.decrypt(&place.read_segment(number).unwrap()) == expected(&spec, its_rows));
            first += its_rows.len();
        }
        assert_eq!(first, rows.len());
    }

    #[test]
    fn failures_are_told_as_without_encryption() {
        let spec = FileSpec { encrypt_to: Some(parse("curve", 1).unwrap()), ..spec(2, 2) };
        let (store, events) = Watched::new(Fault::Chunk(1));
        let place = Place::new(store);
        let error = place.write(&spec, &Progress::default(), parts(&rows(600_000), &[])).unwrap_err();
        let Error::Storage(cause) = error else { panic!("{error:?}") };
        assert!(cause.to_string().contains("disk full"), "{cause}");
        assert!(events.try_iter().any(|event| event == Event::Abort));

        let place = Place::memory();
        let failing = part(|_| Err(Broken::Because("table gone")));
        let error = place.write(&spec, &Progress::default(), [failing]).unwrap_err();
        assert!(matches!(error, Error::Source(Broken::Because("table gone"))), "{error:?}");
        let file = place.runtime.block_on(place.store.get(&"attempt/file.csv".into()));
        assert!(file.is_err());

        let progress = Progress::default();
        progress.cancel();
        let error = place.write(&spec, &progress, parts(&rows(10), &[])).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error:?}");
    }
}
