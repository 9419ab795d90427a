//! A policy file that is torn, emptied, removed and swapped while the sidecar judges by it.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
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

/// Two policies that come to the same verdicts, so that no verdict tells which of them judged.
const POLICIES: [&str; 2] = [
    "{fail_fast: true, gates: [{name: tmaxGuard}, {name: impidMatch}, {name: adomainVerify}, {name: bidSanity}, {name: audienceSafety}, {name: bcatCompliance}]}\n",
    "{fail_fast: false, gates: [{name: tmaxGuard}, {name: impidMatch}, {name: adomainVerify}, {name: bidSanity}, {name: audienceSafety}, {name: bcatCompliance}]}\n",
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
        loaded(&bidgate, |seen| versions.first() != Some(&seen))?;
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
    finding.moved(&before, &after, &[LOADED, REFUSED]);
    let first = others.first().cloned().unwrap_or_default();
    finding.expect(
        others.iter().all(|seen| *seen == first),
        "nothing that is not whole judges",
    );
    finding.expect(last != first, "a whole one does");
    let refused = after.get(REFUSED) - before.get(REFUSED);
    finding.expect(
        refused >= 6.0 * f64::from(rounds),
        format!("each is refused ({refused})"),
    );
    Ok(finding)
}

/// One round of damage. Returns the versions that judged after each.
fn damage(bidgate: &Bidgate, file: &Path) -> Result<Vec<String>, Error> {
    let [whole, other] = POLICIES;
    let half = other.len() / 2;
    let (half, rest) = other.split_at_checked(half).unwrap_or((other, ""));
    let first = version(bidgate.admin)?;
    let mut versions = Vec::new();
    for text in [half, "", "\u{0}\u{1}\u{2}", "- nothing\n"] {
        versions.push(refused(bidgate, || fs::write(file, text))?);
    }
    versions.push(refused(bidgate, || fs::remove_file(file))?);
    // In place and in pieces: nobody may take the first for a policy.
    versions.push(refused(bidgate, || fs::write(file, half))?);
    let mut options = fs::OpenOptions::new();
    let completed = options.append(true).open(file);
    let completed = completed.and_then(|mut file| file.write_all(rest.as_bytes()));
    completed.map_err(Error::system("write a policy"))?;
    loaded(bidgate, |seen| seen != first)?;
    write_whole(file, whole)?;
    loaded(bidgate, |seen| seen == first)?;
    Ok(versions)
}

/// Does something to the file, has it read, and waits until it is refused. Returns the version that judges.
fn refused(bidgate: &Bidgate, damage: impl Fn() -> io::Result<()>) -> Result<String, Error> {
    let before = Scrape::of(bidgate.admin)?.get(REFUSED);
    damage().map_err(Error::system("damage a policy"))?;
    bidgate.process.signal(Signal::SIGHUP)?;
    Scrape::when(bidgate.admin, |scrape| scrape.get(REFUSED) > before)?;
    version(bidgate.admin)
}

/// Has the file read, and waits for a version.
fn loaded(bidgate: &Bidgate, expected: impl Fn(String) -> bool) -> Result<(), Error> {
    bidgate.process.signal(Signal::SIGHUP)?;
    let judges = |_: &Scrape| version(bidgate.admin).is_ok_and(&expected);
    Scrape::when(bidgate.admin, judges)?;
    if version(bidgate.admin).is_ok_and(expected) {
        return Ok(());
    }
    Err(Error::NotReady("the policy"))
}

/// As an editor does, by renaming.
fn write_whole(file: &Path, text: &str) -> Result<(), Error> {
    let new = file.with_extension("new");
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, file));
    written.map_err(Error::system("write a policy"))
}

/// Of the policy that judges.
fn version(admin: SocketAddr) -> Result<String, Error> {
    let page = admin::get(admin, "/health/info").map_err(Error::system("read /health/info"))?;
    let info: Value = serde_json::from_str(&page.body).map_err(Error::Json)?;
    let version = info.get("policy_version").and_then(Value::as_str);
    Ok(version.unwrap_or_default().to_owned())
}

const LOADED: &str = "bidgate_policy_reloads_total{outcome=\"loaded\"}";
const REFUSED: &str = "bidgate_policy_reloads_total{outcome=\"refused\"}";
