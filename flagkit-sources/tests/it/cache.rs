//! A cached document is loaded whole or not at all.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::{Random, TestDir, in_a_child};
use flagkit_core::source::Provenance;
use flagkit_sources::document::Format;
use flagkit_sources::{Cache, CachedDocument};
use xxhash_rust::xxh3::xxh3_128;

#[cfg(unix)]
mod special_files;
mod writers;

const URL: &str = "https://flags.example.com/flags.toml";
const DOCUMENT: &str = "[flags]\nnew-checkout = true\n\n[flags.search]\non = true\nrollout = 25\n";

fn cache(path: &Path) -> Cache {
    Cache::new(path, Provenance::new(URL))
}

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn cached(bytes: impl Into<Vec<u8>>, tag: Option<&str>) -> CachedDocument {
    CachedDocument { bytes: bytes.into(), format: Format::Toml, tag: tag.map(str::to_owned), at: at() }
}

/// The names in a directory.
fn names(dir: &Path) -> BTreeSet<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
    fs::read_dir(dir).expect("a directory").map(name).collect()
}

/// A cache with the document, and the bytes of its file.
fn full() -> (TestDir, PathBuf, Vec<u8>) {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    cache(&path).store(&cached(DOCUMENT, Some("\"v1\""))).expect("it can be stored");
    assert!(cache(&path).load().is_some());
    let bytes = fs::read(&path).expect("it is there");
    (folder, path, bytes)
}

#[test]
fn a_stored_document_is_loaded() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    assert_eq!(cache(&path).load(), None, "nothing is stored yet");
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut random = Random::new(7);
    let large: Vec<u8> =
        std::iter::repeat_with(|| u8::try_from(random.below(256)).expect("a byte")).take(1 << 20).collect();
    let documents: [&[u8]; 9] = [
        b"",
        b"\n",
        b"\n\n",
        DOCUMENT.as_bytes(),
        b"tag \"other\"\nformat json\n\n[flags]\n",
        b"flagkit 1\nconfirmed 00000000000\ndocument 00000000000000000000000000000000\ndigest 00000000000000000000000000000000\n\n",
        b"\xff\xfe\r\n\0",
        &every_byte,
        &large,
    ];
    let tags =
        [None, Some(""), Some("\"v1\""), Some("W/\"a b\""), Some(" \"blanks\" "), Some("tag tag"), Some("\"é\"")];
    for document in documents {
        for tag in tags {
            for format in [Format::Toml, Format::Json] {
                let cached = CachedDocument { format, ..cached(document, tag) };
                cache(&path).store(&cached).expect("it can be stored");
                assert_eq!(cache(&path).load(), Some(cached));
                assert_eq!(names(path.parent().expect("a directory")).len(), 1, "and nothing beside it");
            }
        }
    }
}

#[test]
fn the_time_is_stored_to_the_second() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    for (at, loaded) in [
        (at() + Duration::from_millis(999), at()),
        (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH),
        (SystemTime::UNIX_EPOCH - Duration::from_secs(5), SystemTime::UNIX_EPOCH),
    ] {
        cache(&path).store(&CachedDocument { at, ..cached(DOCUMENT, None) }).expect("it can be stored");
        assert_eq!(cache(&path).load().map(|cached| cached.at), Some(loaded));
    }
}

/// Such an `ETag` could be read as more than an `ETag`. Without one, the next request is unconditional and the response
/// complete.
#[test]
fn a_tag_of_more_than_one_line_is_left_out() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    for tag in ["\n", "\"a\"\n", "\"a\"\r", "\"a\"\r\nat 0", "\"a\"\n\n[flags]\nnew-checkout = false\n", "\nfrom x"] {
        cache(&path).store(&cached(DOCUMENT, Some(tag))).expect("it can be stored");
        assert_eq!(cache(&path).load(), Some(cached(DOCUMENT, None)), "{tag:?}");
    }
}

#[test]
fn a_path_without_a_directory_means_the_working_directory() {
    if env::var_os("FLAGKIT_TEST_RELATIVE").is_some() {
        cache(Path::new("flags.cache")).store(&cached(DOCUMENT, None)).expect("it can be stored");
        return assert_eq!(cache(Path::new("flags.cache")).load(), Some(cached(DOCUMENT, None)));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let variables = [(OsStr::new("FLAGKIT_TEST_RELATIVE"), OsStr::new("1"))];
    in_a_child(module_path!(), "a_path_without_a_directory_means_the_working_directory", dir.path(), &variables);
    assert_eq!(names(dir.path()), BTreeSet::from(["flags.cache".to_owned()]));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_place, path, bytes) = full();
    let mode = || fs::metadata(&path).expect("it is there").permissions().mode() & 0o7777;
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
    assert_eq!(mode(), 0o600);
    // A user who may write the file could turn flags on.
    for mode in [0o620, 0o602, 0o660, 0o606, 0o666, 0o777] {
        set(mode);
        assert_eq!(cache(&path).load(), None, "{mode:o}");
    }
    for mode in [0o600, 0o640, 0o644, 0o700] {
        set(mode);
        assert!(cache(&path).load().is_some(), "{mode:o}");
    }
    set(0o666);
    cache(&path).store(&cached(DOCUMENT, Some("\"v1\""))).expect("it can be stored");
    assert_eq!((mode(), fs::read(&path).expect("it is there")), (0o600, bytes), "the mode of before is not inherited");
}

#[test]
fn the_file_of_another_source_is_none() {
    let (_place, path, _) = full();
    for other in ["https://flags.example.com/flags.tom", "https://flags.example.com/flags.toml2", "file:x", ""] {
        assert_eq!(Cache::new(&path, Provenance::new(other)).load(), None, "{other:?}");
    }
    assert!(cache(&path).load().is_some());
}

