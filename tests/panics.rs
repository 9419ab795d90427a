//! What a panic leaves in the log: where it was, and nothing of what it says, which may quote a payload.

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use bidgate::config::Config;
    use bidgate::log::Logger;

    const QUOTE: &str = "canary";

    #[test]
    fn a_panic_is_logged_without_its_message() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::child", "--ignored"])
            .output()
            .unwrap();
        let [out, log] = [child.stdout, child.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(!child.status.success());
        assert!(
            log.contains("ERROR bidgate::log: panic thread=\"tests::child\" place=\""),
            "{log}"
        );
        assert!(!log.contains(QUOTE) && !out.contains(QUOTE), "{out}{log}");
    }

    #[test]
    #[ignore = "panics; the test above runs it"]
    fn child() {
        let logger = Arc::new(Logger::new(Config::default().log));
        let _flush = logger.start().unwrap();
        let text = format!("{QUOTE}\u{e4}");
        assert!(text.split_at(QUOTE.len() + 1).0.is_empty());
    }
}
