//! A policy file that is torn, emptied, removed and swapped while the sidecar judges by it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::beside::beside;
use super::finding::Finding;
use super::scrape::Scrape;
use super::stage::Stage;
use crate::admin;
use crate::error::Error;
use crate::servers::Bidgate;

/// Two policies that judge the same, so that no verdict tells which of them judged.
const POLICIES: [&str; 2] = [
    "{timeout_ms: 10000, gates: [{name: tmaxGuard}, {name: impidMatch}, {name: adomainVerify}, {name: bidSanity}, {name: audienceSafety}, {name: bcatCompliance}]}\n",
    "{timeout_ms: 10001, gates: [{name: tmaxGuard}, {name: impidMatch}, {name: adomainVerify}, {name: bidSanity}, {name: audienceSafety}, {name: bcatCompliance}]}\n",
];

/// Every way in which a file is not written as it should be.
pub(super) fn torn(stage: &Stage<'_>) -> Result<Finding, Error> {
    let folder = tempfile::tempdir().map_err(Error::system("make a folder"))?;
    let file = folder.path().join("policy.yaml");
    fs::write(&file, POLICIES[0]).map_err(Error::system("write a policy"))?;
    let bidgate = stage.start(&["--policy-file", &file.display().to_string()])?;
    let before = Scrape::of(bidgate.admin)?;
    let rounds = stage.either(5, 1);
    let duration = Duration::from_secs(1) + rounds * Duration::from_secs(4);
    let (neighbours, versions) = beside(stage, &bidgate, duration, || {
        let mut versions = vec![version(bidgate.admin)?];
        for _ in 0..rounds {
            versions.extend(damage(&bidgate, &file)?);
        }
        write_whole(&file, POLICIES[1])?;
        bidgate.process.signal(Signal::SIGHUP)?;
        wait_for(&bidgate, |scrape| {
            scrape.get("bidgate_policy_file_accepted") > 0.5
        })?;
        versions.push(version(bidgate.admin)?);
        Ok(versions)
    })?;
    let after = Scrape::of(bidgate.admin)?;
    let mut finding = Finding::default();
    let (last, others) = versions
        .split_last()
        .map_or(("", versions.as_slice()), |(last, others)| {
            (last.as_str(), others)
        });
    finding.saw(format!(
        "a file cut off, emptied, filled with noise, removed, and written in pieces, {rounds} time(s), with SIGHUP in the midst: {} \
         readings of the policy, one version until a whole one is there",
        others.len()
    ));
    neighbours.told(&mut finding);
    let reloads = ["loaded", "refused"]
        .map(|outcome| format!("bidgate_policy_reloads_total{{outcome=\"{outcome}\"}}"));
    finding.moved(&before, &after, &reloads.each_ref().map(String::as_str));
    let first = others.first().cloned().unwrap_or_default();
    finding.expect(
        others.iter().all(|seen| *seen == first),
        "nothing that is not whole judges",
    );
    finding.expect(last != first, "a whole one does");
    let refused = after.get(&reloads[1]) - before.get(&reloads[1]);
    finding.expect(
        refused >= 4.0 * f64::from(rounds),
        format!("each is refused ({refused})"),
    );
    Ok(finding)
}

/// One round of damage. Returns the versions that judged after each.
fn damage(bidgate: &Bidgate, file: &Path) -> Result<Vec<String>, Error> {
    let [whole, other] = POLICIES;
    let (half, rest) = other
        .split_at_checked(other.len() / 2)
        .unwrap_or((other, ""));
    let mut versions = Vec::new();
    for text in [half, "", "\u{0}\u{1}\u{2}", "- nothing\n"] {
        fs::write(file, text).map_err(Error::system("write a policy"))?;
        bidgate.process.signal(Signal::SIGHUP)?;
        wait_for(bidgate, |scrape| {
            scrape.get("bidgate_policy_file_accepted") < 0.5
        })?;
        versions.push(version(bidgate.admin)?);
    }
    fs::remove_file(file).map_err(Error::system("remove a policy"))?;
    bidgate.process.signal(Signal::SIGHUP)?;
    thread::sleep(Duration::from_millis(100));
    versions.push(version(bidgate.admin)?);
    // In place and in pieces: nobody may take the first for a policy.
    for text in [half, rest] {
        let mut options = fs::OpenOptions::new();
        let opened = options.append(true).create(true).open(file);
        let written =
            opened.and_then(|mut opened| std::io::Write::write_all(&mut opened, text.as_bytes()));
        written.map_err(Error::system("write a policy"))?;
        bidgate.process.signal(Signal::SIGHUP)?;
        thread::sleep(Duration::from_millis(50));
        if !text.is_empty() && text == half {
            versions.push(version(bidgate.admin)?);
        }
    }
    write_whole(file, whole)?;
    bidgate.process.signal(Signal::SIGHUP)?;
    wait_for(bidgate, |scrape| {
        scrape.get("bidgate_policy_file_accepted") > 0.5
    })?;
    thread::sleep(Duration::from_millis(100));
    versions.push(version(bidgate.admin)?);
    Ok(versions)
}

/// As an editor does, by renaming.
fn write_whole(file: &Path, text: &str) -> Result<(), Error> {
    let new = file.with_extension("new");
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, file));
    written.map_err(Error::system("write a policy"))
}

fn wait_for(bidgate: &Bidgate, holds: impl Fn(&Scrape) -> bool) -> Result<(), Error> {
    Scrape::when(bidgate.admin, holds).map(drop)
}

/// Of the policy that judges.
fn version(admin: SocketAddr) -> Result<String, Error> {
    let page = admin::get(admin, "/health/info").map_err(Error::system("read /health/info"))?;
    let info: Value = serde_json::from_str(&page.body).map_err(Error::Json)?;
    Ok(info["policy_version"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}
