//! Writes an `EvaluateResponse`.

use std::io::Write as _;

use crate::evaluate::{Evaluation, all_notes, primary};
use crate::limits::{DETAIL_BYTES, ECHOED_ID_BYTES, GATE_NAME_BYTES};
use crate::openrtb::{Bid, Text, write_pointer, write_pointer_within};
use crate::policy::Policy;
use crate::verdict::{
    Detail, ErrorCode, EvaluationError, Finding, GateMode, GateOutcome, GateStatus, Payload,
    Reason, Verdict,
};

use super::{EvaluationId, WireError};

/// Bytes of either value in a detail that names two.
const QUOTED_BYTES: usize = (DETAIL_BYTES - VERSUS.len()) / 2;
const VERSUS: &[u8] = b" vs ";

/// Bytes of the result of a gate that passed, without its name.
const PASSED_GATE_BYTES: u8 = 17;
/// Bytes of the longest name with which such a result has a length of one byte. No policy has a longer one.
const NAME_BYTES_MAX: u8 = 0x7f - PASSED_GATE_BYTES;
const _: () = assert!(GATE_NAME_BYTES <= NAME_BYTES_MAX as usize);

impl Evaluation<'_> {
    /// Appends the reply, an encoded `bidgate.v1.EvaluateResponse`.
    pub fn encode(&self, id: EvaluationId, reply: &mut Vec<u8>) {
        let mut message = Message::new(reply);
        message.id(1, id);
        message.string(2, self.call.agent_id.as_bytes());
        message.string(3, self.call.tool.as_bytes());
        message.number(4, self.call.correlation_id);
        message.flag(5, self.passed());
        message.number(6, verdict_number(self.verdict));
        for (name, outcome) in self.gate_names().iter().zip(self.outcomes()) {
            message.gate_result(7, name, outcome);
        }
        for findings in self.findings_by_bid() {
            message.message(8, |message| message.bid_result(self, findings));
        }
        message.double(9, milliseconds(self.total_ns));
        message.timestamp(10, self.arrived_unix_us);
        message.number(11, self.nbr().map_or(0, |nbr| nbr.code().into()));
        if let Some(error) = &self.error {
            message.message(12, |message| message.error(error));
        }
        message.string(13, self.policy.version().as_bytes());
        if let Some(filtered) = self.filtered_response() {
            message.message(14, |message| filtered.write(message.bytes));
        }
    }
}

/// Appends the reply to a message that is no call: what a stream answers where a single call gets `INVALID_ARGUMENT`
/// (spec: contract §3).
pub fn encode_refusal(
    refused: WireError,
    correlation_id: u64,
    id: EvaluationId,
    arrived_unix_us: u64,
    policy: &Policy,
    reply: &mut Vec<u8>,
) {
    let error = EvaluationError {
        code: ErrorCode::InvalidArgument,
        message: refused.message(),
        byte_offset: 0,
        payload: None,
    };
    let mut message = Message::new(reply);
    message.id(1, id);
    message.number(4, correlation_id);
    message.number(6, verdict_number(Verdict::Error));
    message.timestamp(10, arrived_unix_us);
    message.number(11, error.nbr().code().into());
    message.message(12, |message| message.error(&error));
    message.string(13, policy.version().as_bytes());
}

/// A message while it is written. Values that are the default of their type are left out, as proto3 has it.
struct Message<'b> {
    bytes: &'b mut Vec<u8>,
    named: Option<Named>,
}

/// A place of the response with its pointer, kept because a problem of the whole response is told of every bid.
struct Named {
    at: u32,
    pointer: [u8; DETAIL_BYTES],
    len: usize,
}

impl<'b> Message<'b> {
    const fn new(bytes: &'b mut Vec<u8>) -> Self {
        Self { bytes, named: None }
    }

    fn gate_result(&mut self, field: u8, name: &str, outcome: &GateOutcome) {
        let passed = outcome.status == GateStatus::Passed && outcome.latency_ns > 0;
        if let Ok(name_len @ 1..=NAME_BYTES_MAX) = u8::try_from(name.len())
            && passed
        {
            return self.passed_gate(field, name, name_len, outcome);
        }
        self.message(field, |message| {
            message.string(1, name.as_bytes());
            message.number(2, status_number(outcome.status).into());
            message.flag(3, outcome.passed());
            message.flag(4, outcome.status == GateStatus::Skipped);
            message.string(5, outcome.reason.map_or("", Reason::name).as_bytes());
            message.double(6, milliseconds(outcome.latency_ns));
            message.number(7, mode_number(outcome.mode).into());
        });
    }

