//! The chain against everything that may become of its file.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::rotation::{numbered, with_suffix};

/// A log in a folder of its own.
struct Log {
    folder: TempDir,
    settings: Settings,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            path: folder.path().join("audit"),
            max_bytes: 1 << 20,
            keep: 3,
        };
        Self { folder, settings }
    }

    /// One with some lines, and what they are.
    fn of(lines: usize) -> (Self, Vec<Vec<u8>>) {
        let log = Self::new();
        let mut file = log.open();
        for line in 0..lines {
            file.append("now", &opened(line)).unwrap();
        }
        drop(file);
        let text = fs::read(log.path()).unwrap();
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let lines = lines.map(<[u8]>::to_vec).collect();
        (log, lines)
    }

    fn path(&self) -> &Path {
        &self.settings.path
    }

    fn open(&self) -> AuditFile {
        AuditFile::open(&self.settings).unwrap()
    }

    /// A run that writes one line, after what it found.
    fn run(&self) {
        self.open().append("now", &Event::ShutdownBegun).unwrap();
    }

    fn scan(&self) -> Scan {
        scan_file(self.path(), None, &mut |_| {}).unwrap()
    }

    /// The events of a file.
    fn events(&self) -> Vec<String> {
        events(self.path())
    }

    fn aside(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.to_string_lossy().contains(".broken-"))
            .collect()
    }
}

/// A chain of so many lines.
fn chain(lines: usize) -> Vec<Vec<u8>> {
    let mut prev = Digest::NONE;
    let lines = (0..lines).zip(1..).map(|(number, seq)| {
        let line = line::write(seq, "now", &opened(number), prev).unwrap();
        prev = Digest::of(&line);
        line
    });
    lines.collect()
}

fn events(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line::Line::read(line.as_bytes()));
    lines.map(|line| line.event).collect()
}

fn opened(number: usize) -> Event {
    listener(format!("127.0.0.1:{number}"))
}

fn listener(address: String) -> Event {
    Event::ListenerOpened {
        serves: Serves::Grpc,
        address,
    }
}

/// The line that tells of a listener.
fn text_of(seq: u64, address: &str, prev: Digest) -> String {
    format!(
        "{{\"seq\":{seq},\"at\":\"now\",\"event\":\"listener_opened\",\"serves\":\"grpc\",\
         \"address\":\"{address}\",\"prev\":\"{prev}\"}}\n"
    )
}

fn ended() -> Event {
    Event::ShutdownEnded {
        outcome: End::Drained,
    }
}

fn scan_bytes(bytes: &[u8]) -> Scan {
    scan(&mut &*bytes, None, &mut |_| {}).unwrap()
}

fn is_whole(bytes: &[u8]) -> bool {
    scan_bytes(bytes).end == Ending::Whole
}

/// Where a chain breaks, as line and fault.
fn broken(bytes: &[u8]) -> (u64, Fault) {
    let end = scan_bytes(bytes).end;
    let Ending::Broken(found) = end else {
        panic!("{end:?}")
    };
    (found.place.line, found.fault)
}

