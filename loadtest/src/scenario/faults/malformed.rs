//! Bytes that are not HTTP/2, or not as it allows them.

use std::time::Duration;

use super::beside::beside;
use super::finding::Finding;
use super::frames::{
    BEGINNING, CONTINUATION, Caller, DATA, END_HEADERS, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, connect, frame, header_block,
};
use super::scrape::Scrape;
use super::stage::Stage;
use crate::error::Error;
use crate::figures::{mebibytes, real};
use crate::target::Target;

/// Every kind of mistake, again and again.
pub(super) fn happens(stage: &Stage<'_>) -> Result<Finding, Error> {
    let rounds = stage.either(200, 40);
    let mut bidgate = stage.start(&[])?;
    let before = Scrape::of(bidgate.admin)?;
    let memory = bidgate.process.memory()?.resident;
    let target = bidgate.tcp().clone();
    let duration = stage.either(Duration::from_secs(10), Duration::from_secs(3));
    let (neighbours, ended) = beside(stage, &bidgate, duration, || {
        let mut ended = 0;
        for round in 0..rounds {
            for (_, bytes) in mistakes(round) {
                ended += u64::from(send(&target, &bytes)?);
            }
        }
        Ok(ended)
    })?;
    let grown = bidgate.process.memory()?.peak.saturating_sub(memory);
    let gone = |scrape: &Scrape| scrape.same(&before, "bidgate_connections_open");
    let after = Scrape::when(bidgate.admin, gone)?;
    let kinds = mistakes(0).len() as u64;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{} connections, {kinds} kinds of mistakes: {ended} ended by the sidecar, the others left by their caller; memory {:.0} MiB higher",
        rounds * kinds,
        mebibytes(grown)
    ));
    neighbours.told(&mut finding);
    finding.moved(
        &before,
        &after,
        &["bidgate_connections_open", "bidgate_panics_total"],
    );
    finding.expect(
        ended >= rounds * (kinds / 2),
        "most mistakes end their connection",
    );
    finding.expect(after.get("bidgate_panics_total") < 0.5, "nothing panics");
    finding.expect(gone(&after), "no connection is left");
    finding.expect(grown < 64 << 20, "memory is bounded");
    finding.expect(bidgate.process.check().is_ok(), "the sidecar lives");
    finding.expect(real(rounds * kinds) > 0.5, "there were mistakes");
    Ok(finding)
}

/// Sends the bytes and reads what comes. True if the sidecar ends the connection.
fn send(target: &Target, bytes: &[u8]) -> Result<bool, Error> {
    let stream = connect(target)?;
    let patience = Some(Duration::from_millis(20));
    stream
        .set_read_timeout(patience)
        .map_err(Error::system("set a timeout"))?;
    let mut caller = Caller::from(stream);
    // It may be cut in the middle of them.
    let cut = caller.write(bytes).is_err();
    Ok(cut || caller.is_ended())
}

/// Each kind by its name, with bytes of a connection.
fn mistakes(round: u64) -> Vec<(&'static str, Vec<u8>)> {
    let open = || frame(HEADERS, END_HEADERS, 1, &header_block());
    let after_hello: [(&str, Vec<u8>); 17] = [
        (
            "headers that do not decompress",
            frame(HEADERS, END_HEADERS, 1, &[0xff; 100]),
        ),
        ("data on no stream", frame(DATA, 0, 0, BEGINNING)),
        ("data on an idle stream", frame(DATA, 0, 7, BEGINNING)),
        (
            "a frame above the largest",
            frame(DATA, 0, 1, &vec![0; 200_000]),
        ),
        ("a window of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        (
            "a window beyond 2^31",
            frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        ),
        ("settings of five bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        (
            "an acknowledgement with a payload",
            frame(SETTINGS, 1, 0, &[0; 6]),
        ),
        ("a ping of seven bytes", frame(PING, 0, 0, &[0; 7])),
        ("a continuation of nothing", frame(CONTINUATION, 0, 1, b"x")),
        (
            "a reset of an idle stream",
            frame(RST_STREAM, 0, 9, &[0; 4]),
        ),
        (
            "an even stream",
            frame(HEADERS, END_HEADERS, 2, &header_block()),
        ),
        (
            "headers without an end",
            [
                frame(HEADERS, 0, 1, &header_block()),
                frame(CONTINUATION, 0, 1, &[0; 1000]).repeat(200),
            ]
            .concat(),
        ),
        ("a flood of pings", frame(PING, 0, 0, &[1; 8]).repeat(2000)),
        (
            "a flood of settings",
            frame(SETTINGS, 0, 0, &[]).repeat(2000),
        ),
        (
            "a flood of empty data",
            [open(), frame(DATA, 0, 1, &[]).repeat(2000)].concat(),
        ),
        (
            "a farewell with much to say",
            frame(GOAWAY, 0, 0, &[b'x'; 16_000]),
        ),
    ];
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let with_hello =
        |(name, bytes): (&'static str, Vec<u8>)| (name, [hello.clone(), bytes].concat());
    let mut kinds: Vec<_> = after_hello.into_iter().map(with_hello).collect();
    kinds.push(("noise", noise(round, 2000)));
    kinds.push(with_hello(("noise behind a hello", noise(round, 2000))));
    kinds.push(("HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n".to_vec()));
    kinds.push((
        "TLS",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
    ));
    kinds
}

/// The same bytes for the same round (`SplitMix64`).
fn noise(round: u64, len: usize) -> Vec<u8> {
    let mut state = round;
    let mut byte = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed.to_be_bytes()[0]
    };
    (0..len).map(|_| byte()).collect()
}