    /// The same for a gate that passed, as nearly all do: every value is there, and all but the name has a known size.
    #[inline(always)]
    fn passed_gate(&mut self, field: u8, name: &str, name_len: u8, outcome: &GateOutcome) {
        let (status, mode) = (status_number(GateStatus::Passed), mode_number(outcome.mode));
        let [a, b, c, d, e, f, g, h] = milliseconds(outcome.latency_ns).to_le_bytes();
        self.bytes.extend_from_slice(&[
            field << 3 | 2,
            PASSED_GATE_BYTES + name_len,
            1 << 3 | 2,
            name_len,
        ]);
        self.bytes.extend_from_slice(name.as_bytes());
        #[rustfmt::skip]
        self.bytes.extend_from_slice(&[
            2 << 3, status,
            3 << 3, 1,
            6 << 3 | 1, a, b, c, d, e, f, g, h,
            7 << 3, mode,
        ]);
    }

    fn bid_result(&mut self, evaluation: &Evaluation<'_>, findings: &[Finding]) {
        let (_, texts) = evaluation.texts();
        let bid = findings
            .first()
            .and_then(|finding| evaluation.bids().get(finding.bid as usize));
        let Some(bid) = bid else { return };
        let id = |id: Option<Text>| id.map_or(&[][..], |id| cut(texts.bytes(id), ECHOED_ID_BYTES));
        self.number(1, bid.seatbid_index.into());
        self.number(2, bid.bid_index.into());
        self.string(3, id(bid.id));
        self.string(4, id(bid.impid));
        self.flag(5, all_notes(findings));
        for finding in findings {
            self.message(6, |message| message.finding(evaluation, bid, finding));
        }
        if let Some(primary) = primary(findings) {
            self.string(7, primary.reason.name().as_bytes());
            self.codes([8, 9, 10, 11], primary.reason);
        }
    }

    fn finding(&mut self, evaluation: &Evaluation<'_>, bid: &Bid, finding: &Finding) {
        let gate = evaluation.gate_names().get(usize::from(finding.gate));
        self.string(1, gate.map_or(&[], |gate| gate.as_bytes()));
        self.string(2, finding.reason.name().as_bytes());
        self.detail(3, evaluation, bid, finding.detail);
        self.flag(6, finding.note);
        if !finding.note {
            self.codes([4, 5, 7, 8], finding.reason);
        }
    }

    /// What exchanges call `reason`: loss reason, non-bid status, and the name of either, in these fields.
    fn codes(&mut self, [loss, status, loss_name, status_name]: [u8; 4], reason: Reason) {
        if let Some(reason) = reason.loss_reason() {
            self.number(loss, reason.code().into());
            self.string(loss_name, reason.name().as_bytes());
        }
        if let Some(reason) = reason.nonbid_status() {
            self.number(status, reason.code().into());
            self.string(status_name, reason.name().as_bytes());
        }
    }

    fn detail(&mut self, field: u8, evaluation: &Evaluation<'_>, bid: &Bid, detail: Detail) {
        let (request, response) = evaluation.texts();
        match detail {
            Detail::None => {}
            Detail::Field(path) => self.string(field, path.as_bytes()),
            Detail::Bid(value) => self.string(field, cut(response.bytes(value), DETAIL_BYTES)),
            Detail::Against(value, other) => self.message(field, |message| {
                message
                    .bytes
                    .extend_from_slice(cut(response.bytes(value), QUOTED_BYTES));
                message.bytes.extend_from_slice(VERSUS);
                message
                    .bytes
                    .extend_from_slice(cut(request.bytes(other), QUOTED_BYTES));
            }),
            Detail::Place(at) => self.message(field, |message| {
                message.pointer(evaluation.call.bid_response, at);
            }),
            Detail::PlaceInBid(bid_at, at) => self.message(field, |message| {
                message.pointer_in_bid(evaluation.call.bid_response, bid, bid_at, at);
            }),
            Detail::Taxonomies(bid, list) => self.message(field, |message| {
                // Writing to a vector cannot fail.
                let _written = write!(message.bytes, "cattax {bid} vs {list}");
            }),
        }
    }

    fn pointer(&mut self, response: &[u8], at: u32) {
        if let Some(named) = self.named.as_ref().filter(|named| named.at == at) {
            let pointer = named.pointer.get(..named.len).unwrap_or_default();
            return self.bytes.extend_from_slice(pointer);
        }
        let start = self.bytes.len();
        write_pointer(response, at, DETAIL_BYTES, self.bytes);
        let written = self.bytes.get(start..).unwrap_or_default();
        let (mut pointer, len) = ([0; DETAIL_BYTES], written.len());
        pointer
            .iter_mut()
            .zip(written)
            .for_each(|(to, from)| *to = *from);
        self.named = Some(Named { at, pointer, len });
    }

