//! Why a command could not do its work.

use std::error::Error;
use std::fmt;
use std::io;

use hdrhistogram::CreationError;

use crate::audit::OpenError;
use crate::document::Problems;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::reply_json::ContractError;
use crate::server::BindError;

/// Why a command could not do its work. Each message names what failed and the cause.
#[derive(Debug)]
pub enum CliError {
    /// A file, or standard input, could not be read.
    Read(Box<Named<io::Error>>),
    /// A file, named here, is larger than any payload may be.
    TooLarge(Box<str>),
    /// Request and response both come from standard input.
    StdinTwice,
    /// The policy file is wrong; every problem with its place.
    Policy(Problems),
    /// The configuration is wrong; every problem with its place.
    Config(Problems),
    /// An address cannot be listened on.
    Bind(BindError),
    /// The audit log cannot be written.
    Audit(OpenError),
    /// Standard output could not be written.
    Write(io::Error),
    /// A result could not be written as JSON.
    Json(serde_json::Error),
    /// An encoded reply does not decode: engine and contract disagree.
    Reply(prost::DecodeError),
    /// The compiled contract has no reply message.
    Contract(ContractError),
    /// Latencies cannot be kept in the configured range.
    Latencies(CreationError),
    /// The system has no random numbers for evaluation ids.
    Random(getrandom::Error),
    /// A bundled auction is not what the demo expects.
    Bundled(Box<Named<serde_json::Error>>),
    /// The sidecar or its runtime could not be started.
    Start(io::Error),
    /// An admin port could not be asked.
    Ask(Box<Named<io::Error>>),
    /// A sidecar could not be reached.
    Connect(Box<Named<tonic::transport::Error>>),
    /// A call was answered with an error status.
    Call(Box<tonic::Status>),
}

/// A cause, and the file or address that it is about.
#[derive(Debug)]
pub struct Named<E> {
    /// As named on the command line.
    pub name: Box<str>,
    /// What was said of it.
    pub cause: E,
}

impl<E> Named<E> {
    /// Boxed, so that the error stays small.
    pub(super) fn boxed(name: impl Into<Box<str>>, cause: E) -> Box<Self> {
        Box::new(Self {
            name: name.into(),
            cause,
        })
    }
}

impl CliError {
    /// True when whoever read standard output has gone.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        let gone = io::ErrorKind::BrokenPipe;
        matches!(self, Self::Write(cause) if cause.kind() == gone)
            || matches!(self, Self::Json(cause) if cause.io_error_kind() == Some(gone))
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(named) => write!(f, "cannot read {}: {}", named.name, named.cause),
            Self::TooLarge(file) => write!(
                f,
                "cannot read {file}: larger than {MESSAGE_BYTES_MAX} bytes"
            ),
            Self::StdinTwice => {
                f.write_str("request and response cannot both be `-`: give one of them as a file")
            }
            Self::Policy(problems) => write!(
                f,
                "the policy is not usable\n{}",
                problems.to_string().trim_end()
            ),
            Self::Config(problems) => write!(
                f,
                "the configuration is not usable\n{}",
                problems.to_string().trim_end()
            ),
            Self::Bind(cause) => cause.fmt(f),
            Self::Audit(cause) => cause.fmt(f),
            Self::Write(cause) => write!(f, "cannot write standard output: {cause}"),
            Self::Json(cause) => write!(f, "cannot write JSON: {cause}"),
            Self::Reply(cause) => write!(f, "the reply does not decode: {cause}"),
            Self::Contract(cause) => write!(f, "the compiled contract is not usable: {cause}"),
            Self::Latencies(cause) => write!(f, "cannot keep latencies: {cause}"),
            Self::Random(cause) => write!(f, "cannot get random numbers: {cause}"),
            Self::Bundled(named) => write!(f, "bundled auction {}: {}", named.name, named.cause),
            Self::Start(cause) => write!(f, "cannot start the sidecar: {cause}"),
            Self::Ask(named) => write!(f, "cannot ask {}: {}", named.name, named.cause),
            Self::Connect(named) => write!(
                f,
                "cannot connect to {}: {}",
                named.name,
                root_cause(&named.cause)
            ),
            Self::Call(status) => write!(
                f,
                "the call failed: {:?}: {}",
                status.code(),
                status.message()
            ),
        }
    }
}

impl Error for CliError {}

/// The transport's own words are in the innermost error; the outer ones only say that there was one.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
