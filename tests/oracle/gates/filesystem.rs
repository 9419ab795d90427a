//! Does the response carry commands or paths that have no business in an ad? (docs/gates/filesystem.md)
use super::text::{is_boundary, is_of_word, places};

/// "A string is searched for destructive commands, then traversal, then sensitive paths."
pub(crate) fn find(
    destructive: bool,
    traversal: bool,
    sensitive: bool,
    text: &str,
) -> Option<&'static str> {
    // "Letters compare without case."
    let lower = text.to_ascii_lowercase();
    let text = lower.as_bytes();
    if destructive && holds_command(text) {
        Some("destructive_command")
    } else if traversal && (0..text.len()).any(|at| is_climb(&text[at..])) {
        Some("path_traversal")
    } else if sensitive && holds_secret(text) {
        Some("sensitive_path")
    } else {
        None
    }
}

fn holds_command(text: &[u8]) -> bool {
    let blank_free: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !b" \t".contains(byte))
        .collect();
    behind(text, "rm").any(is_rm)
        || behind(text, "mkfs").any(|rest| !is_of_word(rest.first()))
        || behind(text, "of=/dev/").next().is_some()
        || !places(&blank_free, b":(){:|:&};:").is_empty()
        || behind(text, "format")
            .any(|rest| blank(rest).is_some_and(|rest| rest.starts_with(b"c:")))
        || ["del", "erase", "rmdir", "rd"]
            .iter()
            .any(|command| behind(text, command).any(has_switch_s))
        || behind(text, "shutil.rmtree").any(|rest| !is_of_word(rest.first()))
        || behind(text, "chmod").any(|rest| is_chmod(rest).is_some())
        || places(text, b">")
            .into_iter()
            .any(|at| is_disk(&text[at + 1..]))
}

/// What follows the command wherever it begins on a word boundary.
fn behind<'t>(text: &'t [u8], command: &'t str) -> impl Iterator<Item = &'t [u8]> {
    places(text, command.as_bytes())
        .into_iter()
        .filter(|&at| is_boundary(text, at))
        .map(move |at| &text[at + command.len()..])
}

/// What follows one or more spaces or tabs.
fn blank(text: &[u8]) -> Option<&[u8]> {
    let blanks = text.iter().take_while(|byte| b" \t".contains(byte)).count();
    (blanks > 0).then(|| &text[blanks..])
}

/// "Options, up to one with which both recursion and force are given."
fn is_rm(mut rest: &[u8]) -> bool {
    let (mut recursive, mut force) = (false, false);
    while let Some(words) = blank(rest) {
        let length = words
            .iter()
            .take_while(|byte| byte.is_ascii_lowercase() || **byte == b'-')
            .count();
        let option = &words[..length];
        if !option.starts_with(b"-") || length < 2 {
            return false;
        }
        let letters = option[1..].iter().all(u8::is_ascii_lowercase);
        recursive |= option == b"--recursive" || letters && option.contains(&b'r');
        force |= option == b"--force" || letters && option.contains(&b'f');
        if recursive && force {
            return true;
        }
        rest = &words[length..];
    }
    false
}

fn has_switch_s(mut rest: &[u8]) -> bool {
    while let Some(switch) = blank(rest) {
        if switch.starts_with(b"/s") && is_boundary(switch, 2) {
            return true;
        }
        if switch.first() != Some(&b'/') || !switch.get(1).is_some_and(u8::is_ascii_lowercase) {
            return false;
        }
        rest = &switch[2..];
    }
    false
}

fn is_chmod(rest: &[u8]) -> Option<()> {
    let option = blank(rest)?;
    let option = option
        .strip_prefix(b"-r")
        .or_else(|| option.strip_prefix(b"--recursive"))?;
    let mode = blank(option)?;
    let path = mode
        .strip_prefix(b"0")
        .unwrap_or(mode)
        .strip_prefix(b"777")?;
    blank(path)?.starts_with(b"/").then_some(())
}

fn is_disk(rest: &[u8]) -> bool {
    let device = blank(rest).unwrap_or(rest).strip_prefix(b"/dev/");
    device.is_some_and(|device| {
        ["sd", "hd", "vd", "nvme"]
            .iter()
            .any(|disk| device.starts_with(disk.as_bytes()))
    })
}

/// "Two dots and a slash or backslash, each of them plain, percent-encoded or percent-encoded twice."
fn is_climb(text: &[u8]) -> bool {
    let dot: &[&str] = &[".", "%2e", "%252e"];
    let slash: &[&str] = &["/", "\\", "%2f", "%5c", "%252f", "%255c"];
    let mut rest = Some(text);
    for spellings in [dot, dot, slash] {
        rest = rest.and_then(|rest| {
            spellings
                .iter()
                .find_map(|spelling| rest.strip_prefix(spelling.as_bytes()))
        });
    }
    rest.is_some()
}

fn holds_secret(text: &[u8]) -> bool {
    let up_to_a_boundary = [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/proc/self",
        "~/.ssh",
        "/.aws/credentials",
        "/.kube/config",
    ];
    let anywhere = ["/.ssh/", "/var/run/secrets/"];
    up_to_a_boundary.iter().any(|path| {
        places(text, path.as_bytes())
            .iter()
            .any(|at| !is_of_word(text.get(at + path.len())))
    }) || anywhere
        .iter()
        .any(|path| !places(text, path.as_bytes()).is_empty())
        || places(text, b"/root/")
            .into_iter()
            .any(|at| begins_path(&text[..at]))
        || behind(text, "c:").any(|rest| is_system32(rest).is_some())
}

/// "At the beginning of the string, after `file://`, or after white space or one of [..]."
fn begins_path(before: &[u8]) -> bool {
    let stops = b"\"'=(,;<>|&:`";
    before.ends_with(b"file://")
        || before
            .last()
            .is_none_or(|byte| byte.is_ascii_whitespace() || stops.contains(byte))
}

fn is_system32(rest: &[u8]) -> Option<()> {
    let folder = slashes(rest)?.strip_prefix(b"windows")?;
    let rest = slashes(folder)?.strip_prefix(b"system32")?;
    (!is_of_word(rest.first())).then_some(())
}

fn slashes(text: &[u8]) -> Option<&[u8]> {
    let slashes = text.iter().take_while(|byte| b"\\/".contains(byte)).count();
    (slashes > 0).then(|| &text[slashes..])
}
