//! Strings in which gates find something, nearly find something, or find nothing.
use proptest::prelude::*;
use proptest::sample::select;

use super::text::{Json, Spelling};

/// One or two parts with something around them.
pub(super) fn any_string() -> BoxedStrategy<Json> {
    let around = || select(AROUND);
    let spelling = prop_oneof![6 => Just(Spelling::Plain), 1 => Just(Spelling::AllEscaped)];
    let one = (around(), select(PARTS), around());
    let two = prop_oneof![3 => Just(""), 1 => select(PARTS)];
    (one, two, around(), spelling)
        .prop_map(|((before, part, between), other, behind, spelling)| {
            Json::Text(format!("{before}{part}{between}{other}{behind}"), spelling)
        })
        .boxed()
}

const AROUND: &[&str] = &[
    "", "", "", " ", "\t", "x", "_", "1", "-", ".", "/", "<p>", "\"", "+1 ", "1-", "\u{e9}",
    "file://", "=",
];

const PARTS: &[&str] = &[
    "",
    " \n\u{c}",
    "\u{b}",
    "\u{a0}",
    "<p>Shoes</p>",
    "https://win.brand.com/w?x=1234567890",
    // Personal data.
    "jane.doe@mail.example.org",
    "logo@2x.png",
    "jane@localhost",
    "@brand.com",
    "%@-.-.ab",
    "a@.co",
    "a@b.c1.d2",
    "123-45-6789",
    "000-12-3456",
    "666-00-1234",
    "665-01-0001",
    "900-12-3456",
    "899-99-9999",
    "123-00-6789",
    "123-45-0000",
    "123-45-67890",
    "(555) 867-5309",
    "(155) 867-5309",
    "(555)867-5309",
    "800-555-0100",
    "+1-800-555-0100",
    "555.867.5309",
    "155.867.5309",
    "555-867-53091",
    "5558675309",
    // Commands and paths.
    "rm -rf /",
    "rm  -R\t--force x",
    "rm -v --force -i -r",
    "rm -r",
    "rm -r -9 -f",
    "rm -r -f9",
    "rm -r-f",
    "rm --recursively -f",
    "rm - -rf",
    "farm -rf",
    "MKFS.ext4 /dev/x",
    "mkfs_",
    "dd if=/dev/zero of=/dev/sda",
    ":(){ :|:& };:",
    ":(){ :|: };:",
    "format  C:",
    "format:c:",
    "del /f /q /S",
    "rd /sq",
    "rmdir /q/s",
    "shutil.rmtree(x)",
    "shutilXrmtree",
    "chmod -R 0777 /",
    "chmod 777 /",
    "> /dev/sda",
    ">/dev/null",
    "../img/a.png",
    "..\\x",
    "%2E%2e%2f",
    ".%252e%255C",
    "%%2e./",
    "..%3f",
    ".../",
    "/etc/passwd",
    "/etc/passwd2",
    "/etc/hosts",
    "~/.ssh",
    "/home/a/.ssh/id",
    "/proc/self/environ",
    "/proc/1",
    "/.aws/credentials",
    "/.kube/configs",
    "/var/run/secrets/k",
    "/root/.bashrc",
    "C:\\Windows\\\\System32\\x",
    "c:/windows/system",
    // Refusals.
    "I\u{2019}m sorry, but I can\u{2019}t help",
    "as an\n  AI language\tmodel",
    "As an AI language models",
    "I&RSQUO;m just an AI",
    "I can not assist with",
    "DON&#39;T panic",
    "don't\u{a0}panic",
    "caf\u{e9}",
    "CAF\u{c9}",
    "100% OFF!!",
];