#[test]
fn a_flipped_byte_anywhere_makes_it_invalid() {
    let (_place, path, bytes) = full();
    let whole = cache(&path).load().expect("it is whole");
    // The confirmation time is overwritten in place. It is not part of the document, so any value does no harm.
    let start = "flagkit 1\nconfirmed ".len();
    let confirmed = start..start + 11;
    for index in 0..bytes.len() {
        // One bit, the case of a letter, all bits.
        for flip in [0x01, 0x20, 0xff] {
            let mut flipped = bytes.clone();
            flipped[index] ^= flip;
            fs::write(&path, flipped).expect("it is ours");
            let loaded = cache(&path).load();
            if confirmed.contains(&index) {
                let loaded = loaded.expect("the document is whole");
                assert!((whole.at..=SystemTime::now()).contains(&loaded.at), "byte {index} by {flip:#x}");
                assert_eq!(CachedDocument { at: whole.at, ..loaded }, whole, "byte {index} by {flip:#x}");
            } else {
                assert_eq!(loaded, None, "byte {index} by {flip:#x}");
            }
        }
    }
    fs::write(&path, bytes).expect("it is ours");
    assert!(cache(&path).load().is_some(), "the bytes were all there was to it");
}

#[test]
fn a_file_that_is_too_short_or_too_long_is_none() {
    let (_place, path, bytes) = full();
    for end in 0..bytes.len() {
        fs::write(&path, &bytes[..end]).expect("it is ours");
        assert_eq!(cache(&path).load(), None, "cut at {end}");
        // The state that a journaling file system may leave after a power failure.
        let mut zeroed = bytes.clone();
        zeroed[end..].fill(0);
        fs::write(&path, zeroed).expect("it is ours");
        assert_eq!(cache(&path).load(), None, "zeros from {end}");
    }
    fs::write(&path, [&bytes[..], b"\n"].concat()).expect("it is ours");
    assert_eq!(cache(&path).load(), None, "one byte more");
    fs::write(&path, [&bytes[..], &bytes].concat()).expect("it is ours");
    assert_eq!(cache(&path).load(), None, "twice");
}

#[test]
fn a_file_that_is_no_cache_is_ignored_and_can_be_replaced() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let large = vec![0xff; 100_000];
    let garbage: [&[u8]; 9] = [
        b"",
        b"\0\0\0\0",
        b"flagkit",
        b"flagkit 1\n",
        b"flagkit 1\nconfirmed ",
        b"flagkit 1\nconfirmed \ndigest \n\n",
        b"flagkit 2\nconfirmed 00000000000\ndigest 00000000000000000000000000000000\n",
        DOCUMENT.as_bytes(),
        &large,
    ];
    for bytes in garbage {
        if !bytes.starts_with(b"flagkit 1\nconfirmed ") {
            fs::write(&path, bytes).expect("it is ours");
            assert!(
                cache(&path).touch(xxh3_128(DOCUMENT.as_bytes()), SystemTime::now()).is_err(),
                "it holds another document"
            );
            assert!(fs::read(&path).expect("it is there") == bytes, "and stays as it is");
        }
        fs::write(&path, bytes).expect("it is ours");
        assert_eq!(cache(&path).load(), None, "{:?}", &bytes[..bytes.len().min(40)]);
        cache(&path).store(&cached(DOCUMENT, None)).expect("it can be stored");
        assert_eq!(cache(&path).load(), Some(cached(DOCUMENT, None)));
    }
}

#[test]
fn a_directory_in_its_place_is_none_and_stays() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    fs::create_dir(&path).expect("a directory");
    fs::write(path.join("mine"), "").expect("a file in it");
    assert_eq!(cache(&path).load(), None);
    cache(&path).store(&cached(DOCUMENT, None)).expect_err("there is a directory");
    assert!(path.join("mine").exists());
    assert_eq!(names(path.parent().expect("a directory")).len(), 1, "no temporary file is left");
}

/// The module `file::permissions` tests a directory without write permission.
#[test]
fn a_directory_that_is_missing_is_an_error() {
    let folder = TestDir::new();
    let path = folder.path("missing/flags.cache");
    assert_eq!(cache(&path).load(), None);
    let error = cache(&path).store(&cached(DOCUMENT, None)).expect_err("there is no directory");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(!folder.path("missing").exists(), "it is for the operator to make");
    assert_eq!(cache(Path::new("/")).load(), None);
    cache(Path::new("/")).store(&cached(DOCUMENT, None)).expect_err("the root has no name");
}

#[test]
fn files_of_killed_writers_are_removed_after_a_while() {
    let (folder, path, _) = full();
    let leave = |name: &str, age: Duration| {
        let file = File::create(folder.path(name)).expect("it can be made");
        file.set_times(FileTimes::new().set_modified(SystemTime::now() - age)).expect("it is ours");
    };
    let (hour, moment) = (Duration::from_secs(3600), Duration::from_secs(5));
    leave(".flags.cache.123456.0.tmp", hour);
    leave(".flags.cache.123457.9.tmp", hour);
    // Their writers may still be active, or are other programs.
    let stays = [
        (".flags.cache.123458.0.tmp", moment),
        (".other.cache.1.0.tmp", hour),
        ("flags.cache.tmp", hour),
        (".x", hour),
    ];
    for (name, age) in stays {
        leave(name, age);
    }
    cache(&path).store(&cached(DOCUMENT, None)).expect("it can be stored");
    let expected = stays.iter().map(|(name, _)| *name).chain(["flags.cache"]).map(str::to_owned).collect();
    assert_eq!(names(path.parent().expect("a directory")), expected);
}