#[test]
fn a_line_holds_the_hash_of_the_one_before() {
    let (log, lines) = Log::of(3);
    let second: serde_json::Value = serde_json::from_slice(&lines[1]).unwrap();
    assert_eq!(
        (&second["seq"], &second["prev"]),
        (&2.into(), &Digest::of(&lines[0]).to_string().into())
    );
    let text = String::from_utf8(lines[0].clone()).unwrap();
    let first = text_of(1, "127.0.0.1:0", "0".repeat(64).parse().unwrap());
    assert_eq!(text, first);
    let scan = log.scan();
    assert_eq!(scan.head.sha256, Digest::of(&lines[2]));
    assert_eq!((scan.head.seq, scan.lines, scan.end), (3, 3, Ending::Whole));
    let mode = fs::metadata(log.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_event_that_is_too_long_for_a_line_holds_up_nobody() {
    let log = Log::new();
    let mut file = log.open();
    let around = text_of(1, "", Digest::NONE).len();
    let fits = "x".repeat(line::LINE_BYTES_MAX - around);
    for address in [fits.clone(), format!("{fits}x"), fits.repeat(100)] {
        file.append("now", &listener(address)).unwrap();
    }
    file.append("now", &Event::ShutdownBegun).unwrap();
    let told = [
        "listener_opened",
        "event_too_long",
        "event_too_long",
        "shutdown_begun",
    ];
    assert_eq!(log.events(), told);
    assert_eq!((log.scan().end, log.scan().lines), (Ending::Whole, 4));
    let text = fs::read_to_string(log.path()).unwrap();
    let first = text_of(1, &fits, Digest::NONE);
    let second = text.strip_prefix(&first).unwrap();
    let instead = text_of(2, &format!("{fits}x"), Digest::of(first));
    let (bytes, sha256) = (line::LINE_BYTES_MAX + 1, Digest::of(instead));
    let told = format!(
        "{{\"seq\":2,\"at\":\"now\",\"event\":\"event_too_long\",\"name\":\"listener_opened\",\
         \"bytes\":{bytes},\"sha256\":\"{sha256}\",\"prev\":"
    );
    assert!(second.starts_with(&told), "{told}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let lines = chain(6);
    let removed = [&lines[..2], &lines[3..]].concat().concat();
    let fault = Fault::Seq {
        expected: 3,
        found: 4,
    };
    assert_eq!(broken(&removed), (3, fault));
    let mut altered = lines;
    altered[2] = String::from_utf8(altered[2].clone())
        .unwrap()
        .replace("127.0.0.1", "127.0.0.2")
        .into_bytes();
    assert_eq!(broken(&altered.concat()), (4, Fault::Prev));
    altered[2] = b"{}\n".to_vec();
    assert_eq!(broken(&altered.concat()), (3, Fault::NoLine));
    altered[2] = vec![b' '; line::LINE_BYTES_MAX + 1];
    assert_eq!(broken(&altered.concat()), (3, Fault::TooLong));
}

#[test]
fn a_line_that_is_removed_is_found() {
    for at in 0..7 {
        let mut lines = chain(8);
        lines.remove(at);
        let scan = scan_bytes(&lines.concat());
        // Without its first line a file is that of a chain which goes back beyond it: `verify` refuses it unless told.
        assert!(
            scan.end != Ending::Whole || scan.first.unwrap().0 > 1,
            "{at}"
        );
    }
}

#[test]
fn lines_that_are_moved_or_there_twice_are_found() {
    for (one, other) in (0..8).flat_map(|one| (0..8).map(move |other| (one, other))) {
        let mut lines = chain(8);
        lines.swap(one, other);
        assert_eq!(is_whole(&lines.concat()), one == other, "{one} {other}");
        let mut lines = chain(8);
        lines.insert(other, lines[one].clone());
        assert!(!is_whole(&lines.concat()), "{one} {other}");
    }
}

#[test]
fn a_byte_that_is_altered_is_found() {
    let lines = chain(4);
    let text = lines.concat();
    for at in 0..text.len() - lines[3].len() {
        let bits = (0..8).map(|bit| text[at] ^ (1 << bit));
        for byte in bits.chain(*b"\n \"") {
            let mut altered = text.clone();
            altered[at] = byte;
            assert_eq!(is_whole(&altered), byte == text[at], "{byte} in place {at}");
        }
    }
}

#[test]
fn a_write_that_broke_off_is_recorded_and_nothing_is_lost() {
    let (log, lines) = Log::of(3);
    let whole = lines.concat();
    let last = whole.len() - lines[2].len();
    for length in last + 1..whole.len() {
        fs::write(log.path(), &whole[..length]).unwrap();
        log.run();
        let scan = log.scan();
        assert_eq!(scan.end, Ending::Whole, "{length}");
        // But for its line feed the line is there.
        let mended = length + 1 == whole.len();
        assert_eq!(scan.torn, u64::from(!mended));
        let text = fs::read(log.path()).unwrap();
        assert!(text.starts_with(&whole[..length]));
    }
    assert!(log.aside().is_empty());
}

#[test]
fn a_record_of_torn_bytes_that_broke_off_itself_is_recorded() {
    let (log, lines) = Log::of(2);
    let torn = [lines[0].as_slice(), b"{\"seq\":2,", b"\n{\"seq\":2,\"at"].concat();
    fs::write(log.path(), &torn).unwrap();
    log.run();
    assert_eq!((log.scan().end, log.scan().torn), (Ending::Whole, 1));
    let text = fs::read(log.path()).unwrap();
    let altered = [&text[..lines[0].len()], &text[lines[0].len() + 1..]].concat();
    assert_eq!(broken(&altered), (2, Fault::NoLine));
    let gone = [&text[..lines[0].len()], &text[torn.len() + 1..]].concat();
    assert_eq!(broken(&gone), (2, Fault::NotTorn));
}

#[test]
fn a_run_that_was_killed_is_told_by_the_next() {
    let (log, _) = Log::of(1);
    log.run();
    let mut file = log.open();
    file.append("now", &ended()).unwrap();
    drop(file);
    log.run();
    let expected = [
        "listener_opened",
        "previous_run_unfinished",
        "shutdown_begun",
        "previous_run_unfinished",
        "shutdown_ended",
        "shutdown_begun",
    ];
    assert_eq!(log.events(), expected);
}

#[test]
fn a_file_that_does_not_verify_is_kept_and_a_chain_begins() {
    let (log, mut lines) = Log::of(4);
    lines.remove(1);
    let broken = lines.concat();
    fs::write(log.path(), &broken).unwrap();
    log.run();
    let [aside] = &log.aside()[..] else {
        panic!("{:?}", log.aside())
    };
    assert_eq!(fs::read(aside).unwrap(), broken);
    assert_eq!(log.events(), ["chain_broken", "shutdown_begun"]);
    let text = fs::read_to_string(log.path()).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["seq"], 1);
    assert_eq!(first["line"], 2);
    assert_eq!(first["byte"], lines[0].len());
    assert_eq!(first["sha256"], Digest::of(&broken).to_string());
    assert_eq!(log.scan().end, Ending::Whole);
}

#[test]
fn files_that_follow_each_other_are_one_chain() {
    let mut log = Log::new();
    log.settings.max_bytes = 500;
    let mut file = log.open();
    for number in 0..9 {
        file.append("now", &opened(number)).unwrap();
    }
    drop(file);
    // As if the process had ended between two files.
    fs::rename(log.path(), numbered(log.path(), 0)).unwrap();
    fs::rename(numbered(log.path(), 2), numbered(log.path(), 3)).unwrap();
    fs::rename(numbered(log.path(), 1), numbered(log.path(), 2)).unwrap();
    fs::rename(numbered(log.path(), 0), numbered(log.path(), 1)).unwrap();
    log.run();
    let mut head = None;
    let mut lines = 0;
    for number in [3, 2, 1] {
        let path = numbered(log.path(), number);
        assert!(fs::metadata(&path).unwrap().len() <= 500);
        let scan = scan_file(&path, head, &mut |_| {}).unwrap();
        assert_eq!(scan.end, Ending::Whole, "{path:?}");
        lines += scan.lines;
        head = Some(scan.head);
    }
    assert_eq!(lines, 9);
    let scan = scan_file(log.path(), head, &mut |_| {}).unwrap();
    assert_eq!((scan.end, scan.head.seq), (Ending::Whole, 11));
}

#[test]
fn a_torn_line_is_told_of_in_the_file_where_it_stands() {
    let mut log = Log::new();
    let text = chain(3).concat();
    log.settings.max_bytes = text.len() as u64;
    for length in [text.len() - 1, text.len() - 20] {
        fs::write(log.path(), &text[..length]).unwrap();
        log.run();
        let full = scan_file(&numbered(log.path(), 1), None, &mut |_| {}).unwrap();
        assert_eq!(full.end, Ending::Whole);
        let next = scan_file(log.path(), Some(full.head), &mut |_| {}).unwrap();
        assert_eq!((next.end, next.torn), (Ending::Whole, 0));
        fs::remove_file(numbered(log.path(), 1)).unwrap();
    }
}

#[test]
fn a_file_that_is_not_as_it_was_left_is_told() {
    let (log, lines) = Log::of(4);
    let mut file = log.open();
    file.append("now", &ended()).unwrap();
    for (seq, change) in [
        // Cut.
        (
            3,
            Box::new(|| fs::write(log.path(), lines[..2].concat()).unwrap()) as Box<dyn Fn()>,
        ),
        // Replaced by an earlier copy.
        (
            4,
            Box::new(|| {
                let copy = with_suffix(log.path(), "copy");
                fs::write(&copy, lines[..3].concat()).unwrap();
                fs::rename(&copy, log.path()).unwrap();
            }),
        ),
        // Removed.
        (1, Box::new(|| fs::remove_file(log.path()).unwrap())),
    ] {
        change();
        file.append("now", &Event::ShutdownBegun).unwrap();
        let told = log.events();
        assert_eq!(told[told.len() - 2..], ["file_replaced", "shutdown_begun"]);
        assert_eq!(log.scan().end, Ending::Whole);
        assert_eq!(log.scan().head.seq, seq + 1);
    }
}

#[test]
fn a_copy_in_the_place_of_the_file_is_written_on() {
    let (log, _) = Log::of(2);
    let mut file = log.open();
    file.append("now", &ended()).unwrap();
    let copy = with_suffix(log.path(), "copy");
    fs::copy(log.path(), &copy).unwrap();
    fs::rename(&copy, log.path()).unwrap();
    file.append("now", &Event::ShutdownBegun).unwrap();
    let told = log.events();
    assert_eq!(told[told.len() - 2..], ["shutdown_ended", "shutdown_begun"]);
    assert_eq!(log.scan().end, Ending::Whole);
}

#[test]
fn a_full_file_that_is_needed_and_broken_is_left_as_it_is() {
    let (log, mut lines) = Log::of(4);
    lines.remove(1);
    fs::remove_file(log.path()).unwrap();
    let rotated = numbered(log.path(), 1);
    fs::write(&rotated, lines.concat()).unwrap();
    log.run();
    assert_eq!(fs::read(&rotated).unwrap(), lines.concat());
    assert_eq!(log.events(), ["chain_broken", "shutdown_begun"]);
    assert_eq!(log.scan().first.unwrap().0, 1);
}

#[test]
fn two_processes_do_not_write_one_file() {
    let log = Log::new();
    let _first = log.open();
    let error = AuditFile::open(&log.settings).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
}

#[test]
fn only_a_regular_file_is_written() {
    let log = Log::new();
    let target = with_suffix(log.path(), "target");
    fs::write(&target, "precious").unwrap();
    symlink(&target, log.path()).unwrap();
    assert!(AuditFile::open(&log.settings).is_err());
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    fs::remove_file(log.path()).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(log.path())
        .status();
    assert!(made.unwrap().success());
    let error = AuditFile::open(&log.settings).unwrap_err();
    assert!(error.to_string().contains("regular file"), "{error}");
    fs::remove_file(log.path()).unwrap();
    fs::create_dir(log.path()).unwrap();
    assert!(AuditFile::open(&log.settings).is_err());
}

#[test]
fn a_digest_is_read_as_it_is_written() {
    let digest = Digest::of("abc");
    // printf abc | sha256sum
    let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest.to_string(), text);
    assert_eq!(text.parse(), Ok(digest));
    for wrong in [
        "",
        text.trim_start_matches('b'),
        &text.to_uppercase(),
        &text.replace('a', "g"),
    ] {
        assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
    }
}
