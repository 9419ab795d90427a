//! The scenario `overhead`, a second of it, against real processes. What it measures in a debug build means nothing;
//! that it measures, and says so in its one line of JSON, is what is tested.

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use serde_json::Value;

    #[test]
    fn overhead_compares_real_servers_and_prints_one_object() {
        let folder = tempfile::tempdir().unwrap();
        let loadtest = Path::new(env!("CARGO_BIN_EXE_loadtest"));
        let mut command = Command::new(loadtest);
        command
            .args(["overhead", "--json", "--rounds", "1", "--connections", "2"])
            .args(["--duration", "100ms", "--warm-up", "20ms", "--plots"])
            .arg(folder.path());
        // Built along with the workspace; by the program itself if this is tested alone.
        let bidgate = loadtest.with_file_name("bidgate");
        if bidgate.is_file() {
            command.arg("--bidgate").arg(bidgate);
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");

        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        for key in [
            "cpu_ratio",
            "p99_ratio",
            "stream_ratio",
            "uds_vs_tcp_empty_ratio",
        ] {
            let ratio = json[key].as_f64().unwrap();
            assert!(ratio.is_finite() && ratio > 0.0, "{key} {ratio}");
        }
        assert_eq!(json["closed_loop"].as_array().unwrap().len(), 5);
        for load in [&json["closed_loop"], &json["open_loop"]] {
            let figures = &load[0]["rounds"][0];
            assert!(figures["answered"].as_u64().unwrap() > 0);
            assert_eq!(figures["errors"], serde_json::json!({}));
        }
        let page = std::fs::read_to_string(folder.path().join("overhead.html")).unwrap();
        assert!(page.contains("<polyline"));
    }
}