    fn pointer_in_bid(&mut self, response: &[u8], bid: &Bid, bid_at: u32, at: u32) {
        let start = self.bytes.len();
        let (seatbid, position) = (bid.seatbid_index, bid.bid_index);
        // Writing to a vector cannot fail.
        let _written = write!(self.bytes, "/seatbid/{seatbid}/bid/{position}");
        let left = DETAIL_BYTES.saturating_sub(self.bytes.len() - start);
        write_pointer_within(bid_at, response, at, left, self.bytes);
    }

    fn error(&mut self, error: &EvaluationError) {
        self.string(1, error.code.name().as_bytes());
        self.string(2, error.message.as_bytes());
        self.number(3, error.byte_offset.into());
        self.string(4, error.payload.map_or("", Payload::name).as_bytes());
    }

    fn timestamp(&mut self, field: u8, unix_us: u64) {
        self.message(field, |message| {
            message.number(1, unix_us / 1_000_000);
            message.number(2, unix_us % 1_000_000 * 1000);
        });
    }

    /// 32 hexadecimal digits.
    fn id(&mut self, field: u8, id: EvaluationId) {
        let digits =
            id.0.to_be_bytes()
                .map(|byte| [byte >> 4, byte & 15].map(hex_digit));
        self.string(field, digits.as_flattened());
    }

    fn flag(&mut self, field: u8, value: bool) {
        self.number(field, value.into());
    }

    fn number(&mut self, field: u8, value: u64) {
        match u8::try_from(value) {
            Ok(0) => {}
            Ok(short @ ..0x80) => self.bytes.extend_from_slice(&[field << 3, short]),
            _ => {
                self.tag(field, 0);
                self.bytes.extend_from_slice(varint(value, &mut [0; 10]));
            }
        }
    }

    fn double(&mut self, field: u8, value: f64) {
        if value.to_bits() != 0 {
            let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
            self.bytes
                .extend_from_slice(&[field << 3 | 1, a, b, c, d, e, f, g, h]);
        }
    }

    fn string(&mut self, field: u8, value: &[u8]) {
        match u8::try_from(value.len()) {
            Ok(0) => return,
            Ok(short @ ..0x80) => self.bytes.extend_from_slice(&[field << 3 | 2, short]),
            _ => {
                self.tag(field, 2);
                self.bytes
                    .extend_from_slice(varint(value.len() as u64, &mut [0; 10]));
            }
        }
        self.bytes.extend_from_slice(value);
    }

    /// A nested message, or anything else whose length is known once it is written. The length is written in one
    /// byte; the rare content that needs more moves up.
    fn message(&mut self, field: u8, write: impl FnOnce(&mut Self)) {
        self.bytes.extend_from_slice(&[field << 3 | 2, 0]);
        let prefix = self.bytes.len() - 1;
        write(self);
        let len = self.bytes.len() - prefix - 1;
        match (u8::try_from(len), self.bytes.get_mut(prefix)) {
            (Ok(short @ ..0x80), Some(byte)) => *byte = short,
            _ => drop(self.bytes.splice(
                prefix..=prefix,
                varint(len as u64, &mut [0; 10]).iter().copied(),
            )),
        }
    }

    fn tag(&mut self, field: u8, wire_type: u8) {
        self.bytes.push(field << 3 | wire_type);
    }
}

/// Seven bits a byte, the lowest first; all but the last with the top bit set.
fn varint(mut value: u64, buffer: &mut [u8; 10]) -> &[u8] {
    let mut len = 0;
    for byte in buffer.iter_mut() {
        *byte = (value & 0x7f) as u8 | 0x80;
        value >>= 7;
        len += 1;
        if value == 0 {
            *byte &= 0x7f;
            break;
        }
    }
    buffer.get(..len).unwrap_or_default()
}

const fn hex_digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

/// `text` cut at a character boundary. A gate in code that quotes a text of the wrong payload may point into the middle
/// of a character: such a text ends there, because no client could decode the reply.
fn cut(text: &[u8], max: usize) -> &[u8] {
    let head = text.get(..max).unwrap_or(text);
    match std::str::from_utf8(head) {
        Ok(_) => head,
        Err(error) => head.get(..error.valid_up_to()).unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

const fn verdict_number(verdict: Verdict) -> u64 {
    match verdict {
        Verdict::Pass => 1,
        Verdict::Fail => 2,
        Verdict::NoBid => 3,
        Verdict::NotEvaluated => 4,
        Verdict::Error => 5,
    }
}

const fn status_number(status: GateStatus) -> u8 {
    match status {
        GateStatus::Passed => 1,
        GateStatus::Failed => 2,
        GateStatus::Skipped => 3,
        GateStatus::Aborted => 4,
        GateStatus::TimedOut => 5,
    }
}

const fn mode_number(mode: GateMode) -> u8 {
    match mode {
        GateMode::Enforce => 1,
        GateMode::Warn => 2,
        GateMode::Holdback => 3,
    }
}
